//! `pleach promote`: copies values from one environment's claims to another's files.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use clap_complete::ArgValueCandidates;

use super::diff::salt;
use super::session::Session;
use super::tree_slices::{only, owner, rendered};
use super::usage::{UsageError, check_environments};
use super::{Global, Outcome, output};
use pleach::compare::{Side, compare};
use pleach::diag::Diagnostics;
use pleach::diff::Options;
use pleach::disk::apply;
use pleach::emit::{Change, Plan, Step};
use pleach::engine::ENGINES;
use pleach::promote::{Fields, Promotion, Request, promote};
use pleach::report::{View, changes, promotion};
use pleach::tree::{Files, Over, Tree, TreePath};
use pleach::{Scope, load};

/// Versions, tags, images and digests are copied. Other differences are listed, and copied only if named.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The environment to copy from
    #[arg(value_name = "FROM", add = ArgValueCandidates::new(super::completions::environments))]
    from: String,
    /// The environment to copy to
    #[arg(value_name = "TO", add = ArgValueCandidates::new(super::completions::environments))]
    to: String,
    /// Promote only these claims
    #[arg(value_name = "CLAIM", add = ArgValueCandidates::new(super::completions::claims))]
    claims: Vec<String>,
    /// Copy this field and all below it, instead of versions: `spec.container.replicas` (repeatable)
    #[arg(long = "field", value_name = "PATH")]
    fields: Vec<String>,
    /// Copy every field that differs, except values that contain the name of their environment
    #[arg(long, conflicts_with = "fields")]
    all: bool,
    /// Show the edits and their effect without writing them
    #[arg(long)]
    dry_run: bool,
}

impl Arguments {
    fn request(&self) -> Request<'_> {
        Request {
            from: &self.from,
            to: &self.to,
            claims: &self.claims,
            fields: match (self.all, &*self.fields) {
                (true, _) => Fields::All,
                (false, []) => Fields::Versions,
                (false, fields) => Fields::Named(fields),
            },
        }
    }
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let session = Session::open(global)?;
    let _lock = session.lock()?;
    check_environments(
        &session,
        &[&arguments.from, &arguments.to].map(String::clone),
    )?;
    let Some(found) = compute(&session, &arguments.request())? else {
        return Ok(Outcome::Findings);
    };
    output::text(&promotion(
        &found,
        [&arguments.from, &arguments.to],
        &salt(),
    ))?;
    if found.copied.is_empty() {
        output::status(&format!("nothing to promote to {}\n", arguments.to));
        return Ok(Outcome::Clean);
    }
    let Some(effect) = effect(&session, &found, &arguments.to)? else {
        output::error("the workspace does not render with these values; nothing was written");
        return Ok(Outcome::Findings);
    };
    output::text(&format!("\n{effect}"))?;
    let names: Vec<String> = found
        .files
        .keys()
        .map(|it| session.printable_path(it))
        .collect();
    let names = names.join(", ");
    if arguments.dry_run {
        output::status(&format!("would write {names}\n"));
        return Ok(Outcome::Clean);
    }
    apply(&plan(&session, found.files), &session.root)?;
    output::status(&format!(
        "{names} written; `pleach render` updates the tree\n"
    ));
    Ok(Outcome::Clean)
}

/// The new texts; errors are reported.
fn compute(session: &Session<'_>, request: &Request<'_>) -> Result<Option<Promotion>> {
    let mut diagnostics = Diagnostics::default();
    let whole = Scope::default();
    let repository = load::load(
        &session.files,
        load::Options::new(&ENGINES, &whole),
        &mut diagnostics,
    );
    let promoted = match repository.filter(|_| !diagnostics.has_errors()) {
        Some(repository) => promote(&session.files, &repository, request),
        None => Err(Diagnostics::default()),
    };
    match promoted {
        Ok(promotion) => Ok(Some(promotion)),
        Err(faults) => {
            if let Some(fault) = UsageError::among(&faults) {
                return Err(fault.into());
            }
            diagnostics.extend(faults);
            session.report(&diagnostics);
            Ok(None)
        }
    }
}

/// The changes of the environment's objects; `None` if the workspace does not render.
fn effect(session: &Session<'_>, promotion: &Promotion, to: &str) -> Result<Option<String>> {
    let texts = promotion.files.iter();
    let changed: Tree = texts
        .map(|(path, text)| (path.clone(), text.as_bytes().into()))
        .collect();
    let names = [to.to_string()];
    let Some(before) = rendered(session, &session.files, &names) else {
        return Ok(None);
    };
    let Some(after) = rendered(session, &Over::new(&session.files, changed), &names) else {
        return Ok(None);
    };
    let root = TreePath::root();
    let trees = [only(&before.tree, to), only(&after.tree, to)];
    let side = |tree: usize, name: &'static str| Side {
        files: &trees[tree],
        root: &root,
        name,
        origins: None,
    };
    let environment = |folder: &TreePath| owner(folder).map(|_| to.to_string());
    let comparison = compare(
        &side(0, "before"),
        &side(1, "after"),
        &environment,
        &Options::new(&salt()),
    );
    let view = View {
        display: &TreePath::to_string,
        color: true,
    };
    if comparison.environments.is_empty() {
        return Ok(Some(format!(
            "no object of {to} changes: an overlay or a template may replace these values\n"
        )));
    }
    Ok(Some(changes(&comparison, &view, output::columns())))
}

fn plan(session: &Session<'_>, files: BTreeMap<TreePath, String>) -> Plan {
    let steps = files.into_iter().map(|(path, text)| {
        let before = session.files.read(&path).ok();
        Step {
            change: if before.is_some() {
                Change::Update
            } else {
                Change::Create
            },
            path,
            before,
            after: Some(text.into_bytes().into()),
        }
    });
    Plan::from_steps(steps.collect())
}
