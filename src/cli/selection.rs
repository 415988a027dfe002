//! The flags of commands that render a workspace or check its tree.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use clap_complete::ArgValueCandidates;

use super::Global;
use super::cache::{Shared, SharedFlags};
use super::session::Session;
use super::timings::{TimingFlags, Timings};
use super::unchanged::RunCache;
use pleach::load::WorkspaceConfig;

/// The scope to render, and the output folder.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Only this environment and base (repeatable)
    #[arg(long = "env", value_name = "ENV", add = ArgValueCandidates::new(super::completions::environments))]
    pub(super) environments: Vec<String>,
    /// The output folder, instead of the one in pleach.yaml
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Render everything, even if no file has changed since the last run according to its size and times
    #[arg(long)]
    pub(super) no_cache: bool,
    #[command(flatten)]
    shared: SharedFlags,
    #[command(flatten)]
    pub(super) timings: TimingFlags,
}

impl Selection {
    /// The key of a run for the cache. `None` if only some environments are selected, with `--no-cache`, if the workspace is invalid,
    /// which the run reports, and if some files are read from Git's index, because changes of them are not visible in stat data.
    pub(super) fn run_cache(
        &self,
        command: &str,
        session: &Session<'_>,
        global: &Global,
        timings: Option<&Arc<Timings>>,
    ) -> Option<RunCache> {
        if self.no_cache || !self.environments.is_empty() || session.files.is_partial() {
            return None;
        }
        let workspace = WorkspaceConfig::read(&session.files).ok()?;
        let folder = session
            .output(self.out.as_deref(), &workspace.output)
            .ok()?;
        let shared = Shared::new(&self.shared, command, session, &folder, timings);
        RunCache::new(
            command,
            global,
            session,
            (&folder, &workspace.output),
            shared,
        )
    }
}
