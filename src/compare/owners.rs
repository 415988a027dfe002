//! Reads `CODEOWNERS` as GitHub and GitLab do.

use crate::tree::{Files, TreePath};

/// The possible paths of the file. The first one that exists is used.
const PATHS: [&str; 4] = [
    ".github/CODEOWNERS",
    ".gitlab/CODEOWNERS",
    "CODEOWNERS",
    "docs/CODEOWNERS",
];

/// The owners of a repository's files.
#[derive(Clone, Debug, Default)]
pub struct CodeOwners {
    /// Patterns and owners, in the order of the file.
    rules: Vec<(String, String)>,
}

impl CodeOwners {
    /// Reads the file of a repository; no rules if it has none. `root` is the top folder of the repository.
    pub fn read(files: &dyn Files, root: &TreePath) -> CodeOwners {
        let paths = PATHS.iter().filter_map(|it| TreePath::new(it));
        let mut texts = paths.filter_map(|it| files.read(&root.join(&it)).ok());
        let text = texts.next().unwrap_or_default();
        CodeOwners::parse(&String::from_utf8_lossy(&text))
    }

    /// Parses the rules. In GitLab's sections (`[Database]`), rules without owners have those of the section.
    pub fn parse(text: &str) -> CodeOwners {
        let (mut rules, mut section_owners) = (Vec::new(), String::new());
        for line in text.lines() {
            let line = line.split_once(" #").map_or(line, |it| it.0).trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(owners) = section(line) {
                section_owners = owners.to_string();
                continue;
            }
            let (pattern, owners) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let owners = match owners.trim() {
                "" => section_owners.clone(),
                owners => owners.split_whitespace().collect::<Vec<_>>().join(" "),
            };
            rules.push((pattern.to_string(), owners));
        }
        CodeOwners { rules }
    }

    /// The owners of a file, according to the last matching rule.
    pub fn owners(&self, path: &TreePath) -> Option<&str> {
        let mut rules = self.rules.iter().rev();
        let (_, owners) = rules.find(|(pattern, _)| matches(pattern, path.as_str()))?;
        (!owners.is_empty()).then_some(owners)
    }
}

/// The owners in the first line of a section, such as `[Name] @owner` or `^[Name][2] @owner`; `None` for other lines.
fn section(line: &str) -> Option<&str> {
    let line = line.strip_prefix('^').unwrap_or(line);
    let (_, owners) = line.strip_prefix('[')?.split_once(']')?;
    let owners = match owners.strip_prefix('[') {
        Some(approvals) => approvals.split_once(']')?.1,
        None => owners,
    };
    Some(owners.trim())
}

/// Whether a pattern with the syntax of `.gitignore` matches a path or a folder above it.
fn matches(pattern: &str, path: &str) -> bool {
    let inner = pattern.trim_end_matches('/');
    let is_anchored = inner.contains('/');
    let is_folder = pattern.ends_with('/');
    let pattern: Vec<&str> = inner.trim_start_matches('/').split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    let starts = if is_anchored || pattern.is_empty() {
        1
    } else {
        path.len()
    };
    (0..starts).any(|start| {
        let rest = path.get(start..).unwrap_or_default();
        // `docs/*` matches the files in the folder, but not those in subfolders.
        let is_last_star = pattern.last() == Some(&"*") && pattern.len() > 1;
        let ends = if is_last_star {
            rest.len().min(pattern.len())..=rest.len().min(pattern.len())
        } else {
            1..=rest.len()
        };
        ends.filter(|end| !is_folder || *end < rest.len())
            .filter(|end| !is_last_star || *end == rest.len())
            .any(|end| segments_match(&pattern, rest.get(..end).unwrap_or_default()))
    })
}

/// Whether a pattern with `*`, `?` and `**` matches the complete path.
pub(super) fn path_matches(pattern: &[&str], path: &TreePath) -> bool {
    segments_match(pattern, &path.parts().collect::<Vec<_>>())
}

/// Whether the segments of a pattern match those of a path. `**` matches any number of segments. One pass is enough, because only
/// the last `**` needs backtracking.
fn segments_match(pattern: &[&str], path: &[&str]) -> bool {
    let (mut at, mut path_at, mut last_stars) = (0, 0, None);
    while let Some(name) = path.get(path_at) {
        match pattern.get(at) {
            Some(&"**") => {
                last_stars = Some((at, path_at));
                at += 1;
            }
            Some(it) if name_matches(it.as_bytes(), name.as_bytes()) => {
                at += 1;
                path_at += 1;
            }
            _ => match last_stars {
                Some((stars, from)) => {
                    at = stars + 1;
                    path_at = from + 1;
                    last_stars = Some((stars, from + 1));
                }
                None => return false,
            },
        }
    }
    let rest = pattern.get(at..).unwrap_or_default();
    rest.iter().all(|it| *it == "**")
}

/// Whether a segment of a pattern matches a name. `*` matches any characters, `?` a single one. One pass is enough, because only the
/// last `*` needs backtracking.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut name_at, mut last_star) = (0, 0, None);
    while let Some(byte) = name.get(name_at) {
        match pattern.get(at) {
            Some(b'*') => {
                last_star = Some((at, name_at));
                at += 1;
            }
            Some(it) if *it == b'?' || it == byte => {
                at += 1;
                name_at += 1;
            }
            _ => match last_star {
                Some((star, from)) => {
                    at = star + 1;
                    name_at = from + 1;
                    last_star = Some((star, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at..)
        .unwrap_or_default()
        .iter()
        .all(|it| *it == b'*')
}
