//! Operators of one kind that watch the same namespaces.

use std::collections::BTreeMap;

use super::environment::{EnvironmentObjects, SourcedObject};
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::{Object, ObjectId};
use crate::products::{Watch, Watched, packs};
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "watched-twice",
    severity: Severity::Warning,
    summary: "two operators of the same kind watch the same namespaces",
    explain: "\
Each of them reconciles every object that it sees, so two operators change the same servers and revert each other's changes, above all \
if their versions differ.

Limit each operator to namespaces of its own with the values of its chart, or remove one of them. If one claim replaces another, remove \
the old operator first, but keep its objects.

The installations of known charts are checked, if all of their values are in the HelmRelease or Application.",
    check: RuleKind::Objects(check),
};

/// An installed operator, and the namespaces that it watches.
pub(super) struct Operator<'a> {
    pub(super) sourced: &'a SourcedObject<'a>,
    pub(super) watch: &'static Watch,
    /// The API groups that it manages.
    pub(super) groups: &'static [String],
    pub(super) watched: Watched,
    /// The cluster that it is installed in, if it is not that of the object.
    pub(super) cluster: Option<&'a str>,
}

/// The operators with a known chart, each once.
pub(super) fn operators<'a>(environment: &'a EnvironmentObjects<'a>) -> Vec<Operator<'a>> {
    let mut found: BTreeMap<(ObjectId, &str), Operator<'a>> = BTreeMap::new();
    for sourced in &environment.objects {
        for pack in packs() {
            for watch in &pack.watch {
                let Some(watched) = watch.of(&sourced.object) else {
                    continue;
                };
                let groups = pack.charts.iter().find(|it| it.0 == watch.chart);
                let operator = Operator {
                    sourced,
                    watch,
                    groups: groups.map_or(&[], |it| &*it.1),
                    watched,
                    cluster: cluster(&sourced.object),
                };
                let key = (sourced.object.id(), &*watch.chart);
                found.entry(key).or_insert(operator);
            }
        }
    }
    found.into_values().collect()
}

/// The address or the name of another cluster that a release or an Application is for.
fn cluster(object: &Object) -> Option<&str> {
    let paths: [&[&str]; 4] = [
        &["spec", "destination", "server"],
        &["spec", "destination", "name"],
        &["spec", "kubeConfig", "secretRef", "name"],
        &["spec", "kubeConfig", "configMapRef", "name"],
    ];
    let mut texts = paths
        .iter()
        .filter_map(|it| object.node.at_keys(it).and_then(Node::as_str));
    texts.find(|it| !it.is_empty())
}

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let operators = operators(environment);
    for (index, operator) in operators.iter().enumerate() {
        let before = operators.iter().take(index);
        let mut rivals = before
            .filter(|it| it.watch.chart == operator.watch.chart && it.cluster == operator.cluster);
        let Some((rival, shared)) =
            rivals.find_map(|it| Some((it, shared(&it.watched, &operator.watched)?)))
        else {
            continue;
        };
        let message = format!(
            "{} and {} both watch {shared}, so both reconcile the same objects",
            operator.sourced.object.id(),
            rival.sourced.object.id(),
        );
        let help =
            "limit each to its own namespaces with the values of the chart, or remove one of them";
        let field = FieldPath::dotted("metadata.name");
        faults.push(operator.sourced, &field, message, help);
    }
}

/// The namespaces that two operators watch, for messages.
fn shared(first: &Watched, second: &Watched) -> Option<String> {
    match (first, second) {
        (Watched::Unknown, _) | (_, Watched::Unknown) => None,
        (Watched::All, Watched::All) => Some("all namespaces".to_string()),
        (Watched::All, Watched::Names(names)) | (Watched::Names(names), Watched::All) => {
            let names: Vec<String> = names.iter().map(|it| format!("`{it}`")).collect();
            Some(names.join(", "))
        }
        (Watched::Names(first), Watched::Names(second)) => {
            let names: Vec<String> = first
                .intersection(second)
                .map(|it| format!("`{it}`"))
                .collect();
            (!names.is_empty()).then(|| names.join(", "))
        }
    }
}
