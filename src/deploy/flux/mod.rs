//! Flux: Kustomizations and HelmReleases as its controllers build them (kustomize-controller 1.9, helm-controller 1.6).

pub(crate) mod envsubst;
mod generate;
mod ignore;

mod instance;
mod kustomization;
mod post_render;
mod release;
mod resource_set;
mod source;
mod substitute;
mod values;
mod variables;

pub(super) use generate::read_fields;
pub(super) use ignore::without_ignored;
pub(super) use instance::sync_kustomization;
pub(super) use kustomization::{Build, build, build_plain, is_suspended, path};
pub(super) use release::{Release, keeps_crds};
pub(super) use resource_set::resource_set;
pub(super) use source::{OwnSource, SourceLocation, find, in_artifact, plain};
pub(super) use values::from_node as values_of;
pub(super) use variables::{Variables, is_waiting};

/// The group of Flux Kustomizations: labels and annotations begin with it.
pub(super) const KUSTOMIZE_GROUP: &str = "kustomize.toolkit.fluxcd.io";
/// The group of HelmReleases.
pub(super) const HELM_GROUP: &str = "helm.toolkit.fluxcd.io";
