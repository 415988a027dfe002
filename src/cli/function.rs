//! `pleach function`: a KRM function.

use std::io::{IsTerminal, stdin};

use anyhow::{Result, bail};
use clap::Args;

use super::session::{self, Session};
use super::stream::read_stream;
use super::{Global, Outcome, output, tree};
use pleach::deploy::Deployment;
use pleach::krm::ResourceList;
use pleach::tree::{Tree, TreePath};

#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments, global: &Global) -> Result<Outcome> {
    if stdin().is_terminal() {
        bail!("this command reads a ResourceList from standard input: let kustomize or kpt run it");
    }
    let source = read_stream("<stdin>", stdin().lock())?;
    let list = match ResourceList::read(&source) {
        Ok(list) => list,
        Err(faults) => return Ok(session::report(&faults, global, &|it| it.to_string())),
    };
    let folder = session::directory(global)?.join(&list.workspace);
    let Some(session) = Session::find_from(global, &folder)? else {
        bail!("there is no workspace in `{}`", folder.display());
    };
    let display = |path: &TreePath| session.display(path);
    match tree::rendered(&session, &Tree::new()) {
        Ok(found) => {
            let warnings = found.warnings();
            let list = with_objects(list, found)?;
            output::data(list.write(&warnings, &display).as_bytes())?;
            Ok(session.report(&warnings))
        }
        Err(faults) => {
            output::data(list.write(&faults, &display).as_bytes())?;
            Ok(session.report(&faults))
        }
    }
}

fn with_objects(list: ResourceList, mut found: Deployment) -> Result<ResourceList> {
    tree::select(&mut found, std::slice::from_ref(&list.environment))?;
    let units = found.entries.iter().flat_map(|it| &it.units);
    let objects = units.flat_map(|it| &it.objects).map(|it| &it.node);
    Ok(list.with_objects(objects))
}
