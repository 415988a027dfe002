//! Kyverno policies that validate objects by patterns or in CEL.
//!
//! Source: `pkg/engine` of Kyverno 1.19. All other features of rules (conditions, context, variables, loops, images, mutations) are
//! not evaluated; [`KyvernoPolicies::unevaluated`] lists them.

mod cel;
mod pattern;

use pleach_yaml::diag::{Span, is_typo};
use pleach_yaml::{FieldPath, Node};

use super::cel::{Programs, RuleBudget};
use super::policy::{Created, Evaluation, KYVERNO_GROUP, Outcome};
use crate::object::{Label, Object, Selects, selects};
use pattern::{Match, matches, wildcard};

/// The API group of Kyverno's policies.
pub const GROUP: &str = "kyverno.io";

/// The kinds of [`GROUP`].
const KINDS: [&str; 7] = [
    "CleanupPolicy",
    "ClusterCleanupPolicy",
    "ClusterPolicy",
    "GlobalContextEntry",
    "Policy",
    "PolicyException",
    "UpdateRequest",
];

/// The kinds of `policies.kyverno.io`; each kind of policy is for the cluster, or with `Namespaced` for a namespace.
const CEL_KINDS: [&str; 6] = [
    "DeletingPolicy",
    "GeneratingPolicy",
    "ImageValidatingPolicy",
    "MutatingPolicy",
    "PolicyException",
    "ValidatingPolicy",
];

/// The kind of Kyverno whose name is similar to that of an object with its group; `None` if the object has a known kind, or no similar
/// name.
pub fn similar_kind(object: &Object) -> Option<&'static str> {
    let gvk = object.gvk();
    let kinds: &[&str] = match &*gvk.group {
        GROUP => &KINDS,
        KYVERNO_GROUP => &CEL_KINDS,
        _ => return None,
    };
    let kind = gvk.kind.strip_prefix("Namespaced").unwrap_or(&gvk.kind);
    let mut similar = kinds.iter().filter(|it| is_typo(kind, it));
    match kinds.contains(&kind) {
        true => None,
        false => similar.next().copied(),
    }
}

/// The values of `validationFailureAction` and `failureAction`; their first letter may be in lower case.
pub const ACTIONS: [&str; 2] = ["Audit", "Enforce"];

/// The Kyverno policies among the objects of a cluster.
#[derive(Debug)]
pub struct KyvernoPolicies<'a> {
    rules: Vec<Rule<'a>>,
    programs: Programs,
    unevaluated: Vec<(&'a Object, String)>,
}

#[derive(Debug)]
struct Rule<'a> {
    policy: &'a Object,
    name: &'a str,
    node: &'a Node,
    validation: Validation<'a>,
    message: &'a str,
    outcome: Outcome,
}

/// The validation of a rule.
#[derive(Debug)]
enum Validation<'a> {
    /// One of the patterns must match.
    Patterns(Vec<&'a Node>),
    /// The `spec` of a ValidatingAdmissionPolicy.
    Cel(Node),
}

/// A violated rule, or a rule that could not be evaluated for an object.
#[derive(Clone, Debug)]
pub struct KyvernoFinding<'a> {
    /// The policy, as an object of the cluster.
    pub policy: &'a Object,
    /// The name of the rule.
    pub rule: &'a str,
    /// The action for a violation.
    pub outcome: Outcome,
    /// The message of the rule, or the reason why it was not evaluated.
    pub message: String,
    /// The first field that does not match a pattern, or that an expression reads.
    pub field: FieldPath,
    /// The location of the rule.
    pub span: Span,
}

impl<'a> KyvernoPolicies<'a> {
    /// The policies among objects.
    pub fn among(objects: impl Iterator<Item = &'a Object>) -> KyvernoPolicies<'a> {
        let mut found = KyvernoPolicies {
            rules: Vec::new(),
            programs: Programs::default(),
            unevaluated: Vec::new(),
        };
        let is_policy = |it: &&Object| {
            &*it.gvk().group == GROUP && matches!(it.kind(), "ClusterPolicy" | "Policy")
        };
        for policy in objects.filter(is_policy) {
            let rules = policy.node.at_keys(&["spec", "rules"]);
            let mut reasons = Vec::new();
            for node in rules.and_then(Node::as_sequence).unwrap_or_default() {
                match rule(policy, node) {
                    Ok(rule) => found.rules.push(rule),
                    Err(reason) => reasons.push(format!("rule `{}` {reason}", name(node))),
                }
            }
            if !reasons.is_empty() {
                found.unevaluated.push((policy, reasons.join("; ")));
            }
        }
        found
    }

    /// The policies with rules that are not evaluated, and the reasons.
    pub fn unevaluated(&self) -> impl Iterator<Item = (&'a Object, &str)> {
        self.unevaluated.iter().map(|it| (it.0, it.1.as_str()))
    }

    /// Whether no rule is evaluated.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules that an object violates. The cost of their expressions is subtracted from the budget.
    pub fn evaluate(&self, created: &Created<'_>, budget: &RuleBudget) -> Vec<KyvernoFinding<'a>> {
        let mut found = Vec::new();
        for rule in self.rules.iter().filter(|it| it.is_about(created)) {
            match &rule.validation {
                Validation::Patterns(patterns) => {
                    found.extend(rule.by_patterns(patterns, created));
                }
                Validation::Cel(spec) => {
                    let evaluation = Evaluation::new(spec, created, None, &self.programs, budget);
                    found.extend(rule.by_cel(evaluation));
                }
            }
        }
        found
    }
}

/// The actions of a policy that Kyverno does not know.
pub fn invalid_actions(policy: &Object) -> impl Iterator<Item = &Node> {
    let is_policy =
        &*policy.gvk().group == GROUP && matches!(policy.kind(), "ClusterPolicy" | "Policy");
    let spec = policy.node.get("spec").filter(|_| is_policy);
    let rules = spec.and_then(|it| it.get("rules")?.as_sequence());
    let validations = rules
        .into_iter()
        .flatten()
        .filter_map(|it| it.get("validate"));
    let parts = spec.into_iter().chain(validations).flat_map(move |part| {
        let of_policy = part.get("validationFailureAction");
        let overrides = ["validationFailureActionOverrides", "failureActionOverrides"];
        let overrides = overrides.into_iter().filter_map(|it| part.get(it));
        let overrides = overrides.filter_map(Node::as_sequence).flatten();
        let overrides = overrides.filter_map(|it| it.get("action"));
        of_policy
            .into_iter()
            .chain(part.get("failureAction"))
            .chain(overrides)
    });
    parts.filter(|it| {
        let is_known = |action: &str| ACTIONS.iter().any(|it| it.eq_ignore_ascii_case(action));
        !it.is_null() && !it.as_str().is_some_and(is_known)
    })
}

fn name(rule: &Node) -> &str {
    rule.get("name").and_then(Node::as_str).unwrap_or("")
}

/// A rule that can be evaluated, or the reason why not.
fn rule<'a>(policy: &'a Object, node: &'a Node) -> Result<Rule<'a>, String> {
    let is_set = |node: &Node, key: &str| node.get(key).is_some_and(|it| !it.is_null());
    let other = ["mutate", "generate", "verifyImages", "imageExtractors"];
    if let Some(key) = other.iter().find(|it| is_set(node, it)) {
        return Err(format!("has `{key}`"));
    }
    let validate = node.get("validate").ok_or("validates nothing")?;
    let is_in_cel = is_set(validate, "cel");
    let conditions = ["context", "preconditions", "celPreconditions"];
    let mut conditions = conditions.iter().filter(|it| is_set(node, it));
    if let Some(key) = conditions.find(|it| !is_in_cel || **it != "celPreconditions") {
        return Err(format!("depends on `{key}`"));
    }
    let validation = match is_in_cel {
        true => Validation::Cel(cel::spec(node)?),
        false => Validation::Patterns(patterns(validate)?),
    };
    for part in ["match", "exclude"] {
        if let Some(key) = node.get(part).and_then(unknown_filter) {
            return Err(format!("has `{key}` under `{part}`"));
        }
    }
    let message = validate.get("message").and_then(Node::as_str).unwrap_or("");
    let message = match message.contains("{{") {
        true => "",
        false => message,
    };
    let action = |node: &'a Node, key: &str| node.get(key).and_then(Node::as_str);
    let of_policy = policy
        .node
        .get("spec")
        .and_then(|it| action(it, "validationFailureAction"));
    let action = action(validate, "failureAction").or(of_policy);
    let outcome = match action.map(str::to_ascii_lowercase).as_deref() {
        Some("enforce") => Outcome::Deny,
        _ => Outcome::Audit,
    };
    Ok(Rule {
        policy,
        name: name(node),
        node,
        validation,
        message,
        outcome,
    })
}

/// The patterns of a rule, or the reason why they are not evaluated.
fn patterns(validate: &Node) -> Result<Vec<&Node>, String> {
    let patterns: Vec<&Node> = match (validate.get("pattern"), validate.get("anyPattern")) {
        (Some(pattern), _) if !pattern.is_null() => vec![pattern],
        (_, Some(any)) => any.as_sequence().unwrap_or_default().iter().collect(),
        _ => {
            let keys = validate.as_mapping().into_iter().flatten();
            let mut keys = keys.filter_map(|it| it.key.as_str());
            let known = [
                "message",
                "failureAction",
                "failureActionOverrides",
                "allowExistingViolations",
            ];
            let key = keys.find(|it| !known.contains(it)).unwrap_or("validate");
            return Err(format!("has `{key}` instead of a pattern"));
        }
    };
    match patterns.iter().any(|it| has_variable(it)) {
        true => Err("has variables in its pattern".to_string()),
        false => Ok(patterns),
    }
}

fn has_variable(node: &Node) -> bool {
    match (node.as_mapping(), node.as_sequence()) {
        (Some(mapping), _) => mapping
            .iter()
            .any(|it| has_variable(&it.key) || has_variable(&it.value)),
        (_, Some(items)) => items.iter().any(has_variable),
        _ => node
            .as_str()
            .is_some_and(|it| it.contains("{{") || it.contains("$(")),
    }
}

/// The filters of a `match` or `exclude`, and whether all of them must match.
fn filters(node: &Node) -> (Vec<&Node>, bool) {
    let list = |key: &str| node.get(key).and_then(Node::as_sequence);
    match (list("any"), list("all")) {
        (Some(any), _) => (any.iter().collect(), false),
        (_, Some(all)) => (all.iter().collect(), true),
        _ => (vec![node], true),
    }
}

/// A part of a filter that is not evaluated.
fn unknown_filter(node: &Node) -> Option<&str> {
    const KNOWN: [&str; 8] = [
        "kinds",
        "name",
        "names",
        "namespaces",
        "selector",
        "namespaceSelector",
        "annotations",
        "operations",
    ];
    let (filters, _) = filters(node);
    let keys = |node: &'_ Node| {
        let entries = node.as_mapping().into_iter().flatten();
        entries
            .filter_map(|it| it.key.as_str())
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    filters.into_iter().find_map(|filter| {
        let entries = filter.as_mapping().into_iter().flatten();
        let other = entries
            .filter(|it| !it.value.is_null() && !it.value.is_empty_collection())
            .filter_map(|it| it.key.as_str())
            .find(|it| *it != "resources");
        let resources = filter.get("resources");
        let unknown = resources.and_then(|it| {
            let known = keys(it);
            known
                .iter()
                .position(|it| !KNOWN.contains(&it.as_str()))
                .and_then(|at| {
                    let entry = it.as_mapping()?.iter().nth(at)?;
                    entry.key.as_str()
                })
        });
        other.or(unknown)
    })
}

impl<'a> Rule<'a> {
    fn by_patterns(&self, patterns: &[&Node], created: &Created<'_>) -> Option<KyvernoFinding<'a>> {
        let mut first = None;
        for pattern in patterns {
            match matches(created.node, pattern) {
                Match::Matches => return None,
                Match::Skipped => {}
                Match::Differs(field) => _ = first.get_or_insert(field),
            }
        }
        let message = match self.message {
            "" => format!("rule `{}` rejects the object", self.name),
            message => message.trim().to_string(),
        };
        Some(KyvernoFinding {
            policy: self.policy,
            rule: self.name,
            outcome: self.outcome,
            message,
            field: first?,
            span: self.node.span().clone(),
        })
    }

    fn by_cel(&self, evaluation: Evaluation<'_>) -> impl Iterator<Item = KyvernoFinding<'a>> {
        evaluation.run().into_iter().map(|answer| KyvernoFinding {
            policy: self.policy,
            rule: self.name,
            outcome: match answer.is_unevaluated {
                true => Outcome::Unevaluated,
                false => self.outcome,
            },
            message: answer.message,
            field: answer.field,
            span: answer.span,
        })
    }

    fn is_about(&self, created: &Created<'_>) -> bool {
        if self.policy.kind() == "Policy" && self.policy.namespace() != created.namespace {
            return false;
        }
        let fits = |key: &str| self.node.get(key).is_some_and(|it| fits(it, created));
        fits("match") && !fits("exclude")
    }
}

fn fits(node: &Node, created: &Created<'_>) -> bool {
    let (filters, all) = filters(node);
    let fits = |it: &&Node| {
        it.get("resources")
            .is_some_and(|it| fits_resources(it, created))
    };
    match all {
        true => filters.iter().all(fits),
        false => filters.iter().any(fits),
    }
}

fn fits_resources(filter: &Node, created: &Created<'_>) -> bool {
    let list = |key: &str| {
        let list = filter.get(key).and_then(Node::as_sequence);
        let list = list.filter(|it| !it.is_empty())?;
        Some(list.iter().filter_map(Node::as_str).collect::<Vec<&str>>())
    };
    let any = |key: &str, fits: &dyn Fn(&str) -> bool| {
        list(key).is_none_or(|it| it.iter().any(|it| fits(it)))
    };
    let metadata = |key: &'static str| created.node.at_keys(&["metadata", key]);
    let annotations = filter.get("annotations").and_then(Node::as_mapping);
    let has_annotation = |key: &str, value: &str| {
        let own = metadata("annotations").and_then(Node::as_mapping);
        own.into_iter().flatten().any(|it| {
            let text = |node: &Node| node.as_str().unwrap_or("").to_string();
            wildcard(key, &text(&it.key)) && wildcard(value, &text(&it.value))
        })
    };
    let name = filter.get("name").and_then(Node::as_str).unwrap_or("");
    // For a Namespace, its own name is used.
    let namespace = match &*created.gvk.kind {
        "Namespace" => created.name,
        _ => created.namespace,
    };
    any("kinds", &|it| fits_kind(it, created))
        && (name.is_empty() || wildcard(name, created.name))
        && any("names", &|it| wildcard(it, created.name))
        && any("namespaces", &|it| wildcard(it, namespace))
        && any("operations", &|it| it == "CREATE")
        && annotations.into_iter().flatten().all(|it| {
            has_annotation(
                it.key.as_str().unwrap_or(""),
                it.value.as_str().unwrap_or(""),
            )
        })
        && filter
            .get("selector")
            .is_none_or(|it| selected(it, metadata("labels")))
        && filter.get("namespaceSelector").is_none_or(|it| {
            let labels = created
                .namespace_object
                .and_then(|it| it.at_keys(&["metadata", "labels"]));
            !created.namespace.is_empty() && selected(it, labels)
        })
}

fn selected(selector: &Node, labels: Option<&Node>) -> bool {
    let label = |key: &str| match labels.and_then(|it| it.get(key)?.as_str()) {
        Some(value) => Label::Is(value),
        None => Label::Missing,
    };
    selects(Some(selector), label) == Selects::Always
}

/// `Pod`, `apps/v1/Deployment`, `apps/*/Deployment`, `v1/Pod`, `*`.
fn fits_kind(pattern: &str, created: &Created<'_>) -> bool {
    let gvk = &created.gvk;
    let parts: Vec<&str> = pattern.split('/').collect();
    let is_version = |it: &str| {
        it == "*" || it.starts_with('v') && it.get(1..2).is_some_and(|it| it.parse::<u8>().is_ok())
    };
    match parts.as_slice() {
        [kind] => wildcard(kind, &gvk.kind),
        [version, kind] if is_version(version) => {
            wildcard(version, &gvk.version) && wildcard(kind, &gvk.kind)
        }
        [group, version, kind] if is_version(version) => {
            wildcard(group, &gvk.group)
                && wildcard(version, &gvk.version)
                && wildcard(kind, &gvk.kind)
        }
        // Subresources are not created.
        _ => false,
    }
}
