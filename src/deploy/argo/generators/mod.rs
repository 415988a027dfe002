//! The parameters from the generators of an ApplicationSet: one set for each Application.

mod clusters;
mod combined;
mod git;
mod list;

use std::cell::OnceCell;

use pleach_helm::value::Value;

use super::RenderContext;
use super::parameters::{Parameters, flattened, string_map};
use super::template::{TemplateLanguage, fill_empty_fields};
use crate::deploy::sync::{items, text};
use crate::diag::{Diagnostic, Diagnostics};
use crate::object::{Label, Object, Selects, selects};
use crate::tree::TreePath;
use crate::yaml::Node;

/// Generators that query other systems.
const EXTERNAL_GENERATORS: [&str; 4] = [
    "scmProvider",
    "pullRequest",
    "plugin",
    "clusterDecisionResource",
];

/// How deep generators may be nested: a matrix or merge in another one, and the generators in it.
const DEPTH_MAX: usize = 2;

/// A generator's sets of parameters, and their template: the generator's own, with empty fields filled from that of the ApplicationSet.
pub(super) struct Generated {
    pub(super) parameters: Vec<Parameters>,
    pub(super) template: Node,
}

pub(super) struct Generators<'a> {
    context: &'a RenderContext<'a>,
    set: &'a Object,
    language: &'a TemplateLanguage,
    /// The folders and the files of the repository. A generator in a matrix runs for each set of the other one.
    folders: OnceCell<Vec<TreePath>>,
    files: OnceCell<Vec<TreePath>>,
}

type ParameterSet = Result<Parameters, Diagnostic>;
type ParameterSets = Result<Vec<Parameters>, Diagnostic>;

impl<'a> Generators<'a> {
    pub(super) fn new(
        context: &'a RenderContext<'a>,
        set: &'a Object,
        language: &'a TemplateLanguage,
    ) -> Generators<'a> {
        Generators {
            context,
            set,
            language,
            folders: OnceCell::new(),
            files: OnceCell::new(),
        }
    }

    /// The parameters of each generator in `spec.generators`.
    pub(super) fn run(
        &self,
        generator: &Node,
        template: &Node,
        diagnostics: &mut Diagnostics,
    ) -> Result<Vec<Generated>, Diagnostic> {
        let entries = generator.as_mapping().into_iter().flatten();
        let entries = entries.filter(|it| it.key.as_str() != Some("selector"));
        let mut all = Vec::new();
        for entry in entries.filter(|it| !it.value.is_null()) {
            let template = match entry.value.get("template") {
                Some(own) => fill_empty_fields(own, template),
                None => template.clone(),
            };
            let name = entry.key.as_str().unwrap_or("");
            let sets = self.sets(name, &entry.key, &entry.value, 0, diagnostics)?;
            all.push(Generated {
                parameters: selected(sets, generator.get("selector"))?,
                template,
            });
        }
        Ok(all)
    }

    /// The parameters of a generator in a matrix or merge, with parameters of another one inserted into its texts.
    fn nested(
        &self,
        generator: &Node,
        outer: &Parameters,
        depth: usize,
        diagnostics: &mut Diagnostics,
    ) -> ParameterSets {
        // Argo CD compares the parameters with the selector as written, before parameters are inserted into it.
        let selector = generator.get("selector");
        let replaced;
        let generator = match outer.is_empty() {
            true => generator,
            false => {
                replaced = self.language.node(generator, outer)?;
                &replaced
            }
        };
        let entries = generator.as_mapping().into_iter().flatten();
        let mut entries =
            entries.filter(|it| it.key.as_str() != Some("selector") && !it.value.is_null());
        let (Some(entry), None) = (entries.next(), entries.next()) else {
            let message = "a generator in a matrix or merge must be exactly one generator";
            return Err(Diagnostic::error("invalid-value", message).at(generator));
        };
        let name = entry.key.as_str().unwrap_or("");
        let sets = self.sets(name, &entry.key, &entry.value, depth, diagnostics)?;
        selected(sets, selector)
    }

    fn sets(
        &self,
        name: &str,
        at: &Node,
        spec: &Node,
        depth: usize,
        diagnostics: &mut Diagnostics,
    ) -> ParameterSets {
        match name {
            "list" => self.list(spec),
            "git" => self.git(spec, diagnostics),
            "clusters" => self.clusters(spec, diagnostics),
            "matrix" | "merge" if depth == DEPTH_MAX => {
                let message = format!("`{name}` is nested too deeply");
                let help =
                    "Argo CD supports a matrix or merge in another one, but no further levels";
                Err(Diagnostic::error("invalid-value", message)
                    .at(at)
                    .help(help))
            }
            "matrix" => self.matrix(spec, depth, diagnostics),
            "merge" => self.merged(spec, depth, diagnostics),
            name if EXTERNAL_GENERATORS.contains(&name) => {
                let why = format!("the generator `{name}` queries another system");
                diagnostics.push(self.not_shown(at, &why));
                Ok(Vec::new())
            }
            name => {
                let message = format!("Argo CD does not have a generator `{name}`");
                Err(Diagnostic::error("invalid-value", message).at(at))
            }
        }
    }

    fn not_shown(&self, at: &Node, why: &str) -> Diagnostic {
        let message = format!("Applications of {} are not shown: {why}", self.set.id());
        Diagnostic::warning("unseen-source", message).at(at)
    }

    /// `values`: texts that may refer to the parameters.
    fn with_values(&self, mut parameters: Parameters, spec: &Node) -> ParameterSet {
        let values = spec.get("values").and_then(Node::as_mapping);
        let mut own = Parameters::new();
        for entry in values.into_iter().flatten() {
            let value = self.language.node(&entry.value, &parameters)?;
            let (key, value) = (
                entry.key.as_str().unwrap_or(""),
                value.as_str().unwrap_or(""),
            );
            let key = match self.language.is_go {
                true => key.to_string(),
                false => format!("values.{key}"),
            };
            own.insert(key.into(), Value::string(value));
        }
        match self.language.is_go {
            true if !own.is_empty() => _ = parameters.insert("values".into(), string_map(own)),
            true => {}
            false => parameters.extend(own),
        }
        Ok(parameters)
    }
}

fn not_allowed(at: &Node, message: &str) -> Diagnostic {
    Diagnostic::error("invalid-value", message).at(at)
}

/// The sets that match a label selector, by their flattened names.
fn selected(mut sets: Vec<Parameters>, selector: Option<&Node>) -> ParameterSets {
    let Some(selector) = selector.filter(|it| !it.is_null()) else {
        return Ok(sets);
    };
    if let Some(fault) = selector_fault(selector) {
        return Err(fault);
    }
    sets.retain(|it| {
        let flat = flattened(it);
        let label = |name: &str| match flat.get(name.as_bytes()) {
            Some(Value::String(text)) => text.to_str().map_or(Label::Missing, Label::Is),
            _ => Label::Missing,
        };
        selects(Some(selector), label) == Selects::Always
    });
    Ok(sets)
}

/// Errors of a selector, as in Kubernetes.
fn selector_fault(selector: &Node) -> Option<Diagnostic> {
    items(selector, &["matchExpressions"])
        .iter()
        .find_map(|it| {
            let has_values = !items(it, &["values"]).is_empty();
            let message = match (text(it, &["operator"]), has_values) {
                ("In" | "NotIn", true) | ("Exists" | "DoesNotExist", false) => return None,
                ("In" | "NotIn", false) => "the operator requires `values`".to_string(),
                ("Exists" | "DoesNotExist", true) => "the operator takes no `values`".to_string(),
                (other, _) => format!("`{other}` is not an operator of selectors"),
            };
            Some(not_allowed(it, &message))
        })
}
