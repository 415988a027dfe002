//! Intents to the sync engine's own objects; one file an engine.
//!
//! A template says what is wanted (`HelmInstall`, `GitManifests`), the environment's engine decides the form. An intent lives
//! between `render` and `compose` only and is never written.

mod application;
mod flux;
mod intent;
mod pin;
mod values;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chart::Charts;
use crate::diag::{Diagnostics, Span};
use crate::load::{Engine, Group, Workspace};
use crate::object::Object;
use crate::render::{File, Manifest};
use application::ChartApplication;
use intent::{Intent, IntentKind};

pub use flux::NAMESPACE as FLUX_NAMESPACE;
pub use pin::unused_pins;

/// A claim in the form that is applied.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The claim's name: its folder, and its Flux Kustomization.
    pub name: String,
    /// `Kind/name` of the claim.
    pub title: String,
    /// The part of the tree it belongs to.
    pub group: Group,
    /// Its files.
    pub files: Vec<Delivered>,
    /// Objects of the sync engine itself, for what must be applied before the claim's own files. They stand beside the claim's
    /// own Flux Kustomization, which waits for them; in its folder they would wait for themselves.
    pub first: Vec<Object>,
    /// Namespaces that must be there, whoever makes them.
    pub namespaces: BTreeSet<String>,
    /// CRDs that it brings.
    pub provides: BTreeSet<String>,
    /// CRDs that it needs.
    pub requires: BTreeSet<String>,
    /// Claims that must be ready first.
    pub depends_on: BTreeSet<String>,
    /// Where the claim's name stands.
    pub span: Span,
}

/// One file of a claim.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Its name within the claim's folder.
    pub name: Arc<str>,
    /// The object.
    pub object: Object,
}

/// Turns a claim's manifest into the objects that the engine applies.
pub fn lower(
    manifest: &Manifest<'_>,
    engine: Engine,
    workspace: &Workspace,
    charts: &Charts<'_>,
    diagnostics: &mut Diagnostics,
) -> Delivery {
    let Engine::Flux = engine;
    let (mut files, mut first) = (Vec::new(), Vec::new());
    let mut namespaces = BTreeSet::new();
    for file in &manifest.files {
        if !intent::is_intent(&file.node) {
            files.push(file.clone());
            continue;
        }
        let node = pin::pinned(&file.node, charts, diagnostics);
        let lowered = Intent::new(&node).and_then(|intent| match intent.kind() {
            IntentKind::HelmInstall => {
                files.extend(flux::helm_install(&intent, workspace)?);
                Ok(())
            }
            IntentKind::GitManifests => {
                first.extend(flux::git_manifests(&intent, workspace));
                Ok(())
            }
            IntentKind::ChartApplication => {
                let application = ChartApplication::new(&intent, charts)?;
                files.extend(flux::chart_application(&application, workspace)?);
                namespaces.insert(intent.text_of_metadata("namespace").to_string());
                Ok(())
            }
            IntentKind::GitOpsRoot => Ok(()),
        });
        diagnostics.keep(lowered);
    }
    let delivered = |File { name, node }| Delivered {
        name: name.into(),
        object: Object::new(node),
    };
    let instance = manifest.instance;
    Delivery {
        name: instance.name.clone(),
        title: instance.title(),
        group: instance.kind.group,
        files: files.into_iter().map(delivered).collect(),
        first: first.into_iter().map(Object::new).collect(),
        namespaces,
        provides: instance.provides.clone(),
        requires: instance.requires.clone(),
        depends_on: instance.depends_on.clone(),
        span: instance.span.clone(),
    }
}
