//! Reports names and aliases of the workspace's kinds that another kind has with the same `apiVersion`: a claim would belong to both.

use std::sync::Arc;

use super::ClaimKind;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::yaml::Node;

/// Reports conflicts of the kinds of a workspace with each other and with built-in ones. Removes aliases in conflict, and kinds whose
/// name is in conflict; returns the names of these kinds. Errors: `duplicate-kind`.
pub(super) fn resolve(
    own: &mut Vec<Arc<ClaimKind>>,
    builtin: &[Arc<ClaimKind>],
    diagnostics: &mut Diagnostics,
) -> Vec<String> {
    let mut valid: Vec<Arc<ClaimKind>> = Vec::new();
    let mut removed = Vec::new();
    for kind in std::mem::take(own) {
        match valid
            .iter()
            .chain(builtin)
            .find(|it| has_name_of(it, &kind))
        {
            Some(other) => {
                diagnostics.push(conflict(&kind.name, &kind.name_span, &kind, other));
                removed.push(kind.name.clone());
            }
            None => valid.push(kind),
        }
    }
    for at in 0..valid.len() {
        let taken = taken_aliases(&valid, at, builtin);
        let Some(kind) = valid.get_mut(at).and_then(Arc::get_mut) else {
            continue;
        };
        for (alias, other) in taken {
            let name = alias.as_str().unwrap_or("");
            kind.aliases.retain(|it| it != name);
            diagnostics.push(conflict(name, alias.span(), kind, &other));
        }
    }
    *own = valid;
    removed
}

/// Whether the name of `kind` is one of a kind before it. Templates of two kinds with the same name have the same names, whatever the
/// versions of the kinds.
fn has_name_of(other: &ClaimKind, kind: &ClaimKind) -> bool {
    let has_alias = || other.is_builtin() && other.has_name(&kind.name);
    other.name == kind.name || share_version(other, kind) && has_alias()
}

/// The aliases of a kind that are the name of another kind, or an alias of a built-in kind or of one before it, with that kind.
fn taken_aliases(
    own: &[Arc<ClaimKind>],
    at: usize,
    builtin: &[Arc<ClaimKind>],
) -> Vec<(Node, Arc<ClaimKind>)> {
    let Some(kind) = own.get(at) else {
        return Vec::new();
    };
    let all = own.iter().chain(builtin).enumerate();
    let others = all.filter(|(position, it)| *position != at && share_version(it, kind));
    let owner = |alias: &str| {
        let is_later = |position: usize| position > at && position < own.len();
        let mut others = others.clone();
        let other = others
            .find(|(position, it)| it.name == alias || !is_later(*position) && it.has_name(alias));
        other.map(|it| it.1.clone())
    };
    let aliases = kind.spec.get("aliases").and_then(Node::as_sequence);
    let aliases = aliases.unwrap_or_default().iter();
    aliases
        .filter_map(|it| Some((it.clone(), owner(it.as_str()?)?)))
        .collect()
}

fn share_version(one: &ClaimKind, other: &ClaimKind) -> bool {
    one.api_versions
        .iter()
        .any(|it| other.api_versions.contains(it))
}

fn conflict(name: &str, span: &Span, kind: &ClaimKind, other: &ClaimKind) -> Diagnostic {
    let role = match (other.name == name, other.is_builtin()) {
        (true, true) => "the name of a built-in kind".to_string(),
        (true, false) => "the name of another kind".to_string(),
        (false, true) => format!("an alias of the built-in kind `{}`", other.name),
        (false, false) => format!("an alias of the kind `{}`", other.name),
    };
    let message = format!("`{name}` is already {role}");
    let fault = Diagnostic::error("duplicate-kind", message).at(span);
    let fault = match other.is_builtin() {
        true => fault,
        false => fault.related(&other.name_span, "the other kind"),
    };
    fault.help(match share_version(kind, other) {
        true => "use another name, or an `apiVersion` that the other kind does not have",
        false => "use another name",
    })
}
