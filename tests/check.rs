//! Each check of `pleach check` has a text case that shows its full report; renderings that differ between runs are reported.

use pleach::check::{CHECKS, compare_runs};
use pleach::report::human;
use pleach::tree::TreePath;
use pleach::{Options, compile};

use crate::common_forms::VIEW;

#[test]
fn each_check_has_a_case_of_its_name() {
    for check in CHECKS {
        // A check that needs the units of Flux or Argo CD has a case of a deployment.
        let paths = ["check", "deploy/check"].map(|folder| {
            let root = env!("CARGO_MANIFEST_DIR");
            format!("{root}/tests/{folder}/{}.txt", check.code)
        });
        let case = paths.iter().find_map(|it| std::fs::read_to_string(it).ok());
        let case = case.unwrap_or_else(|| panic!("none of {paths:?} exists"));
        assert!(
            case.contains(&format!("[{}]", check.code)),
            "the case of {} does not show the code",
            check.code
        );
    }
}

#[test]
fn differing_renderings_are_reported_with_claim_and_template() {
    let files = pleach::disk::Folder::open(env!("CARGO_MANIFEST_DIR").as_ref()).unwrap();
    let first = compile(&files, &Options::default());
    assert!(compare_runs(&first.tree, &first.tree, &first.origins).is_empty());
    let mut second = first.tree.clone();
    let path = TreePath::new("apps/prod/analytics/service.yaml").unwrap();
    second.insert(path, b"other".to_vec());
    let report = human(&compare_runs(&first.tree, &second, &first.origins), &VIEW);
    assert!(report.contains("error[unstable-file]"), "{report}");
    assert!(
        report.contains("apps/prod/analytics/service.yaml"),
        "{report}"
    );
    assert!(
        report.contains("ClickHouseKubernetes/analytics is rendered by `"),
        "{report}"
    );
    assert!(report.contains("environments/"), "{report}");
}
