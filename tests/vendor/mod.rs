//! `pleach vendor` and `pleach publish chart`: the real program with servers on the loopback interface, including a real registry.

pub(crate) mod http;
mod local;
pub(crate) mod workspace;
pub(crate) mod registry;
mod remotes;
mod repository;
pub(crate) mod server;
mod tls;

use pleach::disk::Folder;
use pleach::{Options, compile};

#[test]
fn the_read_set_contains_the_files_of_charts() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/chart-values/input");
    let read = compile(&Folder::open(&root).unwrap(), &Options::default()).read_set;
    let files: Vec<&str> = read.files.iter().map(|it| it.as_str()).collect();
    for file in [
        "pleach.lock",
        "charts/web/values.yaml",
        "charts/web/values-production.yaml",
        "vendor/charts/store-2.3.4.tgz",
    ] {
        assert!(files.contains(&file), "{file}");
    }
    assert!(
        !files
            .iter()
            .any(|it| it.starts_with("charts/web/templates"))
    );
}
