//! A workspace in a temporary folder, with a home and a cache of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pleach::chart::pack;
use pleach::tree::Tree;
use tempfile::TempDir;

pub(crate) struct Workspace {
    folder: TempDir,
}

impl Workspace {
    /// A workspace with one environment and no claims.
    pub(crate) fn new() -> Workspace {
        let workspace = Workspace {
            folder: tempfile::tempdir().unwrap(),
        };
        workspace.write(
            "pleach.yaml",
            "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: case}\n",
        );
        workspace.write(
            "environments/test/environment.yaml",
            "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: test}\nspec: {cluster: test-1}\n",
        );
        workspace
    }

    /// A workspace that installs a chart.
    pub(crate) fn with_claim(repository: &str, name: &str, version: &str) -> Workspace {
        let workspace = Workspace::new();
        workspace.claim(name, repository, name, version);
        workspace
    }

    pub(crate) fn claim(&self, claim: &str, repository: &str, name: &str, version: &str) {
        self.write(
            &format!("environments/test/{claim}.yaml"),
            &format!(
                "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {{name: {claim}}}\n\
                 spec:\n  namespace: {claim}\n  chart: {{repository: '{repository}', name: {name}, version: '{version}'}}\n"
            ),
        );
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        write(&self.root().join(path), text);
    }

    pub(crate) fn write_home(&self, path: &str, text: &str) {
        write(&self.home().join(path), text);
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap_or_default()
    }

    pub(crate) fn lock(&self) -> String {
        self.read("pleach.lock")
    }

    /// How many archives the cache has.
    pub(crate) fn cached(&self) -> usize {
        fs::read_dir(self.cache().join("charts")).map_or(0, Iterator::count)
    }

    pub(crate) fn pleach(&self, arguments: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_pleach"))
            .args(arguments)
            .output()
            .unwrap()
    }

    /// A command in the workspace, without the settings of this machine.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!(
            "{}:{}",
            self.home().join("bin").display(),
            std::env::var("PATH").unwrap_or_default()
        );
        command
            .current_dir(self.root())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home())
            .env("PLEACH_CACHE", self.cache());
        command
    }

    /// Runs the program and returns the output of both streams.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = self.pleach(arguments);
        let printed = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}: {printed}");
        printed
    }
}

pub(crate) fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// The archive of a chart with one value.
pub(crate) fn archive(name: &str, version: &str) -> Vec<u8> {
    let text = format!(
        "-- Chart.yaml --\napiVersion: v2\nname: {name}\nversion: {version}\n-- templates/a.yaml --\n\
         -- values.yaml --\nimage: {{tag: {name}-{version}}}\n-- values-production.yaml --\nreplicas: 3\n"
    );
    pack(&Tree::from_text(&text), name).unwrap()
}
