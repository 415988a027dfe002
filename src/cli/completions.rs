//! `pleach completions`: the script by which a shell completes commands and flags.

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, Outcome, output};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell that is to read it
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut Cli::command(), "pleach", &mut script);
    output::data(&script)?;
    Ok(Outcome::Clean)
}
