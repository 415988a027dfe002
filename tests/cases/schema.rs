//! A schema, an input and its diagnostics: each file in `tests/schema/` is a case, and its last section is the verdict.
//!
//! A case can have `crd.yaml`, a CustomResourceDefinition, instead of `schema.yaml`; then the input names the version.

use pleach::diag::{Diagnostics, Source};
use pleach::report::{View, human};
use pleach::schema::{Schema, validate};
use pleach::tree::{Tree, TreePath};
use pleach::validate::{Catalog, Encoding, Verdict};
use pleach::yaml::{Node, parse_one};

pub(crate) fn make(tree: &mut Tree) {
    let verdict = TreePath::new("verdict").unwrap();
    let diagnostics = faults(tree);
    let view = View {
        display: &TreePath::to_string,
        color: false,
    };
    tree.insert(verdict.clone(), human(&diagnostics, &view).into_bytes());
}

fn faults(tree: &Tree) -> Diagnostics {
    let input = section(tree, "input.yaml").unwrap_or_else(Node::null);
    if let Some(crd) = section(tree, "crd.yaml") {
        let mut catalog = Catalog::new(None);
        catalog.add_crd(&crd);
        let Verdict::Checked(findings) = catalog.validate(&input, Encoding::Yaml) else {
            panic!("the definition does not describe the input");
        };
        return findings.into_iter().map(|it| it.diagnostic).collect();
    }
    match Schema::parse(&section(tree, "schema.yaml").unwrap()) {
        Ok(schema) => validate(&input, &schema, "Case").into_iter().collect(),
        Err(faults) => faults,
    }
}

fn section(tree: &Tree, name: &str) -> Option<Node> {
    let path = TreePath::new(name).unwrap();
    let text = String::from_utf8_lossy(tree.get(&path)?).into_owned();
    Some(parse_one(&Source::new(path, text)).unwrap())
}
