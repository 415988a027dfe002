//! The generator `clusters`: the Secrets that register them.

use pleach_helm::value::{Str, Value};

use super::super::parameters::{Parameters, format_value, normalized, of_mapping, string_map};
use super::{Generators, ParameterSets, selector_fault};
use crate::deploy::sync::flag;
use crate::diag::Diagnostics;
use crate::object::{Label, Object, Selects, selects};
use crate::yaml::Node;

/// Annotations of a cluster's Secret that are not parameters: Argo CD and kubectl keep their own state in them.
const OWN_ANNOTATIONS: [&str; 5] = [
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/hydrate",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// The cluster that Argo CD runs in.
const IN_CLUSTER: [&str; 2] = ["in-cluster", "https://kubernetes.default.svc"];

impl Generators<'_> {
    /// Clusters by the Secrets that register them.
    pub(super) fn clusters(&self, spec: &Node, diagnostics: &mut Diagnostics) -> ParameterSets {
        let selector = spec
            .get("selector")
            .filter(|it| !it.is_null() && !it.is_empty_collection());
        if let Some(fault) = selector.and_then(selector_fault) {
            return Err(fault);
        }
        let secrets = self
            .context
            .cluster_state
            .of_kind("Secret")
            .filter(|secret| {
                let labels = secret.node.at_keys(&["metadata", "labels"]);
                let kind = Label::find(labels, "argocd.argoproj.io/secret-type");
                let is_selected =
                    selects(selector, |name| Label::find(labels, name)) == Selects::Always;
                kind == Label::Is("cluster") && is_selected
            });
        let mut sets = Vec::new();
        for secret in secrets {
            sets.push(self.with_values(self.cluster(secret), spec)?);
        }
        let is_own = |it: &Parameters| {
            let server = it.get("server".as_bytes());
            server.map(format_value).as_deref() == Some(IN_CLUSTER[1])
        };
        if selector.is_none() && !sets.iter().any(is_own) {
            let [name, server] = IN_CLUSTER;
            let pairs = [
                ("name", name),
                ("nameNormalized", name),
                ("server", server),
                ("project", ""),
            ];
            let own = pairs.map(|(key, value)| (Str::from(key), Value::string(value)));
            sets.push(self.with_values(own.into_iter().collect(), spec)?);
        }
        if sets.is_empty() || sets.len() == 1 && selector.is_none() {
            diagnostics.push(self.not_shown(
                spec,
                "no Secret in the repository registers a matching cluster",
            ));
        }
        sets.sort_by_key(|it| it.get("name".as_bytes()).map(format_value));
        if flag(spec, &["flatList"]) {
            let list = Value::list(sets.into_iter().map(Value::map).collect());
            return Ok(vec![Parameters::from_iter([("clusters".into(), list)])]);
        }
        Ok(sets)
    }

    fn cluster(&self, secret: &Object) -> Parameters {
        let field = |name: &str| {
            let plain = secret
                .node
                .at_keys(&["stringData", name])
                .and_then(Node::as_str);
            let encoded = || {
                use base64::Engine;
                let value = secret.node.at_keys(&["data", name])?.as_str()?;
                let bytes = base64::engine::general_purpose::STANDARD.decode(value.trim());
                String::from_utf8(bytes.ok()?).ok()
            };
            plain
                .map(str::to_string)
                .or_else(encoded)
                .unwrap_or_default()
        };
        let name = field("name");
        let pairs = [
            ("nameNormalized", normalized(&name)),
            ("name", name),
            ("server", field("server")),
            ("project", field("project")),
        ];
        let pairs = pairs.map(|(key, value)| (Str::from(key), Value::string(value)));
        let mut parameters = Parameters::from_iter(pairs);
        let mut metadata = Parameters::new();
        for kind in ["annotations", "labels"] {
            let entries = secret.node.at_keys(&["metadata", kind]);
            let mut entries = entries.map(of_mapping).unwrap_or_default();
            let has_any = !entries.is_empty();
            if kind == "annotations" {
                entries.retain(|it, _| !OWN_ANNOTATIONS.contains(&&*it.to_lossy()));
            }
            match self.language.is_go {
                true if has_any => _ = metadata.insert(kind.into(), string_map(entries)),
                true => {}
                false => parameters.extend(entries.into_iter().map(|(key, value)| {
                    let key = format!("metadata.{kind}.{}", key.to_lossy());
                    (Str::from(key), value)
                })),
            }
        }
        if self.language.is_go {
            parameters.insert("metadata".into(), Value::map(metadata));
        }
        parameters
    }
}
