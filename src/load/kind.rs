//! Claim kinds: `<Kind>/kind.yaml` and the templates next to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};

use memchr::memmem;

use super::document::{own_schema, read_checked, read_text, unreadable};
use super::effects::{self, Effect};
use super::links;
use super::names;
use super::unread;
use super::workspace::WorkspaceConfig;
use crate::diag::{Diagnostic, Diagnostics, Edit, Span};
use crate::layout::{Group, KIND};
use crate::schema::Schema;
use crate::template::{BUILTIN, Templates, Texts, builtin};
use crate::tree::{EntryKind, Files, FilesError, TreePath, Walk};
use crate::yaml::{Node, View, parse_one};

/// A claim kind. Expressions and texts are names of compiled templates in `Templates`.
#[derive(Debug)]
pub struct ClaimKind {
    /// The name of the kind and of its folder.
    pub name: String,
    /// Every `apiVersion` that a claim may have.
    pub api_versions: Vec<String>,
    /// Versions that exist but are not accepted, each with a help text.
    pub other_versions: Vec<(String, String)>,
    /// Other names of the kind.
    pub aliases: Vec<String>,
    /// The accepted spellings of fields.
    pub spelling: Spelling,
    /// A description in one or two sentences; may be empty.
    pub description: String,
    /// The part of the tree that its claims belong to.
    pub group: Group,
    /// Structural schema of a whole claim.
    pub schema: Schema,
    /// Computed names, in order.
    pub locals: Vec<(String, String)>,
    /// Fields that do not always have an effect.
    pub effects: Vec<Effect>,
    /// Conditions that a claim must satisfy.
    pub rules: Vec<Rule>,
    /// Outputs that other claims can refer to.
    pub outputs: Vec<(String, String)>,
    /// Fields that may be a plain value, `{value}`, or a reference to another claim.
    pub references: Vec<Reference>,
    /// Claims of other kinds that it uses.
    pub lookups: Vec<Lookup>,
    /// An expression: the names of claims that must be ready first.
    pub depends_on: Option<String>,
    /// CRDs that a claim installs.
    pub provides: Vec<Capability>,
    /// CRDs that a claim needs.
    pub requires: Vec<Capability>,
    /// The templates, one for each file or list of files.
    pub files: Vec<FileTemplate>,
    /// The `spec` of `kind.yaml`, as written.
    pub written: Node,
    /// The location of `kind.yaml`, for errors that belong to no field.
    pub span: Span,
}

/// The accepted spellings of a claim's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As in the schema.
    Exact,
    /// As in the schema, or in snake_case.
    Protojson,
}

/// A condition that claims must satisfy.
#[derive(Debug)]
pub struct Rule {
    /// An expression: a list to each item of which the rule is applied.
    pub for_each: Option<String>,
    /// An expression that must be true.
    pub require: String,
    /// The message.
    pub message: String,
    /// The help text.
    pub help: Option<String>,
    /// The field that the diagnostic points at, with dots; a step `*` is the index of the item.
    pub at: Option<String>,
    /// Whether a violation is only a warning, so the claim is rendered anyway.
    pub warning: bool,
}

/// A field that may refer to another claim: `{valueFrom: {kind, name, fieldPath}}`.
#[derive(Debug)]
pub struct Reference {
    /// The field, with dots.
    pub at: String,
    /// The default kind of the reference.
    pub kind: Option<String>,
    /// The default path of the reference.
    pub field_path: Option<String>,
}

/// A claim of the same environment that claims of this kind use, if it exists.
#[derive(Debug)]
pub struct Lookup {
    /// Its name in expressions, in which it is null if there is no such claim.
    pub name: String,
    /// The kind of the claim that is looked for.
    pub kind: String,
    /// An expression that is true if the claim `found` is to be used.
    pub when: String,
}

/// CRDs that a claim provides or requires.
#[derive(Debug)]
pub struct Capability {
    /// The name of one CRD.
    pub name: Option<String>,
    /// An expression that gives a list of names.
    pub names: Option<String>,
    /// An expression: the condition under which the entry applies.
    pub when: Option<String>,
    /// Whether no other claim of the environment may provide them.
    pub exclusive: bool,
    /// For provided CRDs: an expression for their version.
    pub version: Option<String>,
    /// For required CRDs: the minimum version.
    pub min_version: Option<String>,
}

/// One template of a kind.
#[derive(Debug)]
pub struct FileTemplate {
    /// The name of the template's file.
    pub template: String,
    /// An expression: whether there is a file.
    pub when: Option<String>,
    /// An expression: a list, with one file for each item.
    pub for_each: Option<String>,
    /// The file's name, as a text with expressions.
    pub name: Option<String>,
    /// The default name of the file.
    pub default_name: String,
}

impl ClaimKind {
    /// Whether the kind has that name.
    pub fn has_name(&self, name: &str) -> bool {
        self.names().any(|it| it == name)
    }

    /// The name of the compiled condition of a conditional default.
    pub fn condition(&self, condition: &str) -> String {
        condition_name(&self.name, condition)
    }

    /// All names of the kind.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(String::as_str))
    }
}

/// The kinds that could be read, and the names of those that could not.
#[derive(Default)]
pub(super) struct Kinds {
    pub(super) sound: Vec<Arc<ClaimKind>>,
    pub(super) broken: Vec<String>,
}

impl Kinds {
    /// Whether a kind has a name, or would if it could be read.
    pub(super) fn knows(&self, name: &str) -> bool {
        let mut sound = self.sound.iter();
        sound.any(|it| it.has_name(name)) || self.broken.iter().any(|it| it == name)
    }
}

/// The requested kinds.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    All,
    /// The kinds of the workspace, and the built-in ones with one of these names.
    Own(&'a BTreeSet<String>),
    /// Those with one of these names.
    Named(&'a BTreeSet<String>),
}

/// Reads the built-in kinds and, in a workspace, its own, which replace those of the same name.
///
/// A kind that is not requested is read anyway if a template of a requested one names its folder in order to include a file.
pub(super) fn read_all(
    files: &dyn Files,
    workspace: Option<&WorkspaceConfig>,
    wanted: Wanted<'_>,
    templates: &mut Templates,
    diagnostics: &mut Diagnostics,
) -> Kinds {
    let folders = folders(files, workspace, diagnostics);
    let (open, mut rest): (Vec<_>, Vec<_>) =
        folders.into_iter().partition(|it| it.is_wanted(wanted));
    let mut open = VecDeque::from(open);
    let mut kinds = Kinds::default();
    while let Some(folder) = open.pop_front() {
        let mut include = |texts: &Texts| {
            let named = rest.extract_if(.., |it| it.is_named_in(texts));
            open.extend(named);
        };
        if folder.is_builtin {
            let (kind, texts) = builtin_kind(folder.path.name());
            include(texts);
            templates.share(texts);
            kinds.sound.push(kind.clone());
            continue;
        }
        let (kind, texts, mut faults) = read(&folder);
        include(&texts);
        faults.extend(templates.add(texts).err().into_iter().flatten());
        match kind.filter(|_| !faults.has_errors()) {
            Some(mut kind) => {
                faults.extend(names::check(&kind, templates));
                effects::add_unread(&mut kind, templates);
                match faults.has_errors() {
                    false => kinds.sound.push(Arc::new(kind)),
                    true => kinds.broken.push(kind.name),
                }
            }
            None => kinds.broken.push(folder.path.name().to_string()),
        }
        diagnostics.extend(faults);
    }
    kinds
}

/// Built-in kinds and their texts never change, so each is read once, when it is first needed.
fn builtin_kind(name: &str) -> &'static (Arc<ClaimKind>, Texts) {
    type Kinds = BTreeMap<String, OnceLock<(Arc<ClaimKind>, Texts)>>;
    static KINDS: OnceLock<Kinds> = OnceLock::new();
    let kinds = KINDS.get_or_init(|| {
        let folders = builtin_folders().into_iter();
        folders
            .map(|it| (it.name().to_string(), OnceLock::new()))
            .collect()
    });
    let read = || {
        let folder = Folder {
            files: builtin(),
            path: TreePath::root().child(BUILTIN).child(name),
            is_builtin: true,
        };
        let (kind, texts, _) = read(&folder);
        let kind = kind.expect("a test reads every built-in kind");
        (Arc::new(kind), texts)
    };
    kinds.get(name).expect("it was listed").get_or_init(read)
}

/// Reads the built-in kinds that these files name, so that this can run in parallel with other work.
pub fn read_ahead(files: &dyn Files, paths: &[TreePath]) {
    let folders = builtin_folders();
    for path in paths {
        let text = files.read(path).unwrap_or_default();
        let is_named = |it: &&TreePath| memmem::find(&text, it.name().as_bytes()).is_some();
        for kind in folders.iter().filter(is_named) {
            builtin_kind(kind.name());
        }
    }
}

fn builtin_folders() -> Vec<TreePath> {
    kind_folders(builtin(), &TreePath::root().child(BUILTIN)).unwrap_or_default()
}

/// Where a kind is defined.
struct Folder<'a> {
    files: &'a dyn Files,
    path: TreePath,
    is_builtin: bool,
}

impl Folder<'_> {
    /// Whether a kind may be requested. A kind's file contains all of its names, so a file without a word cannot define a kind of
    /// that name.
    fn is_wanted(&self, wanted: Wanted<'_>) -> bool {
        let names = match wanted {
            Wanted::All => return true,
            Wanted::Own(_) if !self.is_builtin => return true,
            Wanted::Own(names) | Wanted::Named(names) => names,
        };
        let Ok(text) = self.files.read(&self.path.child(KIND)) else {
            return true;
        };
        // A name may be written with an escape sequence.
        let says = |word: &str| memmem::find(&text, word.as_bytes()).is_some();
        names.iter().any(|it| says(it)) || !self.is_builtin && says("\\")
    }

    fn is_named_in(&self, texts: &Texts) -> bool {
        texts.say(&format!("{}/", self.path.name()))
    }
}

fn folders<'a>(
    files: &'a dyn Files,
    workspace: Option<&WorkspaceConfig>,
    diagnostics: &mut Diagnostics,
) -> Vec<Folder<'a>> {
    let own = workspace.map(|it| own_folders(files, it, diagnostics));
    let own = own.into_iter().flatten().map(|path| Folder {
        files,
        path,
        is_builtin: false,
    });
    let mut folders: Vec<Folder<'a>> = own.collect();
    for path in builtin_folders() {
        if !folders.iter().any(|own| own.path.name() == path.name()) {
            folders.push(Folder {
                files: builtin(),
                path,
                is_builtin: true,
            });
        }
    }
    folders
}

fn own_folders(
    files: &dyn Files,
    workspace: &WorkspaceConfig,
    diagnostics: &mut Diagnostics,
) -> Vec<TreePath> {
    let mut folders = Vec::new();
    for (at, folder) in workspace.templates.iter().enumerate() {
        let place = workspace.template_places.get(at);
        match kind_folders(files, folder) {
            Ok(found) => folders.extend(found),
            // The default folder may be missing, even if it is set explicitly.
            Err(FilesError::NotFound) if folder.as_str() == "templates" => {}
            Err(FilesError::NotFound) => {
                diagnostics.extend(place.map(|it| missing_folder(files, folder, it)));
            }
            Err(error) => {
                let fault = unreadable(folder, &error);
                diagnostics.push(fault.at(place.unwrap_or(&workspace.span)));
            }
        }
        let unread = unread_kinds(files, folder);
        diagnostics.extend(unread);
    }
    folders
}

/// A folder in `pleach.yaml` that does not exist. The default folder may be missing.
fn missing_folder(files: &dyn Files, folder: &TreePath, place: &Span) -> Diagnostic {
    let beside = folder.parent().and_then(|it| files.list(&it).ok());
    let beside = beside.unwrap_or_default();
    let folders = beside.iter().filter(|it| it.kind == EntryKind::Folder);
    let fault = Diagnostic::error(
        "missing-templates",
        format!("folder `{folder}` does not exist"),
    );
    fault
        .at(place)
        .did_you_mean(folder.name(), folders.map(|it| &*it.name))
        .help("correct the name, or remove it from `templates`")
}

/// The kinds of a folder whose file is not called `kind.yaml`.
fn unread_kinds(files: &dyn Files, folder: &TreePath) -> Vec<Diagnostic> {
    let entries = files.list(folder).unwrap_or_default();
    let misplaced = unread::kind_without_folder(folder, &entries);
    let entries = entries.into_iter();
    let folders = entries.filter(|it| it.kind == EntryKind::Folder && !it.name.starts_with('.'));
    let unread = |path: TreePath| match files.kind(&path.child(KIND)) {
        Ok(None) => unread::wrong_kind_file(&path, &files.list(&path).ok()?),
        _ => None,
    };
    let unread = folders.filter_map(|it| unread(folder.child(&it.name)));
    unread.chain(misplaced).collect()
}

fn kind_folders(files: &dyn Files, folder: &TreePath) -> Result<Vec<TreePath>, FilesError> {
    let entries = files
        .list(folder)?
        .into_iter()
        .filter(|it| it.kind == EntryKind::Folder && !it.name.starts_with('.'));
    let folders = entries.map(|it| folder.child(&it.name));
    Ok(folders
        .filter(|it| matches!(files.kind(&it.child(KIND)), Ok(Some(EntryKind::File))))
        .collect())
}

/// A kind with its texts, which are not yet compiled, and its diagnostics.
fn read(place: &Folder<'_>) -> (Option<ClaimKind>, Texts, Diagnostics) {
    let mut reader = Reader {
        files: place.files,
        folder: &place.path,
        kind: place.path.name(),
        is_builtin: place.is_builtin,
        texts: Texts::default(),
        faults: Diagnostics::default(),
    };
    let kind = match reader.document() {
        Ok(node) => reader.kind(&node),
        Err(faults) => {
            reader.faults.extend(faults);
            None
        }
    };
    (kind, reader.texts, reader.faults)
}

/// Reads the definition of a kind and collects its errors.
struct Reader<'a> {
    files: &'a dyn Files,
    folder: &'a TreePath,
    kind: &'a str,
    is_builtin: bool,
    texts: Texts,
    faults: Diagnostics,
}

impl Reader<'_> {
    fn document(&self) -> Result<Node, Diagnostics> {
        let file = self.folder.child(KIND);
        let node = match self.is_builtin {
            true => parse_one(&read_text(self.files, &file)?)?,
            false => read_checked(self.files, &file, schema(), "ClaimKind")?,
        };
        let name = node.at_keys(&["metadata", "name"]).unwrap_or(&node);
        if name.as_str() != Some(self.kind) {
            let message = format!(
                "the name of the kind must be that of its folder, `{}`",
                self.kind
            );
            let fault = Diagnostic::error("invalid-value", message).at(name);
            let edit = Edit::rename(name.span(), name.as_str().unwrap_or(""), self.kind);
            return Err(fault
                .fix("rename the folder, or use its name here", edit)
                .into());
        }
        Ok(node)
    }

    fn kind(&mut self, node: &Node) -> Option<ClaimKind> {
        let spec = node.get("spec")?;
        let text = |key: &str| spec.get(key).and_then(Node::as_str);
        let words = |key: &str| {
            sequence(spec, key)
                .iter()
                .filter_map(Node::as_str)
                .map(str::to_string)
                .collect::<Vec<_>>()
        };
        self.add_templates();
        let mut when = Vec::new();
        conditions(spec.get("schema")?, &mut when);
        for condition in when {
            let name = condition_name(self.kind, condition.as_str().unwrap_or(""));
            self.texts.add_expression(&name, condition);
        }
        let whole = with_envelope(spec.get("schema")?);
        let schema = match self.is_builtin {
            true => Schema::parse_own(&whole),
            false => Schema::parse(&whole),
        };
        let schema = match schema {
            Ok(schema) => Some(schema),
            Err(faults) => {
                self.faults.extend(faults);
                None
            }
        };
        let schema = schema?;
        let effects = effects::read(&schema, self.kind, &mut self.texts);
        Some(ClaimKind {
            name: self.kind.to_string(),
            api_versions: words("apiVersions"),
            other_versions: other_versions(spec.get("otherVersions")),
            aliases: words("aliases"),
            spelling: if text("spelling") == Some("protojson") {
                Spelling::Protojson
            } else {
                Spelling::Exact
            },
            description: text("description").unwrap_or("").to_string(),
            group: if text("group") == Some("infrastructure") {
                Group::Infrastructure
            } else {
                Group::Apps
            },
            locals: self.named_expressions(spec, "let"),
            rules: sequence(spec, "rules")
                .iter()
                .enumerate()
                .map(|(at, it)| self.rule(at, it))
                .collect(),
            outputs: self.named_expressions(spec, "outputs"),
            references: sequence(spec, "references").iter().map(reference).collect(),
            lookups: self.lookups(spec),
            depends_on: self.expression("dependsOn", spec.get("dependsOn")),
            provides: self.capabilities(spec, "provides"),
            requires: self.capabilities(spec, "requires"),
            files: sequence(spec, "files")
                .iter()
                .enumerate()
                .filter_map(|(at, it)| self.file(at, it))
                .collect(),
            written: spec.clone(),
            span: node.span().clone(),
            effects,
            schema,
        })
    }

    /// Adds the templates of the folder, so that they can include and import each other by their names.
    fn add_templates(&mut self) {
        let mut folders = Walk::new(self.files, self.folder.clone());
        while let Some(folder) = folders.next() {
            for entry in self.files.list(&folder).unwrap_or_default() {
                let path = folder.child(&entry.name);
                match entry.kind {
                    EntryKind::Folder => folders.add(path),
                    EntryKind::File if entry.name.ends_with(".j2") => {
                        let source = read_text(self.files, &path);
                        if let Some(source) = self.faults.keep(source) {
                            let name = path.below(self.folder).unwrap_or(path);
                            self.texts.add(&self.template_name(name.as_str()), &source);
                        }
                    }
                    EntryKind::File => {}
                }
            }
        }
        let repeated = folders.into_repeated();
        let files = self.files;
        self.faults
            .extend(repeated.iter().map(|it| links::repeated(files, it)));
    }

    fn template_name(&self, file: &str) -> String {
        format!("{}/{file}", self.kind)
    }

    fn rule(&mut self, at: usize, node: &Node) -> Rule {
        Rule {
            for_each: self.expression(&format!("rules[{at}].forEach"), node.get("forEach")),
            require: self
                .expression(&format!("rules[{at}].require"), node.get("require"))
                .unwrap_or_default(),
            message: self
                .text(&format!("rules[{at}].message"), node.get("message"))
                .unwrap_or_default(),
            help: self.text(&format!("rules[{at}].help"), node.get("help")),
            at: node.get("at").and_then(Node::as_str).map(str::to_string),
            warning: node.get("severity").and_then(Node::as_str) == Some("warning"),
        }
    }

    fn lookups(&mut self, spec: &Node) -> Vec<Lookup> {
        let entries = spec.get("find").and_then(Node::as_mapping);
        let lookups = entries.into_iter().flatten().filter_map(|it| {
            let name = it.key.as_str()?;
            let when = self.expression(&format!("find.{name}"), it.value.get("where"))?;
            Some(Lookup {
                name: name.to_string(),
                kind: it.value.get("kind")?.as_str()?.to_string(),
                when,
            })
        });
        lookups.collect()
    }

    fn capabilities(&mut self, spec: &Node, key: &str) -> Vec<Capability> {
        let items = sequence(spec, key).iter().enumerate();
        let capability = |(at, node): (usize, &Node)| Capability {
            name: node.get("name").and_then(Node::as_str).map(str::to_string),
            names: self.expression(&format!("{key}[{at}].names"), node.get("names")),
            when: self.expression(&format!("{key}[{at}].when"), node.get("when")),
            exclusive: node.get("exclusive").and_then(Node::as_bool) == Some(true),
            version: self.expression(&format!("{key}[{at}].version"), node.get("version")),
            min_version: node
                .get("minVersion")
                .and_then(Node::as_str)
                .map(str::to_string),
        };
        items.map(capability).collect()
    }

    fn file(&mut self, at: usize, node: &Node) -> Option<FileTemplate> {
        let template = node.get("template")?;
        let file = template.as_str()?;
        let name = self.template_name(file);
        if !self.texts.contains(&name) {
            let fault = Diagnostic::error(
                "unknown-template",
                format!("`{}` has no template `{file}`", self.folder),
            )
            .at(template);
            self.faults.push(
                fault.help(
                    "add a file to the folder of the kind; the names of templates end in `.j2`",
                ),
            );
        }
        Some(FileTemplate {
            template: name,
            when: self.expression(&format!("files[{at}].when"), node.get("when")),
            for_each: self.expression(&format!("files[{at}].forEach"), node.get("forEach")),
            name: self.text(&format!("files[{at}].name"), node.get("name")),
            default_name: file.strip_suffix(".j2").unwrap_or(file).to_string(),
        })
    }

    fn named_expressions(&mut self, spec: &Node, key: &str) -> Vec<(String, String)> {
        let Some(View::Mapping(mapping)) = spec.get(key).map(Node::view) else {
            return Vec::new();
        };
        let compiled = mapping.iter().filter_map(|it| {
            let name = it.key.as_str()?.to_string();
            let expression = self.expression(&format!("{key}.{name}"), Some(&it.value))?;
            Some((name, expression))
        });
        compiled.collect()
    }

    fn expression(&mut self, what: &str, node: Option<&Node>) -> Option<String> {
        let name = format!("{}#{what}", self.kind);
        self.texts.add_expression(&name, node?);
        Some(name)
    }

    fn text(&mut self, what: &str, node: Option<&Node>) -> Option<String> {
        let name = format!("{}#{what}", self.kind);
        self.texts.add_text(&name, node?);
        Some(name)
    }
}

/// The name under which a default's condition is compiled.
fn condition_name(kind: &str, condition: &str) -> String {
    format!("{kind}#default {condition}")
}

fn other_versions(node: Option<&Node>) -> Vec<(String, String)> {
    let entries = node.and_then(Node::as_mapping).into_iter().flatten();
    let text = |node: &Node| node.as_str().map(str::to_string);
    entries
        .filter_map(|it| Some((text(&it.key)?, text(&it.value)?)))
        .collect()
}

fn reference(node: &Node) -> Reference {
    let text = |key: &str| node.get(key).and_then(Node::as_str).map(str::to_string);
    Reference {
        at: text("at").unwrap_or_default(),
        kind: text("kind"),
        field_path: text("fieldPath"),
    }
}

/// The conditions of conditional defaults, at any depth of a schema.
fn conditions<'a>(schema: &'a Node, found: &mut Vec<&'a Node>) {
    match schema.view() {
        View::Scalar(_) => {}
        View::Sequence(items) => items.iter().for_each(|item| conditions(item, found)),
        View::Mapping(mapping) => {
            found.extend(
                mapping
                    .get("x-pleach-default")
                    .and_then(|it| it.get("when")),
            );
            mapping.iter().for_each(|it| conditions(&it.value, found));
        }
    }
}

fn sequence<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key)
        .and_then(Node::as_sequence)
        .unwrap_or_default()
}

/// A claim's schema with the fields that every claim has: `apiVersion`, `kind` and, unless the kind defines it, `metadata`.
fn with_envelope(schema: &Node) -> Node {
    let mut schema = schema.clone();
    if let Some(mapping) = schema.as_mapping_mut()
        && let Some(properties) = mapping
            .get_or_insert_with("properties", || Node::mapping(crate::yaml::Mapping::new()))
            .as_mapping_mut()
    {
        for entry in envelope().as_mapping().into_iter().flatten() {
            if !entry
                .key
                .as_str()
                .is_some_and(|key| properties.contains_key(key))
            {
                properties.insert(entry.key.clone(), entry.value.clone());
            }
        }
    }
    schema
}

fn envelope() -> &'static Node {
    static ENVELOPE: OnceLock<Node> = OnceLock::new();
    ENVELOPE.get_or_init(|| {
        let source =
            crate::diag::Source::internal("claim.yaml", include_str!("schemas/claim.yaml"));
        crate::yaml::parse_one(&source)
            .expect("the program's own schemas are YAML, which a test holds")
    })
}

/// The schema of `kind.yaml`.
pub fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| own_schema("claim-kind.yaml", include_str!("schemas/claim-kind.yaml")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_kinds_name_nothing_that_is_not_there() {
        let nothing = crate::tree::Tree::new();
        let folders = folders(&nothing, None, &mut Diagnostics::default());
        assert!(!folders.is_empty());
        for folder in folders {
            let (kind, texts, faults) = read(&folder);
            assert!(faults.is_empty(), "{faults:?}");
            let mut templates = Templates::default();
            let reader = |_: &crate::template::LookupRequest| Ok(Node::null());
            templates.add_reader("chart", Box::new(reader));
            templates.add(texts).unwrap();
            let faults = names::check(&kind.unwrap(), &templates);
            assert!(faults.is_empty(), "{faults:?}");
        }
    }
}
