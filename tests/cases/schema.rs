//! A schema, an input and its diagnostics: each file in `tests/schema/` is a case, and its last section is the verdict.
//!
//! A case can have `crd.yaml`, a CustomResourceDefinition, instead of `schema.yaml`; then the input names the version. Or it has
//! only `objects.yaml`, objects of Kubernetes' own kinds, which are validated for each release of `releases.yaml`.

use pleach::diag::{Diagnostics, Source};
use pleach::report::{View, human};
use pleach::schema::{Schema, validate};
use pleach::tree::{Tree, TreePath};
use pleach::validate::{Catalog, Encoding, Verdict};
use pleach::yaml::{Node, parse, parse_one};

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
    if let Some(objects) = documents(tree, "objects.yaml") {
        return object_faults(tree, &objects);
    }
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

/// The errors of objects, with the release if there are several.
fn object_faults(tree: &Tree, objects: &[Node]) -> Diagnostics {
    let releases = section(tree, "releases.yaml");
    let releases: Vec<u32> = match &releases {
        Some(list) => list.as_sequence().unwrap().iter().map(minor).collect(),
        None => vec![Catalog::new(None).minor()],
    };
    let mut diagnostics = Diagnostics::default();
    for release in &releases {
        let catalog = Catalog::new(Some(*release));
        for object in objects {
            let Verdict::Checked(findings) = catalog.validate(object, Encoding::Yaml) else {
                panic!("unknown kind");
            };
            for mut diagnostic in findings.into_iter().map(|it| it.diagnostic) {
                if releases.len() > 1 {
                    diagnostic.message = format!("1.{release}: {}", diagnostic.message);
                }
                diagnostics.push(diagnostic);
            }
        }
    }
    diagnostics
}

fn minor(release: &Node) -> u32 {
    let text = release.as_str().unwrap();
    text.strip_prefix("1.").unwrap().parse().unwrap()
}

fn documents(tree: &Tree, name: &str) -> Option<Vec<Node>> {
    let path = TreePath::new(name).unwrap();
    let text = String::from_utf8_lossy(tree.get(&path)?).into_owned();
    Some(parse(&Source::new(path, text)).unwrap())
}

fn section(tree: &Tree, name: &str) -> Option<Node> {
    let path = TreePath::new(name).unwrap();
    let text = String::from_utf8_lossy(tree.get(&path)?).into_owned();
    Some(parse_one(&Source::new(path, text)).unwrap())
}
