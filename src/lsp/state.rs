//! The state of the language server: the workspace in memory, with the open texts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use serde_json::Value as Json;

use super::cursor::{Cursor, cursor};
use super::files::{CachedFiles, Snapshot};
use super::index::{ClaimDocument, Index, environment_of, is_claim_file};
use crate::chart::Cache;
use crate::diag::{Diagnostic, Diagnostics};
use crate::engine::ENGINES;
use crate::json_schema::Schemas;
use crate::layout::{BASE, ENVIRONMENT, Folder, KIND, WORKSPACE};
use crate::load::{self, ClaimKind, environment_folder};
use crate::schema::Schema;
use crate::tree::{Files, Tree, TreePath};
use crate::yaml::{FieldPath, Node, Step};

/// A workspace in an editor.
pub struct Workspace {
    /// Its files, with the unsaved texts on top.
    pub files: Snapshot,
    /// Archives of charts, by digest. Kept in memory, because they do not change between two keystrokes.
    pub cache: Option<Cache>,
    /// The claims of the workspace, by name and by file.
    pub index: Index,
    /// Its claim kinds, including built-in ones.
    pub kinds: Vec<Arc<ClaimKind>>,
    /// The names of its environments, including base.
    pub environments: Vec<String>,
    /// The diagnostics of the last check of the whole workspace, by file.
    pub workspace_diagnostics: BTreeMap<TreePath, Vec<Diagnostic>>,
    /// The diagnostics of files that have changed since that check.
    pub edited_diagnostics: BTreeMap<TreePath, Vec<Diagnostic>>,
    schemas: OnceLock<Schemas>,
    charts: OnceLock<BTreeMap<String, Json>>,
}

/// The schema that a document is validated against.
pub enum DocumentKind {
    /// A claim of this kind.
    Claim(Arc<ClaimKind>),
    /// An `environment.yaml`, a `kind.yaml` or `pleach.yaml`.
    Config(&'static Schema),
}

impl DocumentKind {
    /// The schema of the whole document.
    pub fn schema(&self) -> &Schema {
        match self {
            DocumentKind::Claim(kind) => &kind.schema,
            DocumentKind::Config(schema) => schema,
        }
    }
}

impl Workspace {
    /// Reads the workspace at the root of `files`.
    pub fn new(files: Arc<dyn Files + Send + Sync>, cache: Option<Cache>) -> Workspace {
        let files = Snapshot {
            disk: Arc::new(CachedFiles::new(files)),
            open: Tree::new(),
        };
        let mut faults = Diagnostics::default();
        Workspace {
            index: Index::read(&files),
            kinds: load::kinds(&files, &mut faults),
            environments: load::environment_names(&files, &mut faults),
            files,
            cache: Some(
                cache
                    .unwrap_or_else(|| Cache::new(Arc::new(Tree::new())))
                    .with_memory(),
            ),
            workspace_diagnostics: BTreeMap::new(),
            edited_diagnostics: BTreeMap::new(),
            schemas: OnceLock::new(),
            charts: OnceLock::new(),
        }
    }

    /// A snapshot of the workspace for background work, without diagnostics.
    pub fn fork(&self) -> Workspace {
        Workspace {
            files: self.files.clone(),
            cache: self.cache.clone(),
            index: self.index.clone(),
            kinds: self.kinds.clone(),
            environments: self.environments.clone(),
            workspace_diagnostics: BTreeMap::new(),
            edited_diagnostics: BTreeMap::new(),
            schemas: OnceLock::new(),
            charts: OnceLock::new(),
        }
    }

    /// Reads everything on disk again.
    pub fn reload(&mut self) {
        self.files.disk = Arc::new(self.files.disk.with_empty_cache());
        self.index = Index::read(&self.files);
        self.refresh(&Folder::Environments.path());
        self.refresh(&TreePath::root().child(WORKSPACE));
    }

    /// Sets the unsaved text of a file; `None` for the file on disk.
    pub fn set_text(&mut self, path: &TreePath, text: Option<&str>) {
        match text {
            Some(text) => drop(self.files.open.insert(path.clone(), text.as_bytes())),
            None => {
                self.files.open = Tree::from_iter(
                    self.files
                        .open
                        .iter()
                        .filter(|it| it.0 != path)
                        .map(|(path, bytes)| (path.clone(), bytes.clone())),
                );
                self.edited_diagnostics.remove(path);
            }
        }
        self.refresh(path);
    }

    /// Reads a file again that has changed on disk.
    pub fn file_changed(&mut self, path: &TreePath) {
        self.files.disk.invalidate(path);
        self.refresh(path);
    }

    /// Updates everything that was derived from a file.
    fn refresh(&mut self, path: &TreePath) {
        if is_claim_file(path) {
            self.index.update(&self.files, path);
        }
        let mut faults = Diagnostics::default();
        if Folder::containing(path) == Some(Folder::Environments) {
            self.environments = load::environment_names(&self.files, &mut faults);
        } else {
            self.kinds = load::kinds(&self.files, &mut faults);
            self.schemas = OnceLock::new();
            self.charts = OnceLock::new();
        }
    }

    /// The diagnostics of a file: those since its last change, or otherwise those of the last check of the whole workspace.
    pub fn diagnostics(&self, path: &TreePath) -> &[Diagnostic] {
        let edited = self.edited_diagnostics.get(path);
        edited
            .or_else(|| self.workspace_diagnostics.get(path))
            .map_or(&[], |it| it)
    }

    /// The text of a file.
    pub fn text(&self, path: &TreePath) -> Option<String> {
        let bytes = self.files.read(path).ok()?;
        String::from_utf8(bytes.to_vec()).ok()
    }

    /// The claim kind with a name or an alias.
    pub fn kind(&self, name: &str) -> Option<&Arc<ClaimKind>> {
        self.kinds.iter().find(|it| it.has_name(name))
    }

    /// The environments that a claim of a file is rendered in: that of the file or, for base, all that do not exclude the claim.
    pub fn environments_of(&self, path: &TreePath, claim: &str) -> Vec<String> {
        match environment_of(path) {
            Some(BASE) => {
                let others = self.environments.iter().filter(|it| *it != BASE);
                others
                    .filter(|it| !self.excludes(it, claim))
                    .cloned()
                    .collect()
            }
            Some(environment) => vec![environment.to_string()],
            None => Vec::new(),
        }
    }

    fn excludes(&self, environment: &str, claim: &str) -> bool {
        let (_, file) = environment_folder(environment);
        let Some(text) = self.text(&file) else {
            return false;
        };
        // Not cached, because the file is short and this is called rarely.
        let node = crate::yaml::parse_one(&crate::diag::Source::new(file, text));
        let Ok(node) = node else { return false };
        let list = node
            .at_keys(&["spec", "exclude"])
            .and_then(Node::as_sequence);
        let mut entries = list.unwrap_or_default().iter().filter_map(Node::as_str);
        entries.any(|it| it.split_once('/').is_some_and(|it| it.1 == claim))
    }

    /// The documents of a claim in an environment: its own and those of base.
    pub fn documents<'a>(
        &'a self,
        environment: &str,
        name: &'a str,
    ) -> impl Iterator<Item = &'a ClaimDocument> {
        let is_base = environment == BASE;
        let documents = self.index.find(environment, name);
        documents.chain(self.index.find(BASE, name).filter(move |_| !is_base))
    }

    /// The text of a file, and what is at a byte of it.
    pub fn cursor(&self, path: &TreePath, at: usize) -> Option<(String, Cursor)> {
        let text = self.text(path)?;
        let cursor = cursor(&text, at)?;
        Some((text, cursor))
    }

    /// What the document around the cursor is validated against, determined by its file or its field `kind`.
    pub fn document_kind(
        &self,
        path: &TreePath,
        text: &str,
        cursor: &Cursor,
    ) -> Option<DocumentKind> {
        let schema = match path.name() {
            WORKSPACE if path.parent() == Some(TreePath::root()) => Some(load::workspace_schema()),
            KIND => Some(load::claim_kind_schema()),
            ENVIRONMENT if environment_of(path).is_some() || is_case(path) => {
                Some(ENGINES.schema())
            }
            _ => None,
        };
        if let Some(schema) = schema {
            return Some(DocumentKind::Config(schema));
        }
        if !is_claim_file(path) && !is_case(path) {
            return None;
        }
        let name = root_value(text.get(cursor.document.clone())?, "kind")?;
        self.kind(name).cloned().map(DocumentKind::Claim)
    }

    /// The JSON Schema for the values of a chart, if the chart is available.
    pub fn chart_values(&self, chart: &str) -> Option<&Json> {
        let schemas = self.schemas();
        let read = || {
            let names = schemas.chart_names();
            names
                .filter_map(|it| Some((it.to_string(), schemas.of_chart(it)?)))
                .collect()
        };
        self.charts.get_or_init(read).get(chart)
    }

    /// The charts with known values.
    pub fn chart_names(&self) -> impl Iterator<Item = &str> {
        self.schemas().chart_names()
    }

    fn schemas(&self) -> &Schemas {
        let read = || Schemas::read(&self.files, self.cache.clone(), &mut Diagnostics::default());
        self.schemas.get_or_init(read)
    }

    /// The names and kinds of all claims of an environment, including those of base.
    pub fn claims_of(&self, environment: &str) -> BTreeSet<(&str, &str)> {
        let claims = self
            .index
            .all()
            .filter(|it| it.environment == environment || it.environment == BASE);
        claims
            .map(|it| (it.name.as_str(), it.kind.as_str()))
            .collect()
    }
}

/// Whether a file is the claim or the environment of a test case of a kind.
fn is_case(path: &TreePath) -> bool {
    let parts: Vec<&str> = path.parts().collect();
    let above = parts.len().checked_sub(3).and_then(|at| parts.get(at));
    above == Some(&"cases") && ["claim.yaml", ENVIRONMENT].contains(&path.name())
}

/// The value of a key at the root of a document, as written.
pub(super) fn root_value<'t>(document: &'t str, key: &str) -> Option<&'t str> {
    document.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix(':')?;
        let value = value.split(" #").next()?.trim().trim_matches(['"', '\'']);
        (!value.is_empty()).then_some(value)
    })
}

/// The schema of the field at a path, by any of its names.
pub(super) fn schema_at<'s>(schema: &'s Schema, path: &[Step]) -> Option<&'s Schema> {
    path.iter().try_fold(schema, |schema, step| match step {
        Step::Key(key) => field(schema, key),
        Step::Index(_) => schema.items(),
    })
}

/// The schema of the field with a name, an alias, or a name in snake_case.
fn field<'s>(schema: &'s Schema, key: &str) -> Option<&'s Schema> {
    let camel = || {
        let mut parts = key.split('_');
        let first = parts.next().unwrap_or("").to_string();
        parts.fold(first, |name, part| {
            let mut letters = part.chars();
            let upper = letters.next().map(|it| it.to_ascii_uppercase());
            name + &upper.into_iter().chain(letters).collect::<String>()
        })
    };
    let alias = || {
        schema
            .field_of_alias(key)
            .and_then(|it| schema.property(it))
    };
    let known = schema.property(key).or_else(alias);
    known
        .or_else(|| schema.property(&camel()))
        .or_else(|| schema.additional())
}

/// Steps as a field path.
pub(super) fn field_path(steps: &[Step]) -> FieldPath {
    let mut path = FieldPath::root();
    steps.iter().for_each(|it| path.push(it.clone()));
    path
}

/// The keys of a path joined by dots, without list indexes: the form in which kinds write the paths of their references.
pub(super) fn dotted(steps: &[Step]) -> String {
    let keys = steps.iter().filter_map(|it| match it {
        Step::Key(key) => Some(&**key),
        Step::Index(_) => None,
    });
    keys.collect::<Vec<_>>().join(".")
}
