//! Finds and reads the folders of kinds: those of the workspace, and the built-in ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};

use memchr::memmem;

use super::super::document::unreadable;
use super::super::unread;
use super::super::workspace::WorkspaceConfig;
use super::definition::{KindFolder, read};
use super::{ClaimKind, conflicts, effects, fields, names};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::layout::KIND;
use crate::template::{BUILTIN, Templates, Texts, builtin};
use crate::tree::{EntryKind, Files, FilesError, TreePath};

/// The kinds that were read.
#[derive(Default)]
pub(in crate::load) struct Kinds {
    pub(in crate::load) valid: Vec<Arc<ClaimKind>>,
    /// The names of kinds with errors.
    pub(in crate::load) invalid: Vec<String>,
}

impl Kinds {
    /// Whether there is a kind with this name, valid or not.
    pub(in crate::load) fn contains(&self, name: &str) -> bool {
        let mut valid = self.valid.iter();
        valid.any(|it| it.has_name(name)) || self.invalid.iter().any(|it| it == name)
    }
}

/// The kinds to read.
#[derive(Clone, Copy)]
pub(in crate::load) enum KindFilter<'a> {
    All,
    /// The kinds of the workspace, and the built-in ones with one of these names.
    OwnAndNamed(&'a BTreeSet<String>),
    /// The kinds with one of these names.
    Named(&'a BTreeSet<String>),
}

/// Reads the kinds of the workspace, if there is one, and the built-in ones that they do not replace.
///
/// A kind that the filter excludes is read anyway if a template of another kind may include one of its templates.
pub(in crate::load) fn read_all(
    files: &dyn Files,
    workspace: Option<&WorkspaceConfig>,
    filter: KindFilter<'_>,
    templates: &mut Templates,
    diagnostics: &mut Diagnostics,
) -> Kinds {
    let folders = folders(files, workspace, diagnostics);
    let (selected, mut rest): (Vec<_>, Vec<_>) =
        folders.into_iter().partition(|it| it.may_match(filter));
    let mut queue = VecDeque::from(selected);
    let mut kinds = Kinds::default();
    let mut own = Vec::new();
    while let Some(folder) = queue.pop_front() {
        let mut add_included = |texts: &Texts| {
            queue.extend(rest.extract_if(.., |it| it.may_be_included_by(texts)));
        };
        if folder.is_builtin {
            let (kind, texts) = builtin_kind(folder.path.name());
            add_included(texts);
            templates.share(texts);
            kinds.valid.push(kind.clone());
            continue;
        }
        let (kind, texts, mut faults) = read(&folder);
        add_included(&texts);
        faults.extend(templates.add(texts).err().into_iter().flatten());
        match kind.filter(|_| !faults.has_errors()) {
            Some(mut kind) => {
                faults.extend(names::check(&kind, templates));
                faults.extend(fields::check(&kind));
                effects::add_unread(&mut kind, templates);
                match faults.has_errors() {
                    false => own.push(Arc::new(kind)),
                    true => kinds.invalid.push(kind.name),
                }
            }
            None => kinds.invalid.push(folder.path.name().to_string()),
        }
        diagnostics.extend(faults);
    }
    let named = named_builtin_kinds(&own, &kinds.valid, &rest);
    let removed = conflicts::resolve(&mut own, &named, diagnostics);
    kinds.invalid.extend(removed);
    diagnostics.extend(unknown_kinds(&own, &kinds, &rest));
    // A template of a kind that is not read may include any other.
    if kinds.invalid.is_empty() && rest.iter().all(|it| it.is_builtin) {
        diagnostics.extend(unused_templates(&own, templates));
    }
    own.append(&mut kinds.valid);
    kinds.valid = own;
    kinds
}

/// Checks the kinds that the kinds `own` refer to. `read` are the other kinds that were read, and `rest` the folders of further ones.
fn unknown_kinds(own: &[Arc<ClaimKind>], read: &Kinds, rest: &[KindFolder<'_>]) -> Diagnostics {
    // The aliases of kinds that are not read, or with errors, are not known.
    if !read.invalid.is_empty() || rest.iter().any(|it| !it.is_builtin) {
        return Diagnostics::default();
    }
    let check = |known: &BTreeSet<&str>| -> Diagnostics {
        let faults = own.iter().flat_map(|it| fields::check_kinds(it, known));
        faults.collect()
    };
    let mut known: BTreeSet<&str> = own.iter().flat_map(|it| it.names()).collect();
    known.extend(read.valid.iter().flat_map(|it| it.names()));
    known.extend(rest.iter().map(|it| it.path.name()));
    let found = check(&known);
    if found.is_empty() {
        return found;
    }
    // The aliases of built-in kinds are only read if they may be needed.
    let builtin = rest.iter().map(|it| &*builtin_kind(it.path.name()).0);
    known.extend(builtin.flat_map(|it| it.names()));
    check(&known)
}

/// Reports templates that no kind uses. Warnings: `unread-file`.
fn unused_templates(own: &[Arc<ClaimKind>], templates: &Templates<'_>) -> Vec<Diagnostic> {
    let texts = own.iter().flat_map(|it| templates.of_kind(&it.name));
    let (expressions, unused): (Vec<&str>, Vec<&str>) = texts.partition(|it| it.contains('#'));
    let mut unused: BTreeSet<&str> = unused.into_iter().collect();
    let files = own.iter().flat_map(|it| &it.files);
    let files = files.map(|it| it.template.clone());
    let mut used: Vec<String> = expressions.into_iter().map(str::to_string).collect();
    used.extend(files);
    while let Some(name) = used.pop() {
        if !name.contains('#') && !unused.remove(&*name) {
            continue;
        }
        match templates.includes(&name) {
            Some(included) => used.extend(included),
            // The name of an included template is computed.
            None => return Vec::new(),
        }
    }
    let unread = unused.into_iter().map(|name| {
        let path = templates.path_of(name);
        let message = format!("`{path}` is not read: no kind uses this template");
        let fault = Diagnostic::warning("unread-file", message).at(Span::of_file(&path));
        fault.help("list it in `files` of the kind, include it in another template, or remove it")
    });
    unread.collect()
}

/// The built-in kinds that were read, and those of `rest` that may have a name of the kinds `own`.
fn named_builtin_kinds(
    own: &[Arc<ClaimKind>],
    read: &[Arc<ClaimKind>],
    rest: &[KindFolder<'_>],
) -> Vec<Arc<ClaimKind>> {
    let names: BTreeSet<&str> = own.iter().flat_map(|it| it.names()).collect();
    let may_have_alias = |folder: &KindFolder<'_>| {
        let text = folder.files.read(&folder.path.child(KIND));
        let text = text.unwrap_or_default();
        let mut lines = text.split(|it| *it == b'\n');
        let aliases = lines.find(|it| it.trim_ascii_start().starts_with(b"aliases:"));
        aliases.is_some_and(|line| {
            let contains = |name: &&str| memmem::find(line, name.as_bytes()).is_some();
            names.iter().any(contains)
        })
    };
    let rest = rest
        .iter()
        .filter(|it| it.is_builtin && (names.contains(it.path.name()) || may_have_alias(it)));
    let rest = rest.map(|it| builtin_kind(it.path.name()).0.clone());
    read.iter().cloned().chain(rest).collect()
}

/// A built-in kind and its texts. Because they never change, each is read only once, when it is first needed.
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
        let folder = KindFolder {
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

/// Reads the built-in kinds whose names are in these files, so that a later [`load`](super::super::load) does not have to. It can
/// run in parallel with other work.
pub fn preload_builtin_kinds(files: &dyn Files, paths: &[TreePath]) {
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

impl KindFolder<'_> {
    /// Whether a filter may include the kind. `kind.yaml` contains all names of the kind, so the kind cannot have a name that is not
    /// in the file.
    fn may_match(&self, filter: KindFilter<'_>) -> bool {
        let names = match filter {
            KindFilter::All => return true,
            KindFilter::OwnAndNamed(_) if !self.is_builtin => return true,
            KindFilter::OwnAndNamed(names) | KindFilter::Named(names) => names,
        };
        let Ok(text) = self.files.read(&self.path.child(KIND)) else {
            return true;
        };
        // A file with a backslash may contain any name, as an escape sequence.
        let contains = |word: &str| memmem::find(&text, word.as_bytes()).is_some();
        names.iter().any(|it| contains(it)) || !self.is_builtin && contains("\\")
    }

    /// Whether these texts contain the beginning of the name of one of its templates.
    fn may_be_included_by(&self, texts: &Texts) -> bool {
        texts.any_contains(&format!("{}/", self.path.name()))
    }
}

/// The folders of all kinds, first those of the workspace.
fn folders<'a>(
    files: &'a dyn Files,
    workspace: Option<&WorkspaceConfig>,
    diagnostics: &mut Diagnostics,
) -> Vec<KindFolder<'a>> {
    let own = workspace.map(|it| own_folders(files, it, diagnostics));
    let own = own.into_iter().flatten().map(|path| KindFolder {
        files,
        path,
        is_builtin: false,
    });
    let mut folders: Vec<KindFolder<'a>> = own.collect();
    for path in builtin_folders() {
        if !folders.iter().any(|own| own.path.name() == path.name()) {
            folders.push(KindFolder {
                files: builtin(),
                path,
                is_builtin: true,
            });
        }
    }
    folders
}

/// The folders of the kinds of a workspace.
fn own_folders(
    files: &dyn Files,
    workspace: &WorkspaceConfig,
    diagnostics: &mut Diagnostics,
) -> Vec<TreePath> {
    let mut folders = Vec::new();
    for (at, folder) in workspace.templates.iter().enumerate() {
        let span = workspace.template_spans.get(at);
        match kind_folders(files, folder) {
            Ok(found) => folders.extend(found),
            // The default folder may be missing, even if it is set explicitly.
            Err(FilesError::NotFound) if folder.as_str() == "templates" => {}
            Err(FilesError::NotFound) => {
                diagnostics.extend(span.map(|it| missing_folder(files, folder, it)));
            }
            Err(error) => {
                let fault = unreadable(folder, &error);
                diagnostics.push(fault.at(span.unwrap_or(&workspace.span)));
            }
        }
        diagnostics.extend(unread_kinds(files, folder, &workspace.templates));
    }
    folders
}

/// The error for a folder in `pleach.yaml` that does not exist.
fn missing_folder(files: &dyn Files, folder: &TreePath, span: &Span) -> Diagnostic {
    let siblings = folder.parent().and_then(|it| files.list(&it).ok());
    let siblings = siblings.unwrap_or_default();
    let folders = siblings.iter().filter(|it| it.kind == EntryKind::Folder);
    let fault = Diagnostic::error(
        "missing-templates",
        format!("folder `{folder}` does not exist"),
    );
    fault
        .at(span)
        .did_you_mean(folder.name(), folders.map(|it| &*it.name))
        .help("correct the name, or remove it from `templates`")
}

/// Reports kinds that are not read because their file is misnamed or not in a folder of its own, and templates without a kind.
/// `all` are the folders of kinds.
fn unread_kinds(files: &dyn Files, folder: &TreePath, all: &[TreePath]) -> Vec<Diagnostic> {
    let entries = files.list(folder).unwrap_or_default();
    let misplaced = unread::kind_without_folder(folder, &entries);
    let entries = entries.into_iter();
    let folders = entries.filter(|it| it.kind == EntryKind::Folder && !it.name.starts_with('.'));
    let unread = |path: TreePath| {
        if all.contains(&path) {
            return None;
        }
        let entries = files.list(&path).ok()?;
        if !matches!(files.kind(&path.child(KIND)), Ok(None)) {
            return unread::second_kind_file(&path, &entries);
        }
        unread::wrong_kind_file(&path, &entries)
            .or_else(|| unread::nested_kind(files, &path, &entries))
            .or_else(|| unread::templates_without_kind(&path, &entries))
    };
    let unread = folders.filter_map(|it| unread(folder.child(&it.name)));
    unread.chain(misplaced).collect()
}

/// The subfolders that contain a `kind.yaml`.
fn kind_folders(files: &dyn Files, folder: &TreePath) -> Result<Vec<TreePath>, FilesError> {
    let entries = files
        .list(folder)?
        .into_iter()
        .filter(|it| it.kind == EntryKind::Folder && !it.name.starts_with('.'));
    let folders = entries.map(|it| folder.child(&it.name));
    let is_kind = |it: &TreePath| match files.kind(&it.child(KIND)) {
        Ok(kind) => kind == Some(EntryKind::File),
        // The kind is missing otherwise, and its claims would be of an unknown kind. The error is reported when the file is read.
        Err(error) => matches!(error, FilesError::Other(_)),
    };
    Ok(folders.filter(is_kind).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Entry, Tree};

    /// Files of which everything below a folder cannot be read.
    struct Locked(Tree, TreePath);

    impl Locked {
        fn check(&self, path: &TreePath) -> Result<(), FilesError> {
            match path.below(&self.1) {
                Some(_) => Err(FilesError::Other("permission denied".to_string())),
                None => Ok(()),
            }
        }
    }

    impl Files for Locked {
        fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
            self.check(path)?;
            self.0.read(path)
        }

        fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
            self.check(folder)?;
            self.0.list(folder)
        }

        fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
            self.0.real(path)
        }

        fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
            self.check(path)?;
            self.0.kind(path)
        }
    }

    #[test]
    fn a_kind_that_cannot_be_read_is_reported() {
        let text = "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: a}\n-- templates/Site/kind.yaml --\nkind: ClaimKind\n";
        let files = Locked(
            Tree::from_text(text),
            TreePath::new("templates/Site").unwrap(),
        );
        let workspace = WorkspaceConfig::read(&files).unwrap();
        let (mut templates, mut faults) = (Templates::default(), Diagnostics::default());
        let kinds = read_all(
            &files,
            Some(&workspace),
            KindFilter::All,
            &mut templates,
            &mut faults,
        );
        assert_eq!(kinds.invalid, ["Site"]);
        let codes: Vec<&str> = faults.iter().map(|it| it.code).collect();
        assert_eq!(codes, ["unreadable-file"]);
    }

    #[test]
    fn built_in_kinds_have_no_errors() {
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
            let kind = kind.unwrap();
            let mut faults = names::check(&kind, &templates);
            faults.extend(fields::check(&kind));
            assert!(faults.is_empty(), "{faults:?}");
        }
    }
}
