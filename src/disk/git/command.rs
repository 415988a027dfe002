//! The only module that starts git.
//!
//! A repository may have untrusted content, and its configuration can name programs. So git is started at the top of the detected
//! work tree, never in a folder of it; it ignores bare repositories among the files; it runs no file system monitor, hook, filter
//! or diff program, and does not prompt. It only opens connections to fetch remotes for `pleach vendor`.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::disk::error::DiskError;

/// Turns off features that can run other programs and that pleach does not need.
const SETTINGS: [&str; 4] = [
    "safe.bareRepository=explicit",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
];

/// Git's exit status for a negative answer to a query.
const STATUS_NO: i32 = 1;

/// A git command in a folder, which runs no other programs.
pub(super) fn command(folder: &Path) -> Command {
    with_settings(folder, &SETTINGS)
}

/// A git command in a submodule. Git sets variables for its hooks that name the repository around it.
pub(super) fn command_in_submodule(folder: &Path) -> Command {
    let mut command = command(folder);
    for name in [
        "GIT_DIR",
        "GIT_COMMON_DIR",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_WORK_TREE",
    ] {
        command.env_remove(name);
    }
    command
}

/// A git command that may connect to servers, only with the given protocols (separated by `:`).
pub(super) fn command_to_fetch(folder: &Path, protocols: &str) -> Command {
    let mut command = command(folder);
    command.env("GIT_ALLOW_PROTOCOL", protocols);
    command
}

/// A git command that knows the configured hooks folder. Only for commands that run no hooks.
pub(super) fn command_with_hooks(folder: &Path) -> Command {
    let settings = SETTINGS.into_iter();
    let settings = settings.filter(|it| !it.starts_with("core.hooksPath"));
    with_settings(folder, &settings.collect::<Vec<_>>())
}

/// A git command that may read files of the work tree. All configured filters are turned off, because they are programs.
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

/// The standard output of a command. Any exit status except 0 is an error.
pub(super) fn output(folder: &Path, command: &mut Command) -> Result<Vec<u8>, DiskError> {
    let output = command.output();
    stdout_of(folder, output.map_err(start_error)?)
}

/// The standard output of a command that has exited. Any exit status except 0 is an error.
pub(super) fn stdout_of(folder: &Path, output: Output) -> Result<Vec<u8>, DiskError> {
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(git_error(folder, &String::from_utf8_lossy(&output.stderr))),
    }
}

/// The answer to a query, without the line ending; `None` if the answer is negative. Errors: git failed.
pub(super) fn answer(folder: &Path, command: &mut Command) -> Result<Option<String>, DiskError> {
    let output = command.output().map_err(start_error)?;
    if output.status.code() == Some(STATUS_NO) && output.stderr.is_empty() {
        return Ok(None);
    }
    let stdout = stdout_of(folder, output)?;
    let answer = String::from_utf8_lossy(&stdout);
    Ok(Some(answer.trim_end_matches(['\r', '\n']).to_string()))
}

/// Runs a command with `input`, and returns its output.
pub(super) fn output_with_input(
    folder: &Path,
    command: &mut Command,
    input: &[u8],
) -> Result<Vec<u8>, DiskError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start_error)?;
    let stdin = child.stdin.take();
    // Git may print while it still reads, so the two must not wait for each other.
    let output = std::thread::scope(|scope| {
        // If git stops reading, standard error has the reason.
        scope.spawn(move || stdin.map(|mut it| it.write_all(input)));
        child.wait_with_output()
    });
    stdout_of(folder, output.map_err(start_error)?)
}

/// The error for a git that could not be started.
pub(super) fn start_error(error: io::Error) -> DiskError {
    let fault = DiskError::when("run", Path::new("git"))(error);
    fault.help("install Git, or add its folder to the PATH")
}

/// The error for git's output on standard error, with help for common messages.
pub(super) fn git_error(folder: &Path, stderr: &str) -> DiskError {
    let error = DiskError::when("read the Git repository of", folder);
    let error = error(io::Error::other(first_message(stderr).to_string()));
    match help(folder, stderr) {
        Some(help) => error.help(help),
        None => error,
    }
}

/// The first line of git's output on standard error, without the prefix.
pub(super) fn first_message(stderr: &str) -> &str {
    let mut lines = stderr.lines().map(str::trim).filter(|it| !it.is_empty());
    let line = lines.next().unwrap_or("git failed without a message");
    line.trim_start_matches("fatal: ")
        .trim_start_matches("error: ")
}

fn help(folder: &Path, stderr: &str) -> Option<String> {
    let has = |part: &str| stderr.contains(part);
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
