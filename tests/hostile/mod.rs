//! Hostile inputs: a pull request could contain them to exhaust memory, time or the stack of the process that reads it.
//!
//! Each case runs the program as a process with 2 s of CPU time and 300 MiB of address space (more of both if it is not optimized). The
//! program must refuse the input with exit code 1 or 2 and name a position in it. If a limit of the program makes the input harmless,
//! the program may also succeed; such cases are marked with [`Case::harmless`]. The tests generate large inputs.

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

/// Seconds of CPU time, and KiB of address space, which is an upper limit of memory: reserved memory that is not used counts too.
const BOUNDS: (u32, u32) = (2, 300 << 10);
/// The same for a program that is not optimized: everything takes many times as long, and it is larger itself by more than 100 MiB.
const BOUNDS_OF_DEBUG: (u32, u32) = (30, 400 << 10);

/// A hostile input and the expected result.
pub(super) struct Case {
    files: Vec<(String, Vec<u8>)>,
    command: Vec<String>,
    reports: Vec<String>,
    is_harmless: bool,
    has_position: bool,
    /// A shell script that runs in the folder first.
    script: Option<String>,
}

impl Case {
    fn new(command: &[&str], files: Vec<(String, Vec<u8>)>) -> Case {
        Case {
            files,
            command: command.iter().map(ToString::to_string).collect(),
            reports: Vec::new(),
            is_harmless: false,
            has_position: true,
            script: None,
        }
    }

    /// The input must be refused with a message that contains this text.
    fn reports(mut self, words: &str) -> Case {
        self.reports.push(words.to_string());
        self
    }

    /// The input may also be accepted, because it costs little.
    fn harmless(mut self) -> Case {
        self.is_harmless = true;
        self
    }

    /// The message does not need a position in a file.
    fn without_position(mut self) -> Case {
        self.has_position = false;
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
        let messages = String::from_utf8_lossy(&output.stderr);
        let short: String = messages.chars().take(3_000).collect();
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
        assert!(!messages.contains("panicked"), "{short}");
        assert!(
            messages.len() < 1 << 20,
            "{} bytes of messages",
            messages.len()
        );
        for words in &self.reports {
            assert!(
                messages.contains(words),
                "`{words}` is not reported ({ended}):\n{short}"
            );
        }
        let position = Regex::new(r"[^ :]+:\d+:\d+").unwrap();
        assert!(
            !self.has_position || position.is_match(&messages),
            "no position ({ended}):\n{short}"
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
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the script of the case fails: {messages}"
    );
}

fn run(root: &Path, command: &[String]) -> Output {
    // Debug assertions are off in both profiles, so only the folder of the program shows its profile.
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

/// The program. `HOSTILE_PROGRAM` selects another build of it, which has the bounds of an optimized one.
fn program() -> String {
    let other = std::env::var("HOSTILE_PROGRAM");
    other.unwrap_or_else(|_| env!("CARGO_BIN_EXE_pleach").to_string())
}

/// The concatenation of texts, each made from its number.
fn repeat(count: usize, make: impl Fn(usize) -> String) -> String {
    (0..count).map(make).collect()
}

/// The files in a text with `-- path --` lines.
fn files(text: &str) -> Vec<(String, Vec<u8>)> {
    let tree = pleach::tree::Tree::from_text(text);
    tree.iter()
        .map(|(path, bytes)| (path.to_string(), bytes.to_vec()))
        .collect()
}

/// Defines a test for each case.
macro_rules! hostile {
    ($($name:ident: $case:expr;)*) => {
        $(#[test] fn $name() { $case.check() })*
    };
}
use hostile;
