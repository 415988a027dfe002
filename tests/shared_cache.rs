//! The cache that machines share: real runs in clones of a repository, with stores on the loopback interface.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pleach::diag::Source;
use pleach::tree::{Tree, TreePath};
use pleach::yaml::{Node, parse_one};
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

use crate::affected::{Edit, edited};
use crate::git_repository::{change, git, repository};
use crate::incremental::{MORE, MORE_EDITS};
use crate::program::{PLEACH, write};
use crate::vendor::registry::Registry;
use crate::vendor::server::{Answer, Request, Server};

/// The age from which a file is identified by its stat data.
const TICK: Duration = Duration::from_millis(150);

/// The result of a run.
struct Run {
    code: Option<i32>,
    text: String,
    /// The stages that rendered claims.
    rendered: Vec<String>,
    stages: String,
}

/// A simulated machine: a workspace in its own folder, and a folder for its cache.
struct Machine {
    root: PathBuf,
    cache: TempDir,
    _folder: TempDir,
}

impl Machine {
    /// The starter in a repository, with its output.
    fn new() -> Machine {
        Machine::of(repository(""))
    }

    fn of((folder, root): (TempDir, PathBuf)) -> Machine {
        std::thread::sleep(TICK);
        Machine {
            root,
            cache: tempfile::tempdir().unwrap(),
            _folder: folder,
        }
    }

    /// Another machine, with a clone of this one's repository.
    fn clone(&self) -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let from = self.root.to_str().unwrap();
        git(folder.path(), &["clone", "--quiet", from, "clone"]);
        let root = folder.path().join("clone");
        let machine = Machine::of((folder, root));
        // The clone need not hash the program again, which takes longer than its runs.
        let [from, to] = [self, &machine].map(|it| it.cache.path().join("program"));
        let _ = fs::copy(from, to);
        machine
    }

    fn commit(&self) {
        git(&self.root, &["add", "--all"]);
        git(&self.root, &["commit", "--quiet", "-m", "change"]);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PLEACH);
        command.current_dir(&self.root).args(arguments);
        command.arg("--cache").arg(self.cache.path());
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env(name, "test");
        }
        command
    }

    fn run(&self, arguments: &[&str], server: &str) -> Run {
        let mut command = self.command(&[arguments, &["--timings"]].concat());
        let output = command.env("AWS_ENDPOINT_URL", server).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let lines = (text.lines()).take_while(|it| !it.starts_with("work on environments"));
        let (stages, rest): (Vec<&str>, Vec<&str>) = lines.partition(|it| it.contains(" ms "));
        let rendered = stages.iter().filter_map(|it| it.split_once("rendering "));
        Run {
            code: output.status.code(),
            text: rest.join("\n"),
            rendered: rendered.map(|it| it.1.to_string()).collect(),
            stages: stages.join("\n"),
        }
    }

    /// The files of the workspace below a folder.
    fn files(&self, below: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let folder = self.root.join(below);
        let entries = walkdir::WalkDir::new(&folder).into_iter().flatten();
        let files = entries.filter(|it| it.file_type().is_file());
        files
            .map(|it| {
                let path = it.path().strip_prefix(&folder).unwrap().to_path_buf();
                (path, fs::read(it.path()).unwrap())
            })
            .collect()
    }
}

/// A store that runs until it is dropped: its URL, and the address of its S3 server.
struct Store {
    url: String,
    server: String,
    _guard: Box<dyn std::any::Any>,
}

fn registry() -> Store {
    let registry = Registry::start(false);
    Store {
        url: format!("oci://{}/acme/cache/main", registry.address),
        server: String::new(),
        _guard: Box::new(registry),
    }
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The S3 server of `moto`, with a bucket.
fn moto() -> Store {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut command = Command::new("moto_server");
    command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
    let started = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let process = Process(started.unwrap());
    while TcpStream::connect(address).is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let server = format!("http://{address}");
    let created = Command::new("curl")
        .args(["-sf", "-X", "PUT", &format!("{server}/acme")])
        .stdout(Stdio::null())
        .status();
    assert!(created.unwrap().success());
    Store {
        url: "s3://acme/cache/main".to_string(),
        server,
        _guard: Box::new(process),
    }
}

type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A store with a server that keeps objects by path.
fn objects() -> (Store, Arc<Server>, Objects) {
    let objects = Objects::default();
    let stored = objects.clone();
    let server = Server::start(move |request: &Request| {
        let path = request.path.split('?').next().unwrap_or("").to_string();
        let mut stored = stored.lock().unwrap();
        match &*request.method {
            "PUT" => {
                stored.insert(path, request.bytes.clone());
                Answer::ok("")
            }
            _ => stored
                .get(&path)
                .map_or(Answer::status(404), |it| Answer::ok(it.clone())),
        }
    });
    let server = Arc::new(server);
    let store = Store {
        url: "s3://acme/cache/main".to_string(),
        server: format!("http://{}", server.address),
        _guard: Box::new(()),
    };
    (store, server, objects)
}

/// Runs in fresh clones use what another machine has stored, and give the same result as runs without a cache.
fn share(store: &Store) {
    let Store { url, server, .. } = store;
    let main = Machine::new();
    let all = main.run(&["render", "--cache-to", url], server);
    main.run(&["check", "--cache-to", url], server);
    assert!(!all.rendered.is_empty(), "{}", all.stages);

    let clone = main.clone();
    for command in ["check", "render"] {
        let run = clone.run(&[command, "--cache-from", url], server);
        assert_eq!(run.rendered, Vec::<String>::new(), "{}", run.stages);
        let plain = clone.run(&[command, "--no-cache"], server);
        assert_eq!((run.code, run.text), (plain.code, plain.text));
        // Now the local cache has the result too.
        std::thread::sleep(TICK);
        let again = clone.run(&[command], server);
        assert_eq!(again.rendered, Vec::<String>::new(), "{}", again.stages);
    }

    // A claim is changed in a fresh clone.
    let clone = main.clone();
    change(&clone.root, "207Gi");
    let check = clone.run(&["check", "--cache-from", url], server);
    let plain = clone.run(&["check", "--no-cache"], server);
    assert_eq!((check.code, check.text), (plain.code, plain.text));
    let part = clone.run(&["render", "--cache-from", url], server);
    assert!(
        !part.rendered.is_empty() && !part.rendered.contains(&all.rendered[0]),
        "{}",
        part.stages
    );
    let plain = clone.run(&["render", "--no-cache"], server);
    assert!(
        plain.text.contains("0 files written, 0 removed"),
        "{}",
        plain.text
    );

    // A pull request with the change and its rendering.
    clone.commit();
    let request = clone.clone();
    for command in ["check", "render"] {
        let run = request.run(&[command, "--cache-from", url], server);
        assert!(!run.rendered.contains(&all.rendered[0]), "{}", run.stages);
        let plain = request.run(&[command, "--no-cache"], server);
        assert_eq!((run.code, run.text), (plain.code, plain.text));
    }
}

#[test_with::executable("docker-registry")]
#[test]
fn a_clone_uses_the_runs_in_a_registry() {
    share(&registry());
}

#[test_with::executable("moto_server", "curl")]
#[test]
fn a_clone_uses_the_runs_in_a_bucket() {
    share(&moto());
}

#[test]
fn a_run_that_only_reads_the_store_writes_nothing() {
    let (store, server, objects) = objects();
    let main = Machine::new();
    main.run(&["check", "--cache-to", &store.url], &store.server);
    let paths: Vec<String> = objects.lock().unwrap().keys().cloned().collect();
    assert!(
        paths.len() == 1 && paths[0].starts_with("/acme/cache/main/"),
        "{paths:?}"
    );
    let count = server.requests().len();
    let clone = main.clone();
    change(&clone.root, "208Gi");
    for command in ["check", "render", "check"] {
        clone.run(&[command, "--cache-from", &store.url], &store.server);
    }
    let requests = server.requests().split_off(count);
    assert!(
        !requests.is_empty() && requests.iter().all(|it| it.method == "GET"),
        "{requests:?}"
    );
    // A run with findings or with `--no-cache` writes nothing either.
    change(&clone.root, "209Gi");
    let before = objects.lock().unwrap().clone();
    clone.run(&["check", "--cache-to", &store.url], &store.server);
    main.run(
        &["render", "--no-cache", "--cache-to", &store.url],
        &store.server,
    );
    assert_eq!(*objects.lock().unwrap(), before);
}

/// The local cache may have a run that the store does not have yet.
#[test]
fn a_run_that_finds_nothing_changed_is_stored_once() {
    let (store, server, objects) = objects();
    let main = Machine::new();
    main.run(&["check"], &store.server);
    std::thread::sleep(TICK);
    for _ in 0..3 {
        let run = main.run(&["check", "--cache-to", &store.url], &store.server);
        assert_eq!(run.rendered, Vec::<String>::new(), "{}", run.stages);
    }
    assert_eq!(objects.lock().unwrap().len(), 1);
    assert_eq!(server.requests().len(), 1);
    // A run that came from a store is not written to it again, but it is written to another store.
    let clone = main.clone();
    let both = [
        "check",
        "--cache-from",
        &store.url,
        "--cache-to",
        &store.url,
    ];
    clone.run(&both, &store.server);
    assert!(
        server
            .requests()
            .iter()
            .skip(1)
            .all(|it| it.method == "GET")
    );
    let clone = main.clone();
    let other = [
        "check",
        "--cache-from",
        &store.url,
        "--cache-to",
        "s3://acme/other",
    ];
    clone.run(&other, &store.server);
    let objects = objects.lock().unwrap();
    let stored: Vec<&Vec<u8>> = objects.values().collect();
    assert!(stored.len() == 2 && stored[0] == stored[1]);
}

#[test]
fn the_same_run_is_stored_as_the_same_bytes_on_every_machine() {
    let (store, _, objects) = objects();
    let main = Machine::new();
    let mut stored = Vec::new();
    for machine in [main.clone(), main.clone()] {
        machine.run(&["check", "--cache-to", &store.url], &store.server);
        stored.push(std::mem::take(&mut *objects.lock().unwrap()));
    }
    assert!(stored[0].len() == 1 && stored[0] == stored[1]);
}

#[test]
fn the_first_store_with_a_usable_run_is_used() {
    let (store, server, _) = objects();
    let main = Machine::new();
    main.run(&["check", "--cache-to", &store.url], &store.server);
    let clone = main.clone();
    let from = format!("s3://acme/none,{}", store.url);
    let run = clone.run(&["check", "--cache-from", &from], &store.server);
    assert_eq!(run.rendered, Vec::<String>::new(), "{}", run.stages);
    assert_eq!(server.requests().len(), 3);
}

/// A stored run may be damaged, from another program, or manipulated.
#[test]
fn unusable_stored_runs_are_ignored() {
    let (store, _, objects) = objects();
    let main = Machine::new();
    main.run(&["check", "--cache-to", &store.url], &store.server);
    let plain = main.run(&["check", "--no-cache"], &store.server);
    let (path, bytes) = objects.lock().unwrap().pop_first().unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let damaged = [
        flipped,
        bytes[..bytes.len() / 2].to_vec(),
        Vec::new(),
        b"<html>".to_vec(),
    ];
    for bytes in damaged {
        objects.lock().unwrap().insert(path.clone(), bytes);
        let run = main
            .clone()
            .run(&["check", "--cache-from", &store.url], &store.server);
        assert_eq!(run.code, plain.code);
        assert!(
            run.text.starts_with("warning: ignoring `") && run.text.contains("it is damaged"),
            "{}",
            run.text
        );
        assert!(!run.rendered.is_empty());
    }
    // A run with other flags has another name in the store.
    objects.lock().unwrap().insert(path, bytes);
    for arguments in [&["check", "--strict"][..], &["render"]] {
        let arguments = [arguments, &["--cache-from", &store.url]].concat();
        let run = main.clone().run(&arguments, &store.server);
        assert!(
            !run.rendered.is_empty() && !run.text.contains("warning"),
            "{}",
            run.text
        );
    }
}

#[test]
fn an_unavailable_server_causes_only_a_warning() {
    let refusing = Server::start(|_| Answer::status(403));
    let denied = format!("http://{}", refusing.address);
    let closed = "http://127.0.0.1:1".to_string();
    let main = Machine::new();
    let plain = main.run(&["check", "--no-cache"], "");
    for (server, words) in [(denied, "status 403"), (closed, "connection refused")] {
        let both = [
            "check",
            "--cache-from",
            "s3://acme/a",
            "--cache-to",
            "s3://acme/a",
        ];
        let run = main.clone().run(&both, &server);
        assert_eq!(run.code, plain.code);
        for line in [
            "warning: cannot read the shared cache `s3://acme/a`",
            "warning: cannot write the shared cache",
            words,
            "help: ",
        ] {
            assert!(run.text.contains(line), "{}", run.text);
        }
        assert!(!run.text.contains("X-Amz"), "{}", run.text);
        let quiet = main
            .clone()
            .run(&[&both[..], &["--quiet"]].concat(), &server);
        assert_eq!((quiet.code, &*quiet.text), (plain.code, ""));
    }
    for address in ["cache", "s3://acme/../other", "oci://host/Cache"] {
        let run = main.run(&["check", "--cache-from", address], "");
        assert!(
            run.code == Some(2) && run.text.contains("expected `oci://"),
            "{}",
            run.text
        );
    }
    // CI services set unused variables to an empty value.
    let mut command = main.command(&["check"]);
    let output = command
        .envs([("PLEACH_CACHE_FROM", ""), ("PLEACH_CACHE_TO", "")])
        .output();
    assert_eq!(output.unwrap().status.code(), plain.code);
}

#[test_with::executable("docker-registry")]
#[test]
fn one_of_two_concurrent_writers_wins() {
    let store = registry();
    let main = Machine::new();
    let other = main.clone();
    change(&other.root, "210Gi");
    other.run(&["render"], &store.server);
    let machines = [&main, &other];
    for _ in 0..2 {
        std::thread::sleep(TICK);
        let started = machines.map(|it| {
            // Without its local cache, the machine stores the run again.
            let _ = fs::remove_dir_all(it.cache.path());
            let mut command = it.command(&["check", "--cache-to", &store.url]);
            command.stderr(Stdio::piped()).spawn().unwrap()
        });
        for process in started {
            let output = process.wait_with_output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        }
        let run = main
            .clone()
            .run(&["check", "--cache-from", &store.url], &store.server);
        assert!(
            run.stages.contains("asking the shared cache"),
            "{}",
            run.stages
        );
        assert!(
            run.code == Some(0) && !run.text.contains("warning"),
            "{}",
            run.text
        );
    }
}

/// After each edit, compares runs that use a store with runs without a cache. Each edit is made on new machines. Returns how many runs
/// rendered less than the workspace.
fn edits(chosen: &[usize]) -> usize {
    let (store, _, _) = objects();
    let Store { url, server, .. } = &store;
    let mut files = Tree::from_text(MORE);
    let mut parts = 0;
    let mut deployed = BTreeMap::new();
    for at in [None].into_iter().chain(chosen.iter().map(|it| Some(*it))) {
        let edit: Option<Edit> = at.map(|it| MORE_EDITS[it]);
        files = edited(&files, edit.as_slice());
        let [known, plain] = [0, 1].map(|_| {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), &files);
            for (path, bytes) in &deployed {
                let file: PathBuf = folder.path().join("deploy").join(path);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, bytes).unwrap();
            }
            let root = folder.path().to_path_buf();
            Machine::of((folder, root))
        });
        for command in ["check", "render", "check"] {
            // Files that were just written are not stored.
            std::thread::sleep(TICK);
            let both = [command, "--cache-from", url, "--cache-to", url];
            let run = known.run(&both, server);
            let expected = plain.run(&[command, "--no-cache"], server);
            let (text, expected_text) = (
                without_root(&run.text, &known.root),
                without_root(&expected.text, &plain.root),
            );
            assert_eq!(
                (run.code, text),
                (expected.code, expected_text),
                "{command} after {edit:?} of {chosen:?}"
            );
            parts += usize::from(run.rendered.len() < expected.rendered.len());
        }
        deployed = known.files("deploy");
        assert_eq!(deployed, plain.files("deploy"), "{edit:?} of {chosen:?}");
    }
    parts
}

fn without_root(text: &str, root: &Path) -> String {
    text.replace(&root.display().to_string(), "ROOT")
}

fn random_edits(mut runner: TestRunner, sequences: usize) -> usize {
    let choice = proptest::collection::vec(0..MORE_EDITS.len(), 1..8);
    let sequence = |_| choice.new_tree(&mut runner).unwrap().current();
    let chosen: Vec<Vec<usize>> = (0..sequences).map(sequence).collect();
    chosen.iter().map(|it| edits(it)).sum()
}

#[test]
fn random_edits_give_the_bytes_of_runs_without_a_store() {
    assert!(random_edits(TestRunner::deterministic(), 2) > 0);
}

/// For a release build: `PLEACH_EDITS=300 cargo test --release --test suite shared_cache::many -- --ignored`
#[test]
#[ignore = "takes minutes"]
fn many_random_edits_give_the_bytes_of_runs_without_a_store() {
    let sequences = std::env::var("PLEACH_EDITS")
        .ok()
        .and_then(|it| it.parse().ok());
    assert!(random_edits(TestRunner::default(), sequences.unwrap_or(300) / 4) > 0);
}

/// The script and the variables of the last step of a job in the example, with the address of another store.
fn example_step(job: &str, store: &Store) -> (String, Vec<(String, String)>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("examples/scale/github-cache.yaml");
    let text = fs::read_to_string(file).unwrap();
    let text = text.replace("oci://ghcr.io/acme/pleach-cache/main", &store.url);
    let workflow = parse_one(&Source::new(TreePath::root(), text)).unwrap();
    let steps = workflow.at_keys(&["jobs", job, "steps"]).unwrap();
    let step = steps.as_sequence().unwrap().iter().next_back().unwrap();
    let variables = step.get("env").unwrap().as_mapping().unwrap().iter();
    let text = |it: &Node| it.as_str().unwrap().to_string();
    let variables = variables.map(|it| (text(&it.key), text(&it.value)));
    (text(step.get("run").unwrap()), variables.collect())
}

#[test_with::executable("docker-registry")]
#[test]
fn the_example_writes_on_main_and_reads_in_pull_requests() {
    let store = registry();
    let run = |machine: &Machine, job: &str| {
        let (script, variables) = example_step(job, &store);
        let arguments: Vec<&str> = script.split(' ').skip(1).collect();
        let mut command = machine.command(&[&arguments[..], &["--timings"]].concat());
        let output = command.envs(variables).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{text}");
        text
    };
    let main = Machine::new();
    assert!(run(&main, "main").contains("writing to the shared cache"));
    let run = run(&main.clone(), "pull-request");
    assert!(!run.contains("rendering "), "{run}");
    assert!(!run.contains("writing to"), "{run}");
}
