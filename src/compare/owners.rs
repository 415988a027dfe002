//! `CODEOWNERS`, as GitHub and GitLab read it.

use crate::tree::{Files, TreePath};

/// Possible paths of the file; the first existing one is used.
const PLACES: [&str; 4] = [
    ".github/CODEOWNERS",
    ".gitlab/CODEOWNERS",
    "CODEOWNERS",
    "docs/CODEOWNERS",
];

/// The owners of a repository's files.
#[derive(Clone, Debug, Default)]
pub struct CodeOwners {
    rules: Vec<(String, String)>,
}

impl CodeOwners {
    /// Reads the file of the repository at a folder; no rules if there is none.
    pub fn find(files: &dyn Files, root: &TreePath) -> CodeOwners {
        let places = PLACES.iter().filter_map(|it| TreePath::new(it));
        let texts = places.filter_map(|it| files.read(&root.join(&it)).ok());
        let text = texts.into_iter().next().unwrap_or_default();
        CodeOwners::parse(&String::from_utf8_lossy(&text))
    }

    /// Reads the rules. In GitLab's sections (`[Database]`), rules without owners have those of the section.
    pub fn parse(text: &str) -> CodeOwners {
        let (mut rules, mut common) = (Vec::new(), String::new());
        for line in text.lines() {
            let line = line.split_once(" #").map_or(line, |it| it.0).trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some((_, owners)) = heading(line) {
                common = owners.to_string();
                continue;
            }
            let (pattern, owners) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let owners = match owners.trim() {
                "" => common.clone(),
                owners => owners.split_whitespace().collect::<Vec<_>>().join(" "),
            };
            rules.push((pattern.to_string(), owners));
        }
        CodeOwners { rules }
    }

    /// The owners of a file, according to the last matching rule.
    pub fn of(&self, path: &TreePath) -> Option<&str> {
        let mut rules = self.rules.iter().rev();
        let (_, owners) = rules.find(|(pattern, _)| fits(pattern, path.as_str()))?;
        (!owners.is_empty()).then_some(owners)
    }
}

/// `[Name]`, `^[Name][2] @owner`: the text after the brackets.
fn heading(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix('^').unwrap_or(line);
    let (name, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.1,
        None => rest,
    };
    Some((name, rest.trim()))
}

/// Whether a pattern as in `.gitignore` matches a path or a folder above it.
fn fits(pattern: &str, path: &str) -> bool {
    let inner = pattern.trim_end_matches('/');
    let is_anchored = inner.contains('/');
    let only_below = pattern.ends_with('/');
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
        ends.filter(|end| !only_below || *end < rest.len())
            .filter(|end| !is_last_star || *end == rest.len())
            .any(|end| segments(&pattern, rest.get(..end).unwrap_or_default()))
    })
}

/// Whether a pattern with `*`, `?` and `**` matches a whole path.
pub(super) fn path_fits(pattern: &[&str], path: &TreePath) -> bool {
    segments(pattern, &path.parts().collect::<Vec<_>>())
}

/// `**` matches any number of folders. One pass is enough, because only the last `**` needs backtracking.
fn segments(pattern: &[&str], path: &[&str]) -> bool {
    let (mut at, mut seen, mut last) = (0, 0, None);
    while let Some(name) = path.get(seen) {
        match pattern.get(at) {
            Some(&"**") => {
                last = Some((at, seen));
                at += 1;
            }
            Some(it) if name_fits(it.as_bytes(), name.as_bytes()) => {
                at += 1;
                seen += 1;
            }
            _ => match last {
                Some((back, from)) => {
                    at = back + 1;
                    seen = from + 1;
                    last = Some((back, from + 1));
                }
                None => return false,
            },
        }
    }
    let rest = pattern.get(at..).unwrap_or_default();
    rest.iter().all(|it| *it == "**")
}

/// `*` matches any characters, `?` one. One pass is enough, because only the last star needs backtracking.
fn name_fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut seen, mut star) = (0, 0, None);
    while let Some(byte) = name.get(seen) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(it) if *it == b'?' || it == byte => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((back, from)) => {
                    at = back + 1;
                    seen = from + 1;
                    star = Some((back, from + 1));
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
