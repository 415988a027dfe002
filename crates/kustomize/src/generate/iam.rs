//! The `IAMPolicyGenerator`: a ServiceAccount for Google Cloud.

use pleach_kube::object::Object;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::node;

use super::super::record::{Text, record};
use super::super::resource::Resource;
use super::{Behavior, Made};

record! {
    pub(in super::super) struct PolicyPlugin {
        cloud: Text = "cloud",
        service: Option<KubernetesService> = "kubernetesService",
        account: Option<CloudAccount> = "serviceAccount",
    }
}

record! {
    pub(in super::super) struct KubernetesService {
        name: Text = "name",
        namespace: Text = "namespace",
    }
}

record! {
    pub(in super::super) struct CloudAccount {
        name: Text = "name",
        project_id: Text = "projectId",
    }
}

/// Creates the ServiceAccount of a plugin's configuration.
pub(crate) fn service_account(config: &PolicyPlugin) -> Result<Made, Diagnostic> {
    let cloud = &*config.cloud;
    if cloud != "gke" {
        return Err(Diagnostic::error(
            "unknown-cloud",
            format!("unsupported cloud `{cloud}`, expected `gke`"),
        )
        .at(&config.span));
    }
    let account = config.account.as_ref().filter(|it| !it.name.is_empty());
    let Some(account) = account else {
        let message = "the service account has no `name`";
        return Err(Diagnostic::error("missing-name", message).at(&config.span));
    };
    let email = format!(
        "{}@{}.iam.gserviceaccount.com",
        &*account.name, &*account.project_id
    );
    let service = config.service.as_ref();
    let (name, namespace) = service.map_or(("", ""), |it| (&*it.name, &*it.namespace));
    let node = node!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "annotations": {"iam.gke.io/gcp-service-account": email},
            "name": name,
            "namespace"?: Some(namespace).filter(|it| !it.is_empty()),
        },
    });
    let resource = Resource::new(Object::new(node.at(&config.span)));
    Ok(Made {
        resource,
        behavior: Behavior::Create,
    })
}
