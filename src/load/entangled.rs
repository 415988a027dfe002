//! Environments whose claims know of each other by more than what their documents say.

use std::sync::OnceLock;

use memchr::memmem::{Finder, find};

use super::environment::{BASE, claim_files, environment_folder};
use super::{Scope, WorkspaceConfig};
use crate::diag::Diagnostics;
use crate::template::{BUILTIN, builtin};
use crate::tree::{EntryKind, Files, TreePath};

/// Whether a claim of the environment may come to something else when another one changes, though it does not refer to it: its
/// kind looks for others (`find`), or its expressions ask for them (`claim(…)`).
pub fn is_entangled(files: &dyn Files, workspace: &WorkspaceConfig, environment: &str) -> bool {
    let mut own = workspace.templates.iter();
    if own.any(|it| says(files, it, &looks_for_others)) {
        return true;
    }
    let kinds: Vec<_> = kinds_that_look().iter().map(Finder::new).collect();
    let named = |text: &[u8]| kinds.iter().any(|it| it.find(text).is_some());
    [BASE, environment].into_iter().any(|name| {
        let folder = environment_folder(name).0;
        let paths = claim_files(files, &folder, &mut Diagnostics::default());
        files.expect(&paths);
        let mut texts = paths.iter().filter_map(|it| files.read(it).ok());
        texts.any(|it| named(&it))
    })
}

/// A scope in which no environment is partial whose claims are entangled.
pub fn widen_entangled(files: &dyn Files, scope: &Scope) -> Scope {
    let mut scope = scope.clone();
    let Ok(workspace) = WorkspaceConfig::read(files) else {
        return scope;
    };
    scope
        .claims
        .retain(|environment, _| !is_entangled(files, &workspace, environment));
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
