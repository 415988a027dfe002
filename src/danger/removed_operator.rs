//! Operators that go in the same change as the objects that only they can let go.

use std::collections::BTreeSet;

use super::{ChangeSet, Danger, Faults, Judge, some};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "removed-operator",
    severity: Severity::Error,
    summary: "an operator would be deleted together with the objects that it looks after",
    explain: "\
Objects of operators have finalizers: such an object is only gone when its operator has cleaned up after it. Flux and Argo CD delete all \
that leaves the tree in one go, so the operator may be gone first. Then the objects hang, marked for deletion, and what the operator made \
for them runs on: servers, volumes, load balancers.

Take two changes. The first removes the objects. When they are gone from the cluster, the second removes the operator. The same order is \
needed where a database moves to another operator that watches another namespace: it is a new object there, and the old one needs the old \
operator.

Has it happened: install the operator again and let it finish, or remove the finalizers and delete what is left yourself.

An operator is known by its chart, or by a Deployment whose ServiceAccount a role lets change objects of the API group.",
    sees_secrets: false,
    judge: Judge::ChangeSet(judge),
};

/// Charts of operators, and the API groups of the objects that they look after.
const CHARTS: [(&str, &[&str]); 14] = [
    (
        "altinity-clickhouse-operator",
        &["clickhouse.altinity.com", "clickhouse-keeper.altinity.com"],
    ),
    ("cert-manager", &["acme.cert-manager.io"]),
    ("chronik-operator", &["chronik.stream", "chronik.io"]),
    ("cloudnative-pg", &["postgresql.cnpg.io"]),
    ("cluster-operator", &["rabbitmq.com"]),
    ("community-operator", &["mongodbcommunity.mongodb.com"]),
    (
        "crossplane",
        &["apiextensions.crossplane.io", "pkg.crossplane.io"],
    ),
    (
        "eck-operator",
        &["elasticsearch.k8s.elastic.co", "kibana.k8s.elastic.co"],
    ),
    ("mariadb-operator", &["k8s.mariadb.com"]),
    ("postgres-operator", &["acid.zalan.do"]),
    ("psmdb-operator", &["psmdb.percona.com"]),
    (
        "pulumi-kubernetes-operator",
        &["pulumi.com", "auto.pulumi.com"],
    ),
    ("pxc-operator", &["pxc.percona.com"]),
    ("strimzi-kafka-operator", &["kafka.strimzi.io"]),
];

fn judge(scene: &ChangeSet<'_>, faults: &mut Faults) {
    let gone: Vec<&Object> = scene.pairs.iter().filter_map(removed).collect();
    // An object with a new name or namespace is another one; the old one must be let go too.
    let renamed = scene.pairs.iter().filter_map(|it| match it {
        Pair::Renamed(before, _) => Some(*before),
        _ => None,
    });
    let served: Vec<&Object> = gone.iter().copied().chain(renamed).collect();
    for operator in &gone {
        let groups = groups(operator, &gone);
        let served: Vec<String> = served
            .iter()
            .filter(|it| groups.contains(&*it.gvk().group))
            .map(|it| it.id().to_string())
            .collect();
        if !served.is_empty() {
            let message = format!(
                "{} would be deleted together with {}: without the operator these hang on their finalizers, and what it made for them runs on",
                operator.id(),
                some(&served)
            );
            faults.push(operator, FieldPath::dotted("metadata.name"), message);
        }
    }
}

fn removed<'a>(pair: &Pair<'a>) -> Option<&'a Object> {
    match pair {
        Pair::Removed(before) => Some(before),
        _ => None,
    }
}

/// The API groups that an object is the operator of; none for any other object.
fn groups<'a>(object: &Object, gone: &[&'a Object]) -> BTreeSet<&'a str> {
    match object.kind() {
        "HelmRelease" | "Application" => {
            let charts = charts(object);
            let known = CHARTS.iter().filter(|it| charts.contains(it.0));
            known.flat_map(|it| it.1.iter().copied()).collect()
        }
        "Deployment" => permitted(object, gone),
        _ => BTreeSet::new(),
    }
}

/// The names of the charts that an object installs. Of a chart in a registry it is the last part of the address or of the name.
fn charts(object: &Object) -> BTreeSet<&str> {
    let text = |keys: &[&str]| object.node.at_keys(keys).and_then(Node::as_str);
    let mut found: Vec<&str> = [
        &["spec", "chart", "spec", "chart"][..],
        &["spec", "chartRef", "name"],
        &["spec", "source", "chart"],
        &["spec", "source", "repoURL"],
    ]
    .into_iter()
    .filter_map(text)
    .collect();
    let sources = object.node.at_keys(&["spec", "sources"]);
    for source in sources.and_then(Node::as_sequence).unwrap_or_default() {
        let fields = ["chart", "repoURL"].map(|it| source.get(it).and_then(Node::as_str));
        found.extend(fields.into_iter().flatten());
    }
    found
        .into_iter()
        .filter_map(|it| it.rsplit('/').next())
        .collect()
}

/// The API groups of custom resources that a Deployment's ServiceAccount may change, by roles that go with it.
fn permitted<'a>(deployment: &Object, gone: &[&'a Object]) -> BTreeSet<&'a str> {
    let account = ["spec", "template", "spec", "serviceAccountName"];
    let Some(account) = deployment.node.at_keys(&account).and_then(Node::as_str) else {
        return BTreeSet::new();
    };
    let is_bound = |binding: &&&Object| {
        let subjects = binding.node.get("subjects").and_then(Node::as_sequence);
        subjects.unwrap_or_default().iter().any(|it| {
            let has = |key: &str, text: &str| it.get(key).and_then(Node::as_str) == Some(text);
            has("kind", "ServiceAccount")
                && has("name", account)
                && has("namespace", deployment.namespace())
        })
    };
    let bindings = gone
        .iter()
        .filter(|it| it.kind().ends_with("RoleBinding"))
        .filter(is_bound);
    let roles: BTreeSet<(&str, &str)> = bindings
        .filter_map(|it| {
            let role = it.node.get("roleRef")?;
            Some((role.get("kind")?.as_str()?, role.get("name")?.as_str()?))
        })
        .collect();
    let roles = gone
        .iter()
        .filter(|it| roles.contains(&(it.kind(), it.name())));
    let rules = roles.flat_map(|it| it.node.get("rules").and_then(Node::as_sequence));
    rules
        .flatten()
        .filter(changes)
        .flat_map(custom_groups)
        .collect()
}

fn changes(rule: &&Node) -> bool {
    let verbs = rule.get("verbs").and_then(Node::as_sequence);
    let mut verbs = verbs.unwrap_or_default().iter().filter_map(Node::as_str);
    verbs.any(|it| matches!(it, "*" | "update" | "patch"))
}

/// The groups of a rule that are no groups of Kubernetes.
fn custom_groups(rule: &Node) -> impl Iterator<Item = &str> {
    let groups = rule.get("apiGroups").and_then(Node::as_sequence);
    let groups = groups.unwrap_or_default().iter().filter_map(Node::as_str);
    groups.filter(|it| it.contains('.') && !it.ends_with(".k8s.io"))
}
