//! Fetches one commit of a remote repository, with the user's git: its credentials, keys and proxies.
//!
//! The address and the reference come from a kustomization that may be untrusted. So they are passed to git after `--`, only the
//! four protocols of kustomize are allowed, and git is terminated if it takes too long or fetches too much.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::command::{answer, command, command_to_fetch, not_started, output};
use crate::disk::error::DiskError;

/// The protocols of addresses of kustomize. `ext::` and the like would run programs.
const PROTOCOLS: &str = "file:http:https:ssh";

/// The ref that stores the fetched commit.
const FETCHED: &str = "refs/pleach/fetched";

/// The default timeout of git.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The maximum size of packs for one commit.
const BYTES_MAX: u64 = 1 << 30;

/// The interval for checking time and size.
const TICK: Duration = Duration::from_millis(20);

/// Fetches a commit into a folder, which becomes a repository without a checkout, and returns its ID. `reference` is a branch, a
/// tag or a commit; empty for HEAD.
pub fn fetch(
    folder: &Path,
    address: &str,
    reference: &str,
    patience: Option<Duration>,
) -> Result<String, DiskError> {
    check(address, reference)?;
    let init = ["init", "--quiet", "--template="];
    output(folder, command(folder).args(init))?;
    let reference = if reference.is_empty() {
        "HEAD"
    } else {
        reference
    };
    let mut fetch = command_to_fetch(folder, PROTOCOLS);
    fetch.args(["fetch", "--quiet", "--depth=1", "--no-tags"]);
    fetch.args(["--no-recurse-submodules", "--no-write-fetch-head", "--"]);
    fetch.args([address, &format!("+{reference}:{FETCHED}")]);
    run(&mut fetch, folder, address, patience.unwrap_or(TIMEOUT))?;
    let commit = format!("{FETCHED}^{{commit}}");
    let mut ask = command(folder);
    let found = answer(
        folder,
        ask.args(["rev-parse", "--verify", "--quiet", &commit]),
    )?;
    found.ok_or_else(|| failed(address, "the reference does not name a commit"))
}

/// The paths and addresses of submodules that a commit's `.gitmodules` names.
pub fn submodules(folder: &Path, commit: &str) -> Result<Vec<(String, String)>, DiskError> {
    let mut list = command(folder);
    list.args(["config", "--blob", &format!("{commit}:.gitmodules"), "-z"]);
    list.args(["--get-regexp", r"^submodule\..*\.(path|url)$"]);
    let listed = answer(folder, &mut list)?.unwrap_or_default();
    let (mut paths, mut urls) = (BTreeMap::new(), BTreeMap::new());
    for entry in listed.split('\0') {
        let Some((key, value)) = entry.split_once('\n') else {
            continue;
        };
        if let Some(name) = key.strip_suffix(".path") {
            paths.insert(name, value);
        } else if let Some(name) = key.strip_suffix(".url") {
            urls.insert(name, value);
        }
    }
    let both = paths.into_iter().filter_map(|(name, path)| {
        let url = urls.get(name)?;
        Some((path.to_string(), url.to_string()))
    });
    Ok(both.collect())
}

/// The commit of a submodule in a commit; `None` if there is no submodule at the path.
pub fn submodule_commit(
    folder: &Path,
    commit: &str,
    path: &str,
) -> Result<Option<String>, DiskError> {
    let mut list = command(folder);
    list.args(["ls-tree", "-z", "--end-of-options", commit, "--", path]);
    let listed = answer(folder, &mut list)?.unwrap_or_default();
    let head = listed.split(['\t', '\0']).next().unwrap_or("");
    let mut words = head.split(' ');
    Ok(match (words.next(), words.next(), words.next()) {
        (Some("160000"), Some("commit"), Some(id)) => Some(id.to_string()),
        _ => None,
    })
}

/// Rejects values that git would not treat as a plain address and reference.
fn check(address: &str, reference: &str) -> Result<(), DiskError> {
    let is_plain = |it: char| !it.is_control() && !it.is_whitespace();
    if address.starts_with('-') || !address.chars().all(is_plain) || address.contains("::") {
        return Err(failed(address, "it is not the address of a repository"));
    }
    let is_reference = |it: char| is_plain(it) && !"~^:?*[\\".contains(it);
    let is_name = reference.chars().all(is_reference)
        && !reference.starts_with(['-', '+'])
        && !reference.contains("..")
        && !reference.contains("@{");
    match is_name {
        true => Ok(()),
        false => Err(failed(
            address,
            "the reference is not a valid branch, tag or commit",
        )),
    }
}

fn failed(address: &str, words: &str) -> DiskError {
    let shown: String = address.chars().filter(|it| !it.is_control()).collect();
    DiskError::when("fetch", Path::new(&shown))(io::Error::other(words.to_string()))
}

/// Runs a fetch, or terminates it.
fn run(
    fetch: &mut Command,
    folder: &Path,
    address: &str,
    timeout: Duration,
) -> Result<(), DiskError> {
    fetch.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = fetch.spawn().map_err(not_started)?;
    let stderr = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut words = Vec::new();
        // Longer output is not a message for people.
        let _ = stderr.map(|it| it.take(1 << 16).read_to_end(&mut words));
        String::from_utf8_lossy(&words).into_owned()
    });
    let ended = wait(&mut child, folder, timeout);
    if let Err(words) = ended {
        let _ = child.kill();
        let _ = child.wait();
        return Err(failed(address, &words));
    }
    let words = reader.join().unwrap_or_default();
    match ended {
        Ok(true) => Ok(()),
        _ => Err(refused(address, &words)),
    }
}

/// Whether a process succeeded. Errors: why it must be terminated.
fn wait(child: &mut Child, folder: &Path, patience: Duration) -> Result<bool, String> {
    let until = Instant::now() + patience;
    let mut ticks = 0_usize;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) => {}
            Err(error) => return Err(error.to_string()),
        }
        if Instant::now() >= until {
            return Err(format!("timed out after {} s", patience.as_secs()));
        }
        ticks += 1;
        if ticks.is_multiple_of(10) && packs(folder) > BYTES_MAX {
            return Err(format!("it is larger than {} MiB", BYTES_MAX >> 20));
        }
        std::thread::sleep(TICK);
    }
}

/// The number of bytes fetched so far.
fn packs(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder.join(".git/objects/pack"));
    let files = entries.into_iter().flatten().flatten();
    let sizes = files.filter_map(|it| it.metadata().ok());
    sizes.map(|it| it.len()).sum()
}

/// Git's message, with help.
fn refused(address: &str, words: &str) -> DiskError {
    let has = |part: &str| words.contains(part);
    let mut lines = words.lines().map(str::trim).filter(|it| !it.is_empty());
    let line = lines.next().unwrap_or("git failed without a message");
    let line = line
        .trim_start_matches("fatal: ")
        .trim_start_matches("error: ");
    let failed = failed(address, line);
    let help = if has("couldn't find remote ref") || has("unadvertised object") {
        "name a branch, a tag, or a whole commit id of the repository"
    } else if has("could not read Username")
        || has("Authentication failed")
        || has("terminal prompts")
    {
        "configure credentials for this server in a git credential helper; test it with `git ls-remote ADDRESS`"
    } else if has("Permission denied") || has("Host key verification failed") {
        "check that `ssh` can log in to the server with your key; test it with `git ls-remote ADDRESS`"
    } else if has("not allowed") {
        "addresses begin with `https://`, `http://`, `ssh://` or `file://`"
    } else {
        "check the address and the network; test it with `git ls-remote ADDRESS`"
    };
    failed.help(help)
}
