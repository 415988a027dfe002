//! Cases in folders, each a test with its own name: `cargo test claims::absurd-values`, `cargo test golden::starter`.
//!
//! A text case is a file with sections. The test generates some of them again, and fails if the file would change. `GOLDEN=update`
//! accepts the change.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests read case files and fail by panic"
)]

mod causes;
mod check;
mod claims;
#[path = "../common/forms.rs"]
mod common_forms;
#[path = "../common/compare.rs"]
mod compare;
mod danger;
mod deploy;
mod deployed;
mod deployed_check;
mod diff;
mod edit;
mod emit;
mod explain;
mod forms;
mod golden;
mod kustomize;
mod local_changes;
mod matrix;
mod patch;
mod plain;
mod promotion;
mod report;
mod schema;

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use pleach::tree::Tree;

/// Generates the expected sections of a case.
type Make = fn(&mut Tree);

/// The folders of text cases: the prefix of the tests, the folder below `tests/`, and the function that generates the sections.
const FOLDERS: [(&str, &str, Make); 18] = [
    ("check", "check", check::make),
    ("claims", "claims", claims::make),
    ("danger", "danger", danger::make),
    ("deploy", "deploy", deploy::make),
    ("deployed", "deploy/diff", deployed::make),
    ("deployed_check", "deploy/check", deployed_check::make),
    ("diff", "diff", diff::make),
    ("edit", "edit", edit::make),
    ("emit", "emit", emit::make),
    ("explain", "explain", explain::make),
    ("forms", "forms", forms::make),
    ("kustomize", "kustomize", kustomize::make),
    ("matrix", "matrix", matrix::make),
    ("patch", "patch/cases", patch::make),
    ("plain", "plain", plain::make),
    ("promotion", "promotion", promotion::make),
    ("report", "report", report::make),
    ("schema", "schema", schema::make),
];

fn main() {
    let texts = FOLDERS
        .into_iter()
        .flat_map(|(prefix, folder, make)| trials(prefix, folder, make));
    let workspaces = golden::workspaces()
        .into_iter()
        .map(|(name, input, output)| {
            let run = move || golden::check(&input, &output).map_err(Failed::from);
            Trial::test(format!("golden::{name}"), run)
        });
    let causes = golden::workspaces().into_iter().map(|(name, input, _)| {
        let run = move || causes::check(&input).map_err(Failed::from);
        Trial::test(format!("causes::{name}"), run)
    });
    let local_changes = files("check").into_iter().map(|path| {
        let name = format!("local_changes::{}", title(&path));
        let run = move || {
            let case = Tree::from_text(&fs::read_to_string(&path)?);
            local_changes::check(&case).map_err(Failed::from)
        };
        Trial::test(name, run)
    });
    let all = texts.chain(workspaces).chain(causes);
    let trials = all.chain(local_changes).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trials(prefix: &str, folder: &str, make: Make) -> Vec<Trial> {
    let trial = |path: PathBuf| {
        let name = format!("{prefix}::{}", title(&path));
        Trial::test(name, move || run(&path, make))
    };
    files(folder).into_iter().map(trial).collect()
}

/// The files of a folder below `tests/`.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|it| it.is_file()).collect();
    assert!(!files.is_empty(), "no cases in {}", folder.display());
    files.sort();
    files
}

fn title(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Runs one case. The error is a diff of its file.
fn run(path: &Path, make: Make) -> Result<(), Failed> {
    let text = fs::read_to_string(path)?;
    let head = text
        .split_inclusive('\n')
        .take_while(|it| !it.starts_with("-- "));
    let head: String = head.collect();
    let mut tree = Tree::from_text(&text);
    make(&mut tree);
    let made = head + &tree.to_text();
    if made == text {
        return Ok(());
    }
    if std::env::var("GOLDEN").is_ok_and(|it| it == "update") {
        return Ok(fs::write(path, made)?);
    }
    let difference = similar::TextDiff::from_lines(&*text, &*made);
    let difference = difference
        .unified_diff()
        .header("the case", "the new text")
        .to_string();
    Err(format!(
        "{} differs\n{difference}`GOLDEN=update cargo test` accepts it",
        path.display()
    )
    .into())
}
