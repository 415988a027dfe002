//! Git repositories in temporary folders, and commands that run there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError};

use pleach::tree::{Tree, TreePath};
use tempfile::TempDir;

use crate::program::{PLEACH, write};

/// Runs a command with pleach on the PATH, without the Git settings of the user or of a surrounding hook.
pub(crate) fn command(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    let bin = Path::new(PLEACH).parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments);
    command.env("PATH", format!("{bin}:{path}"));
    command.env("GIT_CONFIG_GLOBAL", folder.join("there is no such file"));
    for name in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{name}_NAME"), "test");
        command.env(format!("GIT_{name}_EMAIL"), "test@example.com");
    }
    for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
        command.env_remove(name);
    }
    command.output().unwrap()
}

/// Runs a command and returns the output of both streams.
#[track_caller]
pub(crate) fn run(folder: &Path, program: &str, arguments: &[&str], succeeds: bool) -> String {
    let output = command(folder, program, arguments);
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert_eq!(
        output.status.success(),
        succeeds,
        "{program} {arguments:?}: {printed}"
    );
    printed
}

#[track_caller]
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    run(folder, "git", arguments, true)
}

/// A repository in which the starter and its output are committed, with the workspace in the folder `below`.
pub(crate) fn repository(below: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &committed_starter(below));
    // The index has the times of the original files. Without a refresh, plumbing commands consider all copied files changed.
    git(folder.path(), &["status", "--short"]);
    let workspace = folder.path().join(below);
    (folder, workspace)
}

/// The files of such a repository, created once, because dozens of tests start from it.
fn committed_starter(below: &str) -> Arc<Tree> {
    static MADE: Mutex<BTreeMap<String, Arc<Tree>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(files) = made.get(below) {
        return files.clone();
    }
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
    let workspace = folder.path().join(below);
    fs::create_dir_all(&workspace).unwrap();
    run(&workspace, PLEACH, &["init"], true);
    run(&workspace, PLEACH, &["render"], true);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "-m", "all"]);
    // One file to copy instead of hundreds.
    git(folder.path(), &["repack", "-a", "-d", "--quiet"]);
    let files = Arc::new(read(folder.path()));
    made.insert(below.to_string(), files.clone());
    files
}

/// The files below a folder.
fn read(folder: &Path) -> Tree {
    let entries = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap);
    let files = entries.filter(|it| it.file_type().is_file());
    let files = files.map(|it| {
        let path = it.path().strip_prefix(folder).unwrap();
        let path = TreePath::new(path.to_str().unwrap()).unwrap();
        (path, fs::read(it.path()).unwrap().into())
    });
    files.collect()
}

/// Changes the disk size in a claim of prod and returns its file.
pub(crate) fn change(workspace: &Path, size: &str) -> PathBuf {
    let file = workspace.join("environments/prod/databases.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let at = text.find("diskSize: ").unwrap() + "diskSize: ".len();
    let end = at + text[at..].find(['}', '\n', ',']).unwrap();
    fs::write(&file, format!("{}{size}{}", &text[..at], &text[end..])).unwrap();
    file
}
