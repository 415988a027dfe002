//! Random HelmReleases compared with helm-controller's own libraries and Helm 4.
//!
//! `FLUX_ORACLE` is the path of the program of `tools/flux-oracle`, `RELEASE_CHARTS` a folder with charts at any depth (default:
//! those of the conformance corpus), `RANDOM_RELEASES` the number of releases, and `RANDOM_SEED` the seed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pleach::deploy::{Options, deploy};
use serde_json::{Map, Value as Json, json};

use crate::chance::Random;
use crate::objects::{Case, Outcome, compare, flux_sync, of_kind, outcome, random_cases, tree};

const NAMESPACE: &str = "shop";
const KINDS: [&str; 6] = ["ConfigMap", "Deployment", "Service", "Job", "Secret", "Pod"];
/// Texts of a value that `targetPath` sets.
const TEXTS: [&str; 18] = [
    "x",
    "1",
    "1.5",
    "1e6",
    "true",
    "null",
    "'5'",
    "\"a,b\"",
    "{a,b}",
    "a=b",
    "a\\,b",
    "",
    "'",
    "☃ é",
    "1234567890123",
    "[1]",
    "a: b",
    "l1\nl2\n",
];

/// Fields of an object, in forms that parsers read differently.
const FIELDS: [&str; 22] = [
    "base: &base {k: '1', b: 2}",
    "before: {b: 3, <<: *base}",
    "after: {<<: *base, b: 3}",
    "several: {<<: [{e: 1}, {e: 2, f: 2}], b: 3}",
    "same: *base",
    "flow: {a,b}",
    "nested: [{a,b: }, [x], {}]",
    "empty:",
    "tilde: ~",
    "word: yes",
    "on: 'off'",
    "date: 2020-01-01",
    "octal: 010",
    "prefixed: 0o17",
    "grouped: 1_000",
    "tagged: !!str 5",
    "exponent: 1e3",
    "huge: 12345678901234567890",
    "literal: |\n  a\n\n  b \n",
    "folded: >-\n  a b\n  c\n",
    "spec: {containers: [{image: 'nginx:1', name: a}]}",
    "list:\n# a comment\n- a\n-\n- 'b'",
];

#[test]
#[ignore = "needs FLUX_ORACLE: the program of tools/flux-oracle"]
fn random_releases_deploy_like_with_helm_controller() {
    let charts = charts();
    let random = |seed| Question::random(&charts, seed);
    compare(
        "FLUX_ORACLE",
        &random_cases("RANDOM_RELEASES", 1000, random),
    );
}

/// The files of each chart by name.
pub(crate) fn charts() -> Vec<(String, BTreeMap<String, String>)> {
    let corpus = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        root.join("../shared/conformance/helm/charts")
    };
    let root = std::env::var("RELEASE_CHARTS").map_or_else(|_| corpus(), PathBuf::from);
    let mut found = Vec::new();
    find(&root, &mut found);
    let charts = found.into_iter().filter_map(|folder| {
        let mut files = BTreeMap::new();
        read(&folder, &folder, &mut files)?;
        // It has an effect only for charts in folders, which the oracle does not read.
        files.remove(".helmignore");
        let files = named(files);
        let name = folder.strip_prefix(&root).unwrap();
        Some((name.display().to_string(), files))
    });
    charts.collect()
}

/// The files, with a name for each object without metadata, because helm-controller would refuse it.
fn named(files: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let kind = regex::Regex::new(r"(?m)^kind: *(\w+)\s*$").unwrap();
    let files = files.into_iter();
    let named = files.map(|(name, text)| {
        if !name.contains("templates/") || text.contains("metadata:") {
            return (name, text);
        }
        let number = name.len();
        let with_name = |found: &regex::Captures<'_>| {
            let lower = found[1].to_lowercase();
            format!(
                "apiVersion: v1\nkind: {}\nmetadata: {{name: {lower}-{number}}}\n",
                &found[1]
            )
        };
        let text = text.replace("apiVersion: v1\n", "");
        let named = kind.replace_all(&text, with_name).into_owned();
        (name, named)
    });
    named.collect()
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.join("Chart.yaml").exists() {
        found.push(folder.to_path_buf());
        return;
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|it| it.unwrap().path())
        .collect();
    entries.sort();
    let folders = entries.iter().filter(|it| it.is_dir() && !it.is_symlink());
    folders.for_each(|it| find(it, found));
}

/// Reads the files of a chart; `None` if one of them is not text.
fn read(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) -> Option<()> {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.insert(name, String::from_utf8(std::fs::read(&path).ok()?).ok()?);
        }
    }
    Some(())
}

/// A release, its chart, and the objects that it refers to.
struct Question {
    chart: String,
    files: BTreeMap<String, String>,
    /// The release, then ConfigMaps and Secrets.
    documents: Vec<Json>,
}

impl Question {
    fn random(charts: &[(String, BTreeMap<String, String>)], seed: u64) -> Question {
        let mut random = Random(2 * seed + 1);
        let (name, files) = &charts[random.below(charts.len())];
        let paths = paths(files);
        let mut files = files.clone();
        if random.chance(3) {
            files.insert("templates/random-fields.yaml".to_string(), random.objects());
        }
        Question {
            chart: name.clone(),
            files,
            documents: random.documents(&paths),
        }
    }
}

impl Case for Question {
    fn question(&self) -> Json {
        json!({
            "release": self.documents[0],
            "files": self.files,
            "configMaps": of_kind(&self.documents, "ConfigMap"),
            "secrets": of_kind(&self.documents, "Secret"),
        })
    }

    fn title(&self) -> String {
        format!("{}\n{}", self.chart, json!(self.documents))
    }

    fn found(&self, answer: &Json) -> Outcome {
        let chart = self.files.iter();
        let chart = chart.map(|(name, text)| (format!("charts/app/{name}"), text.clone()));
        let documents: Vec<String> = self.documents.iter().map(Json::to_string).collect();
        let release = (
            "clusters/prod/release.yaml".to_string(),
            documents.join("\n---\n"),
        );
        let tree = tree(chart.chain([flux_sync(), release]));
        let found = deploy(&tree, &Options::default());
        let units = &found.entries.first().ok_or("nothing is deployed")?.units;
        let unit = units.iter().find(|it| &*it.id.kind == "HelmRelease");
        let unit = unit.ok_or_else(|| format!("no release: {:?}", found.diagnostics))?;
        let spec = &self.documents[0]["spec"];
        let namespace = spec["targetNamespace"].as_str().unwrap_or(NAMESPACE);
        outcome(unit, answer, namespace)
    }
}

/// The paths of values that the templates of a chart and of its subcharts read.
pub(crate) fn paths(files: &BTreeMap<String, String>) -> Vec<Vec<String>> {
    let reads = regex::Regex::new(r"\.Values((?:\.[A-Za-z_][A-Za-z0-9_]*)+)").unwrap();
    let conditions =
        regex::Regex::new(r"(?m)^ *(?:- )?(?:condition|alias): *([A-Za-z0-9_.]+)").unwrap();
    let mut found = Vec::new();
    for (name, text) in files {
        let parts: Vec<&str> = name.split('/').collect();
        let above: Vec<String> = parts
            .windows(2)
            .filter(|it| it[0] == "charts")
            .map(|it| it[1].to_string())
            .collect();
        let all = reads
            .captures_iter(text)
            .chain(conditions.captures_iter(text));
        for path in all {
            let keys = path[1].split('.').filter(|it| !it.is_empty());
            found.push(
                above
                    .iter()
                    .cloned()
                    .chain(keys.map(String::from))
                    .collect(),
            );
        }
    }
    found.sort();
    found.dedup();
    found.push(vec!["global".into(), "g".into()]);
    found
}

impl Random {
    /// Two objects with a few fields each.
    pub(crate) fn objects(&mut self) -> String {
        let mut text = String::new();
        for kind in ["ConfigMap", "Other"] {
            text += &format!("---\napiVersion: v1\nkind: {kind}\nmetadata: {{name: fields}}\n");
            let mut fields: Vec<&str> = FIELDS.to_vec();
            fields.retain(|_| self.chance(3));
            // An alias needs its anchor.
            if fields.iter().any(|it| it.contains("*base")) {
                fields.retain(|it| !it.contains("&base"));
                fields.insert(0, FIELDS[0]);
            }
            fields.iter().for_each(|it| text += &format!("{it}\n"));
            // `helm template` trims the last line of its output.
            text += "end: here\n";
        }
        text
    }

    fn value(&mut self) -> Json {
        match self.below(14) {
            0 => Json::Null,
            1 => json!(true),
            2 => json!(false),
            3 => json!(self.below(4)),
            4 => json!(1_000_000),
            5 => json!(1.5),
            6 => json!(1_234_567_890_123_u64),
            7 => json!(["a", 1, null]),
            8 => json!({"k": self.below(3), "l": {"m": "n"}}),
            9 => json!({}),
            10 => json!(self.pick(&[
                "007",
                "true",
                "null",
                "1e3",
                "",
                "a: b",
                "- x",
                "l1\nl2\n",
                "☃",
                "{{ .Release.Name }}"
            ])),
            _ => json!(self.pick(&["x", "nginx", "web", "1.2"])),
        }
    }

    pub(crate) fn values(&mut self, paths: &[Vec<String>], most: usize) -> Json {
        let mut values = Json::Object(Map::new());
        for _ in 0..self.below(most + 1) {
            let path = &paths[self.below(paths.len())];
            let length = if self.chance(6) {
                1 + self.below(path.len())
            } else {
                path.len()
            };
            let value = self.value();
            put(&mut values, &path[..length], value);
        }
        values
    }

    fn documents(&mut self, paths: &[Vec<String>]) -> Vec<Json> {
        let mut spec = json!({
            "interval": "10m",
            "chart": {"spec": {
                "chart": "./charts/app",
                "sourceRef": {"kind": "GitRepository", "name": "flux-system", "namespace": "flux-system"},
            }},
        });
        let mut more = Vec::new();
        let mut references = Vec::new();
        for at in 0..self.below(4) {
            references.push(self.reference(paths, at, &mut more));
        }
        if !references.is_empty() {
            spec["valuesFrom"] = Json::Array(references);
        }
        if !self.chance(4) {
            spec["values"] = self.values(paths, 4);
        }
        if self.chance(4) {
            spec["targetNamespace"] = json!("front");
        }
        if self.chance(6) {
            spec["releaseName"] = json!(self.pick(&[
                "web",
                "a-name-that-is-longer-than-what-helm-takes-which-is-53-letters"
            ]));
        }
        self.options(&mut spec);
        let release = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "app", "namespace": NAMESPACE},
            "spec": spec,
        });
        std::iter::once(release).chain(more).collect()
    }

    fn options(&mut self, spec: &mut Json) {
        if self.chance(3) {
            spec["install"] = json!({
                "disableHooks": self.chance(3), "disableSchemaValidation": self.chance(3),
                "crds": self.pick(&["Skip", "Create", "CreateReplace"]),
            });
        }
        if self.chance(3) {
            spec["commonMetadata"] = match self.below(3) {
                0 => json!({"labels": {"team": "shop", "app": "5"}}),
                1 => json!({"annotations": {"note": "a: b"}}),
                _ => json!({"labels": {"helm.toolkit.fluxcd.io/name": "mine"}, "annotations": {}}),
            };
        }
        if self.chance(3) {
            spec["postRenderStrategy"] = json!(self.pick(&["combined", "separate", "nohooks"]));
        }
        if self.chance(2) {
            let renderers: Vec<Json> = (0..=self.below(2)).map(|_| self.renderer()).collect();
            spec["postRenderers"] = Json::Array(renderers);
        }
    }

    fn renderer(&mut self) -> Json {
        let mut kustomize = json!({});
        if self.chance(2) {
            kustomize["images"] =
                json!([{"name": self.pick(&["nginx", "web", "x"]), "newTag": "9"}]);
        }
        let patches: Vec<Json> = (0..self.below(3)).map(|_| self.patch()).collect();
        if !patches.is_empty() {
            kustomize["patches"] = Json::Array(patches);
        }
        json!({"kustomize": kustomize})
    }

    fn patch(&mut self) -> Json {
        let kind = self.pick(&KINDS);
        let mut target = json!({"kind": kind});
        if self.chance(5) {
            target["name"] = json!("a.*");
        }
        if self.chance(8) {
            target["namespace"] = json!(NAMESPACE);
        }
        if self.chance(8) {
            target["labelSelector"] = json!("app=web");
        }
        let patch = match self.below(5) {
            0 => json!([{"op": "add", "path": "/metadata/labels", "value": {"p": "5"}}]).to_string(),
            1 => json!([{"op": "replace", "path": "/metadata/name", "value": "renamed"}]).to_string(),
            2 => "apiVersion: v1\nkind: X\nmetadata:\n  name: any\n  annotations:\n    from: patch\n".to_string(),
            3 => "apiVersion: v1\nkind: X\nmetadata:\n  name: any\ndata:\n  added: \"1\"\n  k: null\n".to_string(),
            _ => "apiVersion: v1\nkind: X\nmetadata:\n  name: any\n$patch: delete\n".to_string(),
        };
        json!({"target": target, "patch": patch})
    }

    /// A reference of `valuesFrom`. The object that it refers to is added to `more`.
    fn reference(&mut self, paths: &[Vec<String>], at: usize, more: &mut Vec<Json>) -> Json {
        let kind = self.pick(&["ConfigMap", "Secret"]);
        let name = format!("values-{at}");
        let mut reference = json!({"kind": kind, "name": name});
        let key = self.pick(&["values.yaml", "other"]);
        if key == "other" {
            reference["valuesKey"] = json!(key);
        }
        if self.chance(5) {
            reference["optional"] = json!(true);
        }
        let text = if self.chance(2) {
            reference["targetPath"] = json!(self.target_path(paths));
            if self.chance(4) {
                reference["literal"] = json!(true);
            }
            self.pick(&TEXTS).to_string()
        } else {
            match self.below(8) {
                0 => String::new(),
                1 => "null".to_string(),
                _ => self.values(paths, 4).to_string(),
            }
        };
        if reference.get("optional").is_some() && self.chance(2) {
            return reference;
        }
        let field = if kind == "Secret" {
            "stringData"
        } else {
            "data"
        };
        more.push(json!({
            "apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE},
            field: {key: text},
        }));
        reference
    }

    fn target_path(&mut self, paths: &[Vec<String>]) -> String {
        let path = &paths[self.below(paths.len())];
        let length = if self.chance(4) {
            1 + self.below(path.len())
        } else {
            path.len()
        };
        let mut text = path[..length].join(".");
        match self.below(10) {
            0 => text.push_str("[0]"),
            1 => text.push_str("[1].k"),
            2 => text.push_str(".a\\.b"),
            3 => text.push_str(".k"),
            _ => {}
        }
        text
    }
}

fn put(values: &mut Json, path: &[String], value: Json) {
    let Some((first, rest)) = path.split_first() else {
        *values = value;
        return;
    };
    if !values.is_object() {
        *values = Json::Object(Map::new());
    }
    let map = values.as_object_mut().unwrap();
    put(map.entry(first.clone()).or_insert(Json::Null), rest, value);
}
