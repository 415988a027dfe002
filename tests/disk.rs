//! Reads folders on disk and applies plans to them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pleach::disk::{Folder, Lock, Summary, apply, find_upwards, read, read_output};
use pleach::emit::{Ownership, ownership, plan, sign};
use pleach::tree::{EntryKind, Files, FilesError, Tree, TreePath};

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

/// A tree of signed files that all have the same body.
fn tree(paths: &[&str], body: &str) -> Tree {
    let file = |it: &&str| {
        (
            path(it),
            sign(&path(it), "Claim/a", body).into_bytes().into(),
        )
    };
    paths.iter().map(file).collect()
}

/// Writes a tree to a folder and removes the other generated files there.
fn write_tree(root: &Path, wanted: &Tree) -> Summary {
    let plan = plan(wanted, &read_output(root).unwrap(), false);
    assert!(!plan.is_blocked());
    apply(&plan, root).unwrap()
}

#[test]
fn a_folder_is_read_like_a_tree() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("a/b")).unwrap();
    fs::write(root.path().join("a/b/c.yaml"), "x").unwrap();
    fs::write(root.path().join("a/.hidden"), "x").unwrap();
    let folder = Folder::open(root.path()).unwrap();
    assert_eq!(&*folder.read(&path("a/b/c.yaml")).unwrap(), b"x");
    assert_eq!(folder.read(&path("a/b")), Err(FilesError::NotAFile));
    assert_eq!(folder.read(&path("a/x")), Err(FilesError::NotFound));
    assert_eq!(
        folder.read(&path("a/b/c.yaml/d")),
        Err(FilesError::NotFound)
    );
    assert_eq!(
        folder.list(&path("a/b/c.yaml")),
        Err(FilesError::NotAFolder)
    );
    assert_eq!(folder.list(&path("x")), Err(FilesError::NotFound));
    assert_eq!(folder.kind(&path("a/b")), Ok(Some(EntryKind::Folder)));
    assert_eq!(folder.kind(&path("a/b/c.yaml")), Ok(Some(EntryKind::File)));
    assert_eq!(folder.kind(&path("a/x/y")), Ok(None));
    assert_eq!(folder.kind(&TreePath::root()), Ok(Some(EntryKind::Folder)));
    let names = folder.list(&path("a")).unwrap();
    assert_eq!(
        names.iter().map(|it| &*it.name).collect::<Vec<_>>(),
        [".hidden", "b"]
    );
    assert_eq!(
        read(&folder, &path("a")).unwrap().to_text(),
        "-- b/c.yaml --\nx\n"
    );
    let below = root.path().join("a/b");
    assert_eq!(
        find_upwards(&below, ".hidden").unwrap(),
        root.path().join("a")
    );
    assert_eq!(find_upwards(&below, "no such file"), None);
}

#[cfg(unix)]
#[test]
fn links_to_the_outside_are_refused_and_cycles_end() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "x").unwrap();
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir_all(at("a/b")).unwrap();
    fs::write(at("a/file"), "x").unwrap();
    symlink(outside.path(), at("out")).unwrap();
    symlink(outside.path().join("secret"), at("secret")).unwrap();
    symlink("a/file", at("inside")).unwrap();
    symlink("a", at("folder")).unwrap();
    symlink("../..", at("a/b/up")).unwrap();
    symlink("nowhere", at("broken")).unwrap();
    symlink("round", at("round")).unwrap();
    let folder = Folder::open(root.path()).unwrap();
    assert_eq!(folder.read(&path("secret")), Err(FilesError::Outside));
    assert_eq!(folder.read(&path("out/secret")), Err(FilesError::Outside));
    assert_eq!(folder.list(&path("out")), Err(FilesError::Outside));
    assert_eq!(&*folder.read(&path("inside")).unwrap(), b"x");
    assert_eq!(&*folder.read(&path("folder/file")).unwrap(), b"x");
    for name in ["broken", "broken/file", "round", "round/file"] {
        assert_eq!(folder.read(&path(name)), Err(FilesError::BrokenLink));
        assert_eq!(folder.kind(&path(name)), Err(FilesError::BrokenLink));
    }
    assert_eq!(folder.kind(&path("missing")), Ok(None));
    assert_eq!(folder.list(&path("a/b")), Ok(vec![]));
    let all = read(&folder, &path("a")).unwrap();
    assert_eq!(all.to_text(), "-- file --\nx\n");
}

#[cfg(unix)]
#[test]
fn a_listed_file_that_becomes_a_link_is_not_followed() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "x").unwrap();
    let root = tempfile::tempdir().unwrap();
    for name in ["removed", "replaced"] {
        fs::write(root.path().join(name), "x").unwrap();
    }
    let folder = Folder::open(root.path()).unwrap();
    assert_eq!(folder.list(&TreePath::root()).unwrap().len(), 2);
    for name in ["removed", "replaced"] {
        fs::remove_file(root.path().join(name)).unwrap();
    }
    symlink(outside.path().join("secret"), root.path().join("replaced")).unwrap();
    assert_eq!(folder.read(&path("removed")), Err(FilesError::NotFound));
    assert_eq!(folder.read(&path("replaced")), Err(FilesError::Outside));
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    symlink(outside.path(), root.path().join("apps")).unwrap();
    let wanted = tree(&["apps/a.yaml"], "a: 1\n");
    assert!(plan(&wanted, &read_output(root.path()).unwrap(), true).is_blocked());
    // A link that appears after planning.
    let late = plan(&wanted, &Tree::new(), false);
    let message = apply(&late, root.path()).unwrap_err().to_string();
    assert!(
        message.ends_with("apps: a file is where a folder is expected"),
        "{message}"
    );
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn files_are_created_changed_kept_and_removed() {
    let root = tempfile::tempdir().unwrap();
    let output = root.path().join("deploy");
    let first = write_tree(&output, &tree(&["a/b/c.yaml", "d.yaml"], "a: 1\n"));
    assert_eq!(
        first,
        Summary {
            written: 2,
            removed: 0
        }
    );
    assert_eq!(
        write_tree(&output, &tree(&["a/b/c.yaml", "d.yaml"], "a: 1\n")),
        Summary::default()
    );
    fs::create_dir_all(output.join("theirs")).unwrap();
    fs::create_dir_all(output.join("e.yaml")).unwrap();
    fs::write(output.join(".pleach-a1B2c3.tmp"), "half").unwrap();
    fs::write(output.join(".pleach-theirs"), "x").unwrap();
    let next = write_tree(&output, &tree(&["d.yaml", "e.yaml"], "a: 2\n"));
    assert_eq!(
        next,
        Summary {
            written: 2,
            removed: 1
        }
    );
    let mut expected = tree(&["d.yaml", "e.yaml"], "a: 2\n");
    expected.insert(path(".pleach-theirs"), b"x".as_slice());
    assert_eq!(read_output(&output).unwrap(), expected);
    assert!(!output.join("a").exists() && output.join("theirs").exists());
    assert!(!output.join(".pleach-a1B2c3.tmp").exists());
    let last = write_tree(&output, &Tree::new());
    assert_eq!(
        last,
        Summary {
            written: 0,
            removed: 2
        }
    );
    assert!(output.exists());
}

#[test]
fn generated_files_do_not_block_folders_or_names_in_other_case() {
    let root = tempfile::tempdir().unwrap();
    write_tree(root.path(), &tree(&["a", "b/c", "D"], "a: 1\n"));
    write_tree(root.path(), &tree(&["a/c", "b", "d"], "a: 1\n"));
    assert_eq!(
        read_output(root.path()).unwrap(),
        tree(&["a/c", "b", "d"], "a: 1\n")
    );
}

#[cfg(unix)]
#[test]
fn permissions_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    write_tree(root.path(), &tree(&["a"], "a: 1\n"));
    let mode = || {
        fs::metadata(root.path().join("a"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode() & 0o600, 0o600);
    fs::set_permissions(root.path().join("a"), fs::Permissions::from_mode(0o664)).unwrap();
    write_tree(root.path(), &tree(&["a"], "a: 2\n"));
    assert_eq!(mode(), 0o664);
}

#[test]
fn file_system_errors_are_explained() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "").unwrap();
    let plan = plan(&tree(&["a"], ""), &Tree::new(), false);
    let message = apply(&plan, &root.path().join("file/deploy"))
        .unwrap_err()
        .to_string();
    assert!(
        message.ends_with("deploy: a file is where a folder is expected"),
        "{message}"
    );
    let message = Folder::open(&root.path().join("no"))
        .err()
        .unwrap()
        .to_string();
    assert!(message.ends_with("no: no such file or folder"), "{message}");
}

#[test]
fn a_second_run_waits_for_the_first() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("pleach.yaml");
    fs::write(&file, "").unwrap();
    let first = Lock::acquire(&file, &|| panic!("nobody else has it")).unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let second = std::thread::spawn(move || {
        let _lock = Lock::acquire(&file, &|| send.send("waits").unwrap()).unwrap();
        send.send("has it").unwrap();
    });
    let next = |wait| receive.recv_timeout(wait);
    assert_eq!(next(Duration::from_secs(20)), Ok("waits"));
    assert!(next(Duration::from_millis(100)).is_err());
    drop(first);
    assert_eq!(next(Duration::from_secs(20)), Ok("has it"));
    second.join().unwrap();
}

/// The files that the killed child process writes.
fn file_names() -> Vec<String> {
    (0..300)
        .map(|it| format!("folder{}/file{it}.yaml", it % 7))
        .collect()
}

fn generation(number: u32) -> Tree {
    let names = file_names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    tree(&names, &format!("generation: {number}\n").repeat(500))
}

#[test]
fn a_killed_run_leaves_every_file_old_or_new() {
    let root = tempfile::tempdir().unwrap();
    for pause in [0, 5, 20, 50] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "disk::rewrites_files_until_killed", "--ignored"])
            .env("PLEACH_TEST_OUTPUT", root.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Wait for the first file, so that the process is killed while it writes.
        while !root.path().join("folder0").exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        for (path, bytes) in &read_output(root.path()).unwrap() {
            assert_eq!(ownership(path, bytes), Ownership::Ours, "{path}");
        }
    }
    write_tree(root.path(), &generation(9));
    assert_eq!(read_output(root.path()).unwrap(), generation(9));
    let names = fs::read_dir(root.path()).unwrap();
    assert_eq!(names.count(), 7, "nothing else is left behind");
}

#[test]
#[ignore = "the child process of the test above"]
fn rewrites_files_until_killed() {
    let Some(root) = std::env::var_os("PLEACH_TEST_OUTPUT") else {
        return;
    };
    for number in (0..2).cycle() {
        write_tree(Path::new(&root), &generation(number));
    }
}
