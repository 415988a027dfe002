//! References between claims: `{valueFrom: {kind, name, fieldPath}}`.
//!
//! A referenced claim is finished first, so its outputs are known; a cycle of references is an error. A kind may also look for
//! claims of other kinds, which the claims themselves do not name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::{Draft, Links};
use super::instance::{Answer, Instance};
use crate::diag::{Class, Diagnostic, Diagnostics, Span};
use crate::load::{ClaimKind, Environment, Lookup, Reference, Workspace};
use crate::template::{ClaimName, ClaimQuestion};
use crate::yaml::{FieldPath, Mapping, Node, Step};

/// The name of the function that looks up a claim in expressions.
const CLAIM: &str = "claim";

/// Finishes all drafts, each after those that it refers to.
pub(super) fn resolve_in_order(
    workspace: &Workspace<'_>,
    environment: &Environment,
    drafts: BTreeMap<String, Draft>,
    failed: BTreeMap<String, Arc<ClaimKind>>,
    diagnostics: &mut Diagnostics,
) -> Vec<Instance> {
    let names: Vec<String> = drafts.keys().cloned().collect();
    let mut order = Order {
        workspace,
        environment,
        drafts,
        failed,
        open: Vec::new(),
        done: BTreeMap::new(),
    };
    for name in &names {
        order.finish(name, diagnostics);
    }
    order.done.into_values().collect()
}

struct Order<'a> {
    workspace: &'a Workspace<'a>,
    environment: &'a Environment,
    drafts: BTreeMap<String, Draft>,
    /// The claims with errors, which are reported, and their kinds.
    failed: BTreeMap<String, Arc<ClaimKind>>,
    /// The claims that are being finished, outermost first.
    open: Vec<String>,
    done: BTreeMap<String, Instance>,
}

/// Why a reference has no value.
enum Unresolved {
    /// The referenced claim has errors, which are reported; the reference itself is valid.
    Failed,
    Fault(Box<Diagnostic>),
}

impl From<Diagnostic> for Unresolved {
    fn from(fault: Diagnostic) -> Unresolved {
        Unresolved::Fault(Box::new(fault))
    }
}

impl Order<'_> {
    fn finish(&mut self, name: &str, diagnostics: &mut Diagnostics) {
        let Some(mut draft) = self.drafts.remove(name) else {
            return;
        };
        self.open.push(name.to_string());
        let kind = draft.kind.clone();
        let (mut links, before) = (Links::default(), diagnostics.errors());
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
            match self.value(&value, reference, &mut links.refers_to, diagnostics) {
                Ok(resolved) => {
                    if let Some(place) = at_path_mut(&mut draft.node, &path) {
                        *place = resolved;
                    }
                }
                Err(unresolved) => {
                    if let Unresolved::Fault(fault) = unresolved {
                        diagnostics.push(*fault);
                    }
                    links.unknown.push(reference.at.clone());
                }
            }
        }
        for lookup in &kind.lookups {
            if !self.look_for(lookup, &draft, &mut links, diagnostics) {
                links.unknown.push(lookup.name.clone());
            }
        }
        let instance = self.finish_draft(&draft, links, diagnostics);
        self.open.pop();
        match instance.filter(|_| diagnostics.errors() == before) {
            Some(instance) => drop(self.done.insert(name.to_string(), instance)),
            None => drop(self.failed.insert(name.to_string(), kind)),
        }
    }

    /// Finishes a claim whose references are followed. Claims that its expressions look up are finished first.
    fn finish_draft(
        &mut self,
        draft: &Draft,
        mut links: Links,
        diagnostics: &mut Diagnostics,
    ) -> Option<Instance> {
        loop {
            let mut own = Diagnostics::default();
            let finished = draft.finish(self.workspace, self.environment, &links, &mut own);
            if let Err(Some(ClaimQuestion { claim, place })) = finished {
                let place = place.unwrap_or_else(|| draft.span.clone());
                match self.asked(claim, &place, diagnostics) {
                    Ok(answer) => {
                        links.refers_to.insert(answer.claim.name.clone());
                        links.answers.push(answer);
                    }
                    Err(unresolved) => {
                        if let Unresolved::Fault(fault) = unresolved {
                            diagnostics.push(draft.with_claim_context(*fault));
                        }
                        links.unknown.push(CLAIM.to_string());
                    }
                }
                continue;
            }
            diagnostics.extend(own);
            return finished.ok();
        }
    }

    /// The claim that an expression looks up.
    fn asked(
        &mut self,
        claim: ClaimName,
        place: &Span,
        diagnostics: &mut Diagnostics,
    ) -> Result<Answer, Unresolved> {
        let (kind, name) = (claim.kind.as_str(), claim.name.as_str());
        self.finish_referred(name, place, diagnostics)?;
        let instance = self.done.get(name);
        match instance.filter(|it| it.kind.has_name(kind)) {
            Some(instance) => Ok(instance.answer(claim.clone())),
            None => Err(self.unknown(name, Some(kind), place)),
        }
    }

    /// Finds the claim of a lookup. False if it is unknown because a possible claim has errors.
    fn look_for(
        &mut self,
        lookup: &Lookup,
        draft: &Draft,
        links: &mut Links,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let mut context = draft.context(self.workspace, self.environment);
        let mut found: Option<&Instance> = None;
        for name in &self.of_kind(&lookup.kind) {
            self.finish(name, diagnostics);
        }
        let mut candidates = self.done.values();
        let mut is_known = true;
        while let Some(candidate) = candidates.find(|it| it.kind.has_name(&lookup.kind)) {
            context.set("found", &as_found(candidate));
            let fits = self.workspace.templates.holds(&lookup.when, &context);
            match (diagnostics.keep(fits), found) {
                (None, _) => is_known = false,
                (Some(false), _) => {}
                (Some(true), None) => found = Some(candidate),
                (Some(true), Some(other)) => {
                    diagnostics.push(two_fit(draft, other, candidate));
                    return false;
                }
            }
        }
        let mut failed = self.failed.values();
        if found.is_none() && (!is_known || failed.any(|it| it.has_name(&lookup.kind))) {
            return false;
        }
        links.refers_to.extend(found.map(|it| it.name.clone()));
        let node = found.map_or_else(Node::null, as_found);
        links.found.push((lookup.name.clone(), node));
        true
    }

    /// The claims of a kind that are not finished, by name.
    fn of_kind(&self, kind: &str) -> Vec<String> {
        let open = self.drafts.values().filter(|it| it.kind.has_name(kind));
        let mut names: Vec<String> = open.map(|it| it.name.clone()).collect();
        names.sort();
        names
    }

    fn value(
        &mut self,
        node: &Node,
        reference: &Reference,
        refers_to: &mut BTreeSet<String>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Node, Unresolved> {
        if let (Some(_), Some(from)) = (node.get("value"), node.get("valueFrom")) {
            let message = format!("`{}` has both `value` and `valueFrom`", reference.at);
            let fault = Diagnostic::error("invalid-value", message).at(from);
            return Err(fault.help("keep one of the two").into());
        }
        if let Some(value) = node.get("value") {
            return Ok(value.clone());
        }
        let Some(from) = node.get("valueFrom") else {
            return Err(Diagnostic::error(
                "missing-field",
                format!("`{}` has neither `value` nor `valueFrom`", reference.at),
            )
            .class(Class::MissingField)
            .at(node)
            .into());
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
                format!("a claim cannot refer to another environment (`{env}`)"),
            )
            .class(Class::UnknownReference);
            return Err(fault
                .at(from.get("env").unwrap_or(from))
                .help("write the value itself")
                .into());
        }
        self.finish_referred(name, name_node.span(), diagnostics)?;
        let kind = text("kind").or(reference.kind.as_deref());
        let instance = self.done.get(name);
        let instance = instance
            .filter(|it| kind.is_none_or(|kind| it.kind.has_name(kind)))
            .ok_or_else(|| self.unknown(name, kind, name_node.span()))?;
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
                )
                .class(Class::UnknownReference);
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
                    .into()
            })
    }

    fn finish_referred(
        &mut self,
        name: &str,
        at: &Span,
        diagnostics: &mut Diagnostics,
    ) -> Result<(), Diagnostic> {
        if let Some(first) = self.open.iter().position(|it| it == name) {
            let mut chain: Vec<&str> = self.open[first..].iter().map(String::as_str).collect();
            chain.push(name);
            let fault = Diagnostic::error(
                "reference-cycle",
                format!("reference cycle of claims: {}", chain.join(" → ")),
            );
            return Err(fault
                .at(at)
                .help("replace one of the references with a literal value"));
        }
        self.finish(name, diagnostics);
        Ok(())
    }

    fn unknown(&self, name: &str, kind: Option<&str>, at: &Span) -> Unresolved {
        let what = kind.map_or("claim".to_string(), str::to_string);
        let failed = self.failed.get(name);
        if failed.is_some_and(|it| kind.is_none_or(|kind| it.has_name(kind))) {
            return Unresolved::Failed;
        }
        if let Some(other) = self.done.get(name).map(|it| &it.kind).or(failed) {
            let other = &other.name;
            let fault = Diagnostic::error(
                "unknown-reference",
                format!("`{name}` has kind {other}, not {what}"),
            )
            .class(Class::UnknownReference);
            return fault
                .at(at)
                .help(format!("write the kind `{other}` with the name"))
                .into();
        }
        let known = || {
            self.done
                .keys()
                .chain(self.drafts.keys())
                .chain(self.failed.keys())
                .map(String::as_str)
        };
        let fault = Diagnostic::error(
            "unknown-reference",
            format!(
                "environment `{}` has no {what} `{name}`",
                self.environment.name
            ),
        )
        .class(Class::UnknownReference)
        .at(at);
        fault
            .did_you_mean(name, known())
            .help("refer to a claim of the same environment; in base, only to claims of base")
            .into()
    }
}

/// The value of a claim in the expressions of another kind.
fn as_found(instance: &Instance) -> Node {
    let part = |key: &str| instance.node.get(key).cloned().unwrap_or_else(Node::null);
    Node::mapping(Mapping::from([
        ("metadata", part("metadata")),
        ("spec", part("spec")),
        ("outputs", Node::mapping(instance.outputs.clone())),
    ]))
}

fn two_fit(draft: &Draft, first: &Instance, second: &Instance) -> Diagnostic {
    let message = format!(
        "reference {}/{} is ambiguous: it matches {} and {}",
        draft.kind.name,
        draft.name,
        first.title(),
        second.title()
    );
    let fault = Diagnostic::error("ambiguous-reference", message).at(&second.span);
    fault
        .related(&first.span, "also matches")
        .help("keep one of the two in this environment, for example with `exclude`")
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
