//! What the generators of an ApplicationSet give: a set of parameters for each Application.

use serde_json::Value as Json;

use super::Setting;
use super::parameters::{Parameters, flattened, json, merge, normalized, of_mapping, shown};
use super::template::{Language, filled};
use crate::deploy::flux::plain;
use crate::deploy::glob::{Dialect, is_match};
use crate::deploy::sync::{flag, items, text};
use crate::diag::{Diagnostic, Diagnostics, Source};
use crate::object::Object;
use crate::tree::{EntryKind, TreePath};
use crate::yaml::{Node, parse_one};

/// Generators that ask other systems.
const ELSEWHERE: [&str; 4] = [
    "scmProvider",
    "pullRequest",
    "plugin",
    "clusterDecisionResource",
];

/// How deep matrix and merge may be nested.
const DEPTH_MAX: usize = 8;

/// The cluster that Argo CD runs in.
const IN_CLUSTER: [&str; 2] = ["in-cluster", "https://kubernetes.default.svc"];

/// A generator's sets of parameters, and its own template over that of the ApplicationSet.
pub(super) struct Generated {
    pub(super) parameters: Vec<Parameters>,
    pub(super) template: Node,
}

pub(super) struct Generators<'a> {
    pub(super) setting: &'a Setting<'a>,
    pub(super) set: &'a Object,
    pub(super) language: &'a Language,
}

type Sets = Result<Vec<Parameters>, Diagnostic>;

impl Generators<'_> {
    /// What one of `spec.generators` gives.
    pub(super) fn run(
        &self,
        generator: &Node,
        template: &Node,
        said: &mut Diagnostics,
    ) -> Result<Generated, Diagnostic> {
        let own = generator.as_mapping().into_iter().flatten();
        let own = own.filter_map(|it| it.value.get("template")).next();
        let template = match own {
            Some(own) => filled(own, template),
            None => template.clone(),
        };
        Ok(Generated {
            parameters: self.parameters(generator, &Parameters::new(), 0, said)?,
            template,
        })
    }

    /// The parameters of a generator, with those of an outer one put into its texts.
    fn parameters(
        &self,
        generator: &Node,
        outer: &Parameters,
        depth: usize,
        said: &mut Diagnostics,
    ) -> Sets {
        if depth > DEPTH_MAX {
            let message = "generators are nested too deeply";
            return Err(Diagnostic::error("invalid-value", message).at(generator));
        }
        let selector = generator.get("selector").cloned();
        let replaced;
        let generator = match outer.is_empty() {
            true => generator,
            false => {
                replaced = self.language.node(generator, outer)?;
                &replaced
            }
        };
        let mut sets = Vec::new();
        for entry in generator.as_mapping().into_iter().flatten() {
            let spec = &entry.value;
            sets.extend(match entry.key.as_str().unwrap_or("") {
                "list" => self.list(spec)?,
                "git" => self.git(spec, said)?,
                "clusters" => self.clusters(spec, said)?,
                "matrix" => self.matrix(spec, outer, depth, said)?,
                "merge" => self.merged(spec, depth, said)?,
                name if ELSEWHERE.contains(&name) => {
                    said.push(self.unseen(
                        &entry.key,
                        &format!("the generator `{name}` queries another system"),
                    ));
                    Vec::new()
                }
                _ => Vec::new(),
            });
        }
        if let Some(selector) = selector.filter(|it| !it.is_null()) {
            sets.retain(|it| is_selected(&selector, &|name| label(&flattened(it), name)));
        }
        Ok(sets)
    }

    fn unseen(&self, at: &Node, why: &str) -> Diagnostic {
        let message = format!("Applications of {} are not shown: {why}", self.set.id());
        Diagnostic::warning("unseen-source", message).at(at)
    }

    fn list(&self, spec: &Node) -> Sets {
        let mut sets: Vec<Parameters> = Vec::new();
        for element in items(spec, &["elements"]) {
            sets.push(match self.language.is_go {
                true => of_mapping(element),
                false => flat_element(element),
            });
        }
        if let Some(text) = spec.get("elementsYaml") {
            let source = text.embedded_source();
            let parsed = parse_one(&source).map_err(|faults| {
                let words = faults.iter().next().map_or("", |it| it.message.as_str());
                Diagnostic::error("invalid-value", format!("elementsYaml: {words}")).at(text)
            })?;
            let elements = parsed.as_sequence().unwrap_or_default();
            sets.extend(elements.iter().map(of_mapping));
        }
        Ok(sets)
    }

    fn git(&self, spec: &Node, said: &mut Diagnostics) -> Sets {
        let url = text(spec, &["repoURL"]);
        let urls = self.setting.urls;
        if !urls.is_empty() && !urls.contains(&plain(url)) {
            let at = spec.get("repoURL").unwrap_or(spec);
            said.push(self.unseen(at, &format!("`{url}` is not this repository")));
            return Ok(Vec::new());
        }
        let (directories, files) = (items(spec, &["directories"]), items(spec, &["files"]));
        let mut sets = Vec::new();
        if !directories.is_empty() {
            let folders = self.paths(EntryKind::Folder);
            for folder in folders
                .iter()
                .filter(|it| is_listed(directories, it, Dialect::Path))
            {
                sets.push(self.with_path(Parameters::new(), spec, folder, None)?);
            }
        } else {
            let found = self.paths(EntryKind::File);
            // As `git ls-files` does, unless a setting of the controller says otherwise.
            for file in found
                .iter()
                .filter(|it| is_listed(files, it, Dialect::Text))
            {
                for content in self.file(file)? {
                    let folder = file.parent().unwrap_or_else(TreePath::root);
                    sets.push(self.with_path(content, spec, &folder, Some(file.name()))?);
                }
            }
        }
        Ok(sets)
    }

    /// The objects of a file.
    fn file(&self, file: &TreePath) -> Result<Vec<Parameters>, Diagnostic> {
        let failed = |words: &str| {
            Diagnostic::error(
                "invalid-value",
                format!("`{file}` contains no parameters: {words}"),
            )
        };
        let bytes = self.setting.files.read(file);
        let bytes = bytes.map_err(|it| failed(&it.to_string()))?;
        let text = str::from_utf8(&bytes).map_err(|_| failed("it is not valid UTF-8"))?;
        if text.trim().is_empty() {
            return Ok(vec![Parameters::new()]);
        }
        let parsed = parse_one(&Source::new(file.clone(), text));
        let node = parsed.map_err(|faults| {
            let fault = faults.into_iter().next();
            fault.unwrap_or_else(|| failed("it is not valid YAML"))
        })?;
        let objects = match node.as_sequence() {
            Some(items) => items.iter().map(of_mapping).collect(),
            None => vec![of_mapping(&node)],
        };
        Ok(match self.language.is_go {
            true => objects,
            false => objects.iter().map(flattened).collect(),
        })
    }

    /// Folders or files of the repository, in order; what is hidden is left out.
    fn paths(&self, kind: EntryKind) -> Vec<TreePath> {
        let (mut open, mut found) = (vec![TreePath::root()], Vec::new());
        while let Some(folder) = open.pop() {
            for entry in self.setting.files.list(&folder).unwrap_or_default() {
                let path = folder.child(&entry.name);
                let is_folder = entry.kind == EntryKind::Folder;
                if is_folder && entry.name.starts_with('.') {
                    continue;
                }
                if entry.kind == kind {
                    found.push(path.clone());
                }
                if is_folder {
                    open.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// `path`, and `values` of the generator with its templates replaced.
    fn with_path(
        &self,
        mut parameters: Parameters,
        spec: &Node,
        folder: &TreePath,
        file: Option<&str>,
    ) -> OneSet {
        let prefix = text(spec, &["pathParamPrefix"]);
        let path = match folder.as_str() {
            "" => ".",
            path => path,
        };
        let base = path.rsplit('/').next().unwrap_or(path);
        let mut names = vec![("basename", base), ("filename", file.unwrap_or(""))];
        names.retain(|it| it.0 == "basename" || file.is_some());
        let texts = names.iter().flat_map(|(name, value)| {
            let normal = (format!("{name}Normalized"), normalized(value));
            [(name.to_string(), value.to_string()), normal]
        });
        let segments: Vec<&str> = path.split('/').collect();
        if self.language.is_go {
            let mut own: Parameters = texts.map(|it| (it.0, Json::String(it.1))).collect();
            own.insert("path".to_string(), Json::from(path));
            own.insert("segments".to_string(), Json::from(segments));
            let mut outer = Parameters::new();
            outer.insert("path".to_string(), Json::Object(own));
            match prefix {
                "" => parameters.extend(outer),
                prefix => _ = parameters.insert(prefix.to_string(), Json::Object(outer)),
            }
        } else {
            let name = match prefix {
                "" => "path".to_string(),
                prefix => format!("{prefix}.path"),
            };
            parameters.insert(name.clone(), Json::from(path));
            for (key, value) in texts {
                parameters.insert(format!("{name}.{key}"), Json::String(value));
            }
            for (at, segment) in segments.iter().enumerate() {
                parameters.insert(format!("{name}[{at}]"), Json::from(*segment));
            }
        }
        self.with_values(parameters, spec)
    }

    /// `values`: texts that may refer to the parameters.
    fn with_values(&self, mut parameters: Parameters, spec: &Node) -> OneSet {
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
            own.insert(key, Json::from(value));
        }
        match self.language.is_go {
            true if !own.is_empty() => {
                _ = parameters.insert("values".to_string(), Json::Object(own))
            }
            true => {}
            false => parameters.extend(own),
        }
        Ok(parameters)
    }

    /// Clusters by the Secrets that register them.
    fn clusters(&self, spec: &Node, said: &mut Diagnostics) -> Sets {
        let label_of = |secret: &Object, name: &str| {
            let value = secret.node.at_keys(&["metadata", "labels", name]);
            value.and_then(Node::as_str).map(str::to_string)
        };
        let selector = spec
            .get("selector")
            .filter(|it| !it.is_null() && !it.is_empty_collection());
        let secrets = self.setting.world.of_kind("Secret").filter(|secret| {
            let kind = label_of(secret, "argocd.argoproj.io/secret-type");
            let is_selected =
                selector.is_none_or(|it| is_selected(it, &|name| label_of(secret, name)));
            kind.as_deref() == Some("cluster") && is_selected
        });
        let mut sets = Vec::new();
        for secret in secrets {
            sets.push(self.with_values(self.cluster(secret), spec)?);
        }
        let is_own =
            |it: &Parameters| it.get("server").and_then(Json::as_str) == Some(IN_CLUSTER[1]);
        if selector.is_none() && !sets.iter().any(is_own) {
            let [name, server] = IN_CLUSTER;
            let pairs = [
                ("name", name),
                ("nameNormalized", name),
                ("server", server),
                ("project", ""),
            ];
            let own = pairs.map(|(key, value)| (key.to_string(), Json::from(value)));
            sets.push(self.with_values(own.into_iter().collect(), spec)?);
        }
        if sets.is_empty() || sets.len() == 1 && selector.is_none() {
            said.push(self.unseen(
                spec,
                "no Secret in the repository registers a matching cluster",
            ));
        }
        sets.sort_by_key(|it| it.get("name").map(shown));
        if flag(spec, &["flatList"]) {
            let list = sets.into_iter().map(Json::Object).collect();
            return Ok(vec![Parameters::from_iter([(
                "clusters".to_string(),
                Json::Array(list),
            )])]);
        }
        Ok(sets)
    }

    fn cluster(&self, secret: &Object) -> Parameters {
        let field = |name: &str| {
            let plain = secret
                .node
                .at_keys(&["stringData", name])
                .and_then(Node::as_str);
            let encoded = || {
                use base64::Engine;
                let value = secret.node.at_keys(&["data", name])?.as_str()?;
                let bytes = base64::engine::general_purpose::STANDARD.decode(value.trim());
                String::from_utf8(bytes.ok()?).ok()
            };
            plain
                .map(str::to_string)
                .or_else(encoded)
                .unwrap_or_default()
        };
        let name = field("name");
        let mut parameters = Parameters::from_iter([
            (
                "nameNormalized".to_string(),
                Json::String(normalized(&name)),
            ),
            ("name".to_string(), Json::String(name)),
            ("server".to_string(), Json::String(field("server"))),
            ("project".to_string(), Json::String(field("project"))),
        ]);
        let mut metadata = Parameters::new();
        for kind in ["annotations", "labels"] {
            let entries = secret.node.at_keys(&["metadata", kind]);
            let entries = entries.map(of_mapping).unwrap_or_default();
            match self.language.is_go {
                true if !entries.is_empty() => {
                    _ = metadata.insert(kind.to_string(), Json::Object(entries))
                }
                true => {}
                false => parameters.extend(
                    entries
                        .into_iter()
                        .map(|it| (format!("metadata.{kind}.{}", it.0), it.1)),
                ),
            }
        }
        if self.language.is_go {
            parameters.insert("metadata".to_string(), Json::Object(metadata));
        }
        parameters
    }

    /// Each set of the first generator with each of the second, which may refer to the first one's.
    fn matrix(
        &self,
        spec: &Node,
        outer: &Parameters,
        depth: usize,
        said: &mut Diagnostics,
    ) -> Sets {
        let [first, second] = items(spec, &["generators"]) else {
            let message = "a matrix generator requires two generators";
            return Err(Diagnostic::error("invalid-value", message).at(spec));
        };
        let mut sets = Vec::new();
        for own in self.parameters(first, outer, depth + 1, said)? {
            for mut set in self.parameters(second, &own, depth + 1, said)? {
                match self.language.is_go {
                    true => merge(&mut set, &own),
                    false => set.extend(own.clone()),
                }
                sets.push(set);
            }
        }
        Ok(sets)
    }

    /// The parameter sets of the first generator, with the values of the others for equal keys.
    fn merged(&self, spec: &Node, depth: usize, said: &mut Diagnostics) -> Sets {
        let keys: Vec<&str> = items(spec, &["mergeKeys"])
            .iter()
            .filter_map(Node::as_str)
            .collect();
        let [first, others @ ..] = items(spec, &["generators"]) else {
            return Ok(Vec::new());
        };
        let none = Parameters::new();
        let key = |set: &Parameters| -> Vec<Option<Json>> {
            keys.iter().map(|it| set.get(*it).cloned()).collect()
        };
        let mut sets = self.parameters(first, &none, depth + 1, said)?;
        for other in others {
            for over in self.parameters(other, &none, depth + 1, said)? {
                for set in sets.iter_mut().filter(|it| key(it) == key(&over)) {
                    match self.language.is_go {
                        true => merge(set, &over),
                        false => set.extend(over.clone()),
                    }
                }
            }
        }
        Ok(sets)
    }
}

type OneSet = Result<Parameters, Diagnostic>;

/// An element of a list as texts: `values` have a prefix.
fn flat_element(element: &Node) -> Parameters {
    let mut flat = Parameters::new();
    for (key, value) in of_mapping(element) {
        match (&*key, value) {
            ("values", Json::Object(values)) => {
                flat.extend(
                    values
                        .into_iter()
                        .map(|it| (format!("values.{}", it.0), it.1)),
                );
            }
            (_, value) => _ = flat.insert(key, value),
        }
    }
    flat
}

/// Whether some entry lists a path and none excludes it.
fn is_listed(entries: &[Node], path: &TreePath, dialect: Dialect) -> bool {
    let fits = |entry: &&Node| is_match(text(entry, &["path"]), path.as_str(), dialect);
    let is_excluded = |entry: &&Node| flag(entry, &["exclude"]);
    let mut fitting = entries.iter().filter(fits);
    let mut others = fitting.clone();
    fitting.any(|it| !is_excluded(&it)) && !others.any(|it| is_excluded(&it))
}

fn label(set: &Parameters, name: &str) -> Option<String> {
    set.get(name).map(shown)
}

/// Whether labels fit a selector of Kubernetes.
fn is_selected(selector: &Node, label: &dyn Fn(&str) -> Option<String>) -> bool {
    let labels = selector.get("matchLabels").and_then(Node::as_mapping);
    let has_labels = labels.into_iter().flatten().all(|it| {
        let wanted = it.value.as_str().map(str::to_string);
        label(it.key.as_str().unwrap_or("")) == wanted
    });
    let expressions = items(selector, &["matchExpressions"]);
    has_labels
        && expressions.iter().all(|it| {
            let value = label(text(it, &["key"]));
            let values = items(it, &["values"]);
            let is_in = || {
                let mut values = values.iter();
                values.any(|it| json(it) != Json::Null && it.as_str() == value.as_deref())
            };
            match text(it, &["operator"]) {
                "In" => value.is_some() && is_in(),
                "NotIn" => value.is_none() || !is_in(),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => true,
            }
        })
}
