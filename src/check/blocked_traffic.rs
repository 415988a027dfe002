//! NetworkPolicies that keep an operator from the pods that it manages, or clients from the pods of a LoadBalancer.

mod policy;
mod target;

use std::collections::BTreeMap;

use self::policy::Policy;
use self::target::{Client, Target, targets};
use super::environment::{EnvironmentObjects, SourcedObject};
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::{Object, Selects};
use crate::yaml::FieldPath;

pub(super) const CHECK: Check = Check {
    code: "blocked-traffic",
    severity: Severity::Warning,
    summary: "a NetworkPolicy blocks an operator or the clients of a LoadBalancer",
    explain: "\
As soon as one NetworkPolicy for ingress selects a pod, only traffic that some policy allows reaches it. Two kinds of clients are easily \
forgotten:

- The operator. Altinity's operator asks each ClickHouse server over HTTP (8123), CloudNativePG needs 8000 and 5432 of each instance, \
Elastic's operator 9200. Without it the database never becomes ready. Allow the namespace of the operator:

    ingress:
    - from:
      - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: clickhouse-operator}}
      ports: [{port: 8123}]

- The clients of a Service of type LoadBalancer. They are outside the cluster, so no `podSelector` or `namespaceSelector` matches \
them. Allow their networks with `ipBlock`.

Nothing is reported where a chart or another kind of network policy may allow the traffic.",
    check: RuleKind::Objects(check),
};

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let mut policies: BTreeMap<&str, Vec<(&SourcedObject<'_>, Policy<'_>)>> = BTreeMap::new();
    for sourced in &environment.objects {
        if let Some(policy) = Policy::from_object(&sourced.object) {
            let of_namespace = policies.entry(sourced.object.namespace()).or_default();
            of_namespace.push((sourced, policy));
        }
    }
    // A chart in the namespace may contain policies that allow more.
    for namespace in environment.chart_namespaces() {
        policies.remove(namespace);
    }
    if policies.is_empty() || has_other_policies(environment) {
        return;
    }
    let namespaces = environment.namespaces();
    for target in targets(environment, |namespace| policies.contains_key(namespace)) {
        if let Some(policies) = policies.get(target.namespace) {
            report(&target, policies, &namespaces, faults);
        }
    }
}

/// Reports the ports of a target that no policy allows, at the first policy that selects its pods.
fn report(
    target: &Target<'_>,
    policies: &[(&SourcedObject<'_>, Policy<'_>)],
    namespaces: &BTreeMap<&str, &Object>,
    faults: &mut Faults,
) {
    let selecting: Vec<_> = policies
        .iter()
        .map(|(sourced, policy)| (sourced, policy, policy.selects(&target.labels)))
        .filter(|it| it.2 != Selects::Never)
        .collect();
    let Some((sourced, ..)) = selecting.iter().find(|it| it.2 == Selects::Always) else {
        return;
    };
    let is_allowed = |port: &_| {
        let mut policies = selecting.iter();
        policies.any(|it| {
            it.1.allows(port, &target.client, target.namespace, namespaces)
        })
    };
    let blocked: Vec<String> = target
        .ports
        .iter()
        .filter(|it| !is_allowed(it))
        .map(ToString::to_string)
        .collect();
    if blocked.is_empty() {
        return;
    }
    let ports = match &*blocked {
        [port] => format!("port {port}"),
        ports => format!("ports {}", ports.join(", ")),
    };
    let (client, help) = client_and_help(&target.client, &ports);
    let message = format!(
        "{} blocks {ports} of {} for {client}",
        sourced.object.id(),
        target.title
    );
    let field = FieldPath::dotted("metadata.name");
    faults.push(sourced, &field, message, &help);
}

fn client_and_help(client: &Client<'_>, ports: &str) -> (&'static str, String) {
    match client {
        Client::Operator(namespaces) => {
            let namespace = namespaces.iter().next().copied().unwrap_or("OPERATOR");
            let help = format!(
                "allow it: `from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}}}]` with {ports}"
            );
            ("its operator", help)
        }
        Client::Outside => {
            let help = "allow their networks (`from: [{ipBlock: {cidr: …}}]`), or use a Service of type ClusterIP";
            ("clients outside the cluster", help.to_string())
        }
    }
}

/// Whether there are policies of other kinds, such as Cilium's, which may allow more.
fn has_other_policies(environment: &EnvironmentObjects<'_>) -> bool {
    environment.objects.iter().any(|it| {
        it.object.kind().contains("NetworkPolicy") && &*it.object.gvk().group != policy::GROUP
    })
}
