//! The order of claims: which claims must be ready before others.
//!
//! It follows from CRDs that one claim provides and another requires, from references and `dependsOn`, and from namespaces: a claim
//! depends on the one that creates the namespace of its objects.

use std::collections::{BTreeMap, BTreeSet};

use super::missing_crds::MissingCrd;
use super::overlay::NAME;
use crate::delivery::Delivery;
use crate::diag::{Diagnostic, Diagnostics};
use crate::load::Environment;

/// For each claim, the claims that must be ready first.
pub(crate) type Order = BTreeMap<String, BTreeSet<String>>;

/// Computes the order, and adds CRDs that nothing installs to `missing`. Errors: `dependency-cycle`.
pub(super) fn order(
    environment: &Environment,
    deliveries: &[Delivery],
    missing: &mut Vec<MissingCrd>,
    diagnostics: &mut Diagnostics,
) -> Order {
    let standing = deliveries.iter().filter(|it| !it.is_empty());
    let standing: Vec<&Delivery> = standing.filter(|it| it.place.is_none()).collect();
    let (providers, namespaces) = (providers(&standing), namespaces(&standing));
    let names: BTreeSet<&str> = standing.iter().map(|it| it.name.as_str()).collect();
    let mut order = Order::new();
    for delivery in &standing {
        let mut first = delivery.depends_on.clone();
        for crd in &delivery.requires {
            match providers.get(crd.as_str()) {
                Some(claims) => first.extend(claims.iter().map(|it| it.to_string())),
                None if environment
                    .provides
                    .iter()
                    .any(|it| it.as_str() == Some(crd)) => {}
                None => missing.push(MissingCrd {
                    environment: environment.name.clone(),
                    title: delivery.title.clone(),
                    span: delivery.span.clone(),
                    crd: crd.clone(),
                }),
            }
        }
        let used = delivery.files.iter().map(|it| it.object.namespace());
        let charts = delivery.releases.iter().filter_map(|it| {
            let namespace = it
                .object
                .node
                .at_keys(&["spec", "destination", "namespace"]);
            namespace?.as_str()
        });
        first.extend(
            used.chain(charts)
                .filter_map(|it| namespaces.get(it))
                .map(|it| it.to_string()),
        );
        // An overlay may delete all objects of a claim that another claim depends on.
        first.retain(|name| *name != delivery.name && names.contains(name.as_str()));
        order.insert(delivery.name.clone(), first);
    }
    put_overlay_last(&mut order);
    if let Some(circle) = find_circle(&order) {
        diagnostics.push(cycle(environment, deliveries, &circle));
    }
    order
}

/// Objects that overlays add wait for all claims, except those that depend on them, for example on an added namespace.
fn put_overlay_last(order: &mut Order) {
    if !order.contains_key(NAME) {
        return;
    }
    let mut waiting = BTreeSet::from([NAME.to_string()]);
    loop {
        let more = order.iter().filter(|(name, first)| {
            !waiting.contains(*name) && first.iter().any(|it| waiting.contains(it))
        });
        let more: Vec<String> = more.map(|it| it.0.clone()).collect();
        if more.is_empty() {
            break;
        }
        waiting.extend(more);
    }
    let rest: Vec<String> = order
        .keys()
        .filter(|it| !waiting.contains(*it))
        .cloned()
        .collect();
    if let Some(first) = order.get_mut(NAME) {
        first.extend(rest);
    }
}

fn providers<'a>(deliveries: &[&'a Delivery]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut providers: BTreeMap<&'a str, Vec<&'a str>> = BTreeMap::new();
    for delivery in deliveries {
        for crd in &delivery.provides {
            providers.entry(crd).or_default().push(&delivery.name);
        }
    }
    providers
}

fn namespaces<'a>(deliveries: &[&'a Delivery]) -> BTreeMap<&'a str, &'a str> {
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
fn find_circle(order: &Order) -> Option<Vec<&str>> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in order.keys() {
        let mut path: Vec<(&str, Vec<&str>)> = vec![(start, next(order, start))];
        while let Some((_, rest)) = path.last_mut() {
            let Some(name) = rest.pop() else {
                done.extend(path.pop().map(|it| it.0));
                continue;
            };
            if let Some(at) = path.iter().position(|it| it.0 == name) {
                return Some(path[at..].iter().map(|it| it.0).chain([name]).collect());
            }
            if !done.contains(name) {
                path.push((name, next(order, name)));
            }
        }
    }
    None
}

fn next<'a>(order: &'a Order, name: &str) -> Vec<&'a str> {
    order
        .get(name)
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect()
}

fn cycle(environment: &Environment, deliveries: &[Delivery], circle: &[&str]) -> Diagnostic {
    let message = format!(
        "dependency cycle of claims in environment `{}`: {}",
        environment.name,
        circle.join(" → ")
    );
    let mut fault = Diagnostic::error("dependency-cycle", message)
        .help("remove a `dependsOn`, a reference, or a shared namespace");
    let spans = circle
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
