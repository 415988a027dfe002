//! Runs of the program in folders, and what they print.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use pleach::tree::Tree;

pub(crate) const PLEACH: &str = env!("CARGO_BIN_EXE_pleach");

pub(crate) fn pleach(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(PLEACH)
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs the program, checks its exit code and returns its standard error.
#[track_caller]
pub(crate) fn run(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = pleach(folder, arguments);
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}");
    printed
}

/// Writes the files of a tree below a folder.
pub(crate) fn write(folder: &Path, tree: &Tree) {
    for (path, bytes) in tree {
        let file = folder.join(path.as_str());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

/// Asserts that a text contains all of the others.
#[track_caller]
pub(crate) fn assert_contains(text: &str, all: &[&str]) {
    for it in all {
        assert!(text.contains(it), "{it}: {text}");
    }
}
