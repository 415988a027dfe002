//! What the generators of an ApplicationSet give: a set of parameters for each Application.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use pleach_helm::value::{Str, Value};

use super::Setting;
use super::parameters::{
    Parameters, combined, flattened, merge, normalized, of_mapping, shown, texts, value,
};
use super::template::{Language, filled};
use crate::deploy::flux::plain;
use crate::deploy::glob::{Dialect, is_match};
use crate::deploy::sync::{flag, items, text};
use crate::diag::{Diagnostic, Diagnostics, Source};
use crate::object::{Label, Object, Selects, selects};
use crate::tree::{EntryKind, TreePath};
use crate::yaml::{Node, parse, parse_one};

/// Generators that ask other systems.
const ELSEWHERE: [&str; 4] = [
    "scmProvider",
    "pullRequest",
    "plugin",
    "clusterDecisionResource",
];

/// How deep generators may be nested: a matrix or merge in another one, and the generators in it.
const DEPTH_MAX: usize = 2;

/// Annotations of a cluster's Secret that are not parameters: Argo CD and kubectl keep their own state in them.
const OWN_ANNOTATIONS: [&str; 5] = [
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/hydrate",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// The cluster that Argo CD runs in.
const IN_CLUSTER: [&str; 2] = ["in-cluster", "https://kubernetes.default.svc"];

/// A generator's sets of parameters, and its own template over that of the ApplicationSet.
pub(super) struct Generated {
    pub(super) parameters: Vec<Parameters>,
    pub(super) template: Node,
}

pub(super) struct Generators<'a> {
    setting: &'a Setting<'a>,
    set: &'a Object,
    language: &'a Language,
    /// The folders and the files of the repository. A generator in a matrix runs for each set of the other one.
    folders: OnceCell<Vec<TreePath>>,
    files: OnceCell<Vec<TreePath>>,
}

type Sets = Result<Vec<Parameters>, Diagnostic>;

impl<'a> Generators<'a> {
    pub(super) fn new(
        setting: &'a Setting<'a>,
        set: &'a Object,
        language: &'a Language,
    ) -> Generators<'a> {
        Generators {
            setting,
            set,
            language,
            folders: OnceCell::new(),
            files: OnceCell::new(),
        }
    }

    /// What each generator of one of `spec.generators` gives.
    pub(super) fn run(
        &self,
        generator: &Node,
        template: &Node,
        said: &mut Diagnostics,
    ) -> Result<Vec<Generated>, Diagnostic> {
        let entries = generator.as_mapping().into_iter().flatten();
        let entries = entries.filter(|it| it.key.as_str() != Some("selector"));
        let mut all = Vec::new();
        for entry in entries.filter(|it| !it.value.is_null()) {
            let template = match entry.value.get("template") {
                Some(own) => filled(own, template),
                None => template.clone(),
            };
            let name = entry.key.as_str().unwrap_or("");
            let sets = self.sets(name, &entry.key, &entry.value, 0, said)?;
            all.push(Generated {
                parameters: selected(sets, generator.get("selector"))?,
                template,
            });
        }
        Ok(all)
    }

    /// The parameters of a generator in a matrix or merge, with those of another one put into its texts.
    fn nested(
        &self,
        generator: &Node,
        outer: &Parameters,
        depth: usize,
        said: &mut Diagnostics,
    ) -> Sets {
        // What Argo CD compares the parameters with is the selector as written.
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
        let sets = self.sets(name, &entry.key, &entry.value, depth, said)?;
        selected(sets, selector)
    }

    fn sets(
        &self,
        name: &str,
        at: &Node,
        spec: &Node,
        depth: usize,
        said: &mut Diagnostics,
    ) -> Sets {
        match name {
            "list" => self.list(spec),
            "git" => self.git(spec, said),
            "clusters" => self.clusters(spec, said),
            "matrix" | "merge" if depth == DEPTH_MAX => {
                let message = format!("`{name}` is nested too deeply");
                let help = "Argo CD takes a matrix or merge in another one, and no more levels";
                Err(Diagnostic::error("invalid-value", message)
                    .at(at)
                    .help(help))
            }
            "matrix" => self.matrix(spec, depth, said),
            "merge" => self.merged(spec, depth, said),
            name if ELSEWHERE.contains(&name) => {
                let why = format!("the generator `{name}` queries another system");
                said.push(self.unseen(at, &why));
                Ok(Vec::new())
            }
            name => {
                let message = format!("Argo CD does not have a generator `{name}`");
                Err(Diagnostic::error("invalid-value", message).at(at))
            }
        }
    }

    fn unseen(&self, at: &Node, why: &str) -> Diagnostic {
        let message = format!("Applications of {} are not shown: {why}", self.set.id());
        Diagnostic::warning("unseen-source", message).at(at)
    }

    fn list(&self, spec: &Node) -> Sets {
        let mut sets: Vec<Parameters> = Vec::new();
        for element in items(spec, &["elements"]) {
            if !element.is_null() && element.as_mapping().is_none() {
                return Err(not_allowed(element, "an element must be a mapping"));
            }
            sets.push(match self.language.is_go {
                true => of_mapping(element),
                false => flat_element(element)?,
            });
        }
        if let Some(text) = spec
            .get("elementsYaml")
            .filter(|it| it.as_str() != Some(""))
        {
            let source = text.embedded_source();
            let parsed = parse_one(&source).map_err(|faults| {
                let words = faults.iter().next().map_or("", |it| it.message.as_str());
                not_allowed(text, &format!("elementsYaml: {words}"))
            })?;
            let is_set = |it: &Node| it.is_null() || it.as_mapping().is_some();
            match parsed.as_sequence() {
                Some(elements) if elements.iter().all(is_set) => {
                    sets.extend(elements.iter().map(of_mapping));
                }
                None if parsed.is_null() => {}
                _ => return Err(not_allowed(text, "elementsYaml must be a list of mappings")),
            }
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
        if directories.is_empty() && files.is_empty() {
            let message = "a git generator requires `directories` or `files`";
            return Err(not_allowed(spec, message));
        }
        let mut sets = Vec::new();
        if !directories.is_empty() {
            let folders = self.folders.get_or_init(|| self.paths(EntryKind::Folder));
            let fits = |pattern: &str, path: &str| is_match(pattern, path, Dialect::Path);
            for folder in folders.iter().filter(|it| is_listed(directories, it, fits)) {
                sets.push(self.with_path(Parameters::new(), spec, folder, None)?);
            }
        } else {
            let found = self.files.get_or_init(|| self.paths(EntryKind::File));
            // As `git ls-files` does, unless a setting of the controller says otherwise.
            for file in found.iter().filter(|it| is_listed(files, it, is_pathspec)) {
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
        let parsed = parse(&Source::new(file.clone(), text));
        let documents = parsed.map_err(|faults| {
            let fault = faults.into_iter().next();
            fault.unwrap_or_else(|| failed("it is not valid YAML"))
        })?;
        let node = documents.into_iter().next().unwrap_or_else(Node::null);
        let objects: Vec<Parameters> = match node.as_sequence() {
            Some(items) => items.iter().map(of_mapping).collect(),
            None if node.is_null() || node.as_mapping().is_some() => vec![of_mapping(&node)],
            None => {
                let message = "expected a mapping or a list of mappings";
                return Err(Diagnostic::error("invalid-value", message).at(&node));
            }
        };
        Ok(match self.language.is_go {
            true => objects,
            false => objects.iter().map(flattened).collect(),
        })
    }

    /// Folders or files of the repository, in order. Hidden folders are left out, files in them are not.
    fn paths(&self, kind: EntryKind) -> Vec<TreePath> {
        let (mut open, mut found) = (vec![TreePath::root()], Vec::new());
        while let Some(folder) = open.pop() {
            for entry in self.setting.files.list(&folder).unwrap_or_default() {
                let path = folder.child(&entry.name);
                let is_folder = entry.kind == EntryKind::Folder;
                let is_hidden = entry.name.starts_with('.') && kind == EntryKind::Folder;
                if is_folder && (is_hidden || &*entry.name == ".git") {
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
        let names = names.iter().flat_map(|(name, value)| {
            let normal = (format!("{name}Normalized"), normalized(value));
            [(name.to_string(), value.to_string()), normal]
        });
        let segments = path.split('/');
        if self.language.is_go {
            let names = names.map(|(name, value)| (Str::from(name), Value::string(value)));
            let mut own: Parameters = names.collect();
            own.insert("path".into(), Value::string(path));
            own.insert("segments".into(), Value::strings(segments));
            let own = ("path".into(), Value::map(own));
            match prefix {
                "" => parameters.extend([own]),
                prefix => parameters.extend([(prefix.into(), Value::map([own]))]),
            }
        } else {
            let name = match prefix {
                "" => "path".to_string(),
                prefix => format!("{prefix}.path"),
            };
            let mut add = |key: String, value: &str| {
                parameters.insert(key.into(), Value::string(value));
            };
            for (key, value) in names {
                add(format!("{name}.{key}"), &value);
            }
            for (at, segment) in segments.enumerate() {
                add(format!("{name}[{at}]"), segment);
            }
            add(name, path);
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
            own.insert(key.into(), Value::string(value));
        }
        match self.language.is_go {
            true if !own.is_empty() => _ = parameters.insert("values".into(), texts(own)),
            true => {}
            false => parameters.extend(own),
        }
        Ok(parameters)
    }

    /// Clusters by the Secrets that register them.
    fn clusters(&self, spec: &Node, said: &mut Diagnostics) -> Sets {
        let selector = spec
            .get("selector")
            .filter(|it| !it.is_null() && !it.is_empty_collection());
        if let Some(fault) = selector.and_then(selector_fault) {
            return Err(fault);
        }
        let secrets = self.setting.world.of_kind("Secret").filter(|secret| {
            let labels = secret.node.at_keys(&["metadata", "labels"]);
            let kind = Label::of(labels, "argocd.argoproj.io/secret-type");
            let is_selected = selects(selector, |name| Label::of(labels, name)) == Selects::Always;
            kind == Label::Is("cluster") && is_selected
        });
        let mut sets = Vec::new();
        for secret in secrets {
            sets.push(self.with_values(self.cluster(secret), spec)?);
        }
        let is_own = |it: &Parameters| {
            let server = it.get("server".as_bytes());
            server.map(shown).as_deref() == Some(IN_CLUSTER[1])
        };
        if selector.is_none() && !sets.iter().any(is_own) {
            let [name, server] = IN_CLUSTER;
            let pairs = [
                ("name", name),
                ("nameNormalized", name),
                ("server", server),
                ("project", ""),
            ];
            let own = pairs.map(|(key, value)| (Str::from(key), Value::string(value)));
            sets.push(self.with_values(own.into_iter().collect(), spec)?);
        }
        if sets.is_empty() || sets.len() == 1 && selector.is_none() {
            said.push(self.unseen(
                spec,
                "no Secret in the repository registers a matching cluster",
            ));
        }
        sets.sort_by_key(|it| it.get("name".as_bytes()).map(shown));
        if flag(spec, &["flatList"]) {
            let list = Value::list(sets.into_iter().map(Value::map).collect());
            return Ok(vec![Parameters::from_iter([("clusters".into(), list)])]);
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
        let pairs = [
            ("nameNormalized", normalized(&name)),
            ("name", name),
            ("server", field("server")),
            ("project", field("project")),
        ];
        let pairs = pairs.map(|(key, value)| (Str::from(key), Value::string(value)));
        let mut parameters = Parameters::from_iter(pairs);
        let mut metadata = Parameters::new();
        for kind in ["annotations", "labels"] {
            let entries = secret.node.at_keys(&["metadata", kind]);
            let mut entries = entries.map(of_mapping).unwrap_or_default();
            let has_any = !entries.is_empty();
            if kind == "annotations" {
                entries.retain(|it, _| !OWN_ANNOTATIONS.contains(&&*it.to_lossy()));
            }
            match self.language.is_go {
                true if has_any => _ = metadata.insert(kind.into(), texts(entries)),
                true => {}
                false => parameters.extend(entries.into_iter().map(|(key, value)| {
                    let key = format!("metadata.{kind}.{}", key.to_lossy());
                    (Str::from(key), value)
                })),
            }
        }
        if self.language.is_go {
            parameters.insert("metadata".into(), Value::map(metadata));
        }
        parameters
    }

    /// Each set of the first generator with each of the second, which may refer to the first one's.
    fn matrix(&self, spec: &Node, depth: usize, said: &mut Diagnostics) -> Sets {
        let [first, second] = items(spec, &["generators"]) else {
            return Err(not_allowed(
                spec,
                "a matrix generator requires two generators",
            ));
        };
        let mut sets = Vec::new();
        for own in self.nested(first, &Parameters::new(), depth + 1, said)? {
            for mut set in self.nested(second, &own, depth + 1, said)? {
                match self.language.is_go {
                    true => merge(&mut set, &own).map_err(|words| not_allowed(spec, &words))?,
                    false => {
                        set = combined(&own, &set).map_err(|words| not_allowed(spec, &words))?;
                    }
                }
                sets.push(set);
            }
        }
        Ok(sets)
    }

    /// The parameter sets of the first generator, with the values of the others for equal keys.
    fn merged(&self, spec: &Node, depth: usize, said: &mut Diagnostics) -> Sets {
        let keys = items(spec, &["mergeKeys"]).iter();
        let keys: Vec<&str> = keys.filter_map(Node::as_str).collect();
        if keys.is_empty() {
            return Err(not_allowed(spec, "a merge generator requires `mergeKeys`"));
        }
        let [first, others @ ..] = items(spec, &["generators"]) else {
            return Err(not_allowed(
                spec,
                "a merge generator requires two generators or more",
            ));
        };
        if others.is_empty() {
            return Err(not_allowed(
                spec,
                "a merge generator requires two generators or more",
            ));
        }
        let mut by_key = |generator: &Node| {
            let sets = self.nested(generator, &Parameters::new(), depth + 1, said)?;
            let mut found: Vec<(String, Parameters)> = Vec::new();
            let mut known = BTreeSet::new();
            for set in sets {
                let key = merge_key(&keys, &set);
                if !known.insert(key.clone()) {
                    let message = "two sets of parameters of one generator have the same values \
                                   for `mergeKeys`";
                    return Err(not_allowed(generator, message));
                }
                found.push((key, set));
            }
            Ok(found)
        };
        let mut sets = by_key(first)?;
        for other in others {
            let over: BTreeMap<String, Parameters> = by_key(other)?.into_iter().collect();
            for (key, set) in &mut sets {
                match over.get(key) {
                    Some(over) if self.language.is_go => {
                        merge(set, over).map_err(|words| not_allowed(spec, &words))?;
                    }
                    Some(over) => set.extend(over.clone()),
                    None => {}
                }
            }
        }
        Ok(sets.into_iter().map(|it| it.1).collect())
    }
}

fn not_allowed(at: &Node, message: &str) -> Diagnostic {
    Diagnostic::error("invalid-value", message).at(at)
}

/// The values of the keys, with their types, so that 1 and "1" differ.
fn merge_key(keys: &[&str], set: &Parameters) -> String {
    let value = |key: &&str| {
        let value = set.get(key.as_bytes()).cloned().unwrap_or_default();
        format!("{}:{:?}", value.type_name(), shown(&value))
    };
    keys.iter().map(value).collect::<Vec<_>>().join("\n")
}

/// The sets that a selector of Kubernetes fits, by their flattened names.
fn selected(mut sets: Vec<Parameters>, selector: Option<&Node>) -> Sets {
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

/// What Kubernetes refuses in a selector.
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

type OneSet = Result<Parameters, Diagnostic>;

/// An element of a list where templates are no Go templates: texts, and `values` with a prefix.
fn flat_element(element: &Node) -> OneSet {
    let mut flat = Parameters::new();
    for entry in element.as_mapping().into_iter().flatten() {
        let key = entry.key.as_str().unwrap_or("");
        if key != "values" {
            flat.insert(key.into(), plain_text(&entry.value)?);
            continue;
        }
        let Some(values) = entry.value.as_mapping() else {
            return Err(not_allowed(&entry.value, "`values` must be a mapping"));
        };
        for entry in values {
            let key = format!("values.{}", entry.key.as_str().unwrap_or(""));
            flat.insert(key.into(), plain_text(&entry.value)?);
        }
    }
    Ok(flat)
}

fn plain_text(node: &Node) -> Result<Value, Diagnostic> {
    match value(node) {
        text @ Value::String(_) => Ok(text),
        _ => {
            let message = "a parameter must be a string where `goTemplate` is not true";
            Err(not_allowed(node, message).help("write it in quotes, or set `goTemplate: true`"))
        }
    }
}

/// Whether some entry lists a path and none excludes it.
fn is_listed(entries: &[Node], path: &TreePath, fits: impl Fn(&str, &str) -> bool) -> bool {
    let fits = |entry: &&Node| fits(text(entry, &["path"]), path.as_str());
    let is_excluded = |entry: &&Node| flag(entry, &["exclude"]);
    let mut fitting = entries.iter().filter(fits);
    let mut others = fitting.clone();
    fitting.any(|it| !is_excluded(&it)) && !others.any(|it| is_excluded(&it))
}

/// Whether `git ls-files` lists a path for a pattern: `*` fits slashes too, and the path of a folder means all files in it.
fn is_pathspec(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches("./");
    let folder = pattern.trim_end_matches('/');
    let below = path.strip_prefix(folder);
    let is_below =
        below.is_some_and(|it| folder.is_empty() || it.is_empty() || it.starts_with('/'));
    is_below || is_match(pattern, path, Dialect::Pathspec)
}
