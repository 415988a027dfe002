//! Every committed kustomization is built by a real kustomize too, and the two results are the same to the byte.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pleach::diag::Source;
use pleach::disk::Folder;
use pleach::kustomize::{Built, Options, build};
use pleach::object::{Object, ObjectId};
use pleach::tree::TreePath;
use pleach::yaml::{emit_kustomize, parse_one};

#[test_with::executable(kustomize || kubectl)]
#[test]
fn a_real_kustomize_builds_the_same_bytes() {
    let program = program().expect("`kustomize` or `kubectl` is on the PATH");
    let groups = groups();
    assert!(!groups.is_empty(), "no kustomizations in golden/");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(folders) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if builds_the_same(program, folders) {
                        continue;
                    }
                    let differences = folders.iter().filter_map(|it| compare(program, it).err());
                    wrong.lock().unwrap().extend(differences);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The folders with a kustomization, in groups in which no two objects have the same name.
fn groups() -> Vec<Vec<PathBuf>> {
    let mut groups: Vec<(BTreeSet<ObjectId>, Vec<PathBuf>)> = Vec::new();
    for folder in folders() {
        let mut ids: BTreeSet<ObjectId> = built(&folder).objects.iter().map(Object::id).collect();
        match groups.iter_mut().find(|it| it.0.is_disjoint(&ids)) {
            Some((known, folders)) => {
                known.append(&mut ids);
                folders.push(folder);
            }
            None => groups.push((ids, vec![folder])),
        }
    }
    groups.into_iter().map(|it| it.1).collect()
}

/// Whether a build of all folders together gives the documents of each folder, in the same order. A start of the program takes longer
/// than a build, so the folders are only built one by one if this fails.
fn builds_the_same(program: &[&str], folders: &[PathBuf]) -> bool {
    let place = tempfile::tempdir().unwrap();
    let place = place.path().canonicalize().unwrap();
    let up = "../".repeat(place.iter().count() - 1);
    let resources = folders.iter().map(|it| {
        let path = it.canonicalize().unwrap();
        format!("- {up}{}\n", path.strip_prefix("/").unwrap().display())
    });
    let text = format!("resources:\n{}", resources.collect::<String>());
    std::fs::write(place.join("kustomization.yaml"), text).unwrap();
    let Ok(theirs) = run(program, &place) else {
        return false;
    };
    let theirs: Vec<&str> = theirs.split("\n---\n").map(str::trim_end).collect();
    let ours: Option<Vec<String>> = folders.iter().map(|it| built(it).to_yaml().ok()).collect();
    let mut count = 0;
    let is_in_order = |text: &String| {
        let mut rest = theirs.iter();
        let mut documents = text.split("\n---\n").map(str::trim_end);
        documents.all(|it| {
            count += 1;
            rest.any(|other| *other == it)
        })
    };
    ours.is_some_and(|it| it.iter().all(is_in_order)) && count == theirs.len()
}

#[test]
fn built_objects_match_the_schemas() {
    let objects: Vec<Object> = folders().iter().flat_map(|it| built(it).objects).collect();
    let faults = crate::schema_validation::validate_objects(&objects);
    let messages: Vec<String> = faults
        .iter()
        .map(|it| format!("[{}] {}", it.code, it.message))
        .collect();
    assert!(messages.is_empty(), "{}", messages.join("\n"));
}

/// For a folder without a kustomization, Flux generates one that lists all files, and Argo CD applies the files unchanged.
#[test]
fn plain_folders_build_to_their_objects() {
    let folders = plain_folders();
    assert!(
        !folders.is_empty(),
        "no folders of plain objects in golden/"
    );
    for folder in folders {
        let place = tempfile::tempdir().unwrap();
        let (mut resources, mut objects) = (String::new(), Vec::new());
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            std::fs::copy(&path, place.path().join(&*name)).unwrap();
            resources.push_str(&format!("- {name}\n"));
            let source = Source::internal("object", std::fs::read_to_string(&path).unwrap());
            objects.push(Object::new(parse_one(&source).unwrap()));
        }
        let kustomization = place.path().join("kustomization.yaml");
        std::fs::write(kustomization, format!("resources:\n{resources}")).unwrap();
        let files = Folder::open(place.path()).unwrap();
        let built = build(&files, &TreePath::root(), &Options::default());
        let text = |objects: &[Object]| {
            let texts = objects.iter().map(|it| emit_kustomize(&it.node).unwrap());
            let texts: std::collections::BTreeSet<String> = texts.collect();
            texts
        };
        assert_eq!(text(&built.objects), text(&objects), "{}", folder.display());
        if let Some(program) = program() {
            let theirs = run(program, place.path()).unwrap();
            assert_eq!(theirs, built.to_yaml().unwrap(), "{}", folder.display());
        }
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// The folders of claims in the committed trees that have no kustomization.
pub(crate) fn plain_folders() -> Vec<PathBuf> {
    let golden = golden();
    let files = walkdir::WalkDir::new(&golden)
        .sort_by_file_name()
        .into_iter();
    let folders = files
        .map(|it| it.unwrap())
        .filter(|it| it.file_type().is_dir());
    let of_claim = |it: &Path| {
        let parts: Vec<_> = it.strip_prefix(&golden).unwrap().iter().collect();
        let [_, output, group, _, _] = &parts[..] else {
            return false;
        };
        *output == "output" && (*group == "apps" || *group == "infrastructure")
    };
    let folders = folders.map(walkdir::DirEntry::into_path);
    let folders = folders.filter(|it| of_claim(it) && !it.join("kustomization.yaml").is_file());
    folders.collect()
}

/// The command and its arguments before the folder.
fn program() -> Option<&'static [&'static str]> {
    const PROGRAMS: [(&[&str], &[&str]); 2] = [
        (&["kustomize", "version"], &["kustomize", "build"]),
        (
            &["kubectl", "version", "--client"],
            &["kubectl", "kustomize"],
        ),
    ];
    let runs = |words: &[&str]| {
        let (name, rest) = words.split_first()?;
        let output = Command::new(name).args(rest).output().ok()?;
        output.status.success().then_some(())
    };
    PROGRAMS
        .iter()
        .find(|(version, _)| runs(version).is_some())
        .map(|it| it.1)
}

/// All folders of the committed trees that have a kustomization.
pub(crate) fn folders() -> Vec<PathBuf> {
    let golden = golden();
    let is_input = |it: &walkdir::DirEntry| it.depth() == 2 && it.file_name() == "input";
    let entries = walkdir::WalkDir::new(&golden)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|it| !is_input(it));
    let files = entries.filter_map(|it| Some(it.ok()?.into_path()));
    files
        .filter(|it| it.file_name().is_some_and(|it| it == "kustomization.yaml"))
        .filter_map(|it| Some(it.parent()?.to_path_buf()))
        .collect()
}

pub(crate) fn built(folder: &Path) -> Built {
    let root = golden();
    let files = Folder::open(&root).unwrap();
    let path = folder.strip_prefix(&root).unwrap().to_string_lossy();
    build(&files, &TreePath::new(&path).unwrap(), &Options::default())
}

fn compare(program: &[&str], folder: &Path) -> Result<(), String> {
    let ours = built(folder);
    let ours = ours
        .to_yaml()
        .map_err(|it| format!("{}: {:?}", folder.display(), it))?;
    match run(program, folder) {
        Ok(theirs) if theirs == ours => Ok(()),
        Ok(theirs) | Err(theirs) => Err(format!(
            "{}\n--- {}\n{theirs}--- pleach\n{ours}",
            folder.display(),
            program[0]
        )),
    }
}

/// The program's output for a folder, or its messages if it fails.
fn run(program: &[&str], folder: &Path) -> Result<String, String> {
    let mut command = Command::new(program[0]);
    // Each run is short: collecting garbage on several threads takes longer than the work.
    command.env("GOMAXPROCS", "1").env("GOGC", "off");
    let output = command.args(&program[1..]).arg(folder).output();
    let output = output.map_err(|it| format!("{}: {it}", folder.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(printed),
        false => Err(printed + &String::from_utf8_lossy(&output.stderr)),
    }
}
