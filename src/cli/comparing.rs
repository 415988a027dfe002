//! What the commands that compare objects have in common.

use clap::Args;

use crate::diff::{Ignore, Options, Salt};
use crate::load::WorkspaceConfig;

#[derive(Clone, Debug, Args)]
pub(super) struct Comparing {
    /// Leave out a field of all objects, a kind, or a field of a kind (repeatable): `metadata.labels["helm.sh/chart"]`,
    /// `Secret`, `Deployment:spec.replicas`, `**.caBundle`. Also `spec.diff.ignore` in pleach.yaml
    #[arg(long, value_name = "[KIND:]FIELD", value_parser = Ignore::parse)]
    ignore: Vec<Ignore>,
    /// Also show what means the same: equal quantities (`1000m`, `1`) and fields that say nothing (`labels: {}`)
    #[arg(long)]
    exact: bool,
}

impl Comparing {
    /// What is left out, by the flags and by the workspace.
    pub(super) fn ignored(&self, workspace: Option<&WorkspaceConfig>) -> Vec<Ignore> {
        let shared = workspace.map(|it| &it.ignored_differences);
        let shared = shared.into_iter().flatten();
        self.ignore.iter().chain(shared).cloned().collect()
    }

    pub(super) fn options<'a>(&self, salt: &'a Salt, ignore: &'a [Ignore]) -> Options<'a> {
        Options {
            salt,
            exact: self.exact,
            ignore,
        }
    }
}
