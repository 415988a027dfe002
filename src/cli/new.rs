#![allow(
    clippy::disallowed_methods,
    reason = "a new kind is written here, once, and never over anything"
)]
//! `pleach new kind NAME`: a claim kind to start from, with a case.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use super::session::Session;
use super::{Global, Outcome, cases, output};
use crate::diag::Diagnostics;
use crate::disk::Folder;
use crate::load::Workspace;
use crate::template::builtin;

const FILES: [(&str, &str); 3] = [
    ("kind.yaml", include_str!("scaffold/kind.yaml")),
    (
        "deployment.yaml.j2",
        include_str!("scaffold/deployment.yaml.j2"),
    ),
    (
        "cases/small/claim.yaml",
        include_str!("scaffold/claim.yaml"),
    ),
];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A claim kind: its schema, a template and a case, in templates/<NAME>
    Kind {
        /// The kind's name, such as `Website`
        name: String,
    },
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let What::Kind { name } = &arguments.what;
    let session = Session::open(global)?;
    check_name(name)?;
    let workspace = match Workspace::read(&session.files) {
        Ok(workspace) => workspace,
        Err(faults) => {
            session.report(&faults);
            return Ok(Outcome::Findings);
        }
    };
    let Some(templates) = workspace.templates.first() else {
        bail!(
            "`pleach.yaml` says `templates: []`, so the workspace has no kinds of its own: name a folder there"
        );
    };
    let below = templates.child(name);
    let folder = session.root.join(below.as_str());
    if folder.exists() {
        bail!(
            "`{}` is there already, so nothing was written",
            session.display(&below)
        );
    }
    for (path, text) in FILES {
        write(&folder.join(path), &text.replace("NAME", name))?;
    }
    let (files, mut faults) = (Folder::open(&session.root)?, Diagnostics::default());
    for case in cases::cases(&files, &mut faults) {
        if case.expected().below(&below).is_some() {
            write(
                &session.root.join(case.expected().as_str()),
                case.rendered(),
            )?;
        }
    }
    output::note(&format!(
        "{} has the kind's schema, a template and a case; `pleach check` holds them to each other, `pleach render --cases` accepts a change\n",
        session.display(&below)
    ));
    Ok(session.report(&faults))
}

fn check_name(name: &str) -> Result<()> {
    let is_plain = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric());
    if !is_plain {
        bail!(
            "`{name}` can't name a kind: a capital letter first, then letters and digits, as in `Website`"
        );
    }
    if builtin().iter().any(|it| it.0.parts().nth(1) == Some(name)) {
        bail!(
            "`{name}` comes with pleach; a folder `templates/{name}` would replace it, so make it yourself if you mean that"
        );
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("`{}` can't be made", folder.display()))?;
    }
    std::fs::write(file, text).with_context(|| format!("`{}` can't be written", file.display()))
}

/// Writes what the cases of the workspace's kinds render to beside them.
pub(super) fn accept(global: &Global) -> Result<Outcome> {
    let (session, mut faults) = (Session::open(global)?, Diagnostics::default());
    let cases = cases::cases(&session.files, &mut faults);
    for case in &cases {
        write(
            &session.root.join(case.expected().as_str()),
            case.rendered(),
        )?;
    }
    output::note(&format!("{} cases accepted\n", cases.len()));
    Ok(session.report(&faults))
}
