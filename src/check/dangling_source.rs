//! References of Flux objects to missing sources, charts, values, variables and folders.

use std::collections::{BTreeMap, BTreeSet};

use super::created_objects::CreatedObjects;
use super::environment::{EnvironmentObjects, SourcedObject};
use super::{Check, Faults, RuleKind};
use crate::diag::{Severity, nearest};
use crate::layout::Output;
use crate::object::Object;
use crate::tree::TreePath;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "dangling-source",
    severity: Severity::Warning,
    summary: "a Flux object refers to a source, values, variables or a folder that does not exist",
    explain: "\
A Kustomization or HelmRelease that refers to something that does not exist applies nothing: it waits, or fails at each attempt. \
`sourceRef` and `chartRef` refer to a source or chart, `valuesFrom` and `postBuild.substituteFrom` to a ConfigMap or Secret in \
the namespace of the object, and `path` to a folder of the source.

The source that syncs the environment and `flux-system` always exist. If a Kustomization of the environment applies itself, and its \
source is declared, as after `flux bootstrap`, all other sources must be declared too. References with `optional: true` are not checked. If an \
environment contains no Secrets at all, they are created elsewhere, and references to Secrets are not checked. The same applies \
to ConfigMaps with variables, in a namespace without any ConfigMap. A path is only checked if it begins like the paths of the \
rendered tree.

If it is created by other means, add a comment to the reference: `# pleach: allow[dangling-source] made by Terraform`.",
    check: RuleKind::Whole(check),
};

const HELP: &str = "correct the name, or add the object; if it is created by other means, add `# pleach: allow[dangling-source] REASON`";

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let known = Referable::new(environment);
    for sourced in &environment.objects {
        let object = &*sourced.object;
        match (object.kind(), &*object.gvk().group) {
            ("Kustomization", "kustomize.toolkit.fluxcd.io") => {
                known.source(sourced, "spec.sourceRef", faults);
                known.variables(sourced, faults);
                known.path(sourced, environment, faults);
            }
            ("HelmRelease", "helm.toolkit.fluxcd.io") => {
                known.source(sourced, "spec.chart.spec.sourceRef", faults);
                known.source(sourced, "spec.chartRef", faults);
                known.values(sourced, faults);
            }
            ("HelmChart", "source.toolkit.fluxcd.io") => {
                known.source(sourced, "spec.sourceRef", faults);
            }
            _ => {}
        }
    }
}

/// The name of the source that `flux bootstrap` creates.
const BOOTSTRAP: &str = "flux-system";

/// Kind, namespace and name.
type Identity<'a> = (&'a str, &'a str, &'a str);

/// The objects and folders that references may name.
struct Referable<'a> {
    made: CreatedObjects<'a>,
    /// Sources and charts of the environment, and the sources that it is synced from.
    sources: BTreeSet<Identity<'a>>,
    /// The number of charts that are installed in each namespace.
    charts: BTreeMap<&'a str, usize>,
    /// Namespaces with a ConfigMap.
    with_config_maps: BTreeSet<&'a str>,
    /// The common beginning of the paths of rendered folders.
    tree: Option<&'a str>,
}

impl<'a> Referable<'a> {
    fn new(environment: &'a EnvironmentObjects<'_>) -> Referable<'a> {
        let mut known = Referable {
            made: CreatedObjects::new(environment),
            sources: BTreeSet::new(),
            charts: BTreeMap::new(),
            with_config_maps: BTreeSet::new(),
            tree: None,
        };
        for namespace in environment.chart_namespaces() {
            *known.charts.entry(namespace).or_default() += 1;
        }
        let (mut syncing, mut own) = (Vec::new(), Vec::new());
        for sourced in &environment.objects {
            let object = &*sourced.object;
            if &*object.gvk().group == "source.toolkit.fluxcd.io" {
                let identity = (object.kind(), object.namespace(), object.name());
                known.sources.insert(identity);
            } else if object.kind() == "ConfigMap" {
                known.with_config_maps.insert(object.namespace());
            } else if is_rendered(sourced) && object.kind() == "Kustomization" {
                let reference = object.node.at_keys(&["spec", "sourceRef"]);
                let source = reference.and_then(|it| identity(it, object));
                syncing.extend(source);
                own.extend(source.filter(|_| sourced.unit() == Some(object.id())));
                known.tree = known.tree.or_else(|| top(object, &environment.folders));
            }
        }
        // If the source of the Kustomization that applies itself is declared, so are the others.
        if own.iter().any(|it| known.sources.contains(it)) {
            syncing.clear();
        }
        let syncing = syncing.into_iter().filter(|it| !known.is_misspelled(*it));
        let syncing: Vec<_> = syncing.collect();
        known.sources.extend(syncing);
        known
    }

    /// Whether a source is not declared, but one with a similar name is.
    fn is_misspelled(&self, (kind, namespace, name): Identity<'_>) -> bool {
        if self.sources.contains(&(kind, namespace, name)) {
            return false;
        }
        let same = self.sources.iter();
        let same = same.filter(|it| it.0 == kind && it.1 == namespace);
        nearest(name, same.map(|it| it.2).chain([BOOTSTRAP])).is_some()
    }

    fn source(&self, sourced: &SourcedObject<'_>, field: &str, faults: &mut Faults) {
        let path = FieldPath::dotted(field);
        let reference = sourced.object.node.at_path(&path);
        let Some((kind, namespace, name)) = reference.and_then(|it| identity(it, &sourced.object))
        else {
            return;
        };
        if name == BOOTSTRAP || self.sources.contains(&(kind, namespace, name)) {
            return;
        }
        let names = self.sources.iter();
        let names = names.filter(|it| it.0 == kind && it.1 == namespace);
        let names = names.map(|it| it.2).chain([BOOTSTRAP]);
        let message = format!(
            "{} refers to {kind} `{namespace}/{name}`, which does not exist",
            sourced.object.id()
        );
        faults.push_name(sourced, &path.key("name"), message, names, HELP);
    }

    /// `postBuild.substituteFrom`: a missing one fails the Kustomization.
    fn variables(&self, sourced: &SourcedObject<'_>, faults: &mut Faults) {
        let namespace = sourced.object.namespace();
        for (index, (kind, name)) in needed(&sourced.object, "spec.postBuild.substituteFrom") {
            let is_elsewhere = kind == "ConfigMap" && !self.with_config_maps.contains(namespace);
            if !is_elsewhere && !self.made.has(kind, namespace, name) {
                let path = FieldPath::dotted_at("spec.postBuild.substituteFrom.*.name", index);
                self.report(sourced, "variables", (kind, namespace, name), &path, faults);
            }
        }
    }

    /// `valuesFrom`: a missing one fails the release. The objects of another chart in the namespace are unknown.
    fn values(&self, sourced: &SourcedObject<'_>, faults: &mut Faults) {
        let namespace = sourced.object.namespace();
        if self.charts.get(namespace).is_some_and(|it| *it > 1) {
            return;
        }
        for (index, (kind, name)) in needed(&sourced.object, "spec.valuesFrom") {
            if !self.made.has_outside_charts(kind, namespace, name) {
                let path = FieldPath::dotted_at("spec.valuesFrom.*.name", index);
                self.report(sourced, "values", (kind, namespace, name), &path, faults);
            }
        }
    }

    fn report(
        &self,
        sourced: &SourcedObject<'_>,
        what: &str,
        (kind, namespace, name): Identity<'_>,
        path: &FieldPath,
        faults: &mut Faults,
    ) {
        let id = sourced.object.id();
        let message = format!(
            "{id} takes {what} from {kind} `{name}`, which does not exist in namespace `{namespace}`"
        );
        faults.push(sourced, path, message, HELP);
    }

    /// `spec.path`, if it begins like the paths of rendered folders.
    fn path(
        &self,
        sourced: &SourcedObject<'_>,
        environment: &EnvironmentObjects<'_>,
        faults: &mut Faults,
    ) {
        let field = FieldPath::dotted("spec.path");
        let path = sourced.object.node.at_path(&field).and_then(Node::as_str);
        let below = self.tree.zip(path).and_then(|(top, path)| {
            let path = plain(path);
            path.strip_prefix(top)?.strip_prefix('/')
        });
        let Some(folder) = below.and_then(TreePath::new) else {
            return;
        };
        if !is_rendered(sourced) && !environment.folders.contains(&folder) {
            let message = format!(
                "{} applies `{folder}` of the rendered tree, which does not exist",
                sourced.object.id()
            );
            let help = "correct the path; the folder of a claim is `apps/<environment>/<claim>` or `infrastructure/<environment>/<claim>`";
            faults.push(sourced, &field, message, help);
        }
    }
}

/// Whether the object is one that applies the rendered tree.
fn is_rendered(sourced: &SourcedObject<'_>) -> bool {
    Output::is_of_cluster(&sourced.folder)
}

/// The target of a reference. The default namespace is that of the object.
fn identity<'a>(reference: &'a Node, object: &'a Object) -> Option<Identity<'a>> {
    let text = |key: &str| reference.get(key).and_then(Node::as_str);
    let namespace = text("namespace").unwrap_or(object.namespace());
    Some((text("kind")?, namespace, text("name")?)).filter(|it| !it.2.contains("${"))
}

/// The required references of a list: kind and name, with their index.
fn needed<'a>(object: &'a Object, list: &str) -> Vec<(usize, (&'a str, &'a str))> {
    let list = object.node.at_path(&FieldPath::dotted(list));
    let list = list.and_then(Node::as_sequence).unwrap_or_default().iter();
    let entries = list.enumerate().filter_map(|(index, it)| {
        let is_optional = it.get("optional").and_then(Node::as_bool) == Some(true);
        let text = |key: &str| it.get(key).and_then(Node::as_str);
        let entry = (text("kind")?, text("name")?);
        (!is_optional && !entry.1.contains("${")).then_some((index, entry))
    });
    entries.collect()
}

/// The part of a path before the folder in the tree: `deploy` in `./deploy/apps/prod/shop`.
fn top<'a>(object: &'a Object, folders: &BTreeSet<TreePath>) -> Option<&'a str> {
    let path = plain(object.node.at_keys(&["spec", "path"])?.as_str()?);
    let mut tops = path.match_indices('/').map(|(at, _)| path.split_at(at));
    let is_folder = |rest: &str| {
        let rest = rest.trim_start_matches('/');
        TreePath::new(rest).is_some_and(|it| folders.contains(&it))
    };
    tops.find(|(_, rest)| is_folder(rest)).map(|it| it.0)
}

fn plain(path: &str) -> &str {
    path.trim_start_matches("./").trim_end_matches('/')
}
