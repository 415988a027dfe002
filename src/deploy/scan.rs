//! Finds the sync objects in the YAML files of a repository, without building anything.

use std::collections::{BTreeMap, BTreeSet};

use super::flux::plain;
use super::sync::{KINDS, MARKS, SyncKind, items};
use crate::diag::{Diagnostics, Source};
use crate::kustomize::FILE_NAMES;
use crate::object::Object;
use crate::tree::{Entry, EntryKind, Files, TreePath, Walk};
use crate::yaml::{Node, parse};

/// A sync object in a file.
pub(super) struct Declared {
    pub(super) file: TreePath,
    pub(super) kind: SyncKind,
    pub(super) object: Object,
}

/// The sync objects in the files of a repository.
#[derive(Default)]
pub(super) struct Scan {
    /// In the order of their files.
    pub(super) declared: Vec<Declared>,
    pub(super) sources: Vec<Object>,
    /// Normalized addresses of repositories in sync objects.
    pub(super) urls: BTreeSet<String>,
    /// Files and folders, and the folders of the kustomizations that name them.
    pub(super) named_by: BTreeMap<TreePath, BTreeSet<TreePath>>,
    /// The folders of kustomizations.
    pub(super) kustomizations: BTreeSet<TreePath>,
    /// The folders of charts whose templates may render sync objects, in order.
    pub(super) charts: Vec<TreePath>,
    /// Why files with the text of sync objects are not YAML, by file.
    pub(super) invalid: BTreeMap<TreePath, Diagnostics>,
    /// Files that kustomizations use as patches or as the content of ConfigMaps and Secrets.
    parts: BTreeSet<TreePath>,
}

/// Searches all folders except hidden ones. In charts, only the text of the templates is searched.
pub(super) fn scan(files: &dyn Files) -> Scan {
    let mut scan = Scan::default();
    let mut open = Walk::new(files, TreePath::root());
    while let Some(folder) = open.next() {
        let entries = files.list(&folder).unwrap_or_default();
        if entries.iter().any(|it| &*it.name == "Chart.yaml") {
            if makes_sync_objects(files, &folder.child("templates")) {
                scan.charts.push(folder);
            }
            continue;
        }
        for entry in &entries {
            let path = folder.child(&entry.name);
            match entry.kind {
                EntryKind::Folder if !entry.name.starts_with('.') => open.add(path),
                EntryKind::File if FILE_NAMES.contains(&&*entry.name) => {
                    scan.kustomization(files, &folder, &path);
                }
                EntryKind::File if is_yaml(entry) => scan.file(files, path),
                _ => {}
            }
        }
    }
    let (parts, named_by) = (&scan.parts, &scan.named_by);
    // A patch for a HelmRelease looks like a HelmRelease but is not one.
    scan.declared
        .retain(|it| !parts.contains(&it.file) || named_by.contains_key(&it.file));
    scan.declared.sort_by(|a, b| a.file.cmp(&b.file));
    scan.charts.sort();
    scan
}

impl Scan {
    fn kustomization(&mut self, files: &dyn Files, folder: &TreePath, path: &TreePath) {
        self.kustomizations.insert(folder.clone());
        let documents = documents(files, path);
        let Some(kustomization) = documents.first() else {
            return;
        };
        for field in ["resources", "bases", "components"] {
            for item in items(kustomization, &[field]) {
                if let Some(target) = item.as_str().and_then(|it| folder.resolve(it)) {
                    self.named_by
                        .entry(target)
                        .or_default()
                        .insert(folder.clone());
                }
            }
        }
        let patches = ["patches", "patchesJson6902", "patchesStrategicMerge"];
        let patches = patches
            .map(|it| items(kustomization, &[it]))
            .into_iter()
            .flatten();
        let patches = patches.filter_map(|it| it.get("path").unwrap_or(it).as_str());
        let generators = ["configMapGenerator", "secretGenerator"];
        let generators = generators
            .map(|it| items(kustomization, &[it]))
            .into_iter()
            .flatten();
        let files = generators.flat_map(|it| items(it, &["files"]));
        // `key=path`, or the path alone.
        let files = files.filter_map(|it| it.as_str()?.rsplit('=').next());
        let parts = patches.chain(files).filter_map(|it| folder.resolve(it));
        self.parts.extend(parts);
    }

    fn file(&mut self, files: &dyn Files, path: TreePath) {
        if !contains_any(files, &path, &MARKS) {
            return;
        }
        let documents = match parsed(files, &path) {
            Ok(documents) => documents,
            // The input of another template language is not a sync object.
            Err(_) if contains_any(files, &path, &["{{", "{%"]) => return,
            Err(faults) => {
                self.invalid.insert(path, faults);
                return;
            }
        };
        for object in documents.into_iter().map(Object::new) {
            addresses(&object.node, &mut self.urls);
            if let Some(kind) = SyncKind::from_object(&object) {
                self.declared.push(Declared {
                    file: path.clone(),
                    kind,
                    object,
                });
            } else if &*object.gvk().group == "source.toolkit.fluxcd.io" {
                self.sources.push(object);
            }
        }
    }

    /// The folders whose build applies a file: the outermost kustomizations that refer to it, or its own folder.
    pub(super) fn outermost(&self, file: &TreePath) -> BTreeSet<TreePath> {
        let own = file.parent().unwrap_or_else(TreePath::root);
        let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut open: Vec<TreePath> = match self.named_by.get(file) {
            Some(folders) => folders.iter().cloned().collect(),
            None => vec![own],
        };
        while let Some(folder) = open.pop() {
            if !seen.insert(folder.clone()) {
                continue;
            }
            match self.named_by.get(&folder) {
                Some(folders) => open.extend(folders.iter().cloned()),
                None => drop(found.insert(folder)),
            }
        }
        found
    }
}

/// Whether a template of a chart contains the text of a sync object. Its group may be created by the template.
fn makes_sync_objects(files: &dyn Files, templates: &TreePath) -> bool {
    let mut open = Walk::new(files, templates.clone());
    while let Some(folder) = open.next() {
        for entry in files.list(&folder).unwrap_or_default() {
            let path = folder.child(&entry.name);
            match entry.kind {
                EntryKind::Folder => open.add(path),
                EntryKind::File if contains_any(files, &path, &KINDS) => return true,
                EntryKind::File => {}
            }
        }
    }
    false
}

fn contains_any(files: &dyn Files, path: &TreePath, texts: &[&str]) -> bool {
    files.read(path).is_ok_and(|bytes| {
        let mut texts = texts.iter();
        texts.any(|it| memchr::memmem::find(&bytes, it.as_bytes()).is_some())
    })
}

/// The addresses of Git repositories in a sync object.
pub(super) fn addresses(node: &Node, urls: &mut BTreeSet<String>) {
    for entry in node.as_mapping().into_iter().flatten() {
        if matches!(entry.key.as_str(), Some("url" | "repoURL")) {
            urls.extend(entry.value.as_str().map(plain));
        }
        addresses(&entry.value, urls);
    }
    let items = node.as_sequence().unwrap_or_default();
    items.iter().for_each(|it| addresses(it, urls));
}

/// Whether a name in a folder is a YAML file that sync engines look at.
pub(super) fn is_yaml(entry: &Entry) -> bool {
    let is_named = entry.name.ends_with(".yaml") || entry.name.ends_with(".yml");
    entry.kind == EntryKind::File && is_named
}

/// The documents of a file; empty if it is not YAML, which the build reports.
pub(super) fn documents(files: &dyn Files, path: &TreePath) -> Vec<Node> {
    parsed(files, path).unwrap_or_default()
}

/// The documents of a file. Errors: it is not YAML. A file that cannot be read, or whose text is not UTF-8, has no documents.
pub(super) fn parsed(files: &dyn Files, path: &TreePath) -> Result<Vec<Node>, Diagnostics> {
    let bytes = files.read(path).unwrap_or_default();
    match str::from_utf8(&bytes) {
        Ok(text) => parse(&Source::new(path.clone(), text)),
        Err(_) => Ok(Vec::new()),
    }
}
