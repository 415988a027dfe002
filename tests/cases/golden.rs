//! Whole workspaces and their expected output: `golden/<case>/{input,output}`, and the starter workspace of this repository.
//!
//! `golden/<case>/warnings.txt` contains the expected warnings. `GOLDEN=update cargo test golden` accepts the current output.

use std::path::{Path, PathBuf};

use pleach::compile;
use pleach::disk::{Folder, read_output};
use pleach::report::human;
use pleach::tree::{Tree, TreePath};

use crate::check::{VIEW, checked, options};

/// Each workspace by its name: the project's own starter and the folders of `golden/`.
pub(crate) fn workspaces() -> Vec<(String, PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let starter = (
        "starter".to_string(),
        root.into(),
        root.join("golden/starter"),
    );
    let folders = folders(&root.join("golden")).into_iter();
    let cases = folders.filter(|it| it.join("input").is_dir()).map(|it| {
        let name = it.file_name().unwrap_or_default().to_string_lossy();
        (name.into_owned(), it.join("input"), it.join("output"))
    });
    cases.chain([starter]).collect()
}

/// Renders a workspace. The error is the difference from the committed output, or the findings of checks.
pub(crate) fn check(input: &Path, output: &Path) -> Result<(), String> {
    let files = Folder::open(input).map_err(|error| error.to_string())?;
    let compiled = compile(&files, &options());
    let again = compile(&files, &options());
    if compiled.tree != again.tree {
        return Err("two runs give two trees".to_string());
    }
    let messages: Vec<String> = compiled
        .diagnostics
        .iter()
        // Some cases use version ranges, and these cases have no lock.
        .filter(|it| it.code != "floating-version")
        .map(|it| format!("[{}] {}", it.code, it.message))
        .collect();
    if compiled.diagnostics.has_errors() {
        return Err(messages.join("\n"));
    }
    let messages: String = messages.iter().map(|it| format!("{it}\n")).collect();
    let warnings = input.with_file_name("warnings.txt");
    if std::env::var("GOLDEN").is_ok_and(|it| it == "update") {
        write(&compiled.tree, output);
        let _ = std::fs::remove_file(&warnings);
        if !messages.is_empty() && input.ends_with("input") {
            std::fs::write(&warnings, &messages).expect("the file can be written");
        }
    }
    let expected = match input.ends_with("input") {
        true => std::fs::read_to_string(&warnings).unwrap_or_default(),
        false => String::new(),
    };
    if messages != expected {
        return Err(format!("--- reported\n{messages}--- expected\n{expected}"));
    }
    let committed = read_output(output).map_err(|error| error.to_string())?;
    first_difference(&compiled.tree, &committed).map_or(Ok(()), Err)?;
    match checked(&compiled, &files) {
        found if found.is_empty() => Ok(()),
        found => Err(human(&found, &VIEW)),
    }
}

fn first_difference(wanted: &Tree, committed: &Tree) -> Option<String> {
    let paths = wanted
        .iter()
        .map(|it| it.0)
        .chain(committed.iter().map(|it| it.0));
    let differs = |path: &&TreePath| wanted.get(path) != committed.get(path);
    paths.into_iter().find(differs).map(|path| {
        let text = |tree: &Tree| {
            tree.get(path).map_or("(no file)".to_string(), |it| {
                String::from_utf8_lossy(it).into_owned()
            })
        };
        format!(
            "{path}\n--- rendered\n{}--- committed\n{}",
            text(wanted),
            text(committed)
        )
    })
}

fn write(tree: &Tree, output: &Path) {
    let _ = std::fs::remove_dir_all(output);
    for (path, bytes) in tree {
        let file = output.join(path.as_str());
        std::fs::create_dir_all(file.parent().expect("a file is in a folder"))
            .expect("the folder can be made");
        std::fs::write(file, bytes).expect("the file can be written");
    }
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|it| it.path());
    let mut folders: Vec<PathBuf> = entries.filter(|it| it.is_dir()).collect();
    folders.sort();
    folders
}
