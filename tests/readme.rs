//! The pages for users are correct: their links have targets, and their example workspace renders.

use std::fs;
use std::path::Path;

use pleach::tree::{Tree, TreePath};
use pleach::{Options, compile};

#[test]
fn links_in_the_manual_have_targets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = fs::read_dir(root.join("docs")).unwrap();
    let pages = pages.map(|it| it.unwrap().path());
    let mut pages: Vec<_> = pages
        .filter(|it| it.extension().is_some_and(|it| it == "md"))
        .collect();
    pages.extend(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|it| root.join(it)));
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("https://") || link.starts_with('#') {
                continue;
            }
            let place = link.split('#').next().unwrap();
            let target = page.parent().unwrap().join(place);
            assert!(target.exists(), "{}: {link}", page.display());
        }
    }
}

/// The workspace that the guides show, file by file, renders.
#[test]
fn the_workspace_of_the_manual_renders() {
    let manual = [
        include_str!("../docs/claims.md"),
        include_str!("../docs/workspace.md"),
    ]
    .concat();
    let mut tree = Tree::default();
    for block in manual.split("```yaml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for document in block.split("---\n") {
            let Some(head) = document.lines().next().and_then(|it| it.strip_prefix("# ")) else {
                continue;
            };
            let path = head.split(':').next().unwrap();
            if path == "pleach.yaml" || path.starts_with("environments/") {
                tree.insert(TreePath::new(path).unwrap(), document.as_bytes().to_vec());
            }
        }
    }
    assert_eq!(tree.iter().count(), 5);
    let operator = |kind: &str, name: &str| {
        format!(
            "apiVersion: pleach.dev/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  namespace: {name}\n  chart: {{repository: 'https://example.com', name: {name}, version: 1.0.0}}\n"
        )
    };
    let base = TreePath::new("environments/base/operator.yaml").unwrap();
    tree.insert(
        base,
        operator("OperatorInstall", "pulumi-operator").into_bytes(),
    );
    // `pleach.yaml` lists three environments, of which the guides show only prod.
    for name in ["dev", "stage"] {
        let path = TreePath::new(&format!("environments/{name}/environment.yaml")).unwrap();
        let text =
            format!("apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {{name: {name}}}\n");
        tree.insert(path, text.into_bytes());
    }
    let compiled = compile(&tree, &Options::default());
    let printed = compiled.diagnostics.iter().map(|it| &it.message);
    assert!(
        !compiled.diagnostics.has_errors(),
        "{:?}",
        printed.collect::<Vec<_>>()
    );
}
