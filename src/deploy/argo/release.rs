//! A chart as Argo CD renders it: values files, `values`, parameters.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::RenderContext;
use super::source::{Built, Source};
use crate::chart::Request;
use crate::deploy::chart::{self, ChartLocation, Install, install};
use crate::deploy::flux::values_of;
use crate::deploy::glob::{Dialect, is_match, is_pattern};
use crate::deploy::installed::{Parser, missing_kind};
use crate::deploy::sync::{flag, items, text};
use crate::deploy::test_release::TestRelease;
use crate::deploy::unit::{ChartTitle, Origin};
use crate::diag::{Class, Diagnostic, Diagnostics, Source as Text};
use crate::inflate::ChartInput;
use crate::tree::{EntryKind, Files, TreePath};
use crate::yaml::{Mapping, Node, parse_one};
use pleach_helm::HelmError;
use pleach_helm::source::LoadedChart;
use pleach_helm::values::{Values, merge, parse, set};

/// The chart of a source: of a repository of charts, or a folder.
pub(super) fn chart_location(
    source: &Node,
    folder: Option<&TreePath>,
) -> (ChartLocation, ChartTitle) {
    if let Some(folder) = folder {
        let title = ChartTitle {
            name: folder.name().to_string(),
            version: String::new(),
        };
        return (ChartLocation::Folder(folder.clone()), title);
    }
    let (url, name) = (text(source, &["repoURL"]), text(source, &["chart"]));
    let version = text(source, &["targetRevision"]);
    // Argo CD writes registries without `oci://`.
    let url = match url.contains("://") {
        true => url.to_string(),
        false => format!("oci://{url}"),
    };
    let version = Some(version).filter(|it| !matches!(*it, "" | "*" | "HEAD"));
    let title = ChartTitle {
        name: name.to_string(),
        version: version.unwrap_or("").to_string(),
    };
    let mut request = Request::new(&url, name, version);
    request.span = source.get("chart").map(|it| it.span().outermost());
    (ChartLocation::Remote(request), title)
}

/// A chart with the values of a source. Errors: values that cannot be read.
pub(super) fn input(
    source: &Source<'_>,
    chart: &Arc<LoadedChart>,
    folder: Option<&TreePath>,
    files: &dyn Files,
    context: &RenderContext<'_>,
    diagnostics: &mut Diagnostics,
) -> Result<ChartInput, Diagnostic> {
    let none = Node::null();
    let helm = source.node.get("helm").unwrap_or(&none);
    let mut unseen = Diagnostics::default();
    let read = values(source, helm, chart, folder, files, context, &mut unseen);
    let is_partial = !unseen.is_empty();
    diagnostics.extend(unseen);
    let (values, written) = read?;
    Ok(ChartInput {
        chart: chart.clone(),
        values,
        written,
        is_partial,
        skip_schema: flag(helm, &["skipSchemaValidation"]),
        version: context.cluster.helm_version,
        entry: None,
    })
}

/// The objects of a chart.
pub(super) fn build(
    source: &Source<'_>,
    input: &ChartInput,
    context: &RenderContext<'_>,
) -> Result<Built, Diagnostic> {
    let none = Node::null();
    let helm = source.node.get("helm").unwrap_or(&none);
    let chart = &input.chart;
    let given = |field: &str, default: &str| match text(helm, &[field]) {
        "" => default.to_string(),
        given => given.to_string(),
    };
    let namespace = given(
        "namespace",
        text(
            &source.application.node,
            &["spec", "destination", "namespace"],
        ),
    );
    let name = given("releaseName", source.application.name());
    let versions = items(helm, &["apiVersions"]).iter();
    let release = Install {
        name: &name,
        namespace: &namespace,
        values: &input.values,
        skip_schema: input.skip_schema,
        kube_version: text(helm, &["kubeVersion"]),
        api_versions: versions
            .filter_map(Node::as_str)
            .map(str::to_string)
            .collect(),
        written: &input.written,
        parser: Parser::Helm,
    };
    let (facts, cluster) = (context.facts, context.cluster);
    let fault = |error| {
        let is_certain = chart::fails_everywhere(chart, input.is_partial, &error);
        let fault = helm_fault(error, source.node);
        match is_certain {
            true => fault.class(Class::Refused),
            false => fault,
        }
    };
    let installed = install(chart, &release, facts, cluster).map_err(fault)?;
    let objects = installed.applied(!flag(helm, &["skipCrds"]), true);
    if let Some(object) = objects.iter().find(|it| it.kind().is_empty()) {
        return Err(missing_kind(object));
    }
    let title = ChartTitle {
        name: chart.metadata.name.clone(),
        version: chart.metadata.version.clone(),
    };
    Ok(Built {
        objects,
        origin: Origin::Chart(title),
        test_release: TestRelease::new(chart, &release, facts, cluster).ok(),
    })
}

fn helm_fault(error: HelmError, at: &Node) -> Diagnostic {
    let mut fault = chart::helm_fault(error);
    let template = fault.span.take();
    fault = fault.at(at);
    match template {
        Some(template) => fault.related(template, "in the chart"),
        None => fault,
    }
}

fn values(
    source: &Source<'_>,
    helm: &Node,
    chart: &LoadedChart,
    folder: Option<&TreePath>,
    files: &dyn Files,
    context: &RenderContext<'_>,
    diagnostics: &mut Diagnostics,
) -> Result<(Values, Vec<Node>), Diagnostic> {
    let version = context.cluster.helm_version;
    let (mut all, mut documents) = (Values::new(), Vec::new());
    for (path, bytes, at) in values_files(source, helm, chart, folder, files, diagnostics)? {
        let parsed = parse(&bytes, &path, version);
        merge(&mut all, parsed.map_err(|error| helm_fault(error, at))?);
        let text = Text::new(path, String::from_utf8_lossy(&bytes));
        documents.extend(parse_one(&text).ok());
    }
    if let Some(object) = helm.get("valuesObject").filter(|it| !it.is_null()) {
        merge(&mut all, values_of(object, version)?);
        documents.push(object.clone());
    } else if let Some(written) = helm.get("values").filter(|it| !it.is_null()) {
        let path = written.span().path().clone();
        let text = written.as_str().unwrap_or("");
        let parsed = parse(text.as_bytes(), &path, version);
        let parsed =
            parsed.map_err(|it| Diagnostic::error("invalid-value", it.message).at(written));
        merge(&mut all, parsed?);
        documents.extend(parse_one(&written.embedded_source()).ok());
    }
    for parameter in sorted_parameters(helm) {
        let value = source.environment.replace(text(parameter, &["value"]));
        let argument = format!("{}={}", text(parameter, &["name"]), escape_commas(&value));
        let is_text = flag(parameter, &["forceString"]);
        set(&mut all, &argument, is_text, version).map_err(|error| helm_fault(error, parameter))?;
        documents.extend(parameter_as_node(parameter));
    }
    for parameter in items(helm, &["fileParameters"]) {
        let path = source.environment.replace(text(parameter, &["path"]));
        let file = folder
            .and_then(|it| resolve(it, &path))
            .and_then(|it| files.read(&it).ok());
        let Some(content) = file.and_then(|it| String::from_utf8(it.to_vec()).ok()) else {
            let message = format!("file `{path}` does not exist");
            return Err(Diagnostic::error("missing-path", message).at(parameter));
        };
        let argument = format!(
            "{}={}",
            text(parameter, &["name"]),
            escape_for_set(&content)
        );
        set(&mut all, &argument, true, version).map_err(|error| helm_fault(error, parameter))?;
    }
    Ok((all, documents))
}

/// `a.b=c` as a map, for its location. Not available for paths with numbers or escapes.
fn parameter_as_node(parameter: &Node) -> Option<Node> {
    let (name, value) = (parameter.get("name")?, parameter.get("value")?);
    let path = name.as_str()?;
    if path.contains(['[', '\\', '{']) {
        return None;
    }
    let node = path.rsplit('.').fold(value.clone(), |inner, key| {
        let mut mapping = Mapping::new();
        mapping.push(Node::string(key).at(name.span()), inner);
        Node::mapping(mapping).at(name.span())
    });
    Some(node)
}

/// Argo CD escapes unescaped commas, except those in braces.
fn escape_commas(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_string();
    }
    let (mut out, mut before) = (String::new(), ' ');
    for character in value.chars() {
        if character == ',' && before != '\\' {
            out.push('\\');
        }
        out.push(character);
        before = character;
    }
    out
}

/// Escapes a value so that `--set-string` reads it literally.
fn escape_for_set(value: &str) -> String {
    let mut out = String::new();
    for character in value.chars() {
        if matches!(character, '\\' | ',' | '[' | ']' | '{' | '}') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// A path below a folder, or from the top of the repository.
fn resolve(folder: &TreePath, path: &str) -> Option<TreePath> {
    match path.strip_prefix('/') {
        Some(path) => TreePath::new(path),
        None => folder.resolve(path),
    }
}

type ValuesFiles<'a> = Vec<(TreePath, Arc<[u8]>, &'a Node)>;

/// The parameters in the order in which Argo CD passes them: `--set` before `--set-string`, by name.
fn sorted_parameters(helm: &Node) -> Vec<&Node> {
    let mut parameters: Vec<&Node> = items(helm, &["parameters"]).iter().collect();
    parameters.sort_by_key(|it| (flag(it, &["forceString"]), text(it, &["name"])));
    parameters
}

/// The warning for a values file that is not in the repository.
fn unseen_file(entry: &Node, location: &str) -> Diagnostic {
    let written = entry.as_str().unwrap_or("");
    let message = format!("values file `{written}` is {location}; its values are ignored");
    Diagnostic::warning("unseen-value", message).at(entry)
}

/// A file of a pulled chart.
fn chart_file(chart: &LoadedChart, path: &str) -> Option<(TreePath, Arc<[u8]>)> {
    let file = chart.files.iter().find(|it| it.name == path)?;
    let name = file.name.rsplit('/').next().unwrap_or("values");
    Some((chart.location.child(name), file.data.clone()))
}

/// The contents of `valueFiles` in order; `$name/…` is a file of the source with this name.
fn values_files<'a>(
    source: &Source<'_>,
    helm: &'a Node,
    chart: &LoadedChart,
    folder: Option<&TreePath>,
    files: &dyn Files,
    diagnostics: &mut Diagnostics,
) -> Result<ValuesFiles<'a>, Diagnostic> {
    let (mut found, mut seen): (ValuesFiles<'a>, BTreeSet<TreePath>) = Default::default();
    let ignores_missing = flag(helm, &["ignoreMissingValueFiles"]);
    let explicit = explicit_files(source, helm, folder);
    for entry in items(helm, &["valueFiles"]) {
        let written = entry.as_str().unwrap_or("");
        if written.contains("://") {
            diagnostics.push(unseen_file(entry, "not in the repository"));
            continue;
        }
        let paths = match reference(source, written, entry)? {
            Reference::File(path) => expanded(files, &path),
            Reference::Elsewhere(what) => {
                let location = format!("in {what}, not in this repository");
                diagnostics.push(unseen_file(entry, &location));
                continue;
            }
            Reference::None => {
                let path = source.environment.replace(written);
                match folder {
                    Some(folder) => {
                        resolve(folder, &path).map_or(Vec::new(), |it| expanded(files, &it))
                    }
                    // For a pulled chart, these are its own files.
                    None => {
                        if let Some((path, bytes)) = chart_file(chart, &path) {
                            found.push((path, bytes, entry));
                            continue;
                        }
                        Vec::new()
                    }
                }
            }
        };
        let mut is_there = false;
        let is_pattern = is_pattern(written);
        for path in paths {
            if let Ok(bytes) = files.read(&path) {
                is_there = true;
                // A file that is also listed by its name has the position of that entry.
                let is_elsewhere = is_pattern && explicit.contains(&path);
                if !is_elsewhere && seen.insert(path.clone()) {
                    found.push((path, bytes, entry));
                }
            }
        }
        if !is_there && !ignores_missing {
            let message = format!("values file `{written}` does not exist");
            return Err(Diagnostic::error("missing-path", message).at(entry));
        }
    }
    Ok(found)
}

/// The files that `valueFiles` lists without a pattern.
fn explicit_files(
    source: &Source<'_>,
    helm: &Node,
    folder: Option<&TreePath>,
) -> BTreeSet<TreePath> {
    let path = |entry: &Node| {
        let written = entry.as_str()?;
        match reference(source, written, entry).ok()? {
            Reference::File(path) => Some(path),
            Reference::Elsewhere(_) => None,
            Reference::None => resolve(folder?, &source.environment.replace(written)),
        }
    };
    let paths = items(helm, &["valueFiles"]).iter().filter_map(path);
    paths.filter(|it| !is_pattern(it.as_str())).collect()
}

enum Reference {
    None,
    File(TreePath),
    Elsewhere(String),
}

fn reference(source: &Source<'_>, written: &str, entry: &Node) -> Result<Reference, Diagnostic> {
    let Some((name, path)) = written.strip_prefix('$').and_then(|it| it.split_once('/')) else {
        return Ok(Reference::None);
    };
    let Some(other) = source
        .references
        .iter()
        .find(|it| text(it, &["ref"]) == name)
    else {
        return Ok(Reference::None);
    };
    if !source.is_own(other) {
        let url = text(other, &["repoURL"]);
        return Ok(Reference::Elsewhere(format!("`{url}`")));
    }
    let path = source.environment.replace(path);
    let file = TreePath::new(path.trim_start_matches('/'));
    file.map(Reference::File).ok_or_else(|| {
        let message = format!("`{path}` leads out of the repository");
        Diagnostic::error("missing-path", message).at(entry)
    })
}

/// The files that match a path with a pattern, in order.
fn expanded(files: &dyn Files, path: &TreePath) -> Vec<TreePath> {
    if !is_pattern(path.as_str()) {
        return vec![path.clone()];
    }
    let fixed = path.parts().take_while(|it| !is_pattern(it));
    let start = fixed.collect::<Vec<_>>().join("/");
    let (mut open, mut found) = (
        vec![TreePath::new(&start).unwrap_or_else(TreePath::root)],
        Vec::new(),
    );
    while let Some(folder) = open.pop() {
        for entry in files.list(&folder).unwrap_or_default() {
            let child = folder.child(&entry.name);
            match entry.kind {
                EntryKind::Folder => open.push(child),
                EntryKind::File if is_match(path.as_str(), child.as_str(), Dialect::Tree) => {
                    found.push(child)
                }
                EntryKind::File => {}
            }
        }
    }
    found.sort();
    found
}
