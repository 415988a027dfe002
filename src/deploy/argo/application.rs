//! Builds an Application: renders and combines all of its sources.

use std::sync::Arc;

use super::RenderContext;
use super::build::{build, folder_inputs, overrides};
use super::environment::Environment;
use super::release;
use super::source::Source;
use super::template::merge_patch;
use crate::deploy::Placement;
use crate::deploy::chart::not_shown;
use crate::deploy::sync::{items, text};
use crate::deploy::test_release::TestRelease;
use crate::deploy::unit::{Origin, Status};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::inflate::ChartInput;
use crate::object::Object;
use crate::tree::{Files, ReadSet, Recorded, TreePath};
use crate::yaml::{Mapping, Node};

/// What an Application deploys.
pub(in crate::deploy) struct Applied {
    pub(in crate::deploy) objects: Vec<Object>,
    pub(in crate::deploy) inputs: Vec<Arc<ChartInput>>,
    pub(in crate::deploy) origin: Origin,
    pub(in crate::deploy) status: Status,
    /// How its charts were rendered.
    pub(in crate::deploy) test_releases: Vec<Arc<TestRelease>>,
    pub(in crate::deploy) read_set: ReadSet,
}

/// The sources of an Application.
fn sources(application: &Object) -> Vec<Node> {
    let several = items(&application.node, &["spec", "sources"]);
    match several.is_empty() {
        true => application
            .node
            .at_keys(&["spec", "source"])
            .cloned()
            .into_iter()
            .collect(),
        false => several.to_vec(),
    }
}

/// Folders that an Application applies, as far as written.
pub(in crate::deploy) fn source_paths(application: &Object) -> Vec<TreePath> {
    let sources = sources(application);
    let plain = sources.iter().filter(|it| text(it, &["chart"]).is_empty());
    let paths = plain
        .map(|it| text(it, &["path"]))
        .filter(|it| !it.is_empty());
    paths
        .filter_map(|it| TreePath::new(it.trim_start_matches('/')))
        .collect()
}

/// The cluster that an Application deploys to; empty for the one that Argo CD runs in.
pub(in crate::deploy) fn destination(application: &Object) -> String {
    let destination = |field: &str| text(&application.node, &["spec", "destination", field]);
    match (destination("name"), destination("server")) {
        ("" | "in-cluster", "" | "https://kubernetes.default.svc") => String::new(),
        ("", server) => server.to_string(),
        (name, _) => name.to_string(),
    }
}

pub(in crate::deploy) fn apply(
    application: &Object,
    context: &RenderContext<'_>,
    diagnostics: &mut Diagnostics,
) -> Applied {
    let files = Recorded::new(context.files);
    let all = sources(application);
    let (mut objects, mut test_releases, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut origin, mut fault) = (None, None);
    for node in &all {
        let (path, chart) = (text(node, &["path"]), text(node, &["chart"]));
        if !text(node, &["ref"]).is_empty() && path.is_empty() && chart.is_empty() {
            continue;
        }
        let node = with_overrides(node, application, &files);
        let source = Source {
            application,
            node: &node,
            references: &all,
            environment: Environment::new(application, &node),
            files: &files,
            urls: context.urls,
        };
        match build(&source, &files, context, &mut inputs, diagnostics) {
            Ok(built) => {
                objects.extend(built.objects);
                test_releases.extend(built.test_release.map(Arc::new));
                origin.get_or_insert(built.origin);
            }
            Err(found) => {
                let found = not_built(application, &node, found);
                diagnostics.push(found.clone());
                origin.get_or_insert_with(|| external_origin(&node));
                fault.get_or_insert(found);
            }
        }
    }
    let namespace = text(&application.node, &["spec", "destination", "namespace"]);
    if !namespace.is_empty() {
        objects
            .iter_mut()
            .for_each(|it| context.facts.default_namespace(it, namespace));
    }
    Applied {
        status: match fault {
            Some(fault) if objects.is_empty() => Status::NotBuilt(Box::new(fault)),
            Some(fault) => Status::Partial(Box::new(fault)),
            None => Status::Built,
        },
        test_releases,
        origin: origin.unwrap_or_else(|| Origin::External("no source".to_string())),
        objects,
        inputs,
        read_set: files.finish(),
    }
}

/// A diagnostic about a source whose objects are unknown.
fn not_built(application: &Object, source: &Node, fault: Diagnostic) -> Diagnostic {
    let at = fault.span.clone();
    let at = at.unwrap_or_else(|| source.span().clone());
    let severity = fault.severity.max(Severity::Warning);
    Diagnostic {
        severity,
        ..not_shown(&application.id().to_string(), fault, &at)
    }
}

/// The charts that an Application installs, or that its kustomization renders, as far as they are available.
pub(in crate::deploy) fn inputs(
    application: &Object,
    context: &RenderContext<'_>,
    location: &Placement,
    diagnostics: &mut Diagnostics,
) -> Vec<Arc<ChartInput>> {
    let all = sources(application);
    let mut inputs = Vec::new();
    for node in &all {
        let is_chart = !text(node, &["chart"]).is_empty();
        let Some(node) = is_chart
            .then(|| node.clone())
            .or_else(|| location.local_path(node))
        else {
            continue;
        };
        let source = Source {
            application,
            node: &node,
            references: &all,
            environment: Environment::new(application, &node),
            files: context.files,
            urls: context.urls,
        };
        match is_chart {
            true => {
                let (location, _) = release::chart_location(&node, None);
                let chart = context.charts.load(&location, context.cluster.helm_version);
                let input = chart.ok().map(|chart| {
                    release::input(&source, &chart, None, context.files, context, diagnostics)
                });
                inputs.extend(input.and_then(Result::ok).map(Arc::new));
            }
            false => folder_inputs(&source, context, &mut inputs),
        }
    }
    inputs
}

impl Placement {
    /// The path of a source that is a folder of the repository; `None` for other or generated sources.
    fn local_path(&self, source: &Node) -> Option<Node> {
        let path = TreePath::new(text(source, &["path"]).trim_start_matches('/'))?;
        let path = match path == self.folder {
            true => TreePath::root(),
            false => path.below(&self.folder)?,
        };
        let is_in = |it: &TreePath| path == *it || path.below(it).is_some();
        if self.generated.as_ref().is_some_and(is_in) {
            return None;
        }
        let mut source = source.clone();
        let fields = source.as_mapping_mut()?;
        let old = fields.get("path")?.clone();
        fields.insert("path", Node::string(path.as_str()).at(&old));
        Some(source)
    }
}

fn external_origin(node: &Node) -> Origin {
    match text(node, &["chart"]) {
        "" => {
            let (url, path) = (text(node, &["repoURL"]), text(node, &["path"]));
            Origin::External(format!("{url} {path}"))
        }
        _ => Origin::Chart(release::chart_location(node, None).1),
    }
}

/// A source with the parameters that `.argocd-source.yaml` in its folder sets.
fn with_overrides(node: &Node, application: &Object, files: &dyn Files) -> Node {
    let folder = TreePath::new(text(node, &["path"]).trim_start_matches('/'));
    let Some(folder) = folder.filter(|_| text(node, &["chart"]).is_empty()) else {
        return node.clone();
    };
    let mut merged = node.clone();
    for over in overrides(files, &folder, application.name()) {
        merged = merge_patch(&merged, &over);
    }
    // The location of the source cannot be overridden.
    let Some(fields) = merged.as_mapping_mut() else {
        return node.clone();
    };
    let fixed = ["chart", "path", "repoURL", "targetRevision"];
    let own: &Mapping = match node.as_mapping() {
        Some(own) => own,
        None => return merged,
    };
    for field in fixed {
        match own.get(field) {
            Some(value) => _ = fields.insert(field, value.clone()),
            None => _ = fields.remove(field),
        }
    }
    merged
}
