//! Objects that ValidatingAdmissionPolicies of the same environment would reject.

use std::collections::BTreeMap;

use super::cluster::Cluster;
use super::environment::{EnvironmentObjects, SourcedObject};
use super::objects::is_applied;
use super::pods::pods;
use super::policy_faults::faults_of;
use crate::diag::{Diagnostic, Severity, Span};
use crate::layout::Folder;
use crate::load::ShortPolicy;
use crate::object::{Gvk, Object};
use crate::validate::kyverno::{self, KyvernoFinding, KyvernoPolicies, invalid_actions};
use crate::validate::policy::{
    Created, GROUP, KYVERNO_GROUP, Outcome, Policies, PolicyFinding, defaulted, is_kyverno,
    kyverno_reason, resource_of,
};
use crate::validate::{Catalog, RuleBudget};
use crate::yaml::{FieldPath, Mapping, Node};

/// Evaluates the policies of an environment for its objects and for the pods of its workloads.
pub(super) fn findings(
    name: &str,
    environment: &EnvironmentObjects<'_>,
    cluster: &Cluster,
    budget: &RuleBudget,
) -> Vec<Diagnostic> {
    let documents = &cluster.policies;
    let mut found = documents.faults.clone();
    // The faults of a policy are reported once, not for each object that it cannot be evaluated for.
    let catalog = Catalog::new(cluster.minor);
    let is_here = |it: &&ShortPolicy| it.applies_to(name) && faults_of(it, &catalog).is_empty();
    let own_policies: Vec<&ShortPolicy> = documents.own.iter().filter(is_here).collect();
    let objects: Vec<&Object> = environment.objects.iter().map(|it| &*it.object).collect();
    let own = environment.objects.iter().filter_map(|it| {
        let fault = other_policy(&it.object)?;
        Some(fault.at(location(it, &FieldPath::root())))
    });
    found.extend(own);
    let others = documents.objects.iter();
    found.extend(others.filter_map(|it| Some(other_policy(it)?.at(it.span().clone()))));
    let kyverno = KyvernoPolicies::among(objects.iter().copied().chain(&documents.objects));
    found.extend(not_evaluated_kyverno(&kyverno, environment));
    let here = environment.objects.iter().flat_map(|it| {
        let actions = invalid_actions(&it.object);
        actions.map(|action| (action, it.line(&FieldPath::root())))
    });
    let others = documents.objects.iter().flat_map(invalid_actions);
    let invalid = here.chain(others.map(|it| (it, it.span().clone())));
    found.extend(invalid.map(|(action, line)| unknown_action(action, line)));
    let of_own = own_policies.iter().flat_map(|it| &it.objects);
    let objects = objects.into_iter().chain(of_own).collect();
    let policies = Policies::among(objects, &documents.objects);
    if policies.is_empty() && kyverno.is_empty() {
        return found;
    }
    let help = own_policies.iter().flat_map(|it| &it.help).collect();
    let mut evaluation = Evaluation {
        policies: &policies,
        kyverno: &kyverno,
        help,
        budget,
        found,
        unevaluated: BTreeMap::new(),
    };
    evaluation.evaluate_all(environment);
    evaluation.finish()
}

/// The evaluation of policies, one object after another.
struct Evaluation<'a> {
    policies: &'a Policies<'a>,
    kyverno: &'a KyvernoPolicies<'a>,
    /// The help of rules in the short form, with their locations.
    help: Vec<&'a (Span, String)>,
    budget: &'a RuleBudget,
    found: Vec<Diagnostic>,
    /// Rules from other sources that cannot be evaluated: name and reason, and the objects that they match.
    unevaluated: BTreeMap<(String, String), Vec<&'a SourcedObject<'a>>>,
}

impl<'a> Evaluation<'a> {
    fn evaluate_all(&mut self, environment: &'a EnvironmentObjects<'a>) {
        let facts = ClusterFacts::new(environment);
        for sourced in &environment.objects {
            let object = &*sourced.object;
            if !is_applied(object) || is_policy(object) {
                continue;
            }
            let whole = PolicySubject {
                title: object.id().to_string(),
                node: object.node.clone(),
                path: FieldPath::root(),
            };
            for mut subject in [whole].into_iter().chain(pods_of(object)) {
                subject.node = defaulted(subject.node);
                let created = facts.created(object, &subject.node);
                self.kyverno(sourced, &subject, &created);
                self.admission(sourced, &subject, &created);
            }
        }
    }

    fn kyverno(
        &mut self,
        sourced: &'a SourcedObject<'a>,
        subject: &PolicySubject,
        created: &Created<'_>,
    ) {
        for finding in self.kyverno.evaluate(created, self.budget) {
            let title = format!("{}/{}", finding.policy.name(), finding.rule);
            match finding.outcome {
                Outcome::Unevaluated if is_in_workspace(&finding.span) => {
                    let fault = not_evaluated_here(&title, &finding.message, &finding.span);
                    self.found.push(fault);
                }
                Outcome::Unevaluated => {
                    let key = (format!("Kyverno's rule `{title}`"), finding.message);
                    self.unevaluated.entry(key).or_default().push(sourced);
                }
                _ => self.found.push(broken_rule(sourced, subject, &finding)),
            }
        }
    }

    fn admission(
        &mut self,
        sourced: &'a SourcedObject<'a>,
        subject: &PolicySubject,
        created: &Created<'_>,
    ) {
        for finding in self.policies.evaluate(created, self.budget) {
            let name = finding.policy.name();
            match finding.outcome {
                Outcome::Unevaluated if is_own(&finding) => {
                    let fault = not_evaluated_here(name, &finding.message, &finding.span);
                    self.found.push(fault);
                }
                Outcome::Unevaluated => {
                    let policy = format!("{} `{name}`", kind_of(&finding));
                    let key = (policy, finding.message);
                    self.unevaluated.entry(key).or_default().push(sourced);
                }
                _ => {
                    let own = self.help.iter().find(|it| it.0 == finding.span);
                    let fault = broken(sourced, subject, &finding);
                    self.found.push(match own {
                        Some((_, help)) => fault.help(help.clone()),
                        None => fault,
                    });
                }
            }
        }
    }

    fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        let rest = self.unevaluated.into_iter();
        found.extend(rest.filter_map(|(key, objects)| not_evaluated(&key.0, &key.1, &objects)));
        found
    }
}

/// An object that a rule of Kyverno rejects.
fn broken_rule(
    sourced: &SourcedObject<'_>,
    subject: &PolicySubject,
    finding: &KyvernoFinding<'_>,
) -> Diagnostic {
    let policy = format!(
        "rule `{}` of Kyverno's policy `{}`",
        finding.rule,
        finding.policy.name()
    );
    let field = subject.path.join(&finding.field);
    let fault = violation(&subject.title, &policy, &finding.message, finding.outcome);
    let fault = fault.at(location(sourced, &field));
    match finding.outcome {
        Outcome::Deny => fault.help("change the object; Kyverno rejects it"),
        _ => fault,
    }
}

fn violation(title: &str, policy: &str, message: &str, outcome: Outcome) -> Diagnostic {
    let severity = match outcome {
        Outcome::Deny => Severity::Error,
        Outcome::Warn => Severity::Warning,
        Outcome::Audit | Outcome::Unevaluated => Severity::Note,
    };
    Diagnostic {
        severity,
        ..Diagnostic::error(
            "broken-policy",
            format!("{title} breaks {policy}: {message}"),
        )
    }
}

/// An action that Kyverno does not know. Its definition rejects it.
fn unknown_action(action: &Node, line: Span) -> Diagnostic {
    let text = action.as_str().unwrap_or("");
    let message = format!("`{text}` is not an action of Kyverno");
    let at = match action.span().path().as_str().is_empty() {
        true => line,
        false => action.span().outermost(),
    };
    let fault = Diagnostic::error("invalid-value", message).at(at);
    let fault = fault.did_you_mean(text, kyverno::ACTIONS);
    match fault.help.is_empty() {
        true => fault.help("write `Audit` or `Enforce`"),
        false => fault,
    }
}

/// Kyverno policies with rules that are not evaluated.
fn not_evaluated_kyverno(
    policies: &KyvernoPolicies<'_>,
    environment: &EnvironmentObjects<'_>,
) -> Vec<Diagnostic> {
    let found = policies.unevaluated().map(|(policy, reason)| {
        let message = format!("{} is only partly evaluated: {reason}", policy.id());
        let fault = Diagnostic::note("unevaluated-policy", message);
        let mut objects = environment.objects.iter();
        let sourced = objects.find(|it| std::ptr::eq(&*it.object, policy));
        let at = sourced.map(|it| location(it, &FieldPath::root()));
        fault.at(at.unwrap_or_else(|| policy.span().clone()))
    });
    found.collect()
}

/// An object, or a pod that its controller would create.
struct PolicySubject {
    title: String,
    node: Node,
    /// The path of the pod template in the object; the root for the object itself.
    path: FieldPath,
}

fn broken(
    sourced: &SourcedObject<'_>,
    subject: &PolicySubject,
    finding: &PolicyFinding<'_>,
) -> Diagnostic {
    let policy = format!("{} `{}`", kind_of(finding), finding.policy.name());
    let field = subject.path.join(&finding.field);
    let fault = violation(&subject.title, &policy, &finding.message, finding.outcome);
    let fault = fault.at(location(sourced, &field));
    match finding.outcome {
        _ if is_own(finding) => fault.related(&finding.span, "the policy's rule"),
        Outcome::Deny if is_kyverno(finding.policy) => {
            fault.help("change the object; Kyverno rejects it")
        }
        Outcome::Deny => fault.help("change the object; the API server rejects it"),
        _ => fault,
    }
}

/// The kind of a policy, for messages.
fn kind_of(finding: &PolicyFinding<'_>) -> &'static str {
    match (is_own(finding), is_kyverno(finding.policy)) {
        (true, _) => "policy",
        (false, true) => "Kyverno's ValidatingPolicy",
        (false, false) => "ValidatingAdmissionPolicy",
    }
}

/// Whether a policy is written in the short form.
fn is_own(finding: &PolicyFinding<'_>) -> bool {
    !finding.policy.node.has_origin() && is_in_workspace(&finding.span)
}

/// Whether a location is in the folder of policies.
fn is_in_workspace(span: &Span) -> bool {
    Folder::containing(span.path()) == Some(Folder::Policies)
}

/// A policy of the workspace that cannot be evaluated, at its own line.
fn not_evaluated_here(policy: &str, reason: &str, span: &Span) -> Diagnostic {
    let message = format!("policy `{policy}` is not evaluated: {reason}");
    let fault = Diagnostic::warning("unevaluated-policy", message);
    fault.at(span).help("correct the expression")
}

fn not_evaluated(policy: &str, reason: &str, objects: &[&SourcedObject<'_>]) -> Option<Diagnostic> {
    let first = objects.first()?;
    let more = match objects.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "{policy} is not evaluated for {}{more}: {reason}",
        first.object.id()
    );
    Some(Diagnostic::warning("unevaluated-policy", message).at(location(first, &FieldPath::root())))
}

/// Whether an object is a policy, or binds one.
pub(super) fn is_policy(object: &Object) -> bool {
    matches!(&*object.gvk().group, GROUP | kyverno::GROUP | KYVERNO_GROUP)
}

/// A policy of a kind that is not evaluated.
fn other_policy(object: &Object) -> Option<Diagnostic> {
    let why = match (&*object.gvk().group, object.kind()) {
        (GROUP, "MutatingAdmissionPolicy") => {
            "objects are checked without the changes that it makes"
        }
        (KYVERNO_GROUP, _) if is_kyverno(object) => kyverno_reason(object)?,
        (KYVERNO_GROUP, _) => "rewrite it as a ValidatingAdmissionPolicy, which is evaluated",
        _ => return None,
    };
    let message = format!("{} is not evaluated: {why}", object.id());
    Some(Diagnostic::note("unevaluated-policy", message))
}

/// The line of a field, or of the list that a macro iterates over; otherwise of the object's name.
fn location(sourced: &SourcedObject<'_>, field: &FieldPath) -> Span {
    let node = &sourced.object.node;
    let mut field = field.clone();
    let is_there = node.at_path(&field).is_some();
    if !is_there {
        field.pop();
    }
    // If the field is missing, its map would be shown by another field.
    let found = node.at_path(&field).filter(|_| !field.is_root());
    if found.is_none_or(|it| !is_there && it.as_mapping().is_some()) {
        field = FieldPath::dotted("metadata.name");
    }
    sourced.line(&field)
}

/// The pods of a Kubernetes workload, as its controller would create them.
fn pods_of(object: &Object) -> Vec<PolicySubject> {
    let is_workload = matches!(&*object.gvk().group, "apps" | "batch");
    if !is_workload {
        return Vec::new();
    }
    let made = pods(object).into_iter().map(|pod| {
        let mut metadata =
            Mapping::from([("generateName", Node::string(format!("{}-", object.name())))]);
        metadata.insert("namespace", object.namespace());
        for key in ["labels", "annotations"] {
            let of_template = pod.template.at_keys(&["metadata", key]);
            if let Some(value) = of_template {
                metadata.insert(key, value.clone());
            }
        }
        let node = Node::mapping(Mapping::from([
            ("apiVersion", Node::constant("v1")),
            ("kind", Node::constant("Pod")),
            ("metadata", Node::mapping(metadata)),
            ("spec", pod.spec.clone()),
        ]));
        let mut path = pod.path;
        path.pop();
        PolicySubject {
            title: format!("a pod of {}", object.id()),
            node,
            path,
        }
    });
    made.collect()
}

/// Facts about the cluster, from the objects of the environment.
struct ClusterFacts<'a> {
    namespaces: BTreeMap<&'a str, &'a Object>,
    /// The resource of each kind that a CRD defines.
    resources: BTreeMap<(&'a str, &'a str), &'a str>,
}

impl<'a> ClusterFacts<'a> {
    fn new(environment: &'a EnvironmentObjects<'_>) -> ClusterFacts<'a> {
        let objects = environment.objects.iter().map(|it| &*it.object);
        let definitions = objects.filter(|it| it.kind() == "CustomResourceDefinition");
        let resources = definitions
            .filter_map(|it| {
                let text = |keys: &[&str]| it.node.at_keys(keys).and_then(Node::as_str);
                let kind = text(&["spec", "names", "kind"])?;
                let plural = text(&["spec", "names", "plural"])?;
                Some(((text(&["spec", "group"])?, kind), plural))
            })
            .collect();
        ClusterFacts {
            namespaces: environment.namespaces(),
            resources,
        }
    }

    /// The admission request that creates an object or one of its pods.
    fn created<'n>(&self, object: &'n Object, node: &'n Node) -> Created<'n>
    where
        'a: 'n,
    {
        let text = |keys: &[&str]| node.at_keys(keys).and_then(Node::as_str).unwrap_or("");
        let gvk = Gvk::new(text(&["apiVersion"]), text(&["kind"]));
        let defined = self.resources.get(&(&*gvk.group, &*gvk.kind));
        Created {
            resource: defined.map_or_else(|| resource_of(&gvk.kind).into(), |it| (*it).into()),
            node,
            name: text(&["metadata", "name"]),
            namespace: object.namespace(),
            namespace_object: self.namespaces.get(object.namespace()).map(|it| &it.node),
            gvk,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::validate::policy::resource_of;

    #[test]
    fn resources_of_kinds() {
        for (kind, expected) in [
            ("Deployment", "deployments"),
            ("NetworkPolicy", "networkpolicies"),
            ("Ingress", "ingresses"),
            ("Gateway", "gateways"),
            ("Endpoints", "endpoints"),
        ] {
            assert_eq!(resource_of(kind), expected);
        }
    }
}
