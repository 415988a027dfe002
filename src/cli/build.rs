//! `pleach build`
use anyhow::Result;
use clap::Args;
use super::{Global, Outcome};
#[derive(Debug, Args)]
pub(super) struct Arguments {}
pub(super) fn run(_a: &Arguments, _g: &Global) -> Result<Outcome> { Ok(Outcome::Clean) }
