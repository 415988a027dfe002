//! Charts in folders of the workspace.

use pleach::chart::{ChartLocations, Charts, Found, Lock, Pin, Request, digest};
use pleach::tree::{Tree, TreePath};

use super::workspace::archive;

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

/// A folder of archives, and one chart as a folder.
fn workspace() -> Tree {
    let mut files = Tree::from_text(
        "-- charts/web/Chart.yaml --\nname: web\nversion: 2.0.0\n-- charts/web/values.yaml --\nimage: {tag: folder}\n",
    );
    for version in ["1.0.0", "1.9.0", "1.10.0-rc.1", "2.0.0"] {
        let name = path(&format!("charts/web-{version}.tgz"));
        files.insert(name, archive("web", version));
    }
    files.insert(
        path("charts/web-extra-3.0.0.tgz"),
        archive("web-extra", "3.0.0"),
    );
    files
}

fn charts(files: &Tree, lock: Lock) -> Charts<'_> {
    let places = ChartLocations {
        copies: path("vendor/charts"),
        folders: vec![("oci://x.io/charts".to_string(), path("charts"))],
    };
    Charts::new(files, None, places, lock)
}

#[test]
fn the_highest_matching_version_is_used_and_a_folder_is_preferred() {
    let files = workspace();
    let charts = charts(&files, Lock::default());
    let tag = |repository: &str, name: &str, version: &str| {
        let chart = charts.open(&Request::new(repository, name, Some(version)));
        let tag = chart.map(|it| {
            it.values
                .at_keys(&["image", "tag"])
                .and_then(|it| it.as_str())
                .map(str::to_string)
        });
        tag.map_err(|fault| fault.message)
    };
    let found = |tag: &str| Ok(Some(tag.to_string()));
    assert_eq!(tag("./charts", "web", ""), found("folder"));
    assert_eq!(tag("file://charts/web/", "web", "^2"), found("folder"));
    assert_eq!(tag("./charts", "web", "^1"), found("web-1.9.0"));
    assert_eq!(
        tag("./charts", "web", "~1.10.0-0"),
        found("web-1.10.0-rc.1")
    );
    assert_eq!(
        tag("oci://x.io/charts", "web-extra", "*"),
        found("web-extra-3.0.0")
    );
    assert_eq!(
        tag("./charts", "web", "^3"),
        Err("chart `web ^3` not found in `./charts`".to_string())
    );
    // An address with only the same beginning is another address.
    let elsewhere = "chart `web ^2` is not in `pleach.lock`".to_string();
    assert_eq!(tag("oci://x.io/charts2", "web", "^2"), Err(elsewhere));
    // A version that is not in the folder may still be pinned.
    let missing = "chart `web 0.1.0` is not in `pleach.lock`".to_string();
    assert_eq!(tag("oci://x.io/charts", "web", "0.1.0"), Err(missing));
    let asked: Vec<String> = charts.requests().iter().map(Request::title).collect();
    assert_eq!(asked, ["web 0.1.0", "web ^2"]);
}

fn pin(requested: &str, version: &str, archive: &[u8]) -> Pin {
    Pin {
        repository: "https://x.io".to_string(),
        name: "web".to_string(),
        requested: requested.to_string(),
        version: version.to_string(),
        digest: digest(archive),
        origin: "https://x.io/web.tgz".to_string(),
        span: None,
    }
}

#[test]
fn a_written_lock_is_read_unchanged() {
    let lock = Lock::new([
        pin(">=1 # no comment", "1.0", b"a"),
        pin("*", "v1.2.3+b", b"b"),
        pin("*", "9.9.9", b"c"),
    ]);
    assert_eq!(lock.pins.len(), 2);
    let mut files = Tree::new();
    files.insert(path("pleach.lock"), lock.to_text().into_bytes());
    assert_eq!(Lock::read(&files).unwrap().pins, lock.pins);
}

#[test]
fn the_pin_with_the_text_of_the_request_is_preferred() {
    let files = Tree::new();
    let lock = Lock::new([
        pin("^1", "1.0.0", b"a"),
        pin("*", "1.2.0", b"b"),
        pin("~1.1", "1.1.0", b"c"),
    ]);
    let charts = charts(&files, lock);
    let version = |text: &str| charts.version(&Request::new("https://x.io/", "web", Some(text)));
    let found = |text: &str| Found::Version(text.to_string());
    assert_eq!(version("^1"), found("1.0.0"));
    assert_eq!(version(">=1"), found("1.2.0"));
    assert_eq!(version("1.1.x"), found("1.1.0"));
    assert_eq!(
        version("2"),
        Found::Nothing(vec!["1.2.0".into(), "1.0.0".into(), "1.1.0".into()])
    );
    let unused: Vec<String> = charts.unused().into_iter().map(|it| it.requested).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn a_copy_that_was_changed_is_refused() {
    let mut files = Tree::new();
    let (whole, other) = (archive("web", "1.0.0"), archive("web", "1.0.1"));
    let lock = Lock::new([pin("^1", "1.0.0", &whole)]);
    let request = Request::new("https://x.io", "web", Some("^1"));
    files.insert(path("vendor/charts/web-1.0.0.tgz"), other);
    let fault = charts(&files, lock.clone()).open(&request).unwrap_err();
    assert_eq!(fault.code, "wrong-digest");
    // Another chart may have the short file name.
    let long = format!("vendor/charts/web-1.0.0-{}.tgz", &digest(&whole)[7..19]);
    files.insert(path(&long), whole);
    assert!(charts(&files, lock).open(&request).is_ok());
}

#[test]
fn an_archive_of_changed_bytes_is_read_or_refused() {
    let whole = archive("web", "1.0.0");
    for at in 0..whole.len() {
        for bit in [1, 16, 128] {
            let mut changed = whole.clone();
            changed[at] ^= bit;
            let _ = pleach::chart::read_archive(&changed, "web");
        }
        assert!(at < 10 || pleach::chart::unpack(&whole[..at], "web").is_err());
    }
}
