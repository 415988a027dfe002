//! Applications in a project that does not exist.

use super::applications::applications;
use super::environment::EnvironmentObjects;
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;

pub(super) const CHECK: Check = Check {
    code: "missing-project",
    severity: Severity::Warning,
    summary: "an Application or ApplicationSet refers to an AppProject that does not exist",
    explain: "\
Argo CD does not sync an Application whose project does not exist, and reports `InvalidSpecError`.

The AppProjects of all environments count, and `default`, which exists in every Argo CD. If the project is created by other \
means, add a comment to the reference: `# pleach: allow[missing-project] made by Terraform`.",
    check: RuleKind::Whole(check),
};

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    // The project of the root Application is created together with Argo CD.
    let all = applications(environment).filter(|it| !it.sourced.is_of_environment());
    for application in all {
        let Some(project) = application.text(&["project"]) else {
            continue;
        };
        // An empty name means the default project.
        if matches!(project, "" | "default") || environment.projects.contains(project) {
            continue;
        }
        let id = application.sourced.object.id();
        let message = format!("{id} refers to AppProject `{project}`, which does not exist");
        let known = environment.projects.iter().map(String::as_str);
        let help = "correct the name, or add the AppProject; if it is created by other means, add `# pleach: allow[missing-project] REASON`";
        let location = application.location("project");
        faults.push_name(application.sourced, &location, message, known, help);
    }
}
