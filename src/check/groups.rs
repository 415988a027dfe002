//! Checks of objects outside of any environment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cluster::Cluster;
use super::environment::{EnvironmentObjects, SourcedObject};
use super::lines::Lines;
use super::{RuleKind, ValidationOptions, run_checks};
use crate::deploy::ChartInputs;
use crate::diag::{Class, Diagnostic, Diagnostics};
use crate::object::{Object, ObjectId};
use crate::tree::TreePath;
use crate::validate::{RuleBudget, kyverno, policy};
use crate::yaml::Node;

/// Objects that are applied together: the result of a kustomization, or files.
#[derive(Debug, Default)]
pub struct ObjectGroup {
    /// The objects as they are applied.
    pub objects: Vec<Object>,
    /// The charts that some of them come from, with their values.
    pub inputs: ChartInputs,
}

/// The findings about each object of some groups. `name` is the environment whose cluster is used; empty for none. Missing objects are
/// not reported, because they may exist elsewhere.
///
/// CRDs of any group apply to all groups. Policies, their parameters and Namespaces apply to their own group; those of `shared`, which
/// are in no kustomization, to each group.
pub fn check_groups(
    name: &str,
    shared: &ObjectGroup,
    groups: &[ObjectGroup],
    cluster: &Cluster,
    options: ValidationOptions,
) -> Diagnostics {
    let lines = Lines::default();
    let budget = RuleBudget::default();
    let mut found = Diagnostics::default();
    let all = || std::iter::once(shared).chain(groups);
    let definitions = definitions(all());
    let of_cluster = context(&shared.objects);
    let policies = cluster.policies.with_own(&shared.objects);
    let cluster = &Cluster {
        policies: Arc::new(policies),
        ..cluster.clone()
    };
    for group in all().filter(|it| !it.objects.is_empty()) {
        let own: BTreeSet<ObjectId> = group.objects.iter().map(Object::id).collect();
        let used: BTreeSet<Box<str>> = group.objects.iter().map(|it| it.gvk().group).collect();
        let others = used
            .iter()
            .filter_map(|it| definitions.get(&**it))
            .flatten();
        let others = others
            .chain(&of_cluster)
            .filter(|it| !own.contains(&it.id()));
        let objects = group.objects.iter().chain(others.copied());
        let environment = EnvironmentObjects {
            objects: objects.map(|it| sourced_object(it, &lines)).collect(),
            inputs: group.inputs.clone(),
            is_partial: true,
            ..EnvironmentObjects::default()
        };
        let is_selected = |it: &RuleKind| matches!(it, RuleKind::Each(_));
        let faults =
            run_checks(name, &environment, cluster, options, &budget, is_selected).into_iter();
        found.extend(faults.map(|it| at_request(it, &group.inputs)));
    }
    found.move_outermost();
    found.sort_and_dedup();
    // A kind without a schema is reported once, not once for each group.
    let mut unknown = BTreeSet::new();
    let is_new =
        |it: &Diagnostic| it.class != Class::NoSchema || unknown.insert(it.message.clone());
    found.into_iter().filter(is_new).collect()
}

/// Moves a fault in the output of a chart to the line that requests the chart, because the output is not in a file.
fn at_request(fault: Diagnostic, inputs: &ChartInputs) -> Diagnostic {
    let Some(output) = fault.span.clone() else {
        return fault;
    };
    let path = output.path().as_str();
    let name = path
        .strip_prefix("<chart ")
        .and_then(|it| it.strip_suffix('>'));
    let mut inputs = inputs.iter().map(|it| &it.1);
    let input = inputs.find(|it| Some(&*it.chart.metadata.name) == name);
    match input.and_then(|it| it.entry.clone()) {
        Some(entry) => fault
            .at(entry)
            .related(&output, "in the output of the chart"),
        None => fault,
    }
}

fn sourced_object<'a>(object: &'a Object, lines: &'a Lines<'a>) -> SourcedObject<'a> {
    SourcedObject::without_environment(object, TreePath::root(), lines)
}

/// The definitions of all groups, each once, by the API group that they define.
fn definitions<'a>(
    groups: impl Iterator<Item = &'a ObjectGroup>,
) -> BTreeMap<&'a str, Vec<&'a Object>> {
    let mut found: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let objects = groups.flat_map(|it| &it.objects);
    for object in objects.filter(|it| it.kind() == "CustomResourceDefinition") {
        let group = object
            .node
            .at_keys(&["spec", "group"])
            .and_then(Node::as_str);
        if let Some(group) = group.filter(|_| seen.insert(object.id())) {
            found.entry(group).or_default().push(object);
        }
    }
    found
}

/// The objects that affect the checks of other groups: Namespaces, policies with their bindings, and parameters.
fn context(objects: &[Object]) -> Vec<&Object> {
    let is_policy = |it: &Object| {
        [policy::GROUP, policy::KYVERNO_GROUP, kyverno::GROUP].contains(&&*it.gvk().group)
    };
    let parameters: BTreeSet<(&str, &str)> = objects
        .iter()
        .filter(|it| is_policy(it))
        .filter_map(|it| {
            let kind = it.node.at_keys(&["spec", "paramKind"])?;
            let text = |key: &str| kind.get(key).and_then(Node::as_str);
            Some((text("apiVersion")?, text("kind")?))
        })
        .collect();
    let is_context = |it: &&Object| {
        is_policy(it)
            || it.kind() == "Namespace" && it.gvk().group.is_empty()
            || parameters.contains(&(it.api_version(), it.kind()))
    };
    objects.iter().filter(is_context).collect()
}
