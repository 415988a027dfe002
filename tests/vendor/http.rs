//! HTTP repositories.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use pleach::chart::digest;

use super::place::{Place, archive};
use super::server::{Answer, Asked, Server};

/// An index of one chart; the archives lie beside it.
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

fn served(asked: &Asked, versions: &[&str]) -> Answer {
    let name = asked.path.trim_start_matches("/charts/");
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
    Server::start(move |asked| served(asked, versions))
}

fn claim(server: &Server, version: &str) -> Place {
    Place::with_claim(&format!("http://{}/charts", server.address), "app", version)
}

#[test]
fn a_range_is_pinned_and_stays_pinned() {
    let place = claim(&repository(&["1.0.0", "1.2.0", "2.0.0-rc.1"]), ">=1.0.0");
    assert!(
        place
            .run(&["check", "--strict"], 1)
            .contains("floating-version")
    );
    assert!(
        place
            .run(&["vendor"], 0)
            .contains("pinned  app >=1.0.0 → 1.2.0")
    );
    let lock = place.lock();
    assert!(
        lock.contains("requested: \">=1.0.0\"\n    version: 1.2.0\n"),
        "{lock}"
    );
    assert!(
        place
            .run(&["vendor"], 0)
            .starts_with("1 chart in pleach.lock")
    );
    assert_eq!(place.lock(), lock);
    place.run(&["vendor", "--check"], 0);
    place.run(&["render", "--strict"], 0);
    let release = place.read("deploy/infrastructure/test/app/helmrelease.yaml");
    assert!(release.contains("version: 1.2.0"), "{release}");
}

#[test]
fn with_everything_pinned_and_at_hand_nobody_is_asked() {
    let server = repository(&["1.0.0"]);
    let place = claim(&server, "~1");
    place.run(&["vendor"], 0);
    let asked = server.asked().len();
    place.run(&["vendor"], 0);
    place.run(&["vendor", "--check"], 0);
    place.run(&["render"], 0);
    assert_eq!(server.asked().len(), asked);
}

#[test]
fn an_update_moves_a_pin_and_tells_from_where_to_where() {
    static NEWER: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|asked| match NEWER.load(Ordering::SeqCst) {
        0 => served(asked, &["1.0.0"]),
        _ => served(asked, &["1.0.0", "1.1.0", "2.0.0"]),
    });
    let place = claim(&server, "^1");
    place.run(&["vendor"], 0);
    NEWER.store(1, Ordering::SeqCst);
    assert!(!place.run(&["vendor"], 0).contains("1.1.0"));
    assert!(
        place
            .run(&["vendor", "--update", "ap"], 2)
            .contains("did you mean `app`?")
    );
    assert!(
        place
            .run(&["vendor", "--update", "app"], 0)
            .contains("updated app 1.0.0 → 1.1.0")
    );
    assert!(!place.run(&["vendor", "--update"], 0).contains("updated"));
}

#[test]
fn an_outdated_pin_is_reported_and_fixed() {
    let server = repository(&["1.0.0", "2.0.0"]);
    let place = claim(&server, "^1");
    place.run(&["vendor"], 0);
    place.claim(
        "app",
        &format!("http://{}/charts/", server.address),
        "app",
        "^2",
    );
    assert!(place.run(&["check", "--strict"], 1).contains("stale-pin"));
    assert!(
        place
            .run(&["vendor", "--check"], 1)
            .contains("run `pleach vendor`")
    );
    let printed = place.run(&["vendor"], 0);
    assert!(
        printed.contains("pinned  app ^2 → 2.0.0") && printed.contains("removed app 1.0.0 (^1)"),
        "{printed}"
    );
    place.run(&["vendor", "--check"], 0);
    assert!(!place.lock().contains("1.0.0"));
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
    let printed = Place::with_claim(&address, "apps", "^1").run(&["vendor"], 1);
    assert!(
        printed.contains("has no chart `apps`") && printed.contains("did you mean `app`?"),
        "{printed}"
    );
    let printed =
        Place::with_claim(&format!("http://{}/x", server.address), "app", "^1").run(&["vendor"], 1);
    assert!(printed.contains("is not a chart repository"), "{printed}");
    let printed = Place::with_claim("http://127.0.0.1:1/x", "app", "^1").run(&["vendor"], 2);
    assert!(
        printed.contains("connection refused") && printed.contains("nothing was pinned"),
        "{printed}"
    );
}

#[test]
fn a_zipped_index_is_read() {
    let server = Server::start(|asked| match asked.path.ends_with("index.yaml") {
        true => {
            let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            zipped
                .write_all(index("app", &["1.0.0"]).as_bytes())
                .unwrap();
            Answer::ok(zipped.finish().unwrap()).with("Content-Encoding", "gzip")
        }
        // What many servers say of an archive, which must not be unzipped on the way.
        false => served(asked, &[]).with("Content-Encoding", "gzip"),
    });
    claim(&server, "^1").run(&["vendor"], 0);
}

#[test]
fn credentials_stay_with_their_server() {
    let other = repository(&[]);
    let elsewhere = format!("http://{}/charts/app-1.1.0.tgz", other.address);
    let server = Server::start(move |asked| match (asked.authorization(), &*asked.path) {
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
    });
    let place = claim(&server, "1.0.0");
    let printed = place.run(&["vendor"], 1);
    assert!(
        printed.contains("access-denied") && printed.contains("helm repo add"),
        "{printed}"
    );
    let address = format!("http://{}/charts", server.address);
    place.claim("b", &address, "app", "1.1.0");
    place.write_home(
        ".config/helm/repositories.yaml",
        &format!(
            "repositories:\n- name: x\n  url: {address}/\n  username: me\n  password: secret\n"
        ),
    );
    place.run(&["vendor"], 0);
    let asked = server.asked();
    assert!(
        asked
            .iter()
            .any(|it| it.authorization() == Some("Basic bWU6c2VjcmV0"))
    );
    assert_eq!(other.asked().len(), 2);
    assert!(other.asked().iter().all(|it| it.authorization().is_none()));
    assert!(!place.lock().contains("secret"));
}

#[test]
fn a_server_that_asks_for_patience_gets_it() {
    let busy = AtomicUsize::new(0);
    let server = Server::start(move |asked| match busy.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::status(429).with("Retry-After", "1"),
        1 => Answer::status(503),
        _ => served(asked, &["1.0.0"]),
    });
    claim(&server, "^1").run(&["vendor"], 0);
    assert_eq!(server.count("/charts/index.yaml"), 3);
    let server = Server::start(|_| Answer::status(429).with("Retry-After", "86400"));
    let printed = claim(&server, "^1").run(&["vendor"], 1);
    assert!(printed.contains("(429)"), "{printed}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_download_that_breaks_off_leaves_nothing() {
    let server = Server::start(|asked| {
        let cut = asked.path.ends_with(".tgz").then_some(20);
        Answer {
            cut,
            ..served(asked, &["1.0.0"])
        }
    });
    let place = claim(&server, "^1");
    let printed = place.run(&["vendor"], 2);
    assert!(
        printed.contains("connection closed before the end of the response"),
        "{printed}"
    );
    assert_eq!((place.cached(), place.lock().as_str()), (0, ""));
    let first = AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        let is_first = asked.path.ends_with(".tgz") && first.fetch_add(1, Ordering::SeqCst) == 0;
        Answer {
            cut: is_first.then_some(20),
            ..served(asked, &["1.0.0"])
        }
    });
    claim(&server, "^1").run(&["vendor"], 0);
}

#[test]
fn an_archive_of_another_digest_is_refused() {
    let server = Server::start(|asked| match asked.path.ends_with(".tgz") {
        true => Answer::ok(archive("app", "9.9.9")),
        false => served(asked, &["1.0.0"]),
    });
    let place = claim(&server, "^1");
    let printed = place.run(&["vendor"], 1);
    assert!(
        printed.contains("wrong-digest") && printed.contains("environments/test/app.yaml:6:"),
        "{printed}"
    );
    assert_eq!((place.cached(), place.lock().as_str()), (0, ""));
}

#[test]
fn an_archive_of_another_chart_is_refused() {
    let server = Server::start(|asked| match asked.path.ends_with(".tgz") {
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
fn what_was_published_anew_under_a_pinned_version_is_refused() {
    static CHANGED: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|asked| {
        match (CHANGED.load(Ordering::SeqCst), asked.path.ends_with(".tgz")) {
            (1, true) => Answer::ok(archive("app", "1.0.0-other")),
            _ => served(asked, &["1.0.0"]),
        }
    });
    let place = claim(&server, "^1");
    place.run(&["vendor"], 0);
    CHANGED.store(1, Ordering::SeqCst);
    std::fs::remove_dir_all(place.cache()).unwrap();
    assert!(place.run(&["vendor"], 1).contains("wrong-digest"));
}

#[test]
fn an_endless_redirect_is_reported() {
    let server = Server::start(|_| Answer::status(302).with("Location", "/charts/index.yaml"));
    let printed = claim(&server, "^1").run(&["vendor"], 2);
    assert!(printed.contains("too many redirects"), "{printed}");
}

#[test]
fn a_mirror_is_asked_in_place_of_the_address() {
    let server = repository(&["1.0.0"]);
    let place = Place::with_claim("https://charts.example.com/stable", "app", "^1");
    let mirror = format!("http://{}/charts", server.address);
    let workspace = place.read("pleach.yaml");
    place.write(
        "pleach.yaml",
        &format!("{workspace}spec: {{charts: {{mirrors: [{{prefix: 'https://charts.example.com/stable', mirror: '{mirror}'}}]}}}}\n"),
    );
    place.run(&["vendor"], 0);
    let lock = place.lock();
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
fn copies_in_the_workspace_do_without_the_cache() {
    let server = repository(&["1.0.0", "2.0.0"]);
    let place = claim(&server, "^1");
    place.run(&["vendor", "--copies"], 0);
    let copy = place.root().join("vendor/charts/app-1.0.0.tgz");
    assert_eq!(std::fs::read(&copy).unwrap(), archive("app", "1.0.0"));
    std::fs::remove_dir_all(place.cache()).unwrap();
    let asked = server.asked().len();
    place.run(&["vendor", "--copies"], 0);
    assert_eq!(server.asked().len(), asked);
    place.claim(
        "app",
        &format!("http://{}/charts", server.address),
        "app",
        "^2",
    );
    place.run(&["vendor", "--copies"], 0);
    assert!(!copy.exists() && place.root().join("vendor/charts/app-2.0.0.tgz").exists());
}

#[test]
fn the_values_of_charts_reach_templates() {
    let server = repository(&["1.0.0", "2.0.0"]);
    let place = Place::new();
    place.write(
        "templates/App/kind.yaml",
        "apiVersion: pleach.dev/v1\nkind: ClaimKind\nmetadata: {name: App}\nspec:\n  apiVersions: [example.com/v1]\n  group: apps\n  \
         schema: {type: object, properties: {spec: {type: object, properties: {repository: {type: string}, version: {type: string}}}}}\n  \
         let:\n    app: chart(spec.repository, 'app', spec.version)\n    \
         next: chart(spec.repository, 'app', '^' ~ (app.production.replicas - 1)).values\n  \
         files:\n  - template: configmap.yaml.j2\n",
    );
    place.write(
        "templates/App/configmap.yaml.j2",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ metadata.name }}, namespace: a}\n\
         data:\n  one: {{ app.values.image.tag }}\n  two: {{ next.image.tag }}\n  version: {{ app.metadata.version }}\n",
    );
    let repository = format!("http://{}/charts", server.address);
    place.write(
        "environments/test/shop.yaml",
        &format!("apiVersion: example.com/v1\nkind: App\nmetadata: {{name: shop}}\nspec: {{repository: '{repository}', version: ^1}}\n"),
    );
    let printed = place.run(&["render"], 1);
    assert!(
        printed.contains("missing-chart") && printed.contains("run `pleach vendor`"),
        "{printed}"
    );
    let printed = place.run(&["vendor"], 0);
    assert!(
        printed.contains("app ^1 → 1.0.0") && printed.contains("app ^2 → 2.0.0"),
        "{printed}"
    );
    place.run(&["render"], 0);
    let rendered = place.read("deploy/apps/test/shop/configmap.yaml");
    assert!(
        rendered.contains("one: app-1.0.0\n  two: app-2.0.0\n  version: 1.0.0\n"),
        "{rendered}"
    );
    without_a_network(&place);
}

/// The same tree in a network namespace that has no interfaces.
fn without_a_network(place: &Place) {
    let unshare = |arguments: &[&str]| {
        let command = place
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
    let place = claim(&server, "^1");
    place.write("file", "");
    let printed = place.run(&["vendor", "--cache", "file"], 2);
    assert!(
        printed.contains("a file is where a folder is expected"),
        "{printed}"
    );
    assert!(server.asked().is_empty());
}
