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

use super::command::{answer, command, command_to_fetch, first_message, output, start_error};
use super::submodules::GITMODULES;
use crate::disk::error::DiskError;

/// The protocols that kustomize supports. Others, such as `ext::`, would run programs.
const PROTOCOLS: &str = "file:http:https:ssh";

/// The ref that points to the fetched commit.
const FETCHED_REF: &str = "refs/pleach/fetched";

/// The default timeout of a fetch.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// The maximum size of the fetched packs.
const PACK_BYTES_MAX: u64 = 1 << 30;

/// The interval for checking whether git has exited.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Fetches a commit into a folder, which becomes a repository without a checkout, and returns its ID. `reference` is a branch, a
/// tag or a commit; empty for HEAD.
pub fn fetch(
    folder: &Path,
    address: &str,
    reference: &str,
    timeout: Option<Duration>,
) -> Result<String, DiskError> {
    check_arguments(address, reference)?;
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
    fetch.args([address, &format!("+{reference}:{FETCHED_REF}")]);
    run(
        &mut fetch,
        folder,
        address,
        timeout.unwrap_or(DEFAULT_TIMEOUT),
    )?;
    let commit = format!("{FETCHED_REF}^{{commit}}");
    let mut rev_parse = command(folder);
    let id = answer(
        folder,
        rev_parse.args(["rev-parse", "--verify", "--quiet", &commit]),
    )?;
    id.ok_or_else(|| fetch_error(address, "the reference does not name a commit"))
}

/// The paths and addresses of the submodules in a commit's `.gitmodules`.
pub fn submodules(folder: &Path, commit: &str) -> Result<Vec<(String, String)>, DiskError> {
    let mut list = command(folder);
    list.args(["config", "--blob", &format!("{commit}:{GITMODULES}"), "-z"]);
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
    // `<mode> <type> <id>\t<path>\0`
    let entry = listed.split(['\t', '\0']).next().unwrap_or("");
    let mut fields = entry.split(' ');
    Ok(match (fields.next(), fields.next(), fields.next()) {
        (Some("160000"), Some("commit"), Some(id)) => Some(id.to_string()),
        _ => None,
    })
}

/// Rejects values that git would not treat as a plain address and reference.
fn check_arguments(address: &str, reference: &str) -> Result<(), DiskError> {
    let is_plain = |it: char| !it.is_control() && !it.is_whitespace();
    if address.starts_with('-') || !address.chars().all(is_plain) || address.contains("::") {
        return Err(fetch_error(
            address,
            "it is not the address of a repository",
        ));
    }
    let is_allowed = |it: char| is_plain(it) && !"~^:?*[\\".contains(it);
    let is_valid = reference.chars().all(is_allowed)
        && !reference.starts_with(['-', '+'])
        && !reference.contains("..")
        && !reference.contains("@{");
    match is_valid {
        true => Ok(()),
        false => Err(fetch_error(
            address,
            "the reference is not a valid branch, tag or commit",
        )),
    }
}

fn fetch_error(address: &str, message: &str) -> DiskError {
    let printable: String = address.chars().filter(|it| !it.is_control()).collect();
    DiskError::when("fetch", Path::new(&printable))(io::Error::other(message.to_string()))
}

/// Runs a fetch. Terminates git if it takes too long or fetches too much.
fn run(
    fetch: &mut Command,
    folder: &Path,
    address: &str,
    timeout: Duration,
) -> Result<(), DiskError> {
    fetch.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = fetch.spawn().map_err(start_error)?;
    let stderr = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Longer output is not a message for people.
        let _ = stderr.map(|it| it.take(1 << 16).read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let is_success = match wait(&mut child, folder, timeout) {
        Ok(is_success) => is_success,
        Err(reason) => {
            let _ = child.kill();
            let _ = child.wait();
            return Err(fetch_error(address, &reason));
        }
    };
    let stderr = reader.join().unwrap_or_default();
    match is_success {
        true => Ok(()),
        false => Err(git_fetch_error(address, &stderr)),
    }
}

/// Waits until a process exits, and returns whether it succeeded. Errors: why it must be terminated.
fn wait(child: &mut Child, folder: &Path, timeout: Duration) -> Result<bool, String> {
    let deadline = Instant::now() + timeout;
    let mut polls = 0_usize;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) => {}
            Err(error) => return Err(error.to_string()),
        }
        if Instant::now() >= deadline {
            return Err(format!("timed out after {} s", timeout.as_secs()));
        }
        polls += 1;
        if polls.is_multiple_of(10) && pack_bytes(folder) > PACK_BYTES_MAX {
            return Err(format!("it is larger than {} MiB", PACK_BYTES_MAX >> 20));
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// The size of the packs that were fetched so far.
fn pack_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder.join(".git/objects/pack"));
    let files = entries.into_iter().flatten().flatten();
    let sizes = files.filter_map(|it| it.metadata().ok());
    sizes.map(|it| it.len()).sum()
}

/// The error for git's output on standard error, with help.
fn git_fetch_error(address: &str, stderr: &str) -> DiskError {
    let has = |part: &str| stderr.contains(part);
    let help = if has("couldn't find remote ref") || has("unadvertised object") {
        "name a branch, a tag, or a full commit ID of the repository"
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
    fetch_error(address, first_message(stderr)).help(help)
}
