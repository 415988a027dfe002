//! Cases of a workspace's own claim kinds: `<Kind>/cases/<case>/claim.yaml`, and the expected output.
//!
//! A case is rendered in its own environment, which is `environment.yaml` next to the claim or an empty one. `expected.yaml`
//! contains the objects of the kind's claims; for invalid claims, `expected.txt` contains the diagnostics.

mod unread;

use std::sync::Arc;

use crate::chart::Cache;
use crate::diag::{Diagnostic, Diagnostics, Source, Span};
use crate::emit::{Change, Step, equal_except_line_endings};
use crate::layout::{ENVIRONMENT, Folder, Input};
use crate::load::{self, ClaimKind, WorkspaceConfig};
use crate::tree::{Entry, EntryKind, Files, FilesError, Tree, TreePath};
use crate::yaml::{Node, emit_canonical, parse, parse_one};
use crate::{Compiled, Options, compile};

const CLAIM: &str = "claim.yaml";
const OBJECTS: &str = "expected.yaml";
const FAULTS: &str = "expected.txt";

/// The results of the cases of a workspace.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The number of cases.
    pub count: usize,
    /// Files that differ from the output, are missing, or are superfluous.
    pub steps: Vec<Step>,
    /// Errors of cases that test nothing.
    pub faults: Diagnostics,
}

/// Renders the cases of these kinds; if there are none, of all kinds. `format` formats diagnostics. Errors: those of kinds, which are
/// reported instead of the results of their cases.
pub fn run(
    files: &dyn Files,
    cache: Option<&Cache>,
    names: &[String],
    format: &dyn Fn(&Diagnostics) -> String,
) -> Result<Outcome, Diagnostics> {
    let mut faults = Diagnostics::default();
    let definitions = load::kinds(files, &mut faults);
    if faults.has_errors() {
        return Err(faults);
    }
    let workspace = WorkspaceConfig::read(files)?;
    let kinds = workspace.templates.iter().flat_map(|it| folders(files, it));
    let kinds: Vec<TreePath> = kinds.collect();
    let known = || kinds.iter().map(TreePath::name);
    if let Some(name) = names.iter().find(|it| !known().any(|name| name == **it)) {
        let message = format!("the workspace does not define a kind `{name}`");
        let fault = Diagnostic::error("unknown-claim-kind", message).did_you_mean(name, known());
        return Err(fault.into());
    }
    let is_selected = |it: &&TreePath| names.is_empty() || names.iter().any(|n| n == it.name());
    let selected = kinds.iter().filter(is_selected);
    let mut outcome = Outcome::default();
    for kind in selected.clone() {
        outcome.faults.extend(unread::check(files, kind));
    }
    let cases = selected.flat_map(|it| folders(files, &it.child(unread::CASES)));
    for case in cases.filter(|it| read(files, &it.child(CLAIM)).is_some()) {
        outcome.count += 1;
        let kind = definitions.iter().find(|it| it.name == kind_of(&case));
        if let Some(fault) = kind.and_then(|it| without_claim(files, &case, it)) {
            outcome.faults.push(fault);
            continue;
        }
        outcome.steps.extend(differing(files, cache, &case, format));
    }
    Ok(outcome)
}

/// The error for a case without a claim of its kind. It would render nothing of the kind, and never differ. Error:
/// `case-without-claim`.
fn without_claim(files: &dyn Files, case: &TreePath, kind: &Arc<ClaimKind>) -> Option<Diagnostic> {
    let path = case.child(CLAIM);
    let bytes = files.read(&path).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    // A syntax error is reported when the case is rendered.
    let documents = parse(&Source::new(path.clone(), text)).ok()?;
    let mut kinds = documents.iter().filter_map(|it| it.get("kind"));
    if kinds.any(|it| it.as_str().is_some_and(|it| kind.has_name(it))) {
        return None;
    }
    let message = format!("`{path}` has no claim of {}", kind.name);
    let fault = Diagnostic::error("case-without-claim", message);
    let found = documents.iter().find_map(|it| it.get("kind"));
    let fault = match found {
        Some(found) => fault
            .at(found)
            .did_you_mean(found.as_str().unwrap_or(""), kind.names()),
        None => fault.at(Span::of_file(&path)),
    };
    Some(fault.help(format!(
        "write a claim with `kind: {}`, or move the case to the kind of its claims",
        kind.name
    )))
}

fn folders(files: &dyn Files, below: &TreePath) -> Vec<TreePath> {
    let entries = files.list(below).unwrap_or_default().into_iter();
    let folders = entries.filter(|it| it.kind == EntryKind::Folder && !it.name.starts_with('.'));
    folders.map(|it| below.child(&it.name)).collect()
}

fn read(files: &dyn Files, path: &TreePath) -> Option<std::sync::Arc<[u8]>> {
    files.read(path).ok()
}

/// The changes that update the expected files of a case.
fn differing(
    files: &dyn Files,
    cache: Option<&Cache>,
    case: &TreePath,
    format: &dyn Fn(&Diagnostics) -> String,
) -> Vec<Step> {
    let staged = Staged::new(files, case);
    let options = Options {
        cache: cache.cloned(),
        ..Options::default()
    };
    let compiled = compile(&staged, &options);
    let (objects, faults) = match compiled.diagnostics.has_errors() {
        true => (None, Some(format(&compiled.diagnostics))),
        false => (Some(objects(&compiled, kind_of(case))), None),
    };
    let steps = [(OBJECTS, objects), (FAULTS, faults)].into_iter();
    let step = |(name, expected): (&str, Option<String>)| {
        let path = case.child(name);
        let before = read(files, &path);
        let after: Option<std::sync::Arc<[u8]>> = expected.map(|it| it.into_bytes().into());
        let change = match (&before, &after) {
            (None, None) => return None,
            (None, Some(_)) => Change::Create,
            (Some(_), None) => Change::Delete,
            // A checkout may have converted the expected file to CRLF.
            (Some(before), Some(after)) if equal_except_line_endings(before, after) => return None,
            (Some(_), Some(_)) => Change::Update,
        };
        Some(Step {
            path,
            change,
            before,
            after,
        })
    };
    steps.filter_map(step).collect()
}

/// `templates/Website/cases/basic` is one of `Website`.
fn kind_of(case: &TreePath) -> &str {
    let mut parts: Vec<&str> = case.parts().collect();
    parts.truncate(parts.len().saturating_sub(2));
    parts.last().copied().unwrap_or("")
}

/// The objects of the kind's claims, in the order of the tree.
fn objects(compiled: &Compiled, kind: &str) -> String {
    let is_own = |title: &str| title.split_once('/').is_some_and(|it| it.0 == kind);
    let origins = compiled.origins.iter();
    let own = origins.filter(|(_, it)| it.environment.is_some() && is_own(&it.claim.title));
    let objects = own.flat_map(|(_, it)| &it.objects);
    let texts: Vec<String> = objects.map(|it| emit_canonical(&it.node)).collect();
    texts.join("---\n")
}

/// The workspace with the case's claims in place of all environments, and without overlays.
struct Staged<'a> {
    files: &'a dyn Files,
    case: Tree,
}

impl<'a> Staged<'a> {
    fn new(files: &'a dyn Files, folder: &TreePath) -> Staged<'a> {
        let given = read(files, &folder.child(ENVIRONMENT));
        let name = given.as_deref().and_then(|it| name_of(it, folder));
        let name = name.unwrap_or_else(|| "case".to_string());
        let environment = given.unwrap_or_else(|| {
            let text = "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata:\n  name: case\n";
            text.as_bytes().into()
        });
        let location = Folder::Environments.path().child(&name);
        let mut case = Tree::new();
        case.insert(location.child(ENVIRONMENT), environment);
        if let Some(claim) = read(files, &folder.child(CLAIM)) {
            case.insert(location.child(CLAIM), claim);
        }
        Staged { files, case }
    }

    fn files_for<'p>(&'p self, path: &TreePath) -> &'p dyn Files {
        match Input::is_of_environments(path) {
            true => &self.case,
            false => self.files,
        }
    }
}

fn name_of(environment: &[u8], folder: &TreePath) -> Option<String> {
    let text = std::str::from_utf8(environment).ok()?;
    let node = parse_one(&Source::new(folder.child(ENVIRONMENT), text)).ok()?;
    let name = node.at_keys(&["metadata", "name"]).and_then(Node::as_str)?;
    Some(name.to_string())
}

impl Files for Staged<'_> {
    fn read(&self, path: &TreePath) -> Result<std::sync::Arc<[u8]>, FilesError> {
        self.files_for(path).read(path)
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        self.files_for(folder).list(folder)
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        self.files_for(path).real(path)
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        self.files_for(path).kind(path)
    }
}
