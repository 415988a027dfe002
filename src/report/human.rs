//! Diagnostics for people: each with an excerpt of the source, as in rustc.

use annotate_snippets::renderer::{DEFAULT_TERM_WIDTH, DecorStyle};
use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet,
    normalize_untrusted_str,
};

use crate::diag::{Diagnostic, Diagnostics, Severity, Span};

use super::escape::{printable, screened};
use super::{View, count};

/// Longer excerpts are left out. Lines that do not fit the width are cut around the location.
const EXCERPT_BYTES_MAX: usize = 32 * 1024;

/// Related locations that are further from the main one than this, in bytes, get a separate excerpt.
const NEAR_BYTES_MAX: usize = 16 * 1024;

/// All diagnostics, separated by blank lines, and their count.
pub fn human(diagnostics: &Diagnostics, view: &View<'_>) -> String {
    let renderer = match view.color {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let renderer = renderer
        .decor_style(DecorStyle::Ascii)
        .term_width(DEFAULT_TERM_WIDTH);
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[group(diagnostic, view)]));
        text.push_str("\n\n");
    }
    if !diagnostics.is_empty() {
        text.push_str(&count(diagnostics));
        text.push('\n');
    }
    screened(&text)
}

fn group<'a>(diagnostic: &'a Diagnostic, view: &View<'_>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code);
    let mut group = Group::with_title(title).elements(locations(diagnostic, view));
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
    }
    group
}

/// A location to show.
#[derive(Clone, Copy)]
struct Location<'a> {
    span: &'a Span,
    text: &'a str,
    kind: AnnotationKind,
}

/// Excerpts. Close locations in one file share an excerpt.
fn locations<'a>(diagnostic: &'a Diagnostic, view: &View<'_>) -> Vec<Element<'a>> {
    let main = diagnostic.span.iter().map(|span| Location {
        span,
        text: &diagnostic.label,
        kind: AnnotationKind::Primary,
    });
    let related = diagnostic.related.iter().map(|(span, text)| Location {
        span,
        text,
        kind: AnnotationKind::Context,
    });
    let mut excerpts: Vec<Vec<Location<'a>>> = Vec::new();
    for location in main.chain(related) {
        match excerpts
            .iter_mut()
            .find(|it| are_near(it[0].span, location.span))
        {
            Some(near) => near.push(location),
            None => excerpts.push(vec![location]),
        }
    }
    excerpts.iter().map(|it| excerpt(it, view)).collect()
}

fn are_near(a: &Span, b: &Span) -> bool {
    a.path() == b.path() && a.start.abs_diff(b.start) as usize <= NEAR_BYTES_MAX
}

fn excerpt<'a>(locations: &[Location<'a>], view: &View<'_>) -> Element<'a> {
    let Some(first) = locations.first() else {
        return Origin::path("").into();
    };
    let source = first.span.source();
    let path = printable(&(view.display)(&source.path));
    if source.text.is_empty() {
        return Origin::path(path).into();
    }
    let starts = || locations.iter().map(|it| lines(it.span));
    let start = starts().map(|it| it.start).min().unwrap_or(0);
    let end = starts().map(|it| it.end).max().unwrap_or(0);
    let text = source.text.get(start..end).unwrap_or("");
    if text.len() > EXCERPT_BYTES_MAX {
        return whereabouts(first, path);
    }
    let before = source.text.get(..start).unwrap_or("");
    let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1;
    let annotations = locations.iter().map(|it| annotation(it, start, text));
    let snippet: Snippet<'a, Annotation<'a>> = Snippet::source(text.to_string())
        .path(path)
        .line_start(line)
        .annotations(annotations.collect::<Vec<_>>());
    snippet.into()
}

/// The location alone, for lines that are too long to show.
fn whereabouts<'a>(location: &Location<'a>, path: String) -> Element<'a> {
    let position = location.span.position();
    let origin = Origin::path(path).line(position.line);
    origin.char_column(position.column).into()
}

/// The byte range of the line on which a span begins, without the line end.
fn lines(span: &Span) -> std::ops::Range<usize> {
    let text = &span.source().text;
    let at = floor(text, span.start as usize);
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let end = text[at..].find('\n').map_or(text.len(), |more| at + more);
    start..end
}

/// The marker. A value of several lines is marked only on its first line. `text` begins at byte `start` of the source.
fn annotation<'a>(location: &Location<'a>, start: usize, text: &str) -> Annotation<'a> {
    let line = lines(location.span);
    let source = &location.span.source().text;
    let line_end = line.start + source[line.clone()].trim_end_matches('\r').len();
    let from = floor(source, location.span.start as usize).min(line_end);
    let to = floor(source, location.span.end as usize).clamp(from, line_end);
    let clip = |at: usize| floor(text, at.saturating_sub(start));
    let annotation = location.kind.span(clip(from)..clip(to));
    match location.text {
        "" => annotation,
        text => annotation.label(printable(text)),
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}
