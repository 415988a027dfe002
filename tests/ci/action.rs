//! Runs `action.yml` as a runner does: its steps in order, with inputs, expressions, outputs and additions to the PATH. Steps with
//! `uses:` are recorded, but not run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pleach::yaml::Node;
use tempfile::TempDir;

use super::files::{expressions, read_yaml, text};
use super::{Run, command, finish, root};

/// A job, with the files through which steps communicate with the runner.
pub(super) struct Job {
    folder: TempDir,
    /// `inputs.version`, `github.event_name` and so on.
    values: BTreeMap<String, String>,
    pub(super) variables: BTreeMap<String, String>,
}

/// The result of a run of the action.
pub(super) struct Outcome {
    pub(super) succeeds: bool,
    pub(super) printed: String,
    pub(super) summary: String,
    pub(super) outputs: BTreeMap<String, String>,
    /// The actions in `uses:`, with the values of `with`.
    pub(super) used: Vec<(String, BTreeMap<String, String>)>,
}

impl Job {
    /// A job whose workspace is a checkout, with inputs that differ from their defaults.
    pub(super) fn new(workspace: &Path, inputs: &[(&str, &str)]) -> Job {
        let folder = tempfile::tempdir().unwrap();
        let mut values = BTreeMap::from([("github.token".to_string(), "s3cret".to_string())]);
        let action = read_yaml("action.yml");
        for it in action.get("inputs").unwrap().as_mapping().unwrap().iter() {
            let default = it.value.get("default").map(text).unwrap_or_default();
            let default = replaced(&default, &values);
            values.insert(format!("inputs.{}", text(&it.key)), default);
        }
        for (name, value) in inputs {
            let old = values.insert(format!("inputs.{name}"), (*value).to_string());
            assert!(old.is_some(), "there is no input {name}");
        }
        let place = |name: &str| folder.path().join(name).display().to_string();
        let variables = [
            ("GITHUB_WORKSPACE", workspace.display().to_string()),
            ("GITHUB_ACTION_PATH", root().display().to_string()),
            ("RUNNER_TEMP", place("temp")),
            ("GITHUB_STEP_SUMMARY", place("summary")),
            ("GITHUB_PATH", place("path")),
            ("GITHUB_SERVER_URL", "https://github.com".to_string()),
            ("GITHUB_REPOSITORY", "acme/platform".to_string()),
            ("GITHUB_RUN_ID", "42".to_string()),
        ];
        let variables = variables.map(|(name, value)| (name.to_string(), value));
        fs::create_dir(folder.path().join("temp")).unwrap();
        Job {
            variables: BTreeMap::from(variables),
            folder,
            values,
        }
    }

    /// Sets the value of an expression.
    pub(super) fn with(mut self, name: &str, value: &str) -> Job {
        self.values.insert(name.to_string(), value.to_string());
        self
    }

    /// Sets a variable of the environment.
    pub(super) fn variable(mut self, name: &str, value: &str) -> Job {
        self.variables.insert(name.to_string(), value.to_string());
        self
    }

    /// Adds a folder to the beginning of the PATH.
    pub(super) fn programs(self, folder: &Path) -> Job {
        fs::write(self.file("path"), format!("{}\n", folder.display())).unwrap();
        self
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    pub(super) fn run(mut self) -> Outcome {
        let action = read_yaml("action.yml");
        let steps = action.at_keys(&["runs", "steps"]).unwrap();
        let (mut printed, mut used, mut succeeds) = (String::new(), Vec::new(), true);
        for step in steps.as_sequence().unwrap() {
            let condition = step.get("if").map(text);
            if !succeeds || condition.is_some_and(|it| !self.holds(&it)) {
                continue;
            }
            if let Some(name) = step.get("uses") {
                used.push((text(name), self.map(step.get("with"))));
                continue;
            }
            let ran = self.step(step);
            printed.push_str(&ran.printed);
            succeeds = ran.code == Some(0);
        }
        let outputs = action.get("outputs").unwrap().as_mapping().unwrap();
        let outputs = outputs.iter().map(|it| {
            let value = replaced(&text(it.value.get("value").unwrap()), &self.values);
            (text(&it.key), value)
        });
        Outcome {
            succeeds,
            printed,
            used,
            outputs: outputs.collect(),
            summary: self.read("summary"),
        }
    }

    /// Runs a step and stores its outputs for later ones.
    fn step(&mut self, step: &Node) -> Run {
        assert_eq!(step.get("shell").map(text).as_deref(), Some("sh"));
        let (output, _) = (self.file("output"), fs::remove_file(self.file("output")));
        let mut command = command(Path::new(&self.variables["GITHUB_WORKSPACE"]), "sh", &[]);
        command
            .envs(&self.variables)
            .envs(self.map(step.get("env")));
        command.env("GITHUB_OUTPUT", &output);
        let path = std::env::var("PATH").unwrap();
        let bin = Path::new(crate::program::PLEACH)
            .parent()
            .unwrap()
            .display();
        let added = self.read("path").lines().collect::<Vec<_>>().join(":");
        command.env("PATH", format!("{added}:{bin}:{path}"));
        let ran = finish(command.args(["-e", "-c", &text(step.get("run").unwrap())]));
        let id = step.get("id").map(text).unwrap_or_default();
        for line in self.read("output").lines() {
            let (name, value) = line.split_once('=').unwrap();
            self.values
                .insert(format!("steps.{id}.outputs.{name}"), value.to_string());
        }
        ran
    }

    fn map(&self, node: Option<&Node>) -> BTreeMap<String, String> {
        let entries = node
            .and_then(Node::as_mapping)
            .into_iter()
            .flat_map(|it| it.iter());
        let value = |it: &Node| replaced(&text(it), &self.values);
        entries
            .map(|it| (text(&it.key), value(&it.value)))
            .collect()
    }

    /// Evaluates a condition: comparisons with a word, joined by `&&`.
    fn holds(&self, condition: &str) -> bool {
        condition.split(" && ").all(|it| {
            let (name, sign, word) = match it.split_once(" == ") {
                Some((name, word)) => (name, "==", word),
                None => {
                    let (name, word) = it.split_once(" != ").unwrap();
                    (name, "!=", word)
                }
            };
            let value = self.values.get(name).map_or("", String::as_str);
            (value == word.trim_matches('\'')) == (sign == "==")
        })
    }
}

/// A text with its expressions replaced by their values.
fn replaced(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut out = text.to_string();
    for expression in expressions(text) {
        let value = values.get(expression.trim()).map_or("", String::as_str);
        out = out.replace(&format!("${{{{{expression}}}}}"), value);
    }
    out
}
