//! Diagnostics while typing. Only the claims of the file, and the claims that they refer to, are checked. Everything else is left
//! to a check of the whole workspace.

use std::collections::{BTreeMap, BTreeSet};

use super::files::SelectedFiles;
use super::index::{ClaimDocument, environment_of, is_claim_file};
use super::reference::collect_scalars;
use super::state::Workspace;
use crate::check;
use crate::diag::{Diagnostic, Diagnostics, Source};
use crate::layout::{BASE, ENVIRONMENT, KIND, WORKSPACE};
use crate::load::{self, Scope, WorkspaceConfig};
use crate::tree::{Files, TreePath};
use crate::{CheckedClaims, Options, check_claims};

/// The maximum number of environments in which a claim of base is checked while typing.
const ENVIRONMENTS_MAX: usize = 8;
/// The maximum number of claims that a claim may refer to, transitively, to be checked with it.
const CLAIMS_MAX: usize = 300;

/// The diagnostics of a file whose text has changed; `None` if the whole workspace must be checked.
pub fn diagnostics(workspace: &Workspace, path: &TreePath) -> Option<Vec<Diagnostic>> {
    let found = if is_claim_file(path) {
        let names: BTreeSet<&str> = workspace
            .index
            .of_file(path)
            .iter()
            .map(|it| &*it.name)
            .collect();
        check_file(workspace, path, &names)?.diagnostics
    } else if path.name() == ENVIRONMENT && environment_of(path).is_some() {
        check_file(workspace, path, &BTreeSet::new())?.diagnostics
    } else if path.as_str() == WORKSPACE {
        WorkspaceConfig::read(&workspace.files)
            .err()
            .unwrap_or_default()
    } else if workspace
        .kinds
        .iter()
        .any(|it| is_in_folder_of(it.span.path(), path))
        || path.name() == KIND
    {
        let mut faults = Diagnostics::default();
        load::kinds(&workspace.files, &mut faults);
        faults
    } else {
        return None;
    };
    let found = crate::secret::conceal(found);
    let outermost = found.into_iter().map(Diagnostic::outermost);
    let in_file: Diagnostics = outermost
        .filter(|it| it.span.as_ref().is_some_and(|it| it.path() == path))
        .collect();
    let source = workspace.text(path).map(|it| Source::new(path.clone(), it));
    let sources: Vec<_> = source.into_iter().collect();
    Some(
        check::allow(in_file, &sources, &|_| false)
            .into_iter()
            .collect(),
    )
}

fn is_in_folder_of(kind: &TreePath, path: &TreePath) -> bool {
    kind.parent().is_some_and(|it| path.below(&it).is_some())
}

/// Checks claims of a file by their names; `None` if the file belongs to no environment.
pub(super) fn check_file(
    workspace: &Workspace,
    path: &TreePath,
    names: &BTreeSet<&str>,
) -> Option<CheckedClaims> {
    let environment = environment_of(path)?;
    let environments: Vec<String> = match environment {
        BASE => {
            let others = workspace.environments.iter().filter(|it| *it != BASE);
            others.take(ENVIRONMENTS_MAX).cloned().collect()
        }
        environment => vec![environment.to_string()],
    };
    Some(check_environments(
        workspace,
        &environments,
        names,
        [path.clone()],
    ))
}

/// Checks claims in some environments, with all claims that they may refer to. `files` are always read.
pub(super) fn check_environments(
    workspace: &Workspace,
    environments: &[String],
    names: &BTreeSet<&str>,
    files: impl IntoIterator<Item = TreePath>,
) -> CheckedClaims {
    let mut selected = BTreeSet::from_iter(files);
    let mut scope = Scope {
        environments: environments.to_vec(),
        claims: BTreeMap::new(),
        is_closed: true,
        ..Scope::default()
    };
    for environment in environments {
        let all = with_referenced_claims(workspace, environment, names);
        for name in &all {
            let files = workspace
                .documents(environment, name)
                .map(|it| it.path.clone());
            selected.extend(files);
        }
        let all = all.into_iter().map(str::to_string).collect();
        scope.claims.insert(environment.clone(), all);
    }
    let files = SelectedFiles::new(&workspace.files, &selected);
    let options = Options {
        scope,
        cache: workspace.cache.clone(),
        with_clusters: true,
        ..Options::default()
    };
    check_claims(&files as &dyn Files, &options)
}

/// The names of claims and of all claims that they may refer to, transitively: those whose names they contain, and those of the
/// kinds that their kinds look up.
fn with_referenced_claims<'a>(
    workspace: &'a Workspace,
    environment: &str,
    names: &BTreeSet<&'a str>,
) -> BTreeSet<&'a str> {
    let index = &workspace.index;
    let mut found = names.clone();
    let mut pending: Vec<&str> = names.iter().copied().collect();
    let mut looked_up: BTreeSet<&str> = BTreeSet::new();
    while let Some(name) = pending.pop() {
        if found.len() > CLAIMS_MAX {
            break;
        }
        let documents: Vec<&'a ClaimDocument> = index
            .find(environment, name)
            .chain(index.find(BASE, name))
            .collect();
        let mut scalars: BTreeSet<&str> = BTreeSet::new();
        documents
            .iter()
            .for_each(|it| collect_scalars(&it.node, &mut scalars));
        let is_claim = |it: &&str| index.has(environment, it) || index.has(BASE, it);
        let mut next: Vec<&'a str> = scalars.into_iter().filter(is_claim).collect();
        for kind in documents.iter().filter_map(|it| workspace.kind(&it.kind)) {
            for lookup in kind.lookups.iter().filter(|it| looked_up.insert(&it.kind)) {
                let visible = index
                    .all()
                    .filter(|it| it.environment == environment || it.environment == BASE);
                let of_kind = visible.filter(|it| it.kind == lookup.kind);
                next.extend(of_kind.map(|it| &*it.name));
            }
        }
        pending.extend(next.into_iter().filter(|it| found.insert(it)));
    }
    found
}
