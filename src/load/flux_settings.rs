//! `spec.flux` of an environment: fields of its Flux Kustomizations, in addition to those that pleach sets.

use std::collections::BTreeSet;

use crate::diag::{Diagnostic, Diagnostics};
use crate::yaml::{Entry, Mapping, Node};

/// Fields of `spec` of Flux Kustomizations (kustomize.toolkit.fluxcd.io/v1) in `environment.yaml`.
#[derive(Clone, Debug, Default)]
pub struct FluxSettings {
    all: Mapping,
    claims: Mapping,
}

impl FluxSettings {
    pub(super) fn of(environment: &Node) -> FluxSettings {
        let field = |key: &str| {
            let node = environment.at_keys(&["spec", "flux", key]);
            node.and_then(Node::as_mapping).cloned().unwrap_or_default()
        };
        FluxSettings {
            all: field("kustomization"),
            claims: field("claims"),
        }
    }

    /// The fields for the Kustomization of a claim: the common ones, overridden by those of the claim. Maps are merged, lists are
    /// replaced.
    pub fn of_claim(&self, name: &str) -> Mapping {
        let mut fields = self.all.clone();
        if let Some(own) = self.claims.get(name).and_then(Node::as_mapping) {
            lay_over(&mut fields, own);
        }
        // Flux waits either for all objects or for a list of objects.
        let has_list = fields.get("healthChecks").is_some();
        if has_list && fields.get("wait").is_none() {
            fields.insert("wait", false);
        }
        fields
    }

    /// Reports fields that Flux would ignore: `healthChecks` together with `wait: true`.
    pub(super) fn check(environment: &Node, diagnostics: &mut Diagnostics) {
        let settings = FluxSettings::of(environment);
        let claims = settings.claims.iter().map(|it| &it.value);
        let claims = claims.filter_map(Node::as_mapping);
        for fields in claims.chain([&settings.all]) {
            let wait = fields.get("wait").filter(|it| it.as_bool() == Some(true));
            if let Some((wait, list)) = wait.zip(fields.get("healthChecks")) {
                let message = "Flux ignores `healthChecks` if `wait` is true";
                let fault = Diagnostic::error("invalid-value", message).at(list);
                diagnostics.push(
                    fault
                        .related(wait, "`wait` is true here")
                        .help("remove `wait` to wait for the listed objects only, or `healthChecks` to wait for all"),
                );
            }
        }
    }

    /// Reports settings for claims that the environment does not have. `known` are the names of those that it has.
    pub fn check_claims(&self, known: &BTreeSet<&str>, diagnostics: &mut Diagnostics) {
        for Entry { key, .. } in &self.claims {
            let name = key.as_str().unwrap_or("");
            if !known.contains(name) {
                let message = format!("the environment has no claim `{name}`");
                let fault = Diagnostic::error("unknown-claim", message).at(key);
                diagnostics.push(
                    fault
                        .did_you_mean(name, known.iter().copied())
                        .help("write the name of a claim, or remove its settings"),
                );
            }
        }
    }
}

fn lay_over(fields: &mut Mapping, over: &Mapping) {
    for Entry { key, value } in over {
        let inner = fields.get_mut(key.as_str().unwrap_or(""));
        match (inner.and_then(Node::as_mapping_mut), value.as_mapping()) {
            (Some(inner), Some(over)) => lay_over(inner, over),
            _ => _ = fields.insert(key.clone(), value.clone()),
        }
    }
}
