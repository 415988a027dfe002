//! An object, a patch and the patched object, or two objects and the patch between them.

use pleach::diag::{Diagnostic, Source};
use pleach::object::Object;
use pleach::patch::{Patch, PatchText, between, json6902, parse_patch, strategic};
use pleach::schema::Schemas;
use pleach::tree::{Tree, TreePath};
use pleach::yaml::{Node, emit_canonical, parse_one};

/// The sections that can contain the result of a case.
const MADE: [&str; 5] = [
    "result.yaml",
    "strategic.yaml",
    "json6902.yaml",
    "nothing",
    "error",
];

struct Case(Tree);

impl Case {
    fn text(&self, name: &str) -> Option<String> {
        let bytes = self.0.get(&TreePath::new(name).unwrap())?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn object(&self, name: &str) -> Option<Object> {
        let source = Source::new(TreePath::new(name).unwrap(), self.text(name)?);
        Some(Object::new(parse_one(&source).unwrap()))
    }

    /// The name and text of the section with the result.
    fn run(&self) -> (&'static str, String) {
        let made = match (self.object("before.yaml"), self.object("after.yaml")) {
            (Some(before), Some(after)) => {
                between(&before, &after, Schemas::builtin()).map(|it| match it {
                    None => ("nothing", String::new()),
                    Some(Patch::Strategic(node)) => ("strategic.yaml", emit_canonical(&node)),
                    Some(Patch::Json6902(node)) => ("json6902.yaml", emit_canonical(&node)),
                })
            }
            _ => self
                .apply()
                .map(|node| ("result.yaml", emit_canonical(&node))),
        };
        made.unwrap_or_else(|fault| {
            let place = fault.span.map(|it| it.to_string()).unwrap_or_default();
            ("error", format!("{place}: {}\n", fault.message))
        })
    }

    fn apply(&self) -> Result<Node, Diagnostic> {
        let Object { mut node, .. } = self.object("object.yaml").unwrap();
        node.declare_types();
        let gvk = Object::new(node.clone()).gvk();
        let patch = Source::new(
            TreePath::new("patch.yaml").unwrap(),
            self.text("patch.yaml").unwrap(),
        );
        match parse_patch(&patch)? {
            PatchText::Json6902(operations) => json6902(&mut node, &operations)?,
            PatchText::Strategic(patches) => {
                for patch in patches {
                    strategic(&mut node, &patch, Schemas::builtin(), &gvk)?;
                }
            }
        }
        Ok(node)
    }
}

/// Replaces the section with the result.
pub(crate) fn make(tree: &mut Tree) {
    let (name, text) = Case(tree.clone()).run();
    let is_made = |path: &TreePath| MADE.contains(&path.as_str());
    let inputs = tree.iter().filter(|it| !is_made(it.0));
    *tree = inputs
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect();
    tree.insert(TreePath::new(name).unwrap(), text.into_bytes());
}
