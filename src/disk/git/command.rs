//! The only module that starts git.
//!
//! A repository may have untrusted content, and its configuration can name programs. So git is started at the top of the detected
//! work tree, never in a folder of it; it ignores bare repositories among the files; it runs no file system monitor, hook, filter
//! or diff program, and does not prompt. It only opens connections to fetch remotes for `pleach vendor`.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::disk::error::DiskError;

/// Features that no command of ours needs.
const SETTINGS: [&str; 4] = [
    "safe.bareRepository=explicit",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
];

/// Git's exit status where the answer to a question is no.
const STATUS_NO: i32 = 1;

/// A git command in a folder, which runs nothing but git.
pub(super) fn command(folder: &Path) -> Command {
    with_settings(folder, &SETTINGS)
}

/// The same, for the command that fetches what a kustomization names: it may reach servers, by these protocols alone.
pub(super) fn command_to_fetch(folder: &Path, protocols: &str) -> Command {
    let mut command = command(folder);
    command.env("GIT_ALLOW_PROTOCOL", protocols);
    command
}

/// The same, with the configured hooks folder: for the command that queries its path, which runs no hooks.
pub(super) fn command_with_hooks(folder: &Path) -> Command {
    let settings = SETTINGS.into_iter();
    let settings = settings.filter(|it| !it.starts_with("core.hooksPath"));
    with_settings(folder, &settings.collect::<Vec<_>>())
}

/// The same, for a command that may read files of the work tree: none of the configured filters is run on them.
pub(super) fn command_on_files(folder: &Path) -> Result<Command, DiskError> {
    let mut list = command(folder);
    list.args(["config", "-z", "--name-only", "--get-regexp", r"^filter\."]);
    let keys = answer(folder, &mut list)?.unwrap_or_default();
    let mut command = command(folder);
    for key in keys.split('\0').filter(|it| !it.is_empty()) {
        match key.rsplit('.').next() {
            Some("required") => command.arg("-c").arg(format!("{key}=false")),
            _ => command.arg("-c").arg(format!("{key}=")),
        };
    }
    Ok(command)
}

fn with_settings(folder: &Path, settings: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).arg("--no-pager");
    for setting in settings {
        command.args(["-c", setting]);
    }
    command.stdin(Stdio::null());
    // Reading never opens connections, not even for objects missing in a partial clone. Older versions only support the second
    // option.
    command.env("GIT_NO_LAZY_FETCH", "1");
    command.env("GIT_ALLOW_PROTOCOL", "");
    command.env("GIT_TERMINAL_PROMPT", "0");
    command.env_remove("GIT_EXTERNAL_DIFF");
    command
}

/// The output of a command. Any exit status except 0 is a failure.
pub(super) fn output(folder: &Path, command: &mut Command) -> Result<Vec<u8>, DiskError> {
    let output = command.output();
    finished(folder, output.map_err(not_started)?)
}

/// The outcome of a command that was run to its end.
pub(super) fn finished(folder: &Path, output: Output) -> Result<Vec<u8>, DiskError> {
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(failure(folder, &String::from_utf8_lossy(&output.stderr))),
    }
}

/// The answer to a query, without the line ending; `None` if the answer is negative. If git fails, this is an error.
pub(super) fn answer(folder: &Path, command: &mut Command) -> Result<Option<String>, DiskError> {
    let output = command.output().map_err(not_started)?;
    if output.status.code() == Some(STATUS_NO) && output.stderr.is_empty() {
        return Ok(None);
    }
    let printed = finished(folder, output)?;
    let printed = String::from_utf8_lossy(&printed);
    Ok(Some(printed.trim_end_matches(['\r', '\n']).to_string()))
}

/// Runs a command with `input`, and returns its output.
pub(super) fn with_input(
    folder: &Path,
    command: &mut Command,
    input: &[u8],
) -> Result<Vec<u8>, DiskError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_started)?;
    let stdin = child.stdin.take();
    // Git may print while it still reads, so the two must not wait for each other.
    let output = std::thread::scope(|scope| {
        // A git that stops reading says why on standard error.
        scope.spawn(move || stdin.map(|mut it| it.write_all(input)));
        child.wait_with_output()
    });
    finished(folder, output.map_err(not_started)?)
}

pub(super) fn not_started(error: io::Error) -> DiskError {
    let failed = DiskError::when("run", Path::new("git"))(error);
    failed.help("install Git, or add its folder to the PATH")
}

/// Git's message, with help for common ones.
pub(super) fn failure(folder: &Path, words: &str) -> DiskError {
    let mut lines = words
        .lines()
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(|it| {
            it.trim_start_matches("fatal: ")
                .trim_start_matches("error: ")
        });
    let first = lines.next().unwrap_or("git failed without a message");
    let failed = DiskError::when("read the Git repository of", folder);
    let failed = failed(io::Error::other(first.to_string()));
    match help(folder, words) {
        Some(help) => failed.help(help),
        None => failed,
    }
}

fn help(folder: &Path, words: &str) -> Option<String> {
    let has = |part: &str| words.contains(part);
    let folder = folder.display();
    if has("dubious ownership") {
        return Some(format!(
            "the files belong to another user; if you trust them, run `git config --global --add safe.directory {folder}`"
        ));
    }
    if has("index file") || has("index uses") || has("bad signature 0x") || has("bad index version")
    {
        return Some(
            "the index is damaged: remove `.git/index` and run `git reset`, which creates it from HEAD and keeps your files"
                .to_string(),
        );
    }
    if has("not a git repository") {
        return Some(
            "create a repository with `git init`, or name another folder with `-C DIR`".to_string(),
        );
    }
    if has("safe.bareRepository") {
        return Some(
            "name a folder of a work tree; bare repositories are not supported".to_string(),
        );
    }
    let damage = [
        "corrupt",
        "inflate",
        "unable to read",
        "missing",
        "bad object",
        "bad tree object",
    ];
    let is_damaged = damage.into_iter().any(has);
    is_damaged.then(|| {
        format!("run `git -C {folder} fsck` to see what is damaged, or clone the repository again")
    })
}
