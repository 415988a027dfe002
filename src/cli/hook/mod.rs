//! `pleach hook`: the index is checked before it is committed.

mod findings;
mod install;
mod repository;
mod run;
mod stage;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Global, Outcome};
pub(super) use run::add_generated;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that the staged tree matches the staged claims, and run the checks on what the commit affects
    Run(run::Arguments),
    /// Install the Git hook, which runs before each commit
    Install(install::Arguments),
    /// Remove the Git hook
    Uninstall,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    match &arguments.command {
        Command::Run(arguments) => run::run(arguments, global),
        Command::Install(arguments) => install::install(arguments, global),
        Command::Uninstall => install::uninstall(global),
    }
}
