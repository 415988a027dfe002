//! Selects the claims of an environment: those of base that it does not exclude, and its own.

use std::collections::{BTreeMap, BTreeSet};

use super::merge::{drop_nulls, merge};
use crate::diag::{Diagnostic, Diagnostics};
use crate::load::{Claim, Environment, InvalidClaim, Layout, Workspace};
use crate::yaml::Node;

/// A claim of an environment. Its document is in base, in the environment, or in both.
pub(super) struct Selected<'a> {
    pub(super) base: Option<&'a Claim>,
    pub(super) own: Option<&'a Claim>,
}

impl<'a> Selected<'a> {
    fn of_base(claim: &'a Claim) -> Selected<'a> {
        Selected {
            base: Some(claim),
            own: None,
        }
    }

    /// The documents of base and of the environment, merged, without defaults.
    pub(super) fn merged(&self) -> Option<Node> {
        let schema = Some(&self.claim()?.kind.schema);
        let mut node = self.base.or(self.own)?.node.clone();
        drop_nulls(&mut node, schema, false);
        if let (Some(_), Some(own)) = (self.base, self.own) {
            merge(&mut node, &own.node, schema);
        }
        Some(node)
    }

    /// The document of the environment or, if it has none, that of base.
    pub(super) fn claim(&self) -> Option<&'a Claim> {
        self.own.or(self.base)
    }
}

/// The claims of one environment, sorted by name.
pub struct Selection<'a> {
    /// The environment that the claims are selected for.
    pub environment: &'a Environment,
    pub(super) claims: Vec<Selected<'a>>,
}

pub(super) fn select<'a>(
    workspace: &'a Workspace<'_>,
    environment: &'a Environment,
    diagnostics: &mut Diagnostics,
) -> Selection<'a> {
    let base = &workspace.base;
    let mut unknown = Diagnostics::default();
    let excluded = excluded(environment, base, &mut unknown);
    if !workspace.is_partial() {
        diagnostics.extend(unknown);
    }
    let included = base.claims.iter();
    let included = included.filter(|it| !excluded.contains_key(it.name.as_str()));
    let mut claims: BTreeMap<&str, Selected<'a>> = included
        .map(|it| (it.name.as_str(), Selected::of_base(it)))
        .collect();
    for claim in &environment.claims {
        // If base has a document of this claim that cannot be read, every field that only base sets would be reported as missing.
        if !claims.contains_key(claim.name.as_str()) && is_broken(base, claim) {
            continue;
        }
        // A claim of another kind may replace the excluded one.
        let exclusion = excluded.get(claim.name.as_str());
        if let Some((entry, _)) = exclusion.filter(|(_, it)| it.kind.name == claim.kind.name) {
            diagnostics.push(excluded_claim(claim, entry));
            continue;
        }
        let selected = claims.entry(&claim.name).or_insert(Selected {
            base: None,
            own: None,
        });
        let other = selected.own.or(selected
            .base
            .filter(|base| base.kind.name != claim.kind.name));
        match other {
            None => selected.own = Some(claim),
            Some(other) => diagnostics.push(duplicate_claim(claim, other)),
        }
    }
    if !workspace.is_partial() {
        let broken = environment
            .invalid_claims
            .iter()
            .chain(&base.invalid_claims);
        let names = claims.keys().copied().chain(broken.map(InvalidClaim::name));
        environment.check_claim_fields(&names.collect(), diagnostics);
    }
    Selection {
        environment,
        claims: claims.into_values().collect(),
    }
}

/// Whether base probably has a document of the claim that cannot be read.
fn is_broken(base: &Environment, claim: &Claim) -> bool {
    let mut broken = base.invalid_claims.iter();
    broken.any(|it| it.is_probable_match(&claim.kind, &claim.name))
}

/// Reports claims of base with the same name.
pub(super) fn check_base(base: &Environment, diagnostics: &mut Diagnostics) {
    let mut names: BTreeMap<&str, &Claim> = BTreeMap::new();
    for claim in &base.claims {
        if let Some(other) = names.insert(&claim.name, claim) {
            diagnostics.push(duplicate_claim(claim, other));
        }
    }
}

/// The claims of base that are used by an environment with the layout `overlays` and the engine of `base`.
pub(super) fn used_base_claims<'a>(
    workspace: &Workspace<'_>,
    base: &'a Environment,
    selections: &[Selection<'a>],
) -> Vec<Selected<'a>> {
    let builds_on_base = |it: &&Selection<'_>| {
        it.environment.engine == base.engine && it.environment.layout == Layout::Overlays
    };
    let claims = selections
        .iter()
        .filter(builds_on_base)
        .flat_map(|it| &it.claims);
    let used: BTreeSet<&str> = claims.filter_map(|it| Some(&*it.base?.name)).collect();
    let by_name: BTreeMap<&str, &Claim> = base.claims.iter().map(|it| (&*it.name, it)).collect();
    by_name
        .into_values()
        .filter(|it| used.contains(&*it.name) || workspace.may_use_elsewhere(base, it))
        .map(Selected::of_base)
        .collect()
}

fn duplicate_claim(claim: &Claim, other: &Claim) -> Diagnostic {
    let fault = Diagnostic::error(
        "duplicate-claim",
        format!("duplicate claim name `{}`", claim.name),
    )
    .at(claim.span());
    fault
        .related(
            other.span(),
            format!("{} with the same name", other.kind.name),
        )
        .help("rename one of the two: names must be unique in an environment across all kinds")
}

/// The error for a document of a shared claim that the same environment excludes. Without it, the document, which may only contain
/// changes, would become a separate claim, with defaults instead of the values of the shared claim.
fn excluded_claim(claim: &Claim, entry: &Node) -> Diagnostic {
    let id = format!("{}/{}", claim.kind.name, claim.name);
    Diagnostic::error(
        "excluded-claim",
        format!("the environment excludes the shared claim `{id}`, but this document changes it"),
    )
    .at(claim.span())
    .related(entry.span(), "excluded here")
    .help(
        "remove this document to exclude the claim, or remove the entry of `exclude` to change it",
    )
    .help("to replace the shared claim, use another name")
}

/// By name of the excluded claim: the entry of `exclude` and the claim. Errors: `unknown-exclude`.
fn excluded<'a>(
    environment: &'a Environment,
    base: &'a Environment,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<&'a str, (&'a Node, &'a Claim)> {
    let known = || {
        base.claims
            .iter()
            .map(|it| format!("{}/{}", it.kind.name, it.name))
    };
    let mut claims = BTreeMap::new();
    for entry in &environment.exclude {
        let (kind, name) = entry
            .as_str()
            .and_then(|text| text.split_once('/'))
            .unwrap_or_default();
        let mut shared = base.claims.iter();
        let claim = shared.find(|it| it.kind.has_name(kind) && it.name == name);
        if let Some(claim) = claim {
            claims.insert(name, (entry, claim));
        } else if !base.invalid_claims.iter().any(|it| it.has_name(kind, name)) {
            let text = entry.as_str().unwrap_or("");
            let fault = Diagnostic::error(
                "unknown-exclude",
                format!("`environments/base` has no claim `{text}`"),
            )
            .at(entry);
            let known: Vec<String> = known().collect();
            diagnostics.push(
                fault
                    .did_you_mean(text, known.iter().map(String::as_str))
                    .help("remove the entry, or write `Kind/name` of a shared claim"),
            );
        }
    }
    claims
}
