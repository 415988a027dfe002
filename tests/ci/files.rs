//! The files of the action, the workflows and GitLab's template: what they name exists, and no user input becomes part of a script.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use pleach::diag::Source;
use pleach::tree::TreePath;
use pleach::yaml::{Node, parse};

use super::{command, finish, root};

/// The last document of one of the project's files.
pub(super) fn read_yaml(path: &str) -> Node {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let documents = parse(&Source::new(TreePath::new(path).unwrap(), text)).unwrap();
    documents.into_iter().next_back().unwrap()
}

/// A scalar as it is written.
pub(super) fn text(node: &Node) -> String {
    node.as_str().expect("a scalar").to_string()
}

/// The fenced blocks of a page in a language.
pub(super) fn blocks(path: &str, language: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join(path)).unwrap();
    let opening = format!("\n```{language}\n");
    let pieces = page.split(&opening).skip(1);
    let end = |it: &str| it.split("\n```").next().unwrap().to_string();
    pieces.map(end).collect()
}

/// The text between `${{` and `}}`.
pub(super) fn expressions(text: &str) -> Vec<&str> {
    let pieces = text.split("${{").skip(1);
    pieces.map(|it| it.split("}}").next().unwrap()).collect()
}

/// The action, and all workflows.
fn files() -> Vec<String> {
    let mut files = vec!["action.yml".to_string()];
    for entry in fs::read_dir(root().join(".github/workflows")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        files.push(format!(".github/workflows/{name}"));
    }
    files.sort();
    files
}

/// All values below a key of this name.
fn all<'a>(node: &'a Node, key: &str, found: &mut Vec<&'a Node>) {
    for it in node.as_mapping().into_iter().flat_map(|it| it.iter()) {
        if it.key.as_str() == Some(key) {
            found.push(&it.value);
        }
        all(&it.value, key, found);
    }
    for it in node.as_sequence().unwrap_or_default() {
        all(it, key, found);
    }
}

fn named(node: &Node, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    all(node, key, &mut found);
    let scalars = found.into_iter().filter(|it| it.is_scalar());
    scalars.map(text).collect()
}

#[test]
fn used_actions_are_pinned_to_a_commit() {
    for file in files() {
        let written = fs::read_to_string(root().join(&file)).unwrap();
        for used in named(&read_yaml(&file), "uses") {
            if used.starts_with("./") {
                continue;
            }
            let (_, commit) = used.split_once('@').unwrap();
            let is_commit = commit.len() == 40 && commit.bytes().all(|it| it.is_ascii_hexdigit());
            assert!(is_commit, "{file}: {used}");
            assert!(
                written.contains(&format!("uses: {used} # v")),
                "{file}: {used} names no version beside the commit"
            );
        }
    }
}

#[test]
fn no_expression_is_part_of_a_script() {
    for file in files() {
        for script in named(&read_yaml(&file), "run") {
            assert!(!script.contains("${{"), "{file}: {script}");
        }
    }
    let template = read_yaml("ci/gitlab.yml");
    let mut scripts = Vec::new();
    all(&template, "script", &mut scripts);
    let scripts: Vec<&Node> = scripts
        .iter()
        .flat_map(|it| it.as_sequence().unwrap())
        .collect();
    assert_eq!(scripts.len(), 1);
    assert!(!text(scripts[0]).contains("$[["));
}

#[test]
fn the_action_uses_its_inputs_and_sets_its_outputs() {
    let action = read_yaml("action.yml");
    let written = fs::read_to_string(root().join("action.yml")).unwrap();
    let declared: BTreeSet<String> = keys(&action, "inputs");
    let mut named = BTreeSet::new();
    for expression in expressions(&written) {
        named.extend(words(expression, "inputs."));
    }
    let mut conditions = Vec::new();
    all(&action, "if", &mut conditions);
    for condition in conditions {
        named.extend(words(&text(condition), "inputs."));
    }
    assert_eq!(named, declared);
    for name in &declared {
        let input = action.at_keys(&["inputs", name]).unwrap();
        assert!(input.get("description").is_some(), "{name}");
    }
    let script = fs::read_to_string(root().join("ci/pleach.sh")).unwrap()
        + &fs::read_to_string(root().join("ci/github.sh")).unwrap();
    for expression in expressions(&written) {
        for output in words(expression, "steps.run.outputs.") {
            assert!(script.contains(&format!("{output}=$")), "{output}");
        }
    }
    // The script reads exactly the variables that it gets.
    let steps = action.at_keys(&["runs", "steps"]).unwrap();
    let step = steps.as_sequence().unwrap().iter();
    let step = step.into_iter().find(|it| it.get("id").is_some()).unwrap();
    let given = step.get("env").unwrap().as_mapping().unwrap();
    let script = fs::read_to_string(root().join("ci/github.sh")).unwrap();
    for name in given.keys() {
        assert!(script.contains(&format!("${name}")), "{name}");
    }
    let read = words(&script, "$INPUT_");
    for name in read {
        assert!(given.contains_key(&format!("INPUT_{name}")), "{name}");
    }
}

pub(super) fn keys(node: &Node, key: &str) -> BTreeSet<String> {
    let mapping = node.get(key).unwrap().as_mapping().unwrap();
    mapping.keys().map(str::to_string).collect()
}

/// The names that follow a prefix.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_part = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    let pieces = text.split(prefix).skip(1);
    let names = pieces.map(|it| it.chars().take_while(|it| is_part(*it)).collect::<String>());
    names.collect()
}

#[test]
fn named_scripts_exist_and_are_executable() {
    let mut texts: Vec<String> = files();
    texts.extend(
        [
            ".ci/run",
            ".ci/pack",
            "ci/gitlab.yml",
            "ci/README.md",
            "README.md",
        ]
        .map(String::from),
    );
    for entry in fs::read_dir(root().join("ci")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        texts.push(format!("ci/{name}"));
    }
    let mut found = BTreeSet::new();
    for file in texts {
        let written = fs::read_to_string(root().join(&file)).unwrap();
        let pieces = written.split(|it: char| it.is_whitespace() || "\"'`()$".contains(it));
        for piece in pieces {
            let at = piece.rfind("ci/").map_or(piece, |at| &piece[at..]);
            let at = match (piece.ends_with(".sh"), piece.contains(".ci/")) {
                (_, true) => format!(".{at}"),
                (true, false) if at.starts_with("ci/") => at.to_string(),
                _ => continue,
            };
            found.insert((at, file.clone()));
        }
    }
    assert!(found.len() > 7, "{found:?}");
    for (path, file) in found {
        let path = PathBuf::from(path);
        let place = root().join(&path);
        assert!(place.is_file(), "{file}: {}", path.display());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&place).unwrap().permissions().mode();
            let is_data = path.extension().is_some_and(|it| it != "sh");
            assert!(is_data || mode & 0o111 == 0o111, "{}", path.display());
        }
    }
}

#[test]
fn all_versions_equal_that_of_the_crate() {
    let version = env!("CARGO_PKG_VERSION");
    let default = read_yaml("action.yml");
    let default = default.at_keys(&["inputs", "version", "default"]).unwrap();
    assert_eq!(text(default), version);
    let template = fs::read_to_string(root().join("ci/gitlab.yml")).unwrap();
    let source = Source::new(TreePath::new("gitlab.yml").unwrap(), template.clone());
    let header = parse(&source).unwrap().remove(0);
    let default = header.at_keys(&["spec", "inputs", "version", "default"]);
    assert_eq!(text(default.unwrap()), version);
    for file in ["ci/README.md", "ci/gitlab.yml", "README.md"] {
        let written = fs::read_to_string(root().join(file)).unwrap();
        for named in ["pleach/pleach@v", "pleach/pleach/v", "rev: v", "download/v"] {
            for at in written.split(named).skip(1) {
                assert!(
                    at.starts_with(version),
                    "{file}: {named}{}",
                    &at[..8.min(at.len())]
                );
            }
        }
    }
    // The template uses every input that it declares, and declares every input that it uses.
    let inputs = header.at_keys(&["spec", "inputs"]).unwrap();
    for name in inputs.as_mapping().unwrap().keys() {
        assert!(
            template.contains(&format!("$[[ inputs.{name} ]]")),
            "{name}"
        );
    }
    for name in words(&template, "$[[ inputs.") {
        assert!(inputs.get(&name).is_some(), "{name}");
    }
}

#[test]
fn release_notes_are_the_section_of_the_version() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("CHANGELOG.md");
    let log = "# Changelog\n\n## Unreleased\n\n## 1.2.0 (2026-01-01)\n\n- New.\n\n      code\n\n## 1.2.0-rc.1\n\n- Old.\n";
    fs::write(&file, log).unwrap();
    let notes = |version: &str| {
        let mut command = command(root(), ".ci/notes", &[]);
        finish(command.args([version, file.to_str().unwrap()]))
    };
    assert_eq!(notes("1.2.0").expect(0), "- New.\n\n      code\n");
    assert_eq!(notes("1.2.0-rc.1").expect(0), "- Old.\n");
    for none in ["Unreleased", "1.2", "2.0.0"] {
        assert!(notes(none).expect(1).contains("has no section"));
    }
}

#[test_with::executable(shellcheck)]
#[test]
fn shellcheck_finds_nothing() {
    let scripts = ["install", "git", "pleach", "comment", "github", "gitlab"];
    let mut scripts: Vec<String> = scripts.iter().map(|it| format!("ci/{it}.sh")).collect();
    scripts.extend([".ci/run", ".ci/pack", ".ci/notes"].map(String::from));
    let mut shellcheck = command(root(), "shellcheck", &[]);
    let found = finish(shellcheck.arg("--external-sources").args(scripts));
    assert_eq!((found.code, &*found.printed), (Some(0), ""));
}

#[test_with::executable(actionlint)]
#[test]
fn actionlint_finds_nothing() {
    let workflows = files().into_iter().filter(|it| it != "action.yml");
    let found = finish(command(root(), "actionlint", &[]).args(workflows));
    assert_eq!((found.code, &*found.printed), (Some(0), ""));
}
