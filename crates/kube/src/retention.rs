//! What Flux, Argo CD and Helm do with objects in the cluster: which they delete when these leave the tree, which they keep, and
//! which they delete and create again.

use std::sync::Arc;

use crate::object::Object;
use pleach_yaml::Node;

/// A controller that applies objects and deletes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// kustomize-controller of Flux.
    KustomizeController,
    /// Helm, for helm-controller of Flux.
    Helm,
    /// The application controller of Argo CD.
    ArgoCd,
    /// The ApplicationSet controller of Argo CD, which respects no annotations of the Applications that it generates.
    ApplicationSet,
    /// The Flux operator, for ResourceSets.
    FluxOperator,
}

/// What a unit, such as a Kustomization of Flux or an Application of Argo CD, does with the objects that it applies. The default is
/// for units whose engine is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The engine, which respects its own annotations only; `None` if unknown.
    pub engine: Option<Engine>,
    /// Whether all objects stay that it no longer has.
    pub keeps_removed: bool,
    /// Whether all objects stay if it no longer has any.
    pub keeps_all_removed: bool,
    /// Why all objects stay when the unit itself is deleted; `None` if they are deleted.
    pub on_deletion: Option<&'static str>,
    /// Whether an object is deleted and created again if an immutable field changes.
    pub recreates: bool,
    /// The options of an Application for objects that do not set them.
    pub options: Vec<String>,
}

/// What the unit that applies an object does with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handling {
    /// The unit, such as `Kustomization flux-system/apps`.
    pub unit: Arc<str>,
    /// The engine of the unit.
    pub engine: Engine,
    /// Whether it deletes the object from the cluster when the object is removed from the tree.
    pub deletes: bool,
    /// Whether it deletes the object and creates it again if an immutable field changes.
    pub recreates: bool,
}

impl Handling {
    /// Whether another unit applies the object after a change, and this one deletes what it no longer has.
    pub fn loses_object_to(&self, other: &Handling) -> bool {
        self.unit != other.unit && self.deletes
    }

    /// Whether this unit deletes an object that moves to another unit, even if the other one applies it first. An engine only keeps
    /// an object that another unit of the same engine has taken: both write the same label (`Inclusions` of kustomize-controller)
    /// or tracking ID, which other engines leave as it is. Helm deletes what is no longer in its release.
    pub fn deletes_in_any_order(&self, other: &Handling) -> bool {
        self.loses_object_to(other) && (self.engine == Engine::Helm || self.engine != other.engine)
    }
}

/// The finalizers because of which Argo CD deletes what an Application applied (`isPropagationPolicyFinalizer`).
const CASCADE: [&str; 3] = [
    "resources-finalizer.argocd.argoproj.io",
    "resources-finalizer.argocd.argoproj.io/foreground",
    "resources-finalizer.argocd.argoproj.io/background",
];

impl Retention {
    /// The behaviour of the unit that an object defines; that of an unknown engine if it defines none.
    pub fn of(unit: &Object) -> Retention {
        let gvk = unit.gvk();
        match (&*gvk.group, &*gvk.kind) {
            ("kustomize.toolkit.fluxcd.io", "Kustomization") => kustomization(unit),
            ("helm.toolkit.fluxcd.io", "HelmRelease") => helm_release(unit),
            ("fluxcd.controlplane.io", "ResourceSet") => resource_set(unit),
            ("argoproj.io", "Application") => application(unit),
            ("argoproj.io", "ApplicationSet") => application_set(unit),
            _ => Retention::default(),
        }
    }

    /// Whether an object stays in the cluster when the unit no longer has it.
    pub fn keeps_removed(&self, object: &Object) -> bool {
        let by_annotation = match self.engine {
            Some(Engine::KustomizeController) => is_excluded_by_flux(object),
            // Helm compares exactly here, but not when it uninstalls a release (`kube.Client.Update`).
            Some(Engine::Helm) => annotation(object, HELM_POLICY) == "keep" || is_helm_hook(object),
            Some(Engine::ArgoCd) => {
                argo_option(object, "Prune", &self.options) == Some("false") || is_argo_hook(object)
            }
            Some(Engine::ApplicationSet) => false,
            Some(Engine::FluxOperator) => is_excluded_by_flux_operator(object),
            None => {
                is_excluded_by_flux(object) || argo_option(object, "Prune", &[]) == Some("false")
            }
        };
        self.keeps_removed || by_annotation
    }

    /// Whether an object stays in the cluster when the unit is deleted.
    pub fn keeps_on_deletion(&self, object: &Object) -> bool {
        let by_annotation = match self.engine {
            Some(Engine::KustomizeController) => is_excluded_by_flux(object),
            // `filterManifestsToKeep` of Helm.
            Some(Engine::Helm) => {
                let policy = annotation(object, HELM_POLICY).trim();
                policy.eq_ignore_ascii_case("keep") || is_helm_hook(object)
            }
            // `shouldBeDeleted` of Argo CD.
            Some(Engine::ArgoCd) => {
                object.kind() == "CustomResourceDefinition"
                    || argo_option(object, "Delete", &self.options) == Some("false")
                    || csv(annotation(object, HELM_POLICY)).any(|it| it == "keep")
            }
            Some(Engine::ApplicationSet) => false,
            Some(Engine::FluxOperator) => is_excluded_by_flux_operator(object),
            None => return self.on_deletion.is_some() || self.keeps_removed(object),
        };
        self.on_deletion.is_some() || by_annotation
    }

    /// Whether an object is deleted and created again if an immutable field changes.
    pub fn recreates(&self, object: &Object) -> bool {
        let forced_by_flux = || has_flux_setting(object, "force", "enabled");
        match self.engine {
            Some(Engine::KustomizeController) => self.recreates || forced_by_flux(),
            Some(Engine::ArgoCd) => is_forced_by_argo(object, &self.options),
            Some(Engine::Helm | Engine::ApplicationSet | Engine::FluxOperator) => self.recreates,
            None => forced_by_flux() || is_forced_by_argo(object, &[]),
        }
    }
}

/// Whether a Kustomization or an Application applies its objects again and again, without anybody who starts it.
pub fn applies_continuously(unit: &Object) -> bool {
    let gvk = unit.gvk();
    match (&*gvk.group, &*gvk.kind) {
        ("kustomize.toolkit.fluxcd.io", "Kustomization") => !flag(unit, &["spec", "suspend"]),
        ("argoproj.io", "Application") => is_automated(unit),
        _ => false,
    }
}

/// Whether a unit applies only the fields of an object that it sets, or does not change the object, so that others may apply it too.
pub fn shares_objects(unit: &Object, object: &Object) -> bool {
    let is_server_side = Retention::of(unit)
        .options
        .iter()
        .any(|it| it == "ServerSideApply=true");
    is_server_side
        || csv(annotation(object, ARGO_OPTIONS)).any(|it| it == "ServerSideApply=true")
        || has_flux_setting(object, "ssa", "merge")
        || has_flux_setting(object, "ssa", "ifnotpresent")
}

/// The content of an object without the labels with which Flux finds the objects of a Kustomization.
pub fn without_owner(object: &Object) -> Node {
    let mut node = object.node.clone();
    let labels = node.at_keys_mut(&["metadata", "labels"]);
    let Some(labels) = labels.and_then(Node::as_mapping_mut) else {
        return node;
    };
    for key in ["name", "namespace"] {
        labels.remove(&format!("kustomize.toolkit.fluxcd.io/{key}"));
    }
    if labels.is_empty()
        && let Some(metadata) = node.get_mut("metadata").and_then(Node::as_mapping_mut)
    {
        metadata.remove("labels");
    }
    node
}

/// As `prune` and `finalize` of kustomize-controller.
fn kustomization(unit: &Object) -> Retention {
    let prunes = flag(unit, &["spec", "prune"]);
    let on_deletion = match text(unit, &["spec", "deletionPolicy"]) {
        _ if flag(unit, &["spec", "suspend"]) => Some(
            "it is suspended, so everything that it applied stays; to delete that too, resume it first",
        ),
        "Orphan" => Some("its `deletionPolicy` is `Orphan`, so everything that it applied stays"),
        "Delete" | "WaitForTermination" => None,
        _ if prunes => None,
        _ => Some("it does not prune, so everything that it applied stays"),
    };
    Retention {
        engine: Some(Engine::KustomizeController),
        keeps_removed: !prunes,
        on_deletion,
        recreates: flag(unit, &["spec", "force"]),
        ..Retention::default()
    }
}

/// As `reconcileDelete` of helm-controller. With `force`, Helm replaces objects but does not delete them.
fn helm_release(unit: &Object) -> Retention {
    let is_suspended = flag(unit, &["spec", "suspend"]);
    Retention {
        engine: Some(Engine::Helm),
        on_deletion: is_suspended.then_some(
            "it is suspended, so its release stays; to uninstall it too, resume it first",
        ),
        ..Retention::default()
    }
}

/// As `uninstall` of the Flux operator.
fn resource_set(unit: &Object) -> Retention {
    let reconcile = annotation(unit, "fluxcd.controlplane.io/reconcile");
    Retention {
        engine: Some(Engine::FluxOperator),
        on_deletion: reconcile
            .eq_ignore_ascii_case("disabled")
            .then_some("it is not reconciled, so everything that it applied stays"),
        ..Retention::default()
    }
}

/// As `autoSync` and `finalizeApplicationDeletion` of Argo CD. If somebody syncs the Application by hand, they decide about pruning.
fn application(unit: &Object) -> Retention {
    let prunes = is_automated(unit) && flag(unit, &["spec", "syncPolicy", "automated", "prune"]);
    let options = unit.node.at_keys(&["spec", "syncPolicy", "syncOptions"]);
    let options = options.and_then(Node::as_sequence).unwrap_or_default();
    let cascades = finalizers(unit).any(|it| CASCADE.contains(&it));
    Retention {
        engine: Some(Engine::ArgoCd),
        keeps_removed: !prunes,
        keeps_all_removed: !flag(unit, &["spec", "syncPolicy", "automated", "allowEmpty"]),
        on_deletion: (!cascades).then_some(
            "it does not have the finalizer `resources-finalizer.argocd.argoproj.io`, so everything that it applied stays",
        ),
        options: options
            .iter()
            .filter_map(Node::as_str)
            .map(str::to_string)
            .collect(),
        ..Retention::default()
    }
}

/// As `IsAutomatedSyncEnabled` of Argo CD.
fn is_automated(application: &Object) -> bool {
    let automated = ["spec", "syncPolicy", "automated"];
    let automated = application.node.at_keys(&automated);
    automated.is_some_and(|it| !it.is_null())
        && setting(application, &["spec", "syncPolicy", "automated", "enabled"]) != Some(false)
}

/// As `deleteInCluster` and `removeOwnerReferencesOnDeleteAppSet` of the ApplicationSet controller. Without the finalizer, Kubernetes
/// deletes the Applications because of their owner reference.
fn application_set(unit: &Object) -> Retention {
    let policy = text(unit, &["spec", "syncPolicy", "applicationsSync"]);
    let keeps = matches!(policy, "create-only" | "create-update");
    let is_finalized = finalizers(unit).any(|it| it == CASCADE[0]);
    Retention {
        engine: Some(Engine::ApplicationSet),
        keeps_removed: keeps,
        on_deletion: (keeps && is_finalized)
            .then_some("its `applicationsSync` does not allow deletion, so its Applications stay"),
        ..Retention::default()
    }
}

/// Whether an object has a setting of kustomize-controller, ignoring the case of the value. The controller reads annotations and
/// labels (`Exclusions` and `IfNotPresentSelector` of its options for apply, `Exclusions` of those for deletion).
pub fn has_flux_setting(object: &Object, setting: &str, value: &str) -> bool {
    let key = format!("kustomize.toolkit.fluxcd.io/{setting}");
    has_metadata(object, &key, value)
}

fn has_metadata(object: &Object, key: &str, value: &str) -> bool {
    let mut fields = ["annotations", "labels"].iter();
    fields.any(|field| text(object, &["metadata", field, key]).eq_ignore_ascii_case(value))
}

/// `deleteObjects` of kustomize-controller.
fn is_excluded_by_flux(object: &Object) -> bool {
    has_flux_setting(object, "prune", "disabled")
        || has_flux_setting(object, "reconcile", "disabled")
        || has_flux_setting(object, "ssa", "ignore")
}

fn is_excluded_by_flux_operator(object: &Object) -> bool {
    has_metadata(object, "fluxcd.controlplane.io/prune", "disabled")
}

const HELM_POLICY: &str = "helm.sh/resource-policy";

/// Whether it is an object that a hook of Helm creates, which is not part of the release.
fn is_helm_hook(object: &Object) -> bool {
    let policy = annotation(object, "helm.sh/hook-delete-policy");
    !annotation(object, "helm.sh/hook").is_empty() && !policy.contains("hook-succeeded")
}

/// Whether it is an object that a hook of Argo CD creates, which a sync does not prune (`getSyncTasks`).
fn is_argo_hook(object: &Object) -> bool {
    let helm = annotation(object, "helm.sh/hook");
    let is_hook = match annotation(object, "argocd.argoproj.io/hook") {
        "" => !helm.is_empty() && helm != "crd-install",
        types => csv(types).any(|it| it != "Skip"),
    };
    let policies = [
        annotation(object, "argocd.argoproj.io/hook-delete-policy"),
        annotation(object, "helm.sh/hook-delete-policy"),
    ];
    let is_deleted = |it: &&str| it.contains("HookSucceeded") || it.contains("hook-succeeded");
    is_hook && !policies.iter().any(is_deleted)
}

/// The value of an option of an object or, if it does not set it, of its Application. Case matters (`GetAnnotationOptionValue`).
fn argo_option<'a>(object: &'a Object, option: &str, defaults: &'a [String]) -> Option<&'a str> {
    let value = |it: &'a str| it.strip_prefix(option)?.strip_prefix('=');
    let mut own = csv(annotation(object, ARGO_OPTIONS)).filter_map(value);
    own.next()
        .or_else(|| defaults.iter().find_map(|it| value(it)))
}

const ARGO_OPTIONS: &str = "argocd.argoproj.io/sync-options";

/// Whether Argo CD deletes an object and creates it again if the API server rejects a change: `kubectl replace --force` or
/// `kubectl apply --force`, but not server-side apply (`applyObject`).
fn is_forced_by_argo(object: &Object, defaults: &[String]) -> bool {
    let has_own = |option: &str| csv(annotation(object, ARGO_OPTIONS)).any(|it| it == option);
    let has = |option: &str| has_own(option) || defaults.iter().any(|it| it == option);
    let is_replaced = has("Replace=true");
    let is_replaceable = !matches!(object.kind(), "CustomResourceDefinition" | "Namespace");
    let is_server_side = has("ServerSideApply=true") && !has_own("ServerSideApply=false");
    has_own("Force=true")
        && match is_replaced {
            true => is_replaceable,
            false => !is_server_side,
        }
}

fn csv(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn finalizers(object: &Object) -> impl Iterator<Item = &str> {
    let list = object.node.at_keys(&["metadata", "finalizers"]);
    let list = list.and_then(Node::as_sequence).unwrap_or_default();
    list.iter().filter_map(Node::as_str)
}

fn annotation<'a>(object: &'a Object, key: &str) -> &'a str {
    text(object, &["metadata", "annotations", key])
}

fn text<'a>(object: &'a Object, keys: &[&str]) -> &'a str {
    let node = object.node.at_keys(keys);
    node.and_then(Node::as_str).unwrap_or("")
}

fn setting(object: &Object, keys: &[&str]) -> Option<bool> {
    object.node.at_keys(keys)?.as_bool()
}

fn flag(object: &Object, keys: &[&str]) -> bool {
    setting(object, keys) == Some(true)
}
