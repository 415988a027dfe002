//! Applications that their AppProject refuses.

use super::applications::{Application, applications, projects};
use super::scene::EnvironmentObjects;
use super::{Check, Faults};
use crate::diag::Severity;
use crate::object::Object;
use crate::yaml::Node;

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
    judge,
};

fn judge(scene: &EnvironmentObjects<'_>, faults: &mut Faults) {
    for application in applications(scene) {
        let name = application.text(&["project"]);
        let mut named = projects(scene).filter(|it| Some(it.name()) == name);
        let (Some(project), None) = (named.next(), named.next()) else {
            continue;
        };
        for (address, field) in application.sources() {
            if !permits_source(project, address) {
                refuse(
                    &application,
                    project,
                    &format!("the source `{address}`"),
                    &field,
                    faults,
                );
            }
        }
        if let Some(place) = destination(&application).filter(|it| !permits(project, it)) {
            let words = format!(
                "the destination `{}` of `{}`",
                place.namespace, place.cluster
            );
            refuse(
                &application,
                project,
                &words,
                "destination.namespace",
                faults,
            );
        }
    }
}

fn refuse(
    application: &Application<'_, '_>,
    project: &Object,
    what: &str,
    field: &str,
    faults: &mut Faults,
) {
    let placed = application.placed;
    let message = format!(
        "AppProject `{}` does not permit {what} of {}",
        project.name(),
        placed.object.id()
    );
    let help = "permit it in the AppProject, or use another AppProject";
    faults.push(placed, &application.place(field), message, help);
}

fn permits_source(project: &Object, address: &str) -> bool {
    let patterns = list(project, "sourceRepos");
    let mut texts = patterns.iter().filter_map(Node::as_str);
    let is_denied = |it: &str| it.strip_prefix('!').is_some_and(|it| fits(it, address));
    !texts.clone().any(is_denied) && texts.any(|it| fits(it, address))
}

/// Where an Application deploys to.
struct Destination<'a> {
    field: &'static str,
    cluster: &'a str,
    namespace: &'a str,
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

fn permits(project: &Object, place: &Destination<'_>) -> bool {
    let entries = list(project, "destinations");
    let text = |it: &Node, key: &str| it.get(key).and_then(Node::as_str).unwrap_or("").to_string();
    let is_comparable = |it: &Node| !text(it, place.field).is_empty();
    let denies = |it: &Node| {
        ["server", "name", "namespace"]
            .iter()
            .any(|key| text(it, key).starts_with('!'))
    };
    // What is identified by another word, or excepts something, may be the same cluster.
    if entries.iter().any(|it| !is_comparable(it) || denies(it)) {
        return true;
    }
    entries.iter().any(|it| {
        fits(&text(it, place.field), place.cluster) && fits(&text(it, "namespace"), place.namespace)
    })
}

fn list<'a>(project: &'a Object, field: &str) -> &'a [Node] {
    let list = project.node.at_keys(&["spec", field]);
    list.and_then(Node::as_sequence).unwrap_or_default()
}

/// Whether a pattern with `*` fits a text; `.git` at the end of an address says nothing. Argo CD's `*` ends at a `/` of an
/// address, and its `**` does not; here both go on, so that nothing is refused that is permitted.
fn fits(pattern: &str, text: &str) -> bool {
    let plain = |it: &str| {
        it.trim_end_matches('/')
            .trim_end_matches(".git")
            .to_lowercase()
    };
    let (pattern, text) = (plain(pattern), plain(text));
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut left) = text.strip_prefix(start) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(at) = left.find(part) else {
            return false;
        };
        left = left.get(at + part.len()..).unwrap_or("");
    }
    true
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns() {
        for (pattern, text) in [
            ("*", "https://a/b"),
            ("https://a/b.git", "https://A/b"),
            ("https://a/*", "https://a/b/c"),
            ("https://*/b*", "https://a/b1"),
            ("team-*", "team-a"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("https://a", "https://b"),
            ("a*b", "abc"),
            ("*-x", "x"),
            ("a*ab", "ab"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }
}
