//! A schema, an input and what is said of it: one text case a file in `tests/schema/`, the verdict as its last section.
//!
//! `crd.yaml` in place of `schema.yaml` is a CustomResourceDefinition, of which the input names the version.

use pleach::diag::{Diagnostics, Source};
use pleach::object::Object;
use pleach::report::{View, human};
use pleach::schema::{CustomResource, Schema, validate};
use pleach::tree::{Tree, TreePath};
use pleach::yaml::{Node, parse_one};

#[test]
fn schema() {
    let verdict = TreePath::new("verdict").unwrap();
    crate::cases::run("tests/schema", |tree| {
        let diagnostics = judge(tree);
        let view = View {
            display: &TreePath::to_string,
            color: false,
        };
        tree.insert(verdict.clone(), human(&diagnostics, &view).into_bytes());
    });
}

fn judge(tree: &Tree) -> Diagnostics {
    let input = section(tree, "input.yaml").unwrap_or_else(Node::null);
    let schema = match section(tree, "crd.yaml") {
        Some(crd) => CustomResource::schema(&crd, &Object::new(input.clone()).gvk().version),
        None => Schema::parse(&section(tree, "schema.yaml").unwrap()),
    };
    let mut diagnostics = Diagnostics::default();
    match schema {
        Ok(schema) => diagnostics.extend(validate(&input, &schema, "Case")),
        Err(faults) => diagnostics.extend(faults),
    }
    diagnostics
}

fn section(tree: &Tree, name: &str) -> Option<Node> {
    let path = TreePath::new(name).unwrap();
    let text = String::from_utf8_lossy(tree.get(&path)?).into_owned();
    Some(parse_one(&Source::new(path, text)).unwrap())
}
