//! Builds every folder from the bytes to be written and compares it with the direct rendering.
//!
//! A difference is a bug of ours and stops the run: what is committed must be what the claims say.

use std::collections::BTreeMap;

use crate::compose::Expected;
use crate::diag::{Diagnostic, Diagnostics, Severity, each};
use crate::kustomize::{self, Built, FILE_NAMES, Options};
use crate::object::{Object, ObjectId};
use crate::tree::{Tree, TreePath};
use crate::yaml::{Mapping, Node, builds_alike, to_build_form, to_claims_form};

/// Proves each folder. Errors: `overlay-not-proven`.
pub fn prove(tree: &Tree, expected: &[Expected], diagnostics: &mut Diagnostics) {
    each(expected, diagnostics, |folder, diagnostics| {
        prove_one(tree, folder, diagnostics);
    });
}

fn prove_one(tree: &Tree, expected: &Expected, diagnostics: &mut Diagnostics) {
    let built = match expected.is_flat {
        true => build_flat(tree, &expected.folder),
        false => kustomize::build(tree, &expected.folder, &Options::default()),
    };
    if let Some(fault) = built
        .diagnostics
        .into_iter()
        .find(|it| it.severity == Severity::Error)
    {
        let message = format!(
            "the written `{}` does not build: {}",
            expected.folder, fault.message
        );
        return diagnostics.push(Diagnostic {
            message,
            code: "overlay-not-proven",
            ..fault
        });
    }
    let (mut built, wanted) = (by_id(&built.objects), by_id(&expected.objects));
    for (id, object) in &wanted {
        let difference = match built.remove(id) {
            None => Some(format!("{id} is missing")),
            Some(other) => difference(object, other).map(|line| format!("{id} differs: {line}")),
        };
        diagnostics.extend(difference.map(|it| not_proven(expected, object, &it)));
    }
    diagnostics.extend(
        built
            .into_iter()
            .map(|(id, object)| not_proven(expected, object, &format!("{id} is too much"))),
    );
}

/// A folder without a kustomization is built as Flux builds it: by one that lists all of its files.
fn build_flat(tree: &Tree, folder: &TreePath) -> Built {
    let mut tree = tree.folder(folder);
    let names = tree.iter().map(|it| Node::string(it.0.as_str()));
    let kustomization = Mapping::from([("resources", Node::sequence(names))]);
    let text = to_claims_form(&Node::mapping(kustomization));
    tree.insert(TreePath::root().child(FILE_NAMES[0]), text.into_bytes());
    kustomize::build(&tree, &TreePath::root(), &Options::default())
}

fn by_id(objects: &[Object]) -> BTreeMap<ObjectId, &Object> {
    objects.iter().map(|it| (it.id(), it)).collect()
}

/// The first line in which two objects differ as `kustomize build` prints them.
fn difference(wanted: &Object, built: &Object) -> Option<String> {
    if builds_alike(&wanted.node, &built.node) {
        return None;
    }
    let (wanted, built) = match (to_build_form(&wanted.node), to_build_form(&built.node)) {
        (Ok(wanted), Ok(built)) => (wanted, built),
        (Err(fault), _) | (_, Err(fault)) => return Some(fault.message),
    };
    if wanted == built {
        return None;
    }
    let lines = wanted
        .lines()
        .zip(built.lines())
        .find(|(wanted, built)| wanted != built);
    let (wanted, built) = lines.unwrap_or(("(end)", "(end)"));
    Some(format!(
        "rendered `{}`, built `{}`",
        wanted.trim(),
        built.trim()
    ))
}

fn not_proven(expected: &Expected, object: &Object, words: &str) -> Diagnostic {
    let message = format!(
        "the written `{}` does not build to what {} renders to: {words}",
        expected.folder, expected.title
    );
    let fault = Diagnostic::error("overlay-not-proven", message).at(object.span());
    fault.help("this is a bug in pleach: please report it with the claim; nothing was written")
}
