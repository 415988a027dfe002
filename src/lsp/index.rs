//! An index of the claims of a workspace by name, updated file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::diag::{Diagnostics, Source, Span};
use crate::layout::Input;
use crate::load::{self, environment_folder};
use crate::tree::{Files, TreePath};
use crate::yaml::{Node, parse};

/// A document that has a kind and a name.
#[derive(Clone, Debug)]
pub struct ClaimDocument {
    /// The environment of its file, or base.
    pub environment: String,
    /// The kind as written, which may be an alias.
    pub kind: String,
    /// The name in `metadata.name`.
    pub name: String,
    /// The file that contains the document.
    pub path: TreePath,
    /// The document as written.
    pub node: Node,
}

impl ClaimDocument {
    /// The location of its name.
    pub fn name_span(&self) -> &Span {
        let name = self.node.at_keys(&["metadata", "name"]);
        name.unwrap_or(&self.node).span()
    }

    /// The bytes of the document's content.
    pub fn range(&self) -> Range<usize> {
        self.node.span().range()
    }
}

/// The claims of each file.
#[derive(Clone, Debug, Default)]
pub struct Index {
    files: BTreeMap<TreePath, Arc<[ClaimDocument]>>,
    /// The files of each claim, by environment and name.
    names: BTreeMap<(String, String), BTreeSet<TreePath>>,
}

/// The environment of a file of claims, or of `environment.yaml`.
pub fn environment_of(path: &TreePath) -> Option<&str> {
    match Input::parse(path)? {
        Input::Environment(name)
        | Input::Claims {
            environment: name, ..
        } => Some(name),
        _ => None,
    }
}

/// Whether a path is that of a claim file.
pub fn is_claim_file(path: &TreePath) -> bool {
    let name = path.name();
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    let Some(environment) = environment_of(path).filter(|_| is_yaml) else {
        return false;
    };
    environment_folder(environment).1 != *path && path.parts().all(|it| !it.starts_with('.'))
}

impl Index {
    /// Reads all claims of a workspace.
    pub fn read(files: &dyn Files) -> Index {
        let mut index = Index::default();
        let mut faults = Diagnostics::default();
        for name in load::environment_names(files, &mut faults) {
            let (folder, _) = environment_folder(&name);
            let paths = load::claim_files(files, &folder, &mut faults);
            files.expect(&paths);
            for path in paths {
                index.update(files, &path);
            }
        }
        index
    }

    /// Reads a file again. If its text is not valid YAML, it is probably being edited, and its previous claims are kept.
    pub fn update(&mut self, files: &dyn Files, path: &TreePath) {
        if !is_claim_file(path) {
            return;
        }
        let bytes = files.read(path).ok();
        let content = bytes.map(|it| String::from_utf8_lossy(&it).into_owned());
        let documents = match content.map(|it| parse(&Source::new(path.clone(), it))) {
            None => Vec::new(),
            Some(Err(_)) => return,
            Some(Ok(documents)) => documents,
        };
        self.remove(path);
        let environment = environment_of(path).unwrap_or("").to_string();
        let documents = documents.into_iter().filter_map(|mut node| {
            node.settle_as_data();
            let text = |keys: &[&str]| node.at_keys(keys).and_then(Node::as_str);
            Some(ClaimDocument {
                environment: environment.clone(),
                kind: text(&["kind"])?.to_string(),
                name: text(&["metadata", "name"])?.to_string(),
                path: path.clone(),
                node,
            })
        });
        let documents: Arc<[ClaimDocument]> = documents.collect();
        for it in documents.iter() {
            let key = (it.environment.clone(), it.name.clone());
            self.names.entry(key).or_default().insert(path.clone());
        }
        if !documents.is_empty() {
            self.files.insert(path.clone(), documents);
        }
    }

    fn remove(&mut self, path: &TreePath) {
        for it in self.files.remove(path).iter().flat_map(|it| it.iter()) {
            let key = (it.environment.clone(), it.name.clone());
            if let Some(files) = self.names.get_mut(&key) {
                files.remove(path);
                if files.is_empty() {
                    self.names.remove(&key);
                }
            }
        }
    }

    /// The claims of a file, in its order.
    pub fn of_file(&self, path: &TreePath) -> &[ClaimDocument] {
        self.files.get(path).map_or(&[], |it| it)
    }

    /// The documents of a claim in one environment, without base.
    pub fn find<'a>(
        &'a self,
        environment: &str,
        name: &'a str,
    ) -> impl Iterator<Item = &'a ClaimDocument> {
        let files = self.names.get(&(environment.to_string(), name.to_string()));
        let documents = files.into_iter().flatten().flat_map(|it| self.of_file(it));
        documents.filter(move |it| it.name == name)
    }

    /// All claims of an environment, without base, sorted by name.
    pub fn of_environment<'a>(
        &'a self,
        environment: &'a str,
    ) -> impl Iterator<Item = &'a ClaimDocument> {
        let first = (environment.to_string(), String::new());
        let names = self.names.range(first..);
        let names = names.take_while(move |it| it.0.0 == environment);
        names.flat_map(move |((_, name), files)| {
            let documents = files.iter().flat_map(|it| self.of_file(it));
            documents.filter(move |it| it.name == *name)
        })
    }

    /// All claims, in the order of their files.
    pub fn all(&self) -> impl Iterator<Item = &ClaimDocument> {
        self.files.values().flat_map(|it| it.iter())
    }

    /// Whether an environment itself, without base, has a document of a claim with a name.
    pub fn has(&self, environment: &str, name: &str) -> bool {
        self.names
            .contains_key(&(environment.to_string(), name.to_string()))
    }
}
