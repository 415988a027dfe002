//! References between claims: `{valueFrom: {kind, name, fieldPath}}`.
//!
//! A referenced claim is finished first, so that its outputs are known; a cycle of references is an error. With `find`, a kind can
//! also look up a claim of another kind by a condition instead of its name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::{Dependencies, Draft};
use super::instance::{Instance, ResolvedClaim};
use crate::diag::{Class, Diagnostic, Diagnostics, Span};
use crate::load::{ClaimKind, Environment, Lookup, Reference, Workspace};
use crate::template::{ClaimLookup, PendingLookup};
use crate::yaml::{FieldPath, Kind, Mapping, Node, Step};

/// The name of the function that looks up a claim in expressions.
const CLAIM: &str = "claim";

/// Turns all drafts into instances, each after those that it refers to.
pub(super) fn resolve_in_order(
    workspace: &Workspace<'_>,
    environment: &Environment,
    drafts: BTreeMap<String, Draft>,
    failed: BTreeMap<String, Arc<ClaimKind>>,
    diagnostics: &mut Diagnostics,
) -> Vec<Instance> {
    let names: Vec<String> = drafts.keys().cloned().collect();
    let mut resolver = Resolver {
        workspace,
        environment,
        drafts,
        failed,
        in_progress: Vec::new(),
        done: BTreeMap::new(),
    };
    for name in &names {
        resolver.finish(name, diagnostics);
    }
    resolver.done.into_values().collect()
}

/// The state of a depth-first traversal of the references.
struct Resolver<'a> {
    workspace: &'a Workspace<'a>,
    environment: &'a Environment,
    /// The claims that are not visited yet.
    drafts: BTreeMap<String, Draft>,
    /// The kinds of the claims with errors, which are already reported.
    failed: BTreeMap<String, Arc<ClaimKind>>,
    /// The claims that are being finished, each of which refers to the next one.
    in_progress: Vec<String>,
    done: BTreeMap<String, Instance>,
}

/// Why a reference has no value.
enum Unresolved {
    /// The reference is valid, but the referenced claim has errors, which are already reported.
    Failed,
    Fault(Box<Diagnostic>),
}

impl From<Diagnostic> for Unresolved {
    fn from(fault: Diagnostic) -> Unresolved {
        Unresolved::Fault(Box::new(fault))
    }
}

/// The keys of a field that may refer to another claim.
const VALUE_KEYS: [&str; 2] = ["value", "valueFrom"];
/// The keys of `valueFrom`.
const REFERENCE_KEYS: [&str; 4] = ["kind", "env", "name", "fieldPath"];

/// Reports keys of a reference that are not read. Errors: `unknown-field`.
fn report_unknown_keys(node: &Node, known: &[&'static str], diagnostics: &mut Diagnostics) {
    for key in node.as_mapping().into_iter().flatten().map(|it| &it.key) {
        let name = key.as_str().unwrap_or("");
        if !known.contains(&name) {
            let message = format!("unknown field `{name}` of a reference");
            let fault = Diagnostic::error("unknown-field", message).at(key);
            let names = known.join("`, `");
            let fault = fault.label(format!("it has `{names}`"));
            diagnostics.push(fault.did_you_mean(name, known.iter().copied()));
        }
    }
}

impl Resolver<'_> {
    /// Finishes a claim, after those that it refers to. Does nothing if it is finished or in progress.
    fn finish(&mut self, name: &str, diagnostics: &mut Diagnostics) {
        let Some(mut draft) = self.drafts.remove(name) else {
            return;
        };
        self.in_progress.push(name.to_string());
        let kind = draft.kind.clone();
        let (mut dependencies, errors_before) = (Dependencies::default(), diagnostics.errors());
        for reference in &kind.references {
            self.replace_reference(&mut draft.node, reference, &mut dependencies, diagnostics);
        }
        for lookup in &kind.lookups {
            if !self.find(lookup, &draft, &mut dependencies, diagnostics) {
                dependencies.unknown.push(lookup.name.clone());
            }
        }
        let instance = self.finish_draft(&draft, dependencies, diagnostics);
        self.in_progress.pop();
        match instance.filter(|_| diagnostics.errors() == errors_before) {
            Some(instance) => drop(self.done.insert(name.to_string(), instance)),
            None => drop(self.failed.insert(name.to_string(), kind)),
        }
    }

    /// Replaces `value` or `valueFrom` in a field of a claim by the value itself. Other values of the field are not changed.
    fn replace_reference(
        &mut self,
        claim: &mut Node,
        reference: &Reference,
        dependencies: &mut Dependencies,
        diagnostics: &mut Diagnostics,
    ) {
        let path = FieldPath::dotted(&reference.at);
        let field = claim.at_path(&path).cloned();
        let Some(field) = field.filter(|it| it.as_mapping().is_some()) else {
            return;
        };
        match self.value(&field, reference, &mut dependencies.names, diagnostics) {
            Ok(value) => {
                if let Some(field) = at_path_mut(claim, &path) {
                    *field = value;
                }
            }
            Err(unresolved) => {
                if let Unresolved::Fault(fault) = unresolved {
                    diagnostics.push(*fault);
                }
                dependencies.unknown.push(reference.at.clone());
            }
        }
    }

    /// Finishes a claim whose references are replaced. Claims that its expressions look up are finished first.
    fn finish_draft(
        &mut self,
        draft: &Draft,
        mut dependencies: Dependencies,
        diagnostics: &mut Diagnostics,
    ) -> Option<Instance> {
        loop {
            let mut own = Diagnostics::default();
            let finished = draft.finish(self.workspace, self.environment, &dependencies, &mut own);
            if let Err(Some(PendingLookup { claim, span })) = finished {
                let span = span.unwrap_or_else(|| draft.span.clone());
                match self.look_up(claim, &span, diagnostics) {
                    Ok(resolved) => {
                        dependencies.names.insert(resolved.claim.name.clone());
                        dependencies.looked_up.push(resolved);
                    }
                    Err(unresolved) => {
                        if let Unresolved::Fault(fault) = unresolved {
                            diagnostics.push(draft.with_claim_context(*fault));
                        }
                        dependencies.unknown.push(CLAIM.to_string());
                    }
                }
                continue;
            }
            diagnostics.extend(own);
            return finished.ok();
        }
    }

    /// The claim that an expression looks up.
    fn look_up(
        &mut self,
        claim: ClaimLookup,
        span: &Span,
        diagnostics: &mut Diagnostics,
    ) -> Result<ResolvedClaim, Unresolved> {
        let (kind, name) = (claim.kind.as_str(), claim.name.as_str());
        self.finish_referenced(name, span, diagnostics)?;
        let instance = self.done.get(name);
        match instance.filter(|it| it.kind.has_name(kind)) {
            Some(instance) => Ok(instance.as_resolved(claim.clone())),
            None => Err(self.unresolved(name, Some(kind), span)),
        }
    }

    /// Finds the claim that `find` selects. Returns false if it cannot be determined, because several claims match or a claim that
    /// may match has errors.
    fn find(
        &mut self,
        lookup: &Lookup,
        draft: &Draft,
        dependencies: &mut Dependencies,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let mut context = draft.context(self.workspace, self.environment);
        let mut found: Option<&Instance> = None;
        for name in &self.unfinished(&lookup.kind) {
            self.finish(name, diagnostics);
        }
        let mut candidates = self.done.values();
        let mut is_known = true;
        while let Some(candidate) = candidates.find(|it| it.kind.has_name(&lookup.kind)) {
            context.set("found", &as_value(candidate));
            let matches = self.workspace.templates.holds(&lookup.when, &context);
            match (diagnostics.keep(matches), found) {
                (None, _) => is_known = false,
                (Some(false), _) => {}
                (Some(true), None) => found = Some(candidate),
                (Some(true), Some(other)) => {
                    diagnostics.push(ambiguous_lookup(draft, other, candidate));
                    return false;
                }
            }
        }
        let mut failed = self.failed.values();
        if found.is_none() && (!is_known || failed.any(|it| it.has_name(&lookup.kind))) {
            return false;
        }
        dependencies.names.extend(found.map(|it| it.name.clone()));
        let node = found.map_or_else(Node::null, as_value);
        dependencies.found.push((lookup.name.clone(), node));
        true
    }

    /// The names of the claims of a kind that are not finished, sorted.
    fn unfinished(&self, kind: &str) -> Vec<String> {
        let drafts = self.drafts.values().filter(|it| it.kind.has_name(kind));
        let mut names: Vec<String> = drafts.map(|it| it.name.clone()).collect();
        names.sort();
        names
    }

    /// The value of a field that contains `value` or `valueFrom`. Adds the referenced claim to `names`.
    fn value(
        &mut self,
        node: &Node,
        reference: &Reference,
        names: &mut BTreeSet<String>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Node, Unresolved> {
        report_unknown_keys(node, &VALUE_KEYS, diagnostics);
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
        report_unknown_keys(from, &REFERENCE_KEYS, diagnostics);
        let value = self.referenced_value(from, reference, names, diagnostics)?;
        Ok(value.at(node.span()))
    }

    /// The value that `valueFrom` refers to. Adds the referenced claim to `names`.
    fn referenced_value(
        &mut self,
        from: &Node,
        reference: &Reference,
        names: &mut BTreeSet<String>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Node, Unresolved> {
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
        self.finish_referenced(name, name_node.span(), diagnostics)?;
        let kind = text("kind").or(reference.kind.as_deref());
        let instance = self.done.get(name);
        let instance = instance
            .filter(|it| kind.is_none_or(|kind| it.kind.has_name(kind)))
            .ok_or_else(|| self.unresolved(name, kind, name_node.span()))?;
        names.insert(name.to_string());
        let path = text("fieldPath")
            .or(reference.field_path.as_deref())
            .unwrap_or("spec.name");
        let value = scalar_at(instance, path).ok_or_else(|| {
            let path_node = from.get("fieldPath").unwrap_or(name_node);
            unknown_field(instance, path).at(path_node)
        });
        Ok(value?)
    }

    /// Finishes a referenced claim. Errors: `reference-cycle`.
    fn finish_referenced(
        &mut self,
        name: &str,
        at: &Span,
        diagnostics: &mut Diagnostics,
    ) -> Result<(), Diagnostic> {
        if let Some(first) = self.in_progress.iter().position(|it| it == name) {
            let claims = self.in_progress.iter().skip(first).map(String::as_str);
            let cycle: Vec<&str> = claims.chain([name]).collect();
            let fault = Diagnostic::error(
                "reference-cycle",
                format!("reference cycle of claims: {}", cycle.join(" → ")),
            );
            return Err(fault
                .at(at)
                .help("replace one of the references with a literal value"));
        }
        self.finish(name, diagnostics);
        Ok(())
    }

    /// Why there is no claim with this name and kind.
    fn unresolved(&self, name: &str, kind: Option<&str>, at: &Span) -> Unresolved {
        let expected = kind.unwrap_or("claim");
        let failed = self.failed.get(name);
        if failed.is_some_and(|it| kind.is_none_or(|kind| it.has_name(kind))) {
            return Unresolved::Failed;
        }
        if let Some(other) = self.done.get(name).map(|it| &it.kind).or(failed) {
            let other = &other.name;
            let fault = Diagnostic::error(
                "unknown-reference",
                format!("`{name}` has kind {other}, not {expected}"),
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
                "environment `{}` has no {expected} `{name}`",
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

/// The value of a claim that `find` selects, for expressions.
fn as_value(instance: &Instance) -> Node {
    let part = |key: &str| instance.node.get(key).cloned().unwrap_or_else(Node::null);
    Node::mapping(Mapping::from([
        ("metadata", part("metadata")),
        ("spec", part("spec")),
        ("outputs", Node::mapping(instance.outputs.clone())),
    ]))
}

fn ambiguous_lookup(draft: &Draft, first: &Instance, second: &Instance) -> Diagnostic {
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

fn unknown_field(instance: &Instance, path: &str) -> Diagnostic {
    let title = instance.title();
    let message = match value_at(instance, path).map(|it| it.kind()) {
        Some(Kind::Mapping) => {
            format!("`{path}` of {title} is a map, but a reference needs a scalar")
        }
        Some(Kind::Sequence) => {
            format!("`{path}` of {title} is a list, but a reference needs a scalar")
        }
        _ => format!("{title} has no `{path}`"),
    };
    let fault = Diagnostic::error("unknown-reference", message).class(Class::UnknownReference);
    let outputs = instance.outputs.keys().map(|it| format!("outputs.{it}"));
    let outputs: Vec<String> = outputs.collect();
    match outputs.is_empty() {
        true => fault.help(format!(
            "{title} has no outputs: name a field of its `spec`"
        )),
        false => fault.help(format!("its outputs: {}", outputs.join(", "))),
    }
}

/// The scalar at a path: `outputs.x` and `status.outputs.x` are outputs, any other path is a field of the claim.
fn scalar_at(instance: &Instance, path: &str) -> Option<Node> {
    value_at(instance, path).filter(Node::is_scalar)
}

fn value_at(instance: &Instance, path: &str) -> Option<Node> {
    let path = path.strip_prefix("status.").unwrap_or(path);
    match path.strip_prefix("outputs.") {
        Some(output) => Node::mapping(instance.outputs.clone())
            .at_path(&FieldPath::dotted(output))
            .cloned(),
        None => instance.node.at_path(&FieldPath::dotted(path)).cloned(),
    }
}

fn at_path_mut<'a>(node: &'a mut Node, path: &FieldPath) -> Option<&'a mut Node> {
    path.steps().iter().try_fold(node, |node, step| match step {
        Step::Key(key) => node.get_mut(key),
        Step::Index(index) => node.as_sequence_mut()?.get_mut(*index),
    })
}
