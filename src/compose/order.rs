//! The order of claims: which claims must be ready before others.
//!
//! A claim depends on the claims that install the CRDs it requires, on those it refers to, on those in its `dependsOn`, and on the
//! one that creates the namespace of its objects.

use std::collections::{BTreeMap, BTreeSet};

use super::missing_crds::MissingCrd;
use super::overlay::NAME;
use crate::delivery::Delivery;
use crate::diag::{Diagnostic, Diagnostics};
use crate::load::Environment;

/// By claim: the claims that must be ready first.
pub(crate) type Order = BTreeMap<String, BTreeSet<String>>;

/// Computes the order, and adds CRDs that no claim installs to `missing`. Errors: `dependency-cycle`.
pub(super) fn order(
    environment: &Environment,
    deliveries: &[Delivery],
    missing: &mut Vec<MissingCrd>,
    diagnostics: &mut Diagnostics,
) -> Order {
    let ordered = deliveries.iter().filter(|it| !it.is_empty());
    let ordered: Vec<&Delivery> = ordered.filter(|it| it.shared_folder.is_none()).collect();
    let (providers, namespaces) = (crd_providers(&ordered), namespace_creators(&ordered));
    let names: BTreeSet<&str> = ordered.iter().map(|it| it.name.as_str()).collect();
    let mut order = Order::new();
    for delivery in &ordered {
        let mut dependencies = delivery.depends_on.clone();
        for crd in &delivery.requires {
            let mut declared = environment.provides.iter();
            match providers.get(crd.as_str()) {
                Some(claims) => dependencies.extend(claims.iter().map(|it| it.to_string())),
                None if declared.any(|it| it.as_str() == Some(crd)) => {}
                None => missing.push(MissingCrd {
                    environment: environment.name.clone(),
                    title: delivery.title.clone(),
                    span: delivery.span.clone(),
                    crd: crd.clone(),
                }),
            }
        }
        let creators = used_namespaces(delivery).filter_map(|it| namespaces.get(it));
        dependencies.extend(creators.map(|it| it.to_string()));
        // An overlay may delete all objects of a claim that another claim depends on.
        dependencies.retain(|name| *name != delivery.name && names.contains(name.as_str()));
        order.insert(delivery.name.clone(), dependencies);
    }
    put_overlay_last(&mut order);
    if let Some(cycle) = find_cycle(&order) {
        diagnostics.push(cycle_error(environment, deliveries, &cycle));
    }
    order
}

/// The namespaces of a claim's objects and of its charts.
fn used_namespaces(delivery: &Delivery) -> impl Iterator<Item = &str> {
    let files = delivery.files.iter().map(|it| it.object.namespace());
    let charts = delivery.releases.iter().filter_map(|it| {
        let node = &it.object.node;
        node.at_keys(&["spec", "destination", "namespace"])?
            .as_str()
    });
    files.chain(charts)
}

/// Makes the objects that overlays add depend on all claims, except on those that depend on them, for example on an added namespace.
fn put_overlay_last(order: &mut Order) {
    if !order.contains_key(NAME) {
        return;
    }
    let mut dependents = BTreeSet::from([NAME.to_string()]);
    loop {
        let more = order.iter().filter(|(name, dependencies)| {
            !dependents.contains(*name) && dependencies.iter().any(|it| dependents.contains(it))
        });
        let more: Vec<String> = more.map(|it| it.0.clone()).collect();
        if more.is_empty() {
            break;
        }
        dependents.extend(more);
    }
    let others: Vec<String> = order
        .keys()
        .filter(|it| !dependents.contains(*it))
        .cloned()
        .collect();
    if let Some(dependencies) = order.get_mut(NAME) {
        dependencies.extend(others);
    }
}

/// By CRD: the claims that install it.
fn crd_providers<'a>(deliveries: &[&'a Delivery]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut providers: BTreeMap<&'a str, Vec<&'a str>> = BTreeMap::new();
    for delivery in deliveries {
        for crd in &delivery.provides {
            providers.entry(crd).or_default().push(&delivery.name);
        }
    }
    providers
}

/// By namespace: the claim that creates it.
fn namespace_creators<'a>(deliveries: &[&'a Delivery]) -> BTreeMap<&'a str, &'a str> {
    let files = deliveries.iter().flat_map(|delivery| {
        delivery
            .files
            .iter()
            .map(move |file| (delivery, &file.object))
    });
    let created =
        files.filter(|(_, object)| object.kind() == "Namespace" && object.api_version() == "v1");
    created
        .map(|(delivery, object)| (object.name(), delivery.name.as_str()))
        .collect()
}

/// Finds a cycle by depth-first search, visiting each claim once.
fn find_cycle(order: &Order) -> Option<Vec<&str>> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in order.keys() {
        let mut path: Vec<(&str, Vec<&str>)> = vec![(start, dependencies(order, start))];
        while let Some((_, unvisited)) = path.last_mut() {
            let Some(name) = unvisited.pop() else {
                done.extend(path.pop().map(|it| it.0));
                continue;
            };
            if let Some(at) = path.iter().position(|it| it.0 == name) {
                return Some(path[at..].iter().map(|it| it.0).chain([name]).collect());
            }
            if !done.contains(name) {
                path.push((name, dependencies(order, name)));
            }
        }
    }
    None
}

fn dependencies<'a>(order: &'a Order, name: &str) -> Vec<&'a str> {
    order
        .get(name)
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect()
}

fn cycle_error(environment: &Environment, deliveries: &[Delivery], cycle: &[&str]) -> Diagnostic {
    let message = format!(
        "dependency cycle of claims in environment `{}`: {}",
        environment.name,
        cycle.join(" → ")
    );
    let mut fault = Diagnostic::error("dependency-cycle", message)
        .help("remove a `dependsOn`, a reference, or a shared namespace");
    let spans = cycle
        .iter()
        .skip(1)
        .filter_map(|name| deliveries.iter().find(|it| it.name == *name))
        .map(|it| &it.span);
    for (at, span) in spans.enumerate() {
        fault = if at == 0 {
            fault.at(span)
        } else {
            fault.related(span, "part of the cycle")
        };
    }
    fault
}
