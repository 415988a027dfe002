//! The book in `docs/`: its tutorial and its guide for existing repositories work, and its command pages are the help of the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_tutorial_works_from_an_empty_folder() {
    assert!(follow(include_str!("../docs/tutorial.md")) > 10);
}

#[test]
fn the_guide_for_existing_repositories_works() {
    assert!(follow(include_str!("../docs/existing-repository.md")) > 9);
}

#[test]
fn the_guide_for_changing_the_engine_works() {
    assert!(follow(include_str!("../docs/change-engine.md")) > 12);
}

/// Writes every file that a page shows and runs every command, in order, in an empty folder. Returns the number of commands.
fn follow(text: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let mut ran = 0;
    for block in text.split("\n```").skip(1).step_by(2) {
        let (language, body) = block.split_once('\n').unwrap();
        match language {
            "yaml" => write(folder.path(), body),
            "console" => {
                for line in body.lines() {
                    let command = line
                        .strip_prefix("$ ")
                        .expect("a console block has commands");
                    run(folder.path(), command);
                    ran += 1;
                }
            }
            other => panic!("unknown block language `{other}` in the page"),
        }
    }
    ran
}

/// A block begins with a comment that names its file.
fn write(folder: &Path, body: &str) {
    let name = body.lines().next().and_then(|it| it.strip_prefix("# "));
    let path = folder.join(name.expect("a block names its file"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{body}\n")).unwrap();
}

fn run(folder: &Path, command: &str) {
    let program = env!("CARGO_BIN_EXE_pleach");
    let command = match command.strip_prefix("pleach ") {
        Some(words) => format!("'{program}' {words}"),
        None => command.to_string(),
    };
    let output = Command::new("sh")
        .args(["-c", &command])
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(["AUTHOR", "COMMITTER"].map(|it| (format!("GIT_{it}_NAME"), "a")))
        .envs(["AUTHOR", "COMMITTER"].map(|it| (format!("GIT_{it}_EMAIL"), "a@example.com")))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}\n{stderr}");
}

/// `docs/commands/` has a page for each command, with its help. `GOLDEN=update` writes them.
#[test]
fn the_command_pages_are_the_help() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands");
    let mut index = String::from("# Commands\n\n| command | |\n|---|---|\n");
    for (name, summary) in commands(&[]) {
        let mut page = format!("# pleach {name}\n\n```text\n{}```\n", help(&[&name]));
        for (below, _) in commands(&[&name]) {
            let help = help(&[&name, &below]);
            page.push_str(&format!(
                "\n## pleach {name} {below}\n\n```text\n{help}```\n"
            ));
        }
        expect(&folder.join(format!("{name}.md")), &page);
        index.push_str(&format!("| [`pleach {name}`]({name}.md) | {summary} |\n"));
    }
    expect(&folder.join("README.md"), &index);
}

fn expect(path: &PathBuf, text: &str) {
    if std::env::var("GOLDEN").is_ok_and(|it| it == "update") {
        fs::write(path, text).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        found,
        text,
        "{}: run `GOLDEN=update cargo test book`",
        path.display()
    );
}

fn help(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pleach"))
        .args(words)
        .arg("--help")
        .env("COLUMNS", "100")
        .env_remove("PLEACH_CACHE")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The subcommands that the help of a command lists, with their summaries.
fn commands(words: &[&str]) -> Vec<(String, String)> {
    let help = help(words);
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    let mut found: Vec<(String, String)> = Vec::new();
    for line in list.lines().take_while(|it| !it.is_empty()) {
        match line.strip_prefix("  ").filter(|it| !it.starts_with(' ')) {
            Some(line) => {
                let (name, summary) = line.split_once(' ').unwrap_or((line, ""));
                found.push((name.to_string(), summary.trim().to_string()));
            }
            None => {
                let last = found.last_mut().expect("a summary has a command");
                last.1 = format!("{} {}", last.1, line.trim());
            }
        }
    }
    found.retain(|it| it.0 != "help");
    found
}

/// Readers find only the pages that the contents list.
#[test]
fn the_contents_list_every_page() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let contents = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    for entry in fs::read_dir(docs).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") && name != "SUMMARY.md" {
            assert!(contents.contains(&format!("]({name})")), "{name}");
        }
    }
}
