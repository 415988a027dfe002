//! Test cases of kinds (`templates/<Kind>/cases/`) that test nothing, or are never read.

use pleach::case;
use pleach::report::{View, short};
use pleach::tree::{Tree, TreePath};

const KIND: &str = "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: case}\n\
    -- templates/Website/kind.yaml --\napiVersion: pleach.dev/v1\nkind: ClaimKind\nmetadata: {name: Website}\n\
    spec:\n  apiVersions: [example.com/v1]\n  aliases: [Web]\n  group: apps\n  schema: {type: object}\n  \
    files: [{template: a.yaml.j2}]\n\
    -- templates/Website/a.yaml.j2 --\napiVersion: v1\nkind: Namespace\nmetadata: {name: '{{ metadata.name }}'}\n";

/// The number of cases of a workspace, their changed files, and their faults.
fn run(cases: &str) -> (usize, Vec<String>, String) {
    let files = Tree::from_text(&format!("{KIND}{cases}"));
    let outcome = case::run(&files, None, &[], &|it| format!("{it:?}")).unwrap();
    let view = View {
        display: &TreePath::to_string,
        color: false,
    };
    let steps = outcome.steps.iter().map(|it| it.path.to_string());
    (
        outcome.count,
        steps.collect(),
        short(&outcome.faults, &view),
    )
}

fn claim(file: &str, kind: &str) -> String {
    format!(
        "-- templates/Website/cases/{file} --\napiVersion: example.com/v1\nkind: {kind}\nmetadata: {{name: shop}}\n"
    )
}

#[test]
fn a_case_without_a_claim_of_its_kind_is_an_error() {
    let cases = ["Webste", "Website", "Web"].map(|it| claim(&format!("{it}/claim.yaml"), it));
    let broken = "-- templates/Website/cases/broken/claim.yaml --\na: [\n";
    let (count, steps, faults) = run(&(cases.concat() + broken));
    assert_eq!(count, 4);
    let expected = [
        "Web/expected.yaml",
        "Website/expected.yaml",
        "broken/expected.txt",
    ];
    let expected = expected.map(|it| format!("templates/Website/cases/{it}"));
    assert_eq!(steps, expected);
    let webste = "templates/Website/cases/Webste/claim.yaml";
    assert_eq!(
        faults,
        format!("{webste}:2:7: error[case-without-claim]: `{webste}` has no claim of Website\n")
    );
}

#[test]
fn files_of_cases_that_are_never_read_are_errors() {
    let files = [
        claim("one/claim.yml", "Website"),
        claim("two/claim.yaml", "Website"),
        claim("two/second.yaml", "Website"),
        claim("two/environment.yml", "Website"),
        claim("deep/sub/claim.yaml", "Website"),
        claim("flat.yaml", "Website"),
        claim("lost/environment.yaml", "Website"),
        claim("fine/claim.yaml", "Website"),
        "-- templates/Website/cases/notes/README.md --\nabout\n".to_string(),
        "-- templates/Website/cases/README.md --\nabout\n".to_string(),
        claim("x", "Website").replace("cases/x", "case/one/claim.yaml"),
    ];
    let (count, _, faults) = run(&files.concat());
    assert_eq!(count, 2);
    let faults: Vec<&str> = faults
        .lines()
        .map(|it| it.split(':').next().unwrap())
        .collect();
    let expected = [
        "cases/deep/sub/claim.yaml",
        "cases/flat.yaml",
        "cases/lost",
        "cases/one/claim.yml",
        "cases/two/environment.yml",
        "cases/two/second.yaml",
        "case/one/claim.yaml",
    ];
    let mut expected = expected.map(|it| format!("templates/Website/{it}"));
    expected.sort();
    let mut found: Vec<String> = faults.iter().map(|it| it.to_string()).collect();
    found.sort();
    assert_eq!(found, expected);
}
