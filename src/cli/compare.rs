//! `pleach compare`: the differences between two environments.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;
use clap_complete::ArgValueCandidates;

use super::comparison_flags::ComparisonFlags;
use super::diff::{Printed, salt};
use super::session::Session;
use super::tree_slices::{only, owner, rendered};
use super::usage::{UsageError, check_environments, check_names};
use super::{Global, Outcome, session};
use pleach::compare::{Side, compare};
use pleach::load::WorkspaceConfig;
use pleach::report::View;
use pleach::tree::TreePath;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The first environment, shown as the old side
    #[arg(value_name = "ENV", add = ArgValueCandidates::new(super::completions::environments))]
    from: String,
    /// The second environment, shown as the new side
    #[arg(value_name = "ENV", add = ArgValueCandidates::new(super::completions::environments))]
    to: String,
    /// Compare only these claims
    #[arg(value_name = "CLAIM", add = ArgValueCandidates::new(super::completions::claims))]
    claims: Vec<String>,
    #[command(flatten)]
    comparing: ComparisonFlags,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let session = Session::open(global)?;
    let names = [arguments.from.clone(), arguments.to.clone()];
    check_environments(&session, &names)?;
    if names[0] == names[1] {
        let message = format!("`{}` is compared with itself", names[0]);
        return Err(UsageError::new(message, "name two different environments").into());
    }
    let Some(compiled) = rendered(&session, &session.files, &names) else {
        return Ok(Outcome::Findings);
    };
    let known: BTreeSet<String> = compiled
        .origins
        .iter()
        .filter_map(|(folder, _)| Some(owner(folder)?.1))
        .collect();
    check_names("claim", known.iter().map(String::as_str), &arguments.claims)?;
    let claim = |folder: &TreePath| {
        let (_, claim) = owner(folder)?;
        let is_requested = arguments.claims.is_empty() || arguments.claims.contains(&claim);
        is_requested.then_some(claim)
    };
    let trees = [&arguments.from, &arguments.to].map(|it| only(&compiled.tree, it));
    let root = TreePath::root();
    let side = |at: usize| Side {
        files: &trees[at],
        root: &root,
        name: &names[at],
        origins: None,
    };
    let workspace = WorkspaceConfig::read(&session.files).ok();
    let (salt, ignore) = (salt(), arguments.comparing.ignored(workspace.as_ref()));
    let options = arguments.comparing.options(&salt, &ignore);
    let mut comparison = compare(&side(0), &side(1), &claim, &options);
    // Dangers of a change are not relevant here, because neither environment changes.
    for claim in &mut comparison.environments {
        claim.findings.clear();
    }
    comparison.environments.retain(|it| !it.objects.is_empty());
    let display = TreePath::to_string;
    let view = View {
        display: &display,
        color: true,
    };
    let form = Printed {
        names: [&names[0], &names[1]],
        comparing: &arguments.comparing,
        directory: &session::directory(global)?,
        full_report: &format!("pleach compare {} {}", names[0], names[1]),
        // The trees are rendered in memory, so their files do not exist on disk.
        file: &|_, _| None,
        text: &|_| None,
    };
    form.print(&comparison, &view)?;
    let notes = &comparison.notes;
    Ok(arguments
        .comparing
        .outcome(&comparison, notes, global, &display))
}
