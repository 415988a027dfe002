//! `pleach vendor --check`: checks the lock without network access.

use std::collections::{BTreeMap, BTreeSet};

use super::super::session::{self, Session};
use super::super::{Outcome, cache};
use super::{at_request, read_copy};
use pleach::chart::{LOCK, Lock, Request};
use pleach::diag::{Class, Diagnostic, Diagnostics};
use pleach::disk::Folder;
use pleach::kustomize::remote::RemoteBase;
use pleach::load::WorkspaceConfig;
use pleach::remote::{WithRemotes, remote_references};
use pleach::tree::TreePath;
use pleach::workspace_diff::chart_requests;
use pleach::{Options, charts};

/// Checks that the lock pins all required charts, remote bases and files, and that required copies exist.
pub(super) fn check(session: &Session<'_>, workspace: &WorkspaceConfig, lock: &Lock) -> Outcome {
    let options = Options {
        cache: cache::open(session.global),
        ..Options::default()
    };
    let (requests, diagnosed) = match session.is_workspace() {
        true => charts(&session.files, &options),
        false => {
            let requests = chart_requests(&session.files, cache::open(session.global));
            (requests, Diagnostics::default())
        }
    };
    // All charts that are not in the lock are reported below.
    let is_reported = |it: &Diagnostic| it.class == Class::Pin;
    let diagnosed = diagnosed.into_iter().filter(|it| !is_reported(it));
    let mut diagnostics: Diagnostics = diagnosed.map(session::warning_as_error).collect();
    // If a claim has already reported its chart, the request is not reported again: its location could be the default in the kind.
    let reported: BTreeSet<String> = diagnostics.iter().map(|it| it.message.clone()).collect();
    let is_unpinned = |it: &&Request| {
        let pin = lock.pin(it);
        pin.is_none_or(|pin| pin.requested != it.requested())
    };
    for request in requests.iter().filter(is_unpinned) {
        let message = format!("chart `{}` is not in `{LOCK}`", request.title());
        if reported.contains(&message) {
            continue;
        }
        let fault = Diagnostic::error("missing-chart", message).class(Class::MissingChart);
        diagnostics.push(at_request(request, fault).help("run `pleach vendor` to pin it"));
    }
    diagnostics.extend(remotes(session, lock));
    let copies = Folder::open(&session.files.locate(&workspace.chart_copies));
    for pin in lock.pins.iter().filter(|_| workspace.copies_charts) {
        let has_copy = |files: &Folder| read_copy(files, &TreePath::root(), pin).is_some();
        if !copies.as_ref().is_ok_and(has_copy) {
            let (folder, title) = (&workspace.chart_copies, pin.title());
            let message = format!("`{folder}` has no copy of `{title}`");
            let mut fault = Diagnostic::error("missing-chart", message).class(Class::MissingChart);
            fault.span = pin.span.clone();
            diagnostics.push(fault.help("run `pleach vendor` to add it"));
        }
    }
    diagnostics.sort_and_dedup();
    session.report(&diagnostics)
}

/// The diagnostics for remote bases and files that the lock does not pin, or that have not been fetched.
fn remotes(session: &Session<'_>, lock: &Lock) -> Diagnostics {
    let cache = cache::open(session.global);
    let files = WithRemotes::new(&session.files, TreePath::root(), cache);
    let files = files.with_fetched(lock.clone(), BTreeMap::new());
    let missing = remote_references(&files)
        .remotes
        .into_iter()
        .filter_map(|(text, reference)| {
            if reference.found(&text, &files).is_some() {
                return None;
            }
            let base = reference.base.as_ref().map(RemoteBase::address);
            let mut addresses = [Some(text.clone()), base].into_iter().flatten();
            let is_pinned = addresses.any(|it| lock.remote(&it).is_some());
            let message = match is_pinned {
                true => format!("`{text}` is pinned, but its required files have not been fetched"),
                false => format!("`{text}` is not in `{LOCK}`"),
            };
            let fault = Diagnostic::error("missing-remote", message).at(&reference.span);
            Some(fault.help("run `pleach vendor` to fetch and pin it"))
        });
    missing.collect()
}
