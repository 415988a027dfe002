//! Validates every object as the API server of its cluster would.

use std::collections::{BTreeMap, BTreeSet};

use super::ValidationOptions;
use super::cluster::Cluster;
use super::environment::{EnvironmentObjects, SourcedObject};
use super::policy_faults;
use crate::deploy::flattened;
use crate::diag::{Class, Diagnostic, Edit, Fix, Severity, Span, is_typo};
use crate::layout::Input;
use crate::object::{Gvk, Object};
use crate::schema::Schemas;
use crate::validate::{Catalog, Encoding, Finding, Lifecycle, RuleBudget, Verdict};
use crate::yaml::{FieldPath, Node, View, parse};

/// Objects that the API server of the environment's cluster rejects, or that a later version will reject.
pub(super) fn findings(
    environment: &EnvironmentObjects<'_>,
    cluster: &Cluster,
    options: ValidationOptions,
    budget: &RuleBudget,
) -> Vec<Diagnostic> {
    let (catalog, is_complete) = catalog(environment, cluster);
    let catalog = catalog.with_rule_budget(budget.clone());
    let mut found = Vec::new();
    let mut unknown: BTreeMap<Gvk, &SourcedObject<'_>> = BTreeMap::new();
    let mut leaving: BTreeMap<Gvk, (Lifecycle, Vec<&SourcedObject<'_>>)> = BTreeMap::new();
    for sourced in environment
        .objects
        .iter()
        .filter(|it| is_applied(&it.object))
    {
        let gvk = sourced.object.gvk();
        match catalog.validate(&sourced.object.node, Encoding::Yaml) {
            Verdict::UnknownKind => {
                unknown.entry(gvk.clone()).or_insert(sourced);
            }
            Verdict::Checked(findings) => {
                let findings = findings
                    .into_iter()
                    .filter(|it| !is_substituted(&sourced.object, it))
                    .filter(|it| {
                        !(environment.is_unapplied && may_be_added_by_patches(&sourced.object, it))
                    });
                let findings = findings.map(|it| with_location(it, sourced));
                found.extend(findings.map(|it| match it.class {
                    Class::RemovedApi => with_newer_version(it, sourced, &catalog),
                    _ => it,
                }));
            }
        }
        if let Some(lifecycle) = catalog.lifecycle(&gvk) {
            let entry = leaving
                .entry(gvk)
                .or_insert_with(|| (lifecycle, Vec::new()));
            entry.1.push(sourced);
        }
    }
    if !is_complete || !unknown.is_empty() {
        found.extend_from_slice(cluster.definition_faults());
    }
    found.extend(policy_faults::rejected(&cluster.policies, &catalog));
    found.extend(
        unknown
            .iter()
            .map(|(gvk, it)| no_schema(gvk, it, options, &catalog)),
    );
    for (gvk, (lifecycle, objects)) in &leaving {
        found.extend(deprecated(gvk, lifecycle, objects, &catalog));
    }
    found
}

/// Whether the object reaches the API server unchanged. Objects that are encrypted in Git, files of kustomize and plain data files do
/// not.
pub fn is_applied(object: &Object) -> bool {
    let group = object.gvk().group;
    object.node.get("sops").is_none()
        && !matches!(&*group, "kustomize.config.k8s.io" | "pleach.dev")
        && !is_other_spelling(object)
}

/// Whether an annotation says that the object is written for a definition other than the published one.
fn is_other_spelling(object: &Object) -> bool {
    let annotation = ["metadata", "annotations", "pleach.dev/chronik-spelling"];
    let spelling = object.node.at_keys(&annotation).and_then(Node::as_str);
    matches!(spelling, Some("seed" | "rust"))
}

/// The kinds that the cluster serves, and whether all of their definitions can be read. Only definitions that an object may need are
/// read.
fn catalog(environment: &EnvironmentObjects<'_>, cluster: &Cluster) -> (Catalog, bool) {
    let mut catalog = Catalog::new(cluster.minor);
    let mut is_complete = true;
    let objects = || environment.objects.iter().map(|it| &*it.object);
    let groups: BTreeSet<Box<str>> = objects().map(|it| it.gvk().group).collect();
    let is_custom = |it: &&str| it.contains('.') && !Schemas::is_own_group(it);
    let custom: Vec<&str> = groups.iter().map(|it| &**it).filter(is_custom).collect();
    for source in &cluster.definitions {
        if custom.iter().any(|it| names_group(&source.text, it)) {
            let documents = parse(source);
            is_complete &= documents.is_ok();
            for crd in documents.unwrap_or_default() {
                let items = flattened(Object::new(crd));
                items.iter().for_each(|it| catalog.add_crd(&it.node));
            }
        }
    }
    for object in objects().filter(|it| it.kind() == "CustomResourceDefinition") {
        catalog.add_crd(&object.node);
    }
    (catalog, is_complete)
}

/// Whether a text, YAML or JSON, has a field `group` with this value.
fn names_group(text: &str, group: &str) -> bool {
    let is_filler = |it: char| it.is_whitespace() || it == '"' || it == '\'';
    text.match_indices(group).any(|(at, _)| {
        let before = text.get(..at).unwrap_or("").trim_end_matches(is_filler);
        let key = before
            .strip_suffix(':')
            .map(|it| it.trim_end_matches(is_filler));
        key.is_some_and(|it| it.ends_with("group"))
    })
}

/// Whether a finding depends on variables, which Flux replaces before it applies the object.
fn is_substituted(object: &Object, finding: &Finding) -> bool {
    let value = object.node.nearest_on_path(&finding.field);
    match value.is_scalar() {
        true => has_variable(value),
        // Whether a collection is valid may depend on any value in it.
        false => finding.diagnostic.class == Class::InvalidValue && has_variable(value),
    }
}

/// Whether a patch of the parent may add a missing field: repositories often set required fields of all Flux Kustomizations in this
/// way.
fn may_be_added_by_patches(object: &Object, finding: &Finding) -> bool {
    finding.diagnostic.class == Class::MissingField && crate::deploy::is_sync_object(object)
}

fn has_variable(node: &Node) -> bool {
    match node.view() {
        View::Scalar(text) => text.contains("${"),
        View::Sequence(items) => items.iter().any(has_variable),
        View::Mapping(mapping) => mapping.iter().any(|it| has_variable(&it.value)),
    }
}

/// Moves a finding to its line in the input.
fn with_location(finding: Finding, sourced: &SourcedObject<'_>) -> Diagnostic {
    let Finding {
        diagnostic, field, ..
    } = finding;
    let written = diagnostic
        .span
        .clone()
        .filter(is_input)
        .map(|it| it.outermost())
        .filter(|it| !sourced.is_name_of_claim(it));
    let span = written
        .or_else(|| sourced.location(&field))
        .or_else(|| diagnostic.span.clone());
    let found = Diagnostic {
        message: format!("{}: {}", sourced.object.id(), diagnostic.message),
        span,
        ..diagnostic
    };
    // Without a line in the claim, the value is written in the template of its kind.
    let is_at_claim = found
        .span
        .as_ref()
        .is_some_and(|it| sourced.is_name_of_claim(it));
    let own = is_at_claim.then(|| sourced.own_template(&field)).flatten();
    match own {
        Some(line) => found.related(&line, "written by this line of the template"),
        None => super::with_template(found, sourced.template(&field)),
    }
}

/// Whether a location is in a file of an environment.
fn is_input(span: &Span) -> bool {
    Input::is_of_environments(span.path())
}

fn no_schema(
    gvk: &Gvk,
    sourced: &SourcedObject<'_>,
    options: ValidationOptions,
    catalog: &Catalog,
) -> Diagnostic {
    let message = format!(
        "no schema for `{}` of `{}`; its objects are not validated",
        gvk.kind,
        gvk.api_version()
    );
    let at = location(sourced);
    let fault = Diagnostic {
        severity: options.unknown_kind,
        ..Diagnostic::error("no-schema", message).class(Class::NoSchema)
    };
    let kinds = catalog.kinds().into_iter();
    let kinds = kinds.filter(|it| it.0 == &*gvk.group && is_typo(&gvk.kind, it.1));
    fault
        .at(at)
        .did_you_mean(&gvk.kind, kinds.map(|it| it.1))
        .help("put its CustomResourceDefinition into the folder `crds/` of the workspace")
}

fn location(sourced: &SourcedObject<'_>) -> Span {
    sourced.line(&FieldPath::dotted("kind"))
}

/// API versions that the cluster's Kubernetes version deprecates, or that the next version no longer serves.
fn deprecated(
    gvk: &Gvk,
    lifecycle: &Lifecycle,
    objects: &[&SourcedObject<'_>],
    catalog: &Catalog,
) -> Option<Diagnostic> {
    let (first, minor) = (objects.first()?, catalog.minor());
    let is_removed = |minor: u32| lifecycle.removed.is_some_and(|it| it <= minor);
    if is_removed(minor) || lifecycle.deprecated.is_none_or(|it| it > minor) {
        // Removed versions are reported as errors by the validation.
        return None;
    }
    let removal = match lifecycle.removed {
        Some(removed) if is_removed(minor + 1) => {
            format!("and the next version, Kubernetes 1.{removed}, no longer serves it")
        }
        Some(removed) => format!("and Kubernetes 1.{removed} no longer serves it"),
        None => "without a removal date".to_owned(),
    };
    let since = match lifecycle.deprecated {
        Some(0) | None => String::new(),
        Some(since) => format!(" since Kubernetes 1.{since}"),
    };
    let more = match objects.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "{}{more}: `{}` of `{}` is deprecated{since}, {removal}",
        first.object.id(),
        gvk.kind,
        gvk.api_version()
    );
    let fault = Diagnostic::warning("deprecated-api", message).at(location(first));
    Some(match &lifecycle.replacement {
        Some(replacement) => with_replacement(fault, replacement, objects, catalog),
        None => fault,
    })
}

/// Suggests a newer API version, with a fix if all fields of the objects are valid there.
fn with_replacement(
    fault: Diagnostic,
    replacement: &str,
    objects: &[&SourcedObject<'_>],
    catalog: &Catalog,
) -> Diagnostic {
    let edits = objects
        .iter()
        .map(|it| newer_version(it, replacement, catalog));
    let Some(edits) = edits.collect::<Option<Vec<Edit>>>() else {
        return fault.help(format!("use `{replacement}`, whose fields may differ"));
    };
    let help = format!(
        "change it to `apiVersion: {replacement}`; all fields of the object are valid there"
    );
    let mut fault = fault.help(help.clone());
    fault.fixes.push(Fix { help, edits });
    fault
}

/// Adds a fix that replaces a removed version by the newer one, if the object is valid in it.
fn with_newer_version(
    fault: Diagnostic,
    sourced: &SourcedObject<'_>,
    catalog: &Catalog,
) -> Diagnostic {
    let lifecycle = catalog.lifecycle(&sourced.object.gvk());
    let replacement = lifecycle.and_then(|it| it.replacement);
    let edit = replacement
        .as_ref()
        .and_then(|it| newer_version(sourced, it, catalog));
    match (replacement, edit) {
        (Some(replacement), Some(edit)) => {
            let help = format!(
                "change it to `apiVersion: {replacement}`; all fields of the object are valid there"
            );
            let fault = Diagnostic {
                help: Vec::new(),
                ..fault
            };
            fault.fix(help, edit)
        }
        _ => fault,
    }
}

/// The fix that writes a newer version in the input; `None` if the object is invalid in it, or its meaning may change.
fn newer_version(
    sourced: &SourcedObject<'_>,
    replacement: &str,
    catalog: &Catalog,
) -> Option<Edit> {
    let object = &sourced.object;
    let written = object.node.get("apiVersion")?;
    let edit = Edit::rename(written.span(), written.as_str()?, replacement);
    let edit = edit.filter(|it| sourced.is_editable(&it.span))?;
    // An empty selector selects all pods in `policy/v1`, but none in `policy/v1beta1`.
    let selector = object.node.at_keys(&["spec", "selector"]);
    if object.kind() == "PodDisruptionBudget" && selector.is_none_or(Node::is_empty_collection) {
        return None;
    }
    let mut newer = object.node.clone();
    newer.as_mapping_mut()?.insert("apiVersion", replacement);
    let is_fine = |it: &Finding| it.diagnostic.severity != Severity::Error;
    match catalog.validate(&newer, Encoding::Yaml) {
        Verdict::Checked(findings) => findings.iter().all(is_fine).then_some(edit),
        Verdict::UnknownKind => None,
    }
}
