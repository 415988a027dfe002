//! Reads the definition of a kind: `kind.yaml`, with its schema, expressions and templates.

use std::sync::OnceLock;

use super::super::document::{own_schema, read_checked, read_text};
use super::super::links;
use super::{
    Capability, ClaimKind, FileTemplate, Lookup, Reference, Rule, Spelling, condition_name, effects,
};
use crate::diag::{Diagnostic, Diagnostics, Edit};
use crate::layout::{Group, KIND};
use crate::schema::{Schema, own_document};
use crate::template::Texts;
use crate::tree::{EntryKind, Files, TreePath, Walk};
use crate::yaml::{Mapping, Node, View, parse_one};

/// The folder of a kind.
pub(super) struct KindFolder<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) path: TreePath,
    pub(super) is_builtin: bool,
}

/// Reads a kind. Returns it with its texts, which are not yet compiled, and its diagnostics.
pub(super) fn read(folder: &KindFolder<'_>) -> (Option<ClaimKind>, Texts, Diagnostics) {
    let mut reader = Reader {
        files: folder.files,
        folder: &folder.path,
        kind: folder.path.name(),
        is_builtin: folder.is_builtin,
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

/// Reads the definition of a kind and collects its texts and errors.
struct Reader<'a> {
    files: &'a dyn Files,
    folder: &'a TreePath,
    /// The name of the kind.
    kind: &'a str,
    is_builtin: bool,
    texts: Texts,
    faults: Diagnostics,
}

impl Reader<'_> {
    /// Reads and validates `kind.yaml`. Built-in kinds are not validated, because tests do that.
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
        let texts = |key: &str| {
            sequence(spec, key)
                .iter()
                .filter_map(Node::as_str)
                .map(str::to_string)
                .collect::<Vec<_>>()
        };
        self.add_templates();
        let schema = self.schema(spec.get("schema")?)?;
        let effects = effects::read(&schema, self.kind, &mut self.texts);
        Some(ClaimKind {
            name: self.kind.to_string(),
            api_versions: texts("apiVersions"),
            other_versions: other_versions(spec.get("otherVersions")),
            aliases: texts("aliases"),
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
            spec: spec.clone(),
            span: node.span().clone(),
            name_span: node
                .at_keys(&["metadata", "name"])
                .unwrap_or(node)
                .span()
                .clone(),
            effects,
            schema,
        })
    }

    /// Parses the schema of a claim, with the fields that all claims have. Conditions of defaults are added to the kind's texts.
    fn schema(&mut self, node: &Node) -> Option<Schema> {
        let mut found = Vec::new();
        find_conditions(node, &mut found);
        for condition in found {
            let name = condition_name(self.kind, condition.as_str().unwrap_or(""));
            self.texts.add_expression(&name, condition);
        }
        let node = with_common_fields(node);
        let schema = match self.is_builtin {
            true => Schema::parse_own(&node),
            false => Schema::parse(&node),
        };
        schema.map_err(|faults| self.faults.extend(faults)).ok()
    }

    /// Adds all templates of the folder, because they can include and import each other.
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
            .extend(repeated.iter().map(|it| links::repeated_folder(files, it)));
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

    /// Adds an expression to the texts and returns its name there. `path` is its path in `kind.yaml`.
    fn expression(&mut self, path: &str, node: Option<&Node>) -> Option<String> {
        let name = format!("{}#{path}", self.kind);
        self.texts.add_expression(&name, node?);
        Some(name)
    }

    /// Adds a text with expressions to the texts and returns its name there. `path` is its path in `kind.yaml`.
    fn text(&mut self, path: &str, node: Option<&Node>) -> Option<String> {
        let name = format!("{}#{path}", self.kind);
        self.texts.add_text(&name, node?);
        Some(name)
    }
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

/// Collects the conditions of defaults in a schema.
fn find_conditions<'a>(schema: &'a Node, found: &mut Vec<&'a Node>) {
    match schema.view() {
        View::Scalar(_) => {}
        View::Sequence(items) => items.iter().for_each(|item| find_conditions(item, found)),
        View::Mapping(mapping) => {
            found.extend(
                mapping
                    .get("x-pleach-default")
                    .and_then(|it| it.get("when")),
            );
            mapping
                .iter()
                .for_each(|it| find_conditions(&it.value, found));
        }
    }
}

fn sequence<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key)
        .and_then(Node::as_sequence)
        .unwrap_or_default()
}

/// Adds the properties that every claim has to a schema, unless it defines them itself: `apiVersion`, `kind` and `metadata`.
fn with_common_fields(schema: &Node) -> Node {
    let mut schema = schema.clone();
    if let Some(mapping) = schema.as_mapping_mut()
        && let Some(properties) = mapping
            .get_or_insert_with("properties", || Node::mapping(Mapping::new()))
            .as_mapping_mut()
    {
        for entry in common_fields().as_mapping().into_iter().flatten() {
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

fn common_fields() -> &'static Node {
    static FIELDS: OnceLock<Node> = OnceLock::new();
    FIELDS.get_or_init(|| own_document("claim.yaml", include_str!("../schemas/claim.yaml")))
}

/// The schema of `kind.yaml`.
pub fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        own_schema(
            "claim-kind.yaml",
            include_str!("../schemas/claim-kind.yaml"),
        )
    })
}
