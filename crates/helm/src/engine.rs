//! Executes the templates of a chart in Helm's order, with Helm's error messages (Helm, package `engine`).

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
    Cause, ExecError, FunctionError, ParseError, RenderError, Renderer, Segment, Templates,
};
use crate::value::{Map, Str, Value};

/// A template file and its data (Helm, `renderable`).
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// The name: `app/templates/a.yaml`.
    pub(crate) path: String,
    pub(crate) text: Arc<[u8]>,
    /// The dot of its chart.
    pub(crate) dot: Map,
    /// `.Template.BasePath`: `app/templates`.
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
/// Both are in Helm's order (`sortTemplates`): deepest paths first, then descending names. So the definitions of a parent replace
/// those of a subchart, and a parent sees changes of values by a subchart.
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
    let mut sources = TemplateSources::new(&templates);
    for template in templates.iter().filter(|it| !is_partial(&it.path)) {
        let template_object = Map::new(Default::default());
        let _ = template_object.insert("Name", Value::string(template.path.as_str()));
        let _ = template_object.insert("BasePath", Value::string(template.base_path.as_str()));
        let _ = template
            .dot
            .insert("Template", objects::as_values(&template_object, version));
        let dot = Value::Map(template.dot.clone());
        let rendered = match trace {
            None => renderer
                .render(&template.path, &dot)
                .map(|it| (it, Vec::new())),
            Some(trace) => renderer
                .render_traced(&template.path, &dot)
                .map(|(out, segments)| {
                    let origins = trace.origins(&segments, out.len(), &mut sources);
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

/// What to record about the origins of the output.
pub(crate) struct Trace {
    pub(crate) paths: ValuePaths,
    /// Whether the locations in templates are recorded for all parts.
    pub(crate) has_locations: bool,
}

impl Trace {
    /// The origins of the parts of an output, in order.
    fn origins(
        &self,
        segments: &[Segment],
        length: usize,
        sources: &mut TemplateSources<'_>,
    ) -> Vec<ValueOrigin> {
        let mut sorted: Vec<&Segment> = segments.iter().collect();
        sorted.sort_by_key(|it| it.start);
        let ends = sorted.iter().skip(1).map(|it| it.start).chain([length]);
        let origin = |(segment, end): (&&Segment, usize)| {
            let range = segment.start..end;
            let path = self.path(segment);
            let location = self
                .has_locations
                .then(|| sources.locate(segment))
                .flatten();
            let is_known = path.is_some() || location.is_some();
            (is_known && !range.is_empty()).then(|| ValueOrigin {
                range,
                path: path.unwrap_or_default(),
                location,
            })
        };
        sorted.iter().zip(ends).filter_map(origin).collect()
    }

    fn path(&self, segment: &Segment) -> Option<Vec<String>> {
        let entry = segment.entry.as_ref()?;
        let mut path = self.paths.get(&entry.map.address())?.clone();
        path.push(entry.key.to_lossy().into_owned());
        Some(path)
    }
}

/// The sources of templates, for spans.
struct TemplateSources<'t> {
    templates: &'t [Template],
    sources: BTreeMap<Str, Option<Arc<Source>>>,
}

impl TemplateSources<'_> {
    fn new(templates: &[Template]) -> TemplateSources<'_> {
        TemplateSources {
            templates,
            sources: BTreeMap::new(),
        }
    }

    /// The location of a segment; `None` in a text of `tpl`, which is not in a file.
    fn locate(&mut self, segment: &Segment) -> Option<TemplateLocation> {
        let templates = self.templates;
        let source = self
            .sources
            .entry(segment.template.clone())
            .or_insert_with(|| {
                let mut templates = templates.iter();
                let template =
                    templates.find(|it| it.path.as_bytes() == segment.template.as_bytes())?;
                let text = std::str::from_utf8(&template.text).ok()?;
                Some(Source::template(template.location.clone(), text))
            });
        Some(TemplateLocation {
            template: segment.template.to_lossy().into_owned(),
            span: Span::new(source.as_ref()?, segment.at..segment.at),
            is_copied: segment.value.is_none(),
        })
    }
}

/// Executes a template without a chart: that of `--name-template`.
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
    // Helm only keeps the location and the last part of the message (`cleanupParseError`).
    let last = error.message.rsplit(": ").next().unwrap_or(&error.message);
    let message = format!("parse error at ({}:{}): {last}", error.template, error.line);
    HelmError::new(message).at(span(templates, &error.template, error.line, None))
}

fn render_error(templates: &[Template], error: &RenderError, version: HelmVersion) -> HelmError {
    let error = match error {
        RenderError::NoTemplate(_) => return HelmError::new(error.to_string()),
        RenderError::Exec(error) => error,
    };
    let message = match (error.author_message(), version) {
        (Some(message), _) => format!("execution error at ({}): {message}", error.location()),
        (None, HelmVersion::V3) => error.to_string(),
        (None, HelmVersion::V4) => reformatted(error),
    };
    let innermost = innermost(error);
    let column = Some(innermost.column);
    let fault = HelmError::new(message);
    let fault = fault.at(span(templates, &innermost.source, innermost.line, column));
    HelmError {
        help: error.is_limit().then_some(LIMITED),
        ..fault
    }
}

const LIMITED: &str = "Helm has no such limit: render fewer or smaller objects, or do less work in the loops of the templates";

/// The error of the innermost template file, whose location is the most precise.
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

/// The layout of Helm 4 (`reformatExecErrorMsg`): each level of the error on its own lines, if all levels have Go's format.
fn reformatted(error: &ExecError) -> String {
    let unformatted = error.to_string();
    let mut levels: Vec<Level> = Vec::new();
    let mut current = error;
    loop {
        let Some(level) = Level::parse(&current.to_string()) else {
            return unformatted;
        };
        push_distinct(&mut levels, level);
        current = match &current.cause {
            Cause::Message(_) | Cause::Limit(_) => break,
            Cause::Call(_, FunctionError::Template(inner)) => inner,
            Cause::Call(_, other) => match Level::parse(&other.to_string()) {
                Some(level) => {
                    push_distinct(&mut levels, level);
                    break;
                }
                None => return unformatted,
            },
        };
    }
    let text: String = levels.iter().map(Level::text).collect();
    text.trim().to_string()
}

/// Adds a level, unless it is equal to the last one.
fn push_distinct(levels: &mut Vec<Level>, level: Level) {
    if levels.last() != Some(&level) {
        levels.push(level);
    }
}

/// One level of an execution error (Helm 4, `TraceableError`).
#[derive(Debug, Default, PartialEq, Eq)]
struct Level {
    location: String,
    executed_function: String,
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
            executed_function: format!("executing \"{function}\" at <{expression}>:"),
            message: without_wrapped_error(message).to_string(),
        })
    }

    fn parse_simple(rest: &str) -> Option<Level> {
        let (location, message) = rest.rsplit_once(": ")?;
        Some(Level {
            location: location.to_string(),
            executed_function: String::new(),
            message: without_wrapped_error(message).to_string(),
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (part, end) in [
            (&self.location, "\n  "),
            (&self.executed_function, "\n    "),
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
fn without_wrapped_error(message: &str) -> &str {
    message.split(" template:").next().unwrap_or(message)
}

/// The span from a column of a line to the end of the line, in a template file.
fn span(templates: &[Template], path: &str, line: usize, column: Option<usize>) -> Option<Span> {
    let template = templates.iter().find(|it| it.path == path)?;
    let text = std::str::from_utf8(&template.text).ok()?;
    let source = Source::template(template.location.clone(), text);
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
