//! Paths inside a tree: relative, with `/` between the parts, and without `.` and `..`.

use std::fmt;
use std::sync::Arc;

/// A path relative to a tree's root: parts joined by `/`, none of them empty, `.` or `..`. The root itself is the empty path.
///
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Arc<str>);

impl TreePath {
    /// The empty path, which is the tree's root.
    pub fn root() -> TreePath {
        TreePath(Arc::from(""))
    }

    /// Parses a path as written: `./` and `//` are dropped, `..` goes up. `None` if it leads outside of the root or is absolute.
    pub fn new(path: &str) -> Option<TreePath> {
        TreePath::root().resolve(path)
    }

    /// Resolves a relative path from this folder. `None` if it leads out of the root or is absolute.
    pub fn resolve(&self, relative: &str) -> Option<TreePath> {
        if relative.starts_with('/') {
            return None;
        }
        let mut parts: Vec<&str> = self.parts().collect();
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    // Never above the root, so a path in a file cannot refer to anything outside.
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        Some(TreePath(parts.join("/").into()))
    }

    /// This path followed by another.
    pub fn join(&self, other: &TreePath) -> TreePath {
        match (self.0.is_empty(), other.0.is_empty()) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => TreePath([&*self.0, "/", &*other.0].concat().into()),
        }
    }

    /// The child of this folder with a name, which must be a single part.
    pub fn child(&self, name: &str) -> TreePath {
        debug_assert!(!name.is_empty() && !name.contains('/') && name != "." && name != "..");
        if self.0.is_empty() {
            TreePath(name.into())
        } else {
            TreePath([&*self.0, "/", name].concat().into())
        }
    }

    /// The parent folder; `None` for the root.
    pub fn parent(&self) -> Option<TreePath> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr::memrchr(b'/', self.0.as_bytes()).unwrap_or(0);
        Some(TreePath(self.0.get(..end).unwrap_or("").into()))
    }

    /// The last part; empty for the root.
    pub fn name(&self) -> &str {
        let start = memchr::memrchr(b'/', self.0.as_bytes()).map_or(0, |it| it + 1);
        self.0.get(start..).unwrap_or("")
    }

    /// The parts, from the root.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// This path relative to one of its parents.
    pub fn below(&self, folder: &TreePath) -> Option<TreePath> {
        if folder.0.is_empty() {
            return Some(self.clone());
        }
        // With the slash, so that `apps-old` is not below `apps`.
        let rest = self.0.strip_prefix(&*folder.0)?.strip_prefix('/')?;
        Some(TreePath(rest.into()))
    }

    /// An upper bound in sort order for all paths below this path.
    pub(super) fn inside(&self) -> TreePath {
        TreePath(format!("{}/", self.0).into())
    }

    /// The relative path from this folder to `target`, with `..` where needed.
    pub fn relative(&self, target: &TreePath) -> String {
        let (from, to): (Vec<_>, Vec<_>) = (self.parts().collect(), target.parts().collect());
        let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        let mut parts = vec![".."; from.len() - shared];
        parts.extend(&to[shared..]);
        if parts.is_empty() {
            ".".to_string()
        } else {
            parts.join("/")
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolving_stays_inside() {
        let folder = TreePath::new("a/b").unwrap();
        assert_eq!(folder.resolve("../c/./d//e").unwrap().as_str(), "a/c/d/e");
        assert_eq!(folder.resolve("../.."), Some(TreePath::root()));
        assert_eq!(folder.resolve("../../.."), None);
        assert_eq!(folder.resolve("/etc"), None);
    }

    #[test]
    fn relative_is_the_way_back() {
        let check = |from: &str, to: &str, expected: &str| {
            let (from, to) = (TreePath::new(from).unwrap(), TreePath::new(to).unwrap());
            assert_eq!(from.relative(&to), expected);
            assert_eq!(from.resolve(expected), Some(to));
        };
        check("apps/prod/x", "apps/base/x", "../../base/x");
        check("", "a/b", "a/b");
        check("a", "a", ".");
    }
}
