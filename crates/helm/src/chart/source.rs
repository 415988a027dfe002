//! The source folder of a chart: its files, and checks.

use super::content::identity;
use super::ignore::Ignore;
use crate::semver::{Range, is_exact};
use pleach_yaml::diag::{Class, Diagnostic, Diagnostics, Source, Span};
use pleach_yaml::tree::{EntryKind, Files, Tree, TreePath, Walk};
use pleach_yaml::{Node, parse_one};

/// The maximum number of files and folders that are read again through links, because nested links multiply them.
const REPEATED_MAX: usize = 10_000;

/// The files of a chart's folder that `.helmignore` does not exclude. Errors: `unreadable-file`.
pub fn read_source(files: &dyn Files, folder: &TreePath) -> Result<Tree, Diagnostic> {
    let ignore = ignore_rules(files, folder)?;
    let mut tree = Tree::new();
    let mut walk = Walk::new(files, folder.clone());
    while let Some(location) = walk.next() {
        for subfolder in read_folder(files, folder, &location, &ignore, &mut tree)? {
            walk.add(subfolder);
        }
    }
    let distinct = tree.len();
    let mut repeated = walk.into_repeated();
    let mut folders = 0;
    while let Some(location) = repeated.pop() {
        repeated.extend(read_folder(files, folder, &location, &ignore, &mut tree)?);
        folders += 1;
        if tree.len() - distinct + folders > REPEATED_MAX {
            let message = format!(
                "links to folders in `{folder}` repeat more than {REPEATED_MAX} files and folders"
            );
            let fault = Diagnostic::error("unreadable-file", message).class(Class::Unreadable);
            return Err(fault.help("remove links to folders that contain further links"));
        }
    }
    Ok(tree)
}

/// Reads the files of one folder; returns its subfolders.
fn read_folder(
    files: &dyn Files,
    chart: &TreePath,
    location: &TreePath,
    ignore: &Ignore,
    tree: &mut Tree,
) -> Result<Vec<TreePath>, Diagnostic> {
    let relative = location.below(chart).unwrap_or_else(TreePath::root);
    let unreadable = |path: &TreePath, error| {
        Diagnostic::error("unreadable-file", format!("cannot read `{path}`: {error}"))
            .class(Class::Unreadable)
    };
    let mut folders = Vec::new();
    let path_in_message = match relative == TreePath::root() {
        true => location,
        false => &relative,
    };
    let entries = files.list(location);
    for entry in entries.map_err(|it| unreadable(path_in_message, it))? {
        let path = relative.child(&entry.name);
        let is_folder = entry.kind == EntryKind::Folder;
        if *entry.name == *".git" || ignore.ignores(path.as_str(), is_folder) {
            continue;
        }
        if is_folder {
            folders.push(chart.join(&path));
        } else {
            let bytes = files.read(&chart.join(&path));
            tree.insert(path.clone(), bytes.map_err(|it| unreadable(&path, it))?);
        }
    }
    Ok(folders)
}

fn ignore_rules(files: &dyn Files, folder: &TreePath) -> Result<Ignore, Diagnostic> {
    let path = folder.child(".helmignore");
    let Ok(bytes) = files.read(&path) else {
        return Ok(Ignore::default());
    };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    Ignore::parse(text).map_err(|bad| {
        let source = Source::new(path, text);
        let start: usize = text.split_inclusive('\n').take(bad.line).map(str::len).sum();
        let line = text.lines().nth(bad.line).unwrap_or("");
        Diagnostic::error("invalid-chart", bad.message).class(Class::InvalidChart)
            .at(Span::new(&source, start..start + line.len()))
            .help("Helm does not load a chart with such a pattern; write the folders explicitly, or one `*` for each")
    })
}

/// Errors that Helm or a registry would report. `location` is the folder of the chart in messages.
pub fn lint(chart: &Tree, location: &TreePath) -> Diagnostics {
    let mut faults = Diagnostics::default();
    let Some(metadata) = faults.keep(read(chart, "Chart.yaml", location)).flatten() else {
        if faults.is_empty() {
            let fault =
                Diagnostic::error("invalid-chart", format!("`{location}` has no `Chart.yaml`"))
                    .class(Class::InvalidChart);
            faults
                .push(fault.help("use a folder with `Chart.yaml`, `values.yaml` and `templates/`"));
        }
        return faults;
    };
    lint_metadata(&metadata, location, &mut faults);
    for dependency in metadata
        .get("dependencies")
        .and_then(Node::as_sequence)
        .unwrap_or_default()
    {
        lint_dependency(chart, dependency, &mut faults);
    }
    lint_values(chart, location, &mut faults);
    let is_library = metadata.get("type").and_then(Node::as_str) == Some("library");
    let has_templates = chart
        .iter()
        .any(|(path, _)| path.parts().next() == Some("templates"));
    if !is_library && !has_templates {
        let fault = Diagnostic::warning(
            "invalid-chart",
            "the chart has no templates and installs nothing",
        )
        .class(Class::InvalidChart);
        faults.push(fault.at(&metadata));
    }
    faults
}

/// Checks the values files and the schema in the folder of the chart.
fn lint_values(chart: &Tree, location: &TreePath, faults: &mut Diagnostics) {
    for (path, _) in chart
        .iter()
        .filter(|it| it.0.parent() == Some(TreePath::root()))
    {
        let name = path.name();
        let is_values = name.starts_with("values") && name.ends_with(".yaml");
        if !is_values && name != "values.schema.json" {
            continue;
        }
        if let Some(Some(node)) = faults.keep(read(chart, name, location))
            && node.as_mapping().is_none()
        {
            let message = format!("expected `{name}` to be a mapping");
            let fault = Diagnostic::error("invalid-chart", message).class(Class::InvalidChart);
            faults.push(fault.at(&node));
        }
    }
}

fn lint_metadata(metadata: &Node, location: &TreePath, faults: &mut Diagnostics) {
    let text = |key: &str| metadata.get(key).and_then(Node::as_str);
    let invalid = |key: &str, message: String| {
        Diagnostic::error("invalid-chart", message)
            .class(Class::InvalidChart)
            .at(metadata.get(key).unwrap_or(metadata))
    };
    if !matches!(text("apiVersion"), Some("v1" | "v2")) {
        let fault = invalid(
            "apiVersion",
            "`apiVersion` of a chart must be `v2`, or `v1` for Helm 2".to_string(),
        );
        faults.push(fault);
    }
    if let Some((name, version)) = faults.keep(identity(metadata)) {
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !name.bytes().all(is_allowed) || name.starts_with('-') {
            let fault = invalid("name", format!("invalid chart name `{name}`"));
            faults.push(fault.help(
                "use only lower-case letters, digits and `-`: registries allow no other characters",
            ));
        } else if *location != TreePath::root() && location.name() != name {
            faults.push(invalid(
                "name",
                format!(
                    "the chart is named `{name}`, but its folder `{}`",
                    location.name()
                ),
            ));
        }
        if !is_exact(version.as_str()) {
            let fault = invalid(
                "version",
                format!("`{}` is not a complete version", version.as_str()),
            );
            faults.push(fault.help("use three numbers: `1.2.3`"));
        }
    }
    if let Some(kind) = text("type").filter(|it| !matches!(*it, "application" | "library")) {
        faults.push(invalid(
            "type",
            format!("`type` of a chart must be `application` or `library`, not `{kind}`"),
        ));
    }
    if let Some(range) = text("kubeVersion").filter(|it| Range::parse(it).is_err()) {
        faults.push(invalid(
            "kubeVersion",
            format!("invalid version range `{range}`"),
        ));
    }
}

fn lint_dependency(chart: &Tree, dependency: &Node, faults: &mut Diagnostics) {
    let Some(name) = dependency.get("name").and_then(Node::as_str) else {
        faults.push(
            Diagnostic::error("invalid-chart", "a dependency has no name")
                .class(Class::InvalidChart)
                .at(dependency),
        );
        return;
    };
    let charts = TreePath::root().child("charts");
    let archive_prefix = format!("{name}-");
    let is_present = chart
        .iter()
        .filter_map(|it| it.0.below(&charts))
        .any(|path| {
            let first = path.parts().next().unwrap_or("");
            first == name || first.starts_with(&archive_prefix) && first.ends_with(".tgz")
        });
    if !is_present {
        let message = format!("the chart depends on `{name}`, which is not in `charts/`");
        let fault = Diagnostic::error("invalid-chart", message)
            .class(Class::InvalidChart)
            .at(dependency);
        faults.push(fault.help("run `helm dependency update`"));
    }
}

/// A YAML or JSON file of the chart.
fn read(chart: &Tree, name: &str, location: &TreePath) -> Result<Option<Node>, Diagnostic> {
    let Some(bytes) = chart.get(&TreePath::root().child(name)) else {
        return Ok(None);
    };
    let source = pleach_yaml::text_source(&location.child(name), bytes)?;
    let first = |faults: Diagnostics| faults.into_iter().next();
    let node = parse_one(&source).map_err(|faults| {
        let not_yaml = || {
            Diagnostic::error("invalid-chart", format!("`{name}` is not valid YAML"))
                .class(Class::InvalidChart)
        };
        first(faults).unwrap_or_else(not_yaml)
    })?;
    Ok(Some(node).filter(|it| !it.is_null()))
}
