//! Environments whose claims know of each other by more than what their documents say.

use std::sync::OnceLock;

use memchr::memmem::{Finder, find};

use super::environment::{BASE, claim_files, environment_folder};
use super::{Scope, WorkspaceConfig};
use crate::diag::Diagnostics;
use crate::template::{BUILTIN, builtin};
use crate::tree::{EntryKind, Files, TreePath};

/// Finds environments in which a claim may come to something else when another one changes, though it does not refer to it: its kind
/// looks for others (`find`), or its expressions ask for them (`claim(…)`).
pub struct Entanglement<'a> {
    files: &'a dyn Files,
    /// Whether a kind of the workspace's own looks for others.
    own_kinds: bool,
    /// Whether a claim of base is of a kind that looks for others. Base is the largest part of most workspaces.
    base: OnceLock<bool>,
}

impl<'a> Entanglement<'a> {
    /// Looks at the kinds of a workspace.
    pub fn of(files: &'a dyn Files, workspace: &WorkspaceConfig) -> Entanglement<'a> {
        let mut own = workspace.templates.iter();
        Entanglement {
            files,
            own_kinds: own.any(|it| says(files, it, &looks_for_others)),
            base: OnceLock::new(),
        }
    }

    /// Whether the claims of an environment are entangled.
    pub fn has(&self, environment: &str) -> bool {
        let has = |name: &str| has_kinds_that_look(self.files, name);
        self.own_kinds || *self.base.get_or_init(|| has(BASE)) || has(environment)
    }
}

/// Whether a claim of an environment's folder is of a built-in kind that looks for others.
fn has_kinds_that_look(files: &dyn Files, environment: &str) -> bool {
    let kinds: Vec<_> = kinds_that_look().iter().map(Finder::new).collect();
    let folder = environment_folder(environment).0;
    let paths = claim_files(files, &folder, &mut Diagnostics::default());
    files.expect(&paths);
    let mut texts = paths.iter().filter_map(|it| files.read(it).ok());
    texts.any(|text| kinds.iter().any(|it| it.find(&text).is_some()))
}

/// A scope in which no environment is partial whose claims are entangled.
pub fn widen_entangled(files: &dyn Files, scope: &Scope) -> Scope {
    let mut scope = scope.clone();
    let Ok(workspace) = WorkspaceConfig::read(files) else {
        return scope;
    };
    let entanglement = Entanglement::of(files, &workspace);
    scope.claims.retain(|it, _| !entanglement.has(it));
    scope
}

/// The built-in kinds that look for other claims.
fn kinds_that_look() -> &'static [String] {
    static KINDS: OnceLock<Vec<String>> = OnceLock::new();
    KINDS.get_or_init(|| {
        let folder = TreePath::root().child(BUILTIN);
        let mut kinds = builtin().list(&folder).unwrap_or_default();
        kinds.retain(|it| says(builtin(), &folder.child(&it.name), &looks_for_others));
        kinds.into_iter().map(|it| it.name.into_string()).collect()
    })
}

fn looks_for_others(text: &[u8]) -> bool {
    ["claim(", "find:"]
        .iter()
        .any(|it| find(text, it.as_bytes()).is_some())
}

/// Whether a file of a folder says something; what can't be read may.
fn says(files: &dyn Files, folder: &TreePath, what: &dyn Fn(&[u8]) -> bool) -> bool {
    let mut entries = files.list(folder).unwrap_or_default().into_iter();
    entries.any(|it| {
        let path = folder.child(&it.name);
        match it.kind {
            EntryKind::Folder => says(files, &path, what),
            EntryKind::File => files.read(&path).map_or(true, |text| what(&text)),
        }
    })
}
