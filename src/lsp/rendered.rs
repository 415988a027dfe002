//! The rendered form of a claim, and its changes, as virtual documents.

use std::collections::BTreeSet;

use similar::TextDiff;

use super::diagnostics::check_environments;
use super::state::Workspace;
use crate::diag::Severity;
use crate::load::widen_for_lookups;
use crate::secret::without_secrets;
use crate::template::{BUILTIN, builtin};
use crate::tree::{Files, TreePath};
use crate::yaml::emit_canonical;
use crate::{CheckedClaims, Options, Scope, check_claims};

/// The URI scheme of virtual documents.
pub const SCHEME: &str = "pleach";

/// A claim, and where it is rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimAt {
    /// The name of the claim.
    pub name: String,
    /// The environments that it is rendered in.
    pub environments: Vec<String>,
}

/// The claim whose document contains a byte of a file, or the last one before it; otherwise the first one of the file.
pub fn claim_at(workspace: &Workspace, path: &TreePath, at: usize) -> Option<ClaimAt> {
    let mut documents = workspace.index.of_file(path).iter();
    let document = documents.rfind(|it| it.range().start <= at || it.range().contains(&at));
    let document = document.or_else(|| workspace.index.of_file(path).first())?;
    Some(ClaimAt {
        name: document.name.clone(),
        environments: workspace.environments_of(path, &document.name),
    })
}

/// The objects of a claim in an environment as YAML, before overlays. Errors are comments at the beginning.
pub fn rendered(workspace: &Workspace, environment: &str, claim: &str) -> String {
    let environments = [environment.to_string()];
    let checked = check_environments(workspace, &environments, &BTreeSet::from([claim]), []);
    to_yaml(&checked, claim)
}

fn to_yaml(checked: &CheckedClaims, claim: &str) -> String {
    let mut text = String::new();
    let errors = checked
        .diagnostics
        .iter()
        .filter(|it| it.severity == Severity::Error);
    for fault in errors {
        let location = fault.span.as_ref().map(|it| format!(" ({it})"));
        text.push_str(&format!(
            "# {}{}\n",
            fault.message,
            location.unwrap_or_default()
        ));
    }
    let title_end = format!("/{claim}");
    let origins = checked
        .origins
        .iter()
        .filter(|it| it.1.claim.title.ends_with(&title_end));
    let objects = origins.flat_map(|it| &it.1.objects);
    let objects: Vec<String> = objects.map(|it| emit_canonical(&it.node)).collect();
    text + &objects.join("---\n")
}

/// The changes of a claim's objects between another state of the workspace and now, as a unified diff; empty if there are none.
pub fn difference(
    workspace: &Workspace,
    before: &dyn Files,
    environment: &str,
    claim: &str,
) -> String {
    let scope = Scope {
        environments: vec![environment.to_string()],
        claims: [(environment.to_string(), BTreeSet::from([claim.to_string()]))].into(),
        ..Scope::default()
    };
    let options = Options {
        scope: widen_for_lookups(before, &scope),
        cache: workspace.cache.clone(),
        ..Options::default()
    };
    let old = match crate::load::environments(before)
        .iter()
        .any(|it| it == environment)
    {
        true => to_yaml(&check_claims(before, &options), claim),
        false => String::new(),
    };
    let new = rendered(workspace, environment, claim);
    let [old, new] = [old, new].map(|it| without_secrets(&it).to_string());
    let names = [
        format!("{environment}/{claim} at HEAD"),
        format!("{environment}/{claim}"),
    ];
    let diff = TextDiff::from_lines(&*old, &*new);
    if old == new {
        return String::new();
    }
    diff.unified_diff()
        .context_radius(3)
        .header(&names[0], &names[1])
        .to_string()
}

/// The text of a virtual document, by its path: `/rendered/prod/orders.yaml`, or a file of a built-in kind.
pub fn content(workspace: &Workspace, path: &str) -> Option<String> {
    let path = path.trim_start_matches('/');
    if let Some(below) = path.strip_prefix("builtin/") {
        let file = TreePath::root().child(BUILTIN).join(&TreePath::new(below)?);
        return String::from_utf8(builtin().read(&file).ok()?.to_vec()).ok();
    }
    let rest = path.strip_prefix("rendered/")?;
    let (environment, file) = rest.split_once('/')?;
    Some(rendered(
        workspace,
        environment,
        file.strip_suffix(".yaml")?,
    ))
}
