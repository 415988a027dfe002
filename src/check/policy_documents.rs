//! The policies of the folder `policies/`, read once for all environments.

use std::sync::Arc;

use crate::deploy::flattened;
use crate::diag::{Diagnostic, Source, Span};
use crate::kustomize::FILE_NAMES;
use crate::layout::BASE;
use crate::load::ShortPolicy;
use crate::object::Object;
use crate::validate::{kyverno, policy};
use crate::yaml::{Node, parse};

/// The API group of policies in the short form.
const OWN_GROUP: &str = "pleach.dev/";

/// Policies that apply to every environment.
#[derive(Clone, Debug, Default)]
pub struct PolicyDocuments {
    /// All Kubernetes objects of the folder, including parameters and bindings.
    pub(super) objects: Vec<Object>,
    /// The policies in the short form.
    pub(super) own: Vec<ShortPolicy>,
    /// The names of all environments; empty if there is no workspace.
    pub(super) environments: Vec<String>,
    /// Diagnostics about the files.
    pub(super) faults: Vec<Diagnostic>,
}

impl PolicyDocuments {
    /// Reads the files of the folder. `environments` are the names below `environments/`.
    pub(super) fn read(sources: &[Arc<Source>], environments: Vec<String>) -> PolicyDocuments {
        let environments = environments.into_iter().filter(|it| it != BASE);
        let mut found = PolicyDocuments {
            environments: environments.collect(),
            ..PolicyDocuments::default()
        };
        for source in sources {
            match parse(source) {
                Ok(documents) => found.add_file(source, documents),
                // The folder may also contain templates of other programs.
                Err(_) if source.text.contains("{{") && !is_about_policies(source) => {}
                Err(faults) => found.faults.extend(faults),
            }
        }
        found
    }

    fn add_file(&mut self, source: &Arc<Source>, documents: Vec<Node>) {
        let mut documents = documents.into_iter().filter(|it| !it.is_null()).peekable();
        // A policy in comments is switched off on purpose.
        if documents.peek().is_none() && !source.text.contains('#') {
            let message = format!("`{}` contains no policy", source.path);
            let fault = Diagnostic::warning("empty-file", message).at(Span::new(source, 0..0));
            self.faults
                .push(fault.help("write the policy, or remove the file"));
        }
        // kustomize lists files without being a policy.
        let is_kustomization = FILE_NAMES.contains(&source.path.name());
        let documents = documents.flat_map(|it| flattened(Object::new(it)));
        for Object { node: document, .. } in documents {
            if text(&document, "apiVersion").starts_with(OWN_GROUP) {
                self.add_own(document);
            } else if is_object(&document) || is_kustomization {
                let object = Object::new(document);
                self.faults.extend(misspelled_kind(&object));
                self.objects.push(object);
            } else {
                self.faults.push(not_a_policy(&document));
            }
        }
    }

    /// Adds a document of our own group.
    fn add_own(&mut self, document: Node) {
        if !ShortPolicy::is_short_policy(&document) {
            self.faults.push(unknown_kind(&document));
            return;
        }
        match ShortPolicy::read(document) {
            Ok(policy) => {
                let unknown = policy
                    .environments
                    .iter()
                    .filter_map(|it| self.unknown_environment(it));
                let unknown: Vec<Diagnostic> = unknown.collect();
                self.faults.extend(unknown);
                self.own.push(policy);
            }
            Err(faults) => self.faults.extend(faults),
        }
    }

    fn unknown_environment(&self, name: &Node) -> Option<Diagnostic> {
        let text = name.as_str().unwrap_or("");
        if self.environments.is_empty() || self.environments.iter().any(|it| it == text) {
            return None;
        }
        let known = || self.environments.iter().map(String::as_str);
        let message = format!("unknown environment `{text}`");
        let fault = Diagnostic::error("unknown-environment", message).at(name);
        let fault = fault.did_you_mean(text, known());
        let names = known().collect::<Vec<_>>().join(", ");
        Some(fault.help(format!("environments: {names}")))
    }

    /// Whether there are no policies and no diagnostics about their files.
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.own.is_empty() && self.faults.is_empty()
    }

    /// Whether a policy selects kinds or namespaces, which other environments may have.
    pub fn has_selectors(&self) -> bool {
        let mut own = self.own.iter();
        own.any(|it| !it.kinds.is_empty() || !it.namespaces.is_empty())
    }

    /// These policies, together with the short-form policies among some objects.
    pub(super) fn with_own(&self, objects: &[Object]) -> PolicyDocuments {
        let mut all = self.clone();
        let own = objects
            .iter()
            .filter(|it| ShortPolicy::is_short_policy(&it.node));
        for object in own {
            all.add_own(object.node.clone());
        }
        all
    }
}

/// Whether a document is a Kubernetes object, such as a policy or its parameter.
fn is_object(document: &Node) -> bool {
    let mut keys = ["apiVersion", "kind"].iter();
    keys.all(|it| !text(document, it).is_empty())
}

fn unknown_kind(document: &Node) -> Diagnostic {
    let kind = document.get("kind").filter(|it| !it.is_null());
    match kind {
        Some(kind) => {
            let text = kind.as_str().unwrap_or("");
            let message = format!("`{text}` is not a kind of policy");
            let fault = Diagnostic::error("unknown-kind", message).at(kind);
            let fault = fault.did_you_mean(text, ["Policy"]);
            match fault.help.is_empty() {
                true => fault.help("write `kind: Policy`, or move the document out of `policies/`"),
                false => fault,
            }
        }
        None => Diagnostic::error("missing-field", "`kind` is missing")
            .at(document)
            .help("write `kind: Policy`"),
    }
}

fn not_a_policy(document: &Node) -> Diagnostic {
    let message = "the document is not a policy: it has no `apiVersion` and `kind`";
    Diagnostic::warning("unread-file", message)
        .at(document)
        .help("begin it with `apiVersion: pleach.dev/v1` and `kind: Policy`, or move it out of `policies/`")
}

fn is_about_policies(source: &Source) -> bool {
    let groups = [policy::GROUP, OWN_GROUP, kyverno::GROUP];
    groups.iter().any(|it| source.text.contains(it))
}

/// The error for an object with the group of Kyverno whose kind is a misspelled one, so that nothing applies it. Error: `unknown-kind`.
fn misspelled_kind(object: &Object) -> Option<Diagnostic> {
    let correct = kyverno::similar_kind(object)?;
    let kind = object.kind();
    let message = format!(
        "{}: `{}` has no kind `{kind}`",
        object.id(),
        object.gvk().group
    );
    let at = object.node.get("kind").unwrap_or(&object.node);
    let fault = Diagnostic::error("unknown-kind", message).at(at);
    Some(fault.did_you_mean(kind, [correct]))
}

fn text<'n>(node: &'n Node, key: &str) -> &'n str {
    node.get(key).and_then(Node::as_str).unwrap_or("")
}
