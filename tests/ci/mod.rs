//! The CI integration: the scripts of `ci/` in real Git repositories, with servers on the loopback interface, and the files that use
//! them.

mod action;
mod comment;
mod files;
mod github;
mod gitlab;
mod hostile;
mod install;
mod recipe;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::git_repository::{change, git, repository, run};
use crate::program::PLEACH;

/// Limits the reports to a format that the scripts write in any case. Each other format would start the program twice more.
const FEW_FORMATS: (&str, &str) = ("PLEACH_FORMATS", "github");

/// The result of a script.
struct Run {
    code: Option<i32>,
    printed: String,
}

impl Run {
    #[track_caller]
    fn expect(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}", self.printed);
        self.printed
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A command with pleach on the PATH, and without other variables of the environment.
fn command(folder: &Path, program: &str, variables: &[(&str, &str)]) -> Command {
    let bin = Path::new(PLEACH).parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{bin}:{path}"))
        .env("HOME", folder.join("there is no such folder"))
        .env("LANG", "C.UTF-8")
        .envs(variables.iter().copied());
    command
}

/// Runs a script of `ci/` with the shell of the system.
fn script(folder: &Path, name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let file = root().join("ci").join(name);
    let mut command = command(folder, "sh", variables);
    finish(command.arg(file).args(arguments))
}

fn finish(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    Run {
        code: output.status.code(),
        printed: String::from_utf8_lossy(&printed).into_owned(),
    }
}

/// A clone, as a CI service creates it, of a repository with two commits. The second one changes the workspace; the first one is not in
/// the clone.
struct Checkout {
    origin: TempDir,
    _folder: TempDir,
    clone: PathBuf,
    before: String,
    after: String,
}

impl Checkout {
    /// Changes a claim of prod in a workspace in the folder `below`. Without `is_rendered`, its output is outdated.
    fn new(below: &str, size: &str, is_rendered: bool) -> Checkout {
        Checkout::with_change(below, |workspace| {
            change(workspace, size);
            if is_rendered {
                run(workspace, PLEACH, &["render"], true);
            }
        })
    }

    fn with_change(below: &str, change: impl FnOnce(&Path)) -> Checkout {
        let (origin, workspace) = repository(below);
        let root = origin.path();
        let before = head(root);
        change(&workspace);
        git(root, &["add", "."]);
        let commit = ["commit", "--quiet", "--allow-empty", "-m", "a change"];
        git(root, &commit);
        let after = head(root);
        let folder = tempfile::tempdir().unwrap();
        let clone = folder.path().join("clone");
        let checkout = Checkout {
            origin,
            _folder: folder,
            clone,
            before,
            after,
        };
        checkout.check_out("main");
        checkout
    }

    /// Replaces the clone with a new one of a branch, without its history.
    fn check_out(&self, branch: &str) {
        let _ = fs::remove_dir_all(&self.clone);
        let url = format!("file://{}", self.origin.path().display());
        let to = self.clone.to_str().unwrap();
        let clone = [
            "clone",
            "--quiet",
            "--depth=1",
            "--branch",
            branch,
            &url,
            to,
        ];
        git(self.origin.path(), &clone);
    }

    fn read(&self, path: &str) -> String {
        let file = self.clone.join(path);
        fs::read_to_string(&file).unwrap_or_else(|it| panic!("{}: {it}", file.display()))
    }
}

fn head(root: &Path) -> String {
    git(root, &["rev-parse", "HEAD"]).trim().to_string()
}
