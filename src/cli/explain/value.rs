//! Where a value of an object comes from.

use anyhow::{Context, Result, bail};

use super::super::session::{Session, directory};
use super::super::usage::check_environments;
use super::super::{Global, Outcome};
use super::subject::{no_field, options, print_subject, short_name, whole_name};
use super::{Form, deployed_object};
use crate::cli::diff::salt;
use pleach::provenance::{NoTarget, Provenance, Target, find_field};
use pleach::report::Subject;
use pleach::tree::{Files, TreePath};
use pleach::{Options, Scope};

/// `pleach explain prod Deployment/shop spec.replicas`
pub(super) fn of_object(
    environment: &str,
    object: &str,
    field: &str,
    form: Form,
    global: &Global,
) -> Result<Outcome> {
    let session = Session::open_any(global)?;
    if !session.is_workspace() {
        return deployed_object::of_repository(&session, environment, object, field, form, global);
    }
    check_environments(&session, &[environment.to_string()])?;
    let options = Options {
        scope: Scope::for_environments(&[environment.to_string()]),
        ..options(global)
    };
    let provenance = Provenance::new(&session.files, options);
    if provenance.compiled().diagnostics.has_errors() {
        return Ok(session.report(&provenance.compiled().diagnostics));
    }
    let mut targets = provenance.named(environment, object);
    if targets.len() > 1 {
        let names = targets.iter().map(|it| named(it));
        bail!(
            "several objects are named `{object}`: {}",
            names.collect::<Vec<_>>().join(", ")
        );
    }
    let Some(target) = targets.pop() else {
        let own = provenance.objects();
        let own = own.filter(|it| it.1.environment.as_deref() == Some(environment));
        let known = own.map(|it| short_name(it.2)).collect();
        return deployed_object::of_workspace(
            &session,
            environment,
            object,
            field,
            known,
            form,
            global,
        );
    };
    let field = find_field(&target.object.node, field).map_err(|it| no_field(object, &it))?;
    print(&session, &provenance, &Target { field, ..target }, form)
}

/// The value on a line: `pleach explain deploy/apps/prod/shop/deployment.yaml:17`.
pub(super) fn at_line(file: &str, line: usize, form: Form, global: &Global) -> Result<Outcome> {
    let session = Session::open(global)?;
    let path = workspace_path(&session, file, global)?;
    let bytes = session.files.read(&path);
    let bytes =
        bytes.map_err(|error| anyhow::anyhow!("{}: {error}", session.printable_path(&path)))?;
    let text = String::from_utf8(bytes.to_vec());
    let text =
        text.with_context(|| format!("{} is not valid UTF-8", session.printable_path(&path)))?;
    let provenance = Provenance::new(&session.files, options(global));
    let compiled = provenance.compiled();
    if compiled.diagnostics.has_errors() {
        return Ok(session.report(&compiled.diagnostics));
    }
    let output = compiled.output.as_ref();
    let Some(below) = output.and_then(|it| path.below(it)) else {
        bail!(
            "{} is not in the output folder; only lines of generated files can be explained",
            session.printable_path(&path)
        );
    };
    match provenance.at_line(&below, &text, line) {
        Ok(target) => print(&session, &provenance, &target, form),
        Err(reason) => bail!(
            "{}:{line}: {}",
            session.printable_path(&path),
            reason_text(reason)
        ),
    }
}

/// A file named by the user, relative to the folder where the program was started.
fn workspace_path(session: &Session<'_>, file: &str, global: &Global) -> Result<TreePath> {
    let below = session.below_start(&directory(global)?, file);
    below.with_context(|| format!("`{file}` is not a file of the workspace"))
}

fn print(
    session: &Session<'_>,
    provenance: &Provenance<'_>,
    target: &Target<'_>,
    form: Form,
) -> Result<Outcome> {
    let Target {
        folder,
        origin,
        object,
        field,
    } = target;
    let values = provenance.explain(folder, object, field);
    let subject = Subject {
        environment: origin.environment.as_deref(),
        claim: &origin.claim.title,
        object,
        values: &values,
        salt: &salt(),
    };
    print_subject(&subject, &|path| session.display(path), form)
}

fn named(target: &Target<'_>) -> String {
    whole_name(target.object)
}

fn reason_text(reason: NoTarget) -> &'static str {
    match reason {
        NoTarget::Unreadable => "the file is not valid YAML",
        NoTarget::NoField => "there is no field on this line",
        NoTarget::Kustomization => {
            "this is a kustomization; use a line of one of its objects or patches"
        }
        NoTarget::NoObject => {
            "no claim renders to this object: pleach writes the files of the sync engine itself, and other files are not generated"
        }
    }
}
