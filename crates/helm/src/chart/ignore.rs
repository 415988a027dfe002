//! `.helmignore` (Helm, package `ignore`).

use crate::go::path_match::{BadPattern, path_match};

/// The rules of a chart's `.helmignore`, and Helm's default rule `templates/.?*`.
#[derive(Debug, Default)]
pub(super) struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: String,
    /// Whether the line begins with `!`. As in Helm, such a rule ignores everything that does *not* match.
    negates: bool,
    folders_only: bool,
    /// Whether the pattern contains a slash, so that it is matched against the path and not only the name.
    matches_path: bool,
}

/// An invalid line: its index, and Helm's message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRule {
    pub(super) line: usize,
    pub(super) message: &'static str,
}

impl Ignore {
    /// Parses a `.helmignore`. Errors: the first line with `**` or a malformed pattern.
    pub(super) fn parse(text: &str) -> Result<Ignore, BadRule> {
        let mut rules = Vec::new();
        for (line, text) in text.lines().enumerate() {
            let rule = Rule::parse(text.trim()).map_err(|message| BadRule { line, message })?;
            rules.extend(rule);
        }
        Ok(Ignore { rules })
    }

    /// Whether a path, relative to the chart's folder, is ignored.
    pub(super) fn ignores(&self, path: &str, is_folder: bool) -> bool {
        // Helm's default rule, for backup files of editors.
        let is_hidden_template = path
            .strip_prefix("templates/.")
            .is_some_and(|it| !it.is_empty() && !it.contains('/'));
        is_hidden_template || self.rules.iter().any(|it| it.ignores(path, is_folder))
    }
}

impl Rule {
    fn parse(line: &str) -> Result<Option<Rule>, &'static str> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        if line.contains("**") {
            return Err("double-star (**) syntax is not supported");
        }
        // Helm checks the syntax by matching this name. With an empty one, Go would not read the pattern to its end.
        if path_match(line, "abc") == Err(BadPattern) {
            return Err("syntax error in pattern");
        }
        let (negates, line) = stripped(line, |it| it.strip_prefix('!'));
        let (folders_only, line) = stripped(line, |it| it.strip_suffix('/'));
        Ok(Some(Rule {
            negates,
            folders_only,
            matches_path: line.contains('/'),
            pattern: line.strip_prefix('/').unwrap_or(line).to_string(),
        }))
    }

    fn ignores(&self, path: &str, is_folder: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let subject = if self.matches_path { path } else { name };
        let applies = !self.folders_only || is_folder;
        let matches = || path_match(&self.pattern, subject) == Ok(true);
        match self.negates {
            true => !applies || !matches(),
            false => applies && matches(),
        }
    }
}

/// Whether something was stripped from a line, and the rest of the line.
fn stripped<'a>(line: &'a str, strip: impl Fn(&'a str) -> Option<&'a str>) -> (bool, &'a str) {
    match strip(line) {
        Some(rest) => (true, rest),
        None => (false, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_ignored_as_in_helm() {
        let ignore =
            Ignore::parse("# no\n*.swp\n.git/\n/docs/*.md\nci/x-?.yaml\n[a-c]z\n").unwrap();
        for path in [
            "a.swp",
            "templates/b.swp",
            "docs/a.md",
            "ci/x-1.yaml",
            "bz",
            "templates/.x.yaml",
        ] {
            assert!(ignore.ignores(path, false), "{path}");
        }
        for path in [
            "a.yaml",
            "other/docs/a.md",
            "docs/a/b.md",
            "ci/x-10.yaml",
            "dz",
            ".git",
        ] {
            assert!(!ignore.ignores(path, false), "{path}");
        }
        assert!(ignore.ignores(".git", true));
    }

    #[test]
    fn patterns_that_helm_rejects_are_rejected() {
        let refused = |text: &str| Ignore::parse(text).unwrap_err();
        assert_eq!(refused("a\nb/**/c\n").line, 1);
        assert_eq!(refused("a[\n").message, "syntax error in pattern");
    }

    #[test]
    fn a_negated_pattern_ignores_all_else() {
        let ignore = Ignore::parse("!*.txt\n").unwrap();
        assert!(ignore.ignores("Chart.yaml", false));
        assert!(!ignore.ignores("a.txt", false));
    }
}
