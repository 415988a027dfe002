//! The objects that a policy and its binding match, and their parameters.

use pleach_yaml::Node;

use super::{Bound, Created};
use crate::object::{Label, Object, Selects, selects};

/// Whether a policy and its binding match the creation of an object.
pub(super) fn matches(bound: &Bound<'_>, created: &Created<'_>) -> Selects {
    let of_policy = bound.policy.node.at_keys(&["spec", "matchConstraints"]);
    let of_binding = bound.binding;
    let of_binding = of_binding.and_then(|it| it.node.at_keys(&["spec", "matchResources"]));
    let of_policy = matches_resources(of_policy, created);
    of_policy.min(matches_resources(of_binding, created))
}

/// `MatchResources` of the API. Without rules, which is only allowed in a binding, it matches all resources.
fn matches_resources(resources: Option<&Node>, created: &Created<'_>) -> Selects {
    let Some(resources) = resources else {
        return Selects::Always;
    };
    let rules = |key: &str| {
        let rules = resources.get(key).and_then(Node::as_sequence);
        rules.unwrap_or_default()
    };
    let policy = resources.get("matchPolicy").and_then(Node::as_str);
    let is_exact = policy == Some("Exact");
    let included = rules("resourceRules");
    let is_included =
        included.is_empty() || included.iter().any(|it| covers(it, created, is_exact));
    let mut excluded = rules("excludeResourceRules").iter();
    if !is_included || excluded.any(|it| covers(it, created, is_exact)) {
        return Selects::Never;
    }
    let labels = created.node.at_keys(&["metadata", "labels"]);
    let object = selects(resources.get("objectSelector"), |key| {
        Label::find(labels, key)
    });
    object.min(matches_namespace(
        resources.get("namespaceSelector"),
        created,
    ))
}

/// Cluster-scoped objects match every namespace selector, except Namespaces, which are matched by their own labels.
fn matches_namespace(selector: Option<&Node>, created: &Created<'_>) -> Selects {
    let is_namespace = &*created.gvk.kind == "Namespace" && created.gvk.group.is_empty();
    let (name, object) = match (is_namespace, created.namespace) {
        (true, _) => (created.name, Some(created.node)),
        (false, "") => return Selects::Always,
        (false, name) => (name, created.namespace_object),
    };
    selects(selector, |key| match (key, object) {
        ("kubernetes.io/metadata.name", _) => Label::Is(name),
        (_, Some(object)) => Label::find(object.at_keys(&["metadata", "labels"]), key),
        (_, None) => Label::Unknown,
    })
}

/// Whether a rule covers the creation of an object. `Equivalent` rules also match other versions of the group.
fn covers(rule: &Node, created: &Created<'_>, is_exact: bool) -> bool {
    let lists = |key: &str, value: &str| {
        let items = rule.get(key).and_then(Node::as_sequence);
        let mut items = items.unwrap_or_default().iter().filter_map(Node::as_str);
        items.any(|it| it == "*" || it == value)
    };
    let names = rule.get("resourceNames").and_then(Node::as_sequence);
    let names = names.filter(|it| !it.is_empty());
    let scope = rule.get("scope").and_then(Node::as_str);
    let is_namespaced = !created.namespace.is_empty();
    lists("operations", "CREATE")
        && lists("apiGroups", &created.gvk.group)
        && (!is_exact || lists("apiVersions", &created.gvk.version))
        && (lists("resources", &created.resource) || lists("resources", "*/*"))
        && names.is_none_or(|it| it.iter().any(|it| it.as_str() == Some(created.name)))
        && match scope {
            Some("Namespaced") => is_namespaced,
            Some("Cluster") => !is_namespaced,
            _ => true,
        }
}

/// The parameters of a policy: none, or each object that the binding refers to. An error if they are unknown.
pub(super) fn parameters<'a>(
    bound: &Bound<'_>,
    created: &Created<'_>,
    objects: &[&'a Object],
) -> Result<Vec<Option<&'a Object>>, String> {
    let Some(kind) = bound.policy.node.at_keys(&["spec", "paramKind"]) else {
        return Ok(vec![None]);
    };
    let text = |node: &Node, key: &str| {
        let text = node.get(key).and_then(Node::as_str);
        text.unwrap_or("").to_owned()
    };
    let (api_version, kind) = (text(kind, "apiVersion"), text(kind, "kind"));
    let reference = bound.binding;
    let reference = reference.and_then(|it| it.node.at_keys(&["spec", "paramRef"]));
    let Some(reference) = reference else {
        return Err("no binding has a paramRef for it".to_owned());
    };
    let (name, namespace) = (text(reference, "name"), text(reference, "namespace"));
    let namespace = match &*namespace {
        "" => created.namespace,
        namespace => namespace,
    };
    let selector = reference.get("selector");
    let is_named = |it: &Object| match &*name {
        "" => {
            let labels = it.node.at_keys(&["metadata", "labels"]);
            selects(selector, |key| Label::find(labels, key)) == Selects::Always
        }
        name => it.name() == name,
    };
    let found: Vec<Option<&Object>> = objects
        .iter()
        .copied()
        .filter(|it| it.api_version() == api_version && it.kind() == kind)
        .filter(|it| it.namespace().is_empty() || it.namespace() == namespace)
        .filter(|it| is_named(it))
        .map(Some)
        .collect();
    let action = text(reference, "parameterNotFoundAction");
    match found.is_empty() && action != "Allow" {
        true => Err(format!(
            "its parameters, {kind} `{name}`, are not in the tree"
        )),
        false => Ok(found),
    }
}
