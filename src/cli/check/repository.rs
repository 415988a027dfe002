//! `pleach check` in a repository without `pleach.yaml`: checks everything that Flux and Argo CD deploy from it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use super::super::repository_files::{NOTHING_DEPLOYED, RepositoryFiles, unread_workspaces};
use super::super::selection::Selection;
use super::super::session::{self, Session};
use super::super::{Global, Outcome, cache};
use super::validation_options;
use pleach::check;
use pleach::compare::DeployedOrigins;
use pleach::diag::{Diagnostics, Source, nearest};
use pleach::tree::{Files, TreePath};
use pleach::workspace_diff::repository_origins;

/// Checks all entries, or only the named ones.
pub(super) fn check(
    session: &Session<'_>,
    selection: &Selection,
    global: &Global,
) -> Result<Outcome> {
    if selection.out.is_some() {
        bail!("`--out` needs a workspace, and there is no `pleach.yaml` here");
    }
    let repository = RepositoryFiles::open(&session.root, None)?;
    let (files, urls) = (&*repository.files, &repository.urls);
    let checked = findings(files, urls, &selection.environments, global)?;
    repository.failure()?;
    let current = session::directory(global)?;
    let display =
        |path: &TreePath| session::relative_path(&session.root.join(path.as_str()), &current, path);
    if checked.entries.is_empty() {
        // The only file with a sync object may be invalid.
        if !checked.found.is_empty() {
            session::report(&checked.found, global, &display);
        }
        bail!(
            "{}, and {NOTHING_DEPLOYED}; create a workspace with `pleach init`",
            session::no_workspace(global)?
        );
    }
    Ok(session::report(&checked.found, global, &display))
}

/// The findings in everything that is deployed from a repository.
pub(in crate::cli) struct Checked {
    pub(in crate::cli) found: Diagnostics,
    /// The names of the entries.
    pub(in crate::cli) entries: BTreeSet<String>,
}

/// Checks the entries with some names, or all entries if there are none. Errors: no entry has one of the names.
pub(in crate::cli) fn findings(
    files: &dyn Files,
    urls: &[String],
    names: &[String],
    global: &Global,
) -> Result<Checked> {
    let (mut deployed, mut found) = repository_origins(files, urls, cache::open(global));
    keep(&mut deployed, names)?;
    let definitions = check::definitions(files);
    let entries = environments(&deployed);
    let clusters: BTreeMap<String, check::Cluster> = entries
        .iter()
        .map(|name| {
            let cluster = check::Cluster {
                definitions: definitions.clone(),
                ..check::Cluster::default()
            };
            (name.clone(), cluster)
        })
        .collect();
    found.extend(check::check_deployed(
        &deployed,
        &clusters,
        validation_options(global),
    ));
    found.extend(unread_workspaces(files));
    let sources = sources(files, &deployed);
    let found = check::allow(found, &sources, &|_| false);
    Ok(Checked { found, entries })
}

fn environments(deployed: &DeployedOrigins) -> BTreeSet<String> {
    let seen = deployed.origins.iter();
    let seen = seen.filter_map(|it| it.1.environment.clone());
    seen.chain(deployed.incomplete.iter().cloned()).collect()
}

/// Keeps the entries of these names.
fn keep(deployed: &mut DeployedOrigins, requested: &[String]) -> Result<()> {
    if requested.is_empty() {
        return Ok(());
    }
    let known = environments(deployed);
    if let Some(name) = requested.iter().find(|it| !known.contains(*it)) {
        let near = nearest(name, known.iter().map(String::as_str));
        let help = near.map_or(String::new(), |it| format!("; did you mean `{it}`?"));
        bail!("nothing is deployed from `{name}`{help}");
    }
    let origins = std::mem::take(&mut deployed.origins);
    let is_requested =
        |name: &Option<String>| name.as_ref().is_some_and(|it| requested.contains(it));
    let kept = origins.iter().filter(|it| is_requested(&it.1.environment));
    deployed.origins = kept
        .map(|(folder, origin)| (folder.clone(), origin.clone()))
        .collect();
    Ok(())
}

/// The files that contain the objects, for their allow comments.
fn sources(files: &dyn Files, deployed: &DeployedOrigins) -> Vec<std::sync::Arc<Source>> {
    let origins = deployed.origins.iter().map(|it| it.1);
    let objects = origins.flat_map(|it| &it.objects);
    let paths: BTreeSet<TreePath> = objects
        .map(|it| it.span().path().clone())
        .chain(
            deployed
                .origins
                .iter()
                .filter_map(|it| it.1.claim.span.as_ref().map(|it| it.path().clone())),
        )
        .filter(|it| !it.as_str().starts_with('<'))
        .collect();
    let texts = paths.into_iter().filter_map(|path| {
        let text = String::from_utf8(files.read(&path).ok()?.to_vec()).ok()?;
        Some(Source::new(path, text))
    });
    texts.collect()
}
