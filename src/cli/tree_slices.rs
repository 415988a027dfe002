//! The rendered tree, by environment and claim.

use std::sync::Arc;

use super::session::Session;
use super::{Outcome, cache};
use pleach::diag::Source;
use pleach::engine::ENGINES;
use pleach::layout::{CLUSTERS, Output, environment_of};
use pleach::tree::{Files, Tree, TreePath};
use pleach::yaml::{Node, emit_canonical, parse_one};
use pleach::{Compiled, Options, Scope, compile};

/// The rendered tree of some environments; `None` if the workspace has errors, which are reported.
pub(super) fn rendered(
    session: &Session<'_>,
    files: &dyn Files,
    environments: &[String],
) -> Option<Compiled> {
    let options = Options {
        scope: Scope::for_environments(environments),
        cache: cache::open(session.global),
        ..Options::default()
    };
    let compiled = compile(files, &options);
    let found = session.report(&compiled.diagnostics);
    let is_sound = compiled.output.is_some() && found == Outcome::Clean;
    is_sound.then_some(compiled)
}

/// Environment and claim of a folder of a rendered tree: `apps/prod/orders`, and `clusters/prod/orders` with its Applications.
pub(super) fn owner(folder: &TreePath) -> Option<(String, String)> {
    let (environment, claim) = match Output::parse(folder)? {
        Output::Own { folder, claim, .. } => (folder, claim?),
        Output::Sets {
            cluster_type, tier, ..
        } => (cluster_type, tier),
        Output::Values { .. } | Output::Roots { .. } => return None,
    };
    let is_claim = !claim.is_empty() && !ENGINES.is_base(environment);
    is_claim.then(|| (environment.to_string(), claim.to_string()))
}

/// Environment and service of a folder of values: `environments/nonprod/dev/applications/orders`.
pub(super) fn service(folder: &TreePath) -> Option<(String, String)> {
    let is_values = matches!(Output::parse(folder), Some(Output::Values { .. }));
    let environment = environment_of(folder).filter(|_| is_values)?;
    Some((environment.to_string(), folder.name().to_string()))
}

/// The part of a tree for one environment, with paths that do not contain its name, so that two environments can be compared.
pub(super) fn only(tree: &Tree, environment: &str) -> Tree {
    let is_other = |folder: &str| !ENGINES.is_base(folder) && folder != environment;
    let entries = tree.iter().filter_map(|(path, bytes)| {
        let mut parts = path.parts();
        let (group, folder) = (parts.next()?, parts.next()?);
        if is_other(folder) {
            return None;
        }
        let location = if folder == environment {
            "environment"
        } else {
            folder
        };
        let start = TreePath::root().child(group).child(location);
        let path = parts.fold(start, |path, part| path.child(part));
        let bytes = match group {
            CLUSTERS => neutral(&path, bytes, environment)?,
            _ => bytes.clone(),
        };
        Some((path, bytes))
    });
    entries.collect()
}

/// An Application without the fields that depend on the environment: the environment in its name, its wave, project and cluster.
/// `None` if nothing else remains: for a Flux Kustomization, or the Application of a claim's folder.
fn neutral(path: &TreePath, bytes: &[u8], environment: &str) -> Option<Arc<[u8]>> {
    let claim = path.parent()?;
    let is_own = path.name().strip_suffix(".yaml") == Some(claim.name());
    let text = std::str::from_utf8(bytes).ok().filter(|_| !is_own)?;
    let mut node = parse_one(&Source::new(path.clone(), text)).ok()?;
    if node.get("kind").and_then(Node::as_str) != Some("Application") {
        return None;
    }
    let name = node.at_keys(&["metadata", "name"]).and_then(Node::as_str)?;
    let name = name.strip_suffix(environment)?.trim_end_matches('-');
    let name = Node::string(name);
    *node.at_keys_mut(&["metadata", "name"])? = name;
    let locations: [(&[&str], &str); 5] = [
        (&["metadata"], "namespace"),
        (&["metadata", "annotations"], "argocd.argoproj.io/sync-wave"),
        (&["spec"], "project"),
        (&["spec", "destination"], "server"),
        (&["spec", "destination"], "name"),
    ];
    for (above, key) in locations {
        if let Some(mapping) = node.at_keys_mut(above).and_then(Node::as_mapping_mut) {
            mapping.remove(key);
        }
    }
    Some(emit_canonical(&node).into_bytes().into())
}
