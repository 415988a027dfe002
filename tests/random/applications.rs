//! Random Applications compared with Argo CD's own repository server, which runs the `helm` (4) and `kustomize` on the PATH.
//!
//! `ARGO_ORACLE` is the path of the program of `tools/argo-oracle`, `RANDOM_APPLICATIONS` the number of
//! Applications, and `RANDOM_SEED` the seed. Charts are those of `RELEASE_CHARTS`, as for releases.

use std::collections::BTreeMap;

use pleach::deploy::{Cluster, Options, deploy};
use serde_json::{Value as Json, json};

use crate::chance::Random;
use crate::objects::{Case, Outcome, compare, outcome, random_cases, tree};
use crate::releases::{charts, paths};

const NAMESPACE: &str = "shop";
const KUBE_VERSION: &str = "1.35.0";

type Files = BTreeMap<String, String>;

/// An Application, and the files of its repository.
struct Question {
    source: Json,
    /// Whether a second source is there for `$values`.
    values: bool,
    files: Files,
}

#[test]
#[ignore = "needs ARGO_ORACLE: the program of tools/argo-oracle"]
fn random_applications_deploy_like_with_argo_cd() {
    let charts = charts();
    let random = |seed| Question::random(&charts, seed);
    compare(
        "ARGO_ORACLE",
        &random_cases("RANDOM_APPLICATIONS", 300, random),
    );
}

/// Whether an object is a hook of a chart's tests, which Argo CD ignores.
fn is_test(object: &Json) -> bool {
    let hook = object["metadata"]["annotations"]["helm.sh/hook"].as_str();
    let mut events = hook.into_iter().flat_map(|it| it.split(',')).peekable();
    events.peek().is_some() && events.all(|it| it.trim().starts_with("test"))
}

impl Question {
    fn random(charts: &[(String, Files)], seed: u64) -> Question {
        let mut random = Random(2 * seed + 1);
        match random.below(3) {
            0 => random.directory(),
            1 => random.kustomization(),
            _ => random.chart(charts),
        }
    }

    fn application(&self) -> Json {
        let mut application = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": "web", "namespace": "argocd"},
            "spec": {
                "project": "default",
                "destination": {"server": "https://kubernetes.default.svc", "namespace": NAMESPACE},
            },
        });
        let (field, value) = match self.values {
            true => {
                let values = json!({"repoURL": "https://example.com/r.git", "ref": "values"});
                ("sources", json!([self.source, values]))
            }
            false => ("source", self.source.clone()),
        };
        application["spec"][field] = value;
        application
    }
}

impl Case for Question {
    fn question(&self) -> Json {
        json!({"application": self.application(), "files": self.files})
    }

    fn title(&self) -> String {
        format!("{}\n{}", self.source, json!(self.files))
    }

    fn ignores(object: &Json) -> bool {
        is_test(object)
    }

    fn found(&self, answer: &Json) -> Outcome {
        let application = (
            "argocd/web.yaml".to_string(),
            self.application().to_string(),
        );
        let tree = tree(self.files.clone().into_iter().chain([application]));
        let options = Options {
            cluster: Cluster {
                kube_version: KUBE_VERSION.to_string(),
                ..Cluster::default()
            },
            ..Options::default()
        };
        let found = deploy(&tree, &options);
        let mut units = found.entries.iter().flat_map(|it| &it.units);
        let unit = units.find(|it| &*it.id.kind == "Application");
        let unit = unit.ok_or_else(|| format!("no Application: {:?}", found.diagnostics))?;
        outcome(unit, answer, NAMESPACE)
    }
}

impl Random {
    fn some<'a>(&mut self, from: &[&'a str], one_in: usize) -> Vec<&'a str> {
        let mut found = from.to_vec();
        found.retain(|_| self.chance(one_in));
        found
    }

    fn directory(&mut self) -> Question {
        let all = [
            ("a.yaml", self.objects()),
            ("b.yml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {k: $ARGOCD_APP_NAME}\n".into()),
            ("c.json", r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c"}, "data": {"k": null}}"#.into()),
            ("deep/d.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: d, namespace: other}\nspec: {ports: [{port: 80}]}\n".into()),
            ("deep/more/e.yaml", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: e}\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: f, annotations: {n: yes, m: null}}\n".into()),
            ("notes.yaml", "just: text\nwords: yes\n".into()),
            ("skipped.yaml", "# +argocd:skip-file-rendering\nbroken: [\n".into()),
            ("empty.yaml", "# nothing\n---\n".into()),
            ("named.txt", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: text}\n".into()),
            ("twice.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\ndata: {a: x}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice-b}\n---\n".into()),
            ("list.yaml", "- apiVersion: v1\n".into()),
        ];
        let mut files = Files::new();
        for (name, text) in all {
            if self.chance(2) && (name != "list.yaml" || self.chance(6)) {
                files.insert(format!("apps/web/{name}"), text);
            }
        }
        let mut directory = json!({"recurse": self.chance(2)});
        let globs = [
            "*.yaml",
            "{a,b}.y*",
            "deep/*",
            "**/e.yaml",
            "*",
            "[ab].yaml",
            "deep/**",
            "{*.json,deep/*.yaml}",
            "a.yaml",
        ];
        for field in ["include", "exclude"] {
            if self.chance(3) {
                directory[field] = json!(self.pick(&globs));
            }
        }
        let path = self.pick(&["apps/web", "apps/web", "apps/web", "./apps/web", "apps"]);
        Question {
            source: json!({"repoURL": "https://example.com/r.git", "path": path, "directory": directory}),
            values: false,
            files,
        }
    }

    fn kustomization(&mut self) -> Question {
        let mut files = Files::new();
        let mut add =
            |name: &str, text: &str| files.insert(format!("apps/web/{name}"), text.to_string());
        let mut text = "resources: [all.yaml]\n".to_string();
        for part in self.some(
            &[
                "namePrefix: a-\n",
                "namespace: front\n",
                "images: [{name: nginx, newTag: '3'}]\n",
                "commonLabels: {app: base}\n",
                "labels: [{pairs: {l: base}}]\n",
                "commonAnnotations: {note: base}\n",
                "replicas: [{name: web, count: 2}]\n",
            ],
            4,
        ) {
            text += part;
        }
        add("kustomization.yaml", &text);
        add(
            "all.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {app: web}}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'nginx:1'}, {name: side, image: busybox}]}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {k: yes}\n",
        );
        add(
            "part/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{pairs: {part: \"1\"}}]\n",
        );
        let mut kustomize = json!({});
        let options = [
            ("namePrefix", json!("x-")),
            ("nameSuffix", json!("-y")),
            ("namespace", json!("back")),
            (
                "images",
                json!([self.pick(&[
                    "nginx:7",
                    "nginx=other:8",
                    "busybox@sha256:abc",
                    "nginx=reg.example.com:5000/nginx",
                    "none:1"
                ])]),
            ),
            (
                "commonLabels",
                json!({self.pick(&["app", "l", "new"]): self.pick(&["v", "$ARGOCD_APP_NAME", "5"])}),
            ),
            (
                "commonAnnotations",
                json!({self.pick(&["note", "other"]): self.pick(&["v", "$ARGOCD_APP_NAME", "${ARGOCD_APP_SOURCE_PATH}", "a$b"])}),
            ),
            ("commonAnnotationsEnvsubst", json!(true)),
            ("forceCommonLabels", json!(true)),
            ("forceCommonAnnotations", json!(true)),
            ("labelWithoutSelector", json!(true)),
            ("labelIncludeTemplates", json!(true)),
            (
                "replicas",
                json!([{"name": "web", "count": self.pick(&["3", "0"]).parse::<i64>().unwrap()}]),
            ),
            (
                "components",
                json!([self.pick(&["part", "./part", "none"])]),
            ),
            ("ignoreMissingComponents", json!(true)),
            (
                "patches",
                json!([{"target": {"kind": self.pick(&["ConfigMap", "Deployment"])}, "patch": self.pick(&[
                    "- op: add\n  path: /metadata/labels\n  value: {p: '5'}\n",
                    "apiVersion: v1\nkind: X\nmetadata: {name: any, annotations: {from: patch}}\n",
                ])}]),
            ),
        ];
        for (field, value) in options {
            if self.chance(4) {
                kustomize[field] = value;
            }
        }
        Question {
            source: json!({"repoURL": "https://example.com/r.git", "path": "apps/web", "kustomize": kustomize}),
            values: false,
            files,
        }
    }

    fn chart(&mut self, charts: &[(String, Files)]) -> Question {
        let (_, chart) = &charts[self.below(charts.len())];
        let paths = paths(chart);
        let mut files: Files = chart
            .iter()
            .map(|(name, text)| (format!("apps/web/{name}"), text.clone()))
            .collect();
        if self.chance(3) {
            files.insert(
                "apps/web/templates/random-fields.yaml".into(),
                self.objects(),
            );
        }
        files.insert(
            "apps/web/prod.yaml".into(),
            self.values(&paths, 3).to_string(),
        );
        files.insert(
            "apps/values/shared.yaml".into(),
            self.values(&paths, 3).to_string(),
        );
        let mut helm = json!({});
        let parameter = |random: &mut Random| {
            let path = &paths[random.below(paths.len())];
            let value = random.pick(&[
                "x",
                "1",
                "true",
                "1.5",
                "a,b",
                "{a,b}",
                "null",
                "",
                "$ARGOCD_APP_NAME",
                "1e6",
                "a=b",
            ]);
            json!({"name": path.join("."), "value": value, "forceString": random.chance(3)})
        };
        if self.chance(2) {
            helm["parameters"] = (0..=self.below(2)).map(|_| parameter(self)).collect();
        }
        if self.chance(3) {
            helm["valuesObject"] = self.values(&paths, 3);
        }
        if self.chance(3) {
            helm["values"] = json!(self.values(&paths, 3).to_string());
        }
        let values = self.chance(4);
        if values || self.chance(3) {
            // Newer versions of Argo CD read each file once, so none is listed by two paths.
            let shared = if values {
                "$values/apps/values/shared.yaml"
            } else {
                "../values/shared.yaml"
            };
            helm["valueFiles"] = json!(self.some(&["prod.yaml", shared, "missing.yaml"], 2));
            helm["ignoreMissingValueFiles"] = json!(!self.chance(4));
        }
        if self.chance(6) {
            helm["fileParameters"] =
                json!([{"name": paths[self.below(paths.len())].join("."), "path": "prod.yaml"}]);
        }
        let options = [
            ("releaseName", json!(self.pick(&["rel", "a-name"]))),
            ("skipCrds", json!(true)),
            ("skipTests", json!(true)),
            ("skipSchemaValidation", json!(true)),
            ("namespace", json!("back")),
            ("apiVersions", json!(["example.com/v1"])),
            ("kubeVersion", json!("1.31.2")),
        ];
        for (field, value) in options {
            if self.chance(6) {
                helm[field] = value;
            }
        }
        Question {
            source: json!({"repoURL": "https://example.com/r.git", "path": "apps/web", "helm": helm}),
            values,
            files,
        }
    }
}
