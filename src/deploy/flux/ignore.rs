//! `.sourceignore`: files that Flux leaves out of what it builds from a repository, with the rules of `.gitignore`.

use super::super::glob::{Dialect, is_match};
use crate::tree::{Files, TreePath};

/// The name of the files with rules.
const FILE: &str = ".sourceignore";

/// What source-controller leaves out of every artifact.
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
pub(super) struct Ignored {
    rules: Vec<Rule>,
}

#[derive(Clone)]
struct Rule {
    /// The folder that the rule's path begins at.
    folder: TreePath,
    pattern: String,
    /// Whether it takes a file in again.
    is_negated: bool,
}

impl Ignored {
    /// The rules above and in a folder.
    pub(super) fn of(files: &dyn Files, folder: &TreePath) -> Ignored {
        let mut above = vec![folder.clone()];
        while let Some(parent) = above.last().and_then(TreePath::parent) {
            above.push(parent);
        }
        let mut ignored = Ignored::default();
        for folder in above.into_iter().rev() {
            ignored.read(files, &folder);
        }
        ignored
    }

    /// These rules and those of a folder below.
    pub(super) fn below(&self, files: &dyn Files, folder: &TreePath) -> Ignored {
        let mut ignored = self.clone();
        ignored.read(files, folder);
        ignored
    }

    fn read(&mut self, files: &dyn Files, folder: &TreePath) {
        let bytes = files.read(&folder.child(FILE)).ok();
        let text = bytes.map(|it| String::from_utf8_lossy(&it).into_owned());
        for line in text.iter().flat_map(|it| it.lines()).map(str::trim_end) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (is_negated, line) = match line.strip_prefix('!') {
                Some(line) => (true, line),
                None => (false, line),
            };
            let path = line.trim_end_matches('/');
            // A path is that of one place, a bare name any such name below.
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

    /// Whether a name in a folder is left out: the last rule that fits it decides.
    pub(super) fn leaves_out(&self, path: &TreePath) -> bool {
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
