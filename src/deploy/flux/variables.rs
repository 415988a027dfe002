//! The variables of `postBuild`: `substitute` over `substituteFrom`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use base64::Engine;

use super::super::cluster_state::ClusterState;
use super::super::sync::{flag, items, text};
use super::envsubst::Variable;
use super::source::is_pending_artifact;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::object::Object;
use crate::yaml::Node;

/// The variables of a Flux Kustomization.
#[derive(Default)]
pub(in crate::deploy) struct Variables {
    /// `None` for a value outside of the repository.
    set: BTreeMap<String, Option<String>>,
    /// Whether a source of variables is not in the repository, so any variable may be set.
    has_unseen_source: bool,
    /// Whether expressions are replaced even without variables.
    always: bool,
    faults: Vec<Diagnostic>,
    /// Unset variables that were used; each is reported once.
    unset: Mutex<BTreeSet<String>>,
}

/// Whether a Kustomization refers to objects that are not yet known: those of `substituteFrom`, and the generator of its source.
pub(in crate::deploy) fn is_waiting(object: &Object, cluster_state: &ClusterState) -> bool {
    let mut references = items(&object.node, &["spec", "postBuild", "substituteFrom"]).iter();
    let source = object.node.at_keys(&["spec", "sourceRef"]);
    references.any(|it| find(object, it, cluster_state).is_none())
        || source.is_some_and(|it| is_pending_artifact(it, cluster_state))
}

fn find<'a>(
    object: &Object,
    reference: &Node,
    cluster_state: &'a ClusterState,
) -> Option<&'a Object> {
    let (kind, name) = (text(reference, &["kind"]), text(reference, &["name"]));
    cluster_state.find(kind, object.namespace(), name)
}

impl Variables {
    /// The variables of a Flux Kustomization; `None` if it does not substitute.
    pub(in crate::deploy) fn from_kustomization(
        object: &Object,
        cluster_state: &ClusterState,
    ) -> Option<Variables> {
        let post_build = object.node.at_keys(&["spec", "postBuild"])?;
        let mut variables = Variables {
            always: text(post_build, &["substituteStrategy"]) == "Always",
            ..Variables::default()
        };
        for reference in items(post_build, &["substituteFrom"]) {
            match find(object, reference, cluster_state) {
                Some(source) => variables.add_source(source),
                None if flag(reference, &["optional"]) => {}
                None => {
                    variables.has_unseen_source = true;
                    variables.faults.push(unseen_source(object, reference));
                }
            }
        }
        let inline = post_build.get("substitute").and_then(Node::as_mapping);
        for entry in inline.into_iter().flatten() {
            let value = entry.value.as_str().unwrap_or("");
            variables.set(
                entry.key.as_str().unwrap_or(""),
                Some(value),
                entry.key.span(),
            );
        }
        Some(variables)
    }

    /// Whether anything is replaced.
    pub(super) fn is_active(&self) -> bool {
        self.always || self.has_unseen_source || !self.set.is_empty()
    }

    /// Adds the entries of a ConfigMap or Secret.
    fn add_source(&mut self, source: &Object) {
        let is_encrypted = source.node.get("sops").is_some();
        for field in ["data", "stringData"] {
            let entries = source.node.get(field).and_then(Node::as_mapping);
            for entry in entries.into_iter().flatten() {
                let key = entry.key.as_str().unwrap_or("");
                let value = entry.value.as_str().unwrap_or("");
                let decoded = match source.kind() == "Secret" && field == "data" {
                    _ if is_encrypted => None,
                    true => decoded(value),
                    false => Some(value.to_string()),
                };
                self.set(key, decoded.as_deref(), entry.key.span());
            }
        }
    }

    /// Flux removes line breaks from values.
    fn set(&mut self, name: &str, value: Option<&str>, at: &Span) {
        let mut chars = name.chars();
        let is_first = |it: char| it.is_ascii_alphabetic() || it == '_';
        let is_name = chars.next().is_some_and(is_first)
            && chars.all(|it| it.is_ascii_alphanumeric() || it == '_');
        if !is_name {
            let message = format!("`{name}` is not a valid variable name in Flux");
            let fault = Diagnostic::error("invalid-value", message).at(at);
            self.faults
                .push(fault.help("use letters, digits and `_`, and do not begin with a digit"));
            return;
        }
        let value = value.map(|it| it.replace('\n', ""));
        self.set.insert(name.to_string(), value);
    }

    /// The known state of a variable.
    pub(super) fn get(&self, name: &str) -> Variable<'_> {
        match self.set.get(name) {
            Some(Some(value)) => Variable::Set(value),
            Some(None) => Variable::Unseen,
            None if self.has_unseen_source => Variable::Unseen,
            None => Variable::Unset,
        }
    }

    /// Whether an unset variable is used for the first time.
    pub(super) fn is_first_use(&self, name: &str) -> bool {
        let mut unset = self.unset.lock().unwrap_or_else(PoisonError::into_inner);
        unset.insert(name.to_string())
    }

    /// Errors of the variables themselves.
    pub(super) fn report(&self, diagnostics: &mut Diagnostics) {
        diagnostics.extend(self.faults.iter().cloned());
    }
}

fn decoded(value: &str) -> Option<String> {
    let value: String = value.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(value)
        .ok()?;
    String::from_utf8(bytes).ok()
}

fn unseen_source(object: &Object, reference: &Node) -> Diagnostic {
    let (kind, name) = (text(reference, &["kind"]), text(reference, &["name"]));
    let message = format!(
        "{kind} `{name}` is not in the repository: variables that `{}` takes from it are shown as written",
        object.name()
    );
    let at = reference.get("name").unwrap_or(reference);
    Diagnostic::warning("unseen-value", message).at(at)
}
