//! References between claims: `{valueFrom: {kind, name, fieldPath}}`.
//!
//! The referred claim is finished first, so its outputs are known; that a claim refers to itself through others is an error.

use std::collections::{BTreeMap, BTreeSet};

use super::instance::{Draft, Instance};
use crate::diag::{Diagnostic, Diagnostics};
use crate::load::{Environment, Reference, Repository};
use crate::template::Claims;
use crate::yaml::{FieldPath, Node, Step};

/// Finishes every draft, each after those that it refers to.
pub(super) fn resolve_in_order(
    repository: &Repository,
    environment: &Environment,
    drafts: BTreeMap<String, Draft>,
    diagnostics: &mut Diagnostics,
) -> Vec<Instance> {
    let names: Vec<String> = drafts.keys().cloned().collect();
    let claims = Claims::default();
    for draft in drafts.values() {
        claims.announce(&draft.name, draft.kind.names());
    }
    let mut order = Order {
        repository,
        environment,
        drafts,
        claims,
        open: Vec::new(),
        done: BTreeMap::new(),
    };
    for name in &names {
        order.finish(name, diagnostics);
    }
    order.done.into_values().flatten().collect()
}

struct Order<'a> {
    repository: &'a Repository<'a>,
    environment: &'a Environment,
    drafts: BTreeMap<String, Draft>,
    /// What expressions see of each other's claims.
    claims: Claims,
    /// The claims that are being finished, outermost first.
    open: Vec<String>,
    /// `None` for a claim with faults.
    done: BTreeMap<String, Option<Instance>>,
}

impl Order<'_> {
    fn finish(&mut self, name: &str, diagnostics: &mut Diagnostics) {
        let Some(mut draft) = self.drafts.remove(name) else {
            return;
        };
        self.open.push(name.to_string());
        let kind = draft.kind.clone();
        let (mut refers_to, before) = (BTreeSet::new(), diagnostics.errors());
        for reference in &kind.references {
            let path = FieldPath::dotted(&reference.at);
            let Some(value) = draft
                .node
                .at_path(&path)
                .filter(|it| it.as_mapping().is_some())
                .cloned()
            else {
                continue;
            };
            let resolved = self.value(&value, reference, &mut refers_to, diagnostics);
            if let (Some(resolved), Some(place)) = (
                diagnostics.keep(resolved),
                at_path_mut(&mut draft.node, &path),
            ) {
                *place = resolved;
            }
        }
        let instance = if diagnostics.errors() > before {
            None
        } else {
            self.compute(draft, refers_to, diagnostics)
        };
        if let Some(instance) = &instance {
            self.claims.finish(name, &seen(instance));
        }
        self.open.pop();
        self.done.insert(name.to_string(), instance);
    }

    /// Computes what the kind says of a claim, and begins again whenever an expression calls a claim that is not finished.
    fn compute(
        &mut self,
        draft: Draft,
        refers_to: BTreeSet<String>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Instance> {
        loop {
            let mut context = draft.context(self.environment);
            context.set_claims(self.claims.for_another());
            let mut faults = Diagnostics::default();
            let computed = draft.compute(&self.repository.templates, &mut context, &mut faults);
            if let Some(wanted) = context.claims().take_wanted() {
                if self.drafts.contains_key(&wanted) {
                    self.finish(&wanted, diagnostics);
                    continue;
                }
                if let Some(cycle) = self.cycle(&wanted) {
                    let spans = faults.into_iter().find_map(|it| it.span);
                    diagnostics.push(cycle.at(spans.unwrap_or_else(|| draft.span.clone())));
                    return None;
                }
            }
            diagnostics.extend(faults);
            return Some(draft.finish(context, computed?, refers_to));
        }
    }

    fn value(
        &mut self,
        node: &Node,
        reference: &Reference,
        refers_to: &mut BTreeSet<String>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Node, Diagnostic> {
        if let Some(value) = node.get("value") {
            return Ok(value.clone());
        }
        let Some(from) = node.get("valueFrom") else {
            return Err(Diagnostic::error(
                "missing-field",
                format!("`{}` has neither `value` nor `valueFrom`", reference.at),
            )
            .at(node));
        };
        let text = |key: &str| {
            from.get(key)
                .and_then(Node::as_str)
                .filter(|it| !it.is_empty())
        };
        let name_node = from.get("name").unwrap_or(from);
        let name = text("name").unwrap_or("");
        let env = text("env").filter(|env| *env != self.environment.name);
        if let Some(env) = env {
            let fault = Diagnostic::error(
                "unknown-reference",
                format!("a claim can't refer to another environment, here `{env}`"),
            );
            return Err(fault
                .at(from.get("env").unwrap_or(from))
                .help("give the value itself"));
        }
        self.finish_referred(name, name_node, diagnostics)?;
        let kind = text("kind").or(reference.kind.as_deref());
        let instance = self.done.get(name).and_then(Option::as_ref);
        let instance = instance
            .filter(|it| kind.is_none_or(|kind| it.kind.is_called(kind)))
            .ok_or_else(|| self.unknown(name, kind, name_node))?;
        refers_to.insert(name.to_string());
        let path = text("fieldPath")
            .or(reference.field_path.as_deref())
            .unwrap_or("spec.name");
        look_up(instance, path)
            .map(|value| value.at(node.span()))
            .ok_or_else(|| {
                let fault = Diagnostic::error(
                    "unknown-reference",
                    format!("{} has no `{path}`", instance.title()),
                );
                let outputs: Vec<&str> = instance.outputs.keys().collect();
                fault
                    .at(from.get("fieldPath").unwrap_or(name_node))
                    .help(format!(
                        "its outputs: {}",
                        outputs
                            .iter()
                            .map(|it| format!("outputs.{it}"))
                            .collect::<Vec<_>>()
                            .join(", ")
                    ))
            })
    }

    fn finish_referred(
        &mut self,
        name: &str,
        at: &Node,
        diagnostics: &mut Diagnostics,
    ) -> Result<(), Diagnostic> {
        if let Some(cycle) = self.cycle(name) {
            return Err(cycle.at(at).help("give one of the values itself"));
        }
        self.finish(name, diagnostics);
        Ok(())
    }

    /// The fault of a claim that is referred to while it is being finished.
    fn cycle(&self, name: &str) -> Option<Diagnostic> {
        let first = self.open.iter().position(|it| it == name)?;
        let open = self.open.iter().skip(first).map(String::as_str);
        let chain: Vec<&str> = open.chain([name]).collect();
        let words = format!(
            "claims refer to each other in a circle: {}",
            chain.join(" → ")
        );
        Some(Diagnostic::error("reference-cycle", words))
    }

    fn unknown(&self, name: &str, kind: Option<&str>, at: &Node) -> Diagnostic {
        let what = kind.map_or("claim".to_string(), str::to_string);
        if self.done.get(name).is_some_and(Option::is_none) {
            return Diagnostic::error(
                "unknown-reference",
                format!("`{name}` has faults of its own"),
            )
            .at(at);
        }
        if let Some(Some(other)) = self.done.get(name) {
            let other = &other.kind.name;
            let fault = Diagnostic::error(
                "unknown-reference",
                format!("`{name}` is of kind {other}, not {what}"),
            );
            return fault
                .at(at)
                .help(format!("write `kind: {other}` beside the name"));
        }
        let known = || {
            self.done
                .keys()
                .chain(self.drafts.keys())
                .map(String::as_str)
        };
        let fault = Diagnostic::error(
            "unknown-reference",
            format!(
                "environment `{}` has no {what} `{name}`",
                self.environment.name
            ),
        )
        .at(at);
        fault
            .did_you_mean(name, known())
            .help("a reference names a claim of the same environment; base sees only base")
    }
}

/// What expressions of other claims see of a claim.
fn seen(instance: &Instance) -> Node {
    let part = |key: &str| instance.node.get(key).cloned();
    Node::mapping([
        ("metadata", part("metadata").unwrap_or_else(Node::null)),
        ("spec", part("spec").unwrap_or_else(Node::null)),
        ("outputs", Node::mapping(instance.outputs.clone())),
    ])
}

/// `outputs.x` (also `status.outputs.x`), or a path into the claim itself.
fn look_up(instance: &Instance, path: &str) -> Option<Node> {
    let path = path.strip_prefix("status.").unwrap_or(path);
    let found = match path.strip_prefix("outputs.") {
        Some(output) => Node::mapping(instance.outputs.clone())
            .at_path(&FieldPath::dotted(output))
            .cloned(),
        None => instance.node.at_path(&FieldPath::dotted(path)).cloned(),
    };
    found.filter(Node::is_scalar)
}

fn at_path_mut<'a>(node: &'a mut Node, path: &FieldPath) -> Option<&'a mut Node> {
    path.steps().iter().try_fold(node, |node, step| match step {
        Step::Key(key) => node.get_mut(key),
        Step::Index(index) => node.as_sequence_mut()?.get_mut(*index),
    })
}
