//! `pleach vendor` with HTTP chart repositories.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use pleach::chart::digest;

use super::server::{Answer, Request, Server};
use super::workspace::{Workspace, archive};

/// The index of one chart, whose archives are in the same folder.
fn index(name: &str, versions: &[&str]) -> String {
    let mut text = format!("apiVersion: v1\nentries:\n  {name}:\n");
    for version in versions {
        let digest = digest(&archive(name, version)).replace("sha256:", "");
        text += &format!(
            "  - name: {name}\n    version: {version}\n    digest: {digest}\n    urls: [{name}-{version}.tgz]\n"
        );
    }
    text
}

fn served(request: &Request, versions: &[&str]) -> Answer {
    let name = request.path.trim_start_matches("/charts/");
    match name
        .strip_prefix("app-")
        .and_then(|it| it.strip_suffix(".tgz"))
    {
        Some(version) => Answer::ok(archive("app", version)),
        None if name == "index.yaml" => Answer::ok(index("app", versions)),
        None => Answer::status(404),
    }
}

/// A repository of `app` in these versions.
pub(crate) fn repository(versions: &'static [&'static str]) -> Server {
    Server::start(move |request| served(request, versions))
}

fn claim(server: &Server, version: &str) -> Workspace {
    Workspace::with_claim(&format!("http://{}/charts", server.address), "app", version)
}

#[test]
fn a_range_is_pinned_and_stays_pinned() {
    let workspace = claim(&repository(&["1.0.0", "1.2.0", "2.0.0-rc.1"]), ">=1.0.0");
    assert!(
        workspace
            .run(&["check", "--strict"], 1)
            .contains("floating-version")
    );
    assert!(
        workspace
            .run(&["vendor"], 0)
            .contains("pinned  app >=1.0.0 → 1.2.0")
    );
    let lock = workspace.lock();
    assert!(
        lock.contains("requested: \">=1.0.0\"\n    version: 1.2.0\n"),
        "{lock}"
    );
    assert!(
        workspace
            .run(&["vendor"], 0)
            .starts_with("1 chart in pleach.lock")
    );
    assert_eq!(workspace.lock(), lock);
    workspace.run(&["vendor", "--check"], 0);
    workspace.run(&["render", "--strict"], 0);
    let release = workspace.read("deploy/infrastructure/test/app/helmrelease.yaml");
    assert!(release.contains("version: 1.2.0"), "{release}");
}

#[test]
fn without_missing_pins_or_archives_no_request_is_sent() {
    let server = repository(&["1.0.0"]);
    let workspace = claim(&server, "~1");
    workspace.run(&["vendor"], 0);
    let count = server.requests().len();
    workspace.run(&["vendor"], 0);
    workspace.run(&["vendor", "--check"], 0);
    workspace.run(&["render"], 0);
    assert_eq!(server.requests().len(), count);
}

#[test]
fn an_update_changes_a_pin_and_prints_both_versions() {
    static NEWER: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|request| match NEWER.load(Ordering::SeqCst) {
        0 => served(request, &["1.0.0"]),
        _ => served(request, &["1.0.0", "1.1.0", "2.0.0"]),
    });
    let workspace = claim(&server, "^1");
    workspace.run(&["vendor"], 0);
    NEWER.store(1, Ordering::SeqCst);
    assert!(!workspace.run(&["vendor"], 0).contains("1.1.0"));
    assert!(
        workspace
            .run(&["vendor", "--update", "ap"], 2)
            .contains("did you mean `app`?")
    );
    assert!(
        workspace
            .run(&["vendor", "--update", "app"], 0)
            .contains("updated app 1.0.0 → 1.1.0")
    );
    assert!(
        !workspace
            .run(&["vendor", "--update"], 0)
            .contains("updated")
    );
}

#[test]
fn an_outdated_pin_is_reported_and_fixed() {
    let server = repository(&["1.0.0", "2.0.0"]);
    let workspace = claim(&server, "^1");
    workspace.run(&["vendor"], 0);
    workspace.claim(
        "app",
        &format!("http://{}/charts/", server.address),
        "app",
        "^2",
    );
    assert!(
        workspace
            .run(&["check", "--strict"], 1)
            .contains("stale-pin")
    );
    assert!(
        workspace
            .run(&["vendor", "--check"], 1)
            .contains("run `pleach vendor`")
    );
    let printed = workspace.run(&["vendor"], 0);
    assert!(
        printed.contains("pinned  app ^2 → 2.0.0") && printed.contains("removed app 1.0.0 (^1)"),
        "{printed}"
    );
    workspace.run(&["vendor", "--check"], 0);
    assert!(!workspace.lock().contains("1.0.0"));
}

#[test]
fn missing_versions_are_reported_with_the_existing_ones() {
    let server = repository(&["1.0.0", "1.1.0"]);
    let printed = claim(&server, "^3").run(&["vendor"], 1);
    assert!(
        printed.contains("has no version `^3` of `app`") && printed.contains("1.1.0, 1.0.0"),
        "{printed}"
    );
    assert!(
        printed.contains("environments/test/app.yaml:6:"),
        "{printed}"
    );
    let address = format!("http://{}/charts", server.address);
    let printed = Workspace::with_claim(&address, "apps", "^1").run(&["vendor"], 1);
    assert!(
        printed.contains("has no chart `apps`") && printed.contains("did you mean `app`?"),
        "{printed}"
    );
    let printed = Workspace::with_claim(&format!("http://{}/x", server.address), "app", "^1")
        .run(&["vendor"], 1);
    assert!(printed.contains("is not a chart repository"), "{printed}");
    let printed = Workspace::with_claim("http://127.0.0.1:1/x", "app", "^1").run(&["vendor"], 2);
    assert!(
        printed.contains("connection refused") && printed.contains("nothing was pinned"),
        "{printed}"
    );
}

#[test]
fn a_zipped_index_is_read() {
    let server = Server::start(|request| match request.path.ends_with("index.yaml") {
        true => {
            let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            zipped
                .write_all(index("app", &["1.0.0"]).as_bytes())
                .unwrap();
            Answer::ok(zipped.finish().unwrap()).with("Content-Encoding", "gzip")
        }
        // Many servers send this header with an archive, which must not be unzipped during the download.
        false => served(request, &[]).with("Content-Encoding", "gzip"),
    });
    claim(&server, "^1").run(&["vendor"], 0);
}

#[test]
fn credentials_are_sent_only_to_their_server() {
    let other = repository(&[]);
    let elsewhere = format!("http://{}/charts/app-1.1.0.tgz", other.address);
    let server = Server::start(
        move |request| match (request.authorization(), &*request.path) {
            (None, _) => Answer::status(401),
            (Some(_), "/charts/index.yaml") => {
                let absolute = format!("urls: [{elsewhere}]");
                Answer::ok(
                    index("app", &["1.0.0", "1.1.0"]).replace("urls: [app-1.1.0.tgz]", &absolute),
                )
            }
            (Some(_), "/charts/app-1.0.0.tgz") => {
                Answer::status(302).with("Location", elsewhere.replace("1.1.0", "1.0.0"))
            }
            _ => Answer::status(404),
        },
    );
    let workspace = claim(&server, "1.0.0");
    let printed = workspace.run(&["vendor"], 1);
    assert!(
        printed.contains("access-denied") && printed.contains("helm repo add"),
        "{printed}"
    );
    let address = format!("http://{}/charts", server.address);
    workspace.claim("b", &address, "app", "1.1.0");
    workspace.write_home(
        ".config/helm/repositories.yaml",
        &format!(
            "repositories:\n- name: x\n  url: {address}/\n  username: me\n  password: secret\n"
        ),
    );
    workspace.run(&["vendor"], 0);
    let requests = server.requests();
    assert!(
        requests
            .iter()
            .any(|it| it.authorization() == Some("Basic bWU6c2VjcmV0"))
    );
    assert_eq!(other.requests().len(), 2);
    assert!(
        other
            .requests()
            .iter()
            .all(|it| it.authorization().is_none())
    );
    assert!(!workspace.lock().contains("secret"));
}

#[test]
fn requests_to_a_busy_server_are_repeated() {
    let busy = AtomicUsize::new(0);
    let server = Server::start(move |request| match busy.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::status(429).with("Retry-After", "1"),
        1 => Answer::status(503),
        _ => served(request, &["1.0.0"]),
    });
    claim(&server, "^1").run(&["vendor"], 0);
    assert_eq!(server.count("/charts/index.yaml"), 3);
    let server = Server::start(|_| Answer::status(429).with("Retry-After", "86400"));
    let printed = claim(&server, "^1").run(&["vendor"], 1);
    assert!(printed.contains("(429)"), "{printed}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_incomplete_download_leaves_nothing() {
    let server = Server::start(|request| {
        let cut = request.path.ends_with(".tgz").then_some(20);
        Answer {
            cut,
            ..served(request, &["1.0.0"])
        }
    });
    let workspace = claim(&server, "^1");
    let printed = workspace.run(&["vendor"], 2);
    assert!(
        printed.contains("connection closed before the end of the response"),
        "{printed}"
    );
    assert_eq!((workspace.cached(), workspace.lock().as_str()), (0, ""));
    let first = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let is_first = request.path.ends_with(".tgz") && first.fetch_add(1, Ordering::SeqCst) == 0;
        Answer {
            cut: is_first.then_some(20),
            ..served(request, &["1.0.0"])
        }
    });
    claim(&server, "^1").run(&["vendor"], 0);
}

#[test]
fn an_archive_of_another_digest_is_refused() {
    let server = Server::start(|request| match request.path.ends_with(".tgz") {
        true => Answer::ok(archive("app", "9.9.9")),
        false => served(request, &["1.0.0"]),
    });
    let workspace = claim(&server, "^1");
    let printed = workspace.run(&["vendor"], 1);
    assert!(
        printed.contains("wrong-digest") && printed.contains("environments/test/app.yaml:6:"),
        "{printed}"
    );
    assert_eq!((workspace.cached(), workspace.lock().as_str()), (0, ""));
}

#[test]
fn an_archive_of_another_chart_is_refused() {
    let server = Server::start(|request| match request.path.ends_with(".tgz") {
        true => Answer::ok(archive("app", "1.0.1")),
        false => Answer::ok("entries: {app: [{version: 1.0.0, urls: [a.tgz]}]}"),
    });
    let printed = claim(&server, "^1").run(&["vendor"], 1);
    assert!(
        printed.contains("contains chart `app 1.0.1`, not `app 1.0.0`"),
        "{printed}"
    );
}

#[test]
fn another_archive_of_a_pinned_version_is_refused() {
    static CHANGED: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|request| {
        match (
            CHANGED.load(Ordering::SeqCst),
            request.path.ends_with(".tgz"),
        ) {
            (1, true) => Answer::ok(archive("app", "1.0.0-other")),
            _ => served(request, &["1.0.0"]),
        }
    });
    let workspace = claim(&server, "^1");
    workspace.run(&["vendor"], 0);
    CHANGED.store(1, Ordering::SeqCst);
    std::fs::remove_dir_all(workspace.cache()).unwrap();
    assert!(workspace.run(&["vendor"], 1).contains("wrong-digest"));
}

#[test]
fn an_endless_redirect_is_reported() {
    let server = Server::start(|_| Answer::status(302).with("Location", "/charts/index.yaml"));
    let printed = claim(&server, "^1").run(&["vendor"], 2);
    assert!(printed.contains("too many redirects"), "{printed}");
}

#[test]
fn a_mirror_replaces_the_address_of_a_repository() {
    let server = repository(&["1.0.0"]);
    let workspace = Workspace::with_claim("https://charts.example.com/stable", "app", "^1");
    let mirror = format!("http://{}/charts", server.address);
    let config = workspace.read("pleach.yaml");
    workspace.write(
        "pleach.yaml",
        &format!("{config}spec: {{charts: {{mirrors: [{{prefix: 'https://charts.example.com/stable', mirror: '{mirror}'}}]}}}}\n"),
    );
    workspace.run(&["vendor"], 0);
    let lock = workspace.lock();
    assert!(
        lock.contains("repository: https://charts.example.com/stable\n"),
        "{lock}"
    );
    assert!(
        lock.contains(&format!("origin: {mirror}/app-1.0.0.tgz")),
        "{lock}"
    );
}

#[test]
fn copies_in_the_workspace_replace_the_cache() {
    let server = repository(&["1.0.0", "2.0.0"]);
    let workspace = claim(&server, "^1");
    workspace.run(&["vendor", "--copies"], 0);
    let copy = workspace.root().join("vendor/charts/app-1.0.0.tgz");
    assert_eq!(std::fs::read(&copy).unwrap(), archive("app", "1.0.0"));
    std::fs::remove_dir_all(workspace.cache()).unwrap();
    let count = server.requests().len();
    workspace.run(&["vendor", "--copies"], 0);
    assert_eq!(server.requests().len(), count);
    workspace.claim(
        "app",
        &format!("http://{}/charts", server.address),
        "app",
        "^2",
    );
    workspace.run(&["vendor", "--copies"], 0);
    assert!(
        !copy.exists()
            && workspace
                .root()
                .join("vendor/charts/app-2.0.0.tgz")
                .exists()
    );
}

#[test]
fn templates_can_read_the_values_of_charts() {
    let server = repository(&["1.0.0", "2.0.0"]);
    let workspace = Workspace::new();
    workspace.write(
        "templates/App/kind.yaml",
        "apiVersion: pleach.dev/v1\nkind: ClaimKind\nmetadata: {name: App}\nspec:\n  apiVersions: [example.com/v1]\n  group: apps\n  \
         schema: {type: object, properties: {spec: {type: object, properties: {repository: {type: string}, version: {type: string}}}}}\n  \
         let:\n    app: chart(spec.repository, 'app', spec.version)\n    \
         next: chart(spec.repository, 'app', '^' ~ (app.production.replicas - 1)).values\n  \
         files:\n  - template: configmap.yaml.j2\n",
    );
    workspace.write(
        "templates/App/configmap.yaml.j2",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ metadata.name }}, namespace: a}\n\
         data:\n  one: {{ app.values.image.tag }}\n  two: {{ next.image.tag }}\n  version: {{ app.metadata.version }}\n",
    );
    let repository = format!("http://{}/charts", server.address);
    workspace.write(
        "environments/test/shop.yaml",
        &format!("apiVersion: example.com/v1\nkind: App\nmetadata: {{name: shop}}\nspec: {{repository: '{repository}', version: ^1}}\n"),
    );
    let printed = workspace.run(&["render"], 1);
    assert!(
        printed.contains("missing-chart") && printed.contains("run `pleach vendor`"),
        "{printed}"
    );
    let printed = workspace.run(&["vendor"], 0);
    assert!(
        printed.contains("app ^1 → 1.0.0") && printed.contains("app ^2 → 2.0.0"),
        "{printed}"
    );
    workspace.run(&["render"], 0);
    let rendered = workspace.read("deploy/apps/test/shop/configmap.yaml");
    assert!(
        rendered.contains("one: app-1.0.0\n  two: app-2.0.0\n  version: 1.0.0\n"),
        "{rendered}"
    );
    without_a_network(&workspace);
}

/// Checks the workspace in a network namespace without interfaces.
fn without_a_network(workspace: &Workspace) {
    let unshare = |arguments: &[&str]| {
        let command = workspace
            .command("unshare")
            .args(["-r", "-n"])
            .args(arguments)
            .output();
        command.is_ok_and(|it| it.status.success())
    };
    if !unshare(&["true"]) {
        println!("not tried without a network: this user cannot make a network namespace");
        return;
    }
    assert!(unshare(&[
        env!("CARGO_BIN_EXE_pleach"),
        "check",
        "--strict"
    ]));
    assert!(unshare(&[env!("CARGO_BIN_EXE_pleach"), "vendor"]));
}

#[test]
fn a_read_only_cache_is_reported_before_anything_is_pulled() {
    let server = repository(&["1.0.0"]);
    let workspace = claim(&server, "^1");
    workspace.write("file", "");
    let printed = workspace.run(&["vendor", "--cache", "file"], 2);
    assert!(
        printed.contains("a file is where a folder is expected"),
        "{printed}"
    );
    assert!(server.requests().is_empty());
}
