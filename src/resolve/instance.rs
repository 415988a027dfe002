//! One claim in one environment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::normal::normalise_values;
use super::reference;
use super::select::Selected;
use crate::diag::{Diagnostic, Diagnostics, Severity, Span};
use crate::load::{Capability, ClaimKind, Environment, Repository};
use crate::schema::{apply_defaults, validate};
use crate::template::{Context, Templates};
use crate::yaml::{FieldPath, Mapping, Node};

/// A claim as one environment has it: merged, valid, its names computed.
pub struct Instance {
    /// Its kind.
    pub kind: Arc<ClaimKind>,
    /// Its name, unique in the environment.
    pub name: String,
    /// The whole claim.
    pub node: Node,
    /// `metadata`, `spec`, `environment` and the kind's computed names.
    pub context: Context,
    /// What other claims can refer to.
    pub outputs: Mapping,
    /// CRDs that it brings.
    pub provides: BTreeSet<String>,
    /// CRDs that it needs.
    pub requires: BTreeSet<String>,
    /// Claims that must be ready first: those it names and those it refers to.
    pub depends_on: BTreeSet<String>,
    /// Whether base has it too.
    pub shared: bool,
    /// Where its name stands.
    pub span: Span,
}

impl Instance {
    /// `Kind/name`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.kind.name, self.name)
    }
}

/// Resolves all claims of an environment. A claim with faults is left out, and so is what refers to it.
pub(super) fn resolve_all(
    repository: &Repository,
    environment: &Environment,
    claims: Vec<Selected<'_>>,
    diagnostics: &mut Diagnostics,
) -> Vec<Instance> {
    let mut drafts = BTreeMap::new();
    for selected in claims {
        if let Some(draft) = Draft::new(repository, environment, &selected, diagnostics) {
            drafts.insert(draft.name.clone(), draft);
        }
    }
    let instances = reference::resolve_in_order(repository, environment, drafts, diagnostics);
    let names: BTreeSet<String> = instances.iter().map(|it| it.name.clone()).collect();
    instances
        .into_iter()
        .map(|instance| with_dependencies(repository, instance, &names, diagnostics))
        .collect()
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
    /// Merge, defaults, schema. `None` when there are faults.
    fn new(
        repository: &Repository,
        environment: &Environment,
        selected: &Selected<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Draft> {
        let claim = selected.claim()?;
        let (kind, before) = (&claim.kind, diagnostics.errors());
        for document in [selected.base, selected.own].into_iter().flatten() {
            check_env(
                document.node.at_keys(&["metadata", "env"]),
                environment,
                diagnostics,
            );
        }
        let mut node = selected.written()?;
        normalise_values(&mut node, &kind.schema);
        let draft = Draft {
            kind: kind.clone(),
            name: claim.name.clone(),
            node,
            shared: selected.base.is_some(),
            span: claim.span().clone(),
        };
        let draft = draft.with_defaults(&repository.templates, environment, diagnostics);
        let faults = validate(&draft.node, &kind.schema, &kind.name).into_iter();
        let excluded = excluded(environment, selected);
        diagnostics.extend(faults.map(|fault| match &excluded {
            Some(help) if fault.code == "missing-field" => fault.help(help),
            _ => fault,
        }));
        (diagnostics.errors() == before).then_some(draft)
    }

    fn with_defaults(
        mut self,
        templates: &Templates,
        environment: &Environment,
        diagnostics: &mut Diagnostics,
    ) -> Draft {
        let before = self.context(environment);
        let kind = self.kind.clone();
        let mut when = |condition: &str| {
            templates
                .evaluate(&kind.condition(condition), &before)
                .map(|it| is_true(&it))
        };
        let applied = apply_defaults(&mut self.node, &kind.schema, &mut when);
        diagnostics.keep(applied);
        self
    }

    pub(super) fn context(&self, environment: &Environment) -> Context {
        let mut context = Context::new();
        let empty = Node::mapping(Mapping::new());
        context.set("metadata", self.node.get("metadata").unwrap_or(&empty));
        context.set("spec", self.node.get("spec").unwrap_or(&empty));
        context.set("environment", &environment.values);
        context
    }

    /// Computed names, rules and outputs. `None` when there are faults.
    pub(super) fn finish(
        self,
        repository: &Repository,
        environment: &Environment,
        refers_to: BTreeSet<String>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Instance> {
        let (templates, before) = (&repository.templates, diagnostics.errors());
        let mut context = self.context(environment);
        for (name, expression) in &self.kind.locals {
            let value = diagnostics.keep(
                templates
                    .evaluate(expression, &context)
                    .map_err(|fault| self.told(fault)),
            )?;
            context.set(name, &value);
        }
        self.check_rules(templates, &context, diagnostics);
        let mut outputs = Mapping::new();
        for (name, expression) in &self.kind.outputs {
            if let Some(value) = diagnostics.keep(
                templates
                    .evaluate(expression, &context)
                    .map_err(|fault| self.told(fault)),
            ) && !value.is_null()
            {
                outputs.insert(name.as_str(), value);
            }
        }
        let mut capabilities = |list: &[Capability]| {
            diagnostics
                .keep(capabilities(templates, &context, list).map_err(|fault| self.told(fault)))
        };
        let (provides, requires) = (
            capabilities(&self.kind.provides)?,
            capabilities(&self.kind.requires)?,
        );
        let Draft {
            kind,
            name,
            node,
            shared,
            span,
        } = self;
        let instance = Instance {
            kind,
            name,
            node,
            context,
            outputs,
            provides,
            requires,
            depends_on: refers_to,
            shared,
            span,
        };
        (diagnostics.errors() == before).then_some(instance)
    }

    fn check_rules(&self, templates: &Templates, context: &Context, diagnostics: &mut Diagnostics) {
        for rule in &self.kind.rules {
            let holds = templates
                .evaluate(&rule.require, context)
                .map(|it| is_true(&it));
            if diagnostics
                .keep(holds.map_err(|fault| self.told(fault)))
                .unwrap_or(true)
            {
                continue;
            }
            let text = |name: &str| templates.text(name, context);
            let told = text(&rule.message)
                .and_then(|message| Ok((message, rule.help.as_deref().map(text).transpose()?)));
            let Some((message, help)) = diagnostics.keep(told.map_err(|fault| self.told(fault)))
            else {
                continue;
            };
            let at = rule
                .at
                .as_deref()
                .map(FieldPath::dotted)
                .unwrap_or_default();
            let mut fault = Diagnostic::error("broken-rule", message).at(self.place(&at));
            fault.severity = if rule.warning {
                Severity::Warning
            } else {
                Severity::Error
            };
            fault.help.extend(help);
            diagnostics.push(fault);
        }
    }

    /// Where a field stands that a person wrote, or the nearest one above it that one did.
    fn place(&self, path: &FieldPath) -> Span {
        let mut path = path.clone();
        loop {
            let node = self.node.nearest_on_path(&path);
            if node.is_scalar() && node.has_origin() && node.span().path() == self.span.path()
                || path.is_root()
            {
                return if node.is_scalar() {
                    node.span().clone()
                } else {
                    self.span.clone()
                };
            }
            if !node.is_scalar()
                && !path.is_root()
                && let Some(key) = self.key_span(&path)
            {
                return key;
            }
            path.pop();
        }
    }

    fn key_span(&self, path: &FieldPath) -> Option<Span> {
        let mut parent = path.clone();
        let crate::yaml::Step::Key(key) = parent.pop()? else {
            return None;
        };
        let entry = self.node.at_path(&parent)?.as_mapping()?.entry(&key)?;
        entry.key.has_origin().then(|| entry.key.span().clone())
    }

    /// A fault of the kind's own expressions, told with the claim it was found for.
    fn told(&self, fault: Diagnostic) -> Diagnostic {
        fault.related(&self.span, format!("for this {}", self.kind.name))
    }
}

/// Whether a template takes a value for true.
pub fn is_true(node: &Node) -> bool {
    match node.kind() {
        crate::yaml::Kind::Null => false,
        crate::yaml::Kind::Bool => node.as_bool() == Some(true),
        crate::yaml::Kind::String => !node.as_str().unwrap_or("").is_empty(),
        crate::yaml::Kind::Int => node.as_int() != Some(0),
        _ => !node.is_empty_collection(),
    }
}

fn capabilities(
    templates: &Templates,
    context: &Context,
    list: &[Capability],
) -> Result<BTreeSet<String>, Diagnostic> {
    let mut names = BTreeSet::new();
    for capability in list {
        if let Some(when) = &capability.when
            && !is_true(&templates.evaluate(when, context)?)
        {
            continue;
        }
        names.extend(capability.name.clone());
        if let Some(expression) = &capability.names {
            let value = templates.evaluate(expression, context)?;
            names.extend(
                value
                    .as_sequence()
                    .unwrap_or_default()
                    .iter()
                    .filter_map(Node::as_str)
                    .map(str::to_string),
            );
        }
    }
    Ok(names)
}

/// What to do about a document that stands alone because the shared claim it adds to is excluded.
fn excluded(environment: &Environment, selected: &Selected<'_>) -> Option<String> {
    let own = selected.own.filter(|_| selected.base.is_none())?;
    let mut titles = environment.exclude.iter().filter_map(Node::as_str);
    let title = titles.find(|it| it.split_once('/').is_some_and(|it| it.1 == own.name))?;
    Some(format!(
        "the environment excludes `{title}`, so this must be whole: remove the document, or the entry of `exclude`"
    ))
}

/// `metadata.env`, if given, is the environment's name; base belongs to none.
fn check_env(env: Option<&Node>, environment: &Environment, diagnostics: &mut Diagnostics) {
    let Some(env) = env.filter(|env| env.as_str() != Some(&environment.name)) else {
        return;
    };
    let fault = if env.span().path().parts().nth(1) == Some("base") {
        Diagnostic::error(
            "wrong-environment",
            "a claim of `environments/base` belongs to no environment",
        )
        .help("remove `metadata.env`")
    } else {
        let fault = Diagnostic::error(
            "wrong-environment",
            format!("this is environment `{}`", environment.name),
        );
        fault.help(format!(
            "write `env: {}`, or move the file",
            environment.name
        ))
    };
    diagnostics.push(fault.at(env));
}

/// Adds the claims that the claim itself says must be ready first.
fn with_dependencies(
    repository: &Repository,
    mut instance: Instance,
    names: &BTreeSet<String>,
    diagnostics: &mut Diagnostics,
) -> Instance {
    let Some(expression) = &instance.kind.depends_on else {
        return instance;
    };
    let Some(value) =
        diagnostics.keep(repository.templates.evaluate(expression, &instance.context))
    else {
        return instance;
    };
    for entry in value.as_sequence().unwrap_or_default() {
        let name = entry.as_str().unwrap_or("");
        let is_there = names.contains(name) || repository.is_partial();
        if is_there && name != instance.name {
            instance.depends_on.insert(name.to_string());
        } else {
            let fault = Diagnostic::error(
                "unknown-reference",
                format!("the environment has no other claim `{name}`"),
            )
            .at(entry);
            diagnostics.push(
                fault
                    .did_you_mean(name, names.iter().map(String::as_str))
                    .help("`dependsOn` names claims of the same environment"),
            );
        }
    }
    instance
}
