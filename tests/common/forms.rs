//! A workspace that changes, and every form of the report about it.

use std::collections::BTreeMap;

use pleach::compare::{Comparison, Side, compare};
use pleach::compile;
use pleach::diff::Salt;
use pleach::report::{
    Format, MarkdownOptions, View, annotations, changes, changes_json, changes_patch, html,
    markdown, report,
};
use pleach::tree::{Tree, TreePath};

pub(crate) const VIEW: View<'static> = View {
    display: &|path| path.to_string(),
    color: false,
};

/// A workspace that changes, rendered on both sides: `tests/forms/workspace.txt`.
pub(crate) fn comparison() -> Comparison {
    let file = format!("{}/tests/forms/workspace.txt", env!("CARGO_MANIFEST_DIR"));
    let case = Tree::from_text(&std::fs::read_to_string(file).unwrap());
    let folder = |name: &str| case.folder(&TreePath::new(name).unwrap());
    let (before, mut after) = (folder("before"), folder("before"));
    after.overlay(&folder("after"));
    let [before, after] = [before, after].map(|files| compile(&files, &pleach::Options::default()));
    for side in [&before, &after] {
        assert!(!side.diagnostics.has_errors(), "{:?}", side.diagnostics);
    }
    let root = TreePath::root();
    let side = |it, name, origins| Side {
        files: it,
        root: &root,
        name,
        origins: Some(origins),
    };
    let environment = |part: &TreePath| {
        part.parts()
            .nth(1)
            .filter(|it| *it != "base")
            .map(str::to_string)
    };
    compare(
        &side(&before.tree, "before", &before.origins),
        &side(&after.tree, "after", &after.origins),
        &environment,
        &pleach::diff::Options::new(&Salt::new(b"salt")),
    )
}

/// The text of each form.
pub(crate) fn forms(comparison: &Comparison) -> BTreeMap<&'static str, String> {
    let sides = ["before", "after"];
    let options = MarkdownOptions {
        bytes_max: 65_536,
        full_report: "pleach diff",
    };
    let noted = annotations(comparison);
    let mut forms = BTreeMap::from([
        ("text", changes(comparison, &VIEW, None)),
        ("narrow", changes(comparison, &VIEW, Some(50))),
        (
            "json",
            changes_json(comparison, sides, &VIEW, &|_, path| {
                Some((path.to_string(), true))
            }),
        ),
        ("md", markdown(comparison, sides, &VIEW, &options)),
        ("html", html(comparison, sides, &VIEW)),
        ("patch", changes_patch(comparison)),
    ]);
    for format in Format::ALL {
        let name = match format {
            Format::Json => "findings",
            format => format.name(),
        };
        forms.insert(name, report(&noted, *format, &VIEW));
    }
    forms
}
