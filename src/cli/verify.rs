#![allow(
    clippy::disallowed_methods,
    reason = "this subcommand runs two programs and measures their time"
)]
//! `pleach verify`: builds a user's own kustomizations with the installed kustomize and with our engine, and reports differences.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use similar::TextDiff;

use super::diff::salt;
use super::progress::Progress;
use super::{Global, Outcome, output, session};
use pleach::diag::Source;
use pleach::kustomize::FILE_NAMES;
use pleach::secret::{redact, without_secrets};
use pleach::yaml::{Node, parse_one};

/// The maximum number of lines of a difference shown for one kustomization.
const LINES_MAX: usize = 40;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The program to compare with [default: `kustomize`, or `kubectl` if there is no `kustomize`]
    #[arg(long, value_name = "PROGRAM")]
    against: Option<ReferenceProgram>,
    /// Folders to search for kustomizations
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Which files a kustomization may load
    #[arg(long, value_name = "WHICH", default_value = "LoadRestrictionsRootOnly")]
    load_restrictor: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReferenceProgram {
    Kustomize,
    Kubectl,
}

impl ReferenceProgram {
    /// The requested program, or the first one that is installed.
    fn installed(requested: Option<ReferenceProgram>) -> Result<ReferenceProgram> {
        match requested {
            Some(program) if program.is_installed() => Ok(program),
            Some(_) => bail!("the program to compare with is not installed"),
            None => [ReferenceProgram::Kustomize, ReferenceProgram::Kubectl]
                .into_iter()
                .find(|it| it.is_installed())
                .context("neither `kustomize` nor `kubectl` is installed"),
        }
    }

    fn command(self) -> Command {
        let (program, word) = match self {
            ReferenceProgram::Kustomize => ("kustomize", "build"),
            ReferenceProgram::Kubectl => ("kubectl", "kustomize"),
        };
        let mut command = Command::new(program);
        command.arg(word);
        command
    }

    fn is_installed(self) -> bool {
        let result = self.command().arg("--help").output();
        !matches!(result, Err(error) if error.kind() == ErrorKind::NotFound)
    }
}

/// The result of comparing both programs on one kustomization.
enum BuildComparison {
    Same,
    BothRefuse,
    OnlyWeRefuse(String),
    OnlyTheyRefuse(String),
    Differs(String),
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let current = session::directory(global)?;
    let against = ReferenceProgram::installed(arguments.against)?;
    if let Some(path) = arguments.paths.iter().find(|it| !current.join(it).is_dir()) {
        bail!("`{}` is not a directory", path.display());
    }
    let ours = std::env::current_exe().context("cannot find the path of this program")?;
    let mut summary = Summary::default();
    let progress = Progress::start(global, "looking for kustomizations");
    let paths = arguments.paths.iter().map(|it| current.join(it));
    let mut found = Found::default();
    paths.for_each(|it| found.add(&it));
    let folders = &found.kustomizations;
    for (at, folder) in folders.iter().enumerate() {
        let name = folder.strip_prefix(&current).unwrap_or(folder);
        progress.set(format!(
            "{} of {}: {}",
            at + 1,
            folders.len(),
            name.display()
        ));
        let flags = ["--load-restrictor", &arguments.load_restrictor];
        let (theirs, their_time) = timed(against.command().args(flags).arg(folder))?;
        let (our, our_time) = timed(Command::new(&ours).arg("build").args(flags).arg(folder))?;
        let verdict = compare(&theirs, &our);
        summary.add(&verdict, &our, [their_time, our_time]);
        output::text(&line(name, &verdict, their_time, our_time))?;
    }
    for component in found.unused_components() {
        let name = component.strip_prefix(&current).unwrap_or(&component);
        output::text(&format!(
            "not built: no kustomization uses the component {}\n",
            name.display()
        ))?;
    }
    output::status(&summary.text());
    if summary.is_restricted {
        output::status(RESTRICTED);
    }
    Ok(match summary.differing {
        0 => Outcome::Clean,
        _ => Outcome::Findings,
    })
}

/// The code of files that the load restrictor rejects.
const OUTSIDE: &str = "error[file-outside-root]";
const RESTRICTED: &str = "files outside the folders of kustomizations were rejected; if your builds allow them, pass `--load-restrictor LoadRestrictionsNone`\n";

/// Folders with a kustomization, in the order of their paths.
#[derive(Default)]
struct Found {
    kustomizations: Vec<PathBuf>,
    /// Components, which are built as a part of the kustomizations that use them, and not alone.
    components: BTreeSet<PathBuf>,
    used: BTreeSet<PathBuf>,
}

impl Found {
    /// Adds the kustomizations below a folder.
    fn add(&mut self, root: &Path) {
        for file in kustomization_files(root) {
            let Some(folder) = file.parent() else {
                continue;
            };
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let node = parse_one(&Source::internal("kustomization", text))
                .unwrap_or_else(|_| Node::null());
            let used = node
                .get("components")
                .and_then(Node::as_sequence)
                .unwrap_or(&[]);
            let used = used
                .iter()
                .filter_map(|it| real(&folder.join(it.as_str()?)));
            self.used.extend(used);
            if node.get("kind").and_then(Node::as_str) == Some("Component") {
                self.components.insert(folder.to_path_buf());
            } else if self.kustomizations.last().is_none_or(|it| it != folder) {
                self.kustomizations.push(folder.to_path_buf());
            }
        }
    }

    fn unused_components(&self) -> Vec<PathBuf> {
        let is_used = |it: &PathBuf| real(it).is_some_and(|it| self.used.contains(&it));
        let unused = self.components.iter().filter(|it| !is_used(it));
        unused.cloned().collect()
    }
}

fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

/// The kustomization files below a folder, except in hidden folders.
fn kustomization_files(root: &Path) -> Vec<PathBuf> {
    let hidden = |name: &str| name.starts_with('.') && name.len() > 1;
    let walk = walkdir::WalkDir::new(root).sort_by_file_name().into_iter();
    let walk = walk
        .filter_entry(move |it| it.depth() == 0 || !it.file_name().to_str().is_some_and(hidden));
    let files = walk.filter_map(Result::ok).filter(|it| {
        let name = it.file_name().to_str().unwrap_or("");
        it.file_type().is_file() && FILE_NAMES.contains(&name)
    });
    files.map(|it| it.into_path()).collect()
}

fn timed(command: &mut Command) -> Result<(Output, Duration)> {
    let start = Instant::now();
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run `{program}`"))?;
    Ok((output, start.elapsed()))
}

fn compare(theirs: &Output, ours: &Output) -> BuildComparison {
    let first_line = |output: &Output| {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        text.lines()
            .find(|line| !line.starts_with("# Warning") && !line.starts_with("warning"))
            .map(without_secrets)
            .unwrap_or_default()
            .into_owned()
    };
    match (theirs.status.success(), ours.status.success()) {
        (true, true) if theirs.stdout == ours.stdout => BuildComparison::Same,
        (true, true) => BuildComparison::Differs(difference(&theirs.stdout, &ours.stdout)),
        (false, false) => BuildComparison::BothRefuse,
        (true, false) => BuildComparison::OnlyWeRefuse(first_line(ours)),
        (false, true) => BuildComparison::OnlyTheyRefuse(first_line(theirs)),
    }
}

fn difference(theirs: &[u8], ours: &[u8]) -> String {
    let (theirs, ours) = (
        String::from_utf8_lossy(theirs),
        String::from_utf8_lossy(ours),
    );
    let salt = salt();
    let hidden = |text: &str| {
        let source = Source::internal("output", text);
        redact(&source, |it| salt.digest(it))
    };
    let (theirs, ours) = (hidden(&theirs), hidden(&ours));
    let diff = TextDiff::from_lines(&theirs, &ours);
    let text = diff
        .unified_diff()
        .context_radius(2)
        .header("theirs", "pleach")
        .to_string();
    let mut lines: Vec<&str> = text.lines().take(LINES_MAX).collect();
    if text.lines().count() > LINES_MAX {
        lines.push("…");
    }
    lines.join("\n")
}

fn line(folder: &Path, verdict: &BuildComparison, theirs: Duration, ours: Duration) -> String {
    let folder = folder.display();
    let times = format!(
        "{:8.1} ms {:8.1} ms",
        theirs.as_secs_f64() * 1e3,
        ours.as_secs_f64() * 1e3
    );
    match verdict {
        BuildComparison::Same => format!("same     {times}  {folder}\n"),
        BuildComparison::BothRefuse => format!("rejected {times}  {folder}\n"),
        BuildComparison::OnlyWeRefuse(why) => {
            format!("differs  {times}  {folder}: rejected by pleach only: {why}\n")
        }
        BuildComparison::OnlyTheyRefuse(why) => {
            format!("differs  {times}  {folder}: rejected by the other program only: {why}\n")
        }
        BuildComparison::Differs(difference) => {
            format!("differs  {times}  {folder}\n{difference}\n")
        }
    }
}

/// The comparisons of all kustomizations.
#[derive(Default)]
struct Summary {
    count: usize,
    differing: usize,
    refused_by_both: usize,
    /// Whether this program has rejected a file because of the load restrictor.
    is_restricted: bool,
    /// The times of the other program and of this one.
    times: [Duration; 2],
}

impl Summary {
    fn add(&mut self, verdict: &BuildComparison, ours: &Output, times: [Duration; 2]) {
        self.count += 1;
        match verdict {
            BuildComparison::Same => {}
            BuildComparison::BothRefuse => self.refused_by_both += 1,
            _ => self.differing += 1,
        }
        self.is_restricted |= String::from_utf8_lossy(&ours.stderr).contains(OUTSIDE);
        self.times[0] += times[0];
        self.times[1] += times[1];
    }

    fn text(&self) -> String {
        if self.count == 0 {
            return "no kustomization found\n".to_string();
        }
        let [theirs, ours] = self.times.map(|it| it.as_secs_f64());
        let ratio = theirs / ours.max(1e-9);
        let noun = match self.count {
            1 => "kustomization",
            _ => "kustomizations",
        };
        let differ = if self.differing == 1 {
            "differs"
        } else {
            "differ"
        };
        format!(
            "{} {noun}, {} {differ}, {} rejected by both; {theirs:.2} s and {ours:.2} s, {ratio:.0} times faster\n",
            self.count, self.differing, self.refused_by_both
        )
    }
}
