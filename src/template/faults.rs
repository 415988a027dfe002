//! Errors of templates, at the locations that can be changed to avoid them.

use std::sync::Arc;

use minijinja::{Error, ErrorKind};

use super::claims::MissingOutput;
use super::{Templates, meter, placeholder};
use crate::diag::{Class, Diagnostic, Diagnostics, Source, Span};
use crate::yaml::{Kind, Node};

impl Templates<'_> {
    /// The report for an exceeded limit, at the beginning of a file.
    pub fn run_limit(&self, at: Arc<Source>) -> Diagnostic {
        let (message, help) = match self.is_too_large() {
            true => (
                format!(
                    "all templates together produce more than {} MiB of long strings",
                    meter::RUN_BYTES_MAX >> 20
                ),
                "reduce the values, or render one environment at a time with `--env`",
            ),
            false => (
                format!(
                    "all templates together take more than {} steps",
                    meter::RUN_STEPS_MAX
                ),
                "shorten their loops, or render one environment at a time with `--env`",
            ),
        };
        Diagnostic::error("template-error", message)
            .at(Span::new(&at, 0..0))
            .help(help)
    }

    /// The error for an unknown output of a claim, at the first place where the template has its name.
    pub(super) fn missing_output(&self, name: &str, missing: &MissingOutput) -> Diagnostic {
        let MissingOutput {
            title,
            name: output,
            known,
        } = missing;
        let fault = Diagnostic::error(
            "unknown-reference",
            format!("{title} has no output `{output}`"),
        )
        .class(Class::UnknownReference);
        let with_help = |fault: Diagnostic| {
            fault
                .did_you_mean(output, known.iter().map(String::as_str))
                .help(format!("its outputs: {}", known.join(", ")))
        };
        let Some(origin) = self.origin(name) else {
            return with_help(fault);
        };
        let text = format!(".{output}");
        let at = origin
            .span
            .text()
            .find(&text)
            .map(|at| origin.span.start as usize + at + 1);
        with_help(match at {
            Some(at) => fault.at(Span::new(origin.span.source(), at..at + output.len())),
            None => fault.at(&origin.span),
        })
    }

    /// The error for the value of an expression that must be a list.
    pub(super) fn not_a_list(&self, name: &str, field: &str, value: &Node) -> Diagnostic {
        let found = value.kind().description();
        let message = format!("`{field}` must be a list, found {found}");
        let fault = Diagnostic::error("template-error", message).at(self.expression_span(name));
        fault.help(match value.kind() {
            Kind::Bool => "write `LIST if CONDITION else []`",
            Kind::Mapping => {
                "for the entries of a map, write `MAP | items`, each a key and a value"
            }
            _ => "write an expression that returns a list; for a single item, write `[ITEM]`",
        })
    }

    /// The error for an item of a list of names that is not a name.
    pub(super) fn not_a_name(&self, name: &str, field: &str, item: &Node) -> Diagnostic {
        let found = match item.as_str() {
            Some("") => "an empty string",
            _ => item.kind().description(),
        };
        let message = format!("`{field}` must be a list of names, found {found} in it");
        let fault = Diagnostic::error("template-error", message).at(self.expression_span(name));
        fault.help("write an expression that returns a list of strings")
    }

    /// The location of an expression.
    pub fn expression_span(&self, name: &str) -> Span {
        match self.origin(name) {
            Some(origin) => origin.span.clone(),
            None => Span::new(&self.source_of(name), 0..0),
        }
    }

    /// The diagnostic for an error of minijinja, at the innermost template that caused it.
    pub(super) fn diagnostic(&self, code: &'static str, name: &str, error: &Error) -> Diagnostic {
        let innermost = std::iter::successors(Some(error), |error| {
            std::error::Error::source(*error).and_then(|source| source.downcast_ref::<Error>())
        });
        let error = innermost.last().unwrap_or(error);
        let origin = self.origin(error.name().unwrap_or(name));
        let location = origin.map(|it| match error.range() {
            Some(range) if error.kind() == ErrorKind::UndefinedError => {
                with_object(it.location(range))
            }
            Some(range) => it.location(range),
            None => it.span.clone(),
        });
        let hint = self.hint(name, error, location.as_ref());
        let message = match (error.kind(), error.detail()) {
            (ErrorKind::OutOfFuel, Some(detail)) => detail.to_string(),
            (ErrorKind::OutOfFuel, None) => "the template does not terminate".to_string(),
            (ErrorKind::UndefinedError, _) => {
                let expression = error.range().and(location.as_ref()).map(Span::text);
                match expression.map(str::trim).filter(|it| !it.is_empty()) {
                    Some(expression) => format!("`{expression}` has no value here"),
                    None => "a part of the expression has no value here".to_string(),
                }
            }
            (kind, Some(detail)) => format!("{kind}: {detail}"),
            (kind, None) => kind.to_string(),
        };
        let is_limit = error.kind() == ErrorKind::OutOfFuel && error.detail().is_some();
        let help = "reduce the size or number of values; see `docs/limits.md`";
        Diagnostic {
            span: location,
            help: is_limit
                .then(|| help.to_string())
                .into_iter()
                .chain(hint)
                .collect(),
            ..Diagnostic::error(code, message)
        }
    }

    /// What to do about an error of minijinja whose message does not say it.
    fn hint(&self, name: &str, error: &Error, location: Option<&Span>) -> Option<String> {
        let detail = error.detail()?;
        match error.kind() {
            ErrorKind::TemplateNotFound => {
                let included = detail.split(['\'', '"']).nth(1)?;
                let kind = error.name().unwrap_or(name).split(['/', '#']).next()?;
                let path = format!("{kind}/{included}");
                self.origin(&path)?;
                Some(format!(
                    "write `{path}`: the name of a template begins with that of its kind"
                ))
            }
            ErrorKind::InvalidOperation if detail.ends_with("is not callable") => {
                let text = location?.text();
                let is_of_name = |c: char| c.is_alphanumeric() || c == '_';
                let called = text.split(|c| !is_of_name(c)).next()?;
                let is_function = self.functions().any(|it| it == called);
                is_function.then(|| {
                    format!("a name in `let` hides the function `{called}`: rename it in `let`")
                })
            }
            _ => None,
        }
    }

    /// Errors in the YAML output of a template, at the template line that most likely printed it.
    pub(super) fn output_faults(
        &self,
        name: &str,
        output: &Arc<Source>,
        faults: Diagnostics,
    ) -> Diagnostics {
        let mut found = Diagnostics::default();
        for fault in faults {
            let line = faulty_line(output, &fault);
            let rendered = output.text.lines().nth(line - 1).unwrap_or("");
            let source = self.source_of(name);
            let diagnostic = Diagnostic::error(
                "template-output",
                format!(
                    "the output of the template is not valid YAML: {}",
                    fault.message
                ),
            );
            found.push(
                diagnostic
                    .at(placeholder::likely_line(&source, rendered))
                    .help(format!(
                        "line {line} of the output is `{}`",
                        placeholder::for_message(rendered)
                    )),
            );
        }
        found
    }

    pub(super) fn at_template(&self, name: &str, fault: placeholder::MisplacedValue) -> Diagnostic {
        let source = self.source_of(name);
        Diagnostic::error("template-output", fault.message)
            .at(placeholder::likely_line(&source, &fault.line))
            .help("write it on its own line: `key: {{ value }}`")
    }
}

/// The number of the line with an error in the output of a template. At an empty line, such as the end of the output, something before
/// it is not closed: the line where it was opened, or else the last line with text.
fn faulty_line(output: &Arc<Source>, fault: &Diagnostic) -> usize {
    let line_of = |it: &Span| it.position().line;
    let line = fault.span.as_ref().map_or(1, line_of);
    let lines: Vec<&str> = output.text.lines().collect();
    let has_text = |line: &usize| {
        let text = lines.get(line.saturating_sub(1));
        text.is_some_and(|it| !it.trim().is_empty())
    };
    if has_text(&line) {
        return line;
    }
    let mut related = fault.related.iter().map(|it| &it.0);
    let opened = related.find(|it| Arc::ptr_eq(it.source(), output));
    let before = || (1..line).rev().find(has_text);
    opened.map(line_of).or_else(before).unwrap_or(1)
}

/// The location of an expression whose range may only cover its last fields, such as `.variables.name` of `environment.variables.name`.
fn with_object(location: Span) -> Span {
    if !location.text().starts_with('.') {
        return location;
    }
    let before = location.source().text.get(..location.start as usize);
    let object = before
        .unwrap_or("")
        .trim_end_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'));
    Span::new(location.source(), object.len()..location.end as usize)
}
