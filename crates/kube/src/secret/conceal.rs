//! Removes secrets from diagnostics.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use pleach_yaml::Node;
use pleach_yaml::diag::{Diagnostic, Diagnostics, Edit, Fix, Source, Span};

use super::names::{Certainty, certainty};
use super::redact::certain_and_guessed_ranges;
use super::references::is_reference;
use super::shapes::merged;
use super::{CONCEALED, secret_parts, without_secrets};

/// Shorter values may be ordinary words of a message, so they are only removed in quotes.
const QUOTED_ONLY: usize = 4;

/// A value in backticks for a message. A value that is secret because of its form or the name of its field is not shown.
pub fn quoted(value: &Node, field: &str) -> String {
    let text = value.as_str().unwrap_or("");
    let is_named = certainty(field) != Certainty::None && !is_reference(text);
    match value.is_scalar() {
        false => value.kind().description().to_string(),
        true if is_named || !secret_parts(text).is_empty() => {
            "a value that is not shown".to_string()
        }
        true => format!("`{text}`"),
    }
}

/// Removes secrets from diagnostics: from their messages, and from the sources of their spans.
///
/// A source is replaced by one with the same lines and columns, whose secrets are masked. The values that are masked in a
/// diagnostic's sources are also removed from its messages.
#[must_use]
pub fn conceal(diagnostics: Diagnostics) -> Diagnostics {
    conceal_with(diagnostics, &Quoted::default())
}

/// What messages about a chart may quote.
#[derive(Clone, Debug, Default)]
pub struct Quoted {
    /// Values of the user.
    pub values: Vec<Arc<Source>>,
    /// Default values of charts. A word that is also in one of the templates is not removed, because messages contain the texts of
    /// templates.
    pub defaults: Vec<Arc<Source>>,
    /// The templates of the charts.
    pub templates: Vec<Arc<Source>>,
    /// The names of the charts. In messages, the paths of their templates are not changed.
    pub charts: Vec<String>,
}

/// The same if messages may also quote the values of a chart.
#[must_use]
pub fn conceal_with(diagnostics: Diagnostics, quoted: &Quoted) -> Diagnostics {
    let mut masks = Masks::default();
    if diagnostics.iter().next().is_none() {
        return diagnostics;
    }
    masks.charts.clone_from(&quoted.charts);
    masks.quoted = quoted.values.iter().map(|it| masks.mask(it)).collect();
    for source in &quoted.defaults {
        let mut mask = Mask::new(source, &[]);
        mask.values.retain(|value| !quoted.is_word(value));
        masks.quoted.push(Arc::new(mask));
    }
    let list = diagnostics.into_iter().map(|it| masks.conceal(it));
    list.collect()
}

/// The same location in a source whose secrets are masked.
pub fn conceal_span(span: &Span) -> Span {
    let span = span.outermost();
    let mask = Mask::new(span.source(), &[]);
    match &mask.masked {
        Some(masked) => moved(&span, masked, &mask.ranges),
        None => span,
    }
}

impl Quoted {
    /// Whether a value is the name of a chart, or a word that a template contains in clear text.
    fn is_word(&self, value: &str) -> bool {
        let finds = |text: &str| text.contains(value) && without(text, value) != text;
        is_plain_word(value)
            && (self.charts.iter().any(|it| it == value)
                || self.templates.iter().any(|it| finds(&it.text)))
    }
}

/// Whether a text only consists of letters, as words of messages do, and is short.
fn is_plain_word(text: &str) -> bool {
    text.len() < 32 && text.chars().all(|it| it.is_alphabetic() || it == '-')
}

#[derive(Default)]
struct Masks {
    /// By the address of the source, which is kept alive so that the address stays unique.
    known: BTreeMap<*const Source, (Arc<Source>, Arc<Mask>)>,
    /// The masks of texts that messages may quote.
    quoted: Vec<Arc<Mask>>,
    /// The names of charts.
    charts: Vec<String>,
}

/// A source without its secrets.
struct Mask {
    /// `None` if it contains no secrets.
    masked: Option<Arc<Source>>,
    ranges: Vec<Range<usize>>,
    values: BTreeSet<String>,
    /// Words of invalid YAML, which may be ordinary words of a message, too.
    words: BTreeSet<String>,
}

impl Masks {
    fn conceal(&mut self, mut it: Diagnostic) -> Diagnostic {
        let mut masks = self.quoted.clone();
        let fixes = std::mem::take(&mut it.fixes);
        let fixes: Vec<Fix> = fixes.into_iter().filter_map(|it| self.fix(it)).collect();
        let related = it.related.iter_mut().map(|it| &mut it.0);
        for span in it.span.iter_mut().chain(related) {
            *span = span.outermost();
            let mask = self.mask(span.source());
            if let Some(masked) = &mask.masked {
                *span = moved(span, masked, &mask.ranges);
                masks.push(mask);
            }
        }
        let clean = |text: &str| clean_message(text, &masks, &self.charts);
        it.message = clean(&it.message);
        it.help.iter_mut().for_each(|it| *it = clean(it));
        it.related.iter_mut().for_each(|it| it.1 = clean(&it.1));
        if let Cow::Owned(label) = &it.label {
            it.label = clean(label).into();
        }
        let is_clean = |it: &Fix| {
            let mut texts = it.edits.iter().map(|it| &it.text).chain([&it.help]);
            texts.all(|it| clean(it) == **it)
        };
        it.fixes = fixes.into_iter().filter(is_clean).collect();
        it
    }

    /// A fix, unless one of its locations is masked.
    fn fix(&mut self, fix: Fix) -> Option<Fix> {
        let edits = fix.edits.iter().map(|edit| {
            let Edit { span, text } = edit.outermost()?;
            let mask = self.mask(span.source());
            let Some(masked) = &mask.masked else {
                return Some(Edit { span, text });
            };
            let location = moved(&span, masked, &mask.ranges);
            (location.text() == span.text()).then(|| Edit::new(location, text))
        });
        let edits = edits.collect::<Option<Vec<Edit>>>()?;
        let Fix { help, .. } = fix;
        Some(Fix { help, edits })
    }

    fn mask(&mut self, source: &Arc<Source>) -> Arc<Mask> {
        let mask = self.known.entry(Arc::as_ptr(source));
        let quoted = &self.quoted;
        let new = || (source.clone(), Arc::new(Mask::new(source, quoted)));
        mask.or_insert_with(new).1.clone()
    }
}

impl Mask {
    /// The secrets in a source, and values masked elsewhere that it contains.
    fn new(source: &Arc<Source>, quoted: &[Arc<Mask>]) -> Mask {
        // Asterisks are not valid YAML, in which secrets are found.
        let (mut ranges, guessed) = match source.is_masked() {
            true => (Vec::new(), Vec::new()),
            false => certain_and_guessed_ranges(source),
        };
        for value in quoted.iter().flat_map(|it| &it.values) {
            if value.len() >= QUOTED_ONLY {
                let found = source.text.match_indices(value.as_str());
                ranges.extend(found.map(|it| it.0..it.0 + value.len()));
            }
        }
        let ranges = merged(ranges);
        let (mut values, mut words) = (BTreeSet::new(), BTreeSet::new());
        for (ranges, is_guessed) in [(&ranges, false), (&guessed, true)] {
            for value in quotable(&source.text, ranges) {
                match is_guessed && is_plain_word(value) {
                    true => words.insert(value.to_string()),
                    false => values.insert(value.to_string()),
                };
            }
        }
        let ranges = merged([ranges, guessed].concat());
        let is_clean = ranges.is_empty();
        let text = || masked(&source.text, &ranges);
        let masked = (!is_clean).then(|| Source::masked(source.path.clone(), text()));
        Mask {
            masked,
            ranges,
            values,
            words,
        }
    }
}

/// The texts in the ranges in the forms in which a message may quote them.
fn quotable<'t>(text: &'t str, ranges: &[Range<usize>]) -> impl Iterator<Item = &'t str> {
    let texts = ranges.iter().filter_map(|it| text.get(it.clone()));
    let texts = texts.flat_map(str::lines).flat_map(spellings);
    texts.filter(|it| !it.is_empty())
}

/// The forms in which a message may quote a value: with and without quotes, marks of an alias or tag, and a closing bracket.
fn spellings(value: &str) -> [&str; 2] {
    let bare = value
        .trim()
        .trim_matches(['"', '\'', '*', '&', '!', '%', '@', '`']);
    [bare, bare.trim_end_matches(['}', ']', ',', ';', '"', '\''])]
}

/// The text with each character of a range replaced by `*`. Line endings are kept, so lines and columns stay the same.
fn masked(text: &str, ranges: &[Range<usize>]) -> String {
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for range in ranges {
        out.push_str(text.get(done..range.start).unwrap_or(""));
        let inside = text.get(range.clone()).unwrap_or("");
        let mask = |it: char| if it.is_whitespace() { it } else { '*' };
        out.extend(inside.chars().map(mask));
        done = range.end;
    }
    out.push_str(text.get(done..).unwrap_or(""));
    out
}

/// The same location in the masked text, where each masked character has one byte.
fn moved(span: &Span, masked: &Arc<Source>, ranges: &[Range<usize>]) -> Span {
    let text = &span.source().text;
    let location = |at: usize| {
        let at = text.floor_char_boundary(at.min(text.len()));
        let before = ranges.iter().take_while(|it| it.start < at);
        let lost: usize = before
            .filter_map(|it| text.get(it.start..it.end.min(at)))
            .flat_map(str::chars)
            .filter(|it| !it.is_whitespace())
            .map(|it| it.len_utf8() - 1)
            .sum();
        at - lost
    };
    let range = span.range();
    let start = location(range.start);
    Span::new(masked, start..location(range.end).max(start))
}

/// Removes secret values from a message.
fn clean_message(text: &str, masks: &[Arc<Mask>], charts: &[String]) -> String {
    let text = without_secrets(text);
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for name in names(&text, charts) {
        let before = text.get(done..name.start).unwrap_or("");
        out.push_str(&without_values(before, masks));
        out.push_str(text.get(name.clone()).unwrap_or(""));
        done = name.end;
    }
    out.push_str(&without_values(text.get(done..).unwrap_or(""), masks));
    out
}

/// The ranges in a message that are names of charts: paths of their files (`name/templates/a.yaml`), and lines `name:`, in order.
fn names(text: &str, charts: &[String]) -> Vec<Range<usize>> {
    let mut names = Vec::new();
    for chart in charts {
        for (at, name) in text.match_indices(chart.as_str()) {
            let end = at + name.len();
            let (before, after) = (text.get(..at).unwrap_or(""), text.get(end..).unwrap_or(""));
            let is_path_character = |it: char| it.is_alphanumeric() || "._-/".contains(it);
            let is_path = ["/templates/", "/charts/"]
                .iter()
                .any(|it| after.starts_with(it));
            if is_path && !before.ends_with(is_path_character) {
                let length = after.find(|it| !is_path_character(it));
                names.push(at..end + length.unwrap_or(after.len()));
            } else if before.ends_with('\n') && after.starts_with(":\n") {
                names.push(at..end);
            }
        }
    }
    merged(names)
}

/// Removes secret values from a part of a message.
fn without_values(text: &str, masks: &[Arc<Mask>]) -> String {
    let mut text = text.to_string();
    for mask in masks {
        for value in &mask.values {
            if value.len() < QUOTED_ONLY {
                text = text.replace(&format!("`{value}`"), CONCEALED);
            } else if text.contains(value.as_str()) {
                text = without(&text, value);
            }
        }
        for word in &mask.words {
            for quote in ['`', '\'', '"'] {
                let quoted = format!("{quote}{word}{quote}");
                if text.contains(&quoted) {
                    text = text.replace(&quoted, CONCEALED);
                }
            }
        }
    }
    text
}

/// Removes a value from a text, except within words.
fn without(text: &str, value: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(value) {
        let (before, after) = (rest.get(..at).unwrap_or(""), rest.get(at + value.len()..));
        let after = after.unwrap_or("");
        let joins = |a: Option<char>, b: Option<char>| {
            a.is_some_and(char::is_alphanumeric) && b.is_some_and(char::is_alphanumeric)
        };
        let is_word = !joins(before.chars().next_back(), value.chars().next())
            && !joins(value.chars().next_back(), after.chars().next());
        out.push_str(before);
        out.push_str(if is_word { CONCEALED } else { value });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(message: &str, quoted: &Quoted) -> String {
        let diagnostics = Diagnostics::from(Diagnostic::error("helm", message));
        let concealed = conceal_with(diagnostics, quoted);
        concealed.into_iter().map(|it| it.message).collect()
    }

    #[test]
    fn values_of_the_user_are_removed_from_messages() {
        let quoted = Quoted {
            values: vec![Source::internal("values", "password: zookeeper\n")],
            charts: vec!["zookeeper".to_string()],
            ..Quoted::default()
        };
        assert_eq!(
            cleaned(
                "charts:\nzookeeper:\n- (zookeeper/templates/zookeeper.yaml:1): zookeeper\n",
                &quoted
            ),
            "charts:\nzookeeper:\n- (zookeeper/templates/zookeeper.yaml:1): (hidden)\n"
        );
    }

    #[test]
    fn default_values_that_are_words_of_the_chart_are_not_removed() {
        let quoted = Quoted {
            defaults: vec![Source::internal(
                "values",
                "a: {password: bitnami, token: hunter2, adminPassword: opensesame, dbPassword: concourse}",
            )],
            templates: vec![Source::template(
                pleach_yaml::tree::TreePath::root(),
                "see https://docs.bitnami.com and hunter2",
            )],
            charts: vec!["concourse".to_string()],
            ..Quoted::default()
        };
        assert_eq!(
            cleaned("concourse: see bitnami.com, hunter2, opensesame", &quoted),
            "concourse: see bitnami.com, (hidden), (hidden)"
        );
    }

    #[test]
    fn words_of_invalid_yaml_are_removed_in_quotes() {
        let source = Source::internal(
            "a.yaml",
            "kind: Secret\nstringData:\n  a: line\n  b: x1y2\n c\n",
        );
        let span = Span::new(&source, 0..4);
        let fault = Diagnostic::error("yaml", "line 3: found `line` and x1y2").at(span);
        let found: Diagnostics = conceal(fault.into());
        let message = found.into_iter().next().map(|it| it.message);
        assert_eq!(
            message.as_deref(),
            Some("line 3: found (hidden) and (hidden)")
        );
    }
}
