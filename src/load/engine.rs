//! The sync engine of an environment, as far as its settings are read. What an engine does is in its folder of `engine`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::OnceLock;

use super::workspace::WorkspaceConfig;
use crate::diag::{Diagnostic, Diagnostics};
use crate::layout::BASE;
use crate::schema::{Schema, own_document, schema_of_own};
use crate::yaml::{Entry, Mapping, Node};

/// A sync engine, which reconciles a tree.
pub struct Engine {
    /// The name in `environment.yaml`.
    pub name: &'static str,
    /// The name in messages.
    pub title: &'static str,
    /// The kind of the object that applies a claim's folder.
    pub claim_kind: &'static str,
    /// This kind in messages.
    pub claim_title: &'static str,
    /// The folder of what its environments share. Each engine always has its own, so that adding an environment of another engine
    /// does not move files.
    pub base: &'static str,
    /// The namespace that its installation creates.
    pub namespace: &'static str,
    /// Names that neither claims nor environments can have.
    pub reserved: &'static [&'static str],
    /// The fields of `spec` of an environment that it reads, as properties of a schema. The description of a field that other
    /// engines read, too, is appended to theirs.
    pub schema: &'static str,
    /// Those of these fields whose keys are names of claims.
    pub claim_fields: &'static [&'static [&'static str]],
    /// What to write in place of a field that it does not read.
    pub instead: &'static str,
    /// Whether it reads the tree of an environment from Git.
    pub reads_git: fn(&Node) -> bool,
    /// Reports invalid settings in `environment.yaml`, beyond violations of the schema.
    pub check: fn(&Node, &WorkspaceConfig, &mut Diagnostics),
}

impl PartialEq for Engine {
    fn eq(&self, other: &Engine) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The engines that environments can have.
pub struct Engines {
    default: &'static Engine,
    all: Vec<&'static Engine>,
    format: OnceLock<Format>,
}

/// The format of `environment.yaml`.
struct Format {
    schema: Schema,
    /// The part of each engine.
    parts: Vec<Mapping>,
}

impl Engines {
    /// The default engine and further ones.
    pub fn new(
        default: &'static Engine,
        others: impl IntoIterator<Item = &'static Engine>,
    ) -> Engines {
        Engines {
            default,
            all: [default].into_iter().chain(others).collect(),
            format: OnceLock::new(),
        }
    }

    /// All of them, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &'static Engine> {
        self.all.iter().copied()
    }

    /// The engine that an environment has if it does not set one.
    pub(super) fn default(&self) -> &'static Engine {
        self.default
    }

    /// The engine of an environment.
    pub(super) fn of(&self, environment: &Node) -> &'static Engine {
        let name = setting(environment, &["engine"]).and_then(Node::as_str);
        let found = self.iter().find(|it| Some(it.name) == name);
        found.unwrap_or(self.default)
    }

    /// Whether a folder of the tree is a base folder.
    pub fn is_base(&self, folder: &str) -> bool {
        self.iter().any(|it| it.base == folder)
    }

    /// Whether claims and environments cannot have a name, because a file or an object of an engine has it.
    pub(super) fn reserves(&self, name: &str) -> bool {
        self.is_base(name) || self.iter().any(|it| it.reserved.contains(&name))
    }

    /// The fields of an environment, below `spec`, whose keys are names of claims.
    pub fn claim_fields(&self) -> impl Iterator<Item = &'static [&'static str]> {
        self.iter().flat_map(|it| it.claim_fields).copied()
    }

    /// The schema of `environment.yaml`.
    pub fn schema(&self) -> &Schema {
        &self.format().schema
    }

    fn format(&self) -> &Format {
        self.format.get_or_init(|| Format::of(self))
    }

    /// Reports settings that the engine of an environment does not read.
    pub(super) fn check(&self, environment: &Node, diagnostics: &mut Diagnostics) {
        let engine = self.of(environment);
        let parts = || self.iter().zip(&self.format().parts);
        let own = parts().find(|it| it.0 == engine).map(|it| it.1);
        let (Some(own), Some(spec)) = (own, environment.get("spec")) else {
            return;
        };
        let mut known = BTreeSet::new();
        for (reader, part) in parts().filter(|it| it.0 != engine) {
            let mut found = Vec::new();
            find_unread(spec, part, own, "spec", &mut found);
            for (field, value) in found.into_iter().filter(|it| known.insert(it.0.clone())) {
                let message = format!("{} does not read `{field}`", engine.title);
                let help = format!(
                    "remove it, or set `engine: {}`; {}",
                    reader.name, engine.instead
                );
                let fault = Diagnostic::error("invalid-value", message).at(value);
                diagnostics.push(fault.help(help));
            }
        }
    }

    /// Reports settings of base that have no effect there.
    pub(super) fn check_base(&self, base: &Node, diagnostics: &mut Diagnostics) {
        let parts = self.format().parts.iter().flat_map(Mapping::keys);
        let keys: BTreeSet<&str> = parts.chain(["layout"]).collect();
        for key in keys {
            if let Some(found) = setting(base, &[key]) {
                let message =
                    format!("`environments/{BASE}` is not synced and cannot have `{key}`");
                let fault = Diagnostic::error("invalid-value", message).at(found);
                diagnostics.push(fault.help("remove it here, and set it in the environments"));
            }
        }
    }
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Format {
    fn of(engines: &Engines) -> Format {
        let part = |it: &Engine| {
            let node = own_document(&format!("environment-{}.yaml", it.name), it.schema);
            node.as_mapping().cloned().unwrap_or_default()
        };
        let parts: Vec<Mapping> = engines.iter().map(part).collect();
        let mut schema = own_document("environment.yaml", include_str!("schemas/environment.yaml"));
        let spec = schema.at_keys_mut(&["properties", "spec", "properties"]);
        if let Some(spec) = spec.and_then(Node::as_mapping_mut) {
            let field = spec.get_mut("engine").and_then(Node::as_mapping_mut);
            if let Some(field) = field {
                let names = engines.iter().map(|it| Node::constant(it.name));
                field.insert("enum", Node::sequence(names));
                let titles: Vec<&str> = engines.iter().map(|it| it.title).collect();
                let (titles, default) = (titles.join(" or "), engines.default.name);
                let words = format!("What syncs the tree: {titles}. Default `{default}`.");
                field.insert("description", words);
            }
            parts.iter().for_each(|it| add(spec, it));
        }
        Format {
            schema: schema_of_own(&schema),
            parts,
        }
    }
}

/// Adds a part of a schema.
fn add(schema: &mut Mapping, part: &Mapping) {
    for Entry { key, value } in part {
        let name = key.as_str().unwrap_or("");
        let Some(own) = schema.get_mut(name) else {
            schema.insert(key.clone(), value.clone());
            continue;
        };
        if let (Some(own), Some(part)) = (own.as_mapping_mut(), value.as_mapping()) {
            add(own, part);
        } else if let (Some(text), Some(more), "description") = (own.as_str(), value.as_str(), name)
        {
            *own = Node::string(format!("{text} {more}"));
        }
    }
}

/// Fields that are in one part of the schema and not in the other, with their paths.
fn find_unread<'a>(
    settings: &'a Node,
    part: &Mapping,
    own: &Mapping,
    above: &str,
    found: &mut Vec<(String, &'a Node)>,
) {
    for Entry { key, value } in part {
        let name = key.as_str().unwrap_or("");
        let Some(setting) = settings.get(name).filter(|it| !it.is_null()) else {
            continue;
        };
        let path = format!("{above}.{name}");
        match own.get(name) {
            None => found.push((path, setting)),
            Some(own) => {
                if let (Some(part), Some(own)) = (properties(value), properties(own)) {
                    find_unread(setting, part, own, &path, found);
                }
            }
        }
    }
}

fn properties(schema: &Node) -> Option<&Mapping> {
    schema.get("properties")?.as_mapping()
}

/// A field of `spec` of an environment, unless it is null.
pub fn setting<'a>(environment: &'a Node, keys: &[&str]) -> Option<&'a Node> {
    let found = environment.get("spec")?.at_keys(keys)?;
    Some(found).filter(|it| !it.is_null())
}
