//! A merged claim, and the steps that turn it into an instance when its references are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ambiguous_booleans::ambiguous_booleans;
use super::effects;
use super::instance::{Instance, ResolvedClaim};
use super::merge::restore_faulty_nulls;
use super::normalize::normalize_values;
use super::select::Selected;
use crate::diag::{Class, Diagnostic, Diagnostics, Edit, Severity, Span};
use crate::layout::Input;
use crate::load::{Capability, ClaimKind, Environment, Rule, Workspace};
use crate::schema::{apply_defaults, validate};
use crate::template::{Context, PendingLookup, Templates};
use crate::yaml::{FieldPath, Mapping, Node, Step};

/// In a rule with `forEach`, `at: item` means the location of the current item, which need not be a field of the claim.
const ITEM: &str = "item";

/// The code of an expression that fails.
const TEMPLATE_ERROR: &str = "template-error";

/// The other claims that a claim depends on.
#[derive(Default)]
pub(super) struct Dependencies {
    /// The names of the claims.
    pub(super) names: BTreeSet<String>,
    /// By name in expressions: the claim that `find` of the kind selects, or null.
    pub(super) found: Vec<(String, Node)>,
    /// The claims that expressions have looked up.
    pub(super) looked_up: Vec<ResolvedClaim>,
    /// Fields, such as `spec.password`, and names in expressions without a value, because they depend on claims with errors. Checks
    /// that read them are skipped.
    pub(super) unknown: Vec<String>,
}

/// A merged claim whose references are not yet followed.
pub(super) struct Draft {
    pub(super) kind: Arc<ClaimKind>,
    pub(super) name: String,
    pub(super) node: Node,
    pub(super) shared: bool,
    pub(super) span: Span,
}

impl Draft {
    /// Merges the documents of a claim, applies defaults and validates the result. `None` if there are errors.
    pub(super) fn new(
        workspace: &Workspace<'_>,
        environment: &Environment,
        selected: &Selected<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Draft> {
        let claim = selected.claim()?;
        let (kind, errors_before) = (&claim.kind, diagnostics.errors());
        for document in [selected.base, selected.own].into_iter().flatten() {
            check_env(
                document.node.at_keys(&["metadata", "env"]),
                environment,
                diagnostics,
            );
        }
        let mut node = selected.merged()?;
        normalize_values(&mut node, &kind.schema);
        let draft = Draft {
            kind: kind.clone(),
            name: claim.name.clone(),
            node,
            shared: selected.base.is_some(),
            span: claim.span().clone(),
        };
        let mut draft = draft.with_defaults(workspace, environment, diagnostics);
        if let Some(own) = selected.own {
            let base = selected.base.map(|it| &it.node);
            restore_faulty_nulls(&mut draft.node, &own.node, base, &kind.schema);
        }
        diagnostics.extend(validate(&draft.node, &kind.schema, &kind.name));
        diagnostics.extend(ambiguous_booleans(&draft.node, &kind.schema));
        (diagnostics.errors() == errors_before).then_some(draft)
    }

    fn with_defaults(
        mut self,
        workspace: &Workspace<'_>,
        environment: &Environment,
        diagnostics: &mut Diagnostics,
    ) -> Draft {
        let before = self.context(workspace, environment);
        let templates = &workspace.templates;
        let kind = self.kind.clone();
        let mut when = |condition: &str| templates.holds(&kind.condition(condition), &before);
        let applied = apply_defaults(&mut self.node, &kind.schema, &mut when);
        diagnostics.keep(applied);
        self
    }

    /// The names that expressions of the kind can use, without those of `let` and `find`.
    pub(super) fn context(&self, workspace: &Workspace, environment: &Environment) -> Context {
        let mut context = Context::new();
        let empty = Node::mapping(Mapping::new());
        context.set("metadata", self.node.get("metadata").unwrap_or(&empty));
        context.set("spec", self.node.get("spec").unwrap_or(&empty));
        context.set("environment", &environment.values);
        context.set("workspace", &workspace.values);
        context
    }

    /// Evaluates the kind's `let`, `rules` and `outputs`. Fails with a lookup if an expression looks up a claim that is not yet in
    /// `dependencies`, and with `None` if there are errors, which are in `diagnostics`.
    pub(super) fn finish(
        &self,
        workspace: &Workspace<'_>,
        environment: &Environment,
        dependencies: &Dependencies,
        diagnostics: &mut Diagnostics,
    ) -> Result<Instance, Option<PendingLookup>> {
        let mut context = self.context(workspace, environment);
        for (name, found) in &dependencies.found {
            context.set(name, found);
        }
        dependencies
            .looked_up
            .iter()
            .for_each(|it| it.provide_to(&context));
        let claims = context.claims().clone();
        let finished =
            self.finish_in_context(context, &workspace.templates, dependencies, diagnostics);
        let rest = claims.take_rest().into_iter();
        diagnostics.extend(rest.map(|it| self.with_claim_context(it)));
        finished.ok_or_else(|| claims.take_pending())
    }

    fn finish_in_context(
        &self,
        mut context: Context,
        templates: &Templates,
        dependencies: &Dependencies,
        diagnostics: &mut Diagnostics,
    ) -> Option<Instance> {
        if !dependencies.unknown.is_empty() {
            self.check_known_values(&dependencies.unknown, &mut context, templates, diagnostics);
            return None;
        }
        let before = diagnostics.errors();
        self.evaluate_locals(&mut context, templates, diagnostics)?;
        self.check_rules(templates, &context, diagnostics);
        let outputs = self.outputs(&context, templates, diagnostics);
        let mut capabilities = |list: &[Capability]| {
            diagnostics.keep(
                capabilities(templates, &context, list)
                    .map_err(|fault| self.with_claim_context(fault)),
            )
        };
        let (provides, requires) = (
            capabilities(&self.kind.provides)?,
            capabilities(&self.kind.requires)?,
        );
        let mut instance = Instance {
            kind: self.kind.clone(),
            name: self.name.clone(),
            node: self.node.clone(),
            context,
            outputs,
            effects: Vec::new(),
            provides: provides.names,
            provided_versions: provides.versions,
            requires: requires.names,
            min_versions: requires.versions,
            depends_on: dependencies.names.clone(),
            shared: self.shared,
            span: self.span.clone(),
        };
        let effects = effects::evaluate(&instance, templates);
        instance.effects =
            diagnostics.keep(effects.map_err(|fault| self.with_claim_context(fault)))?;
        (diagnostics.errors() == before).then_some(instance)
    }

    /// The outputs of the claim; those that are null or cannot be evaluated are left out.
    fn outputs(
        &self,
        context: &Context,
        templates: &Templates,
        diagnostics: &mut Diagnostics,
    ) -> Mapping {
        let mut outputs = Mapping::new();
        for (name, expression) in &self.kind.outputs {
            let value = templates.evaluate(expression, context);
            let value = diagnostics.keep(value.map_err(|it| self.with_claim_context(it)));
            if let Some(value) = value.filter(|it| !it.is_null()) {
                outputs.insert(name.as_str(), value);
            }
        }
        outputs
    }

    /// Evaluates the kind's `let`. All missing charts are reported, so that they are pulled at once. Other errors may be caused by a
    /// missing chart or by each other, so only the first one is reported, and only if no chart was missing before it.
    fn evaluate_locals(
        &self,
        context: &mut Context,
        templates: &Templates,
        diagnostics: &mut Diagnostics,
    ) -> Option<()> {
        let mut is_missing = false;
        for (name, expression) in &self.kind.locals {
            match templates.evaluate(expression, context) {
                Ok(value) => context.set(name, &value),
                Err(fault) if fault.class == Class::MissingChart => {
                    is_missing = true;
                    diagnostics.push(self.with_claim_context(fault));
                }
                Err(_) if is_missing => {}
                Err(fault) => {
                    diagnostics.push(self.with_claim_context(fault));
                    return None;
                }
            }
        }
        (!is_missing).then_some(())
    }

    /// Evaluates the kind's `let` and `rules` as far as they do not depend on unknown values.
    fn check_known_values(
        &self,
        unknown: &[String],
        context: &mut Context,
        templates: &Templates,
        diagnostics: &mut Diagnostics,
    ) {
        let mut unknown = unknown.to_vec();
        for (name, expression) in &self.kind.locals {
            if is_dependent(templates, expression, &unknown) {
                unknown.push(name.clone());
                continue;
            }
            match templates.evaluate(expression, context) {
                Ok(value) => context.set(name, &value),
                Err(fault) => {
                    diagnostics.push(self.with_claim_context(fault));
                    unknown.push(name.clone());
                }
            }
        }
        for rule in &self.kind.rules {
            let optional = [&rule.for_each, &rule.help].into_iter().flatten();
            let mut expressions = optional.chain([&rule.require, &rule.message]);
            if !expressions.any(|it| is_dependent(templates, it, &unknown)) {
                self.check_rule(rule, templates, context, diagnostics);
            }
        }
    }

    fn check_rules(&self, templates: &Templates, context: &Context, diagnostics: &mut Diagnostics) {
        let mut found = Diagnostics::default();
        for rule in &self.kind.rules {
            self.check_rule(rule, templates, context, &mut found);
        }
        // A rule may fail because of a value that another rule rejects, in words of the claim.
        let mut broken = found.iter();
        let is_broken =
            broken.any(|it| it.class == Class::BrokenRule && it.severity == Severity::Error);
        let is_kept = |it: &Diagnostic| !is_broken || it.code != TEMPLATE_ERROR;
        diagnostics.extend(found.into_iter().filter(is_kept));
    }

    /// Checks a rule; if it has `forEach`, for each item of the list.
    fn check_rule(
        &self,
        rule: &Rule,
        templates: &Templates,
        context: &Context,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(list) = &rule.for_each else {
            self.check_item(rule, (0, None), templates, context, diagnostics);
            return;
        };
        let list = templates.list(list, "forEach", context);
        let Some(list) = diagnostics.keep(list.map_err(|fault| self.with_claim_context(fault)))
        else {
            return;
        };
        for (position, item) in list.iter().enumerate() {
            let mut context = context.child();
            context.set("item", item);
            let located = Some(item).filter(|_| rule.at.as_deref() == Some(ITEM));
            let span = located.filter(|it| it.has_origin()).map(Node::span);
            self.check_item(rule, (position, span), templates, &context, diagnostics);
        }
    }

    /// Checks a rule for one item. `span` is the location of errors if `at` of the rule is not a field.
    fn check_item(
        &self,
        rule: &Rule,
        (position, span): (usize, Option<&Span>),
        templates: &Templates,
        context: &Context,
        diagnostics: &mut Diagnostics,
    ) {
        let holds = templates.holds(&rule.require, context);
        let holds = holds.map_err(|it| self.with_claim_context(it));
        if diagnostics.keep(holds).unwrap_or(true) {
            return;
        }
        let text = |name: &str| templates.text(name, context);
        let reported = text(&rule.message)
            .and_then(|message| Ok((message, rule.help.as_deref().map(text).transpose()?)));
        let Some((message, help)) =
            diagnostics.keep(reported.map_err(|fault| self.with_claim_context(fault)))
        else {
            return;
        };
        let at = rule.at.as_deref().unwrap_or_default();
        let span = match span {
            Some(span) => span.clone(),
            None => self.location(&FieldPath::dotted_at(at, position)),
        };
        let mut fault = Diagnostic::error("broken-rule", message)
            .class(Class::BrokenRule)
            .at(span);
        if rule.warning {
            fault.severity = Severity::Warning;
        }
        fault.help.extend(help);
        diagnostics.push(fault);
    }

    /// The location of a field in a claim, or of its nearest parent that is written in a claim.
    fn location(&self, path: &FieldPath) -> Span {
        let mut path = path.clone();
        loop {
            let node = self.node.nearest_on_path(&path);
            if node.is_scalar() && node.has_origin() && self.is_own(node.span()) || path.is_root() {
                return if node.is_scalar() {
                    node.span().clone()
                } else {
                    self.span.clone()
                };
            }
            if !node.is_scalar()
                && !path.is_root()
                && let Some(span) = self.key_span(&path)
            {
                return span;
            }
            path.pop();
        }
    }

    /// Whether a location is in one of the claim's own documents, and not in its kind or in a claim that it refers to.
    fn is_own(&self, span: &Span) -> bool {
        span.path() == self.span.path() || self.shared && is_in_base(span)
    }

    /// The key of a field, or the beginning of a list item.
    fn key_span(&self, path: &FieldPath) -> Option<Span> {
        let mut parent = path.clone();
        let Step::Key(key) = parent.pop()? else {
            let item = self.node.at_path(path)?;
            return item.has_origin().then(|| item.span().start());
        };
        let entry = self.node.at_path(&parent)?.as_mapping()?.entry(&key)?;
        entry.key.has_origin().then(|| entry.key.span().clone())
    }

    /// Adds the claim to an error in an expression of its kind.
    pub(super) fn with_claim_context(&self, fault: Diagnostic) -> Diagnostic {
        fault.related(&self.span, format!("for this {}", self.kind.name))
    }
}

/// Whether an expression reads an unknown field or name, a part of it, or a map that contains it.
fn is_dependent(templates: &Templates, expression: &str, unknown: &[String]) -> bool {
    let contains = |parent: &str, path: &str| {
        let rest = path.strip_prefix(parent);
        rest.is_some_and(|it| it.is_empty() || it.starts_with('.'))
    };
    let names = templates.names(expression);
    let mut paths = names.iter().map(|it| it.path.as_str());
    paths.any(|path| {
        let mut unknown = unknown.iter();
        unknown.any(|it| contains(it, path) || contains(path, it))
    })
}

/// CRDs that a claim installs or needs.
#[derive(Default)]
struct Capabilities {
    names: BTreeSet<String>,
    /// By CRD: the version or minimum version, if the kind sets one.
    versions: BTreeMap<String, Node>,
}

/// Evaluates the entries of `provides` or `requires` of a kind.
fn capabilities(
    templates: &Templates,
    context: &Context,
    list: &[Capability],
) -> Result<Capabilities, Diagnostic> {
    let mut found = Capabilities::default();
    for capability in list {
        if let Some(when) = &capability.when
            && !templates.holds(when, context)?
        {
            continue;
        }
        let mut names: Vec<String> = capability.name.iter().cloned().collect();
        if let Some(expression) = &capability.names {
            let more = templates.list_of_names(expression, "names", context)?;
            names.extend(more.iter().filter_map(Node::as_str).map(str::to_string));
        }
        let version = match (&capability.version, &capability.min_version) {
            (Some(expression), _) => Some(templates.evaluate(expression, context)?),
            (None, Some(version)) => Some(Node::string(version.as_str())),
            (None, None) => None,
        };
        if let Some(version) = version {
            let versions = names.iter().map(|it| (it.clone(), version.clone()));
            found.versions.extend(versions);
        }
        found.names.extend(names);
    }
    Ok(found)
}

fn is_in_base(span: &Span) -> bool {
    Input::parse(span.path()).is_some_and(Input::is_base)
}

/// Reports a `metadata.env` that is not the name of the environment, or that is set in base. Errors: `wrong-environment`.
fn check_env(env: Option<&Node>, environment: &Environment, diagnostics: &mut Diagnostics) {
    let is_wrong = |env: &&Node| is_in_base(env.span()) || env.as_str() != Some(&environment.name);
    let Some(env) = env.filter(is_wrong) else {
        return;
    };
    let fault = if is_in_base(env.span()) {
        Diagnostic::error(
            "wrong-environment",
            "`metadata.env` is not allowed in `environments/base`",
        )
        .help("remove `metadata.env`")
    } else {
        let fault = Diagnostic::error(
            "wrong-environment",
            format!("this is environment `{}`", environment.name),
        );
        let name = &environment.name;
        fault.fix(
            format!("write `env: {name}`, or move the file"),
            Edit::rename(env.span(), env.as_str().unwrap_or(""), name),
        )
    };
    diagnostics.push(fault.at(env));
}
