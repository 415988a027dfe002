//! The references of all kustomizations of a repository, found by parsing them, even if they cannot be built.

use std::collections::{BTreeMap, BTreeSet};

use crate::chart::Request;
use crate::diag::{Source, Span};
use crate::kustomize::remote::{RemoteBase, has_password, is_file_address, mount, mount_of};
use crate::kustomize::{self, FILE_NAMES, LoadRestriction, Options};
use crate::tree::{EntryKind, Files, TreePath, Walk};
use crate::yaml::parallel;
use crate::yaml::{Node, parse};

use super::WithRemotes;

/// References of kustomizations to something outside of the repository.
#[derive(Default)]
pub struct RemoteReferences {
    /// Remote bases and files, as written.
    pub remotes: BTreeMap<String, RemoteReference>,
    /// Charts of repositories that kustomizations inflate.
    pub charts: Vec<Request>,
}

/// A remote base or file.
#[derive(Clone, Debug)]
pub struct RemoteReference {
    /// The location of the first reference.
    pub span: Span,
    /// The repository and folder, as kustomize interprets the address, if it is not a file.
    pub base: Option<RemoteBase>,
    /// Whether the address may be that of a file on a server.
    pub may_be_file: bool,
}

impl RemoteReference {
    /// The address under which it is available, if any.
    pub fn found(&self, text: &str, files: &dyn Files) -> Option<String> {
        if self.may_be_file && matches!(files.kind(&mount(text)), Ok(Some(EntryKind::File))) {
            return Some(text.to_string());
        }
        let (base, folder) = self.base.as_ref().and_then(location)?;
        let is_there = matches!(files.kind(&folder), Ok(Some(EntryKind::Folder)));
        is_there.then(|| base.address())
    }
}

/// The folder of a base.
fn location(base: &RemoteBase) -> Option<(&RemoteBase, TreePath)> {
    let below = TreePath::new(base.folder.trim_start_matches('/'))?;
    Some((base, mount(&base.address()).join(&below)))
}

/// Fields whose entries are paths of files, or of files and folders.
const LIST_FIELDS: [&str; 10] = [
    "resources",
    "bases",
    "components",
    "crds",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "patchesStrategicMerge",
    "patches",
];
/// Fields whose entries are records with a path in one of [`PATHS`].
const RECORD_FIELDS: [&str; 5] = [
    "patchesJson6902",
    "patches",
    "replacements",
    "helmCharts",
    "helmChartInflationGenerator",
];
const PATH_FIELDS: [&str; 3] = ["path", "valuesFile", "values"];

/// The references of the kustomizations below the root of `files`, and of the available remote ones. If there is any remote
/// reference, each kustomization is also built, so that [`WithRemotes::record`] knows which files builds read.
pub fn remote_references(files: &WithRemotes<'_>) -> RemoteReferences {
    let mut search = Search {
        files,
        references: RemoteReferences::default(),
        open: folders(files),
        seen: BTreeSet::new(),
        built: Vec::new(),
    };
    while let Some(folder) = search.open.pop() {
        if search.seen.insert(folder.clone()) {
            search.visit(&folder);
        }
    }
    if !search.references.remotes.is_empty() {
        let options = Options {
            load_restriction: LoadRestriction::None,
            charts_as_objects: true,
            ..Options::default()
        };
        parallel::map(2, &search.built, |it| {
            drop(kustomize::build(files, it, &options))
        });
    }
    search.references
}

/// All folders with kustomizations, except hidden ones.
fn folders(files: &dyn Files) -> Vec<TreePath> {
    let mut found = Vec::new();
    let mut open = Walk::new(files, TreePath::root());
    while let Some(folder) = open.next() {
        let entries = files.list(&folder).unwrap_or_default();
        if entries.iter().any(|it| FILE_NAMES.contains(&&*it.name)) {
            found.push(folder.clone());
        }
        for entry in entries {
            if entry.kind == EntryKind::Folder && !entry.name.starts_with('.') {
                open.add(folder.child(&entry.name));
            }
        }
    }
    found
}

struct Search<'a, 'f> {
    files: &'a WithRemotes<'f>,
    references: RemoteReferences,
    open: Vec<TreePath>,
    seen: BTreeSet<TreePath>,
    /// Folders to be built.
    built: Vec<TreePath>,
}

impl Search<'_, '_> {
    fn visit(&mut self, folder: &TreePath) {
        let entries = self.files.list(folder).unwrap_or_default();
        let mut names = FILE_NAMES.iter();
        let name = names.find(|name| entries.iter().any(|it| &*it.name == **name));
        let Some(document) = name.and_then(|it| self.document(&folder.child(it))) else {
            return;
        };
        for field in LIST_FIELDS {
            for entry in items(&document, field) {
                if let Some(text) = entry.as_str() {
                    self.entry(folder, text, entry, field == "components");
                }
            }
        }
        let records = RECORD_FIELDS.iter().flat_map(|it| items(&document, it));
        for record in records.chain(document.get("openapi")) {
            for entry in PATH_FIELDS.iter().filter_map(|it| record.get(it)) {
                self.entry(folder, entry.as_str().unwrap_or(""), entry, false);
            }
            for entry in items(record, "additionalValuesFiles") {
                self.entry(folder, entry.as_str().unwrap_or(""), entry, false);
            }
        }
        for field in ["configMapGenerator", "secretGenerator"] {
            for generator in items(&document, field) {
                for entry in ["files", "envs"].iter().flat_map(|it| items(generator, it)) {
                    let text = entry.as_str().unwrap_or("");
                    let file = text.split_once('=').map_or(text, |it| it.1);
                    let file = if is_file_address(text) { text } else { file };
                    self.entry(folder, file, entry, false);
                }
            }
        }
        self.charts(folder, &document);
        // A component is built by the kustomization that lists it.
        if document.get("kind").and_then(Node::as_str) != Some("Component") {
            self.built.push(folder.clone());
        }
    }

    /// The charts to pull if they are not in the chart home.
    fn charts(&mut self, folder: &TreePath, document: &Node) {
        let home = document.at_keys(&["helmGlobals", "chartHome"]);
        let home = home.and_then(Node::as_str).unwrap_or("charts");
        let word = |chart: &Node, field: &str| {
            let word = chart.get(field).and_then(Node::as_str);
            word.unwrap_or("").to_string()
        };
        for (list, fields) in [
            ("helmCharts", ["name", "version", "repo"]),
            (
                "helmChartInflationGenerator",
                ["chartName", "chartVersion", "chartRepoUrl"],
            ),
        ] {
            for chart in items(document, list) {
                let [name, version, repository] = fields.map(|it| word(chart, it));
                let own = match &*version {
                    "" => format!("{home}/{name}"),
                    version => format!("{home}/{name}-{version}/{name}"),
                };
                let own = folder.resolve(&own).map(|it| self.files.kind(&it));
                if repository.is_empty() || matches!(own, Some(Ok(Some(EntryKind::Folder)))) {
                    continue;
                }
                let mut request = Request::new(&repository, &name, Some(&version));
                request.span = Some(chart.span().clone());
                self.references.charts.push(request);
            }
        }
    }

    /// An entry of a field: something remote, or a folder or file of the same tree.
    fn entry(&mut self, folder: &TreePath, text: &str, at: &Node, is_folder: bool) {
        let is_file = is_file_address(text) && !is_folder;
        let base = RemoteBase::parse(text);
        if text.is_empty() || has_password(text) || (base.is_none() && !is_file) {
            self.own(folder, text);
            return;
        }
        let is_nested = mount_of(folder).is_some();
        // A local file with this name takes precedence, and a remote kustomization must not read local repositories.
        let own = folder.resolve(text).filter(|_| !is_file_address(text));
        let is_own =
            own.is_some_and(|it| matches!(self.files.kind(&it), Ok(Some(EntryKind::File))));
        if is_own || is_nested && base.as_ref().is_some_and(RemoteBase::is_local) {
            return;
        }
        if let Some((_, folder)) = base.as_ref().and_then(location) {
            self.open.push(folder);
        }
        let named = RemoteReference {
            span: at.span().clone(),
            base,
            may_be_file: is_file,
        };
        self.references
            .remotes
            .entry(text.to_string())
            .or_insert(named);
    }

    fn own(&mut self, folder: &TreePath, text: &str) {
        let path = folder.resolve(text).filter(|_| !text.contains('\n'));
        let Some(path) = path.filter(|_| !text.is_empty()) else {
            return;
        };
        if let Some((mount, _)) = mount_of(folder)
            && path != mount
            && path.below(&mount).is_none()
        {
            return;
        }
        match self.files.kind(&path) {
            Ok(Some(EntryKind::Folder)) => self.open.push(path),
            // For fetched content, only the files that are read are kept.
            Ok(Some(EntryKind::File)) if mount_of(&path).is_some() => {
                drop(self.files.read(&path));
            }
            _ => {}
        }
    }

    fn document(&self, path: &TreePath) -> Option<Node> {
        let bytes = self.files.read(path).ok()?;
        let source = Source::new(path.clone(), str::from_utf8(&bytes).ok()?);
        parse(&source).ok()?.into_iter().next()
    }
}

fn items<'a>(node: &'a Node, field: &str) -> &'a [Node] {
    let list = node.get(field).and_then(Node::as_sequence);
    list.unwrap_or_default()
}
