//! References to claims in documents.

use std::ops::Range;

use super::index::ClaimDocument;
use super::state::Workspace;
use crate::diag::{Source, Span};
use crate::engine::ENGINES;
use crate::layout::BASE;
use crate::load::{ClaimKind, environment_folder, setting};
use crate::tree::{Files, TreePath};
use crate::yaml::{FieldPath, Node, View, parse_one};

/// A reference to a claim, or the name in its own document.
#[derive(Clone, Debug)]
pub(super) struct ClaimReference {
    /// The environment of the claim.
    pub environment: String,
    /// The file that contains the reference.
    pub path: TreePath,
    /// The bytes of the name alone.
    pub range: Range<usize>,
    /// The name of the claim that is referred to.
    pub name: String,
}

/// A field of a kind that refers to a claim.
#[derive(Clone, Debug)]
pub(super) struct ReferenceField {
    /// The field. If it is a list, each of its items is a reference.
    pub path: FieldPath,
    /// The default kind of the reference.
    pub kind: Option<String>,
}

/// The fields of a kind that refer to other claims: those of its references, `spec.dependsOn`, and those that its expressions pass
/// to `claim(…)`.
pub(super) fn reference_fields(workspace: &Workspace, kind: &ClaimKind) -> Vec<ReferenceField> {
    let declared = kind.references.iter().map(|it| ReferenceField {
        path: FieldPath::dotted(&it.at).key("valueFrom").key("name"),
        kind: it.kind.clone(),
    });
    let depends_on = kind.depends_on.iter().map(|_| ReferenceField {
        path: FieldPath::dotted("spec.dependsOn"),
        kind: None,
    });
    let mut fields: Vec<ReferenceField> = declared.chain(depends_on).collect();
    let mut expressions: Vec<&str> = Vec::new();
    collect_scalars(&kind.spec, &mut expressions);
    let templates = template_texts(workspace, kind);
    let texts = expressions
        .into_iter()
        .chain(templates.iter().map(|it| &*it.text));
    fields.extend(texts.flat_map(claim_calls));
    fields
}

/// The files that contain a path: those of the built-in kinds, or of the workspace.
pub(super) fn files_with<'a>(workspace: &'a Workspace, path: &TreePath) -> &'a dyn Files {
    match path.parts().next() {
        Some(crate::template::BUILTIN) => crate::template::builtin(),
        _ => &workspace.files,
    }
}

/// The templates of a kind.
pub(super) fn template_texts(
    workspace: &Workspace,
    kind: &ClaimKind,
) -> Vec<std::sync::Arc<Source>> {
    let Some(folder) = kind.span.path().parent() else {
        return Vec::new();
    };
    let files = files_with(workspace, &folder);
    let entries = files.list(&folder).unwrap_or_default().into_iter();
    let templates = entries
        .filter(|it| it.name.ends_with(".j2"))
        .filter_map(|it| {
            let path = folder.child(&it.name);
            let bytes = files.read(&path).ok()?;
            Some(Source::new(path, String::from_utf8(bytes.to_vec()).ok()?))
        });
    templates.collect()
}

/// Adds the texts of all scalars of a node.
pub(super) fn collect_scalars<'a>(node: &'a Node, found: &mut impl Extend<&'a str>) {
    match node.view() {
        View::Mapping(mapping) => mapping
            .iter()
            .for_each(|it| collect_scalars(&it.value, found)),
        View::Sequence(items) => items.iter().for_each(|it| collect_scalars(it, found)),
        View::Scalar(text) => found.extend([text]),
    }
}

/// The fields that calls like `claim("Kind", spec.field)` in a text refer to.
fn claim_calls(text: &str) -> impl Iterator<Item = ReferenceField> {
    text.split("claim(").skip(1).filter_map(|rest| {
        let (arguments, _) = rest.split_once(')')?;
        let (kind, name) = arguments.split_once(',')?;
        let kind = kind.trim();
        let quoted = kind.strip_prefix(['"', '\''])?.strip_suffix(['"', '\''])?;
        let name = name.trim();
        let is_field = name.starts_with("spec.")
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || c == '.' || c == '_');
        is_field.then(|| ReferenceField {
            path: FieldPath::dotted(name),
            kind: Some(quoted.to_string()),
        })
    })
}

/// The references in a claim's document.
pub(super) fn claim_references(
    workspace: &Workspace,
    document: &ClaimDocument,
) -> Vec<ClaimReference> {
    let Some(kind) = workspace.kind(&document.kind) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for field in reference_fields(workspace, kind) {
        let Some(node) = document.node.at_path(&field.path) else {
            continue;
        };
        let names = node.as_sequence().unwrap_or(std::slice::from_ref(node));
        found.extend(names.iter().filter_map(|it| reference(document, it)));
    }
    found
}

fn reference(document: &ClaimDocument, name: &Node) -> Option<ClaimReference> {
    let text = name.as_string()?;
    Some(ClaimReference {
        environment: document.environment.clone(),
        path: document.path.clone(),
        range: range_of(name.span(), text)?,
        name: text.to_string(),
    })
}

/// The bytes of a name within its scalar, which may have quotes or a prefix.
pub(super) fn range_of(span: &Span, name: &str) -> Option<Range<usize>> {
    let start = span.range().start + span.text().rfind(name)?;
    Some(start..start + name.len())
}

/// The references in an `environment.yaml`: `exclude`, and the settings of single claims.
pub(super) fn environment_references(
    workspace: &Workspace,
    environment: &str,
) -> Vec<ClaimReference> {
    let (_, path) = environment_folder(environment);
    let Some(text) = workspace.text(&path) else {
        return Vec::new();
    };
    let Ok(node) = parse_one(&Source::new(path.clone(), text)) else {
        return Vec::new();
    };
    let excluded = node
        .at_keys(&["spec", "exclude"])
        .and_then(Node::as_sequence);
    let excluded = excluded.unwrap_or_default().iter().filter_map(|it| {
        let (_, name) = it.as_str()?.split_once('/')?;
        Some(ClaimReference {
            environment: BASE.to_string(),
            path: path.clone(),
            range: range_of(it.span(), name)?,
            name: name.to_string(),
        })
    });
    let settings = ENGINES.claim_fields();
    let settings = settings.filter_map(|it| setting(&node, it)?.as_mapping());
    let settings = settings.flatten().filter_map(|it| {
        let name = it.key.as_str()?;
        Some(ClaimReference {
            environment: environment.to_string(),
            path: path.clone(),
            range: range_of(it.key.span(), name)?,
            name: name.to_string(),
        })
    });
    excluded.chain(settings).collect()
}

/// The reference, or the name of a claim, at a byte of a file.
pub(super) fn reference_at(
    workspace: &Workspace,
    path: &TreePath,
    at: usize,
) -> Option<ClaimReference> {
    let is_here = |range: &Range<usize>| range.start <= at && at <= range.end;
    for document in workspace.index.of_file(path) {
        let name = range_of(document.name_span(), &document.name);
        if let Some(range) = name.filter(is_here) {
            return Some(ClaimReference {
                environment: document.environment.clone(),
                path: path.clone(),
                range,
                name: document.name.clone(),
            });
        }
        if is_here(&document.range()) {
            let mut references = claim_references(workspace, document).into_iter();
            if let Some(reference) = references.find(|it| is_here(&it.range)) {
                return Some(reference);
            }
        }
    }
    let environment = super::index::environment_of(path)?;
    let (_, file) = environment_folder(environment);
    let mut references = environment_references(workspace, environment)
        .into_iter()
        .filter(|_| file == *path);
    references.find(|it| is_here(&it.range))
}
