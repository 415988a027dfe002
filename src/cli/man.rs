#![allow(
    clippy::disallowed_methods,
    reason = "the pages go where the user says, outside of any workspace"
)]
//! `pleach man`: the manual pages, generated from the same flags and texts as `--help`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::{Cli, Outcome, examples, output};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Write `pleach.1` and a page for each command into this folder; without it, print pleach(1)
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let command = examples::add(Cli::command());
    let Some(folder) = &arguments.folder else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        output::data(&page)?;
        return Ok(Outcome::Clean);
    };
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .with_context(|| format!("cannot write manual pages into {}", folder.display()))?;
    Ok(Outcome::Clean)
}
