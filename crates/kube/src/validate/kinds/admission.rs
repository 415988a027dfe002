//! Admission policies, their bindings, and webhooks.

use std::collections::BTreeSet;

use super::fields::{self, exactly_one_of, required, required_name, spec_of, text_of};
use super::selector;
use crate::validate::cel::{self, Environment, Expected};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use pleach_yaml::Node;

pub(super) fn policy<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    exactly_one_of(spec, "failurePolicy", &["Fail", "Ignore"], report);
    let parameters = spec.field("paramKind");
    if let Some(kind) = parameters {
        param_kind(kind, report);
    }
    match spec.field("matchConstraints") {
        None => required(spec, "matchConstraints", report),
        Some(constraints) => {
            match_resources(constraints, report);
            if constraints.list("resourceRules").is_empty() {
                report.required(constraints, "resourceRules");
            }
        }
    }
    let mut environment = Environment::admission(parameters.is_some());
    conditions(spec, &environment, report);
    for variable in spec.list("variables") {
        let name = variable.text_or_empty("name");
        if !names::c_identifier(name) || cel::is_reserved(name) {
            report.invalid_field(variable, "name", "must be a CEL identifier");
        }
        expression(
            variable,
            "expression",
            Expected::Anything,
            &environment,
            report,
        );
        environment.add_variable(name, variable.text_or_empty("expression"));
    }
    validations(object, spec, &environment, report);
}

fn validations<'a>(
    object: &'a Node,
    spec: &'a Node,
    environment: &Environment,
    report: &mut Report<'a>,
) {
    let (rules, audit) = (spec.list("validations"), spec.list("auditAnnotations"));
    if rules.is_empty() && audit.is_empty() {
        report.invalid(spec, "must have `validations` or `auditAnnotations`");
    }
    for rule in rules {
        validation(rule, environment, report);
    }
    if audit.len() > 20 {
        report.invalid_field(spec, "auditAnnotations", "must have at most 20 entries");
    }
    let name = object
        .field("metadata")
        .map_or("", |it| it.text_or_empty("name"));
    audit_annotations(audit, name, environment, report);
}

fn validation<'a>(rule: &'a Node, environment: &Environment, report: &mut Report<'a>) {
    const REASONS: [&str; 4] = [
        "Unauthorized",
        "Forbidden",
        "Invalid",
        "RequestEntityTooLarge",
    ];
    expression(rule, "expression", Expected::Bool, environment, report);
    if !rule.text_or_empty("messageExpression").is_empty() {
        let environment = environment.without_authorizer();
        expression(
            rule,
            "messageExpression",
            Expected::String,
            &environment,
            report,
        );
    }
    let message = rule.text_or_empty("message");
    if !message.is_empty() && message.trim().is_empty() {
        report.invalid_field(rule, "message", "must not be blank");
    } else if message.trim().contains(['\n', '\r']) {
        report.invalid_field(rule, "message", "must be one line");
    }
    exactly_one_of(rule, "reason", &REASONS, report);
}

/// Validates the audit annotations of the policy `name`.
fn audit_annotations<'a>(
    annotations: &'a [Node],
    name: &str,
    environment: &Environment,
    report: &mut Report<'a>,
) {
    let mut keys = BTreeSet::new();
    for annotation in annotations {
        let key = annotation.text_or_empty("key");
        if names::qualified_name(&format!("{name}/{key}")).is_some() {
            report.invalid_field(
                annotation,
                "key",
                "must be the name part of a qualified name",
            );
        }
        if !keys.insert(key) {
            report.duplicate(annotation);
        }
        expression(
            annotation,
            "valueExpression",
            Expected::StringOrNull,
            environment,
            report,
        );
    }
}

/// Checks that an expression compiles and has the right type.
fn expression<'a>(
    node: &'a Node,
    key: &str,
    expected: Expected,
    environment: &Environment,
    report: &mut Report<'a>,
) {
    let text = node.text_or_empty(key);
    if text.trim().is_empty() {
        return required(node, key, report);
    }
    if let Err(fault) = cel::compile(text, environment, expected) {
        report.invalid_field(node, key, format!("does not compile: {fault}"));
    }
}

/// `matchConditions` of policies and webhooks.
fn conditions<'a>(node: &'a Node, environment: &Environment, report: &mut Report<'a>) {
    let list = node.list("matchConditions");
    if list.len() > 64 {
        report.invalid_field(node, "matchConditions", "must have at most 64 entries");
    }
    let mut seen = BTreeSet::new();
    for condition in list {
        required_name(condition, "name", names::qualified_name, report);
        let name = condition.text_or_empty("name");
        if !name.is_empty() && !seen.insert(name) {
            report.invalid_field(condition, "name", "must be unique");
        }
        expression(condition, "expression", Expected::Bool, environment, report);
    }
}

fn param_kind<'a>(kind: &'a Node, report: &mut Report<'a>) {
    let version = kind.text_or_empty("apiVersion");
    let (group, number) = version.split_once('/').unwrap_or(("", version));
    let holds = (group.is_empty() || names::dns_subdomain(group).is_none())
        && names::dns_1035_label(number).is_none();
    if version.is_empty() {
        required(kind, "apiVersion", report);
    } else if !holds {
        report.invalid_field(kind, "apiVersion", "must be `group/version` or `version`");
    }
    let name = kind.text_or_empty("kind");
    if name.is_empty() {
        required(kind, "kind", report);
    } else if names::dns_1035_label(&name.to_lowercase()).is_some() {
        report.invalid_field(kind, "kind", "must be the name of a kind");
    }
}

fn match_resources<'a>(resources: &'a Node, report: &mut Report<'a>) {
    exactly_one_of(resources, "matchPolicy", &["Exact", "Equivalent"], report);
    selector::field(resources, "namespaceSelector", report);
    selector::field(resources, "objectSelector", report);
    for key in ["resourceRules", "excludeResourceRules"] {
        for rule in resources.list(key) {
            resource_rule(rule, report);
        }
    }
}

fn resource_rule<'a>(rule: &'a Node, report: &mut Report<'a>) {
    fields::each(rule, "resourceNames", names::path_segment, report);
    let mut seen = BTreeSet::new();
    for name in rule.list("resourceNames") {
        if !seen.insert(text_of(name)) {
            report.duplicate(name);
        }
    }
    const OPERATIONS: [&str; 5] = ["*", "CREATE", "UPDATE", "DELETE", "CONNECT"];
    for key in ["operations", "apiGroups", "apiVersions", "resources"] {
        if rule.list(key).is_empty() {
            report.required(rule, key);
        }
    }
    for operation in rule.list("operations") {
        if !OPERATIONS.contains(&text_of(operation)) {
            report.unsupported(operation, &OPERATIONS);
        }
    }
    for key in ["operations", "apiGroups", "apiVersions"] {
        let list = rule.list(key);
        if list.len() > 1 && list.iter().any(|it| text_of(it) == "*") {
            report.invalid_field(rule, key, "must not contain other values together with `*`");
        }
    }
    for item in rule
        .list("apiVersions")
        .iter()
        .chain(rule.list("resources"))
    {
        if text_of(item).is_empty() {
            report.invalid(item, "must not be empty");
        }
    }
    wildcards(rule, report);
    exactly_one_of(rule, "scope", &["Cluster", "Namespaced", "*"], report);
}

/// Checks wildcards in `resources` that make other entries redundant.
fn wildcards<'a>(rule: &'a Node, report: &mut Report<'a>) {
    let list = rule.list("resources");
    let has = |resource: &str| list.iter().any(|it| text_of(it) == resource);
    if list.len() > 1 && has("*/*") {
        report.invalid_field(
            rule,
            "resources",
            "must not contain other values together with `*/*`",
        );
    }
    let is_plain = |it: &Node| !text_of(it).contains('/') && text_of(it) != "*";
    if has("*")
        && list
            .iter()
            .rfind(|it| !text_of(it).contains('/'))
            .is_some_and(is_plain)
    {
        report.invalid_field(
            rule,
            "resources",
            "must not contain other resources together with `*`",
        );
    }
    for (index, item) in list.iter().enumerate() {
        let Some((resource, part)) = text_of(item).split_once('/') else {
            continue;
        };
        let earlier = list.get(..index).unwrap_or_default();
        let covers = |it: &Node| {
            text_of(it) == format!("{resource}/*") || text_of(it) == format!("*/{part}")
        };
        if earlier.iter().any(covers) {
            report.invalid(item, "is already covered by a wildcard");
        }
    }
}

pub(super) fn policy_binding<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    required_name(spec, "policyName", names::dns_subdomain, report);
    if let Some(reference) = spec.field("paramRef") {
        param_reference(reference, report);
    }
    if let Some(resources) = spec.field("matchResources") {
        match_resources(resources, report);
    }
    const ACTIONS: [&str; 3] = ["Deny", "Warn", "Audit"];
    let actions = spec.list("validationActions");
    let mut seen = BTreeSet::new();
    for action in actions {
        if !ACTIONS.contains(&text_of(action)) {
            report.unsupported(action, &ACTIONS);
        }
        if !seen.insert(text_of(action)) {
            report.duplicate(action);
        }
    }
    if seen.contains("Deny") && seen.contains("Warn") {
        report.invalid_field(
            spec,
            "validationActions",
            "must not have both `Deny` and `Warn`",
        );
    }
    if actions.is_empty() {
        report.required(spec, "validationActions");
    }
}

fn param_reference<'a>(reference: &'a Node, report: &mut Report<'a>) {
    let (name, selector) = (reference.text_or_empty("name"), reference.field("selector"));
    fields::name(reference, "name", names::path_segment, report);
    selector::field(reference, "selector", report);
    match (name.is_empty(), selector) {
        (true, None) => report.invalid(reference, "must have `name` or `selector`"),
        (false, Some(selector)) => report.invalid(selector, "must not be set together with `name`"),
        _ => {}
    }
    if reference
        .text_or_empty("parameterNotFoundAction")
        .is_empty()
    {
        report.required(reference, "parameterNotFoundAction");
    } else {
        exactly_one_of(
            reference,
            "parameterNotFoundAction",
            &["Allow", "Deny"],
            report,
        );
    }
}

pub(super) fn webhooks<'a>(object: &'a Node, report: &mut Report<'a>) {
    let mut seen = BTreeSet::new();
    for hook in object.list("webhooks") {
        let name = hook.text_or_empty("name");
        if names::dns_subdomain(name).is_some() || name.matches('.').count() < 2 {
            report.invalid_field(hook, "name", "must be a DNS name with at least three parts");
        }
        if !seen.insert(name) {
            report.invalid_field(hook, "name", "must be unique");
        }
        for rule in hook.list("rules") {
            resource_rule(rule, report);
        }
        exactly_one_of(hook, "failurePolicy", &["Fail", "Ignore"], report);
        exactly_one_of(hook, "matchPolicy", &["Exact", "Equivalent"], report);
        exactly_one_of(hook, "sideEffects", &["None", "NoneOnDryRun"], report);
        exactly_one_of(hook, "reinvocationPolicy", &["Never", "IfNeeded"], report);
        fields::within(hook, "timeoutSeconds", 1, 30, report);
        for key in ["namespaceSelector", "objectSelector"] {
            selector::field(hook, key, report);
        }
        let versions = hook.list("admissionReviewVersions");
        if !versions
            .iter()
            .any(|it| matches!(text_of(it), "v1" | "v1beta1"))
        {
            report.invalid_field(
                hook,
                "admissionReviewVersions",
                "must have `v1` or `v1beta1`",
            );
        }
        conditions(hook, &Environment::admission(false), report);
        if let Some(client) = hook.field("clientConfig")
            && fields::set(client, &["url", "service"]).len() != 1
        {
            report.invalid(client, "must have exactly one of `url` and `service`");
        }
    }
}
