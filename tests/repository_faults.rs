//! Repositories that git refuses or cannot read, and repositories whose configuration names programs: the commands that read revisions
//! end with exit code 2 and git's own message, and run none of these programs.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::git_repository::{change, git, repository};
use crate::program::{PLEACH, assert_contains};

/// Every command that reads a repository's objects or index.
const COMMANDS: [&[&str]; 7] = [
    &["diff", "--exit-code"],
    &["diff", "--exit-code", "HEAD~..HEAD"],
    &["diff", "--exit-code", "HEAD~...HEAD"],
    &["affected"],
    &["affected", "--since", "HEAD~..HEAD"],
    &["affected", "--staged"],
    &["hook", "run"],
];

fn pleach(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PLEACH);
    command.current_dir(folder).args(arguments);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_CONFIG_NOSYSTEM", "1");
    command.output().unwrap()
}

/// Runs a command that must end with exit code 2, and returns its messages.
#[track_caller]
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = pleach(folder, arguments);
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        output.status.code(),
        Some(2),
        "{arguments:?}: {printed}{messages}"
    );
    assert_eq!(printed, "", "{arguments:?}");
    messages
}

/// A repository with a commit after the first, which changes a claim and what it renders to.
fn two_commits() -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, root) = repository("");
    change(&root, "201Gi");
    assert!(pleach(&root, &["render"]).status.success());
    git(&root, &["commit", "--quiet", "--all", "-m", "a change"]);
    (folder, root)
}

/// Runs git with text on standard input and returns its output.
fn git_with(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(["-c", "user.name=t"]);
    git.args(["-c", "user.email=t@example.org"]).args(arguments);
    let mut child = git
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

#[test]
fn a_damaged_index_is_an_error() {
    let (_folder, root) = two_commits();
    fs::write(root.join(".git/index"), "garbage").unwrap();
    for arguments in COMMANDS {
        if arguments.iter().any(|it| it.contains("..")) {
            continue;
        }
        let messages = refused(&root, arguments);
        assert_contains(
            &messages,
            &["index file smaller than expected", "git reset"],
        );
    }
    // A command that does not read the index still works.
    let output = pleach(&root, &["diff", "--exit-code", "HEAD~..HEAD"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test_with::root()]
#[test]
#[cfg(unix)]
fn a_repository_of_another_user_is_an_error() {
    let (folder, root) = two_commits();
    let mut chown = Command::new("chown");
    let chown = chown.args(["-R", "12345"]).arg(&root);
    let chown = chown.stderr(Stdio::null()).status();
    assert!(chown.is_ok_and(|it| it.success()));
    for arguments in COMMANDS {
        let messages = refused(&root, arguments);
        let trust = format!("safe.directory {}", folder.path().display());
        assert_contains(&messages, &["dubious ownership", &trust]);
    }
    // Git's configuration can name repositories that the user trusts.
    let trusting = |command: &mut Command| {
        command.env("GIT_CONFIG_COUNT", "1");
        command.env("GIT_CONFIG_KEY_0", "safe.directory");
        command.env("GIT_CONFIG_VALUE_0", folder.path());
        command.output().unwrap().status.code()
    };
    let mut diff = Command::new(PLEACH);
    diff.current_dir(&root)
        .args(["diff", "--exit-code", "HEAD~..HEAD"]);
    assert_eq!(trusting(&mut diff), Some(1));
}

#[test]
fn a_missing_object_is_an_error() {
    let (_folder, root) = two_commits();
    let claim = git(
        &root,
        &["rev-parse", "HEAD:environments/prod/databases.yaml"],
    );
    let (folder, file) = claim.trim().split_at(2);
    fs::remove_file(root.join(".git/objects").join(folder).join(file)).unwrap();
    for arguments in [COMMANDS[1], COMMANDS[2], COMMANDS[4]] {
        let messages = refused(&root, arguments);
        assert_contains(&messages, &[claim.trim(), "missing", "fsck"]);
    }
    // An unreadable tree is not treated as an empty one.
    let tree = git(&root, &["rev-parse", "HEAD:environments"]);
    let (folder, file) = tree.trim().split_at(2);
    fs::remove_file(root.join(".git/objects").join(folder).join(file)).unwrap();
    for arguments in [COMMANDS[1], COMMANDS[2], COMMANDS[4]] {
        assert_contains(&refused(&root, arguments), &[tree.trim(), "missing"]);
    }
}

/// The name of the revision is known, but its commit or tree is missing.
#[test]
fn a_revision_whose_objects_are_missing_is_an_error() {
    for (missing, words) in [
        ("A^{commit}", "bad object"),
        ("A^{tree}", "bad tree object"),
    ] {
        let (_folder, root) = two_commits();
        git(&root, &["tag", "A"]);
        let id = git(&root, &["rev-parse", missing]);
        let (folder, file) = id.trim().split_at(2);
        fs::remove_file(root.join(".git/objects").join(folder).join(file)).unwrap();
        for arguments in [
            &["diff", "A"][..],
            &["diff", "A..HEAD"],
            &["diff", "HEAD~", "A"],
            &["affected", "--since", "A"],
        ] {
            let messages = refused(&root, arguments);
            assert_contains(&messages, &[words, id.trim(), "fsck"]);
            assert!(!messages.contains("did you mean"), "{messages}");
        }
    }
}

#[test]
fn a_damaged_object_is_an_error() {
    let (_folder, root) = two_commits();
    let claim = git(
        &root,
        &["rev-parse", "HEAD:environments/prod/databases.yaml"],
    );
    let (folder, file) = claim.trim().split_at(2);
    let file = root.join(".git/objects").join(folder).join(file);
    fs::remove_file(&file).unwrap();
    fs::write(file, "garbage").unwrap();
    for arguments in [COMMANDS[1], COMMANDS[2], COMMANDS[4]] {
        assert_contains(&refused(&root, arguments), &[claim.trim()]);
    }
}

#[test]
fn a_tree_with_names_that_no_file_can_have_is_an_error() {
    let (_folder, root) = two_commits();
    let blob = git_with(&root, &["hash-object", "-w", "--stdin"], b"{}\n");
    let id: Vec<u8> = (0..40)
        .step_by(2)
        .map(|at| u8::from_str_radix(&blob[at..at + 2], 16).unwrap())
        .collect();
    let entry =
        |mode: &str, name: &str| [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &id].concat();
    for tree in [
        entry("100644", ""),
        entry("40000", ""),
        entry("100644", "a/b"),
        entry("100644", ".."),
        entry("100644", "."),
        [entry("100644", "a"), entry("100644", "a")].concat(),
        b"100644 a\0short".to_vec(),
    ] {
        let hash = ["hash-object", "-w", "--literally", "-t", "tree", "--stdin"];
        let tree = git_with(&root, &hash, &tree);
        let environments = git_with(
            &root,
            &["mktree"],
            format!("040000 tree {tree}\tprod\n").as_bytes(),
        );
        let workspace = git(&root, &["rev-parse", "HEAD:pleach.yaml"]);
        let top = format!(
            "040000 tree {environments}\tenvironments\n100644 blob {}\tpleach.yaml\n",
            workspace.trim()
        );
        let top = git_with(&root, &["mktree"], top.as_bytes());
        let commit = git_with(&root, &["commit-tree", &top, "-m", "x"], b"");
        let range = format!("HEAD..{commit}");
        for arguments in [
            &["diff", "--exit-code", &range][..],
            &["affected", "--since", &range],
        ] {
            assert_contains(&refused(&root, arguments), &[&tree, "corrupt"]);
        }
    }
}

/// Two objects of a pack, each of which is a delta of the other. Git itself follows them forever.
#[test]
fn a_pack_with_cyclic_deltas_is_an_error() {
    use sha2::{Digest, Sha256};
    let (_folder, root) = two_commits();
    let names = [[0x11u8; 20], [0x22; 20]];
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x02".to_vec();
    let mut places = Vec::new();
    for base in [names[1], names[0]] {
        places.push(u32::try_from(pack.len()).unwrap());
        // A delta of three bytes to three bytes, stored without compression in zlib's form.
        let delta = [3, 3, 3, b'a', b'b', b'c'];
        pack.push(7 << 4 | 6);
        pack.extend(base);
        pack.extend([0x78, 0x01, 0x01, 6, 0, 0xf9, 0xff]);
        pack.extend(delta);
        pack.extend(adler(&delta).to_be_bytes());
    }
    // Checksums of the files are not read.
    pack.extend(&Sha256::digest(&pack)[..20]);
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    for byte in 0..=255u8 {
        let count = names.iter().filter(|it| it[0] <= byte).count();
        index.extend(u32::try_from(count).unwrap().to_be_bytes());
    }
    names.iter().for_each(|it| index.extend(it));
    index.extend([0; 8]);
    places.iter().for_each(|it| index.extend(it.to_be_bytes()));
    index.extend(&pack[pack.len() - 20..]);
    index.extend([0; 20]);
    let folder = root.join(".git/objects/pack");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("pack-1.pack"), pack).unwrap();
    fs::write(folder.join("pack-1.idx"), index).unwrap();
    let name = "11".repeat(20);
    let messages = refused(&root, &["diff", "HEAD", &name]);
    assert_contains(&messages, &["deltas of each other"]);
}

fn adler(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

#[test]
#[cfg(unix)]
fn programs_named_in_the_configuration_are_not_run() {
    let (_folder, root) = two_commits();
    change(&root, "202Gi");
    git(&root, &["add", "--all"]);
    let marker = root.join(".git/was-run");
    let program = root.join(".git/program");
    let script = format!("#!/bin/sh\ntouch '{}'\ncat\n", marker.display());
    fs::write(&program, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).unwrap();
    let program = program.to_str().unwrap();
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "diff.external",
        "diff.x.command",
        "diff.x.textconv",
        "filter.x.clean",
        "filter.x.smudge",
        "filter.x.process",
        "credential.helper",
        "remote.origin.uploadpack",
    ] {
        git(&root, &["config", key, program]);
    }
    git(&root, &["config", "filter.x.required", "true"]);
    git(
        &root,
        &["config", "remote.origin.url", root.to_str().unwrap()],
    );
    git(&root, &["config", "remote.origin.promisor", "true"]);
    let hooks = root.join(".git/hooks/post-index-change");
    fs::create_dir_all(hooks.parent().unwrap()).unwrap();
    let _ = fs::remove_file(&hooks);
    fs::copy(root.join(".git/program"), &hooks).unwrap();
    fs::write(root.join(".git/info/attributes"), "* filter=x diff=x\n").unwrap();
    // With another modification time, the file must be read again to find out whether it has changed.
    let touched = fs::File::options()
        .append(true)
        .open(root.join("environments/prod/databases.yaml"));
    let past = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    touched.unwrap().set_modified(past).unwrap();
    for arguments in COMMANDS {
        pleach(&root, arguments);
        assert!(!marker.exists(), "{arguments:?}");
    }
    let output = pleach(&root, &["hook", "run", "--fix"]);
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    assert!(messages.contains("1 file written"), "{messages}");
    assert!(!marker.exists());
    // No program is run to fetch an object that is missing from a partial clone.
    let claim = git(
        &root,
        &["rev-parse", "HEAD:environments/prod/databases.yaml"],
    );
    let (folder, name) = claim.trim().split_at(2);
    fs::remove_file(root.join(".git/objects").join(folder).join(name)).unwrap();
    refused(&root, &["diff", "HEAD~..HEAD"]);
    assert!(!marker.exists());
}

/// A folder of the work tree can look like a bare repository with its own configuration.
#[test]
#[cfg(unix)]
fn a_bare_repository_in_the_work_tree_is_not_used() {
    let (folder, root) = repository("platform");
    let marker = folder.path().join("was-run");
    fs::write(root.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    for name in ["objects", "refs"] {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join(".keep"), "").unwrap();
    }
    let script = format!("#!/bin/sh\ntouch '{}'\n", marker.display());
    fs::write(root.join("x.sh"), script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(root.join("x.sh"), mode).unwrap();
    let config = "[core]\n\tfsmonitor = ./x.sh\n\tworktree = .\n\tbare = false\n[uploadpack]\n";
    fs::write(root.join("config"), config).unwrap();
    git(folder.path(), &["add", "--all"]);
    git(folder.path(), &["commit", "--quiet", "-m", "hostile"]);
    change(&root, "201Gi");
    for arguments in COMMANDS {
        let code = pleach(&root, arguments).status.code();
        assert!(matches!(code, Some(0 | 1)), "{arguments:?}: {code:?}");
        assert!(!marker.exists(), "{arguments:?}");
    }
    // It is refused even if there is no other repository.
    let alone = tempfile::tempdir().unwrap();
    for entry in ["HEAD", "config", "x.sh", "objects", "refs", "pleach.yaml"] {
        let copy = Command::new("cp")
            .arg("-r")
            .arg(root.join(entry))
            .arg(alone.path())
            .status();
        assert!(copy.unwrap().success());
    }
    assert_contains(&refused(alone.path(), &["affected"]), &["bareRepository"]);
    assert!(!marker.exists());
}

/// Runs a command and returns its messages.
fn messages_of(folder: &Path, arguments: &[&str]) -> String {
    let output = pleach(folder, arguments);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file whose name is not valid UTF-8 cannot be read, so every command reports it.
#[test]
#[cfg(unix)]
fn a_name_that_is_not_utf8_is_reported_wherever_it_is() {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"a\xff.yaml");
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";
    let (_folder, root) = two_commits();
    // In a folder of inputs, inside or outside of an environment.
    for folder in ["environments", "environments/prod", "overlays"] {
        fs::create_dir_all(root.join(folder)).unwrap();
        let file = root.join(folder).join(name);
        fs::write(&file, text).unwrap();
        let shown = format!("`{folder}/a\u{fffd}.yaml`");
        for arguments in [&["diff"][..], &["affected"]] {
            assert_contains(&messages_of(&root, arguments), &[&shown, "not valid UTF-8"]);
        }
        git(&root, &["add", "--all"]);
        assert_contains(&messages_of(&root, &["affected", "--staged"]), &[&shown]);
        git(&root, &["commit", "--quiet", "--message", "x"]);
        assert_contains(
            &messages_of(&root, &["affected", "--since", "HEAD~..HEAD"]),
            &[&shown],
        );
        git(&root, &["reset", "--quiet", "--hard", "HEAD~"]);
    }
    // In the output folder, and in a repository without a workspace.
    let output = root.join("deploy").join(name);
    fs::write(&output, text).unwrap();
    assert_contains(
        &messages_of(&root, &["diff", "--committed"]),
        &["not valid UTF-8"],
    );
    fs::remove_file(output).unwrap();
    fs::remove_file(root.join("pleach.yaml")).unwrap();
    git(&root, &["commit", "--quiet", "--all", "--message", "x"]);
    fs::create_dir(root.join("apps")).unwrap();
    fs::write(root.join("apps").join(name), text).unwrap();
    for arguments in [&["diff"][..], &["diff", "--depth", "objects"]] {
        assert_contains(
            &messages_of(&root, arguments),
            &["apps/a\u{fffd}.yaml` is not compared"],
        );
    }
    git(&root, &["add", "--all"]);
    git(&root, &["commit", "--quiet", "--message", "x"]);
    let range = ["diff", "--exit-code", "HEAD~..HEAD"];
    assert_eq!(pleach(&root, &range).status.code(), Some(1));
    assert_contains(
        &messages_of(&root, &range),
        &["apps/a\u{fffd}.yaml` is not compared"],
    );
}
