//! The comment above a key, which describes the values of charts.

use crate::diag::Span;

/// The comment lines directly above the line of a location, without their `#`; `None` if there are none.
pub fn comment_above(location: &Span) -> Option<String> {
    let before = location.source().text.get(..location.start as usize)?;
    let above = before.get(..before.rfind('\n')?)?;
    let mut lines = Vec::new();
    for line in above.rsplit('\n') {
        match line.trim().strip_prefix('#') {
            Some(comment) => lines.push(plain(comment)),
            // A comment above an empty line belongs to a section, not to this key.
            None => break,
        }
    }
    lines.reverse();
    let text = lines.join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_string())
}

/// The comment without the marks of documentation generators: `# -- text`, `## text`, `## @param name text`.
fn plain(comment: &str) -> &str {
    let text = comment.trim_start_matches('#').trim();
    // The marks are those of helm-docs (`# --`) and of the readme generator of Bitnami (`##
    // @param`).
    let text = text.strip_prefix("-- ").unwrap_or(text);
    match text.strip_prefix("@param ") {
        Some(rest) => rest.split_once(' ').map_or("", |it| it.1),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Source;

    #[test]
    fn the_lines_right_above() {
        let of = |text: &str| {
            let source = Source::internal("values.yaml", text);
            let at = text.rfind("key").unwrap();
            comment_above(&Span::new(&source, at..at + 3))
        };
        assert_eq!(of("# a\n\n# -- b\n  # c\nkey: 1").as_deref(), Some("b\nc"));
        assert_eq!(
            of("## @param key Number of pods\nkey: 1").as_deref(),
            Some("Number of pods")
        );
        assert_eq!(of("key: 1"), None);
        assert_eq!(of("a: 1\nkey: 1"), None);
    }
}
