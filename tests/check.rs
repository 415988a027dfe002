//! What `pleach check` finds in what environments would apply: a case with the full text for each check.

use pleach::check::{CHECKS, Demands, allow, check, is_judged, twice};
use pleach::diag::Source;
use pleach::report::{View, human};
use pleach::tree::{Tree, TreePath};
use pleach::{Options, compile};

use crate::claims::workspace;

const VIEW: View<'static> = View {
    display: &|path| path.to_string(),
    color: false,
};

#[test]
fn cases() {
    crate::cases::run("tests/check", |tree| {
        let report_path = TreePath::new("report").unwrap();
        let mut input = workspace();
        let sections = tree.iter().filter(|it| *it.0 != report_path);
        for (path, bytes) in sections {
            input.insert(path.clone(), bytes.clone());
        }
        let report = human(&found(&input), &VIEW);
        tree.insert(report_path, report.into_bytes());
    });
}

fn options() -> Options {
    Options {
        with_clusters: true,
        ..Options::default()
    }
}

fn checked(compiled: &pleach::Compiled) -> pleach::diag::Diagnostics {
    let (tree, origins) = (&compiled.tree, &compiled.origins);
    check(tree, origins, &compiled.clusters, Demands::default())
}

fn found(input: &Tree) -> pleach::diag::Diagnostics {
    let compiled = compile(input, &options());
    let faults = human(&compiled.diagnostics, &VIEW);
    assert!(!compiled.diagnostics.has_errors(), "{faults}");
    let inputs: Vec<_> = input
        .iter()
        .map(|(path, bytes)| Source::new(path.clone(), String::from_utf8_lossy(bytes)))
        .collect();
    let found = checked(&compiled);
    allow(found, &inputs, &is_judged)
}

#[test]
fn each_check_has_a_case_of_its_name() {
    for check in CHECKS {
        let path = format!(
            "{}/tests/check/{}.txt",
            env!("CARGO_MANIFEST_DIR"),
            check.code
        );
        let case = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no case {path}"));
        assert!(
            case.contains(&format!("[{}]", check.code)),
            "{path} does not show it"
        );
    }
}

/// What is right raises no alarm.
#[test]
fn the_starter_and_every_golden_workspace_are_clean() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = std::fs::read_dir(root.join("golden")).unwrap();
    let cases = cases.map(|it| it.unwrap().path().join("input"));
    let mut count = 0;
    for folder in cases.filter(|it| it.is_dir()).chain([root.to_path_buf()]) {
        let files = pleach::disk::Folder::open(&folder).unwrap();
        let compiled = compile(&files, &options());
        assert!(
            !compiled.origins.iter().collect::<Vec<_>>().is_empty(),
            "{folder:?}"
        );
        let report = human(&checked(&compiled), &VIEW);
        assert_eq!(report, "", "{}", folder.display());
        count += 1;
    }
    assert!(count > 20);
}

#[test]
fn differing_renderings_are_reported_with_claim_and_template() {
    let files = pleach::disk::Folder::open(env!("CARGO_MANIFEST_DIR").as_ref()).unwrap();
    let first = compile(&files, &Options::default());
    assert!(twice(&first.tree, &first.tree, &first.origins).is_empty());
    let mut second = first.tree.clone();
    let path = TreePath::new("apps/prod/analytics/service.yaml").unwrap();
    second.insert(path, b"other".to_vec());
    let report = human(&twice(&first.tree, &second, &first.origins), &VIEW);
    assert!(report.contains("error[unstable-file]"), "{report}");
    assert!(
        report.contains("apps/prod/analytics/service.yaml"),
        "{report}"
    );
    assert!(
        report.contains("ClickHouseKubernetes/analytics is made by `"),
        "{report}"
    );
    assert!(report.contains("environments/"), "{report}");
}
