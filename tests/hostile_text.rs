//! Names, values and messages that try to break out of a report: no format contains their control characters, or a line that GitHub
//! Actions would execute as a command.

use std::collections::{BTreeMap, BTreeSet};

use pleach::affected::{Affected, AffectedClaims};
use pleach::diag::{Diagnostic, Diagnostics, Source, Span};
use pleach::matrix::{Claim, Matrix, Row};
use pleach::object::ObjectId;
use pleach::report::{
    AffectedParts, Format, affected_json, affected_matrix, affected_names, matrix_json,
    matrix_markdown, matrix_text, report, screened,
};
use pleach::tree::{Tree, TreePath};
use proptest::prelude::*;

use crate::common_forms::{VIEW, forms};
use crate::compare::compare_trees;

/// A pattern that generates hostile texts.
const PIECES: &str = "(::error file=a::x|##\\[error\\]x|##\\[stop-commands\\]|::set-output name=a::b|\n|\r\n|\r|\u{1b}\\[2J|\u{1b}\\]0;x\u{7}|\u{1b}\\[8m|\u{8}|\u{9b}|\u{202e}|\u{2066}|\u{2028}|\u{feff}|\u{e0041}| |<img src=x>|\\||`|# h|@all|a|%0A){1,8}";

fn is_forbidden(char: char) -> bool {
    let reorders = matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    char.is_control() && !matches!(char, '\n' | '\t') || reorders
}

#[track_caller]
fn assert_is_harmless(what: &str, text: &str) {
    let found = text.chars().find(|it| is_forbidden(*it));
    assert!(found.is_none(), "{what} has {found:?}: {text:?}");
    let is_ours = |line: &str| {
        let levels = ["::error ", "::warning ", "::notice "];
        what == "github" && levels.iter().any(|it| line.starts_with(it))
    };
    for line in text.lines().filter(|it| !is_ours(it)) {
        let bare = line.trim_start();
        // `::: path:1:2` in an excerpt is not a command.
        let is_command = bare.starts_with("::") && !bare.starts_with("::: ");
        assert!(!is_command, "{what} has a command: {line:?}");
        assert!(!line.contains("##["), "{what} has a command: {line:?}");
    }
}

proptest! {
    #[test]
    fn diagnostics_are_screened(words in PIECES, text in PIECES, path in PIECES) {
        let path = path.replace(['/', '\0'], "");
        let path = TreePath::new(&path).unwrap_or_else(TreePath::root);
        let source = Source::new(path, text.clone());
        let span = Span::new(&source, 0..text.len());
        let it = Diagnostic::error("two-owners", words.clone())
            .at(&span)
            .label(words.clone())
            .related(&span, words.clone())
            .help(words);
        let diagnostics = Diagnostics::from(it);
        for format in Format::ALL {
            assert_is_harmless(format.name(), &report(&diagnostics, *format, &VIEW));
        }
    }

    #[test]
    fn matrices_are_screened(name in PIECES, value in PIECES) {
        let matrix = Matrix {
            environments: vec![name.clone()],
            claims: vec![Claim {
                name: name.clone(),
                environments: BTreeSet::from([name.clone()]),
                rows: vec![Row {
                    name: name.clone(),
                    values: BTreeMap::from([(name, value)]),
                    drifts: true,
                }],
            }],
        };
        let text = anstream::adapter::strip_str(&matrix_text(&matrix)).to_string();
        assert_is_harmless("text", &text);
        assert_is_harmless("json", &matrix_json(&matrix));
        let markdown = matrix_markdown(&matrix);
        assert_is_harmless("md", &markdown);
        prop_assert_eq!(markdown.lines().count(), 3);
        prop_assert!(!markdown.contains("<img"));
    }

    #[test]
    fn lists_of_affected_parts_are_screened(name in PIECES) {
        let claims = AffectedClaims::Only(BTreeSet::from([name.clone()]));
        let environments = BTreeMap::from([(name.clone(), claims)]);
        let affected = Affected { environments };
        let folders: BTreeSet<TreePath> = TreePath::new(&name).into_iter().collect();
        let id = ObjectId {
            group: "".into(),
            kind: name.as_str().into(),
            namespace: name.as_str().into(),
            name: name.as_str().into(),
        };
        let units = BTreeMap::from([(name.clone(), BTreeSet::from([id]))]);
        let parts = AffectedParts {
            affected: &affected,
            kustomizations: &folders,
            units: Some(&units),
        };
        assert_is_harmless("name", &affected_names(&parts));
        assert_is_harmless("json", &affected_json(&parts));
        assert_is_harmless("github-matrix", &affected_matrix(&parts));
    }

    #[test]
    fn changes_are_screened(name in PIECES, before in PIECES, after in PIECES) {
        let object = |text: &str| {
            let quoted = |it: &str| serde_json::to_string(it).unwrap();
            let (name, text) = (quoted(&name), quoted(&format!("one\ntwo\n{text}\nfour")));
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, labels: {{{name}: {name}}}}}\ndata: {{{name}: {text}}}\n")
        };
        let tree = |text: &str| {
            let path = TreePath::new("app/a.yaml").unwrap();
            Tree::from_iter([(path, object(text).into_bytes().into())])
        };
        let comparison = compare_trees(&tree(&before), &tree(&after));
        for (format, text) in forms(&comparison) {
            // The HTML page contains a script, which is not checked.
            let text = text.split("<script").next().unwrap_or("");
            assert_is_harmless(format, text);
        }
    }

    #[test]
    fn screened_text_is_harmless(text in PIECES) {
        let screened = screened(&text);
        assert_is_harmless("text", &anstream::adapter::strip_str(&screened).to_string());
        prop_assert_eq!(&pleach::report::screened(&screened), &screened);
    }
}
