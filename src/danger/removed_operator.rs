//! Operators that go in the same change as the objects that only they can let go.

use std::collections::{BTreeMap, BTreeSet};

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
    let mut served: BTreeMap<Box<str>, Vec<(usize, &Object)>> = BTreeMap::new();
    for (index, object) in gone.iter().copied().chain(renamed).enumerate() {
        let of_group = served.entry(object.gvk().group).or_default();
        of_group.push((index, object));
    }
    let permitted = permitted(&gone);
    for operator in &gone {
        let groups = groups(operator, &permitted);
        let objects = groups.into_iter().filter_map(|it| served.get(it));
        let mut objects: Vec<_> = objects.flatten().collect();
        objects.sort_by_key(|it| it.0);
        let objects: Vec<String> = objects.iter().map(|it| it.1.id().to_string()).collect();
        if !objects.is_empty() {
            let message = format!(
                "{} would be deleted together with {}: without the operator these hang on their finalizers, and what it made for them runs on",
                operator.id(),
                some(&objects)
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
fn groups<'a>(object: &Object, permitted: &Permitted<'a>) -> BTreeSet<&'a str> {
    match object.kind() {
        "HelmRelease" | "Application" => {
            let charts = charts(object);
            let known = CHARTS.iter().filter(|it| charts.contains(it.0));
            known.flat_map(|it| it.1.iter().copied()).collect()
        }
        "Deployment" => {
            let account = ["spec", "template", "spec", "serviceAccountName"];
            let account = object.node.at_keys(&account).and_then(Node::as_str);
            let groups = account.and_then(|it| permitted.get(&(object.namespace(), it)));
            groups.cloned().unwrap_or_default()
        }
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

/// The API groups of custom resources that ServiceAccounts may change, by namespace and name.
type Permitted<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>;

/// What roles permit that go together with their bindings.
fn permitted<'a>(gone: &[&'a Object]) -> Permitted<'a> {
    let mut roles: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for role in gone.iter().filter(|it| it.kind().ends_with("Role")) {
        let rules = role.node.get("rules").and_then(Node::as_sequence);
        let rules = rules.unwrap_or_default().iter().filter(changes);
        let groups = roles.entry((role.kind(), role.name())).or_default();
        groups.extend(rules.flat_map(custom_groups));
    }
    let mut permitted = Permitted::new();
    for binding in gone.iter().filter(|it| it.kind().ends_with("RoleBinding")) {
        let text = |node: &'a Node, key: &str| node.get(key).and_then(Node::as_str);
        let role = binding.node.get("roleRef");
        let role = role.and_then(|it| Some((text(it, "kind")?, text(it, "name")?)));
        let Some(groups) = role.and_then(|it| roles.get(&it)) else {
            continue;
        };
        let subjects = binding.node.get("subjects").and_then(Node::as_sequence);
        for subject in subjects.unwrap_or_default() {
            let account = text(subject, "namespace").zip(text(subject, "name"));
            if let Some(account) =
                account.filter(|_| text(subject, "kind") == Some("ServiceAccount"))
            {
                permitted.entry(account).or_default().extend(groups);
            }
        }
    }
    permitted
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
