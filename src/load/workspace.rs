//! Reads the settings of a workspace in `pleach.yaml`.

use std::sync::OnceLock;

use super::document::{own_schema, plain_secrets, read_checked};
use super::policies::BuiltinPolicies;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::diff::Ignore;
use crate::layout::{DEFAULT_OUTPUT, Folder, WORKSPACE, input_folders};
use crate::schema::Schema;
use crate::template::{Trace, TraceStep};
use crate::tree::{Files, TreePath};
use crate::yaml::{Mapping, Node};

/// The layout of an environment's folders in the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Each claim's folder is an overlay on the base folder.
    #[default]
    Overlays,
    /// Each claim's folder contains one file for each object as it is applied, without a kustomization.
    Flat,
}

impl Layout {
    /// The layout in a field; `None` if it is not set.
    pub(super) fn parse(node: Option<&Node>) -> Option<Layout> {
        match node?.as_str()? {
            "flat" => Some(Layout::Flat),
            _ => Some(Layout::Overlays),
        }
    }
}

/// The settings of a workspace.
#[derive(Clone, Debug)]
pub struct WorkspaceConfig {
    /// The output folder, which contains the tree, relative to the workspace.
    pub output: TreePath,
    /// The location of `output`, or the complete `pleach.yaml` if it is not set.
    pub output_span: Span,
    /// The prefix of paths in Flux and Argo CD objects, without a final slash.
    pub sync_path: String,
    /// The location of `sync.path`, if it is set.
    pub sync_path_span: Option<Span>,
    /// The address of the Git repository that contains the tree, for Argo CD.
    pub sync_url: Option<String>,
    /// The branch, tag or commit in the repository.
    pub sync_revision: Option<String>,
    /// The default layout of environments.
    pub layout: Layout,
    /// The names and locations of the environments in `environments`, in the order of promotion; empty if it is not set.
    pub environment_order: Vec<(String, Span)>,
    /// Fields and objects that comparisons ignore.
    pub ignored_differences: Vec<Ignore>,
    /// The enabled built-in policies.
    pub policies: BuiltinPolicies,
    /// The folders with the claim kinds of the workspace.
    pub templates: Vec<TreePath>,
    /// The locations of `templates`; empty for the default folder.
    pub template_spans: Vec<Span>,
    /// The default chart repository of claims.
    pub chart_repository: Option<Node>,
    /// The mirrors of chart repositories.
    pub mirrors: Vec<Mirror>,
    /// Access to private chart repositories.
    pub sources: Vec<ChartSource>,
    /// The folder of vendored charts.
    pub chart_copies: TreePath,
    /// Whether `pleach vendor` stores copies of charts by default.
    pub copies_charts: bool,
    /// The location of `pleach.yaml`, for errors that belong to no field.
    pub span: Span,
    /// The trace of a traced run.
    pub trace: Option<Trace>,
}

/// A prefix of a chart repository's address and its replacement.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// The beginning of the address.
    pub prefix: String,
    /// The address of the mirror, which replaces the prefix.
    pub mirror: String,
}

/// Access to the chart repositories below a prefix, as fields of the source object.
#[derive(Clone, Debug)]
pub struct ChartSource {
    /// The beginning of the address.
    pub prefix: String,
    /// `secretRef`, `certSecretRef` and `insecure`, if they are set.
    pub access: Node,
    /// The folder of the workspace with the sources of these charts, if there is one.
    pub folder: Option<TreePath>,
}

impl WorkspaceConfig {
    /// Records in a traced run that a value is computed from other values outside of templates.
    pub fn composed_of<'n>(
        &self,
        value: Node,
        sources: impl IntoIterator<Item = &'n Node>,
    ) -> Node {
        match &self.trace {
            Some(trace) => value.at(trace.add(TraceStep::composed_of(sources))),
            None => value,
        }
    }

    /// Reads `pleach.yaml` at the root. Errors: `no-workspace`, `wrong-version`, and violations of the schema.
    pub fn read(files: &dyn Files) -> Result<WorkspaceConfig, Diagnostics> {
        let path = TreePath::root().child(WORKSPACE);
        if files.kind(&path) == Ok(None) {
            let fault = Diagnostic::error(
                "no-workspace",
                format!("no `{WORKSPACE}` in this folder or its parents"),
            );
            return Err(fault
                .help("create a workspace with `pleach init`, or name another folder with `-C DIR`")
                .into());
        }
        let node = read_checked(files, &path, schema(), "Workspace")?;
        check_version(&node)?;
        let secrets = plain_secrets(&node);
        match secrets.is_empty() {
            true => Ok(WorkspaceConfig::from_node(&node)?),
            false => Err(secrets),
        }
    }

    /// The settings of a repository without `pleach.yaml`, whose tree is written by hand.
    pub fn absent() -> Result<WorkspaceConfig, Diagnostic> {
        WorkspaceConfig::from_node(&Node::mapping(Mapping::new()))
    }

    /// The reason why the tree cannot be written to a folder of the workspace; `None` if it can be.
    pub fn refused_output(&self, folder: &TreePath) -> Option<String> {
        match folder.as_str() {
            "" => Some(
                "the tree cannot be written to the folder of the workspace, which has other files"
                    .to_string(),
            ),
            _ => refused_output(folder, &self.templates),
        }
    }

    /// The names in `environments`, in the order of promotion; empty if it is not set.
    pub fn environment_names(&self) -> Vec<String> {
        let names = self.environment_order.iter();
        names.map(|it| it.0.clone()).collect()
    }

    /// The address in the mirror with the longest matching prefix, or the address itself.
    pub fn mirrored(&self, address: &str) -> String {
        let matching = self.mirrors.iter().filter_map(|it| {
            let rest = address.strip_prefix(it.prefix.as_str())?;
            Some((it, rest))
        });
        match matching.max_by_key(|(it, _)| it.prefix.len()) {
            Some((it, rest)) => format!("{}{rest}", it.mirror),
            None => address.to_string(),
        }
    }

    /// The access settings with the longest prefix that an address begins with. The address is that of the mirror, if there is one.
    pub fn source(&self, address: &str) -> Option<&ChartSource> {
        let matching = self
            .sources
            .iter()
            .filter(|it| address.starts_with(&it.prefix));
        matching.max_by_key(|it| it.prefix.len())
    }

    fn from_node(node: &Node) -> Result<WorkspaceConfig, Diagnostic> {
        let field = |keys: &[&str]| node.at_keys(keys).filter(|it| !it.is_null());
        let templates_node = field(&["spec", "templates"]).and_then(Node::as_sequence);
        let templates = match templates_node {
            Some(items) => items.iter().map(folder).collect::<Result<_, _>>()?,
            None => vec![Folder::Templates.path()],
        };
        let output = match field(&["spec", "output"]) {
            Some(node) => output_folder(node, &templates)?,
            None => TreePath::root().child(DEFAULT_OUTPUT),
        };
        let sync_path_node = field(&["spec", "sync", "path"]);
        let sync_path = sync_path_node
            .and_then(Node::as_str)
            .map_or(format!("./{output}"), str::to_string);
        let sync = |key: &str| {
            let value = field(&["spec", "sync", key]).and_then(Node::as_str);
            value.map(str::to_string)
        };
        let copies = field(&["spec", "charts", "vendor"]);
        Ok(WorkspaceConfig {
            trace: None,
            chart_copies: match copies {
                Some(node) => folder(node)?,
                None => TreePath::root().child("vendor").child("charts"),
            },
            copies_charts: copies.is_some(),
            output,
            output_span: field(&["spec", "output"]).map_or_else(|| node.span().clone(), Span::from),
            sync_path_span: sync_path_node.map(Span::from),
            sync_path: sync_path.trim_end_matches('/').to_string(),
            sync_url: sync("url"),
            sync_revision: sync("revision"),
            layout: Layout::parse(field(&["spec", "layout"])).unwrap_or_default(),
            environment_order: items(node, &["spec", "environments"])
                .map(|it| (it.as_str().unwrap_or("").to_string(), Span::from(it)))
                .collect(),
            ignored_differences: items(node, &["spec", "diff", "ignore"])
                .map(ignored)
                .collect::<Result<_, _>>()?,
            policies: BuiltinPolicies::parse(field(&["spec", "policies"])),
            templates,
            template_spans: templates_node
                .into_iter()
                .flatten()
                .map(Span::from)
                .collect(),
            chart_repository: field(&["spec", "charts", "repository"]).cloned(),
            mirrors: items(node, &["spec", "charts", "mirrors"])
                .map(Mirror::new)
                .collect(),
            sources: items(node, &["spec", "charts", "sources"])
                .map(ChartSource::new)
                .collect::<Result<_, _>>()?,
            span: node.span().clone(),
        })
    }
}

impl Mirror {
    fn new(node: &Node) -> Mirror {
        Mirror {
            prefix: text(node, "prefix"),
            mirror: text(node, "mirror"),
        }
    }
}

impl ChartSource {
    fn new(node: &Node) -> Result<ChartSource, Diagnostic> {
        Ok(ChartSource {
            prefix: text(node, "prefix"),
            access: without_prefix(node),
            folder: node.get("folder").map(folder).transpose()?,
        })
    }
}

fn text(node: &Node, key: &str) -> String {
    let text = node.get(key).and_then(Node::as_str);
    text.unwrap_or("").to_string()
}

fn items<'a>(node: &'a Node, keys: &[&str]) -> impl Iterator<Item = &'a Node> {
    let list = node.at_keys(keys).and_then(Node::as_sequence);
    list.unwrap_or_default().iter()
}

fn ignored(node: &Node) -> Result<Ignore, Diagnostic> {
    Ignore::parse(node.as_str().unwrap_or("")).map_err(|it| {
        let fault = Diagnostic::error("invalid-value", it.to_string()).at(node);
        fault.help("use a path as `pleach diff` prints it")
    })
}

fn without_prefix(node: &Node) -> Node {
    let mut node = node.clone();
    if let Some(mapping) = node.as_mapping_mut() {
        mapping.remove("prefix");
    }
    node
}

/// A path of a folder below the workspace.
fn folder(node: &Node) -> Result<TreePath, Diagnostic> {
    let path = TreePath::new(node.as_str().unwrap_or("")).filter(|path| *path != TreePath::root());
    path.ok_or_else(|| {
        let fault = Diagnostic::error("invalid-value", "expected a folder below the workspace");
        fault
            .at(node)
            .help("write the path relative to `pleach.yaml`; it must not lead out of its folder")
    })
}

/// The path of the output folder.
fn output_folder(node: &Node, templates: &[TreePath]) -> Result<TreePath, Diagnostic> {
    let path = folder(node)?;
    match refused_output(&path, templates) {
        None => Ok(path),
        Some(reason) => {
            let fault = Diagnostic::error("invalid-value", reason).at(node);
            Err(fault.help(OTHER_OUTPUT))
        }
    }
}

/// The help for a folder that the tree cannot be written to.
pub const OTHER_OUTPUT: &str = "use a folder with no other files, such as `deploy`";

/// The reason why the tree cannot be written to a folder; `None` if it can be. In a folder of inputs, it would be read as inputs.
fn refused_output(path: &TreePath, templates: &[TreePath]) -> Option<String> {
    let inputs = input_folders();
    let mut inputs = inputs.iter().chain(templates);
    // On some file systems, `.GIT` is the same as `.git`.
    let is_within = |it: &TreePath| {
        let (mut own, mut input) = (path.parts(), it.parts());
        input.all(|it| {
            own.next()
                .is_some_and(|own| own.to_lowercase() == it.to_lowercase())
        })
    };
    if path.parts().any(|it| it.eq_ignore_ascii_case(".git")) {
        return Some("the tree cannot be written to the folder of Git".to_string());
    }
    let input = inputs.find(|it| is_within(it))?;
    Some(format!(
        "the tree cannot be written to `{input}`, which has other files"
    ))
}

/// Checks `requires`, the version of pleach that a workspace requires, such as `1.4`; an `x` matches any number. Errors:
/// `wrong-version`.
fn check_version(node: &Node) -> Result<(), Diagnostic> {
    let Some(required) = node.at_keys(&["spec", "requires"]) else {
        return Ok(());
    };
    let version = env!("CARGO_PKG_VERSION");
    let text = required.as_str().unwrap_or("");
    let mut numbers = text.split('.').zip(version.split('.')).take(2);
    if numbers.all(|(required, actual)| required == "x" || required == actual) {
        return Ok(());
    }
    let fault = Diagnostic::error(
        "wrong-version",
        format!("the workspace requires pleach {text}, this is {version}"),
    );
    Err(fault
        .at(required)
        .help("install that version, or change `requires` and render with this one"))
}

/// The schema of `pleach.yaml`.
pub fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| own_schema("workspace.yaml", include_str!("schemas/workspace.yaml")))
}
