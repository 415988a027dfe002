//! `build [flags] PATH`, until the command line has it.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

use std::sync::Arc;

use pleach::diag::{Diagnostics, Severity};
use pleach::kustomize::{LoadRestriction, Options, Reorder, build};
use pleach::tree::{Entry, EntryKind, Files, FilesError, TreePath};

struct Disk(std::path::PathBuf);

impl Files for Disk {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        std::fs::read(self.0.join(path.as_str()))
            .map(Into::into)
            .map_err(|it| FilesError::Other(it.to_string()))
    }
    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let mut list = Vec::new();
        for entry in std::fs::read_dir(self.0.join(folder.as_str()))
            .map_err(|_| FilesError::NotFound)?
            .flatten()
        {
            let kind = if entry.path().is_dir() {
                EntryKind::Folder
            } else {
                EntryKind::File
            };
            list.push(Entry {
                name: entry.file_name().to_string_lossy().into(),
                kind,
            });
        }
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(list)
    }
    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        let path = self.0.join(path.as_str());
        Ok(match path.exists() {
            false => None,
            true if path.is_dir() => Some(EntryKind::Folder),
            true => Some(EntryKind::File),
        })
    }
}

fn say(diagnostics: &Diagnostics) {
    for it in diagnostics {
        let place = it
            .span
            .as_ref()
            .map(|it| it.to_string())
            .unwrap_or_default();
        eprintln!("{:?}[{}] {place}: {}", it.severity, it.code, it.message);
        for (span, words) in &it.related {
            eprintln!("    {span}: {words}");
        }
        for help in &it.help {
            eprintln!("    help: {help}");
        }
    }
}

fn main() {
    let mut options = Options::default();
    let mut path = String::from(".");
    let mut args = std::env::args().skip(1).filter(|it| it != "build");
    while let Some(arg) = args.next() {
        let (name, value) = arg
            .split_once('=')
            .map_or((arg.as_str(), None), |(a, b)| (a, Some(b.to_string())));
        match name {
            "--load-restrictor" => {
                if value.or_else(|| args.next()).as_deref() == Some("LoadRestrictionsNone") {
                    options.load_restriction = LoadRestriction::None;
                }
            }
            "--reorder" => {
                options.reorder = match value.or_else(|| args.next()).as_deref() {
                    Some("none") => Reorder::None,
                    _ => Reorder::Legacy,
                }
            }
            "--enable-managedby-label" => options.managed_by_label = true,
            it if it.starts_with("--") => {}
            it => path = it.to_string(),
        }
    }
    let here = std::env::current_dir().expect("here");
    let full = here.join(&path);
    let (root, path) = match path.starts_with('/') {
        true => (
            std::path::PathBuf::from("/"),
            TreePath::new(&path[1..]).expect("path"),
        ),
        false => {
            let _ = full;
            (here, TreePath::new(&path).expect("path"))
        }
    };
    let start = std::time::Instant::now();
    let built = build(&Disk(root), &path, &options);
    say(&built.diagnostics);
    if built
        .diagnostics
        .iter()
        .any(|it| it.severity == Severity::Error)
    {
        std::process::exit(1);
    }
    let t = start.elapsed();
    match built.to_yaml() {
        Ok(text) => print!("{text}"),
        Err(faults) => {
            say(&faults);
            std::process::exit(1);
        }
    }
    if std::env::var("TIMES").is_ok() {
        eprintln!("build {t:?} all {:?}", start.elapsed());
    }
}
