//! The policies of the folder `policies/`, read once for all environments.

use std::sync::Arc;

use crate::diag::{Diagnostic, Source};
use crate::load::ShortPolicy;
use crate::object::Object;
use crate::validate::{kyverno, policy};
use crate::yaml::parse;

/// The API group of policies in the short form.
const OWN_GROUP: &str = "pleach.dev/";

/// Policies that apply to every environment.
#[derive(Clone, Debug, Default)]
pub struct PolicyDocuments {
    /// All Kubernetes objects of the folder, including parameters and bindings.
    pub(super) objects: Vec<Object>,
    /// The policies in the short form.
    pub(super) own: Vec<ShortPolicy>,
    /// Diagnostics about the files.
    pub(super) faults: Vec<Diagnostic>,
}

impl PolicyDocuments {
    pub(super) fn read(sources: &[Arc<Source>]) -> PolicyDocuments {
        let mut found = PolicyDocuments::default();
        for source in sources {
            match parse(source) {
                Ok(documents) => {
                    for document in documents {
                        if !ShortPolicy::is_short_policy(&document) {
                            found.objects.push(Object::new(document));
                            continue;
                        }
                        match ShortPolicy::read(document) {
                            Ok(policy) => found.own.push(policy),
                            Err(faults) => found.faults.extend(faults),
                        }
                    }
                }
                // The folder may also contain files of other programs.
                Err(faults) if is_about_policies(source) => found.faults.extend(faults),
                Err(_) => {}
            }
        }
        found
    }

    /// The same, together with the short-form policies among some objects.
    pub(super) fn with_own(&self, objects: &[Object]) -> PolicyDocuments {
        let mut all = self.clone();
        let own = objects
            .iter()
            .filter(|it| ShortPolicy::is_short_policy(&it.node));
        for object in own {
            match ShortPolicy::read(object.node.clone()) {
                Ok(policy) => all.own.push(policy),
                Err(faults) => all.faults.extend(faults),
            }
        }
        all
    }
}

fn is_about_policies(source: &Source) -> bool {
    let groups = [policy::GROUP, OWN_GROUP, kyverno::GROUP];
    groups.iter().any(|it| source.text.contains(it))
}
