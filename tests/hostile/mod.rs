//! Hostile inputs: what a stranger's pull request could hold to exhaust memory, time or the stack of the process that reads it.
//!
//! Each case runs the program as a process of its own with 2 s of CPU and 300 MiB of addresses (more of both
//! where it is not optimized). It must refuse the input with an exit
//! code of 1 or 2 and name a place in it; a case that a bound makes harmless may also succeed, and says so with [`Case::harmless`].
//! Large inputs are written by the test from a recipe.

mod changes;
mod charts;
mod claims;
mod git;
mod kustomize;
mod rules;
mod templates;
mod values;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use regex::Regex;

/// Seconds of CPU time, and KiB of address space, which bounds memory from above: what is reserved and never used counts too.
const BOUNDS: (u32, u32) = (2, 300 << 10);
/// The same for a program that is not optimized: everything takes many times as long, and it is larger itself by more than 100 MiB.
const BOUNDS_OF_DEBUG: (u32, u32) = (30, 400 << 10);

/// One hostile input and what must become of it.
pub(super) struct Case {
    files: Vec<(String, Vec<u8>)>,
    command: Vec<String>,
    says: Vec<String>,
    is_harmless: bool,
    has_place: bool,
    /// A script of `git` that runs in the folder first.
    script: Option<String>,
}

impl Case {
    fn new(command: &[&str], files: Vec<(String, Vec<u8>)>) -> Case {
        Case {
            files,
            command: command.iter().map(ToString::to_string).collect(),
            says: Vec::new(),
            is_harmless: false,
            has_place: true,
            script: None,
        }
    }

    /// The input must be refused with these words.
    fn says(mut self, words: &str) -> Case {
        self.says.push(words.to_string());
        self
    }

    /// The input may also be accepted: it costs little.
    fn harmless(mut self) -> Case {
        self.is_harmless = true;
        self
    }

    /// The fault has no place in a file.
    fn without_place(mut self) -> Case {
        self.has_place = false;
        self
    }

    /// Runs a shell script in the folder before the program, without bounds.
    fn after(mut self, script: &str) -> Case {
        self.script = Some(script.to_string());
        self
    }

    fn check(self) {
        let root = tempfile::tempdir().unwrap();
        for (path, bytes) in &self.files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        if let Some(script) = &self.script {
            prepare(root.path(), script);
        }
        let output = run(root.path(), &self.command);
        let said = String::from_utf8_lossy(&output.stderr);
        let short: String = said.chars().take(3_000).collect();
        let ended = format!(
            "{:?}, signal {:?}",
            output.status.code(),
            output.status.signal()
        );
        match output.status.code() {
            Some(0) if self.is_harmless => return,
            Some(1 | 2) => {}
            _ => panic!("ended with {ended}:\n{short}"),
        }
        assert!(!said.contains("panicked"), "{short}");
        assert!(said.len() < 1 << 20, "{} bytes of messages", said.len());
        for words in &self.says {
            assert!(
                said.contains(words),
                "`{words}` is not said ({ended}):\n{short}"
            );
        }
        let place = Regex::new(r"[^ :]+:\d+:\d+").unwrap();
        assert!(
            !self.has_place || place.is_match(&said),
            "no place ({ended}):\n{short}"
        );
    }
}

fn prepare(root: &Path, script: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-ec", script]).current_dir(root);
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "t"),
        ("GIT_AUTHOR_EMAIL", "t@example.org"),
        ("GIT_COMMITTER_NAME", "t"),
        ("GIT_COMMITTER_EMAIL", "t@example.org"),
    ] {
        shell.env(name, value);
    }
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the script of the case fails: {said}"
    );
}

fn run(root: &Path, command: &[String]) -> Output {
    // Debug assertions are off in both profiles, so the folder of the program says which one it is of.
    let (seconds, addresses) = match program().contains("/debug/") {
        true => BOUNDS_OF_DEBUG,
        false => BOUNDS,
    };
    let limits = format!("ulimit -t {seconds} && ulimit -v {addresses} && exec \"$@\"");
    let mut child = Command::new("sh");
    child
        .args(["-c", &limits, "sh", &program()])
        .args(command)
        .current_dir(root)
        // The allocator reserves a gibibyte at its start otherwise, and each thread its stack.
        .env("MIMALLOC_ARENA_RESERVE", "16384")
        .env("RAYON_NUM_THREADS", "2")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    child.output().unwrap()
}

/// The program: another build of it is tried with `HOSTILE_PROGRAM`, under the bounds of an optimized one.
fn program() -> String {
    let other = std::env::var("HOSTILE_PROGRAM");
    other.unwrap_or_else(|_| env!("CARGO_BIN_EXE_pleach").to_string())
}

/// Texts one after another, each made of its number.
fn repeat(count: usize, make: impl Fn(usize) -> String) -> String {
    (0..count).map(make).collect()
}

/// Files out of a text with `-- path --` lines.
fn files(text: &str) -> Vec<(String, Vec<u8>)> {
    let tree = pleach::tree::Tree::from_text(text);
    tree.iter()
        .map(|(path, bytes)| (path.to_string(), bytes.to_vec()))
        .collect()
}

/// One named test a case.
macro_rules! hostile {
    ($($name:ident: $case:expr;)*) => {
        $(#[test] fn $name() { $case.check() })*
    };
}
use hostile;
