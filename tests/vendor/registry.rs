//! OCI registries: a real one (Debian's `docker-registry`), and a simulated one that can misbehave.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pleach::chart::digest;
use tempfile::TempDir;

use super::server::{Answer, Request, Server};
use super::workspace::{Workspace, archive, write};

/// A registry that runs until it is dropped.
pub(crate) struct Registry {
    pub(crate) address: String,
    folder: TempDir,
    process: Child,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Registry {
    pub(crate) fn start(with_password: bool) -> Registry {
        const ATTEMPTS: usize = 5;
        for _ in 0..ATTEMPTS {
            let mut registry = Registry::spawn(with_password);
            // The registry ends at once if another process took its port.
            while registry.process.try_wait().unwrap().is_none() {
                if TcpStream::connect(&registry.address).is_ok() {
                    return registry;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        panic!("the registry does not start");
    }

    fn spawn(with_password: bool) -> Registry {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let root = folder.path().display();
        let mut settings = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {root}/data}}}}\nhttp: {{addr: '{address}'}}\n"
        );
        if with_password {
            // `robot`, `s3cret`
            let line = "robot:$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n";
            write(&folder.path().join("htpasswd"), line);
            settings += &format!("auth: {{htpasswd: {{realm: case, path: {root}/htpasswd}}}}\n");
        }
        write(&folder.path().join("settings.yml"), &settings);
        let spawned = Command::new("docker-registry")
            .args(["serve", "settings.yml"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = spawned.unwrap();
        Registry {
            address,
            folder,
            process,
        }
    }

    fn charts(&self) -> String {
        format!("oci://{}/acme/charts", self.address)
    }

    fn tag(&self, name: &str, version: &str) -> PathBuf {
        let repositories = self
            .folder
            .path()
            .join("data/docker/registry/v2/repositories");
        repositories.join(format!("acme/charts/{name}/_manifests/tags/{version}"))
    }

    /// Publishes `app` in this version.
    fn publish(&self, workspace: &Workspace, version: &str) -> String {
        chart(workspace, version);
        workspace.run(&["publish", "chart", "charts/app", &self.charts()], 0)
    }
}

fn chart(workspace: &Workspace, version: &str) {
    workspace.write(
        "charts/app/Chart.yaml",
        &format!("apiVersion: v2\nname: app\nversion: {version}\n"),
    );
    workspace.write(
        "charts/app/values.yaml",
        &format!("image: {{tag: app-{version}}}\n"),
    );
    workspace.write("charts/app/values-production.yaml", "replicas: 3\n");
    workspace.write("charts/app/templates/a.yaml", "");
}

#[test_with::executable("docker-registry")]
#[test]
fn published_charts_are_pulled_by_tag_range_and_digest() {
    let registry = Registry::start(false);
    let workspace = Workspace::new();
    let published = registry.publish(&workspace, "1.0.0");
    registry.publish(&workspace, "1.1.0+b.1");
    registry.publish(&workspace, "2.0.0-rc.1");
    let manifest = published.trim().rsplit('@').next().unwrap().to_string();
    workspace.claim("exact", &registry.charts(), "app", "1.0.0");
    workspace.claim("range", &registry.charts(), "app", ">=1.0.0");
    workspace.write(
        "environments/test/digest.yaml",
        &format!(
            "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {{name: digest}}\nspec:\n  namespace: digest\n  source: OCIRepository\n  \
             chart: {{repository: '{}', name: app, digest: '{manifest}'}}\n",
            registry.charts()
        ),
    );
    let printed = workspace.run(&["vendor"], 0);
    for line in [
        "app 1.0.0 → 1.0.0",
        "app >=1.0.0 → 1.1.0+b.1",
        &format!("app {manifest} → 1.0.0"),
    ] {
        assert!(printed.contains(line), "{printed}");
    }
    assert_eq!(workspace.cached(), 2);
    let lock = workspace.lock();
    workspace.run(&["vendor"], 0);
    assert_eq!(workspace.lock(), lock);
    workspace.run(&["vendor", "--check"], 0);
    workspace.run(&["render", "--strict"], 0);
    let source = workspace.read("deploy/infrastructure/test/digest/ocirepository.yaml");
    assert!(
        source.contains(&format!("ref:\n    digest: {manifest}\n")),
        "{source}"
    );
}

#[test_with::executable("docker-registry")]
#[test]
fn a_version_is_published_once() {
    let registry = Registry::start(false);
    let workspace = Workspace::new();
    let dry = [
        "publish",
        "chart",
        "charts/app",
        &registry.charts(),
        "--dry-run",
    ];
    chart(&workspace, "1.0.0");
    assert!(workspace.run(&dry, 0).contains("would be pushed"));
    let published = registry.publish(&workspace, "1.0.0");
    assert!(
        registry
            .publish(&workspace, "1.0.0")
            .contains("already has this chart")
    );
    workspace.write("charts/app/values.yaml", "image: {tag: other}\n");
    let again = ["publish", "chart", "charts/app", &registry.charts()];
    let printed = workspace.run(&again, 1);
    assert!(
        printed.contains("published-version")
            && printed.contains("different content: `values.yaml`"),
        "{printed}"
    );
    assert!(printed.contains("charts/app/Chart.yaml:3:10"), "{printed}");
    assert_ne!(
        workspace.run(
            &[
                "publish",
                "chart",
                "charts/app",
                &registry.charts(),
                "--force"
            ],
            0
        ),
        published
    );
}

#[test_with::executable("docker-registry")]
#[test]
fn a_deleted_tag_is_reported_and_a_pin_works_without_it() {
    let registry = Registry::start(false);
    let workspace = Workspace::new();
    registry.publish(&workspace, "1.0.0");
    registry.publish(&workspace, "1.1.0");
    workspace.claim("app", &registry.charts(), "app", "1.0.0");
    workspace.run(&["vendor"], 0);
    fs::remove_dir_all(registry.tag("app", "1.0.0")).unwrap();
    fs::remove_dir_all(workspace.cache()).unwrap();
    workspace.run(&["vendor"], 0);
    let printed = workspace.run(&["vendor", "--update"], 1);
    assert!(
        printed.contains("has no version `1.0.0` of `app`") && printed.contains("1.1.0"),
        "{printed}"
    );
    assert!(workspace.lock().contains("version: 1.0.0\n"));
}

#[test_with::executable("docker-registry")]
#[test]
fn passwords_are_read_from_the_files_of_docker_and_helm() {
    let registry = Registry::start(true);
    let workspace = Workspace::new();
    chart(&workspace, "1.0.0");
    let publish = ["publish", "chart", "charts/app", &registry.charts()];
    let printed = workspace.run(&publish, 1);
    let help = format!("docker login {}", registry.address);
    assert!(
        printed.contains("access-denied") && printed.contains(&help),
        "{printed}"
    );
    let auths = |auth: &str| {
        format!(
            "{{\n\t\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}\n}}\n",
            registry.address
        )
    };
    workspace.write_home(".docker/config.json", &auths("cm9ib3Q6d3Jvbmc="));
    assert!(workspace.run(&publish, 1).contains("access-denied"));
    workspace.write_home(".docker/config.json", &auths("cm9ib3Q6czNjcmV0"));
    workspace.run(&publish, 0);
    workspace.claim("app", &registry.charts(), "app", "^1");
    workspace.run(&["vendor"], 0);
    fs::remove_dir_all(workspace.home().join(".docker")).unwrap();
    assert!(
        workspace
            .run(&["vendor", "--update"], 1)
            .contains("access-denied")
    );
    workspace.write_home(
        ".config/helm/registry/config.json",
        &auths("cm9ib3Q6czNjcmV0"),
    );
    workspace.run(&["vendor", "--update"], 0);
    fs::remove_dir_all(workspace.home().join(".config")).unwrap();
    let helpers = format!(
        "{{\"credHelpers\": {{\"{}\": \"case\"}}}}",
        registry.address
    );
    workspace.write_home(".docker/config.json", &helpers);
    assert!(
        workspace
            .run(&["vendor", "--update"], 1)
            .contains("docker-credential-case")
    );
    helper(&workspace, &registry.address);
    workspace.run(&["vendor", "--update"], 0);
}

/// Writes a credential helper of Docker that knows the password of one registry.
fn helper(workspace: &Workspace, address: &str) {
    let text = format!(
        "#!/bin/sh\nread -r host || true\n[ \"$host\" = '{address}' ] || {{ echo 'credentials not found in native keychain'; exit 1; }}\n\
         echo '{{\"ServerURL\": \"{address}\", \"Username\": \"robot\", \"Secret\": \"s3cret\"}}'\n"
    );
    workspace.write_home("bin/docker-credential-case", &text);
    let file = workspace.home().join("bin/docker-credential-case");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test_with::executable("docker-registry", helm)]
#[test]
fn helm_pulls_charts_from_pleach_and_pleach_from_helm() {
    let workspace = Workspace::new();
    let helm = |arguments: &[&str]| {
        let output = workspace.command("helm").args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "helm {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let registry = Registry::start(false);
    registry.publish(&workspace, "1.0.0+a");
    let address = format!("{}/app", registry.charts());
    helm(&["pull", &address, "--version", "1.0.0+a", "--plain-http"]);
    workspace.run(&["publish", "chart", "charts/app", "-o", "own.tgz"], 0);
    let read = |name: &str| fs::read(workspace.root().join(name)).unwrap();
    assert_eq!(read("app-1.0.0+a.tgz"), read("own.tgz"));
    helm(&["lint", "own.tgz"]);
    chart(&workspace, "1.1.0");
    helm(&["package", "charts/app"]);
    helm(&["push", "app-1.1.0.tgz", &registry.charts(), "--plain-http"]);
    assert!(
        registry
            .publish(&workspace, "1.1.0")
            .contains("already has this chart")
    );
    workspace.claim("app", &registry.charts(), "app", "1.1.0");
    workspace.run(&["vendor", "--copies"], 0);
    assert_eq!(read("vendor/charts/app-1.1.0.tgz"), read("app-1.1.0.tgz"));
}

#[test]
fn packing_a_chart_always_gives_the_same_bytes() {
    let workspace = Workspace::new();
    chart(&workspace, "1.0.0");
    workspace.write("charts/app/.helmignore", "*.swp\n");
    workspace.write("charts/app/a.swp", "");
    workspace.run(&["publish", "chart", "charts/app", "-o", "one.tgz"], 0);
    let file = fs::File::options()
        .write(true)
        .open(workspace.root().join("charts/app/values.yaml"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    fs::write(workspace.root().join("charts/app/b.swp"), "").unwrap();
    workspace.run(
        &[
            "-C",
            "charts/app",
            "publish",
            "chart",
            ".",
            "-o",
            "../../two.tgz",
        ],
        0,
    );
    let read = |name: &str| fs::read(workspace.root().join(name)).unwrap();
    assert_eq!(read("one.tgz"), read("two.tgz"));
    let pipe = workspace.root().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    if made.is_ok_and(|it| it.success()) {
        let reader = std::thread::spawn(move || fs::read(pipe).unwrap());
        let packed = workspace.pleach(&["publish", "chart", "charts/app", "-o", "pipe"]);
        assert!(packed.status.success());
        assert_eq!(reader.join().unwrap(), read("one.tgz"));
    }
}

#[test]
fn a_chart_that_helm_would_refuse_is_refused() {
    let workspace = Workspace::new();
    let publish = ["publish", "chart", "charts/app", "-o", "a.tgz"];
    assert!(
        workspace
            .run(&publish, 2)
            .contains("chart `charts/app` not found")
    );
    workspace.write("charts/app/values.yaml", "a: [\n");
    assert!(
        workspace
            .run(&publish, 1)
            .contains("`charts/app` has no `Chart.yaml`")
    );
    workspace.write(
        "charts/app/Chart.yaml",
        "name: App\nversion: 1.0\ntype: app\nkubeVersion: new\ndependencies: [{name: b}]\n",
    );
    let printed = workspace.run(&publish, 1);
    for words in [
        "`apiVersion` of a chart must be `v2`",
        "invalid chart name `App`",
        "`1.0` is not a complete version",
        "`application` or `library`, not `app`",
        "invalid version range `new`",
        "depends on `b`, which is not in `charts/`",
        "charts/app/values.yaml:2:1",
    ] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    assert!(!workspace.root().join("a.tgz").exists());
}

/// A registry of `acme/charts/app` 1.0.0 that requires a token, lists its tags in two pages, and returns the layer that the test sets.
fn misbehaving(layer: Vec<u8>) -> Server {
    let named = archive("app", "1.0.0");
    let config = b"{\"name\":\"app\",\"version\":\"1.0.0\"}".to_vec();
    let manifest = format!(
        "{{\"schemaVersion\":2,\"config\":{{\"digest\":\"{}\"}},\"layers\":[{{\"mediaType\":\
         \"application/vnd.cncf.helm.chart.content.v1.tar+gzip\",\"digest\":\"{}\",\"size\":{}}}]}}",
        digest(&config),
        digest(&named),
        named.len()
    );
    let (blob, base) = (
        format!("/v2/acme/charts/app/blobs/{}", digest(&named)),
        "/v2/acme/charts/app",
    );
    Server::start(move |request: &Request| {
        let host = &request.headers["host"];
        if request.path.starts_with("/token?") {
            return match request
                .path
                .contains("scope=repository%3Aacme%2Fcharts%2Fapp%3Apull&service=case")
            {
                true => Answer::ok("{\"token\": \"t0ken\"}"),
                false => Answer::status(400),
            };
        }
        if request.authorization() != Some("Bearer t0ken") {
            let challenge = format!(
                "Bearer realm=\"http://{host}/token\",service=\"case\",scope=\"repository:acme/charts/app:pull\""
            );
            return Answer::status(401).with("WWW-Authenticate", challenge);
        }
        match request.path.strip_prefix(base).unwrap_or("") {
            "/tags/list?n=1000" => Answer::ok("{\"tags\": [\"latest\", \"0.9.0\"]}").with(
                "Link",
                format!("<{base}/tags/list?n=1000&last=0.9.0>; rel=\"next\""),
            ),
            "/tags/list?n=1000&last=0.9.0" => Answer::ok("{\"tags\": [\"1.0.0\"]}"),
            "/manifests/1.0.0" => Answer::ok(manifest.clone()),
            _ if request.path == blob => Answer::ok(layer.clone()),
            _ => Answer::status(404),
        }
    })
}

#[test]
fn tokens_are_fetched_and_tags_read_page_by_page() {
    let server = misbehaving(archive("app", "1.0.0"));
    let workspace = Workspace::with_claim(
        &format!("oci://{}/acme/charts", server.address),
        "app",
        ">0.5",
    );
    assert!(workspace.run(&["vendor"], 0).contains("→ 1.0.0"));
    let tokens = server
        .requests()
        .into_iter()
        .filter(|it| it.path.starts_with("/token"));
    assert_eq!(tokens.count(), 1);
}

#[test]
fn a_tampered_layer_is_refused() {
    let server = misbehaving(archive("app", "1.0.0-tampered"));
    let workspace = Workspace::with_claim(
        &format!("oci://{}/acme/charts", server.address),
        "app",
        "1.0.0",
    );
    let printed = workspace.run(&["vendor"], 1);
    assert!(
        printed.contains("wrong-digest") && printed.contains("digest mismatch of the layer"),
        "{printed}"
    );
    assert_eq!((workspace.cached(), workspace.lock().as_str()), (0, ""));
}

#[test]
fn a_changed_archive_in_the_cache_is_pulled_again() {
    let server = misbehaving(archive("app", "1.0.0"));
    let workspace = Workspace::with_claim(
        &format!("oci://{}/acme/charts", server.address),
        "app",
        "1.0.0",
    );
    workspace.run(&["vendor"], 0);
    let folder = workspace.cache().join("charts");
    let file = fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    fs::write(&file, "tampered").unwrap();
    workspace.run(&["vendor"], 0);
    assert_eq!(fs::read(&file).unwrap(), archive("app", "1.0.0"));
}
