//! No command shows a secret. Every command that reports runs in every format on the trees of `tests/secrets/leaks/`.
//!
//! Each secret there contains [`CANARY`], in clear text or in base64. `pleach build` prints objects, as kustomize does, and `render`
//! writes them; only the messages of these commands are checked.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use pleach::report::Format;
use pleach::tree::Tree;

use crate::git_repository::git;
use crate::program::{PLEACH, write};
use crate::vendor::server::{Answer, Request, Server};

const CANARY: [&str; 2] = ["Kanarie7Vogel", "S2FuYXJpZTdWb2dlb"];

/// A command, and the values of its `-o` flag.
type CommandLine = (&'static [&'static str], &'static [&'static str]);

/// Commands that change nothing, so that they can run in parallel.
const READING: [CommandLine; 25] = [
    (&["check"], &[]),
    (&["check", "--strict", "--env", "test"], &[]),
    (&["check", "--twice"], &[]),
    (&["diff", "HEAD"], &OUTPUTS),
    (&["diff", "HEAD", "--committed"], &OUTPUTS),
    (&["diff", "HEAD", "--depth", "objects"], &OUTPUTS),
    (
        &["diff", "HEAD", "--depth", "objects", "--committed"],
        &["text", "json"],
    ),
    (&["tree"], &["text", "json"]),
    (&["tree", "--committed"], &["text", "json"]),
    (&["tree", "--at", "HEAD"], &["text", "json"]),
    (&["matrix"], &["text", "md", "json"]),
    (&["compare", "test", "prod"], &OUTPUTS),
    (&["promote", "test", "prod", "--all", "--dry-run"], &[]),
    (&["affected"], &["name", "json", "github-matrix"]),
    (&["hook", "run"], &[]),
    (&["test"], &[]),
    (&["kinds"], &[]),
    (&["kinds", "Shop"], &[]),
    (&["explain"], &[]),
    (&["explain", "clear-text-secret"], &[]),
    (&["explain", "Kanarie"], &[]),
    (&["vendor", "--check"], &[]),
    (&["verify", "overlays"], &[]),
    (&["template", "Shop"], &[]),
    (&["publish", "chart", "charts/none"], &[]),
];

/// Commands that write, which run in this order.
const WRITING: [&[&str]; 6] = [
    &["render", "--out", "elsewhere"],
    &["new", "kind", "Shop"],
    &["vendor"],
    &["promote", "test", "prod", "--all", "shop"],
    &["hook", "install"],
    &["hook", "run", "--fix"],
];

const OUTPUTS: [&str; 9] = [
    "text", "md", "html", "json", "patch", "github", "gitlab", "sarif", "junit",
];

fn leaks(name: &str) -> Tree {
    let file = format!(
        "{}/tests/secrets/leaks/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    Tree::from_text(&fs::read_to_string(file).unwrap())
}

/// A folder with a `kustomize` that prints another Secret than pleach does, or fails with a message that contains a secret.
fn other_kustomize() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER.get_or_init(write_other_kustomize).path()
}

fn write_other_kustomize() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("kustomize");
    let script = "#!/bin/sh\n\
        case \"$*\" in *fails*) echo \"Error: invalid Secret: password=Kanarie7Vogel990\" >&2; exit 1;; esac\n\
        printf 'apiVersion: v1\\nkind: Secret\\nmetadata: {name: good}\\nstringData: {b: Kanarie7Vogel991}\\n'\n";
    fs::write(&program, script).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// The standard output and standard error of a command.
fn printed(folder: &Path, arguments: &[&str]) -> (String, String) {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = std::process::Command::new(PLEACH)
        .current_dir(folder)
        .args(arguments)
        .env("PATH", format!("{}:{path}", other_kustomize().display()))
        .env("PLEACH_CACHE", folder.join("cache"))
        .env("HOME", folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn collect_leaks(text: &str, what: &str, wrong: &mut Vec<String>) {
    for line in text.lines() {
        if CANARY.iter().any(|it| line.contains(it)) {
            let line: String = line.chars().take(300).collect();
            wrong.push(format!("{what}: {line}"));
        }
    }
}

/// The flag of a format of diagnostics.
fn format_flag(format: &Format) -> [&'static str; 2] {
    ["--format", format.name()]
}

/// Calls a function for each item, in parallel.
fn for_each_in_parallel<T: Sync>(items: &[T], act: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, Into::into) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    act(item);
                }
            });
        }
    });
}

#[test]
fn no_command_shows_a_secret_of_a_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    git(folder, &["init", "--quiet", "--initial-branch=main"]);
    write(folder, &leaks("before"));
    printed(folder, &["render"]);
    assert!(folder.join("deploy/clusters").is_dir());
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "before"]);
    write(folder, &leaks("after"));
    git(folder, &["add", "--all"]);
    let found = Mutex::new((0, Vec::new()));
    let run = |command: &[&str], flags: &[&str]| {
        let arguments = [command, flags].concat();
        let (out, error) = printed(folder, &arguments);
        let mut found = found.lock().unwrap();
        found.0 += out.len() + error.len();
        collect_leaks(&out, &arguments.join(" "), &mut found.1);
        collect_leaks(&error, &arguments.join(" "), &mut found.1);
        (out, error)
    };
    for_each_in_parallel(&READING, |(command, outputs)| {
        // If two formats print the same, the command has no diagnostics, so the other formats print the same too.
        let [json, short] = [Format::Json, Format::Short].map(|it| run(command, &format_flag(&it)));
        let others = Format::ALL
            .iter()
            .filter(|it| json != short && !matches!(it, Format::Json | Format::Short));
        others.for_each(|it| _ = run(command, &format_flag(it)));
        outputs.iter().for_each(|it| _ = run(command, &["-o", it]));
    });
    for command in WRITING {
        let formats = Format::ALL.iter();
        formats.for_each(|it| _ = run(command, &format_flag(it)));
    }
    let (all, wrong) = found.into_inner().unwrap();
    // Without output the test would prove nothing.
    assert!(all > 20_000, "{all}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_message_of_a_build_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let cases = leaks("builds");
    write(folder.path(), &cases);
    let mut wrong = Vec::new();
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in &names {
        for format in Format::ALL {
            let flags = ["build", name, "--format", format.name()];
            let (out, error) = printed(folder.path(), &flags);
            let text = format!("{out}{error}");
            assert!(!matches!(text.trim(), "" | "[]"), "{name} has no fault");
            collect_leaks(&text, &flags.join(" "), &mut wrong);
        }
    }
    assert!(names.len() > 10);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `template` prints rendered charts, as Helm does; only its messages are checked.
#[test]
fn no_message_about_a_chart_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let charts = leaks("charts");
    write(folder, &charts);
    let names = charts.iter().filter_map(|it| {
        let mut parts = it.0.parts();
        (parts.next() == Some("builds")).then(|| parts.next())?
    });
    let names: Vec<&str> = names.collect();
    let mut runs: Vec<Vec<String>> = Vec::new();
    let mut add = |words: &[&str]| runs.push(words.iter().map(ToString::to_string).collect());
    for name in &names {
        let (chart, build) = (format!("charts/{name}"), format!("builds/{name}"));
        for version in ["3", "4"] {
            add(&["template", &chart, "--helm-version", version]);
            add(&[
                "template",
                &chart,
                "--helm-version",
                version,
                "-f",
                "values.yaml",
                "--set",
                "token=Kanarie7Vogel920",
            ]);
        }
        add(&["build", &build, "--enable-helm"]);
        add(&[
            "publish",
            "chart",
            &chart,
            "oci://a:Kanarie7Vogel921@127.0.0.1:1/x",
            "--dry-run",
        ]);
    }
    for values in ["broken-values.yaml", "list-values.yaml", "none.yaml"] {
        add(&["template", "charts/fine", "-f", values]);
    }
    for set in [
        "password[=Kanarie7Vogel930",
        "password.a.b=Kanarie7Vogel931",
        "token[99999999]=Kanarie7Vogel932",
    ] {
        for flag in ["--set", "--set-string", "--set-json", "--set-literal"] {
            add(&["template", "charts/fine", flag, set]);
        }
    }
    for words in [
        &["vendor"][..],
        &["vendor", "--check"],
        &["vendor", "--update"],
        &["render"],
        &["check"],
    ] {
        add(&[&["-C", "ws"], words].concat());
    }
    add(&["publish", "chart", "bad"]);
    add(&["publish", "chart", "bad", "-o", "bad.tgz"]);
    add(&[
        "publish",
        "chart",
        "charts/fine",
        "oci://a:Kanarie7Vogel941@127.0.0.1:1/x",
    ]);
    add(&[
        "publish",
        "chart",
        "charts/fine",
        "https://a:Kanarie7Vogel942@example.org/?token=Kanarie7Vogel943",
    ]);
    add(&[
        "template",
        "fine",
        "--repo",
        "https://a:Kanarie7Vogel944@example.org/?token=Kanarie7Vogel945",
    ]);
    let wrong = in_every_format(folder, &runs);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs the program in every format, and returns the lines that show a secret.
///
/// All formats show the same data. If the JSON equals that of another run, the other formats do too, so the program is not started for
/// them.
fn in_every_format(folder: &Path, runs: &[Vec<String>]) -> Vec<String> {
    let found = Mutex::new((0, BTreeSet::new(), Vec::new()));
    for_each_in_parallel(runs, |arguments| {
        let run = |format: &Format| {
            let arguments = arguments.iter().map(|it| &**it);
            let arguments: Vec<&str> = arguments.chain(format_flag(format)).collect();
            let (out, error) = printed(folder, &arguments);
            let is_output = matches!(arguments[0], "template" | "build") && out.contains("---\n");
            let messages = match is_output {
                true => error,
                false => format!("{out}{error}"),
            };
            let mut found = found.lock().unwrap();
            found.0 += usize::from(messages.len() > 100);
            collect_leaks(&messages, &arguments.join(" "), &mut found.2);
            found.1.insert(messages)
        };
        if run(&Format::Json) {
            let others = Format::ALL.iter().filter(|it| **it != Format::Json);
            others.for_each(|it| _ = run(it));
        }
    });
    let (failed, _, wrong) = found.into_inner().unwrap();
    assert!(failed > runs.len(), "{failed} of {}", runs.len());
    wrong
}

/// The answers of a server that refuses requests, and repeats the credentials that it received and others.
fn leaking_answer(request: &Request) -> Answer {
    let given = request.authorization().unwrap_or("nothing").to_string();
    let body = format!(
        "{{\"errors\": [{{\"code\": \"DENIED\", \"message\": \"password=Kanarie7Vogel960, {given}\"}}]}}\nentries: {{a: Kanarie7Vogel961"
    );
    let answer = |status: u16| Answer {
        body: body.clone().into(),
        ..Answer::status(status)
    };
    let host = request.headers.get("host").map_or("", String::as_str);
    let place = format!("http://u:Kanarie7Vogel962@{host}/denied?token=Kanarie7Vogel963");
    let says = |word: &str| request.path.contains(word);
    if says("denied") {
        answer(403)
    } else if says("asks") {
        let realm = format!("Bearer realm=\"{place}\",scope=\"Kanarie7Vogel964\"");
        answer(401).with("WWW-Authenticate", realm)
    } else if says("redirects") {
        answer(302).with("Location", place)
    } else if says("garbage") || says(".tgz") {
        Answer::ok(body.clone())
    } else if says("other") {
        let index = "entries: {a: [{name: a, version: 1.0.0, digest: Kanarie7Vogel965, urls: ['a.tgz?token=Kanarie7Vogel966']}]}";
        Answer::ok(index)
    } else {
        answer(404)
    }
}

/// Repositories and registries that repeat credentials in their answers, for every command that contacts a server.
#[test]
fn no_message_about_a_server_shows_a_secret() {
    let server = Server::start(leaking_answer);
    let folder = tempfile::tempdir().unwrap();
    let places = ["denied", "asks", "redirects", "garbage", "other", "none"];
    let mut repositories = String::new();
    let mut runs: Vec<Vec<String>> = Vec::new();
    for place in places {
        for scheme in ["http", "oci"] {
            let repository = format!("{scheme}://{}/{place}", server.address);
            let own = format!("{place}-{scheme}");
            write(
                &folder.path().join(&own),
                &Tree::from_text(&format!(
                    "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {{name: case}}\n\
                 -- environments/test/environment.yaml --\napiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {{name: test}}\n\
                 -- environments/test/a.yaml --\napiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {{name: a}}\n\
                 spec:\n  namespace: a\n  chart: {{name: a, repository: '{repository}', version: '1.0.0'}}\n\
                 -- a/Chart.yaml --\n{{apiVersion: v2, name: a, version: 1.0.0}}\n"
                )),
            );
            if scheme == "http" {
                repositories += &format!(
                    "- {{name: {place}, url: '{repository}', username: ab, password: Kanarie7Vogel970}}\n"
                );
            }
            let mut commands = vec![
                vec!["vendor"],
                vec!["vendor", "--check"],
                vec!["vendor", "--update"],
                vec!["vendor", "--copies"],
            ];
            if scheme == "oci" {
                commands.push(vec!["publish", "chart", "a", &repository]);
                commands.push(vec!["publish", "chart", "a", &repository, "--dry-run"]);
            }
            for words in commands {
                let all = [&["-C", &own], &*words].concat();
                runs.push(all.into_iter().map(str::to_string).collect());
            }
        }
    }
    // The password of the registries, as Docker stores it.
    let docker = format!(
        "-- .docker/config.json --\n{{\"auths\": {{\"{}\": {{\"auth\": \"YWI6S2FuYXJpZTdWb2dlbDk3MQ==\"}}}}}}\n\
         -- .config/helm/repositories.yaml --\nrepositories:\n{repositories}",
        server.address
    );
    write(folder.path(), &Tree::from_text(&docker));
    let wrong = in_every_format(folder.path(), &runs);
    let requests = server.requests();
    for place in places {
        let of_place = requests.iter().filter(|it| it.path.contains(place));
        let has_password = |it: &Request| it.authorization().is_some();
        assert!(of_place.clone().any(has_password), "{place}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
