//! Sets of templates, and their rendering.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::exec::Machine;
use super::limits::Budget;
use super::parse::parse;
use super::program::{Template, quoted};
use super::trace::{Segment, Tracer};
use super::{ExecError, Function, Functions, Limits, ParseError, builtins};
use crate::HelmVersion;
use crate::functions::State;
use crate::value::{Str, Value};

/// A set of parsed templates that can refer to each other by name. It can be shared between threads.
#[derive(Debug)]
pub struct Templates {
    functions: Arc<Functions>,
    by_name: BTreeMap<Str, Arc<Template>>,
}

impl Templates {
    /// An empty set, whose templates can call the functions of the groups, those of Go, `include` and `tpl`.
    pub fn new(groups: &[&[Function]]) -> Templates {
        let own = [builtins::GO].into_iter();
        let groups = own.chain(groups.iter().copied()).chain([builtins::NESTED]);
        Templates {
            functions: Arc::new(Functions::new(groups)),
            by_name: BTreeMap::new(),
        }
    }

    /// An empty set whose templates can call the same functions.
    pub fn without_templates(&self) -> Templates {
        Templates {
            functions: self.functions.clone(),
            by_name: BTreeMap::new(),
        }
    }

    /// Adds a text under a name, and the templates that it defines. A later template replaces an earlier one with the same name,
    /// unless it only prints blanks.
    ///
    /// Errors: the first error of the text. Then none of its templates is added.
    pub fn parse(&mut self, name: &str, text: &Str) -> Result<(), ParseError> {
        for template in parse(name, text, &self.functions)? {
            add(&mut self.by_name, template);
        }
        Ok(())
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<Template>> {
        self.by_name.get(name)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Template>> {
        self.by_name.values()
    }

    pub(super) fn functions(&self) -> &Functions {
        &self.functions
    }
}

fn add(by_name: &mut BTreeMap<Str, Arc<Template>>, template: Arc<Template>) {
    if !template.is_blank || !by_name.contains_key(&template.name) {
        by_name.insert(template.name.clone(), template);
    }
}

/// The templates that a `tpl` text defines, and the outer scope.
#[derive(Debug)]
pub(super) struct Scope {
    by_name: BTreeMap<Str, Arc<Template>>,
    outer: Option<Rc<Scope>>,
}

impl Scope {
    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<Template>> {
        let own = self.by_name.get(name);
        own.or_else(|| self.outer.as_ref().and_then(|it| it.get(name)))
    }
}

/// A parsed `tpl` text.
#[derive(Debug)]
pub(super) struct Nested {
    templates: Vec<Arc<Template>>,
}

impl Nested {
    /// The name of every `tpl` text.
    pub(super) const NAME: &str = "gotpl";

    pub(super) fn parse(text: &Str, functions: &Functions) -> Result<Nested, ParseError> {
        let templates = parse(Nested::NAME, text, functions)?;
        Ok(Nested { templates })
    }

    /// The template of the text and all templates that it defines.
    pub(super) fn into_all(self) -> Vec<Arc<Template>> {
        self.templates
    }

    pub(super) fn main(&self) -> Option<&Arc<Template>> {
        let name = Nested::NAME.as_bytes();
        self.templates.iter().rfind(|it| it.name.as_bytes() == name)
    }

    /// The scope while the text is executed.
    pub(super) fn scope(&self, outer: Option<Rc<Scope>>) -> Rc<Scope> {
        let mut by_name = BTreeMap::new();
        for template in &self.templates {
            let known = outer.as_ref().and_then(|it| it.get(&template.name));
            if !template.is_blank || known.is_none() {
                by_name.insert(template.name.clone(), template.clone());
            }
        }
        Rc::new(Scope { by_name, outer })
    }
}

/// Renders the templates of a set one after the other, with common limits.
#[derive(Debug)]
pub struct Renderer<'t> {
    pub(super) templates: &'t Templates,
    /// The state of functions.
    pub state: State,
    /// The value of missing keys. Helm uses [`MissingKey::Zero`].
    pub missing_key: MissingKey,
    pub(super) version: HelmVersion,
    pub(super) budget: Budget,
    /// The number of open `include` calls of each template.
    pub(super) open: BTreeMap<Str, usize>,
    pub(super) nested: BTreeMap<Str, Rc<Nested>>,
}

/// The option `missingkey` of Go's `text/template`: the value of `.key` if the map has no such key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// `default` or `invalid`: no value, whose fields are no values either.
    #[default]
    Invalid,
    /// `zero`: the zero value of the map's items.
    Zero,
    /// `error`: the execution fails.
    Error,
}

/// An error of rendering.
#[derive(Clone, Debug)]
pub enum RenderError {
    /// There is no template with this name.
    NoTemplate(String),
    /// A template failed while it was executed.
    Exec(Box<ExecError>),
}

impl std::fmt::Display for RenderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RenderError::NoTemplate(name) => f.write_str(&no_template(name.as_bytes())),
            RenderError::Exec(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RenderError {}

/// Go's message for a template that does not exist.
pub(super) fn no_template(name: &[u8]) -> String {
    let (name, root) = (quoted(name), quoted(Nested::NAME.as_bytes()));
    format!("template: no template {name} associated with template {root}")
}

impl<'t> Renderer<'t> {
    /// A rendering with the rules of a version of Helm.
    pub fn new(templates: &'t Templates, version: HelmVersion, state: State) -> Renderer<'t> {
        Renderer::with_limits(templates, version, state, Limits::default())
    }

    /// A rendering with other limits.
    pub fn with_limits(
        templates: &'t Templates,
        version: HelmVersion,
        state: State,
        limits: Limits,
    ) -> Renderer<'t> {
        Renderer {
            templates,
            state,
            missing_key: MissingKey::Zero,
            version,
            budget: Budget::new(limits),
            open: BTreeMap::new(),
            nested: BTreeMap::new(),
        }
    }

    /// The output of a template, without `<no value>`, which Helm removes.
    ///
    /// Errors: the first one. The output before it is discarded, as in Helm.
    pub fn render(&mut self, name: &str, data: &Value) -> Result<Vec<u8>, RenderError> {
        let (out, _) = self.execute(name, data, None)?;
        Ok(without_no_value(out))
    }

    /// The output of Go's `text/template`, including `<no value>`.
    ///
    /// Errors: as for [`Renderer::render`].
    pub fn render_as_go(&mut self, name: &str, data: &Value) -> Result<Vec<u8>, RenderError> {
        self.execute(name, data, None).map(|it| it.0)
    }

    /// The same output, with the origins of its parts.
    ///
    /// Errors: as for [`Renderer::render`].
    pub fn render_traced(
        &mut self,
        name: &str,
        data: &Value,
    ) -> Result<(Vec<u8>, Vec<Segment>), RenderError> {
        let (out, tracer) = self.execute(name, data, Some(Tracer::default()))?;
        let positions: Vec<usize> = memchr::memmem::find_iter(&out, NO_VALUE).collect();
        let segments = tracer
            .unwrap_or_default()
            .into_segments(&positions, NO_VALUE.len());
        Ok((without_no_value(out), segments))
    }

    fn execute(
        &mut self,
        name: &str,
        data: &Value,
        tracer: Option<Tracer>,
    ) -> Result<(Vec<u8>, Option<Tracer>), RenderError> {
        let Some(template) = self.templates.get(name.as_bytes()) else {
            return Err(RenderError::NoTemplate(name.to_string()));
        };
        let machine = Machine::new(self, template.clone(), data.clone(), tracer);
        machine.run().map_err(RenderError::Exec)
    }
}

/// Go's output for a missing value.
const NO_VALUE: &[u8] = b"<no value>";

/// The text without `<no value>`.
pub(super) fn without_no_value(text: Vec<u8>) -> Vec<u8> {
    let finder = memchr::memmem::Finder::new(NO_VALUE);
    if finder.find(&text).is_none() {
        return text;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_slice();
    while let Some(at) = finder.find(rest) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        rest = after.get(NO_VALUE.len()..).unwrap_or(&[]);
    }
    out.extend_from_slice(rest);
    out
}
