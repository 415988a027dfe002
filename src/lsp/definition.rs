//! Go to definition (of a kind, a claim, the template that reads a field, the claim that installs a CRD), go to implementation (the
//! rendered form of a value), and find references.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::cursor::{Cursor, CursorTarget};
use super::diagnostics::{check_environments, check_file};
use super::index::{ClaimDocument, environment_of};
use super::reference::{
    ClaimReference, claim_references, environment_references, files_with, range_of, reference_at,
    template_texts,
};
use super::state::{DocumentKind, Workspace, dotted};
use crate::diag::{Source, Span};
use crate::layout::BASE;
use crate::load::{ClaimKind, WorkspaceConfig};
use crate::object::{Object, ObjectId};
use crate::tree::{EntryKind, Files, TreePath};
use crate::yaml::{FieldPath, Node, Step, View, parse};

/// A location in a file of the workspace, or in one of a built-in kind, whose path begins with `<built-in>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The file of the definition.
    pub path: TreePath,
    /// The bytes of the definition in that file.
    pub range: Range<usize>,
}

impl Target {
    fn from_span(span: &Span) -> Target {
        Target {
            path: span.path().clone(),
            range: span.range(),
        }
    }

    fn of_document(document: &ClaimDocument) -> Target {
        let name = range_of(document.name_span(), &document.name);
        Target {
            path: document.path.clone(),
            range: name.unwrap_or_else(|| document.range()),
        }
    }
}

/// The definitions of the item at a byte of a file. Empty if there are none.
pub fn definition(workspace: &Workspace, path: &TreePath, at: usize) -> Vec<Target> {
    if let Some(reference) = reference_at(workspace, path, at) {
        let documents = workspace.documents(&reference.environment, &reference.name);
        let targets = documents.map(Target::of_document);
        return targets
            .filter(|it| it.path != *path || it.range != reference.range)
            .collect();
    }
    let Some((text, cursor)) = workspace.cursor(path, at) else {
        return Vec::new();
    };
    let word = text
        .get(cursor.word())
        .unwrap_or("")
        .trim()
        .trim_matches(['"', '\'']);
    match workspace.document_kind(path, &text, &cursor) {
        Some(DocumentKind::Claim(kind)) => {
            definition_in_claim(workspace, path, &kind, &text, &cursor)
        }
        Some(DocumentKind::Config(_)) if is_crd(word) => {
            providers(workspace, path, &BTreeSet::from([word]))
        }
        _ => Vec::new(),
    }
}

/// The definitions of the item under the cursor in a document of a claim, except of the names of claims.
fn definition_in_claim(
    workspace: &Workspace,
    path: &TreePath,
    kind: &ClaimKind,
    text: &str,
    cursor: &Cursor,
) -> Vec<Target> {
    let field = cursor.field(text);
    let is_value = matches!(cursor.target, CursorTarget::Value { .. });
    if matches!(field.as_slice(), [Step::Key(key)] if ["kind", "apiVersion"].contains(&&**key)) {
        let mut targets = vec![Target::from_span(&kind.span.start())];
        let mut documents = workspace.index.of_file(path).iter();
        let document = documents.rfind(|it| it.range().start <= cursor.word().start);
        if let Some(document) = document.filter(|_| is_value && !kind.requires.is_empty()) {
            targets.extend(providers_for(workspace, path, document));
        }
        return targets;
    }
    let word = text.get(cursor.word()).unwrap_or("").trim();
    if is_crd(word) {
        let found = providers(workspace, path, &BTreeSet::from([word]));
        if !found.is_empty() {
            return found;
        }
    }
    readers(workspace, kind, &field)
}

/// Whether a word can be the name of a CRD, such as `widgets.example.com`.
fn is_crd(word: &str) -> bool {
    word.matches('.').count() >= 2
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
}

/// The claims that install the CRDs that a claim requires.
fn providers_for(workspace: &Workspace, path: &TreePath, document: &ClaimDocument) -> Vec<Target> {
    let names = BTreeSet::from([&*document.name]);
    let Some(found) = check_file(workspace, path, &names) else {
        return Vec::new();
    };
    let capabilities = found
        .capabilities
        .iter()
        .filter(|it| it.claim == document.name);
    let crds: BTreeSet<&str> = capabilities
        .flat_map(|it| &it.requires)
        .map(String::as_str)
        .collect();
    providers(workspace, path, &crds)
}

/// The claims of the file's environments that install one of some CRDs.
fn providers(workspace: &Workspace, path: &TreePath, crds: &BTreeSet<&str>) -> Vec<Target> {
    let may_provide = |it: &&ClaimDocument| {
        workspace
            .kind(&it.kind)
            .is_some_and(|it| !it.provides.is_empty())
    };
    let mut targets: Vec<Target> = Vec::new();
    let environment = environment_of(path).filter(|it| *it != BASE);
    let environments: Vec<String> = match environment {
        Some(environment) => vec![environment.to_string()],
        None => workspace
            .environments
            .iter()
            .filter(|it| *it != BASE)
            .cloned()
            .collect(),
    };
    for environment in &environments {
        let all = workspace
            .index
            .of_environment(environment)
            .chain(workspace.index.of_environment(BASE));
        let names: BTreeSet<&str> = all.filter(may_provide).map(|it| &*it.name).collect();
        if names.is_empty() {
            continue;
        }
        let found = check_environments(workspace, std::slice::from_ref(environment), &names, []);
        let mut providers: Vec<String> = Vec::new();
        for it in &found.capabilities {
            if it.provides.iter().any(|it| crds.contains(it.as_str())) {
                providers.push(it.claim.clone());
            }
        }
        for name in &providers {
            targets.extend(
                workspace
                    .documents(environment, name)
                    .map(Target::of_document),
            );
        }
    }
    targets.dedup();
    targets
}

/// The places in a kind's templates and expressions that read a field, or otherwise its nearest parent that is read.
fn readers(workspace: &Workspace, kind: &ClaimKind, field: &[Step]) -> Vec<Target> {
    let mut texts = template_texts(workspace, kind);
    texts.extend(kind_text(workspace, kind));
    let mut field = field.to_vec();
    while !field.is_empty() {
        let mut found = Vec::new();
        let name = expression_name(&field);
        for source in &texts {
            found.extend(occurrences(source, &name));
        }
        if !found.is_empty() {
            return found;
        }
        field.pop();
        if matches!(field.as_slice(), [Step::Key(_)]) {
            break;
        }
    }
    vec![Target::from_span(&kind.span.start())]
}

/// The file that defines a kind.
fn kind_text(workspace: &Workspace, kind: &ClaimKind) -> Option<Arc<Source>> {
    let path = kind.span.path();
    let bytes = files_with(workspace, path).read(path).ok()?;
    Some(Source::new(
        path.clone(),
        String::from_utf8(bytes.to_vec()).ok()?,
    ))
}

/// How expressions name a field: by its path from `spec` on, or below a list by its path from `item` on.
fn expression_name(field: &[Step]) -> String {
    let last_index = field.iter().rposition(|it| matches!(it, Step::Index(_)));
    let Some(at) = last_index else {
        return dotted(field);
    };
    let below = dotted(field.get(at + 1..).unwrap_or(&[]));
    match below.is_empty() {
        true => dotted(field.get(..at).unwrap_or(&[])),
        false => format!("item.{below}"),
    }
}

/// The places where a text contains a name that is not part of a longer name.
fn occurrences(source: &Arc<Source>, name: &str) -> Vec<Target> {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.');
    let text = &source.text;
    let found = text.match_indices(name).map(|it| it.0).filter(|at| {
        let before = text.get(..*at).and_then(|it| it.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|it| it.chars().next());
        !is_part(before) && !is_part(after.filter(|it| *it != '.'))
    });
    let target = |at: usize| Target {
        path: source.path.clone(),
        range: at..at + name.len(),
    };
    found.map(target).collect()
}

/// The locations of a claim's value in the rendered tree; for the name of a claim, the locations of its objects.
pub fn implementation(workspace: &Workspace, path: &TreePath, at: usize) -> Vec<Target> {
    let Some(document) = workspace
        .index
        .of_file(path)
        .iter()
        .find(|it| it.range().contains(&at))
    else {
        return Vec::new();
    };
    let names = BTreeSet::from([&*document.name]);
    let Some(found) = check_file(workspace, path, &names) else {
        return Vec::new();
    };
    let Ok(config) = WorkspaceConfig::read(&workspace.files) else {
        return Vec::new();
    };
    let node = innermost(&document.node, at);
    let is_name = document.name_span().range().contains(&at);
    let title = format!("/{}", document.name);
    let mut targets = Vec::new();
    for (folder, origin) in found.origins.iter() {
        if !origin.claim.title.ends_with(&title) {
            continue;
        }
        let mut files = ClaimFiles::new(workspace, config.output.join(folder));
        for object in &origin.objects {
            let mut fields = Vec::new();
            match is_name {
                true => fields.push(FieldPath::root()),
                false => fields_from(
                    &object.node,
                    path,
                    &node.span().range(),
                    &mut FieldPath::root(),
                    &mut fields,
                ),
            }
            for field in fields {
                targets.extend(files.location(&object.id(), &field));
            }
        }
    }
    targets.dedup();
    targets
}

/// The smallest value around a byte.
fn innermost(node: &Node, at: usize) -> &Node {
    let contains = |it: &Node| {
        let range = it.span().range();
        range.start <= at && at <= range.end
    };
    let inner = match node.view() {
        View::Mapping(mapping) => {
            let entry = mapping
                .iter()
                .find(|it| contains(&it.value) || contains(&it.key));
            entry.map(|it| &it.value)
        }
        View::Sequence(items) => items.iter().find(|it| contains(it)),
        View::Scalar(_) => None,
    };
    inner.map_or(node, |it| innermost(it, at))
}

/// The fields whose values were written in a range of a file.
fn fields_from(
    node: &Node,
    path: &TreePath,
    range: &Range<usize>,
    here: &mut FieldPath,
    found: &mut Vec<FieldPath>,
) {
    match node.view() {
        View::Mapping(mapping) => {
            for entry in mapping {
                here.push(Step::Key(entry.key.as_str().unwrap_or("").into()));
                fields_from(&entry.value, path, range, here, found);
                here.pop();
            }
        }
        View::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                here.push(Step::Index(at));
                fields_from(item, path, range, here, found);
                here.pop();
            }
        }
        View::Scalar(_) => {
            let span = node.span();
            let Range { start, end } = span.range();
            let is_within = range.start <= start && end <= range.end && start < end;
            if node.has_origin() && span.path() == path && is_within {
                found.push(here.clone());
            }
        }
    }
}

/// The files of a claim in the output folder, and those of base that they build on.
struct ClaimFiles<'a> {
    workspace: &'a Workspace,
    /// The folder in the environment, and the folder in base.
    folders: [TreePath; 2],
    /// Read on first use.
    objects: Option<Vec<(TreePath, Object)>>,
}

impl<'a> ClaimFiles<'a> {
    fn new(workspace: &'a Workspace, folder: TreePath) -> ClaimFiles<'a> {
        let parent = folder
            .parent()
            .and_then(|it| it.parent())
            .unwrap_or_else(TreePath::root);
        let base = parent.child(BASE).child(folder.name());
        ClaimFiles {
            workspace,
            folders: [folder, base],
            objects: None,
        }
    }

    /// The location of a field of an object, or of its nearest existing parent.
    fn location(&mut self, id: &ObjectId, field: &FieldPath) -> Option<Target> {
        let (workspace, folders) = (self.workspace, &self.folders);
        let objects = self.objects.get_or_insert_with(|| {
            let read = folders.iter().flat_map(|it| objects_of(workspace, it));
            read.collect()
        });
        let same_id = || objects.iter().filter(|it| it.1.id() == *id);
        let exact = same_id().find_map(|(path, it)| Some((path, it.node.at_path(field)?)));
        let near = || {
            same_id()
                .map(|(path, it)| (path, it.node.nearest_on_path(field)))
                .next()
        };
        let (path, node) = exact.or_else(near)?;
        Some(Target {
            path: path.clone(),
            range: node.span().start().range(),
        })
    }
}

/// The objects in the YAML files of a folder, each with its file.
fn objects_of(workspace: &Workspace, folder: &TreePath) -> Vec<(TreePath, Object)> {
    let entries = workspace.files.list(folder).unwrap_or_default().into_iter();
    let files = entries.filter(|it| it.kind == EntryKind::File && it.name.ends_with(".yaml"));
    let mut objects = Vec::new();
    for entry in files {
        let path = folder.child(&entry.name);
        let Some(text) = workspace.text(&path) else {
            continue;
        };
        let documents = parse(&Source::new(path.clone(), text)).unwrap_or_default();
        objects.extend(
            documents
                .into_iter()
                .map(|it| (path.clone(), Object::new(it))),
        );
    }
    objects
}

/// All locations that refer to the claim at a byte of a file, including its own documents.
pub fn references(workspace: &Workspace, path: &TreePath, at: usize) -> Vec<Target> {
    let Some(reference) = reference_at(workspace, path, at) else {
        return Vec::new();
    };
    let mut targets: Vec<Target> = Vec::new();
    for document in claim_documents(workspace, &reference) {
        targets.push(Target::of_document(document));
    }
    let references = references_to(workspace, &reference);
    targets.extend(references.into_iter().map(|it| Target {
        path: it.path,
        range: it.range,
    }));
    targets.sort_by(|a, b| (&a.path, a.range.start).cmp(&(&b.path, b.range.start)));
    targets.dedup();
    targets
}

/// The environments in which a reference means the same claim. For a claim of base: base, and all environments that do not replace
/// it.
pub(super) fn environments_of_reference(
    workspace: &Workspace,
    reference: &ClaimReference,
) -> BTreeSet<String> {
    let index = &workspace.index;
    let is_shared = index.has(BASE, &reference.name)
        && !replaces_base_claim(workspace, &reference.environment, &reference.name);
    if !is_shared {
        return BTreeSet::from([reference.environment.clone()]);
    }
    let all = workspace.environments.iter();
    let sharing = all.filter(|it| !replaces_base_claim(workspace, it, &reference.name));
    sharing.cloned().chain([BASE.to_string()]).collect()
}

/// Whether an environment replaces a claim of base by a claim with the same name and another kind.
fn replaces_base_claim(workspace: &Workspace, environment: &str, name: &str) -> bool {
    let kind = |environment: &str| {
        let documents = workspace.index.find(environment, name);
        documents
            .filter_map(|it| workspace.kind(&it.kind))
            .map(|it| it.name.clone())
            .next()
    };
    environment != BASE
        && kind(environment).is_some_and(|own| kind(BASE).is_some_and(|base| base != own))
}

/// The documents of the claim that a reference refers to.
pub(super) fn claim_documents<'a>(
    workspace: &'a Workspace,
    reference: &'a ClaimReference,
) -> impl Iterator<Item = &'a ClaimDocument> {
    let environments = environments_of_reference(workspace, reference);
    let all = workspace.index.all();
    all.filter(move |it| it.name == reference.name && environments.contains(&it.environment))
}

/// All references to the claim that a reference refers to.
pub(super) fn references_to(
    workspace: &Workspace,
    reference: &ClaimReference,
) -> Vec<ClaimReference> {
    let environments = environments_of_reference(workspace, reference);
    let is_same =
        |it: &ClaimReference| it.name == reference.name && environments.contains(&it.environment);
    let of_claims = workspace
        .index
        .all()
        .filter(|it| environments.contains(&it.environment));
    let mut found: Vec<ClaimReference> = of_claims
        .flat_map(|it| claim_references(workspace, it))
        .filter(is_same)
        .collect();
    for environment in &workspace.environments {
        found.extend(
            environment_references(workspace, environment)
                .into_iter()
                .filter(is_same),
        );
    }
    found
}
