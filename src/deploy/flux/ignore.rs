//! `.sourceignore` and `spec.ignore`: files of a repository that Flux ignores, with the rules of `.gitignore`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::glob::{Dialect, is_match};
use crate::object::Object;
use crate::tree::{Entry, EntryKind, Files, FilesError, TreePath, Unlisted, Walk};

/// The name of the files with rules.
const FILE: &str = ".sourceignore";

/// The files that source-controller excludes from every artifact.
const ALWAYS: [&str; 9] = [
    ".git",
    ".github",
    ".circleci",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    ".sops.yaml",
];

/// The rules for a folder of a repository, those of the folders above it included.
#[derive(Clone, Default)]
pub(super) struct IgnoreRules {
    rules: Vec<Rule>,
}

#[derive(Clone)]
struct Rule {
    /// The folder that the rule's path begins at.
    folder: TreePath,
    pattern: String,
    /// Whether it includes a file again.
    is_negated: bool,
}

impl IgnoreRules {
    /// The rules above and in a folder.
    pub(super) fn load(files: &dyn Files, folder: &TreePath) -> IgnoreRules {
        let mut above = vec![folder.clone()];
        while let Some(parent) = above.last().and_then(TreePath::parent) {
            above.push(parent);
        }
        let mut ignored = IgnoreRules::default();
        for folder in above.into_iter().rev() {
            ignored.read(files, &folder);
        }
        ignored
    }

    /// These rules and those of a folder below.
    pub(super) fn below(&self, files: &dyn Files, folder: &TreePath) -> IgnoreRules {
        let mut ignored = self.clone();
        ignored.read(files, folder);
        ignored
    }

    fn read(&mut self, files: &dyn Files, folder: &TreePath) {
        let bytes = files.read(&folder.child(FILE)).ok();
        let text = bytes.map(|it| String::from_utf8_lossy(&it).into_owned());
        self.add(text.as_deref().unwrap_or(""), folder);
    }

    /// Adds rules that are written in a folder.
    fn add(&mut self, rules: &str, folder: &TreePath) {
        for line in rules.lines().map(str::trim_end) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (is_negated, line) = match line.strip_prefix('!') {
                Some(line) => (true, line),
                None => (false, line),
            };
            let path = line.trim_end_matches('/');
            // A path matches one location, a name without slashes matches at any depth.
            let pattern = match path.strip_prefix('/') {
                Some(path) => path.to_string(),
                None if path.contains('/') => path.to_string(),
                None => format!("**/{path}"),
            };
            self.rules.push(Rule {
                folder: folder.clone(),
                pattern,
                is_negated,
            });
        }
    }

    /// Whether a path is ignored, by a rule for itself or for a folder above it: the last rule that matches any of them applies.
    fn ignores_with_parents(&self, path: &TreePath) -> bool {
        let above = || std::iter::successors(Some(path.clone()), TreePath::parent);
        if above().any(|it| ALWAYS.contains(&it.name())) {
            return true;
        }
        let fits = |rule: &&Rule| {
            above().any(|it| {
                let below = it.below(&rule.folder);
                below.is_some_and(|it| is_match(&rule.pattern, it.as_str(), Dialect::Tree))
            })
        };
        let mut rules = self.rules.iter().rev();
        rules.find(fits).is_some_and(|it| !it.is_negated)
    }

    /// Whether a name in a folder is ignored: the last matching rule applies.
    pub(super) fn ignores(&self, path: &TreePath) -> bool {
        if ALWAYS.contains(&path.name()) {
            return true;
        }
        let fits = |it: &&Rule| {
            let below = path.below(&it.folder);
            below.is_some_and(|below| is_match(&it.pattern, below.as_str(), Dialect::Tree))
        };
        let mut rules = self.rules.iter().rev();
        rules.find(fits).is_some_and(|it| !it.is_negated)
    }
}

/// Files, except those that a source excludes from its artifact.
pub(in crate::deploy) struct WithoutIgnored<'a> {
    files: &'a dyn Files,
    ignored: IgnoreRules,
}

/// The files of a source as an engine gets them: without what `spec.ignore` leaves out, which goes after `.sourceignore` at the
/// top. `None` if it excludes nothing.
pub(in crate::deploy) fn without_ignored<'a>(
    files: &'a dyn Files,
    source: Option<&Object>,
) -> Option<WithoutIgnored<'a>> {
    let rules = source?.node.at_keys(&["spec", "ignore"])?.as_str()?;
    let mut ignored = IgnoreRules::load(files, &TreePath::root());
    ignored.add(rules, &TreePath::root());
    Some(WithoutIgnored { files, ignored })
}

impl WithoutIgnored<'_> {
    fn is_visible(&self, path: &TreePath) -> bool {
        !self.ignored.ignores_with_parents(path)
    }

    /// A folder is in the artifact if a file of it is.
    fn has_files(&self, folder: &TreePath) -> bool {
        let mut open = Walk::new(self.files, folder.clone());
        while let Some(folder) = open.next() {
            for entry in self.files.list(&folder).unwrap_or_default() {
                let path = folder.child(&entry.name);
                match entry.kind {
                    EntryKind::File if self.is_visible(&path) => return true,
                    EntryKind::Folder => open.add(path),
                    EntryKind::File => {}
                }
            }
        }
        false
    }
}

impl Files for WithoutIgnored<'_> {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        match self.is_visible(path) {
            true => self.files.read(path),
            false => Err(FilesError::NotFound),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let mut entries = self.files.list(folder)?;
        entries.retain(|it| {
            let path = folder.child(&it.name);
            self.is_visible(&path) || it.kind == EntryKind::Folder && self.has_files(&path)
        });
        Ok(entries)
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        self.files.real(path)
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        self.files.unlisted()
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        Ok(match self.files.kind(path)? {
            Some(EntryKind::File) if !self.is_visible(path) => None,
            Some(EntryKind::Folder) if !self.is_visible(path) && !self.has_files(path) => None,
            kind => kind,
        })
    }
}
