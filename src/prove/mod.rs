//! The proof: builds every folder from the bytes to be written and compares the result with the rendered objects.
//!
//! A difference is a bug in pleach and stops the run, because the committed tree must match the claims.

use std::collections::BTreeMap;

use crate::compose::{Data, Expected, Form, RenderedTree};
use crate::diag::{Class, Diagnostic, Diagnostics, Severity, Source};
pub use crate::kustomize::Bases;
use crate::kustomize::{self, Built, FILE_NAMES, Options};
use crate::object::{Object, ObjectId};
use crate::secret::{is_secret, without_secrets};
use crate::tree::{Files, Tree, TreePath};
use crate::yaml::parallel::each;
use crate::yaml::{Mapping, Node, builds_alike, emit_canonical, emit_kustomize, parse_one};

const BUG: &str = "this is a bug in pleach: please report it with the claim; nothing was written";

/// Proves each folder, and each file that is not an object. `tree` contains the files of `rendered`; `files` also contains the base
/// folders that they refer to. `bases` caches the results of base folders for all environments. Errors: `overlay-not-proven`.
pub fn prove(
    files: &dyn Files,
    tree: &Tree,
    rendered: &RenderedTree,
    bases: &Bases,
    diagnostics: &mut Diagnostics,
) {
    each(&rendered.expected, diagnostics, |folder, diagnostics| {
        prove_folder(files, tree, folder, bases, diagnostics);
    });
    for data in &rendered.data {
        diagnostics.extend(prove_data(tree, data));
    }
}

fn prove_data(tree: &Tree, data: &Data) -> Option<Diagnostic> {
    let bytes = tree.get(&data.path).map_or(&[][..], |it| &**it);
    let source = Source::new(data.path.clone(), String::from_utf8_lossy(bytes));
    let difference = match parse_one(&source) {
        Err(_) => "it is not valid YAML".to_string(),
        Ok(node) if builds_alike(&data.node, &node) => return None,
        Ok(node) => printed_difference(&data.node, &node)?,
    };
    let message = format!(
        "the written `{}` differs from the rendering of {}: {difference}",
        data.path, data.title
    );
    let fault = Diagnostic::error("overlay-not-proven", message).at(&data.node);
    Some(fault.help(BUG))
}

fn prove_folder(
    files: &dyn Files,
    tree: &Tree,
    expected: &Expected,
    bases: &Bases,
    diagnostics: &mut Diagnostics,
) {
    let (folder, options) = (&expected.folder, Options::default());
    let built = match &expected.form {
        Form::Kustomization => kustomize::build_on(files, folder, &options, bases),
        Form::Flat => build_flat(tree.folder(folder)),
        Form::Files(paths) => build_flat(only(tree, paths)),
    };
    if let Some(fault) = built
        .diagnostics
        .into_iter()
        .find(|it| it.severity == Severity::Error)
    {
        let message = format!(
            "the written `{}` cannot be built: {}",
            expected.folder, fault.message
        );
        return diagnostics.push(Diagnostic {
            message,
            code: "overlay-not-proven",
            class: Class::Plain,
            ..fault
        });
    }
    let (mut built, rendered) = (by_id(&built.objects), by_id(&expected.objects));
    for (id, object) in &rendered {
        let difference = match built.remove(id) {
            None => Some(format!("{id} is missing")),
            Some(other) if builds_alike(&object.node, &other.node) => None,
            Some(other) => match unprintable(object, expected) {
                Some(fault) => {
                    diagnostics.push(fault);
                    continue;
                }
                None => printed_difference(&object.node, &other.node)
                    .map(|line| format!("{id} differs: {line}")),
            },
        };
        diagnostics.extend(difference.map(|it| not_proven(expected, object, &it)));
    }
    diagnostics.extend(
        built
            .into_iter()
            .map(|(id, object)| not_proven(expected, object, &format!("{id} is unexpected"))),
    );
}

/// Builds a folder without a kustomization as Flux does: with a generated kustomization that lists all files.
fn build_flat(mut tree: Tree) -> Built {
    let names = tree.iter().map(|it| Node::string(it.0.as_str()));
    let kustomization = Mapping::from([("resources", Node::sequence(names))]);
    let text = emit_canonical(&Node::mapping(kustomization));
    tree.insert(TreePath::root().child(FILE_NAMES[0]), text.into_bytes());
    kustomize::build(&tree, &TreePath::root(), &Options::default())
}

fn only(tree: &Tree, paths: &[TreePath]) -> Tree {
    let files = paths.iter();
    files
        .filter_map(|path| Some((path.clone(), tree.get(path)?.clone())))
        .collect()
}

fn by_id(objects: &[Object]) -> BTreeMap<ObjectId, &Object> {
    objects.iter().map(|it| (it.id(), it)).collect()
}

/// The error for a value that kustomize cannot print.
fn unprintable(object: &Object, expected: &Expected) -> Option<Diagnostic> {
    let fault = emit_kustomize(&object.node).err()?;
    Some(fault.related(&expected.span, format!("for {}", expected.title)))
}

/// The first line in which two objects differ as `kustomize build` prints them.
fn printed_difference(node: &Node, built: &Node) -> Option<String> {
    let (rendered, built) = match (emit_kustomize(node), emit_kustomize(built)) {
        (Ok(rendered), Ok(built)) => (rendered, built),
        (Err(fault), _) | (_, Err(fault)) => return Some(fault.message),
    };
    if rendered == built {
        return None;
    }
    let lines = rendered
        .lines()
        .zip(built.lines())
        .find(|(rendered, built)| rendered != built);
    let (rendered, built) = lines.unwrap_or(("(end)", "(end)"));
    Some(match is_secret(node) {
        true => "a value of the Secret differs".to_string(),
        false => without_secrets(&format!(
            "rendered `{}`, built `{}`",
            rendered.trim(),
            built.trim()
        ))
        .into_owned(),
    })
}

fn not_proven(expected: &Expected, object: &Object, difference: &str) -> Diagnostic {
    let message = format!(
        "building the written `{}` does not give the objects of {}: {difference}",
        expected.folder, expected.title
    );
    let fault = Diagnostic::error("overlay-not-proven", message).at(object.span());
    fault.help(BUG)
}
