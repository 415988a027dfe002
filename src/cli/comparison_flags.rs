//! Flags of all commands that compare objects.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Global, Outcome, session};
use pleach::compare::Comparison;
use pleach::diag::Diagnostics;
use pleach::diff::{Ignore, Options, Salt};
use pleach::load::WorkspaceConfig;
use pleach::tree::TreePath;

#[derive(Clone, Debug, Args)]
pub(super) struct ComparisonFlags {
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
    /// Also write a report to a file, from the same comparison (repeatable): `--report md=comment.md --report sarif=diff.sarif`
    #[arg(long = "report", value_name = "FORM=FILE", value_parser = ReportFile::parse)]
    pub(super) reports: Vec<ReportFile>,
    /// Maximum size of `md` in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 65_536, value_parser = clap::value_parser!(u64).range(2048..))]
    pub(super) max_bytes: u64,
    /// Exit with 1 if there are differences
    #[arg(long)]
    exit_code: bool,
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
    fn shows_objects(self) -> bool {
        matches!(self, Form::Json | Form::Patch)
    }
}

/// A report that is written to a file.
#[derive(Clone, Debug)]
pub(super) struct ReportFile {
    pub(super) form: Form,
    pub(super) file: PathBuf,
}

impl ReportFile {
    fn parse(text: &str) -> Result<ReportFile, String> {
        let forms = Form::value_variants().iter();
        let forms = forms.filter_map(|it| Some(it.to_possible_value()?.get_name().to_string()));
        let forms = || forms.clone().collect::<Vec<_>>().join(", ");
        let (form, file) = text
            .split_once('=')
            .filter(|it| !it.1.is_empty())
            .ok_or_else(|| format!("expected FORM=FILE, with one of the forms {}", forms()))?;
        let form = Form::from_str(form, false)
            .map_err(|_| format!("unknown form `{form}`; expected one of {}", forms()))?;
        Ok(ReportFile {
            form,
            file: file.into(),
        })
    }
}

impl ComparisonFlags {
    /// Whether a report shows objects that differ as a whole, and not only their fields.
    fn shows_objects(&self) -> bool {
        let mut reports = self.reports.iter();
        self.output.shows_objects() || reports.any(|it| it.form.shows_objects())
    }

    /// The ignored fields and objects, from the flags and the workspace.
    pub(super) fn ignored(&self, workspace: Option<&WorkspaceConfig>) -> Vec<Ignore> {
        let shared = workspace.map(|it| &it.ignored_differences);
        let shared = shared.into_iter().flatten();
        self.ignore.iter().chain(shared).cloned().collect()
    }

    /// Reports the notes of a comparison, and returns the outcome of the command.
    pub(super) fn outcome(
        &self,
        comparison: &Comparison,
        notes: &Diagnostics,
        global: &Global,
        display: &dyn Fn(&TreePath) -> String,
    ) -> Outcome {
        let reported = match notes.is_empty() {
            true => Outcome::Clean,
            false => session::report_notes(notes, global, display),
        };
        let is_same = comparison.environments.is_empty() && notes.is_empty();
        match self.exit_code && !is_same {
            true => Outcome::Findings,
            false => reported,
        }
    }

    /// The options of the comparison, for reports in the requested forms.
    pub(super) fn options<'a>(&self, salt: &'a Salt, ignore: &'a [Ignore]) -> Options<'a> {
        Options {
            salt,
            exact: self.exact,
            ignore,
            fields_only: !self.shows_objects(),
        }
    }
}
