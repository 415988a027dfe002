//! Random ApplicationSets compared with Argo CD's own controller.
//!
//! `ARGO_ORACLE` is the path of the program of `tools/argo-oracle`, `RANDOM_SETS` the number of sets, and
//! `RANDOM_SEED` the seed.

use std::collections::BTreeMap;

use pleach::deploy::{Options, Status, deploy};
use pleach::tree::{Tree, TreePath};
use serde_json::{Value as Json, json};

use crate::chance::{Random, number};
use crate::json::{answers, to_json};

/// Expressions of Go templates, and below of the simple templates.
const GO: [&str; 34] = [
    "{{ .name }}",
    "{{ .name | upper }}",
    "{{.path.path}}",
    "{{ .path.basename }}-{{ .path.filename }}",
    "{{ index .path.segments 0 }}",
    "{{ .path.segments }}",
    "{{ .values.tier }}",
    "{{ .values }}",
    "{{ .missing }}",
    "{{ .missing.deep }}",
    "{{ if .missing }}a{{ else }}b{{ end }}",
    "{{ default \"x\" .missing }}",
    "{{ .number }}",
    "{{ .number | int }}",
    "{{ .flag }}",
    "{{ .list }}",
    "{{ index .list 1 }}",
    "{{ .map.a }}",
    "{{ .map }}",
    "{{ toJson .map }}",
    "{{ toYaml .list | nindent 2 }}",
    "{{ .server }}",
    "{{ .metadata.labels.env }}",
    "{{ .metadata.annotations }}",
    "{{ range $k, $v := .map }}{{ $k }}={{ $v }};{{ end }}",
    "{{ normalize .name }}",
    "{{ slugify .name }}",
    "{{ slugify 4 .name }}",
    "{{ slugify 5 false .name }}",
    "{{ dig \"a\" \"none\" .map }}",
    "{{ hasKey . \"name\" }}",
    "{{ .set.path.basename }}",
    "{{ printf \"%v|%d\" .number 3 }}",
    "{{ len .clusters }}",
];
const PLAIN: [&str; 22] = [
    "{{name}}",
    "{{ name }}",
    "{{path}}",
    "{{path.basename}}-{{ path.filename }}",
    "{{path[0]}}",
    "{{path[1]}}",
    "{{path.basenameNormalized}}",
    "{{values.tier}}",
    "{{missing}}",
    "{{}}",
    "{{ name",
    "{{ name \n}}",
    "}}{{name}}{{",
    "{{number}}",
    "{{flag}}",
    "{{list.0}}",
    "{{map.a}}",
    "{{map}}",
    "{{server}}",
    "{{metadata.labels.env}}",
    "{{set.path}}",
    "a {{name}} b {{server}}",
];
const NAMES: [&str; 7] = ["a", "b", "web", "Big Name", "x_y.z", "prod", ""];

/// An ApplicationSet, the Secrets of clusters, and the files of the repository.
struct Question {
    set: Json,
    secrets: Vec<Json>,
    files: BTreeMap<String, String>,
}

type Outcome = Result<Vec<String>, String>;

#[test]
#[ignore = "needs ARGO_ORACLE: the program of tools/argo-oracle"]
fn random_sets_give_the_same_applications_as_argo_cd() {
    let oracle = std::env::var("ARGO_ORACLE").unwrap();
    let (seed, count) = (number("RANDOM_SEED", 1), number("RANDOM_SETS", 1000));
    let questions: Vec<Question> = (0..count)
        .map(|round| Question::random(seed.wrapping_mul(1_000_003) + round))
        .collect();
    let lines: String = questions.iter().map(Question::line).collect();
    let answers = answers(&oracle, lines, questions.len());
    let (mut failing, mut made, mut different) = (0, 0, 0);
    for (question, answer) in questions.iter().zip(answers) {
        let (expected, found) = (expected(&answer), question.found());
        failing += usize::from(expected.is_err());
        made += expected.as_ref().map_or(0, Vec::len);
        let is_same = match (&expected, &found) {
            (Ok(expected), Ok(found)) => expected == found,
            (Err(_), Err(_)) => true,
            _ => false,
        };
        if !is_same {
            different += 1;
            println!("--- {}\n{}", question.set, json!(question.secrets));
            println!("  argo   {expected:?}\n  pleach {found:?}");
        }
    }
    println!("{count} sets make {made} Applications, {failing} of them fail, {different} differ");
    assert_eq!(different, 0);
}

fn expected(answer: &Json) -> Outcome {
    if let Some(error) = answer["error"].as_str() {
        return Err(error.to_string());
    }
    let made = answer["applications"].as_array().into_iter().flatten();
    Ok(comparable(made.cloned()))
}

/// The Applications sorted by name, without empty fields, and without those with a duplicate name, which the controller refuses.
fn comparable(made: impl Iterator<Item = Json>) -> Vec<String> {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mut it in made {
        for own in ["apiVersion", "kind", "status"] {
            it.as_object_mut().unwrap().remove(own);
        }
        prune(&mut it);
        let name = it["metadata"]["name"].to_string();
        by_name.entry(name).or_default().push(it.to_string());
    }
    by_name.retain(|_, all| all.len() == 1);
    by_name.into_values().flatten().collect()
}

fn prune(value: &mut Json) {
    let is_empty = |it: &Json| {
        it.is_null()
            || *it == json!("")
            || *it == json!([])
            || *it == json!({})
            || *it == json!(false)
            || *it == json!(0)
    };
    match value {
        Json::Object(map) => {
            for (key, value) in map.iter_mut() {
                if key != "valuesObject" {
                    prune(value);
                }
            }
            map.retain(|_, it| !is_empty(it));
        }
        Json::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

impl Question {
    fn random(seed: u64) -> Question {
        let mut random = Random(2 * seed + 1);
        let is_go = random.chance(2);
        let secrets = (0..random.below(4)).map(|at| random.secret(at)).collect();
        Question {
            set: random.set(is_go),
            secrets,
            files: random.files(),
        }
    }

    fn line(&self) -> String {
        let mut files = self.files.clone();
        // Both sides have this folder.
        files.insert("argocd/set.yaml".to_string(), String::new());
        let line = json!({"set": self.set, "files": files, "secrets": self.secrets});
        format!("{line}\n")
    }

    /// The Applications that pleach finds in a repository with the set, or the fault.
    fn found(&self) -> Outcome {
        let mut tree = Tree::new();
        let mut add = |path: &str, text: String| {
            tree.insert(TreePath::new(path).unwrap(), text.into_bytes());
        };
        for (name, text) in &self.files {
            add(name, text.clone());
        }
        let documents = std::iter::once(&self.set).chain(&self.secrets);
        let documents: Vec<String> = documents.map(Json::to_string).collect();
        add("argocd/set.yaml", documents.join("\n---\n"));
        let found = deploy(&tree, &Options::default());
        let mut units = found.entries.iter().flat_map(|it| &it.units);
        let unit = units.find(|it| &*it.id.kind == "ApplicationSet");
        let unit = unit.ok_or_else(|| format!("no set: {:?}", found.diagnostics))?;
        if let Status::NotBuilt(fault) = &unit.status {
            return Err(fault.message.clone());
        }
        Ok(comparable(unit.objects.iter().map(|it| to_json(&it.node))))
    }
}

impl Random {
    fn files(&mut self) -> BTreeMap<String, String> {
        let all = [
            (
                "apps/web/config.yaml",
                "name: web\nnumber: 1000000\nmap: {a: 1, b: [x, {c: d}]}\nflag: true\n",
            ),
            (
                "apps/api/config.json",
                "{\"name\": \"api\", \"list\": [\"p\", 2], \"number\": 1.5}",
            ),
            ("apps/api/base/kustomization.yaml", "resources: []\n"),
            ("apps/.hidden/config.yaml", "name: hidden\n"),
            ("apps/empty/config.yaml", ""),
            (
                "config/many.yaml",
                "- name: one\n  number: 12345678\n- name: two\n  list: []\n  map: {}\n",
            ),
            ("config/first.yaml", "name: first\n---\nname: second\n"),
            ("config/text.yaml", "only a text\n"),
            ("config/deep/a[1].yaml", "name: odd\nnumber: -3\n"),
            ("top.yaml", "name: top\npath: own\nvalues: {tier: own}\n"),
        ];
        let mut files = BTreeMap::new();
        for (at, (name, text)) in all.iter().enumerate() {
            // Only three different repositories, because the oracle creates a work tree for each.
            let is_left_out = match self.0 % 3 {
                0 => at == 7,
                1 => at % 2 == 1,
                _ => false,
            };
            if !is_left_out {
                files.insert(name.to_string(), text.to_string());
            }
        }
        files
    }

    fn secret(&mut self, at: usize) -> Json {
        use base64::Engine as _;
        let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let server = match self.chance(4) {
            true => "https://kubernetes.default.svc".to_string(),
            false => format!("https://c{at}.example.org"),
        };
        let mut labels = json!({"argocd.argoproj.io/secret-type": "cluster"});
        if !self.chance(3) {
            labels["env"] = json!(self.pick(&["prod", "stage"]));
        }
        let mut data = json!({"name": encoded(&format!("c{at}_X")), "server": encoded(&server)});
        if self.chance(3) {
            data["project"] = json!(encoded("shop"));
        }
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": format!("c{at}"), "namespace": "argocd", "labels": labels},
            "data": data,
        });
        if self.chance(3) {
            secret["metadata"]["annotations"] = json!({"note": "n"});
        }
        secret
    }

    fn set(&mut self, is_go: bool) -> Json {
        let count = 1 + self.below(2);
        let generators: Vec<Json> = (0..count).map(|_| self.generator(is_go, 0)).collect();
        let mut spec = json!({"goTemplate": is_go, "generators": generators, "template": self.template(is_go)});
        if is_go && self.chance(2) {
            let option = self.pick(&["missingkey=error", "missingkey=zero", "missingkey=default"]);
            spec["goTemplateOptions"] = json!([option]);
        }
        if self.chance(4) {
            spec["syncPolicy"] = json!({"preserveResourcesOnDeletion": self.chance(2)});
        }
        if self.chance(3) {
            spec["templatePatch"] = json!(self.template_patch(is_go));
        }
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet",
            "metadata": {"name": "set", "namespace": "argocd"}, "spec": spec,
        })
    }

    fn text(&mut self, is_go: bool) -> String {
        match (self.below(9), is_go) {
            (0, _) => self.pick(&NAMES).to_string(),
            (1..=5, true) => "{{ .name }}".to_string(),
            (1..=5, false) => "{{name}}".to_string(),
            (6, true) => format!("x-{}{}", self.pick(&GO), self.pick(&GO)),
            (_, true) => self.pick(&GO).to_string(),
            (6, false) => format!("x-{}{}", self.pick(&PLAIN), self.pick(&PLAIN)),
            (_, false) => self.pick(&PLAIN).to_string(),
        }
    }

    fn template(&mut self, is_go: bool) -> Json {
        let mut metadata = json!({"name": self.text(is_go)});
        if self.chance(3) {
            metadata["labels"] = json!({self.pick(&["env", "team"]): self.text(is_go)});
        }
        if self.chance(4) {
            metadata["finalizers"] = json!(["own"]);
        }
        let mut source = json!({"repoURL": "https://example.org/fleet", "path": self.text(is_go)});
        if self.chance(3) {
            source["helm"] = json!({"valuesObject": {"a": self.text(is_go), "n": 1, "l": [self.text(is_go)], "z": null}});
        }
        let mut spec = json!({
            "project": "default", "source": source,
            "destination": {"server": self.text(is_go), "namespace": self.text(is_go)},
        });
        if self.chance(3) {
            spec["syncPolicy"] = json!({
                "automated": {"prune": self.chance(2), "selfHeal": self.chance(2)},
                "syncOptions": ["CreateNamespace=true", self.text(is_go)],
            });
        }
        if self.chance(6) {
            spec["revisionHistoryLimit"] = json!(3);
        }
        json!({"metadata": metadata, "spec": spec})
    }

    /// The template of a generator, which is merged with that of the set.
    fn own_template(&mut self, is_go: bool) -> Json {
        let mut template = self.template(is_go);
        if self.chance(2) {
            template["metadata"] = json!({});
        }
        if self.chance(2) {
            template["spec"]["source"] = json!({"repoURL": "", "path": "own"});
        }
        // A template of a generator must have the required fields, empty or not.
        template
    }

    fn template_patch(&mut self, is_go: bool) -> String {
        let text = self.text(is_go).replace('\n', " ");
        match self.below(8) {
            0 => String::new(),
            1 if is_go => "{{ if .flag }}\nspec: {project: stolen}\n{{ end }}".to_string(),
            1 | 2 => format!("spec: {{project: stolen, source: {{path: '{}'}}}}", text.replace('\'', "")),
            3 => "metadata: {finalizers: [more], labels: {patched: 'yes'}}".to_string(),
            4 => json!({"spec": {"source": {"helm": {"valuesObject": {"b": text}}}, "syncPolicy": null}}).to_string(),
            5 => "spec: {syncPolicy: {syncOptions: [A=1]}}".to_string(),
            6 => "- a list".to_string(),
            _ => "metadata: {annotations: {a: b}}".to_string(),
        }
    }

    fn generator(&mut self, is_go: bool, depth: usize) -> Json {
        let kind = match depth {
            0 | 1 => self.below(9),
            _ => self.below(5),
        };
        let mut generator = match kind {
            0..=2 => json!({"list": self.list(is_go)}),
            3 => json!({"git": self.git(is_go)}),
            4 => json!({"clusters": self.clusters(is_go)}),
            5 | 6 => {
                let number = if self.chance(12) { self.below(4) } else { 2 };
                let all: Vec<Json> = (0..number)
                    .map(|_| self.generator(is_go, depth + 1))
                    .collect();
                json!({"matrix": {"generators": all}})
            }
            _ => {
                let number = if self.chance(12) {
                    self.below(4)
                } else {
                    2 + self.below(2)
                };
                let all: Vec<Json> = (0..number)
                    .map(|_| self.generator(is_go, depth + 1))
                    .collect();
                let keys = self.pick(&["name", "name", "name", "server", "missing"]);
                json!({"merge": {"mergeKeys": [keys], "generators": all}})
            }
        };
        if self.chance(8) {
            generator["selector"] = self.selector(is_go);
        }
        if depth == 0 && self.chance(5) {
            let template = self.own_template(is_go);
            let spec = generator
                .as_object_mut()
                .unwrap()
                .values_mut()
                .next()
                .unwrap();
            spec["template"] = template;
        }
        generator
    }

    fn selector(&mut self, is_go: bool) -> Json {
        let text = self.text(is_go);
        let key = self.pick(&[
            "name",
            "path.basename",
            "server",
            "values.tier",
            "missing",
            "metadata.labels.env",
            "map.a",
        ]);
        match self.below(6) {
            0 => json!({"matchLabels": {key: "web"}}),
            1 => json!({"matchLabels": {key: text}}),
            2 => {
                json!({"matchExpressions": [{"key": key, "operator": "In", "values": ["a", "web", "top"]}]})
            }
            3 => {
                json!({"matchExpressions": [{"key": key, "operator": "NotIn", "values": ["a", "web"]}]})
            }
            4 => {
                json!({"matchExpressions": [{"key": key, "operator": self.pick(&["Exists", "DoesNotExist"])}]})
            }
            _ => {
                json!({"matchExpressions": [{"key": key, "operator": self.pick(&["In", "Like"])}]})
            }
        }
    }

    fn element(&mut self, is_go: bool) -> Json {
        let mut element = json!({"name": self.pick(&NAMES)});
        if self.chance(2) {
            element["server"] = json!(self.pick(&["https://one", "https://two", ""]));
        }
        if self.chance(3) {
            element["values"] = json!({"tier": self.pick(&["gold", "tin"])});
        }
        if is_go || self.chance(20) {
            match self.below(8) {
                0 => element["number"] = json!(1_000_000),
                1 => element["number"] = json!(0.25),
                2 => element["flag"] = json!(self.chance(2)),
                3 => element["list"] = json!(["p", 2, null]),
                4 => element["map"] = json!({"a": self.pick(&NAMES), "b": {"c": 1}}),
                5 => element["name"] = Json::Null,
                _ => {}
            }
        }
        element
    }

    fn list(&mut self, is_go: bool) -> Json {
        let elements: Vec<Json> = (0..self.below(4)).map(|_| self.element(is_go)).collect();
        let mut list = json!({"elements": elements});
        if self.chance(6) {
            list["elementsYaml"] = json!(self.pick(&[
                "- {name: yaml, number: 7}\n- {name: more}\n",
                "[]",
                "a: b",
                "{{ .list }}",
                "[{name: '{{ .name }}'}]",
            ]));
        }
        list
    }

    fn own_values(&mut self, is_go: bool, spec: &mut Json) {
        if self.chance(3) {
            spec["values"] = json!({"tier": self.text(is_go), "more": self.text(is_go)});
        }
        if self.chance(8) {
            spec["pathParamPrefix"] = json!("set");
        }
    }

    fn git(&mut self, is_go: bool) -> Json {
        let own = match is_go {
            true => "apps/{{ .name }}",
            false => "apps/{{name}}",
        };
        let (field, patterns): (&str, &[&str]) = match self.chance(2) {
            true => (
                "directories",
                &[
                    "apps/*",
                    "*",
                    "apps/*/*",
                    "apps/w*",
                    "apps/[^a]*",
                    "apps/[!a]*",
                    "apps/.hidden",
                    "apps/",
                    "apps/web",
                    own,
                ],
            ),
            false => (
                "files",
                &[
                    "apps/*/config.*",
                    "apps/**/*.yaml",
                    "apps/*",
                    "config/m*.yaml",
                    "config",
                    "config/",
                    "top.yaml",
                    "*/config.json",
                    "config/deep/a[1].yaml",
                    "apps/{web,api}/*",
                    "config/f?rst.yaml",
                    own,
                ],
            ),
        };
        let entries: Vec<Json> = (0..=self.below(3))
            .map(|_| {
                let mut entry = json!({"path": self.pick(patterns)});
                if self.chance(5) {
                    entry["exclude"] = json!(true);
                }
                entry
            })
            .collect();
        let mut git =
            json!({"repoURL": "https://example.org/fleet", "revision": "HEAD", field: entries});
        if self.chance(30) {
            git.as_object_mut().unwrap().remove(field);
        }
        self.own_values(is_go, &mut git);
        git
    }

    fn clusters(&mut self, is_go: bool) -> Json {
        let mut clusters = json!({});
        if self.chance(3) {
            clusters["selector"] = match self.below(3) {
                0 => json!({"matchLabels": {"env": "prod"}}),
                1 => {
                    json!({"matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["prod"]}]})
                }
                _ => json!({}),
            };
        }
        if self.chance(6) {
            clusters["flatList"] = json!(true);
        }
        if self.chance(3) {
            clusters["values"] = json!({"tier": self.text(is_go)});
        }
        clusters
    }
}
