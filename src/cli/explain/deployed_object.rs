//! The origins of values in deployed objects that are not in a file: the output of charts and kustomizations.

use anyhow::{Result, bail};

use super::super::repository_files::RepositoryFiles;
use super::super::session::{self, Session};
use super::super::{Global, Outcome, cache};
use super::Form;
use super::subject::{no_field, no_object, options, print_subject, short_name, whole_name};
use crate::cli::diff::salt;
use pleach::deploy::Status;
use pleach::diag::{Span, nearest};
use pleach::load::WorkspaceConfig;
use pleach::object::Object;
use pleach::provenance::{Cause, Provenance, explain_deployed, find_field, has_name};
use pleach::report::Subject;
use pleach::tree::TreePath;
use pleach::workspace_diff::{NamedUnit, repository_units, sync_folder, workspace_units};

/// A deployed object, and the unit that deploys it.
struct DeployedObject<'u> {
    unit: &'u NamedUnit,
    object: &'u Object,
}

/// For a workspace: values of releases are traced on to claims. `known` are the names of the objects that claims render.
pub(super) fn of_workspace(
    session: &Session<'_>,
    environment: &str,
    object: &str,
    field: &str,
    mut known: Vec<String>,
    form: Form,
    global: &Global,
) -> Result<Outcome> {
    // Files on disk are only complete with all environments.
    let provenance = Provenance::new(&session.files, options(global));
    let compiled = provenance.compiled();
    if compiled.diagnostics.has_errors() {
        return Ok(session.report(&compiled.diagnostics));
    }
    let units = match workspace_units(compiled, &session.files, cache::open(global)) {
        Ok(units) => units,
        Err(faults) => return Ok(session.report(&faults)),
    };
    let folder = WorkspaceConfig::read(&session.files).ok();
    let folder = folder.map_or_else(TreePath::root, |it| sync_folder(&it));
    let in_tree = |path: &TreePath| {
        let below = path.below(&folder)?;
        compiled.tree.get(&below).map(|bytes| (below, bytes))
    };
    let generated = |location: &Span| {
        let found = in_tree(location.path());
        found.map_or_else(Vec::new, |(path, text)| {
            provenance.causes_in_file(&path, text, location)
        })
    };
    let display = |path: &TreePath| {
        let output = compiled.output.as_ref();
        let path = match (in_tree(path), output) {
            (Some((below, _)), Some(output)) => output.join(&below),
            _ => path.clone(),
        };
        session.display(&path)
    };
    known.extend(names(&units, environment));
    let Some(made) = find(&units, environment, object)? else {
        let unseen = unseen(&units, environment);
        bail!("{}{unseen}", no_object(environment, object, &known));
    };
    print(&made, object, field, &generated, &display, form)
}

/// For a repository without a workspace, as Flux and Argo CD deploy it.
pub(super) fn of_repository(
    session: &Session<'_>,
    environment: &str,
    object: &str,
    field: &str,
    form: Form,
    global: &Global,
) -> Result<Outcome> {
    let repository = RepositoryFiles::open(&session.root, None)?;
    let units = repository_units(&*repository.files, &repository.urls, cache::open(global));
    repository.failure()?;
    if units.is_empty() {
        bail!(
            "found no workspace, and no Kustomization, HelmRelease or Application; to explain a code, use `pleach explain CODE`"
        );
    }
    let is_there = units.iter().any(|it| is_in_environment(it, environment));
    if !is_there {
        let near = nearest(environment, units.iter().map(|it| &*it.environment));
        let help = near.map_or(String::new(), |it| format!("; did you mean `{it}`?"));
        bail!("nothing is deployed from `{environment}`{help}");
    }
    let Some(made) = find(&units, environment, object)? else {
        let known: Vec<String> = names(&units, environment).collect();
        let unseen = unseen(&units, environment);
        bail!("{}{unseen}", no_object(environment, object, &known));
    };
    let current = session::directory(global)?;
    let display =
        |path: &TreePath| session::relative_path(&session.root.join(path.as_str()), &current, path);
    print(&made, object, field, &|_| Vec::new(), &display, form)
}

/// Whether a unit belongs to an environment, given by its name or by the last part of the folder.
fn is_in_environment(unit: &NamedUnit, environment: &str) -> bool {
    let own = unit.environment.as_str();
    own == environment || own.rsplit('/').next() == Some(environment)
}

fn names<'u>(units: &'u [NamedUnit], environment: &'u str) -> impl Iterator<Item = String> + 'u {
    let own = units
        .iter()
        .filter(move |it| is_in_environment(it, environment));
    own.flat_map(|it| &it.unit.objects).map(short_name)
}

/// The first unit whose objects are unknown, with the reason, because the object may be one of them.
fn unseen(units: &[NamedUnit], environment: &str) -> String {
    let mut own = units.iter().filter(|it| is_in_environment(it, environment));
    let first = own.find_map(|it| match &it.unit.status {
        Status::NotBuilt(fault) | Status::Partial(fault) => Some((&it.unit.id, &fault.message)),
        Status::Built | Status::Suspended => None,
    });
    let note = |(id, why)| format!("; some objects of {id} are unknown: {why}");
    first.map_or(String::new(), note)
}

/// The object with a name. An error if there are several.
fn find<'u>(
    units: &'u [NamedUnit],
    environment: &str,
    name: &str,
) -> Result<Option<DeployedObject<'u>>> {
    let own = units.iter().filter(|it| is_in_environment(it, environment));
    let objects = own.flat_map(|unit| unit.unit.objects.iter().map(move |object| (unit, object)));
    let mut found: Vec<_> = objects.filter(|it| has_name(it.1, name)).collect();
    found.dedup_by(|a, b| a.1.id() == b.1.id());
    if found.len() > 1 {
        let names: Vec<String> = found.iter().map(|it| whole_name(it.1)).collect();
        bail!("several objects are named `{name}`: {}", names.join(", "));
    }
    Ok(found
        .pop()
        .map(|(unit, object)| DeployedObject { unit, object }))
}

fn print(
    made: &DeployedObject<'_>,
    name: &str,
    field: &str,
    generated: &dyn Fn(&Span) -> Vec<Cause>,
    display: &dyn Fn(&TreePath) -> String,
    form: Form,
) -> Result<Outcome> {
    let DeployedObject { unit, object } = made;
    let field = find_field(&object.node, field).map_err(|it| no_field(name, &it))?;
    let values = explain_deployed(object, &field, &unit.unit, generated);
    let title = match unit.claim.title == unit.unit.id.to_string() {
        true => unit.claim.title.clone(),
        false => format!("{} by {}", unit.claim.title, unit.unit.id),
    };
    let subject = Subject {
        environment: Some(&unit.environment),
        claim: &title,
        object,
        values: &values,
        salt: &salt(),
    };
    print_subject(&subject, display, form)
}
