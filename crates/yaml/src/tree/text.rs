//! A tree as text: `-- path --` lines, each followed by the content of the file. Used for test cases and bug reports.

use std::fmt::Write;

use super::{Tree, TreePath};

impl Tree {
    /// Parses sections `-- path --`. Text before the first one is a comment.
    pub fn from_text(text: &str) -> Tree {
        let mut tree = Tree::new();
        let mut current: Option<(TreePath, String)> = None;
        for line in text.split_inclusive('\n') {
            if let Some(path) = header(line) {
                if let Some((path, body)) = current.take() {
                    tree.insert(path, body.into_bytes());
                }
                current = Some((path, String::new()));
            } else if let Some((_, body)) = &mut current {
                body.push_str(line);
            }
        }
        if let Some((path, body)) = current {
            tree.insert(path, body.into_bytes());
        }
        tree
    }

    /// Prints the tree for [`Tree::from_text`]. Invalid UTF-8 is replaced.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (path, bytes) in self {
            let _ = writeln!(text, "-- {path} --");
            text.push_str(&String::from_utf8_lossy(bytes));
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
        text
    }
}

fn header(line: &str) -> Option<TreePath> {
    let path = line.trim_end().strip_prefix("-- ")?.strip_suffix(" --")?;
    TreePath::new(path).filter(|path| *path != TreePath::root())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let text = "-- a/b.yaml --\nx: 1\n-- c --\n-- d --\n\ny\n";
        assert_eq!(Tree::from_text(text).to_text(), text);
    }
}
