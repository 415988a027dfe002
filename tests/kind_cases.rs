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
