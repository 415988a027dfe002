//! Random Flux Kustomizations compared with kustomize-controller's own library.
//!
//! `FLUX_ORACLE` is the path of the program of `tools/flux-oracle`, `RANDOM_KUSTOMIZATIONS` the number of Kustomizations, and
//! `RANDOM_SEED` the seed.

use std::collections::BTreeMap;

use pleach::deploy::{Options, deploy};
use serde_json::{Value as Json, json};

use crate::chance::Random;
use crate::objects::{Case, Outcome, compare, flux_sync, of_kind, outcome, random_cases, tree};

const NAMESPACE: &str = "flux-system";

/// Texts with variables.
const TEXTS: [&str; 30] = [
    "${a}",
    "${a:-none}",
    "${missing:-none}",
    "${missing}",
    "${missing:=set}",
    "${b:-${a}}",
    "${c}",
    "$a",
    "$${a}",
    "$$a",
    "${a^}",
    "${a^^}",
    "${A,}",
    "${a:1:2}",
    "${a:1}",
    "${#a}",
    "${a#w}",
    "${a%b}",
    "${a/e/o}",
    "${a//b/x}",
    "x${a}y${b}",
    "${a=none}",
    "${a-none}",
    "${missing+set}",
    "${number}",
    "${yes}",
    "${list}",
    "$(a)",
    "${ a }",
    "100% $",
];

struct Question {
    kustomization: Json,
    /// ConfigMaps and Secrets with variables.
    sources: Vec<Json>,
    files: BTreeMap<String, String>,
}

#[test]
#[ignore = "needs FLUX_ORACLE: the program of tools/flux-oracle"]
fn random_kustomizations_deploy_like_with_kustomize_controller() {
    let cases = random_cases("RANDOM_KUSTOMIZATIONS", 1000, Question::random);
    compare("FLUX_ORACLE", &cases);
}

impl Question {
    fn random(seed: u64) -> Question {
        let mut random = Random(2 * seed + 1);
        let files = random.folder();
        let (kustomization, sources) = random.kustomization_of_flux();
        Question {
            kustomization,
            sources,
            files,
        }
    }
}

impl Case for Question {
    fn question(&self) -> Json {
        json!({
            "kustomization": self.kustomization,
            "files": self.files,
            "configMaps": of_kind(&self.sources, "ConfigMap"),
            "secrets": of_kind(&self.sources, "Secret"),
        })
    }

    fn title(&self) -> String {
        let (sources, files) = (json!(self.sources), json!(self.files));
        format!("{}\n{sources}\n{files}", self.kustomization)
    }

    fn found(&self, answer: &Json) -> Outcome {
        let documents = std::iter::once(&self.kustomization).chain(&self.sources);
        let documents: Vec<String> = documents.map(Json::to_string).collect();
        let objects = (
            "clusters/prod/web.yaml".to_string(),
            documents.join("\n---\n"),
        );
        let tree = tree(self.files.clone().into_iter().chain([flux_sync(), objects]));
        let found = deploy(&tree, &Options::default());
        let units = &found.entries.first().ok_or("nothing is deployed")?.units;
        let unit = units.iter().find(|it| &*it.id.name == "web");
        let unit = unit.ok_or_else(|| format!("no Kustomization: {:?}", found.diagnostics))?;
        outcome(unit, answer, NAMESPACE)
    }
}

impl Random {
    /// The files of `apps/web`, with and without kustomizations.
    fn folder(&mut self) -> BTreeMap<String, String> {
        let text = |random: &mut Random| random.pick(&TEXTS).to_string();
        let deployment = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, labels: {{app: web}}}}\nspec:\n  replicas: {}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{containers: [{{name: web, image: 'nginx:1', args: ['{}', \"{}\"]}}]}}\n",
            self.pick(&["1", "${number}", "${missing:-2}"]),
            text(self),
            text(self),
        );
        let config = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config\n  annotations: {{note: '{}'{}}}\ndata:\n  a: '{}'\n  b: |\n    {}\n    {}\n  c: {}\n",
            text(self),
            self.pick(&[
                "",
                "",
                "",
                ", kustomize.toolkit.fluxcd.io/substitute: disabled",
                ", kustomize.toolkit.fluxcd.io/reconcile: disabled",
                ", kustomize.toolkit.fluxcd.io/ssa: Ignore"
            ]),
            text(self),
            text(self),
            text(self),
            self.pick(&["plain", "${yes}", "${number}", "\"${number}\"", "${a}"]),
        );
        let deep = "apiVersion: v1\nkind: Service\nmetadata: {name: deep, namespace: other}\nspec: {ports: [{port: 80}]}\n";
        let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: e}\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: f}\n  stringData: {k: '${a}'}\n";
        let part = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{pairs: {part: \"1\"}}]\n";
        let all: [(&str, String); 9] = [
            ("deployment.yaml", deployment),
            ("config.yml", config),
            ("deep/service.yaml", deep.into()),
            ("deep/more/list.yaml", list.into()),
            ("fields.yaml", self.objects()),
            ("README.md", "# web\n".into()),
            ("empty.yaml", "# nothing\n".into()),
            ("config.json", "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"json\"}}".into()),
            ("values.yaml", "just: values\n".into()),
        ];
        let mut files = BTreeMap::new();
        let mut listed = Vec::new();
        for (name, text) in all {
            if name == "values.yaml" && !self.chance(12) || self.chance(2) {
                continue;
            }
            if !matches!(name, "README.md" | "empty.yaml" | "values.yaml") {
                listed.push(name);
            }
            files.insert(format!("apps/web/{name}"), text);
        }
        files.insert("apps/part/kustomization.yaml".into(), part.into());
        if self.chance(2) {
            let mut text = format!("resources: [{}]\n", listed.join(", "));
            for (part, one_in) in [
                ("namespace: base\n", 4),
                ("namePrefix: a-\n", 4),
                ("images: [{name: nginx, newTag: '3'}]\n", 4),
                (
                    "configMapGenerator: [{name: made, literals: ['k=${a}']}]\n",
                    4,
                ),
                ("labels: [{pairs: {l: base}}]\n", 4),
            ] {
                if self.chance(one_in) {
                    text += part;
                }
            }
            files.insert("apps/web/kustomization.yaml".into(), text);
        }
        if self.chance(4) {
            files.insert(
                "apps/web/deep/kustomization.yaml".into(),
                "resources: [service.yaml]\nnameSuffix: -deep\n".into(),
            );
        }
        files
    }

    fn kustomization_of_flux(&mut self) -> (Json, Vec<Json>) {
        let path = self.pick(&[
            "./apps/web",
            "apps/web",
            "apps/web/",
            "/apps/web",
            "./apps/../apps/web",
            "apps",
            "./none",
        ]);
        let path = if self.chance(3) { path } else { "./apps/web" };
        let mut spec = json!({"interval": "10m", "prune": true, "path": path, "sourceRef": {"kind": "GitRepository", "name": "flux-system"}});
        let options = [
            ("targetNamespace", json!("front")),
            ("namePrefix", json!("x-")),
            ("nameSuffix", json!("-y")),
            (
                "images",
                json!([{"name": "nginx", "newTag": self.pick(&["7", "${number}"])}, {"name": "other", "newName": "more", "digest": "sha256:abc"}]),
            ),
            (
                "components",
                json!([self.pick(&["../part", "./../part", "../none"])]),
            ),
            ("ignoreMissingComponents", json!(true)),
            (
                "commonMetadata",
                json!({"labels": {"team": "shop", "app": "5"}, "annotations": {"note": "${a}"}}),
            ),
            (
                "patches",
                json!([{"target": {"kind": self.pick(&["ConfigMap", "Deployment", "Secret"])}, "patch": self.pick(&[
                    "- op: add\n  path: /metadata/labels\n  value: {p: '${a}'}\n",
                    "apiVersion: v1\nkind: X\nmetadata:\n  name: any\n  annotations: {from: patch}\n",
                    "apiVersion: v1\nkind: X\nmetadata: {name: any}\n$patch: delete\n",
                ])}]),
            ),
            (
                "patches",
                json!([{"patch": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {added: '${b}', a: null}\n"}]),
            ),
        ];
        for (field, value) in options {
            if self.chance(5) {
                spec[field] = value;
            }
        }
        let mut sources = Vec::new();
        if !self.chance(3) {
            let mut post_build = json!({});
            if !self.chance(4) {
                post_build["substitute"] = self.variables();
            }
            if self.chance(3) {
                post_build["substituteFrom"] = (0..=self.below(2))
                    .map(|at| self.variable_source(at, &mut sources))
                    .collect();
            }
            if self.chance(6) {
                post_build["substituteStrategy"] = json!("Always");
            }
            spec["postBuild"] = post_build;
        }
        let object = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "web", "namespace": NAMESPACE},
            "spec": spec,
        });
        (object, sources)
    }

    fn variables(&mut self) -> Json {
        let mut all = json!({});
        for (name, values) in [
            ("a", ["web", "x", "web b", "line\nmore\n"]),
            ("A", ["Web", "", "x: y", "1"]),
            ("b", ["b", "", "'quoted'", "${a}"]),
            ("c", ["", "c", "#", "- x"]),
            ("number", ["3", "007", "1e3", "0x1F"]),
            ("yes", ["yes", "true", "null", "2020-01-01"]),
            ("list", ["[a, b]", "{a: b}", "a\nb", "*"]),
        ] {
            if !self.chance(3) {
                all[name] = json!(self.pick(&values));
            }
        }
        all
    }

    fn variable_source(&mut self, at: usize, sources: &mut Vec<Json>) -> Json {
        let kind = self.pick(&["ConfigMap", "Secret"]);
        let name = format!("variables-{at}");
        let mut reference = json!({"kind": kind, "name": name});
        if self.chance(3) {
            reference["optional"] = json!(true);
            if self.chance(2) {
                return reference;
            }
        }
        let field = if kind == "Secret" {
            "stringData"
        } else {
            "data"
        };
        sources.push(json!({
            "apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, field: self.variables(),
        }));
        reference
    }
}
