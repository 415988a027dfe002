//! `pleach hook`: the index is checked before it is committed.

mod install;
mod judge;
mod run;
mod stage;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Global, Outcome};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether the tree in the index is what the claims in the index render to, and what the checks find, as far as the commit
    /// touches either
    Run(run::Arguments),
    /// Let Git run the hook before each commit
    Install(install::Arguments),
    /// Take the hook away again
    Uninstall,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    match &arguments.command {
        Command::Run(arguments) => run::run(arguments, global),
        Command::Install(arguments) => install::install(arguments, global),
        Command::Uninstall => install::uninstall(global),
    }
}
