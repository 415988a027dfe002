//! The `IAMPolicyGenerator`: a service account of Google's cloud.

use pleach_kube::object::Object;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::{Mapping, Node};

use super::super::kustomization::text;
use super::super::resource::Resource;
use super::{Behavior, Made};

/// Makes the ServiceAccount of a plugin's configuration.
pub(crate) fn service_account(config: &Node) -> Result<Made, Diagnostic> {
    let cloud = text(config, "cloud");
    if cloud != "gke" {
        return Err(Diagnostic::error(
            "unknown-cloud",
            format!("unsupported cloud `{cloud}`, expected `gke`"),
        )
        .at(config));
    }
    let empty = Node::mapping(Mapping::new());
    let service = config.get("kubernetesService").unwrap_or(&empty);
    let account = config.get("serviceAccount").unwrap_or(&empty);
    if text(account, "name").is_empty() {
        let message = "the service account has no `name`";
        return Err(Diagnostic::error("missing-name", message).at(config));
    }
    let email = format!(
        "{}@{}.iam.gserviceaccount.com",
        text(account, "name"),
        text(account, "projectId")
    );
    let annotations = Mapping::from([("iam.gke.io/gcp-service-account", Node::string(email))]);
    let mut metadata = Mapping::from([
        ("annotations", Node::mapping(annotations)),
        ("name", Node::string(text(service, "name"))),
    ]);
    if !text(service, "namespace").is_empty() {
        metadata.insert("namespace", text(service, "namespace"));
    }
    let node = Node::mapping([
        ("apiVersion", Node::constant("v1")),
        ("kind", Node::constant("ServiceAccount")),
        ("metadata", Node::mapping(metadata)),
    ]);
    let resource = Resource::new(Object::new(node.at(config)));
    Ok(Made {
        resource,
        behavior: Behavior::Create,
    })
}
