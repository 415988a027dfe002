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

/// A reference to a claim.
#[derive(Clone, Debug)]
pub struct Site {
    /// The environment of the claim.
    pub environment: String,
    /// The file that the reference is in.
    pub path: TreePath,
    /// The bytes of the name alone.
    pub range: Range<usize>,
    /// The name of the claim that is referred to.
    pub name: String,
    /// Its kind, if known.
    pub kind: Option<String>,
}

/// A field of a kind that refers to a claim.
#[derive(Clone, Debug)]
pub(super) struct NamingField {
    /// The field; if it is a list, each of its items.
    pub path: FieldPath,
    /// The default kind of the reference.
    pub kind: Option<String>,
}

/// The fields of a kind that refer to other claims: those of its references, `spec.dependsOn`, and those that its expressions pass
/// to `claim(…)`.
pub(super) fn naming_fields(workspace: &Workspace, kind: &ClaimKind) -> Vec<NamingField> {
    let referring = kind.references.iter().map(|it| NamingField {
        path: FieldPath::dotted(&it.at).key("valueFrom").key("name"),
        kind: it.kind.clone(),
    });
    let depends = kind.depends_on.iter().map(|_| NamingField {
        path: FieldPath::dotted("spec.dependsOn"),
        kind: None,
    });
    let mut fields: Vec<NamingField> = referring.chain(depends).collect();
    let mut texts = Vec::new();
    texts_of(&kind.spec, &mut texts);
    let templates = template_texts(workspace, kind);
    let asked = texts
        .into_iter()
        .chain(templates.iter().map(|it| &*it.text));
    fields.extend(asked.flat_map(claim_calls));
    fields
}

/// The templates of a kind of the workspace's own.
pub(super) fn template_texts(
    workspace: &Workspace,
    kind: &ClaimKind,
) -> Vec<std::sync::Arc<Source>> {
    let Some(folder) = kind.span.path().parent() else {
        return Vec::new();
    };
    let files: &dyn Files = match folder.parts().next() {
        Some(crate::template::BUILTIN) => crate::template::builtin(),
        _ => &workspace.files,
    };
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

fn texts_of<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
    match node.view() {
        View::Mapping(mapping) => mapping.iter().for_each(|it| texts_of(&it.value, found)),
        View::Sequence(items) => items.iter().for_each(|it| texts_of(it, found)),
        View::Scalar(text) => found.push(text),
    }
}

/// The fields in `claim("Kind", spec.field)`.
fn claim_calls(text: &str) -> impl Iterator<Item = NamingField> {
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
        is_field.then(|| NamingField {
            path: FieldPath::dotted(name),
            kind: Some(quoted.to_string()),
        })
    })
}

/// The references in a claim's document.
pub(super) fn sites(workspace: &Workspace, document: &ClaimDocument) -> Vec<Site> {
    let Some(kind) = workspace.kind(&document.kind) else {
        return Vec::new();
    };
    sites_by(document, &naming_fields(workspace, kind))
}

pub(super) fn sites_by(document: &ClaimDocument, fields: &[NamingField]) -> Vec<Site> {
    let mut found = Vec::new();
    for field in fields {
        let Some(node) = document.node.at_path(&field.path) else {
            continue;
        };
        let names = node.as_sequence().unwrap_or(std::slice::from_ref(node));
        for name in names {
            let mut above = field.path.clone();
            above.pop();
            let given = document.node.at_path(&above).and_then(|it| it.get("kind"));
            let given = given.and_then(Node::as_str).map(str::to_string);
            found.extend(site(document, name, given.or_else(|| field.kind.clone())));
        }
    }
    found
}

fn site(document: &ClaimDocument, name: &Node, kind: Option<String>) -> Option<Site> {
    let text = name.as_string()?;
    Some(Site {
        environment: document.environment.clone(),
        path: document.path.clone(),
        range: range_of(name.span(), text)?,
        name: text.to_string(),
        kind,
    })
}

/// The bytes of a name within its scalar, which may have quotes or a prefix.
pub(super) fn range_of(span: &Span, name: &str) -> Option<Range<usize>> {
    let start = span.range().start + span.text().rfind(name)?;
    Some(start..start + name.len())
}

/// The references in an `environment.yaml`: `exclude`, and the settings of single claims.
pub(super) fn environment_sites(workspace: &Workspace, environment: &str) -> Vec<Site> {
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
        let (kind, name) = it.as_str()?.split_once('/')?;
        Some(Site {
            environment: BASE.to_string(),
            path: path.clone(),
            range: range_of(it.span(), name)?,
            name: name.to_string(),
            kind: Some(kind.to_string()),
        })
    });
    let settings = ENGINES.claim_fields();
    let settings = settings.filter_map(|it| setting(&node, it)?.as_mapping());
    let settings = settings.flatten().filter_map(|it| {
        let name = it.key.as_str()?;
        Some(Site {
            environment: environment.to_string(),
            path: path.clone(),
            range: range_of(it.key.span(), name)?,
            name: name.to_string(),
            kind: None,
        })
    });
    excluded.chain(settings).collect()
}

/// The claim at a location in a file: the name of a claim, or a reference.
pub(super) fn named_at(workspace: &Workspace, path: &TreePath, at: usize) -> Option<Site> {
    let is_here = |range: &Range<usize>| range.start <= at && at <= range.end;
    for document in workspace.index.of_file(path) {
        let own = range_of(document.name_span(), &document.name);
        if let Some(range) = own.filter(is_here) {
            return Some(Site {
                environment: document.environment.clone(),
                path: path.clone(),
                range,
                name: document.name.clone(),
                kind: Some(document.kind.clone()),
            });
        }
        if is_here(&document.range()) {
            let mut sites = sites(workspace, document).into_iter();
            if let Some(site) = sites.find(|it| is_here(&it.range)) {
                return Some(site);
            }
        }
    }
    let environment = super::index::environment_of(path)?;
    let (_, file) = environment_folder(environment);
    let mut sites = environment_sites(workspace, environment)
        .into_iter()
        .filter(|_| file == *path);
    sites.find(|it| is_here(&it.range))
}
