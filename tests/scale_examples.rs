//! Runs the examples in `examples/scale` as their services would run them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use pleach::diag::Source;
use pleach::tree::TreePath;
use pleach::yaml::{Node, parse_one};

use crate::git_repository::{command, repository, run};
use crate::program::PLEACH;

fn example(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("examples/scale").join(name)
}

fn document(name: &str) -> Node {
    let text = fs::read_to_string(example(name)).unwrap();
    parse_one(&Source::new(TreePath::root(), text)).unwrap()
}

fn texts<'a>(node: &'a Node, path: &[&str]) -> Vec<&'a str> {
    let list = node.at_keys(path).and_then(Node::as_sequence).unwrap();
    list.iter().map(|it| it.as_str().unwrap()).collect()
}

/// Runs a script with environment variables that a service sets.
fn script(folder: &Path, variables: &[(&str, &str)], text: &str) -> Output {
    let set = variables
        .iter()
        .map(|(name, value)| format!("export {name}='{value}'\n"));
    let text = set.collect::<String>() + text;
    command(folder, "sh", &["-euc", &text])
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test_with::executable(git)]
#[test]
fn pods_of_an_indexed_job_write_the_whole_tree() {
    let (folder, root) = repository("");
    let job = document("indexed-job.yaml");
    let container = job.at_keys(&["spec", "template", "spec", "containers"]);
    let container = &container.and_then(Node::as_sequence).unwrap()[0];
    let [_, _, text] = texts(container, &["command"])[..] else {
        panic!("the command is no script");
    };
    let output = folder.path().join("output");
    let text = text.replace("/output", output.to_str().unwrap());
    let pods = job.at_keys(&["spec", "completions"]).and_then(Node::as_int);
    for index in 0..pods.unwrap() {
        let index = index.to_string();
        succeeds(&script(&root, &[("JOB_COMPLETION_INDEX", &index)], &text));
    }
    let (output, tree) = (output.to_str().unwrap(), root.join("deploy"));
    run(&root, "diff", &["-r", output, tree.to_str().unwrap()], true);
}

#[test_with::executable(git)]
#[test]
fn parallel_jobs_of_gitlab_write_the_whole_tree() {
    let (_folder, root) = repository("");
    let jobs = document("gitlab.yml");
    let render = texts(&jobs, &["render", "script"]).join("\n");
    let total = jobs.at_keys(&["render", "parallel"]).and_then(Node::as_int);
    let total = total.unwrap();
    for index in 1..=total {
        let variables = [
            ("CI_NODE_INDEX", index.to_string()),
            ("CI_NODE_TOTAL", total.to_string()),
        ];
        let variables = variables.each_ref().map(|it| (it.0, &*it.1));
        succeeds(&script(&root, &variables, &render));
    }
    let bootstrap = root.join("deploy/clusters/prod/flux-system");
    fs::create_dir(&bootstrap).unwrap();
    fs::write(bootstrap.join("gotk-sync.yaml"), "kind: Any\n").unwrap();
    let compare = texts(&jobs, &["tree", "script"]).join("\n");
    succeeds(&script(&root, &[], &compare));
}

#[test_with::executable(git)]
#[test]
fn a_plugin_of_argo_cd_prints_an_environment() {
    let (_folder, root) = repository("");
    let plugin = document("argocd-plugin.yaml");
    let [_, _, text] = texts(&plugin, &["spec", "generate", "command"])[..] else {
        panic!("the command is no script");
    };
    let printed = succeeds(&script(&root, &[("PARAM_ENVIRONMENT", "prod")], text));
    assert!(
        printed.contains("kind: ClickHouseInstallation"),
        "{printed}"
    );
    let refused = script(&root, &[], text);
    assert!(!refused.status.success());
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(
        errors.contains("the Application names no environment"),
        "{errors}"
    );
}

#[test_with::executable(kustomize)]
#[test]
fn kustomize_runs_the_krm_function() {
    let (_folder, root) = repository("");
    for name in ["krm-function.sh", "kustomization.yaml", "environment.yaml"] {
        fs::copy(example(name), root.join(name)).unwrap();
    }
    let build = ["build", "--enable-alpha-plugins", "--enable-exec", "."];
    let printed = run(&root, "kustomize", &build, true);
    assert!(
        printed.contains("kind: ClickHouseInstallation"),
        "{printed}"
    );
}

#[test_with::executable(git)]
#[test]
fn a_github_matrix_names_the_environments_of_a_change() {
    let (_folder, root) = repository("");
    crate::git_repository::change(&root, "201Gi");
    run(&root, PLEACH, &["render"], true);
    run(
        &root,
        "git",
        &["commit", "--quiet", "-a", "-m", "change"],
        true,
    );
    let workflow = document("github.yaml");
    let steps = workflow.at_keys(&["jobs", "affected", "steps"]);
    let steps = steps.and_then(Node::as_sequence).unwrap();
    let text = steps.iter().find_map(|it| it.get("run")?.as_str()).unwrap();
    let matrix_since = |base: &str| {
        let variables = [("BASE", base), ("GITHUB_OUTPUT", "output.txt")];
        succeeds(&script(&root, &variables, text));
        let output = fs::read_to_string(root.join("output.txt")).unwrap();
        fs::remove_file(root.join("output.txt")).unwrap();
        output
            .trim()
            .strip_prefix("environments=")
            .unwrap()
            .to_string()
    };
    let condition = workflow.at_keys(&["jobs", "check", "if"]);
    let condition = condition.and_then(Node::as_str).unwrap();
    let none = matrix_since("HEAD");
    assert!(condition.contains(&format!("!= '{none}'")), "{none}");
    let matrix: serde_json::Value = serde_json::from_str(&matrix_since("HEAD~1")).unwrap();
    assert_eq!(matrix["include"][0]["environment"], "prod", "{matrix}");
    assert_eq!(matrix["include"].as_array().unwrap().len(), 1, "{matrix}");
    let names_of_commit = || {
        run(&root, "git", &["add", "-A"], true);
        run(&root, "git", &["commit", "--quiet", "-m", "change"], true);
        let matrix: serde_json::Value = serde_json::from_str(&matrix_since("HEAD~1")).unwrap();
        let jobs = matrix["include"].as_array().unwrap().iter();
        let names = jobs.map(|it| it["environment"].as_str().unwrap().to_string());
        names.collect::<Vec<_>>()
    };
    let cluster = root.join("deploy/clusters/stage");
    fs::write(cluster.join("stray.yaml"), "kind: ConfigMap\n").unwrap();
    assert_eq!(names_of_commit(), ["stage"]);
    fs::create_dir(root.join("policies")).unwrap();
    fs::write(root.join("policies/a.yaml"), "# None yet.\n").unwrap();
    assert_eq!(names_of_commit(), ["prod", "stage", "test"]);
    fs::remove_dir_all(root.join("environments/test")).unwrap();
    assert!(!names_of_commit().contains(&"test".to_string()));
}

#[test_with::executable(bazel)]
#[test]
fn bazel_renders_the_whole_tree() {
    let (folder, root) = repository("");
    for name in ["BUILD.bazel", "pleach.bzl"] {
        fs::copy(example("bazel").join(name), root.join(name)).unwrap();
    }
    fs::write(root.join("WORKSPACE"), "").unwrap();
    fs::create_dir(root.join("bin")).unwrap();
    fs::copy(PLEACH, root.join("bin/pleach")).unwrap();
    let user = folder.path().join(".bazel");
    let user = format!("--output_user_root={}", user.display());
    run(
        &root,
        "bazel",
        &["--batch", &user, "build", "//:tree"],
        true,
    );
    run(&root, "diff", &["-r", "bazel-bin/tree", "deploy"], true);
    // Bazel's read-only files could not be deleted.
    run(folder.path(), "chmod", &["-R", "u+w", ".bazel"], true);
}
