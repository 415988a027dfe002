//! Flags of all commands that compare objects.

use clap::{Args, ValueEnum};

use pleach::diff::{Ignore, Options, Salt};
use pleach::load::WorkspaceConfig;

#[derive(Clone, Debug, Args)]
pub(super) struct Comparing {
    /// Ignore a field of all objects, a kind, or a field of a kind (repeatable): `metadata.labels["helm.sh/chart"]`,
    /// `Secret`, `Deployment:spec.replicas`, `**.caBundle`. Also `spec.diff.ignore` in pleach.yaml
    #[arg(long, value_name = "[KIND:]FIELD", value_parser = Ignore::parse)]
    ignore: Vec<Ignore>,
    /// Also show differences without effect: equal quantities (`1000m` and `1`) and empty fields (`labels: {}`)
    #[arg(long)]
    exact: bool,
    /// Output format: text for a terminal, md for a pull request comment, html for a page, json for programs, patch for a unified
    /// diff; github, gitlab, sarif and junit list only dangers, at the lines of claims
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    pub(super) output: Form,
    /// Maximum size of `md` in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 65_536, value_parser = clap::value_parser!(u64).range(2048..))]
    pub(super) max_bytes: u64,
    /// Exit with 1 if there are differences
    #[arg(long)]
    pub(super) exit_code: bool,
}

/// The form of a comparison.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Form {
    Text,
    Md,
    Html,
    Json,
    Patch,
    Github,
    Gitlab,
    Sarif,
    Junit,
}

impl Form {
    /// Whether it shows objects that differ as a whole, and not only their fields.
    pub(super) fn shows_objects(self) -> bool {
        matches!(self, Form::Json | Form::Patch)
    }
}

impl Comparing {
    /// The ignored fields and objects, from the flags and the workspace.
    pub(super) fn ignored(&self, workspace: Option<&WorkspaceConfig>) -> Vec<Ignore> {
        let shared = workspace.map(|it| &it.ignored_differences);
        let shared = shared.into_iter().flatten();
        self.ignore.iter().chain(shared).cloned().collect()
    }

    /// The options of the comparison, for a report in the requested format.
    pub(super) fn options<'a>(&self, salt: &'a Salt, ignore: &'a [Ignore]) -> Options<'a> {
        Options {
            salt,
            exact: self.exact,
            ignore,
            fields_only: !self.output.shows_objects(),
        }
    }
}
