//! All the kinds that a cluster knows: Kubernetes' own and those of custom resource definitions.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::{CustomResource, OpenApi, Schema, validate};
use crate::object::{Gvk, Object};
use pleach_yaml::Node;
use pleach_yaml::diag::{Diagnostic, Diagnostics};

/// Schemas by group, version and kind; a custom resource's is read when it is first needed.
#[derive(Debug, Default)]
pub struct ApiSchemas {
    openapi: Option<OpenApi>,
    custom: BTreeMap<Gvk, Custom>,
}

#[derive(Debug)]
struct Custom {
    crd: Arc<Node>,
    schema: OnceLock<Result<Schema, Diagnostics>>,
}

impl ApiSchemas {
    /// The kinds of an OpenAPI document, or none.
    pub fn new(openapi: Option<OpenApi>) -> ApiSchemas {
        ApiSchemas {
            openapi,
            custom: BTreeMap::new(),
        }
    }

    /// Adds the kinds of a CustomResourceDefinition; a later one wins.
    pub fn add_crd(&mut self, crd: Node) {
        let crd = Arc::new(crd);
        for gvk in CustomResource::kinds(&crd) {
            let (crd, schema) = (crd.clone(), OnceLock::new());
            self.custom.insert(gvk, Custom { crd, schema });
        }
    }

    /// All faults of an object. A kind that nobody describes is one (`unknown-kind`).
    pub fn validate(&self, object: &Object) -> Vec<Diagnostic> {
        let gvk = object.gvk();
        if let Some(custom) = self.custom.get(&gvk) {
            return match custom.schema(&gvk) {
                Ok(schema) => validate(&object.node, schema, &gvk.kind),
                Err(faults) => faults.iter().cloned().collect(),
            };
        }
        let own = self.openapi.as_ref();
        own.and_then(|it| it.validate(&object.node, &gvk))
            .unwrap_or_else(|| vec![self.unknown_kind(object, &gvk)])
    }

    fn unknown_kind(&self, object: &Object, gvk: &Gvk) -> Diagnostic {
        let message = format!("no schema for `{}` of `{}`", gvk.kind, gvk.api_version());
        let at = object.node.get("kind").unwrap_or(&object.node);
        let own = self.openapi.iter().flat_map(OpenApi::kinds);
        let mut versions = own.chain(self.custom.keys());
        let other = versions.find(|it| it.kind == gvk.kind && it.group == gvk.group);
        let fault = Diagnostic::error("unknown-kind", message).at(at.span().start());
        match other {
            Some(other) => fault.help(format!("there is one of `{}`", other.api_version())),
            None => fault,
        }
    }
}

impl Custom {
    fn schema(&self, gvk: &Gvk) -> Result<&Schema, &Diagnostics> {
        let read = || CustomResource::schema(&self.crd, &gvk.version);
        self.schema.get_or_init(read).as_ref()
    }
}
