//! The settings of Flux in `environment.yaml`: the source of the tree, and `spec.flux`.

use crate::diag::{Diagnostic, Diagnostics};
use crate::load::{Engine, WorkspaceConfig, setting};
use crate::yaml::{Mapping, Node};

/// The namespace of Flux Kustomizations, which `flux bootstrap` creates.
pub(super) const NAMESPACE: &str = "flux-system";

/// The default kind of source.
const GIT_REPOSITORY: &str = "GitRepository";

/// How environments with `engine: flux` are read.
pub(in crate::engine) const ENGINE: Engine = Engine {
    name: "flux",
    title: "Flux",
    claim_kind: "Kustomization",
    claim_title: "Flux Kustomization",
    base: "base",
    namespace: NAMESPACE,
    // What `flux bootstrap` creates: an object beside those of the claims, and a folder of `clusters`.
    reserved: &["flux-system"],
    schema: include_str!("environment.yaml"),
    claim_fields: &[&["flux", "claims"]],
    instead: "Flux gets the address from the source that `flux bootstrap` creates",
    // The paths within an OCI artifact or a bucket are unknown.
    reads_git: |environment| SourceRef::of(environment).is_git(),
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
    /// The Flux source, with the defaults of `flux bootstrap`.
    fn of(environment: &Node) -> SourceRef {
        let field = |key: &str| {
            let found = setting(environment, &["source", key])?.as_str()?;
            Some(found.to_string())
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
    /// Where the tree is read from.
    pub(super) source: SourceRef,
    /// Fields of all Flux Kustomizations, in addition to those that pleach sets.
    all: Mapping,
    /// Those of single claims, by name.
    claims: Mapping,
}

impl Settings {
    pub(super) fn of(environment: &Node) -> Settings {
        let field = |key: &str| {
            let node = setting(environment, &["flux", key]);
            node.and_then(Node::as_mapping).cloned().unwrap_or_default()
        };
        Settings {
            source: SourceRef::of(environment),
            all: field("kustomization"),
            claims: field("claims"),
        }
    }

    /// The fields for the Kustomization of a claim: the common ones, overridden by those of the claim. Maps are merged, lists are
    /// replaced.
    pub(super) fn of_claim(&self, name: &str) -> Mapping {
        let mut fields = self.all.clone();
        if let Some(own) = self.claims.get(name).and_then(Node::as_mapping) {
            fields.merge(own.clone());
        }
        // Flux waits either for all objects or for a list of objects.
        let has_list = fields.get("healthChecks").is_some();
        if has_list && fields.get("wait").is_none() {
            fields.insert("wait", false);
        }
        fields
    }
}

/// Reports fields that Flux would ignore: `healthChecks` together with `wait: true`.
fn check(environment: &Node, _: &WorkspaceConfig, diagnostics: &mut Diagnostics) {
    let settings = Settings::of(environment);
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
