//! Applications that their AppProject does not permit.

use super::applications::{Application, applications};
use super::environment::{EnvironmentObjects, projects};
use super::{Check, Faults, RuleKind};
use crate::danger::{Destination, permits, permits_source};
use crate::diag::Severity;
use crate::object::Object;

pub(super) const CHECK: Check = Check {
    code: "refused-by-project",
    severity: Severity::Warning,
    summary: "an AppProject does not permit the source or destination of an Application",
    explain: "\
An AppProject lists the repositories (`sourceRepos`) and the clusters and namespaces (`destinations`) that its Applications may \
use. Argo CD does not sync other Applications, and reports `InvalidSpecError`.

The AppProject that pleach writes for an environment permits the sources of its claims, and every namespace of its cluster. If \
an Application of an overlay uses another source or cluster, add an AppProject for it, or set `project: default`. Only \
AppProjects of the same environment are checked. A destination is only checked if the Application and the AppProject both use \
`server`, or both use `name`.",
    check: RuleKind::Objects(check),
};

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    for application in applications(environment) {
        let name = application.text(&["project"]);
        let mut named = projects(environment).filter(|it| Some(it.name()) == name);
        let (Some(project), None) = (named.next(), named.next()) else {
            continue;
        };
        for (address, field) in application.sources() {
            if !permits_source(project, address) {
                report(
                    &application,
                    project,
                    &format!("the source `{address}`"),
                    &field,
                    faults,
                );
            }
        }
        if let Some(location) = destination(&application).filter(|it| !permits(project, it)) {
            let what = format!(
                "the destination `{}` of `{}`",
                location.namespace, location.cluster
            );
            report(
                &application,
                project,
                &what,
                "destination.namespace",
                faults,
            );
        }
    }
}

fn report(
    application: &Application<'_, '_>,
    project: &Object,
    what: &str,
    field: &str,
    faults: &mut Faults,
) {
    let sourced = application.sourced;
    let message = format!(
        "AppProject `{}` does not permit {what} of {}",
        project.name(),
        sourced.object.id()
    );
    let help = "permit it in the AppProject, or use another AppProject";
    faults.push(sourced, &application.location(field), message, help);
}

fn destination<'a>(application: &Application<'a, '_>) -> Option<Destination<'a>> {
    let field = ["server", "name"];
    let field = field
        .into_iter()
        .find(|it| application.text(&["destination", it]).is_some())?;
    Some(Destination {
        field,
        cluster: application.text(&["destination", field])?,
        namespace: application.text(&["destination", "namespace"])?,
    })
}
