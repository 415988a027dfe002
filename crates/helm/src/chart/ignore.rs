//! `.helmignore`, as Helm reads it.

/// What of a chart's folder is no part of the chart.
#[derive(Default)]
pub(super) struct Ignore {
    rules: Vec<Rule>,
}

struct Rule {
    pattern: Vec<char>,
    /// What does *not* match is ignored: that is what Helm makes of a `!`.
    negates: bool,
    folders_only: bool,
    /// Against the whole path, and not the name alone.
    whole: bool,
}

impl Ignore {
    pub(super) fn parse(text: &str) -> Ignore {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|it| !it.is_empty() && !it.starts_with('#'));
        let rule = |line: &str| {
            let (negates, line) = match line.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, line),
            };
            let (folders_only, line) = match line.strip_suffix('/') {
                Some(rest) => (true, rest),
                None => (false, line),
            };
            Rule {
                negates,
                folders_only,
                whole: line.contains('/'),
                pattern: line.trim_start_matches('/').chars().collect(),
            }
        };
        Ignore {
            rules: lines.map(rule).collect(),
        }
    }

    /// Whether a path, relative to the chart's folder, is left out.
    pub(super) fn ignores(&self, path: &str, is_folder: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        // Editors leave such files, and Helm would render them.
        let is_hidden_template = path.starts_with("templates/.");
        is_hidden_template
            || self.rules.iter().any(|rule| {
                let text: Vec<char> = if rule.whole { path } else { name }.chars().collect();
                let applies = !rule.folders_only || is_folder;
                match rule.negates {
                    true => !applies || !matches(&rule.pattern, &text),
                    false => applies && matches(&rule.pattern, &text),
                }
            })
    }
}

/// `*` and `?` stand for anything but a slash, `[a-z]` and `[^a-z]` for one character.
fn matches(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            let end = text.iter().position(|it| *it == '/').unwrap_or(text.len());
            (0..=end).any(|at| matches(rest, text.get(at..).unwrap_or_default()))
        }
        (['[', class @ ..], [c, text @ ..]) => {
            let Some(end) = class
                .iter()
                .skip(1)
                .position(|it| *it == ']')
                .map(|at| at + 1)
            else {
                return false;
            };
            let (class, rest) = class.split_at(end);
            in_class(class, *c) && matches(rest.get(1..).unwrap_or_default(), text)
        }
        (['?', rest @ ..], [c, text @ ..]) => *c != '/' && matches(rest, text),
        (['\\', p, rest @ ..], [c, text @ ..]) | ([p, rest @ ..], [c, text @ ..]) => {
            p == c && matches(rest, text)
        }
        _ => false,
    }
}

fn in_class(class: &[char], c: char) -> bool {
    let (negates, mut class) = match class {
        ['^', rest @ ..] => (true, rest),
        class => (false, class),
    };
    let mut found = false;
    loop {
        class = match class {
            [from, '-', to, rest @ ..] => {
                found |= (*from..=*to).contains(&c);
                rest
            }
            [one, rest @ ..] => {
                found |= *one == c;
                rest
            }
            [] => return found != negates,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_ignored_as_helm_ignores_them() {
        let ignore = Ignore::parse("# no\n*.swp\n.git/\n/docs/*.md\nci/x-?.yaml\n[a-c]z\n");
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
}
