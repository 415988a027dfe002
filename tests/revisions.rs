//! Revisions read from Git repositories in every storage format equal what Git itself reads.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use pleach::disk::{Repository, read};
use pleach::tree::{Tree, TreePath};

/// The output of git, empty if it fails. Only the configuration of the repository has an effect.
fn git(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    git_with(folder, arguments, "")
}

/// The output of git for a text on standard input.
fn git_with(folder: &Path, arguments: &[&str], input: &str) -> Vec<u8> {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder);
    for setting in [
        "user.name=t",
        "user.email=t@example.org",
        "commit.gpgsign=false",
        "gc.auto=0",
        "protocol.file.allow=always",
    ] {
        git.args(["-c", setting]);
    }
    git.env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    git.args(arguments).stdin(Stdio::piped());
    git.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = git.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_string();
    // A thread writes, because git starts to print before it has read everything.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    output.stdout
}

/// Revision names of every form; some of them do not exist in some of the repositories.
const NAMES: [&str; 26] = [
    "HEAD",
    "main",
    "heads/main",
    "refs/heads/main",
    "light",
    "annotated",
    "twice",
    "both",
    "HEAD~",
    "HEAD^",
    "HEAD~2",
    "HEAD~1^",
    "HEAD^2",
    "HEAD^0",
    "HEAD~+1",
    "annotated~1",
    "HEAD~99",
    "main^{tree}",
    "HEAD:a",
    "@",
    "@~1",
    "nothing",
    "-x",
    "config",
    "blob",
    "origin/main",
];

/// The objects that Git finds for some names, with their IDs. One start reads them all, because a start takes longer than an object.
fn objects(folder: &Path, names: &[String]) -> Vec<Option<(String, Vec<u8>)>> {
    let input: String = names.iter().map(|it| format!("{it}\n")).collect();
    let output = git_with(folder, &["cat-file", "--batch"], &input);
    let mut rest = &*output;
    let objects = names.iter().map(|name| {
        let end = rest.iter().position(|it| *it == b'\n').unwrap();
        let head = str::from_utf8(&rest[..end]).unwrap().to_string();
        rest = &rest[end + 1..];
        if head == format!("{name} missing") {
            return None;
        }
        let [id, _, size] = head.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{name}: {head}");
        };
        let size: usize = size.parse().unwrap();
        let bytes = rest[..size].to_vec();
        rest = &rest[size + 1..];
        Some((id.to_string(), bytes))
    });
    objects.collect()
}

/// The files of a tree, as Git reads them.
fn files(folder: &Path, tree: &str) -> Tree {
    let listed = git(folder, &["ls-tree", "-r", "-z", "--name-only", tree]);
    let listed = String::from_utf8(listed).unwrap();
    let paths: Vec<&str> = listed.split_terminator('\0').collect();
    let names: Vec<String> = paths.iter().map(|it| format!("{tree}:{it}")).collect();
    let blobs = objects(folder, &names).into_iter().map(Option::unwrap);
    let files = paths.iter().zip(blobs);
    files
        .map(|(path, (_, bytes))| (TreePath::new(path).unwrap(), bytes.into()))
        .collect()
}

fn assert_same_as_git(folder: &Path, what: &str) {
    let repository = Repository::find(folder).unwrap();
    let commits = String::from_utf8(git(folder, &["rev-list", "--all", "--max-count=3"])).unwrap();
    let commits = commits.lines().flat_map(|it| [it, &it[..8]]);
    let names: Vec<&str> = NAMES.into_iter().chain(commits).collect();
    let trees: Vec<String> = names.iter().map(|it| format!("{it}^{{tree}}")).collect();
    let mut files_by_tree = BTreeMap::new();
    for (name, tree) in names.iter().zip(objects(folder, &trees)) {
        let revision = repository.revision(name).unwrap();
        let found = revision.map(|it| read(&it, &TreePath::root()).unwrap());
        let expected = tree.map(|(id, _)| {
            &*files_by_tree
                .entry(id.clone())
                .or_insert_with(|| files(folder, &id))
        });
        assert!(found.as_ref() == expected, "{what}: {name}");
    }
}

/// Creates four commits of similar files, and names for them. Returns false if git does not support the options.
fn history(folder: &Path, more: &[&str]) -> bool {
    git(folder, &[&["init", "-q", "-b", "main"], more].concat());
    if !folder.join(".git").exists() {
        return false;
    }
    for commit in 0..4 {
        for file in 0..20 {
            let lines = (0..200).map(|line| {
                format!(
                    "line {} of {file}\n",
                    if line == file {
                        commit * 1000
                    } else {
                        line * line
                    }
                )
            });
            let path = folder.join(format!("a/b{}/{file}.yaml", file % 7));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, lines.collect::<String>()).unwrap();
        }
        // Larger than a read buffer, and not compressible.
        let noise =
            (0u32..40_000).map(|at| (at ^ commit).wrapping_mul(2_654_435_761).to_be_bytes()[1]);
        std::fs::write(folder.join("noise"), noise.collect::<Vec<u8>>()).unwrap();
        std::fs::write(folder.join("empty"), "").unwrap();
        git(folder, &["add", "."]);
        git(folder, &["commit", "-q", "-m", "commit"]);
    }
    for arguments in [
        &["tag", "light", "HEAD~1"][..],
        &["tag", "-a", "-m", "x", "annotated", "HEAD~1"],
        &["tag", "-a", "-m", "x", "twice", "annotated"],
        &["tag", "both", "HEAD~2"],
        &["branch", "both", "HEAD~1"],
        &["tag", "blob", "HEAD:noise"],
    ] {
        git(folder, arguments);
    }
    true
}

#[test_with::executable(git)]
#[test]
fn revisions_of_every_storage_format_equal_those_of_git() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = temporary.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    };
    let plain = folder("plain");
    assert!(history(&plain, &[]));
    assert_same_as_git(&plain, "loose objects");
    let clone = |name: &str, more: &[&str]| {
        let to = folder(name);
        git(
            &plain,
            &[
                &["clone", "-q"],
                more,
                &[
                    &format!("file://{}", plain.display()),
                    &to.display().to_string(),
                ],
            ]
            .concat(),
        );
        to
    };
    git(
        &plain,
        &[
            "repack",
            "-q",
            "-a",
            "-d",
            "-f",
            "--depth=50",
            "--window=50",
        ],
    );
    assert_same_as_git(&plain, "one pack");
    git(&plain, &["pack-refs", "--all"]);
    git(&plain, &["commit", "-q", "--allow-empty", "-m", "one more"]);
    assert_same_as_git(&plain, "packed and loose refs");
    assert_same_as_git(&clone("clone", &[]), "a clone");
    assert_same_as_git(&clone("shallow", &["--depth=2"]), "a shallow clone");
    let shared = folder("shared");
    git(
        &plain,
        &[
            "clone",
            "-q",
            "--shared",
            ".",
            &shared.display().to_string(),
        ],
    );
    assert_same_as_git(&shared, "objects of another repository");
    let linked = temporary.path().join("linked");
    git(
        &plain,
        &[
            "worktree",
            "add",
            "-q",
            "--detach",
            &linked.display().to_string(),
            "HEAD~1",
        ],
    );
    assert_same_as_git(&linked, "a linked work tree");
    git(&plain, &["replace", "HEAD~1^{tree}", "HEAD~3^{tree}"]);
    assert_same_as_git(&plain, "a replaced object");
    let other = folder("other");
    if history(&other, &["--object-format=sha256"]) {
        assert_same_as_git(&other, "SHA-256 names");
    }
}

#[test_with::executable(git)]
#[test]
fn a_plain_repository_is_read_without_git() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    assert!(history(folder, &[]));
    for arguments in [&["repack", "-q", "-a", "-d"][..], &["pack-refs", "--all"]] {
        let mut diff = Command::new(env!("CARGO_BIN_EXE_pleach"));
        diff.arg("-C")
            .arg(folder)
            .env("PATH", "")
            .args(["diff", "light", "main"]);
        let output = diff.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        git(folder, arguments);
    }
}

#[test_with::executable(git)]
#[test]
fn a_damaged_pack_causes_no_panic() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    assert!(history(folder, &[]));
    git(folder, &["repack", "-q", "-a", "-d", "-f"]);
    let packs = std::fs::read_dir(folder.join(".git/objects/pack")).unwrap();
    let files: Vec<_> = packs.map(|it| it.unwrap().path()).collect();
    for file in files {
        let whole = std::fs::read(&file).unwrap();
        let mut permissions = std::fs::metadata(&file).unwrap().permissions();
        #[allow(
            clippy::permissions_set_readonly_false,
            reason = "a file in a temporary folder"
        )]
        permissions.set_readonly(false);
        std::fs::set_permissions(&file, permissions).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 25 + 1) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x41;
            std::fs::write(&file, damaged).unwrap();
            let repository = Repository::find(folder).unwrap();
            // Any result is valid, but not a panic.
            if let Ok(Some(revision)) = repository.revision("HEAD") {
                let _ = read(&revision, &TreePath::root());
            }
        }
        std::fs::write(&file, whole).unwrap();
    }
    assert_same_as_git(folder, "the restored pack");
}
