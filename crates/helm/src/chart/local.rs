//! Charts in the workspace: folders, and archives with names as from `helm package`.

use super::MISSING_CHART;
use super::archive::unpack;
use super::content::{Chart, document, identity};
use super::request::Request;
use super::source::read_source;
use crate::semver::Version;
use pleach_yaml::diag::{Class, Diagnostic};
use pleach_yaml::tree::{EntryKind, Files, Tree, TreePath};

/// The location of a chart in the workspace.
pub(super) enum Location {
    Folder(TreePath),
    Archive(TreePath),
}

impl Location {
    pub(super) fn read(&self, files: &dyn Files) -> Result<Chart, Diagnostic> {
        match self {
            Location::Folder(folder) => Chart::from_files(files, folder, folder),
            Location::Archive(path) => {
                let content = self.content(files)?;
                Chart::from_files(&content, &TreePath::root(), path)
            }
        }
    }

    /// All files of the chart.
    pub(super) fn content(&self, files: &dyn Files) -> Result<Tree, Diagnostic> {
        match self {
            Location::Folder(folder) => read_source(files, folder),
            Location::Archive(path) => {
                let bytes = files.read(path).map_err(|error| {
                    let message = format!("cannot read `{path}`: {error}");
                    Diagnostic::error("unreadable-file", message).class(Class::Unreadable)
                })?;
                unpack(&bytes, path.as_str())
            }
        }
    }
}

/// Finds the chart of an address within the workspace.
pub(super) fn find(
    files: &dyn Files,
    request: &Request,
) -> Result<(Location, Version), Diagnostic> {
    let address = request.repository.strip_prefix("file://");
    let address = address.unwrap_or(&request.repository);
    let folder = TreePath::new(address).ok_or_else(|| {
        let message = format!("`{address}` leads out of the workspace");
        Diagnostic::error("invalid-value", message)
            .help("write the folder of the chart relative to `pleach.yaml`; it must be below it")
    })?;
    find_in(files, &folder, request)?.ok_or_else(|| {
        let message = format!("chart `{}` not found in `{address}`", request.title());
        let fault = Diagnostic::error(MISSING_CHART, message).class(Class::MissingChart);
        match &*chart_titles(files, &folder).join(", ") {
            "" => fault.help(format!(
                "add the folder `{address}/{}`, or an archive of the chart",
                request.name
            )),
            titles => fault.help(format!("it contains {titles}")),
        }
    })
}

/// The chart in a folder of charts, if there is one with an admitted version. A folder takes precedence over archives. Only the
/// version is read.
pub(super) fn find_in(
    files: &dyn Files,
    folder: &TreePath,
    request: &Request,
) -> Result<Option<(Location, Version)>, Diagnostic> {
    let Some(range) = request.range() else {
        return Ok(None);
    };
    for location in [folder.child(&request.name), folder.clone()] {
        if let Some(metadata) = metadata(files, &location)? {
            let (name, version) = identity(&metadata)?;
            if name == request.name && range.admits(&version) {
                return Ok(Some((Location::Folder(location), version)));
            }
        }
    }
    let archives = archives(files, folder);
    let matching = archives.iter().filter(|it| it.0 == request.name);
    let highest = range.highest(matching.map(|it| &it.1));
    Ok(highest.map(|version| {
        let name = format!("{}-{}.tgz", request.name, version.as_str());
        (Location::Archive(folder.child(&name)), version.clone())
    }))
}

/// The `Chart.yaml` in a folder, if there is one.
fn metadata(files: &dyn Files, folder: &TreePath) -> Result<Option<pleach_yaml::Node>, Diagnostic> {
    let path = folder.child("Chart.yaml");
    document(files, &path, &path)
}

/// The archives in a folder, by name and version in their file name: `<name>-<version>.tgz`.
fn archives(files: &dyn Files, folder: &TreePath) -> Vec<(String, Version)> {
    let entries = files.list(folder).unwrap_or_default().into_iter();
    let archive = |name: &str| {
        let stem = name.strip_suffix(".tgz")?;
        // A name may contain hyphens: `cert-manager-1.2.3.tgz`.
        let hyphens = stem.match_indices('-').map(|it| it.0);
        let mut splits = hyphens.filter_map(|at| {
            let version = stem.get(at + 1..).filter(|it| it.contains('.'))?;
            Some((stem.get(..at)?.to_string(), Version::parse(version).ok()?))
        });
        splits.next()
    };
    let files = entries.filter(|it| it.kind == EntryKind::File);
    files.filter_map(|it| archive(&it.name)).collect()
}

/// Names and versions of the charts in a folder, for a message.
fn chart_titles(files: &dyn Files, folder: &TreePath) -> Vec<String> {
    let mut titles: Vec<String> = archives(files, folder)
        .into_iter()
        .map(|(name, version)| format!("`{name} {}`", version.as_str()))
        .collect();
    let folders = files.list(folder).unwrap_or_default().into_iter();
    for entry in folders.filter(|it| it.kind == EntryKind::Folder) {
        let metadata = metadata(files, &folder.child(&entry.name));
        if let Ok(Some((name, version))) = metadata.map(|it| it.and_then(|it| identity(&it).ok())) {
            titles.push(format!("`{name} {}`", version.as_str()));
        }
    }
    titles
}
