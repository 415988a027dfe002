//! The settings of Flux in `environment.yaml`: the source of the tree, and `spec.flux`.

use crate::diag::{Diagnostic, Diagnostics};
use crate::load::{Engine, WorkspaceConfig, setting};
use crate::yaml::{Mapping, Node};

/// The namespace of Flux Kustomizations. `flux bootstrap` creates it.
pub(super) const NAMESPACE: &str = "flux-system";

/// The default kind of source.
const GIT_REPOSITORY: &str = "GitRepository";

/// The description of Flux that `load` uses to read environments with `engine: flux`.
pub(in crate::engine) const ENGINE: Engine = Engine {
    name: "flux",
    title: "Flux",
    claim_kind: "Kustomization",
    claim_title: "Flux Kustomization",
    base: "base",
    namespace: NAMESPACE,
    // `flux bootstrap` creates a Flux Kustomization and a folder in `clusters/` with this name.
    reserved: &["flux-system"],
    schema: include_str!("environment.yaml"),
    claim_fields: &[&["flux", "claims"]],
    instead: "Flux gets the address from the source that `flux bootstrap` creates",
    // The paths within an OCI artifact or a bucket are unknown.
    reads_git: |environment| SourceRef::new(environment).is_git(),
    check,
};

/// A reference to a Flux source.
#[derive(Clone, Debug)]
pub(super) struct SourceRef {
    /// `GitRepository` or another kind of source.
    pub(super) kind: String,
    /// `metadata.name` of the source object.
    pub(super) name: String,
    /// Its namespace, if it differs from that of the Flux Kustomization.
    pub(super) namespace: Option<String>,
}

impl SourceRef {
    /// Reads the source of an environment, with the defaults of `flux bootstrap`.
    fn new(environment: &Node) -> SourceRef {
        let field = |key: &str| {
            let text = setting(environment, &["source", key])?.as_str()?;
            Some(text.to_string())
        };
        SourceRef {
            kind: field("kind").unwrap_or_else(|| GIT_REPOSITORY.to_string()),
            name: field("name").unwrap_or_else(|| NAMESPACE.to_string()),
            namespace: field("namespace").filter(|it| it != NAMESPACE),
        }
    }

    pub(super) fn is_git(&self) -> bool {
        self.kind == GIT_REPOSITORY
    }
}

/// The settings of an environment for Flux.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The source that contains the tree.
    pub(super) source: SourceRef,
    /// Fields of all Flux Kustomizations, in addition to those that pleach sets.
    all: Mapping,
    /// By claim: fields of its Flux Kustomization.
    claims: Mapping,
}

impl Settings {
    pub(super) fn new(environment: &Node) -> Settings {
        let field = |key: &str| {
            let node = setting(environment, &["flux", key]);
            node.and_then(Node::as_mapping).cloned().unwrap_or_default()
        };
        Settings {
            source: SourceRef::new(environment),
            all: field("kustomization"),
            claims: field("claims"),
        }
    }

    /// Fields for the Flux Kustomization of a claim: those of all claims, overridden by those of the claim. Maps are merged, lists
    /// are replaced.
    pub(super) fn claim_fields(&self, name: &str) -> Mapping {
        let mut fields = self.all.clone();
        if let Some(own) = self.claims.get(name).and_then(Node::as_mapping) {
            fields.merge(own.clone());
        }
        // Flux ignores `healthChecks` if it waits for all objects, which pleach sets by default.
        let has_list = fields.get("healthChecks").is_some();
        if has_list && fields.get("wait").is_none() {
            fields.insert("wait", false);
        }
        fields
    }
}

/// Reports fields that Flux would ignore: `healthChecks` together with `wait: true`.
fn check(environment: &Node, _: &WorkspaceConfig, diagnostics: &mut Diagnostics) {
    let settings = Settings::new(environment);
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
