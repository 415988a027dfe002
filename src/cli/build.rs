//! `pleach build`
use super::{Global, Outcome};
use anyhow::Result;
use clap::Args;
#[derive(Debug, Args)]
pub(super) struct Arguments {}
pub(super) fn run(_a: &Arguments, _g: &Global) -> Result<Outcome> {
    Ok(Outcome::Clean)
}
