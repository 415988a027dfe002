//! Renders one source of an Application: a chart, a kustomization, or a folder of manifests.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::RenderContext;
use super::kustomize::edit;
use super::release;
use super::source::{Built, Source};
use crate::deploy::chart::first_error;
use crate::deploy::flux::read_fields;
use crate::deploy::glob::{Dialect, is_match};
use crate::deploy::installed::flattened;
use crate::deploy::refusal::{is_unavailable, missing_folder, refused};
use crate::deploy::sync::{flag, text};
use crate::deploy::unit::Origin;
use crate::diag::{Class, Diagnostic, Diagnostics, Severity, Source as Text};
use crate::inflate::ChartInput;
use crate::kustomize::{FILE_NAMES, LoadRestriction, Options, build_given};
use crate::object::Object;
use crate::tree::{EntryKind, Files, TreePath};
use crate::yaml::{Mapping, Node, parse, parse_within_as_go_yaml_v2};
use pleach_helm::manifests::set_json_types;

/// The objects of a source. Errors: it cannot be rendered by Argo CD, or requires something that is not available.
pub(super) fn build(
    source: &Source<'_>,
    files: &dyn Files,
    context: &RenderContext<'_>,
    inputs: &mut Vec<Arc<ChartInput>>,
    diagnostics: &mut Diagnostics,
) -> Result<Built, Diagnostic> {
    let node = source.node;
    if !text(node, &["chart"]).is_empty() {
        let (location, _) = release::chart_location(node, None);
        let at = node
            .get("targetRevision")
            .or(node.get("chart"))
            .unwrap_or(node);
        let chart = context.charts.load(&location, context.cluster.helm_version);
        let chart = chart.map_err(|it| at_reference(it, at))?;
        let input = release::input(source, &chart, None, files, context, diagnostics)?;
        return build_chart(source, input, context, inputs);
    }
    let path = node.get("path").unwrap_or(node);
    let folder = source_folder(source, files)?;
    match kind(node, files, &folder) {
        Kind::Plugin => {
            let message = "it is rendered by a plugin, and pleach does not run plugins";
            let at = node.get("plugin").unwrap_or(node);
            Err(Diagnostic::warning("unseen-source", message).at(at))
        }
        Kind::Helm => {
            let (location, _) = release::chart_location(node, Some(&folder));
            let chart = context.charts.load(&location, context.cluster.helm_version);
            let chart = chart.map_err(|it| at_reference(it, path))?;
            let input = release::input(source, &chart, Some(&folder), files, context, diagnostics)?;
            build_chart(source, input, context, inputs)
        }
        Kind::Kustomize => {
            let objects = build_kustomization(source, files, &folder, context, inputs);
            Ok(from_folder(objects.map_err(refused)?, folder))
        }
        Kind::Directory => {
            let objects = manifests(node, files, &folder, diagnostics);
            Ok(from_folder(objects.map_err(refused)?, folder))
        }
    }
}

/// The folder of a source. Errors: it is in another repository, or does not exist.
fn source_folder(source: &Source<'_>, files: &dyn Files) -> Result<TreePath, Diagnostic> {
    let node = source.node;
    if !source.is_own(node) {
        let url = text(node, &["repoURL"]);
        let message = format!("its source `{url}` is not this repository");
        let at = node.get("repoURL").unwrap_or(node);
        return Err(Diagnostic::warning("unseen-source", message).at(at));
    }
    let path = text(node, &["path"]);
    let folder = TreePath::new(path.trim_start_matches('/'));
    let folder = folder.filter(|it| matches!(files.kind(it), Ok(Some(EntryKind::Folder))));
    folder.ok_or_else(|| {
        let message = format!("folder `{path}` does not exist");
        let fault = Diagnostic::error("missing-path", message).class(Class::Refused);
        missing_folder(files, fault.at(node.get("path").unwrap_or(node)), path)
    })
}

/// A chart and its objects. The values are kept for checks, even if Helm reports errors in them.
fn build_chart(
    source: &Source<'_>,
    input: ChartInput,
    context: &RenderContext<'_>,
    inputs: &mut Vec<Arc<ChartInput>>,
) -> Result<Built, Diagnostic> {
    let input = Arc::new(input);
    inputs.push(input.clone());
    release::build(source, &input, context)
}

fn from_folder(objects: Vec<Object>, folder: TreePath) -> Built {
    Built {
        objects,
        origin: Origin::Folder(folder),
        test_release: None,
    }
}

/// The error for a chart that is not available, at the line that refers to it.
fn at_reference(fault: Diagnostic, at: &Node) -> Diagnostic {
    match fault.span {
        Some(_) => fault,
        None => fault.at(at),
    }
}

enum Kind {
    Helm,
    Kustomize,
    Directory,
    Plugin,
}

/// The type that a source declares, or else the type of its folder.
fn kind(node: &Node, files: &dyn Files, folder: &TreePath) -> Kind {
    let has = |field: &str| node.get(field).is_some_and(|it| !it.is_null());
    let is_file = |name: &str| matches!(files.kind(&folder.child(name)), Ok(Some(EntryKind::File)));
    let is_set =
        |field: &str| has(field) && node.get(field).is_some_and(|it| !it.is_empty_collection());
    if has("plugin") {
        Kind::Plugin
    } else if is_set("kustomize") {
        Kind::Kustomize
    } else if is_set("helm") {
        Kind::Helm
    } else if is_set("directory") {
        Kind::Directory
    } else if FILE_NAMES.iter().any(|it| is_file(it)) {
        Kind::Kustomize
    } else if is_file("Chart.yaml") {
        Kind::Helm
    } else {
        Kind::Directory
    }
}

fn build_kustomization(
    source: &Source<'_>,
    files: &dyn Files,
    folder: &TreePath,
    context: &RenderContext<'_>,
    inputs: &mut Vec<Arc<ChartInput>>,
) -> Result<Vec<Object>, Diagnostic> {
    let read = read_fields(files, folder).map_err(|faults| {
        let fault = faults.into_iter().next();
        fault.unwrap_or_else(|| {
            Diagnostic::error("unreadable-file", "the kustomization cannot be read")
                .class(Class::Unreadable)
        })
    })?;
    let Some(mut fields) = read else {
        let message = format!("no kustomization file in `{folder}`");
        return Err(Diagnostic::error("missing-kustomization", message).at(source.node));
    };
    if let Some(options) = source.node.get("kustomize") {
        edit(&mut fields, options, files, folder, &source.environment)?;
    }
    // In a cluster, settings of Argo CD can override both, but these need not be in the repository.
    let options = Options {
        load_restriction: LoadRestriction::None,
        ..Options::default()
    };
    let inflater = context.cluster.inflater(context.charts);
    let given = Node::mapping(fields);
    let built = build_given(files, folder, &given, Vec::new(), &options, Some(&inflater));
    inputs.extend(inflater.into_inputs());
    // Other errors may be consequences of one about content that is not available.
    let mut faults = built.diagnostics.iter();
    let unavailable = faults.find(|it| it.severity == Severity::Error && is_unavailable(it));
    match unavailable
        .cloned()
        .or_else(|| first_error(&built.diagnostics))
    {
        Some(fault) => Err(fault),
        None => Ok(built.objects),
    }
}

/// The charts that the kustomization in the folder of a source renders. Build errors are reported elsewhere.
pub(super) fn folder_inputs(
    source: &Source<'_>,
    context: &RenderContext<'_>,
    inputs: &mut Vec<Arc<ChartInput>>,
) {
    let (node, files) = (source.node, context.files);
    if !source.is_own(node) {
        return;
    }
    let folder = TreePath::new(text(node, &["path"]).trim_start_matches('/'));
    let may_use_charts = |folder: &TreePath| {
        matches!(kind(node, files, folder), Kind::Kustomize)
            && names_charts(files, folder, &mut BTreeSet::new())
    };
    if let Some(folder) = folder.filter(may_use_charts) {
        let _ = build_kustomization(source, files, &folder, context, inputs);
    }
}

/// Whether a kustomization, or one that it lists, renders charts. Most do not and need not be built.
fn names_charts(files: &dyn Files, folder: &TreePath, seen: &mut BTreeSet<TreePath>) -> bool {
    let Ok(Some(fields)) = read_fields(files, folder) else {
        return false;
    };
    // A generator file may also refer to a chart.
    let names = ["helmCharts", "helmChartInflationGenerator", "generators"];
    if names.iter().any(|it| fields.get(it).is_some()) {
        return true;
    }
    let lists = ["resources", "bases", "components"].into_iter();
    let entries = lists
        .filter_map(|it| fields.get(it)?.as_sequence())
        .flatten();
    let mut folders = entries.filter_map(|it| folder.resolve(it.as_str()?));
    folders.any(|it| {
        let is_folder = matches!(files.kind(&it), Ok(Some(EntryKind::Folder)));
        is_folder && seen.insert(it.clone()) && names_charts(files, &it, seen)
    })
}

/// The comment that makes Argo CD skip a file.
const SKIPPED: &str = "+argocd:skip-file-rendering";

/// The objects in the manifests of a folder.
fn manifests(
    node: &Node,
    files: &dyn Files,
    folder: &TreePath,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<Object>, Diagnostic> {
    let options = node.get("directory");
    let option = |field: &str| options.map_or("", |it| text(it, &[field]));
    let recurses = options.is_some_and(|it| flag(it, &["recurse"]));
    let mut paths = Vec::new();
    list(files, folder, recurses, &mut paths);
    let mut objects = Vec::new();
    for path in paths {
        let below = path.below(folder).unwrap_or_else(|| path.clone());
        let (include, exclude) = (option("include"), option("exclude"));
        let fits = |pattern: &str| is_match(pattern, below.as_str(), Dialect::Text);
        if !exclude.is_empty() && fits(exclude) || !include.is_empty() && !fits(include) {
            continue;
        }
        if path.name().ends_with(".jsonnet") {
            let message = format!("`{path}` is not shown: Jsonnet is not evaluated");
            diagnostics.push(
                Diagnostic::warning("unseen-source", message).at(node.get("path").unwrap_or(node)),
            );
            continue;
        }
        objects.extend(objects_of(files, &path)?);
    }
    Ok(objects)
}

fn list(files: &dyn Files, folder: &TreePath, recurses: bool, paths: &mut Vec<TreePath>) {
    for entry in files.list(folder).unwrap_or_default() {
        let path = folder.child(&entry.name);
        let is_manifest = [".yaml", ".yml", ".json", ".jsonnet"]
            .iter()
            .any(|it| entry.name.ends_with(it));
        match entry.kind {
            EntryKind::Folder if recurses => list(files, &path, recurses, paths),
            EntryKind::File if is_manifest => paths.push(path),
            _ => {}
        }
    }
}

/// A document as Argo CD reads it: a merge key replaces keys before it.
fn as_json(document: Node) -> Node {
    let source = document.span().source();
    let range = document.span().range();
    let merges = source
        .text
        .get(range.clone())
        .is_some_and(|it| it.contains("<<"));
    let again = merges.then(|| parse_within_as_go_yaml_v2(source, range).ok().flatten());
    let mut node = again.flatten().unwrap_or(document);
    set_json_types(&mut node);
    node
}

/// The objects of a file. Files that are not manifests are skipped, as in Argo CD.
fn objects_of(files: &dyn Files, path: &TreePath) -> Result<Vec<Object>, Diagnostic> {
    let bytes = files.read(path).map_err(|error| {
        Diagnostic::error("unreadable-file", format!("cannot read `{path}`: {error}"))
            .class(Class::Unreadable)
    })?;
    let text = String::from_utf8_lossy(&bytes);
    if text.contains(SKIPPED) {
        return Ok(Vec::new());
    }
    match parse(&Text::new(path.clone(), &*text)) {
        Ok(documents) => {
            let objects = documents.into_iter().map(|it| Object::new(as_json(it)));
            let objects = objects.filter(|it| !it.kind().is_empty());
            Ok(objects.flat_map(flattened).collect())
        }
        Err(faults) => {
            let is_manifest = ["apiVersion:", "kind:", "metadata:"]
                .iter()
                .all(|it| text.contains(it));
            match faults.into_iter().next().filter(|_| is_manifest) {
                Some(fault) => Err(fault),
                None => Ok(Vec::new()),
            }
        }
    }
}

/// The overrides in `.argocd-source.yaml` and `.argocd-source-NAME.yaml` of a folder.
pub(super) fn overrides(files: &dyn Files, folder: &TreePath, name: &str) -> Vec<Node> {
    let names = [
        ".argocd-source.yaml".to_string(),
        format!(".argocd-source-{name}.yaml"),
    ];
    let documents = names.iter().filter(|it| !it.contains('/')).flat_map(|it| {
        let path = folder.child(it);
        match files.kind(&path) {
            Ok(Some(EntryKind::File)) => crate::deploy::scan::documents(files, &path),
            _ => Vec::new(),
        }
    });
    documents
        .filter(|it| it.as_mapping().is_some_and(|it: &Mapping| !it.is_empty()))
        .collect()
}
