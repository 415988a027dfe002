//! Reports CRDs that claims need and that no claim installs. All CRDs of the same operator are reported in one warning, for all
//! claims and environments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::load::{self, ClaimKind};
use crate::tree::Files;

/// The maximum number of claims listed in addition to the first.
const RELATED_MAX: usize = 4;

/// A CRD that a claim needs.
pub struct MissingCrd {
    /// The environment in which it is missing.
    pub environment: String,
    /// The claim, as `Kind/name`.
    pub title: String,
    /// The location of the claim's name.
    pub span: Span,
    /// The CRD's `metadata.name`, such as `widgets.example.com`.
    pub crd: String,
}

/// CRDs that are reported together.
#[derive(Default)]
struct CrdGroup<'a> {
    crds: BTreeSet<&'a str>,
    environments: BTreeSet<&'a str>,
    /// The claims, sorted by file and location.
    claims: BTreeMap<(&'a str, usize), &'a MissingCrd>,
}

pub(super) fn report(missing: &[MissingCrd], files: &dyn Files, diagnostics: &mut Diagnostics) {
    if missing.is_empty() {
        return;
    }
    let providers = Providers::read(files);
    let mut groups: BTreeMap<(Option<String>, &str), CrdGroup<'_>> = BTreeMap::new();
    for it in missing {
        let kind = providers.kinds_for(&it.crd);
        // CRDs that no kind installs are assumed to belong to the same operator if they have the same domain.
        let domain = match kind {
            Some(_) => "",
            None => domain(&it.crd),
        };
        let group = groups.entry((kind, domain)).or_default();
        group.crds.insert(&it.crd);
        group.environments.insert(&it.environment);
        let location = (it.span.path().as_str(), it.span.range().start);
        group.claims.entry(location).or_insert(it);
    }
    for ((kind, _), group) in groups {
        diagnostics.extend(warning(kind.as_deref(), &group));
    }
}

fn warning(kind: Option<&str>, group: &CrdGroup<'_>) -> Option<Diagnostic> {
    let mut claims = group.claims.values();
    let first = claims.next()?;
    let subject = match claims.len() {
        0 => format!("{} needs", first.title),
        more => format!("{} and {more} more need", first.title),
    };
    let crds: Vec<String> = group.crds.iter().map(|it| format!("`{it}`")).collect();
    let word = if crds.len() == 1 { "CRD" } else { "CRDs" };
    let environments: Vec<String> = (group.environments.iter())
        .map(|it| format!("`{it}`"))
        .collect();
    let message = format!(
        "{subject} the {word} {}, which no claim of {} {} provides",
        crds.join(", "),
        match environments.len() {
            1 => "environment",
            _ => "environments",
        },
        environments.join(", ")
    );
    let mut fault = Diagnostic::warning("crd-not-provided", message).at(&first.span);
    for other in claims.take(RELATED_MAX) {
        fault = fault.related(&other.span, "needs it too");
    }
    let operator = match kind {
        Some(kind) => format!("add a claim of kind {kind}"),
        None => "add the claim of the operator".to_string(),
    };
    Some(fault.help(format!(
        "{operator}; if the cluster gets the {word} by other means, list it under `spec.provides` in environment.yaml"
    )))
}

/// The last two parts of a CRD's name: `external-secrets.io`.
fn domain(crd: &str) -> &str {
    let mut dots = crd.rmatch_indices('.');
    let start = dots.nth(1).map_or(0, |it| it.0 + 1);
    crd.get(start..).unwrap_or(crd)
}

/// All claim kinds of the workspace, searched for those that install a CRD.
struct Providers {
    kinds: Vec<Arc<ClaimKind>>,
}

impl Providers {
    /// Reads all kinds again, because the loaded workspace only contains those that claims use.
    fn read(files: &dyn Files) -> Providers {
        Providers {
            kinds: load::kinds(files, &mut Diagnostics::default()),
        }
    }

    /// The kinds that may install a CRD, joined by `or`.
    fn kinds_for(&self, crd: &str) -> Option<String> {
        let may_install = |kind: &&Arc<ClaimKind>| {
            let mut capabilities = kind.provides.iter();
            capabilities.any(|it| {
                // `names` is an expression, which cannot be evaluated without a claim, so the CRD is searched in its text.
                let may_contain = || it.names.is_some() && kind.span.source().text.contains(crd);
                it.name.as_deref() == Some(crd) || may_contain()
            })
        };
        let names: Vec<&str> = self
            .kinds
            .iter()
            .filter(may_install)
            .map(|it| &*it.name)
            .collect();
        (!names.is_empty()).then(|| names.join(" or "))
    }
}
