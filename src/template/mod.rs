//! Templates: minijinja, with values inserted as placeholders, so that they cannot break the structure.
//!
//! An expression in a template prints a placeholder (a number between two private characters), and its value is stored separately.
//! After the template's output is parsed as YAML, a plain scalar that is a single placeholder becomes the value with its type; a
//! placeholder inside text, quotes or a key is replaced by the value's text. The value keeps its span, so an object still has the
//! claim's line it came from. Only this module uses minijinja.

mod builtin;
mod claims;
mod config;
mod context;
mod faults;
mod filters;
mod guard;
mod input;
mod memo;
mod meter;
mod placeholder;
mod reader;
mod run;
mod template_cache;
mod texts;
mod trace;
mod value;

pub use builtin::{BUILTIN, builtin};
pub use claims::{ClaimLookup, Claims, PendingLookup};
pub use context::Context;
pub use reader::{LookupRequest, Reader};
use template_cache::CompiledTemplates;
pub use template_cache::TemplateCache;
pub use texts::Texts;
pub use trace::{Trace, TraceCondition, TraceStep};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use crate::diag::{Diagnostic, Diagnostics, Source, Span};
use crate::tree::TreePath;
use crate::yaml::{Kind, Node};
use memo::{CachedExpression, Memo};
use run::{FUEL, Output};
use texts::{Origin, Text};
use trace::Traced;

/// Compiled templates and expressions by name.
pub struct Templates<'a> {
    environment: Environment<'static>,
    origins: BTreeMap<String, Origin>,
    shared: Shared,
    readers: reader::Readers<'a>,
    /// The number of bytes of long texts from all renderings so far.
    bytes: AtomicUsize,
    /// The number of steps of long renderings so far.
    steps: AtomicUsize,
    memo: Arc<Memo>,
    /// Only in a traced run.
    trace: Option<Trace>,
}

/// Built-in texts, each compiled when it is first needed.
type Shared = Arc<Mutex<Vec<&'static Texts>>>;

/// A free variable of a template.
#[derive(Clone, Debug)]
pub struct Name {
    /// The name and fields that are read, with dots.
    pub path: String,
    /// The first location in the template that reads it.
    pub location: Span,
}

impl<'a> Default for Templates<'a> {
    fn default() -> Templates<'a> {
        Templates::new(None)
    }
}

impl<'a> Templates<'a> {
    /// An empty set of templates. With a trace, the origin of each value of their outputs is recorded.
    pub fn new(trace: Option<&Trace>) -> Templates<'a> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        // With any kind of escaping, minijinja marks text captured by a macro or block as safe. This distinguishes text with
        // placeholders from values.
        environment.set_auto_escape_callback(|_| AutoEscape::Custom("placeholder".into()));
        environment.set_fuel(Some(FUEL));
        environment.set_debug(true);
        // A block text at the end keeps its last line break only if the file does.
        environment.set_syntax(whole_line_blocks());
        let shared = Shared::default();
        let (texts, trace) = (shared.clone(), trace.cloned());
        let (syntax, loading) = (whole_line_blocks(), trace.clone());
        environment.set_loader(move |name| {
            let text = find(&texts, name);
            let guarded = text.map(|it| it.guarded_builtin(name, loading.as_ref(), &syntax));
            let error = |it: guard::Rejection| Error::new(ErrorKind::SyntaxError, it.message);
            guarded.transpose().map_err(error)
        });
        meter::register(&mut environment);
        filters::register(&mut environment);
        claims::register(&mut environment);
        trace::register(&mut environment);
        placeholder::install(&mut environment);
        Templates {
            environment,
            origins: BTreeMap::new(),
            shared,
            readers: reader::Readers::default(),
            bytes: AtomicUsize::new(0),
            steps: AtomicUsize::new(0),
            memo: Arc::default(),
            trace,
        }
    }

    /// Adds a function that expressions can call to read something outside of the claim.
    pub fn add_reader(&mut self, name: &'static str, reader: Reader<'a>) {
        self.readers.add(&mut self.environment, name, reader);
    }

    /// Adds texts, and compiles them. Errors: `template-syntax`.
    pub fn add(&mut self, texts: Texts) -> Result<(), Diagnostics> {
        let mut faults = Diagnostics::default();
        let syntax = whole_line_blocks();
        for (name, text) in texts.into_iter() {
            let guarded = text.guarded(&name, self.trace.as_ref(), &syntax);
            let Text { origin, .. } = text;
            let text = match guarded {
                Ok(text) => text,
                Err(rejection) => {
                    let fault = Diagnostic::error("template-syntax", rejection.message);
                    let location = origin.location(rejection.range);
                    faults.push(fault.at(location).help(rejection.help));
                    continue;
                }
            };
            self.origins.insert(name.clone(), origin);
            let added = self.environment.add_template_owned(name.clone(), text);
            faults.extend(
                added
                    .map_err(|it| self.diagnostic("template-syntax", &name, &it))
                    .err(),
            );
        }
        match faults.has_errors() {
            true => Err(faults),
            false => Ok(()),
        }
    }

    /// Adds built-in texts, whose syntax is known to be valid.
    pub fn share(&mut self, texts: &'static Texts) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.push(texts);
    }

    /// Reuses templates that an earlier run has compiled from the same texts, if all of them are built in.
    pub fn load_cached(&mut self, cache: &TemplateCache) {
        if !self.is_plain() {
            return;
        }
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let compiled = cache.get(&shared);
        drop(shared);
        if let Some(compiled) = compiled {
            self.environment = compiled.environment;
            self.memo = compiled.memo;
            self.readers.register_all(&mut self.environment);
        }
    }

    /// Stores the templates that this run has compiled for a later one.
    pub fn store_cached(&self, cache: &TemplateCache) {
        if self.is_plain() {
            let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            cache.store(CompiledTemplates {
                texts: shared.clone(),
                environment: self.environment.clone(),
                memo: self.memo.clone(),
            });
        }
    }

    /// Whether all texts are built in and there is no trace.
    fn is_plain(&self) -> bool {
        self.origins.is_empty() && self.trace.is_none()
    }

    fn origin(&self, name: &str) -> Option<&Origin> {
        let shared = || Some(&find(&self.shared, name)?.origin);
        self.origins.get(name).or_else(shared)
    }

    fn source_of(&self, name: &str) -> Arc<Source> {
        self.origin(name)
            .map_or_else(|| Source::internal(name, ""), |it| it.span.source().clone())
    }

    /// The names of the texts of a kind: `<Kind>/<file>` and `<Kind>#<what>`.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &str> {
        let names = self.origins.keys().map(String::as_str);
        names.filter(move |it| {
            let rest = it.strip_prefix(kind);
            rest.is_some_and(|it| it.starts_with(['/', '#']))
        })
    }

    /// The templates that a text includes, imports or extends; `None` if a name is not written in quotes.
    pub fn includes(&self, name: &str) -> Option<Vec<String>> {
        let text = self.origin(name).map_or("", |it| it.span.text());
        let names = guard::included(text, &whole_line_blocks()).into_iter();
        names.collect()
    }

    /// The file of a template.
    pub fn path_of(&self, name: &str) -> TreePath {
        self.source_of(name).path.clone()
    }

    /// Whether everything that a text includes, imports or extends is named in quotes and begins with `prefix`.
    pub fn includes_only(&self, name: &str, prefix: &str) -> bool {
        let Some(origin) = self.origin(name) else {
            return true;
        };
        guard::included(origin.span.text(), &whole_line_blocks())
            .iter()
            .all(|it| it.as_deref().is_some_and(|it| it.starts_with(prefix)))
    }

    /// The functions that expressions can call.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.environment.globals().map(|it| it.0)
    }

    /// The free variables of a template or expression, with the fields that it reads, such as `spec.version`. Variables that it
    /// sets itself are not included.
    pub fn names(&self, name: &str) -> Vec<Name> {
        let (Ok(template), Some(origin)) = (self.environment.get_template(name), self.origin(name))
        else {
            return Vec::new();
        };
        let paths = template.undeclared_variables(true).into_iter();
        let paths: BTreeSet<String> = paths.collect();
        let names = paths.into_iter().map(|path| Name {
            location: origin.find(&path),
            path,
        });
        names.collect()
    }

    /// Renders a template to YAML documents. Values keep their spans; fixed text of the template gets `origin`.
    ///
    /// Errors: `template-error` at the template's line; `template-output` if the result is not valid YAML.
    pub fn render(
        &self,
        name: &str,
        context: &Context,
        origin: &Span,
    ) -> Result<Vec<Node>, Diagnostics> {
        let Output {
            mut text,
            mut values,
            record,
            ..
        } = self.run(name, context, false)?;
        let traced =
            record.map(|it| Traced::new(it, &mut text, &mut values, &|tag| self.location(tag)));
        // minijinja drops a template's last line break, and a block scalar at the end would lose its last line break with it.
        text.push('\n');
        let source = Source::new(self.source_of(name).path.clone(), text);
        let mut documents = crate::yaml::parse(&source)
            .map_err(|faults| self.output_faults(name, &source, faults))?;
        documents.iter_mut().for_each(Node::settle_as_data);
        let mut fill = placeholder::Fill {
            values: &values,
            origin,
            traced: traced.as_ref(),
        };
        let documents = documents.into_iter().filter(|node| !node.is_null());
        documents
            .map(|node| {
                fill.node(node)
                    .map_err(|fault| self.at_template(name, fault).into())
            })
            .collect()
    }

    /// The first line of a template that begins with a key; without one, its first line.
    pub fn line_of(&self, name: &str, key: &str) -> Span {
        let source = self.source_of(name);
        let mut lines = source.text.split_inclusive('\n').scan(0, |start, line| {
            let at = *start;
            *start += line.len();
            Some((at, line.trim_end()))
        });
        let is_key = |line: &str| line.strip_prefix(key).is_some_and(|it| it.starts_with(':'));
        let found = lines
            .clone()
            .find(|it| is_key(it.1))
            .or_else(|| lines.next());
        let (at, line) = found.unwrap_or_default();
        Span::new(&source, at..at + line.len())
    }

    /// The line of a template that begins its last document; without `---`, its first line.
    pub fn last_document(&self, name: &str) -> Span {
        let source = self.source_of(name);
        let text = &source.text;
        let line_end = |start: usize| {
            let rest = text.get(start..).unwrap_or("");
            start + rest.lines().next().map_or(0, str::len)
        };
        let start = text.rfind("\n---").map_or(0, |it| it + 1);
        Span::new(&source, start..line_end(start))
    }

    /// The value of an expression. Errors: `template-error`.
    pub fn evaluate(&self, name: &str, context: &Context) -> Result<Node, Diagnostic> {
        let input = self.input(name, context);
        if let Some((value, cost)) = input.as_ref().and_then(|it| it.value(context)) {
            return self.charge(name, cost).map(|()| value);
        }
        self.evaluate_uncached(name, context, input)
    }

    /// The items of an expression that returns a list; null is an empty list. `field` is the field of `kind.yaml` with the expression.
    /// Errors: `template-error`, also if the value is not a list.
    pub fn list(
        &self,
        name: &str,
        field: &str,
        context: &Context,
    ) -> Result<Vec<Node>, Diagnostic> {
        let value = self.evaluate(name, context)?;
        match value.as_sequence() {
            Some(items) => Ok(items.to_vec()),
            None if value.is_null() => Ok(Vec::new()),
            None => Err(self.not_a_list(name, field, &value)),
        }
    }

    /// Like [`Templates::list`], for an expression that returns a list of names. Errors: also an item that is not a name.
    pub fn list_of_names(
        &self,
        name: &str,
        field: &str,
        context: &Context,
    ) -> Result<Vec<Node>, Diagnostic> {
        let items = self.list(name, field, context)?;
        let is_name = |it: &Node| it.as_str().is_some_and(|it| !it.is_empty()) && !it.is_null();
        match items.iter().find(|it| !is_name(it)) {
            Some(item) => Err(self.not_a_name(name, field, item)),
            None => Ok(items),
        }
    }

    /// The inputs of an expression, if its value may be cached.
    fn input(&self, name: &str, context: &Context) -> Option<memo::Input> {
        let parse = || {
            let is_function = |name: &str| self.functions().any(|it| it == name);
            // What it reads is found when it is compiled.
            let is_compiled = self.environment.get_template(name).is_ok();
            let origin = self.origin(name).filter(|_| is_compiled);
            match origin.and_then(Origin::reads) {
                Some(reads) => CachedExpression::new(reads, is_function),
                None => CachedExpression::uncached(),
            }
        };
        match self.trace {
            Some(_) => None,
            None => self.memo.input(name, context, parse),
        }
    }

    /// Evaluates an expression, and stores the result in the cache if there are inputs.
    fn evaluate_uncached(
        &self,
        name: &str,
        context: &Context,
        input: Option<memo::Input>,
    ) -> Result<Node, Diagnostic> {
        context.begin_expression();
        let Output {
            mut text,
            mut values,
            record,
            cacheable,
            cost,
        } = self.run(name, context, input.is_some())?;
        let traced =
            record.map(|it| Traced::new(it, &mut text, &mut values, &|tag| self.location(tag)));
        if let Some(value) = placeholder::whole(&text, &values) {
            if let Some(input) = input {
                self.memo
                    .store(input, is_true(value), cacheable, cost, context);
            }
            return Ok(value.clone());
        }
        let node = Node::string(placeholder::text(&text, &values));
        Ok(match traced {
            Some(traced) => {
                let printed = placeholder::numbers(&text).filter_map(|it| values.get(it));
                let location = traced.text(node.span(), printed);
                node.at(location)
            }
            None => node,
        })
    }

    /// In a traced run, records that the existence of a node depends on the values at some locations.
    pub fn with_conditions(&self, node: Node, conditions: &[Span]) -> Node {
        let Some(trace) = self.trace.as_ref().filter(|_| !conditions.is_empty()) else {
            return node;
        };
        trace.with_conditions(node, conditions, &|_| true)
    }

    /// Whether the origins of values are recorded.
    pub fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// The location of a tag in its file.
    fn location(&self, tag: usize) -> Option<Span> {
        let (name, range) = self.trace.as_ref()?.location_of(tag)?;
        let origin = self.origin(&name)?;
        let at = |it: usize| {
            let at = origin.span.start as usize + it.saturating_sub(origin.offset);
            at.min(origin.span.end as usize)
        };
        Some(Span::new(
            origin.span.source(),
            at(range.start)..at(range.end),
        ))
    }

    /// Whether the value of an expression is true in templates. Errors: `template-error`.
    pub fn holds(&self, name: &str, context: &Context) -> Result<bool, Diagnostic> {
        let input = self.input(name, context);
        if let Some((is_true, cost)) = input.as_ref().and_then(memo::Input::truth) {
            context.forget_last_read();
            return self.charge(name, cost).map(|()| is_true);
        }
        Ok(is_true(&self.evaluate_uncached(name, context, input)?))
    }

    /// A text with its expressions filled in. Errors: `template-error`.
    pub fn text(&self, name: &str, context: &Context) -> Result<String, Diagnostic> {
        let Output {
            mut text,
            mut values,
            record,
            ..
        } = self.run(name, context, false)?;
        if let Some(record) = record {
            Traced::new(record, &mut text, &mut values, &|_| None);
        }
        Ok(placeholder::text(&text, &values))
    }
}

fn find(shared: &Shared, name: &str) -> Option<&'static Text> {
    let shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    shared.iter().find_map(|it| it.get(name))
}

/// Whether a value is true in templates.
fn is_true(node: &Node) -> bool {
    match node.kind() {
        Kind::Null => false,
        Kind::Bool => node.as_bool() == Some(true),
        Kind::String => !node.as_str().unwrap_or("").is_empty(),
        Kind::Int => node.as_int() != Some(0),
        _ => !node.is_empty_collection(),
    }
}

/// A line with only a `{% tag %}` produces no line in the output.
fn whole_line_blocks() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true);
    builder.build().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{emit_canonical, parse_one};

    fn source(text: &str) -> Arc<Source> {
        Source::new(TreePath::new("t.yaml").unwrap(), text)
    }

    fn render(template: &str, spec: &str) -> Result<String, Diagnostics> {
        let mut templates = Templates::default();
        let mut texts = Texts::default();
        texts.add("t", &source(template));
        templates.add(texts)?;
        let claim = source(spec);
        let mut context = Context::new();
        context.set("spec", &parse_one(&claim)?);
        let documents = templates.render("t", &context, &Span::new(&claim, 0..0))?;
        Ok(documents
            .iter()
            .map(emit_canonical)
            .collect::<Vec<_>>()
            .join("---\n"))
    }

    #[test]
    fn values_keep_their_type_and_cannot_break_out() {
        let template = "a: {{ spec.text }}\nb: x-{{ spec.word }}\n{{ spec.word }}: {{ spec.map }}\nc: |\n  one {{ spec.text }}\n";
        let spec = "text: \"1\\n}: {\"\nword: y\nmap: {k: [1.10, true]}\n";
        let expected =
            "a: |-\n  1\n  }: {\nb: x-y\n\"y\":\n  k:\n  - 1.10\n  - true\nc: |\n  one 1\n  }: {\n";
        assert_eq!(render(template, spec).unwrap(), expected);
    }

    #[test]
    fn numbers_keep_their_text_and_missing_fields_are_falsy() {
        let template = "{% if spec.none.at.all %}\nx: 1\n{% endif %}\na: {{ spec.version }}\nb: {{ spec.n + 1 }}\n";
        assert_eq!(
            render(template, "version: 24.10\nn: 2\n").unwrap(),
            "a: 24.10\nb: 3\n"
        );
    }

    #[test]
    fn macros_and_captures_carry_values() {
        let template = "{% macro m(v) %}{k: {{ v }}}{% endmacro %}\n{% set s %}p-{{ spec.a }}{% endset %}\na: {{ m(spec.a) }}\nb: {{ s }}\nc: {{ spec.a | safe }}\n";
        assert_eq!(
            render(template, "a: 'x: [y'\n").unwrap(),
            "a:\n  k: \"x: [y\"\nb: \"p-x: [y\"\nc: \"x: [y\"\n"
        );
    }

    #[test]
    fn maps_are_flattened_and_cleared() {
        let template = "a: {{ spec.m | flat('/') }}\nb: {{ {'x': spec.none, 'y': none, 'z': [], 'k': 0} | without_empty }}\n";
        let spec = "m: {p: {q: 1, r: {s: [2]}}, t: {valueFrom: {u: v}}}\n";
        let expected =
            "a:\n  p/q: 1\n  p/r/s:\n  - 2\n  t:\n    valueFrom:\n      u: v\nb:\n  k: 0\n";
        assert_eq!(render(template, spec).unwrap(), expected);
    }

    #[test]
    fn functions_for_kinds() {
        let template = "- {{ '1Gi' | plus_quantity(spec.size) }}\n- {{ '500m' | times_quantity(3) }}\n\
                        - {{ labels(name='web', part_of=spec.team) }}\n- {{ spec.team | label_value }}\n\
                        - {{ ({'a': 1} | sha256) == ('{\"a\":1}' | sha256) }}\n";
        assert_eq!(
            render(template, "{size: 512Mi, team: -shop and till-}").unwrap(),
            "- 1536Mi\n- 1500m\n- app.kubernetes.io/name: web\n  app.kubernetes.io/part-of: -shop and till-\n- shop-and-till\n- true\n"
        );
    }

    #[test]
    fn a_cached_value_has_its_location_in_each_claim() {
        let mut texts = Texts::default();
        let expression = source("(spec.m or {}) | merge({'k': 1})");
        texts.add_expression("e", &Node::string(expression.text.as_ref()));
        let mut templates = Templates::default();
        templates.add(texts).unwrap();
        let value = |claim: &Arc<Source>| {
            let mut context = Context::new();
            context.set("spec", &parse_one(claim).unwrap());
            templates.evaluate("e", &context).unwrap()
        };
        let location = |node: &Node| node.get("a").unwrap().span().to_string();
        let claims = ["m: {a: 2}\n", "\n\nm: {a: 2}\n"].map(source);
        for _ in 0..2 {
            let [first, second] = claims.each_ref().map(value);
            assert_eq!(emit_canonical(&first), emit_canonical(&second));
            assert_eq!(
                [location(&first), location(&second)],
                ["t.yaml:1:8", "t.yaml:3:8"]
            );
            let without = value(&source("n: 1\n"));
            assert_eq!(emit_canonical(&without), "k: 1\n");
            assert!(!without.has_origin());
        }
    }

    #[test]
    fn faults_point_into_the_template() {
        let faults = render("a: 1\nb: {{ spec.missing }}\n", "a: 1").unwrap_err();
        let fault = faults.iter().next().unwrap();
        assert_eq!(
            (
                fault.code,
                fault.span.as_ref().unwrap().to_string().as_str()
            ),
            ("template-error", "t.yaml:2:7")
        );
        let faults = render("a: 1\nb: [ {{ spec.a }}\nc: 1\n", "a: 1").unwrap_err();
        assert_eq!(faults.iter().next().unwrap().code, "template-output");
        assert_eq!(
            render(
                "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
                "a: 1"
            )
            .unwrap_err()
            .iter()
            .next()
            .unwrap()
            .message,
            "the template does not terminate"
        );
    }
}
