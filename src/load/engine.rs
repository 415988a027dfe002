//! The sync engines as far as reading environments needs them. The rest of an engine is in its folder of `engine`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::OnceLock;

use super::workspace::WorkspaceConfig;
use crate::diag::{Class, Diagnostic, Diagnostics};
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
    /// The name of this kind in messages.
    pub claim_title: &'static str,
    /// The name of the folder with the claims that its environments share. Each engine has a different one, so that adding an
    /// environment of another engine does not move files.
    pub base: &'static str,
    /// The namespace that its installation creates.
    pub namespace: &'static str,
    /// Names that neither claims nor environments can have.
    pub reserved: &'static [&'static str],
    /// The fields of `spec` in `environment.yaml` that it reads, as properties of a schema. If several engines read the same field,
    /// their descriptions are joined.
    pub schema: &'static str,
    /// The paths of fields whose keys are names of claims.
    pub claim_fields: &'static [&'static [&'static str]],
    /// The help for fields that the engine does not read: what to use instead.
    pub instead: &'static str,
    /// Whether it reads the tree of an environment from Git. The argument is the `environment.yaml`.
    pub reads_git: fn(&Node) -> bool,
    /// Reports invalid settings in `environment.yaml` that its schema cannot express.
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
    /// For each engine: the properties of `spec` that it reads.
    properties: Vec<Mapping>,
}

impl Engines {
    /// Creates the table of engines. `default` is the engine of environments that do not set one.
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

    /// All engines, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &'static Engine> {
        self.all.iter().copied()
    }

    /// The engine that an environment has if it does not set one.
    pub(super) fn default(&self) -> &'static Engine {
        self.default
    }

    /// The engine that an `environment.yaml` sets, or the default.
    pub(super) fn engine_of(&self, environment: &Node) -> &'static Engine {
        let name = setting(environment, &["engine"]).and_then(Node::as_str);
        let engine = self.iter().find(|it| Some(it.name) == name);
        engine.unwrap_or(self.default)
    }

    /// Whether a folder of the tree is a base folder.
    pub fn is_base(&self, folder: &str) -> bool {
        self.iter().any(|it| it.base == folder)
    }

    /// Whether a name is reserved for a file or an object of an engine, so that claims and environments cannot have it.
    pub(super) fn reserves(&self, name: &str) -> bool {
        self.is_base(name) || self.iter().any(|it| it.reserved.contains(&name))
    }

    /// The paths of fields below `spec` of `environment.yaml` whose keys are names of claims.
    pub fn claim_fields(&self) -> impl Iterator<Item = &'static [&'static str]> {
        self.iter().flat_map(|it| it.claim_fields).copied()
    }

    /// The schema of `environment.yaml`.
    pub fn schema(&self) -> &Schema {
        &self.format().schema
    }

    fn format(&self) -> &Format {
        self.format.get_or_init(|| Format::new(self))
    }

    /// Reports settings that only other engines read.
    pub(super) fn check(&self, environment: &Node, diagnostics: &mut Diagnostics) {
        let engine = self.engine_of(environment);
        let engines = || self.iter().zip(&self.format().properties);
        let own = engines().find(|it| it.0 == engine).map(|it| it.1);
        let (Some(own), Some(spec)) = (own, environment.get("spec")) else {
            return;
        };
        let mut reported = BTreeSet::new();
        for (other, properties) in engines().filter(|it| it.0 != engine) {
            let mut found = Vec::new();
            find_unread(spec, properties, own, "spec", &mut found);
            for (field, value) in found.into_iter().filter(|it| reported.insert(it.0.clone())) {
                let message = format!("{} does not read `{field}`", engine.title);
                let help = format!(
                    "remove it, or set `engine: {}`; {}",
                    other.name, engine.instead
                );
                let fault = Diagnostic::error("invalid-value", message).at(value);
                diagnostics.push(fault.help(help));
            }
        }
    }

    /// Reports settings for engines in the `environment.yaml` of base, where they have no effect.
    pub(super) fn check_base(&self, base: &Node, diagnostics: &mut Diagnostics) {
        let keys = self.format().properties.iter().flat_map(Mapping::keys);
        let keys: BTreeSet<&str> = keys.chain(["layout"]).collect();
        for key in keys {
            if let Some(value) = setting(base, &[key]) {
                let message =
                    format!("`environments/{BASE}` is not synced and cannot have `{key}`");
                let fault = Diagnostic::error("invalid-value", message).at(value);
                diagnostics.push(fault.help("remove it here, and set it in the environments"));
            }
        }
        for key in WITHOUT_EFFECT_IN_BASE {
            if let Some(value) = setting(base, &[key]) {
                let message = format!(
                    "`{key}` has no effect in `environments/{BASE}`, because no cluster applies it"
                );
                let fault = Diagnostic::warning("no-effect", message).class(Class::NoEffect);
                let fault = fault.at(value);
                diagnostics.push(fault.help("remove it here, and set it in the environments"));
            }
        }
    }
}

/// Settings that only matter where the tree is applied. `engine` and `labels`, which many environments have in common, are allowed.
const WITHOUT_EFFECT_IN_BASE: [&str; 2] = ["exclude", "helmVersion"];

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Format {
    fn new(engines: &Engines) -> Format {
        let properties = |it: &Engine| {
            let node = own_document(&format!("environment-{}.yaml", it.name), it.schema);
            node.as_mapping().cloned().unwrap_or_default()
        };
        let properties: Vec<Mapping> = engines.iter().map(properties).collect();
        let mut schema = own_document("environment.yaml", include_str!("schemas/environment.yaml"));
        let spec = schema.at_keys_mut(&["properties", "spec", "properties"]);
        if let Some(spec) = spec.and_then(Node::as_mapping_mut) {
            let field = spec.get_mut("engine").and_then(Node::as_mapping_mut);
            if let Some(field) = field {
                let names = engines.iter().map(|it| Node::constant(it.name));
                field.insert("enum", Node::sequence(names));
                let titles: Vec<&str> = engines.iter().map(|it| it.title).collect();
                let (titles, default) = (titles.join(" or "), engines.default.name);
                let description =
                    format!("The engine that syncs the tree: {titles}. Default `{default}`.");
                field.insert("description", description);
            }
            properties.iter().for_each(|it| merge(spec, it));
        }
        Format {
            schema: schema_of_own(&schema),
            properties,
        }
    }
}

/// Merges properties into those of a schema. Descriptions are joined.
fn merge(schema: &mut Mapping, properties: &Mapping) {
    for Entry { key, value } in properties {
        let name = key.as_str().unwrap_or("");
        let Some(existing) = schema.get_mut(name) else {
            schema.insert(key.clone(), value.clone());
            continue;
        };
        if let (Some(existing), Some(added)) = (existing.as_mapping_mut(), value.as_mapping()) {
            merge(existing, added);
        } else if let (Some(text), Some(added), "description") =
            (existing.as_str(), value.as_str(), name)
        {
            *existing = Node::string(format!("{text} {added}"));
        }
    }
}

/// Collects the settings that are among the properties of another engine and not among the own ones, with their paths.
fn find_unread<'a>(
    settings: &'a Node,
    other: &Mapping,
    own: &Mapping,
    parent: &str,
    found: &mut Vec<(String, &'a Node)>,
) {
    for Entry { key, value } in other {
        let name = key.as_str().unwrap_or("");
        let Some(setting) = settings.get(name).filter(|it| !it.is_null()) else {
            continue;
        };
        let path = format!("{parent}.{name}");
        match own.get(name) {
            None => found.push((path, setting)),
            Some(own) => {
                if let (Some(other), Some(own)) = (properties(value), properties(own)) {
                    find_unread(setting, other, own, &path, found);
                }
            }
        }
    }
}

fn properties(schema: &Node) -> Option<&Mapping> {
    schema.get("properties")?.as_mapping()
}

/// A field below `spec` of an `environment.yaml`; `None` if it is null.
pub fn setting<'a>(environment: &'a Node, keys: &[&str]) -> Option<&'a Node> {
    let value = environment.get("spec")?.at_keys(keys)?;
    Some(value).filter(|it| !it.is_null())
}
