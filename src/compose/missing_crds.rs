//! Reports CRDs that claims need and that nothing installs: one warning for all CRDs of the same operator, in all claims and
//! environments.

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
    /// The CRD's name, plural first: `widgets.example.com`.
    pub crd: String,
}

/// CRDs that belong together.
#[derive(Default)]
struct Group<'a> {
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
    let mut groups: BTreeMap<(Option<String>, &str), Group<'_>> = BTreeMap::new();
    for it in missing {
        let kind = providers.of(&it.crd);
        // CRDs that no kind installs are assumed to belong to the same operator if their domains are the same.
        let domain = match kind {
            Some(_) => "",
            None => domain(&it.crd),
        };
        let group = groups.entry((kind, domain)).or_default();
        group.crds.insert(&it.crd);
        group.environments.insert(&it.environment);
        let place = (it.span.path().as_str(), it.span.range().start);
        group.claims.entry(place).or_insert(it);
    }
    for ((kind, _), group) in groups {
        diagnostics.extend(finding(kind.as_deref(), &group));
    }
}

fn finding(kind: Option<&str>, group: &Group<'_>) -> Option<Diagnostic> {
    let mut claims = group.claims.values();
    let first = claims.next()?;
    let need = match claims.len() {
        0 => format!("{} needs", first.title),
        more => format!("{} and {more} more need", first.title),
    };
    let crds: Vec<String> = group.crds.iter().map(|it| format!("`{it}`")).collect();
    let word = if crds.len() == 1 { "CRD" } else { "CRDs" };
    let environments: Vec<String> = (group.environments.iter())
        .map(|it| format!("`{it}`"))
        .collect();
    let message = format!(
        "{need} the {word} {}, which no claim of {} {} provides",
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

/// The claim kinds that install CRDs.
struct Providers {
    kinds: Vec<Arc<ClaimKind>>,
}

impl Providers {
    /// Reads all kinds, because only those of claims are loaded.
    fn read(files: &dyn Files) -> Providers {
        Providers {
            kinds: load::kinds(files, &mut Diagnostics::default()),
        }
    }

    /// The kinds that may install a CRD, joined by `or`.
    fn of(&self, crd: &str) -> Option<String> {
        let brings = |kind: &&Arc<ClaimKind>| {
            let mut own = kind.provides.iter();
            own.any(|it| {
                // A list of names is an expression; its possible values are searched in the text of the kind.
                let may_give = || it.names.is_some() && kind.span.source.text.contains(crd);
                it.name.as_deref() == Some(crd) || may_give()
            })
        };
        let names: Vec<&str> = self
            .kinds
            .iter()
            .filter(brings)
            .map(|it| &*it.name)
            .collect();
        (!names.is_empty()).then(|| names.join(" or "))
    }
}
