//! Runs that find nothing changed since a stored run, and the changes that they notice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pleach::disk::{Folder, Inputs, Stamp, StartTime, unchanged};
use pleach::tree::{ReadSet, TreePath};
use tempfile::TempDir;

use crate::git_repository::{change, run};
use crate::program::PLEACH;

/// The age from which a file is identified by its stat data.
const TICK: Duration = Duration::from_millis(150);

const INPUTS: [&str; 3] = ["in/a.yaml", "in", "missing.yaml"];
const OUTPUT: &str = "deploy/x/out.yaml";

/// A folder with an input, a missing input and an output, and the path of its stamp.
fn stamped() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("in")).unwrap();
    fs::create_dir_all(root.join("deploy/x")).unwrap();
    fs::write(root.join("in/a.yaml"), "one").unwrap();
    std::thread::sleep(TICK);
    let begin = StartTime::now();
    fs::write(root.join(OUTPUT), "out").unwrap();
    assert!(keep(root, begin).is_some());
    let file = root.join("stamp");
    (folder, file)
}

fn keep(root: &Path, begin: StartTime) -> Option<()> {
    let mut stamp = Stamp::default();
    let inputs = INPUTS.map(|it| TreePath::new(it).unwrap());
    stamp.inputs(root, inputs, begin)?;
    let out = TreePath::new("x/out.yaml").unwrap();
    stamp.output(&root.join("deploy"), [(&out, &b"out"[..])], begin)?;
    stamp.keep(&root.join("stamp"), "key", "text");
    Some(())
}

fn stored_text(file: &Path) -> Option<String> {
    unchanged(file, "key", StartTime::now())
}

#[test]
fn unchanged_files_are_identified_by_their_stat_data() {
    let (_folder, file) = stamped();
    assert_eq!(stored_text(&file).as_deref(), Some("text"));
    // Now the output is old enough to be identified by its stat data instead of its bytes.
    std::thread::sleep(TICK);
    let before = fs::read(&file).unwrap();
    assert_eq!(stored_text(&file).as_deref(), Some("text"));
    assert!(fs::read(&file).unwrap().len() < before.len());
    assert_eq!(stored_text(&file).as_deref(), Some("text"));
}

#[test]
fn another_key_is_another_run() {
    let (_folder, file) = stamped();
    assert_eq!(unchanged(&file, "other", StartTime::now()), None);
}

/// Its parent was not listed, so no other input shows that it is gone.
#[test]
fn a_removed_folder_that_was_listed_requires_a_full_run() {
    let (folder, _) = stamped();
    let files = Folder::open(folder.path()).unwrap();
    let listed = TreePath::new("in").unwrap();
    let read = ReadSet {
        folders: [listed.clone()].into(),
        ..ReadSet::default()
    };
    let inputs = Inputs::read(&files, &read).unwrap();
    let changed = [listed].into();
    assert!(inputs.read_again(&files, &changed).unwrap().1.is_empty());
    fs::remove_dir_all(folder.path().join("in")).unwrap();
    assert!(inputs.read_again(&files, &changed).is_none());
}

/// Changes a workspace.
type Change = fn(&Path);

#[test]
fn every_change_is_noticed() {
    let changes: [(&str, Change); 11] = [
        ("an input of the same size", |it| {
            fs::write(it.join("in/a.yaml"), "two").unwrap();
        }),
        ("an input with the old time", |it| {
            let file = it.join("in/a.yaml");
            let old = fs::metadata(&file).unwrap().modified().unwrap();
            fs::write(&file, "two").unwrap();
            let file = fs::File::options().append(true).open(&file).unwrap();
            file.set_modified(old).unwrap();
        }),
        ("an input that is gone", |it| {
            fs::remove_file(it.join("in/a.yaml")).unwrap();
        }),
        ("a new input", |it| {
            fs::write(it.join("in/b.yaml"), "").unwrap()
        }),
        ("an input where there was none", |it| {
            fs::write(it.join("missing.yaml"), "").unwrap();
        }),
        ("an output of the same size", |it| {
            fs::write(it.join(OUTPUT), "OUT").unwrap();
        }),
        ("an output that is gone", |it| {
            fs::remove_file(it.join(OUTPUT)).unwrap()
        }),
        ("a new file beside the output", |it| {
            fs::write(it.join("deploy/x/more.yaml"), "").unwrap();
        }),
        ("a new folder of the output", |it| {
            fs::create_dir(it.join("deploy/y")).unwrap();
        }),
        ("half a stamp", |it| {
            let bytes = fs::read(it.join("stamp")).unwrap();
            fs::write(it.join("stamp"), &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("a stamp with other bytes", |it| {
            let mut bytes = fs::read(it.join("stamp")).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(it.join("stamp"), bytes).unwrap();
        }),
    ];
    for (name, change) in changes {
        let (folder, file) = stamped();
        change(folder.path());
        assert_eq!(stored_text(&file), None, "{name}");
    }
}

#[test]
#[cfg(unix)]
fn links_and_inputs_that_just_changed_make_no_stamp() {
    let (folder, _) = stamped();
    let root = folder.path();
    fs::write(root.join("in/a.yaml"), "new").unwrap();
    assert_eq!(keep(root, StartTime::now()), None);
    let (folder, _) = stamped();
    let root = folder.path();
    fs::rename(root.join("in/a.yaml"), root.join("real.yaml")).unwrap();
    std::os::unix::fs::symlink("../real.yaml", root.join("in/a.yaml")).unwrap();
    std::thread::sleep(TICK);
    assert_eq!(keep(root, StartTime::now()), None);
}

/// Writes an environment that has only the claims of base.
fn environment(root: &Path, spec: &str) {
    let folder = root.join("environments/other");
    fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {{name: other}}\nspec: {spec}\n"
    );
    fs::write(folder.join("environment.yaml"), text).unwrap();
}

const NEW: &str = "environments/prod/new.yaml";

/// Adds a claim in a new file.
fn new_claim(root: &Path) {
    let text = fs::read_to_string(root.join("environments/prod/databases.yaml")).unwrap();
    let first = text.split("\n---").next().unwrap();
    let claim = first.replacen("name: analytics", "name: extra", 1);
    assert_ne!(claim, first);
    fs::write(root.join(NEW), claim).unwrap();
}

#[test]
fn edits_give_the_bytes_of_a_run_without_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().to_str().unwrap();
    run(root, PLEACH, &["init"], true);
    let edits: [fn(&Path); 8] = [
        |_| {},
        new_claim,
        |it| fs::remove_file(it.join(NEW)).unwrap(),
        |it| drop(fs::remove_dir_all(it.join("deploy/clusters"))),
        |it| drop(change(it, "201Gi")),
        // A run with findings is not stored.
        |it| environment(it, "{}"),
        |it| environment(it, "{labels: {team: web}}"),
        |it| fs::remove_dir_all(it.join("environments/other")).unwrap(),
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        std::thread::sleep(TICK);
        edit(root);
        let mut last = String::new();
        for _ in 0..2 {
            std::thread::sleep(TICK);
            last = run(root, PLEACH, &["render", "--cache", cache], true);
        }
        let plain = run(
            root,
            PLEACH,
            &["render", "--no-cache", "--cache", cache],
            true,
        );
        assert_eq!(last, plain, "edit {number}");
        assert!(
            plain.contains("0 files written, 0 removed"),
            "edit {number}: {plain}"
        );
    }
    let stamps = fs::read_dir(Path::new(cache).join("unchanged")).unwrap();
    let stamps = stamps.filter(|it| it.as_ref().unwrap().path().extension().is_none());
    assert_eq!(stamps.count(), 1);
}

/// The output of a run without its stages, and the stages that rendered claims.
fn run_with_timings(root: &Path, cache: &str, arguments: &[&str]) -> (String, Vec<String>) {
    let common = ["--cache", cache, "--timings"];
    let text = run(root, PLEACH, &[arguments, &common].concat(), true);
    let lines = (text.lines()).take_while(|it| !it.starts_with("work on environments"));
    let (stages, rest): (Vec<&str>, Vec<&str>) = lines.partition(|it| it.contains(" ms "));
    let rendered = stages.iter().filter_map(|it| it.split_once("rendering "));
    let rendered = rendered.map(|it| it.1.to_string()).collect();
    (rest.join("\n"), rendered)
}

/// The starter, not rendered yet, and an empty folder for the cache.
fn starter() -> (TempDir, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), PLEACH, &["init"], true);
    std::thread::sleep(TICK);
    (folder, tempfile::tempdir().unwrap())
}

/// The listing of a folder leaves out such a file.
#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf8_is_reported_after_a_run_without_findings() {
    use std::os::unix::ffi::OsStrExt;
    let (folder, cache) = starter();
    let (root, cache) = (folder.path(), cache.path().to_str().unwrap());
    run_with_timings(root, cache, &["render"]);
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.yaml");
    // Some file systems refuse such a name.
    if fs::write(root.join("environments/prod").join(name), "a: b\n").is_err() {
        return;
    }
    std::thread::sleep(TICK);
    let printed = run(root, PLEACH, &["render", "--cache", cache], false);
    assert!(printed.contains("is not read"), "{printed}");
}

#[test]
fn a_change_of_one_claim_renders_that_claim() {
    let (folder, cache) = starter();
    let (root, cache) = (folder.path(), cache.path().to_str().unwrap());
    let all = run_with_timings(root, cache, &["render"]).1;
    std::thread::sleep(TICK);
    assert_eq!(run_with_timings(root, cache, &["check"]).1.len(), 1);
    change(root, "202Gi");
    std::thread::sleep(TICK);
    let (text, part) = run_with_timings(root, cache, &["render"]);
    assert!(
        !part.is_empty() && !part.contains(&all[0]),
        "{part:?} of {all:?}\n{text}"
    );
    std::thread::sleep(TICK);
    let checked = run_with_timings(root, cache, &["check"]);
    assert_eq!(
        checked.0,
        run_with_timings(root, cache, &["check", "--no-cache"]).0
    );
    assert!(!checked.1.contains(&all[0]), "{checked:?}");
    // The next run knows the result.
    std::thread::sleep(TICK);
    for command in ["render", "check"] {
        assert_eq!(
            run_with_timings(root, cache, &[command]).1,
            Vec::<String>::new()
        );
    }
    let (plain, _) = run_with_timings(root, cache, &["render", "--no-cache"]);
    assert!(plain.contains("0 files written, 0 removed"), "{plain}");
}

#[test]
fn an_edited_output_is_noticed_beside_a_changed_claim() {
    let (folder, cache) = starter();
    let (root, cache) = (folder.path(), cache.path().to_str().unwrap());
    run(root, PLEACH, &["render", "--cache", cache], true);
    std::thread::sleep(TICK);
    change(root, "203Gi");
    let clusters = root.join("deploy/clusters");
    let cluster = fs::read_dir(&clusters)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    fs::remove_file(cluster.join("apps.yaml")).unwrap();
    std::thread::sleep(TICK);
    run(root, PLEACH, &["render", "--cache", cache], true);
    assert!(cluster.join("apps.yaml").is_file());
}

/// The files of a folder of the cache, by name.
fn stored(cache: &Path, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(cache.join(folder)).unwrap();
    let files = entries.map(|it| it.unwrap().path());
    let name = |it: &Path| it.file_name().unwrap().to_str().unwrap().to_string();
    files
        .map(|it| (name(&it), fs::read(&it).unwrap()))
        .collect()
}

#[test]
fn a_change_is_stored_without_unchanged_files() {
    let (folder, cache) = starter();
    let (root, cache) = (folder.path(), cache.path());
    let render = || {
        std::thread::sleep(TICK);
        run_with_timings(root, cache.to_str().unwrap(), &["render"]).1
    };
    render();
    // Now stat data identify what the first run has written.
    assert!(render().is_empty());
    let whole = ["unchanged", "inputs"].map(|it| stored(cache, it));
    for size in ["201Gi", "202Gi"] {
        change(root, size);
        assert!(!render().is_empty());
        assert!(render().is_empty());
    }
    let [mut stamps, inputs] = ["unchanged", "inputs"].map(|it| stored(cache, it));
    let is_change = |it: &String| it.ends_with(".changes");
    let name = stamps.keys().find(|it| is_change(it)).unwrap().clone();
    let changes = stamps.remove(&name).unwrap();
    assert_eq!([stamps, inputs], whole);
    // Damaged or missing changes are treated like an output that was changed by somebody else.
    for bytes in [None, Some(&b""[..]), changes.get(..changes.len() - 1)] {
        let file = cache.join("unchanged").join(&name);
        match bytes {
            None => fs::remove_file(file).unwrap(),
            Some(bytes) => fs::write(file, bytes).unwrap(),
        }
        render();
        assert!(render().is_empty());
        let plain = run(root, PLEACH, &["render", "--no-cache"], true);
        assert!(plain.contains("0 files written, 0 removed"), "{plain}");
    }
}

#[test]
fn the_oldest_stored_inputs_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Inputs::default();
    for number in 0..70 {
        let file = folder.path().join(number.to_string());
        inputs.store(&file, "id").unwrap();
    }
    let files = stored(folder.path(), "");
    assert_eq!(files.len(), 64);
    assert!(files.contains_key("69"));
}
