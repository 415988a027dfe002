//! Remote bases and files of kustomizations, from real repositories with file and HTTP addresses, and from file servers.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pleach::chart::Lock;
use pleach::tree::Tree;
use tempfile::TempDir;

use super::server::{Answer, Request, Server};

const DEPLOYMENT: &str =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 1\n";

/// A repository without `pleach.yaml`, repositories that it can fetch from, and a cache.
struct Case {
    folder: TempDir,
}

impl Case {
    /// `files` are those of the repository, with `ORIGIN` for the address of the folder of repositories.
    fn new(files: &str) -> Case {
        let case = Case {
            folder: tempfile::tempdir().unwrap(),
        };
        case.write("own", files);
        case.git("own", &["init", "-q"]);
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn origin(&self) -> String {
        format!("file://{}", self.folder.path().display())
    }

    /// Writes files into a folder.
    fn write(&self, folder: &str, files: &str) {
        for (path, bytes) in &Tree::from_text(files) {
            let file = self.path(folder).join(path.as_str());
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            fs::write(file, text.replace("ORIGIN", &self.origin())).unwrap();
        }
    }

    fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.path(folder))
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(["-c", "protocol.file.allow=always"])
            .args(arguments)
            .output()
            .unwrap();
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {messages}");
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    }

    /// Makes a repository of these files, or adds a commit to it; gives the commit.
    fn commit(&self, name: &str, files: &str) -> String {
        self.write(name, files);
        self.git(name, &["init", "-q", "-b", "main"]);
        self.git(name, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
        self.git(name, &["add", "-A"]);
        self.git(name, &["commit", "-q", "-m", "a"]);
        self.git(name, &["rev-parse", "HEAD"])
    }

    /// Exit code, standard output, standard error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_pleach"))
            .current_dir(self.path("own"))
            .env("PLEACH_CACHE", self.path("cache"))
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    }

    #[track_caller]
    fn succeeds(&self, arguments: &[&str]) -> String {
        let (code, printed, messages) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {printed}{messages}");
        printed
    }

    fn lock(&self) -> Lock {
        let text = fs::read_to_string(self.path("own/pleach.lock")).unwrap_or_default();
        Lock::read(&Tree::from_text(&format!("-- pleach.lock --\n{text}"))).unwrap()
    }

    fn forget_cache(&self) {
        fs::remove_dir_all(self.path("cache")).unwrap();
    }
}

/// A repository with two bases, one of which uses the other.
const WEB: &str = "\
-- overlay/kustomization.yaml --
namePrefix: my-
resources: [../base]
-- base/kustomization.yaml --
resources: [web.yaml]
-- base/web.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
-- README.md --
nothing
";

const OWN: &str = "\
-- app/kustomization.yaml --
namespace: shop
resources:
- ORIGIN/web//overlay?ref=v1
";

#[test_with::executable(git)]
#[test]
fn a_remote_base_is_pinned_and_read_offline() {
    let case = Case::new(OWN);
    let commit = case.commit("web", WEB);
    case.git("web", &["tag", "v1"]);
    let (code, _, messages) = case.run(&["build", "app"]);
    assert_eq!(code, 1);
    assert!(messages.contains("error[remote-resource]"), "{messages}");
    assert!(messages.contains("run `pleach vendor`"), "{messages}");

    let printed = case.succeeds(&["vendor"]);
    let address = format!("{}/web?ref=v1", case.origin());
    assert_eq!(printed, format!("pinned  {address} → {}\n", &commit[..12]));
    let lock = case.lock();
    let pin = lock.remote(&address).unwrap();
    assert_eq!(pin.commit.as_deref(), Some(&*commit));

    // The repository gets another commit, and is then removed.
    case.commit("web", "-- base/web.yaml --\nkind: Nothing\n");
    case.git("web", &["tag", "-f", "v1"]);
    fs::rename(case.path("web"), case.path("gone")).unwrap();
    let built = case.succeeds(&["build", "app"]);
    assert!(built.contains("name: my-web\n  namespace: shop"), "{built}");
    let remote = |reference: &str| format!("{}/web//overlay?ref={reference}", case.origin());
    let built = case.succeeds(&["build", &remote("v1")]);
    assert!(built.contains("name: my-web\n"), "{built}");
    let (code, _, messages) = case.run(&["build", &remote("v2")]);
    assert_eq!(code, 2);
    assert!(messages.contains("is not pinned"), "{messages}");
    let (code, _, messages) = case.run(&["build", &remote("v1").replace("overlay", "README")]);
    assert_eq!(code, 2);
    assert!(
        messages.contains("is not among the pinned files"),
        "{messages}"
    );
    case.succeeds(&["vendor", "--check"]);
    assert_eq!(case.succeeds(&["vendor"]), "");
}

#[test_with::executable(git)]
#[test]
fn a_pinned_commit_is_fetched_again_and_changes_only_with_update() {
    let case = Case::new(OWN);
    let first = case.commit("web", WEB);
    case.git("web", &["tag", "v1"]);
    case.succeeds(&["vendor"]);
    let old = case.lock();
    let second = case.commit(
        "web",
        &format!("-- base/web.yaml --\n{}", DEPLOYMENT.replace("1\n", "2\n")),
    );
    case.git("web", &["tag", "-f", "v1"]);

    case.forget_cache();
    let (code, _, messages) = case.run(&["vendor", "--check"]);
    assert!(
        code == 1 && messages.contains("is pinned, but"),
        "{messages}"
    );
    case.succeeds(&["vendor"]);
    assert_eq!(case.lock().remotes, old.remotes);
    assert!(case.succeeds(&["build", "app"]).contains("replicas: 1"));

    let printed = case.succeeds(&["vendor", "--update", "web"]);
    let line = format!("{} → {}\n", &first[..12], &second[..12]);
    assert!(
        printed.starts_with("updated ") && printed.ends_with(&line),
        "{printed}"
    );
    assert!(case.succeeds(&["build", "app"]).contains("replicas: 2"));
    let (code, _, messages) = case.run(&["vendor", "--update", "wep"]);
    assert!(
        code == 2 && messages.contains("no chart, remote base"),
        "{messages}"
    );
}

#[test_with::executable(git)]
#[test]
fn copies_replace_the_cache() {
    let case = Case::new(OWN);
    case.commit("web", WEB);
    case.git("web", &["tag", "v1"]);
    case.succeeds(&["vendor", "--copies"]);
    let copies = || {
        let entries = fs::read_dir(case.path("own/vendor/remotes")).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        names.collect::<Vec<_>>()
    };
    assert!(copies()[0].starts_with("web-v1-") && copies()[0].ends_with(".tgz"));
    case.forget_cache();
    case.succeeds(&["build", "app"]);
    // The copy contains only the files that builds read.
    let copy = case.path("own/vendor/remotes").join(&copies()[0]);
    let kept = pleach::chart::unpack(&fs::read(copy).unwrap(), "web").unwrap();
    let names: Vec<&str> = kept.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(
        names,
        [
            "base/kustomization.yaml",
            "base/web.yaml",
            "overlay/kustomization.yaml"
        ]
    );

    let copy = case.path("own/vendor/remotes").join(&copies()[0]);
    fs::write(&copy, "no archive").unwrap();
    let (code, _, messages) = case.run(&["build", "app"]);
    assert!(code == 1 && messages.contains("wrong-digest"), "{messages}");
}

#[test_with::executable(git)]
#[test]
fn a_remote_base_cannot_use_a_local_repository() {
    let case = Case::new("-- app/kustomization.yaml --\nresources: ['ORIGIN/a?ref=main']\n");
    case.commit("web", WEB);
    case.commit("parts", "-- part/kustomization.yaml --\napiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -x\n");
    // A fetched repository must not refer to a repository on this machine.
    case.commit(
        "a",
        "-- kustomization.yaml --\nresources: ['ORIGIN/web//base']\n",
    );
    let (code, _, messages) = case.run(&["vendor"]);
    assert_eq!(code, 0, "{messages}");
    let (code, _, messages) = case.run(&["build", "app"]);
    assert!(
        code == 1 && messages.contains("refers to a repository on this machine"),
        "{messages}"
    );
}

#[test_with::executable(git)]
#[test]
fn an_unpinned_base_causes_a_warning() {
    let case = Case::new(OWN);
    let commit = case.commit("web", WEB);
    case.git("web", &["tag", "v1"]);
    case.succeeds(&["vendor"]);
    fs::remove_file(case.path("own/pleach.lock")).unwrap();
    let (code, printed, messages) = case.run(&["build", "app"]);
    assert!(code == 0 && printed.contains("my-web"), "{messages}");
    assert!(messages.contains("warning[floating-remote]"), "{messages}");
    assert!(
        messages.contains(&format!("at commit {}", &commit[..12])),
        "{messages}"
    );
}

#[test_with::executable(git)]
#[test]
fn paths_out_of_a_repository_are_refused() {
    let case = Case::new(
        "-- app/kustomization.yaml --\nresources: ['ORIGIN/a?ref=main']\n-- secret.yaml --\nkind: Secret\n",
    );
    case.commit(
        "a",
        "-- kustomization.yaml --\nresources: [sub]\n-- sub/kustomization.yaml --\nresources: [../../secret.yaml, ../../../secret.yaml, inside.yaml, link.yaml]\n-- sub/inside.yaml --\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n",
    );
    std::os::unix::fs::symlink("/etc/passwd", case.path("a/sub/link.yaml")).unwrap();
    case.git("a", &["add", "-A"]);
    case.git("a", &["commit", "-q", "-m", "b"]);
    case.run(&["vendor"]);
    let (code, printed, messages) = case.run(&["build", "app"]);
    assert_eq!(code, 1, "{printed}");
    assert!(messages.matches("leads out").count() >= 2, "{messages}");
    assert!(
        !messages.contains("root:") && !messages.contains("kind: Secret"),
        "{messages}"
    );
}

#[test_with::executable(git)]
#[test]
fn addresses_cannot_contain_options() {
    let touched = "touched";
    for entry in [
        "git@-oProxyCommand=touch${IFS}touched:a/b",
        "ssh://-oProxyCommand=touch touched/a/b",
        "git::ext::sh -c touch% touched",
        "ext::sh -c touch% touched",
        "--upload-pack=touch touched",
        "file:///a//b?ref=--upload-pack=touch%20touched",
        "file:///a//b?ref=main:refs/heads/x",
        "file:///-u/x?ref=a%0ab",
    ] {
        let case = Case::new(&format!(
            "-- app/kustomization.yaml --\nresources:\n- \"{entry}\"\n"
        ));
        case.run(&["vendor"]);
        let (code, ..) = case.run(&["build", "app"]);
        assert_eq!(code, 1, "{entry}");
        let found = ["own", "own/app", "cache", "home", "."]
            .iter()
            .any(|it| case.path(it).join(touched).exists());
        assert!(!found, "{entry}");
    }
}

/// A server of files, and of the repositories in a folder through `git http-backend`.
fn server(root: &Path, files: &'static [(&'static str, &'static str)]) -> Server {
    let root = root.to_path_buf();
    Server::start(move |request| {
        let path = request.path.split('?').next().unwrap();
        match files.iter().find(|it| it.0 == path) {
            Some((_, text)) => Answer::ok(*text),
            None if path.contains("/info/refs") || path.contains("/git-upload-pack") => {
                backend(&root, request)
            }
            None if path.starts_with("/page/") => Answer::ok("<!DOCTYPE html><html></html>"),
            None => Answer::status(404),
        }
    })
}

fn backend(root: &Path, request: &Request) -> Answer {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
    let mut child = Command::new("git")
        .args(["-c", "safe.directory=*", "http-backend"])
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(request.body.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    let end = output.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let mut answer = Answer::ok(&output[end + 4..]);
    for line in head.lines() {
        match line.split_once(": ") {
            Some(("Status", status)) => answer.status = status[..3].parse().unwrap(),
            Some(("Content-Type", kind)) => answer = answer.with("Content-Type", kind),
            _ => {}
        }
    }
    answer
}

#[test_with::executable(git)]
#[test]
fn files_of_servers_are_pinned_beside_repositories() {
    let case = Case::new("-- a.txt --\n");
    case.commit("page/web", WEB);
    let served = server(
        case.folder.path(),
        &[
            (
                "/raw/main/a.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
            ),
            (
                "/raw/main/patch.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: y}\n",
            ),
            ("/raw/main/b.txt", "text\n"),
        ],
    );
    let address = &served.address;
    case.write(
        "own",
        &format!(
            "-- app/kustomization.yaml --\nresources:\n- http://{address}/raw/main/a.yaml\n- http://{address}/page/web//base?ref=main\npatches:\n- path: http://{address}/raw/main/patch.yaml\nconfigMapGenerator:\n- name: b\n  files: ['b.txt=http://{address}/raw/main/b.txt']\n"
        ),
    );
    let printed = case.succeeds(&["vendor"]);
    assert_eq!(printed.lines().count(), 4, "{printed}");
    let count = served.requests().len();
    let built = case.succeeds(&["build", "app"]);
    for part in ["x: \"y\"", "b.txt: |\n    text", "name: web"] {
        assert!(built.contains(part), "{part}: {built}");
    }
    assert_eq!(served.requests().len(), count, "a build sends no request");
    let found = case.lock();
    let pin = found.remote(&format!("http://{address}/raw/main/a.yaml"));
    assert!(pin.unwrap().commit.is_none());
    assert!(
        found
            .remote(&format!("http://{address}/page/web?ref=main"))
            .unwrap()
            .commit
            .is_some()
    );
}

#[test_with::executable(git)]
#[test]
fn submodules_are_fetched_if_they_are_used() {
    let case = Case::new("-- a.txt --\n");
    let library = case.commit("team/lib", "-- base/kustomization.yaml --\nresources: [a.yaml]\n-- base/a.yaml --\n{apiVersion: v1, kind: ConfigMap, metadata: {name: of-lib}}\n");
    case.commit("team/web", "-- kustomization.yaml --\nresources: [lib/base]\n-- .gitmodules --\n[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib\n");
    let info = format!("160000,{library},lib");
    case.git("team/web", &["update-index", "--add", "--cacheinfo", &info]);
    case.git("team/web", &["commit", "-q", "-m", "b"]);
    let served = server(case.folder.path(), &[]);
    let address = &served.address;
    let own = |query: &str| {
        format!("-- app/kustomization.yaml --\nresources: ['http://{address}/team/web?{query}']\n")
    };
    case.write("own", &own("ref=main"));
    case.succeeds(&["vendor"]);
    assert!(case.succeeds(&["build", "app"]).contains("of-lib"));

    case.write("own", &own("ref=main&submodules=false"));
    case.run(&["vendor"]);
    let (code, _, messages) = case.run(&["build", "app"]);
    assert!(code == 1 && messages.contains("missing-file"), "{messages}");
}

#[test_with::executable(git)]
#[test]
fn unavailable_bases_are_reported_at_their_line() {
    let case = Case::new(
        "-- app/kustomization.yaml --\nresources:\n- ORIGIN/none?ref=v1\n- ORIGIN/web//base?ref=none\n- ORIGIN/web//nowhere?ref=main\n- https://a:b@example.org/acme/web\n- ORIGIN/web//base?ref=main\n",
    );
    case.commit("web", WEB);
    let (code, printed, messages) = case.run(&["vendor"]);
    assert_eq!(code, 0, "{messages}");
    assert_eq!(printed.matches("pinned").count(), 1, "{printed}");
    for line in [
        "kustomization.yaml:2:",
        "kustomization.yaml:3:",
        "kustomization.yaml:4:",
    ] {
        assert!(messages.contains(line), "{line}: {messages}");
    }
    let (_, _, messages) = case.run(&["build", "app"]);
    assert!(
        messages.contains("an address contains a password"),
        "{messages}"
    );
    assert!(!messages.contains("a:b@"), "{messages}");
}

#[test_with::executable(git)]
#[test]
fn diff_and_affected_show_the_effect_of_a_changed_pin() {
    let case = Case::new(OWN);
    case.commit("web", WEB);
    case.git("web", &["tag", "v1"]);
    case.succeeds(&["vendor", "--copies"]);
    case.git("own", &["add", "-A"]);
    case.git("own", &["commit", "-q", "-m", "a"]);
    case.commit(
        "web",
        &format!("-- base/web.yaml --\n{}", DEPLOYMENT.replace("1\n", "2\n")),
    );
    case.git("web", &["tag", "-f", "v1"]);
    case.succeeds(&["vendor", "--copies", "--update"]);
    let printed = case.succeeds(&["diff", "HEAD"]);
    assert!(
        printed.contains("my-web") && printed.contains("replicas"),
        "{printed}"
    );
    let printed = case.succeeds(&["affected"]);
    assert!(printed.contains("app"), "{printed}");
}
