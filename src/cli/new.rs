//! `pleach new`: adds parts to a workspace.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::session::Session;
use super::{Global, Outcome, output, test};
use pleach::disk::{self, apply};
use pleach::emit::{Change, Plan, Step};
use pleach::layout::KIND;
use pleach::load::{self, ClaimKind, WorkspaceConfig};
use pleach::tree::{EntryKind, Files, TreePath};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// Add a claim kind: a schema, templates and two test cases that pass
    Kind {
        /// The name of the kind, in PascalCase: `WebService`
        #[arg(value_name = "NAME")]
        name: String,
    },
}

const FILES: [(&str, &str); 5] = [
    (KIND, include_str!("new_kind/kind.yaml")),
    (
        "deployment.yaml.j2",
        include_str!("new_kind/deployment.yaml.j2"),
    ),
    ("service.yaml.j2", include_str!("new_kind/service.yaml.j2")),
    (
        "cases/basic/claim.yaml",
        include_str!("new_kind/claim.yaml"),
    ),
    (
        "cases/floating-image/claim.yaml",
        include_str!("new_kind/refused.yaml"),
    ),
];

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let Target::Kind { name } = &arguments.what;
    let session = Session::open(global)?;
    let lock = session.lock()?;
    let folder = folder(&session, name)?;
    let Some(folder) = folder else {
        return Ok(Outcome::Findings);
    };
    let files = FILES.map(|(file, text)| {
        let path = file
            .split('/')
            .fold(folder.clone(), |path, part| path.child(part));
        (path, text.replace("NAME", name))
    });
    write(&session, files.into())?;
    drop(lock);
    test::accept(global, name)?;
    let folder = session.display(&folder);
    output::status(&format!(
        "{folder}/ written; `pleach kinds {name}` explains its fields, `pleach test {name}` runs its cases\n"
    ));
    Ok(Outcome::Clean)
}

/// The folder for the kind; `None` if `pleach.yaml` has errors, which are reported.
fn folder(session: &Session<'_>, name: &str) -> Result<Option<TreePath>> {
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric());
    if !is_name {
        bail!(
            "invalid kind name `{name}`: use PascalCase letters and digits, such as `WebService`"
        );
    }
    let workspace = match WorkspaceConfig::read(&session.files) {
        Ok(workspace) => workspace,
        Err(faults) => {
            session.report(&faults);
            return Ok(None);
        }
    };
    let Some(templates) = workspace.templates.first() else {
        bail!("`templates: []` in `pleach.yaml` disables kinds of the workspace; remove it");
    };
    let folder = templates.child(name);
    if is_unfinished(session, &folder, name) {
        return Ok(Some(folder));
    }
    let mut faults = Default::default();
    let kinds = load::kinds(&session.files, &mut faults);
    if let Some(kind) = kinds.iter().find(|it| it.has_name(name)) {
        bail!("{}", existing(kind, name, &session.display(&folder)));
    }
    if matches!(session.files.kind(&folder), Ok(Some(_))) {
        bail!(
            "`{}` already exists; nothing was written",
            session.display(&folder)
        );
    }
    Ok(Some(folder))
}

/// The message for a name that a kind already has.
fn existing(kind: &ClaimKind, name: &str, folder: &str) -> String {
    match kind.is_builtin() && kind.name == name {
        true => format!(
            "`{name}` is a built-in kind; `pleach kinds {name}` explains it. To replace it, write `{folder}/{KIND}` yourself"
        ),
        false => format!("kind `{name}` already exists; `pleach kinds {name}` explains it"),
    }
}

/// Whether an interrupted run has left a part of the kind, which was not edited since.
fn is_unfinished(session: &Session<'_>, folder: &TreePath, name: &str) -> bool {
    let is_folder = matches!(session.files.kind(folder), Ok(Some(EntryKind::Folder)));
    let Some(found) = disk::read(&session.files, folder)
        .ok()
        .filter(|_| is_folder)
    else {
        return false;
    };
    let is_ours = |path: &TreePath, bytes: &[u8]| {
        let mut files = FILES.iter();
        files.any(|(file, text)| {
            path.as_str() == *file && text.replace("NAME", name).as_bytes() == bytes
        })
    };
    found.iter().all(|(path, bytes)| is_ours(path, bytes))
}

fn write(session: &Session<'_>, files: BTreeMap<TreePath, String>) -> Result<()> {
    let steps = files.into_iter().map(|(path, text)| Step {
        path,
        change: Change::Create,
        before: None,
        after: Some(text.into_bytes().into()),
    });
    apply(&Plan::from_steps(steps.collect()), &session.root)?;
    Ok(())
}
