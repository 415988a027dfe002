//! Every code that the program reports has a manual page, and every page has such a code.

use std::collections::BTreeSet;
use std::path::Path;

use pleach::check::pages;
use regex::Regex;

/// The maximum length of a line in an example, because examples are not wrapped.
const EXAMPLE_MAX: usize = 100;

/// The source code of the program without unit tests.
fn sources(folder: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, texts);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let (code, _) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
            texts.push(code.to_string());
        }
    }
}

/// The text of a constant.
fn value(name: &str, texts: &[String]) -> String {
    let pattern = Regex::new(&format!(r#"const {name}: &str = "([^"]*)""#)).unwrap();
    let found = texts.iter().find_map(|it| pattern.captures(it));
    found.unwrap_or_else(|| panic!("{name} has no value"))[1].to_string()
}

/// The codes in the source code that creates diagnostics.
fn reported() -> BTreeSet<String> {
    let made = r#"(?:Diagnostic::(?:error|warning|note)|about|diagnostic)\(\s*"([a-z0-9-]+)""#;
    let named = r#"\bcode: "([a-z0-9-]+)""#;
    // The code is chosen first, together with its message.
    let chosen = r#"\(\s*"([a-z0-9]+(?:-[a-z0-9]+)+)",\s*(?:"|format!)"#;
    // A code used in several places is a constant.
    let constant = r"Diagnostic::(?:error|warning)\(\s*([A-Z_]+)\b";
    let [made, named, chosen, constant] =
        [made, named, chosen, constant].map(|it| Regex::new(it).unwrap());
    let mut texts = Vec::new();
    for folder in ["src", "crates"] {
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut texts,
        );
    }
    let mut codes = BTreeSet::new();
    for text in &texts {
        let chooses = text.contains("error(code") || text.contains("about(code");
        let patterns = [Some(&made), Some(&named), chooses.then_some(&chosen)];
        for pattern in patterns.into_iter().flatten() {
            codes.extend(pattern.captures_iter(text).map(|it| it[1].to_string()));
        }
        codes.extend(constant.captures_iter(text).map(|it| value(&it[1], &texts)));
    }
    // A code used in several modules is a constant that they import.
    let constant = Regex::new(r#"const ([A-Z_]+): &str = "([a-z0-9-]+)""#).unwrap();
    let all = texts.concat();
    let named = constant.captures_iter(&all).filter(|it| {
        let uses =
            ["error", "warning"].map(|severity| format!("Diagnostic::{severity}({},", &it[1]));
        uses.iter().any(|it| all.contains(it))
    });
    codes.extend(named.map(|it| it[2].to_string()));
    codes
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let reported = reported();
    assert!(
        reported.len() > 150,
        "the patterns no longer find the codes"
    );
    let explained: BTreeSet<String> = pages().iter().map(|it| it.code.to_string()).collect();
    let without: Vec<_> = reported.difference(&explained).collect();
    assert!(without.is_empty(), "no page for {without:?}");
    let left: Vec<_> = explained.difference(&reported).collect();
    assert!(left.is_empty(), "pages for {left:?}, which nothing reports");
}

#[test]
fn pages_are_plain_and_short() {
    let mut codes = BTreeSet::new();
    for page in pages() {
        let (code, summary) = (page.code, page.summary);
        assert!(codes.insert(code), "{code} appears twice");
        assert!(
            !summary.ends_with('.') && !summary.contains('\n') && summary.len() < 100,
            "{code}: {summary}"
        );
        let paragraphs: Vec<&str> = page.explain.split("\n\n").collect();
        let is_example = |it: &str| it.starts_with("    ");
        for paragraph in paragraphs.iter().filter(|it| is_example(it)) {
            let is_right = |it: &str| is_example(it) && it.chars().count() <= EXAMPLE_MAX;
            assert!(paragraph.lines().all(is_right), "{code}: {paragraph}");
        }
        let words = paragraphs.iter().filter(|it| !is_example(it));
        let is_sentence = |it: &&str| it.ends_with(['.', ':', '?']);
        assert!(words.clone().all(is_sentence), "{code}: {}", page.explain);
        assert!(!page.explain.is_empty(), "{code}");
    }
}
