//! Which kinds are read: the built-in ones, and those of the workspace.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};

use memchr::memmem;

use super::super::document::unreadable;
use super::super::unread;
use super::super::workspace::WorkspaceConfig;
use super::definition::{Folder, read};
use super::{ClaimKind, effects, names};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::layout::KIND;
use crate::template::{BUILTIN, Templates, Texts, builtin};
use crate::tree::{EntryKind, Files, FilesError, TreePath};

/// The kinds that could be read, and the names of those that could not.
#[derive(Default)]
pub(in crate::load) struct Kinds {
    pub(in crate::load) sound: Vec<Arc<ClaimKind>>,
    pub(in crate::load) broken: Vec<String>,
}

impl Kinds {
    /// Whether a kind has a name, or would if it could be read.
    pub(in crate::load) fn knows(&self, name: &str) -> bool {
        let mut sound = self.sound.iter();
        sound.any(|it| it.has_name(name)) || self.broken.iter().any(|it| it == name)
    }
}

#[derive(Clone, Copy)]
pub(in crate::load) enum Wanted<'a> {
    All,
    /// The kinds of the workspace, and the built-in ones with one of these names.
    Own(&'a BTreeSet<String>),
    /// Those with one of these names.
    Named(&'a BTreeSet<String>),
}

/// Reads the built-in kinds and, in a workspace, its own, which replace those of the same name.
///
/// A kind that is not requested is read anyway if a template of a requested one names its folder in order to include a file.
pub(in crate::load) fn read_all(
    files: &dyn Files,
    workspace: Option<&WorkspaceConfig>,
    wanted: Wanted<'_>,
    templates: &mut Templates,
    diagnostics: &mut Diagnostics,
) -> Kinds {
    let folders = folders(files, workspace, diagnostics);
    let (open, mut rest): (Vec<_>, Vec<_>) =
        folders.into_iter().partition(|it| it.is_wanted(wanted));
    let mut open = VecDeque::from(open);
    let mut kinds = Kinds::default();
    while let Some(folder) = open.pop_front() {
        let mut include = |texts: &Texts| {
            let named = rest.extract_if(.., |it| it.is_named_in(texts));
            open.extend(named);
        };
        if folder.is_builtin {
            let (kind, texts) = builtin_kind(folder.path.name());
            include(texts);
            templates.share(texts);
            kinds.sound.push(kind.clone());
            continue;
        }
        let (kind, texts, mut faults) = read(&folder);
        include(&texts);
        faults.extend(templates.add(texts).err().into_iter().flatten());
        match kind.filter(|_| !faults.has_errors()) {
            Some(mut kind) => {
                faults.extend(names::check(&kind, templates));
                effects::add_unread(&mut kind, templates);
                match faults.has_errors() {
                    false => kinds.sound.push(Arc::new(kind)),
                    true => kinds.broken.push(kind.name),
                }
            }
            None => kinds.broken.push(folder.path.name().to_string()),
        }
        diagnostics.extend(faults);
    }
    kinds
}

/// Built-in kinds and their texts never change, so each is read once, when it is first needed.
fn builtin_kind(name: &str) -> &'static (Arc<ClaimKind>, Texts) {
    type Kinds = BTreeMap<String, OnceLock<(Arc<ClaimKind>, Texts)>>;
    static KINDS: OnceLock<Kinds> = OnceLock::new();
    let kinds = KINDS.get_or_init(|| {
        let folders = builtin_folders().into_iter();
        folders
            .map(|it| (it.name().to_string(), OnceLock::new()))
            .collect()
    });
    let read = || {
        let folder = Folder {
            files: builtin(),
            path: TreePath::root().child(BUILTIN).child(name),
            is_builtin: true,
        };
        let (kind, texts, _) = read(&folder);
        let kind = kind.expect("a test reads every built-in kind");
        (Arc::new(kind), texts)
    };
    kinds.get(name).expect("it was listed").get_or_init(read)
}

/// Reads the built-in kinds that these files name, so that this can run in parallel with other work.
pub fn read_ahead(files: &dyn Files, paths: &[TreePath]) {
    let folders = builtin_folders();
    for path in paths {
        let text = files.read(path).unwrap_or_default();
        let is_named = |it: &&TreePath| memmem::find(&text, it.name().as_bytes()).is_some();
        for kind in folders.iter().filter(is_named) {
            builtin_kind(kind.name());
        }
    }
}

fn builtin_folders() -> Vec<TreePath> {
    kind_folders(builtin(), &TreePath::root().child(BUILTIN)).unwrap_or_default()
}

impl Folder<'_> {
    /// Whether a kind may be requested. A kind's file contains all of its names, so a file without a word cannot define a kind of
    /// that name.
    fn is_wanted(&self, wanted: Wanted<'_>) -> bool {
        let names = match wanted {
            Wanted::All => return true,
            Wanted::Own(_) if !self.is_builtin => return true,
            Wanted::Own(names) | Wanted::Named(names) => names,
        };
        let Ok(text) = self.files.read(&self.path.child(KIND)) else {
            return true;
        };
        // A name may be written with an escape sequence.
        let says = |word: &str| memmem::find(&text, word.as_bytes()).is_some();
        names.iter().any(|it| says(it)) || !self.is_builtin && says("\\")
    }

    fn is_named_in(&self, texts: &Texts) -> bool {
        texts.say(&format!("{}/", self.path.name()))
    }
}

fn folders<'a>(
    files: &'a dyn Files,
    workspace: Option<&WorkspaceConfig>,
    diagnostics: &mut Diagnostics,
) -> Vec<Folder<'a>> {
    let own = workspace.map(|it| own_folders(files, it, diagnostics));
    let own = own.into_iter().flatten().map(|path| Folder {
        files,
        path,
        is_builtin: false,
    });
    let mut folders: Vec<Folder<'a>> = own.collect();
    for path in builtin_folders() {
        if !folders.iter().any(|own| own.path.name() == path.name()) {
            folders.push(Folder {
                files: builtin(),
                path,
                is_builtin: true,
            });
        }
    }
    folders
}

fn own_folders(
    files: &dyn Files,
    workspace: &WorkspaceConfig,
    diagnostics: &mut Diagnostics,
) -> Vec<TreePath> {
    let mut folders = Vec::new();
    for (at, folder) in workspace.templates.iter().enumerate() {
        let place = workspace.template_places.get(at);
        match kind_folders(files, folder) {
            Ok(found) => folders.extend(found),
            // The default folder may be missing, even if it is set explicitly.
            Err(FilesError::NotFound) if folder.as_str() == "templates" => {}
            Err(FilesError::NotFound) => {
                diagnostics.extend(place.map(|it| missing_folder(files, folder, it)));
            }
            Err(error) => {
                let fault = unreadable(folder, &error);
                diagnostics.push(fault.at(place.unwrap_or(&workspace.span)));
            }
        }
        let unread = unread_kinds(files, folder);
        diagnostics.extend(unread);
    }
    folders
}

/// A folder in `pleach.yaml` that does not exist. The default folder may be missing.
fn missing_folder(files: &dyn Files, folder: &TreePath, place: &Span) -> Diagnostic {
    let beside = folder.parent().and_then(|it| files.list(&it).ok());
    let beside = beside.unwrap_or_default();
    let folders = beside.iter().filter(|it| it.kind == EntryKind::Folder);
    let fault = Diagnostic::error(
        "missing-templates",
        format!("folder `{folder}` does not exist"),
    );
    fault
        .at(place)
        .did_you_mean(folder.name(), folders.map(|it| &*it.name))
        .help("correct the name, or remove it from `templates`")
}

/// The kinds of a folder whose file is not called `kind.yaml`.
fn unread_kinds(files: &dyn Files, folder: &TreePath) -> Vec<Diagnostic> {
    let entries = files.list(folder).unwrap_or_default();
    let misplaced = unread::kind_without_folder(folder, &entries);
    let entries = entries.into_iter();
    let folders = entries.filter(|it| it.kind == EntryKind::Folder && !it.name.starts_with('.'));
    let unread = |path: TreePath| match files.kind(&path.child(KIND)) {
        Ok(None) => unread::wrong_kind_file(&path, &files.list(&path).ok()?),
        _ => None,
    };
    let unread = folders.filter_map(|it| unread(folder.child(&it.name)));
    unread.chain(misplaced).collect()
}

fn kind_folders(files: &dyn Files, folder: &TreePath) -> Result<Vec<TreePath>, FilesError> {
    let entries = files
        .list(folder)?
        .into_iter()
        .filter(|it| it.kind == EntryKind::Folder && !it.name.starts_with('.'));
    let folders = entries.map(|it| folder.child(&it.name));
    Ok(folders
        .filter(|it| matches!(files.kind(&it.child(KIND)), Ok(Some(EntryKind::File))))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_kinds_name_nothing_that_is_not_there() {
        let nothing = crate::tree::Tree::new();
        let folders = folders(&nothing, None, &mut Diagnostics::default());
        assert!(!folders.is_empty());
        for folder in folders {
            let (kind, texts, faults) = read(&folder);
            assert!(faults.is_empty(), "{faults:?}");
            let mut templates = Templates::default();
            let reader = |_: &crate::template::LookupRequest| Ok(crate::yaml::Node::null());
            templates.add_reader("chart", Box::new(reader));
            templates.add(texts).unwrap();
            let faults = names::check(&kind.unwrap(), &templates);
            assert!(faults.is_empty(), "{faults:?}");
        }
    }
}
