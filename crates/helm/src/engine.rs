//! Executes the templates of a chart in Helm's order, with Helm's error messages.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use pleach_yaml::diag::{Source, Span};
use pleach_yaml::tree::TreePath;

use crate::HelmVersion;
use crate::error::HelmError;
use crate::functions::{NotDeterministic, State, groups};
use crate::manifests::{RenderedFile, TemplateLocation, ValueOrigin};
use crate::objects;
use crate::render::is_partial;
use crate::template::{
    Cause, ExecError, FunctionError, ParseError, Piece, RenderError, Renderer, Templates,
};
use crate::value::{Map, Str, Value};

/// A template file with its input.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) path: String,
    pub(crate) text: Arc<[u8]>,
    /// The dot of its chart.
    pub(crate) dot: Map,
    pub(crate) base_path: String,
    /// Its path, for spans.
    pub(crate) location: TreePath,
}

/// The output of templates.
pub(crate) struct Executed {
    pub(crate) files: Vec<RenderedFile>,
    /// Values that would differ in each rendering of Helm.
    pub(crate) not_deterministic: Vec<NotDeterministic>,
}

/// Parses all templates into one set and executes those that are not partials.
///
/// Both are in the order of depth, deepest paths first, then by descending names. So the definitions of a parent replace those of a
/// child, and a parent sees changes of values by a child.
pub(crate) fn execute(
    mut templates: Vec<Template>,
    version: HelmVersion,
    identity: &str,
    trace: Option<&Trace>,
) -> Result<Executed, HelmError> {
    let depth = |it: &Template| it.path.matches('/').count();
    templates.sort_by(|a, b| {
        (Reverse(depth(a)), Reverse(&a.path)).cmp(&(Reverse(depth(b)), Reverse(&b.path)))
    });
    let mut set = Templates::new(&groups());
    for template in &templates {
        let parsed = set.parse(&template.path, &Str::from(&*template.text));
        parsed.map_err(|error| parse_error(&templates, &error))?;
    }
    let mut renderer = Renderer::new(&set, version, State::new(identity));
    let mut files = Vec::new();
    let mut texts = TemplateTexts::new(&templates);
    for template in templates.iter().filter(|it| !is_partial(&it.path)) {
        let own = Map::new(Default::default());
        let _ = own.insert("Name", Value::string(template.path.as_str()));
        let _ = own.insert("BasePath", Value::string(template.base_path.as_str()));
        let _ = template
            .dot
            .insert("Template", objects::as_values(&own, version));
        let dot = Value::Map(template.dot.clone());
        let rendered = match trace {
            None => renderer
                .render(&template.path, &dot)
                .map(|it| (it, Vec::new())),
            Some(trace) => renderer
                .render_traced(&template.path, &dot)
                .map(|(out, pieces)| {
                    let origins = trace.origins(&pieces, out.len(), &mut texts);
                    (out, origins)
                }),
        };
        let (content, origins) =
            rendered.map_err(|error| render_error(&templates, &error, version))?;
        files.push(RenderedFile {
            path: template.path.clone(),
            content,
            origins,
        });
    }
    Ok(Executed {
        files,
        not_deterministic: renderer.state.not_deterministic().to_vec(),
    })
}

/// The keys that lead to each map of the values, by the address of the map.
pub(crate) type ValuePaths = BTreeMap<usize, Vec<String>>;

pub(crate) struct Trace {
    pub(crate) paths: ValuePaths,
    /// Whether the locations in templates are recorded for all parts.
    pub(crate) has_locations: bool,
}

impl Trace {
    /// The parts of an output, in order.
    fn origins(
        &self,
        pieces: &[Piece],
        length: usize,
        texts: &mut TemplateTexts<'_>,
    ) -> Vec<ValueOrigin> {
        let mut sorted: Vec<&Piece> = pieces.iter().collect();
        sorted.sort_by_key(|it| it.start);
        let ends = sorted.iter().skip(1).map(|it| it.start).chain([length]);
        let origin = |(piece, end): (&&Piece, usize)| {
            let range = piece.start..end;
            let path = self.path(piece);
            let location = self.has_locations.then(|| texts.locate(piece)).flatten();
            let is_known = path.is_some() || location.is_some();
            (is_known && !range.is_empty()).then(|| ValueOrigin {
                range,
                path: path.unwrap_or_default(),
                location,
            })
        };
        sorted.iter().zip(ends).filter_map(origin).collect()
    }

    fn path(&self, piece: &Piece) -> Option<Vec<String>> {
        let entry = piece.entry.as_ref()?;
        let mut path = self.paths.get(&entry.map.address())?.clone();
        path.push(entry.key.to_lossy().into_owned());
        Some(path)
    }
}

/// The texts of templates, for locations.
struct TemplateTexts<'t> {
    templates: &'t [Template],
    sources: BTreeMap<Str, Option<Arc<Source>>>,
}

impl TemplateTexts<'_> {
    fn new(templates: &[Template]) -> TemplateTexts<'_> {
        TemplateTexts {
            templates,
            sources: BTreeMap::new(),
        }
    }

    /// `None` for a text of `tpl`, which is not in a file.
    fn locate(&mut self, piece: &Piece) -> Option<TemplateLocation> {
        let templates = self.templates;
        let source = self
            .sources
            .entry(piece.template.clone())
            .or_insert_with(|| {
                let mut templates = templates.iter();
                let template =
                    templates.find(|it| it.path.as_bytes() == piece.template.as_bytes())?;
                let text = std::str::from_utf8(&template.text).ok()?;
                Some(Source::new(template.location.clone(), text))
            });
        Some(TemplateLocation {
            template: piece.template.to_lossy().into_owned(),
            span: Span::new(source.as_ref()?, piece.at..piece.at),
            is_copied: piece.value.is_none(),
        })
    }
}

/// Executes a text without a chart: the template of a release name.
pub(crate) fn execute_text(text: &str, version: HelmVersion) -> Result<Vec<u8>, HelmError> {
    let mut set = Templates::new(&groups());
    let name = "name-template";
    let parsed = set.parse(name, &Str::from(text));
    parsed.map_err(|error| HelmError::new(error.to_string()))?;
    let mut renderer = Renderer::new(&set, version, State::new(text));
    let rendered = renderer.render(name, &Value::Nil);
    rendered.map_err(|error| HelmError::new(error.to_string()))
}

fn parse_error(templates: &[Template], error: &ParseError) -> HelmError {
    // Helm keeps the location and the last part of the message.
    let last = error.message.rsplit(": ").next().unwrap_or(&error.message);
    HelmError {
        message: format!("parse error at ({}:{}): {last}", error.template, error.line),
        span: span(templates, &error.template, error.line, None).map(Box::new),
    }
}

fn render_error(templates: &[Template], error: &RenderError, version: HelmVersion) -> HelmError {
    let error = match error {
        RenderError::NoTemplate(_) => return HelmError::new(error.to_string()),
        RenderError::Exec(error) => error,
    };
    let message = match (error.author_message(), version) {
        (Some(words), _) => format!("execution error at ({}): {words}", error.location()),
        (None, HelmVersion::V3) => error.to_string(),
        (None, HelmVersion::V4) => reformatted(error),
    };
    let innermost = innermost(error);
    let column = Some(innermost.column);
    HelmError {
        message,
        span: span(templates, &innermost.source, innermost.line, column).map(Box::new),
    }
}

fn innermost(error: &ExecError) -> &ExecError {
    let mut cause = match &error.cause {
        Cause::Call(_, cause) => cause,
        Cause::Message(_) | Cause::Limit(_) => return error,
    };
    loop {
        match cause {
            // A text of `tpl` is not in a file.
            FunctionError::Template(inner) if inner.source != "gotpl" => return innermost(inner),
            FunctionError::Wrapped(_, inner) => cause = inner,
            _ => return error,
        }
    }
}

/// The layout of Helm 4: each level of the error on separate lines, if all levels have Go's format.
fn reformatted(error: &ExecError) -> String {
    let whole = error.to_string();
    let mut levels: Vec<Level> = Vec::new();
    let mut current = error;
    loop {
        let Some(level) = Level::parse(&current.to_string()) else {
            return whole;
        };
        push_new(&mut levels, level);
        current = match &current.cause {
            Cause::Message(_) | Cause::Limit(_) => break,
            Cause::Call(_, FunctionError::Template(inner)) => inner,
            Cause::Call(_, other) => match Level::parse(&other.to_string()) {
                Some(level) => {
                    push_new(&mut levels, level);
                    break;
                }
                None => return whole,
            },
        };
    }
    let text: String = levels.iter().map(Level::text).collect();
    text.trim().to_string()
}

fn push_new(levels: &mut Vec<Level>, level: Level) {
    if levels.last() != Some(&level) {
        levels.push(level);
    }
}

/// One level of an error of execution.
#[derive(Debug, Default, PartialEq, Eq)]
struct Level {
    location: String,
    executed: String,
    message: String,
}

impl Level {
    /// Parses the text of an error (Helm 4, `parseTemplateExecErrorString`).
    fn parse(text: &str) -> Option<Level> {
        let rest = text.strip_prefix("template: ")?;
        if rest.starts_with("no template ") {
            return Some(Level {
                message: text.to_string(),
                ..Level::default()
            });
        }
        if let Some((location, after)) = rest.split_once(": executing ") {
            return Level::parse_executing(location, after).or_else(|| Level::parse_simple(rest));
        }
        Level::parse_simple(rest)
    }

    fn parse_executing(location: &str, after: &str) -> Option<Level> {
        let after = after.strip_prefix('"')?;
        let (function, after) = after.split_once('"')?;
        let (expression, message) = after.strip_prefix(" at <")?.split_once(">: ")?;
        Some(Level {
            location: location.to_string(),
            executed: format!("executing \"{function}\" at <{expression}>:"),
            message: without_next(message).to_string(),
        })
    }

    fn parse_simple(rest: &str) -> Option<Level> {
        let (location, message) = rest.rsplit_once(": ")?;
        Some(Level {
            location: location.to_string(),
            executed: String::new(),
            message: without_next(message).to_string(),
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (part, end) in [
            (&self.location, "\n  "),
            (&self.executed, "\n    "),
            (&self.message, "\n"),
        ] {
            if !part.is_empty() {
                text.push_str(part);
                text.push_str(end);
            }
        }
        text
    }
}

/// A message without the error that it wraps.
fn without_next(message: &str) -> &str {
    message.split(" template:").next().unwrap_or(message)
}

/// The location of a line, or of a byte in it, in a template file.
fn span(templates: &[Template], path: &str, line: usize, column: Option<usize>) -> Option<Span> {
    let template = templates.iter().find(|it| it.path == path)?;
    let text = std::str::from_utf8(&template.text).ok()?;
    let source = Source::new(template.location.clone(), text);
    let mut lines = text.split_inclusive('\n');
    let start: usize = lines
        .by_ref()
        .take(line.checked_sub(1)?)
        .map(str::len)
        .sum();
    let length = lines
        .next()
        .map_or(0, |it| it.trim_end_matches(['\n', '\r']).len());
    let column = column.unwrap_or(0).min(length);
    let start = start + column;
    let end = start + length - column;
    text.is_char_boundary(start)
        .then(|| Span::new(&source, start..end))
}
