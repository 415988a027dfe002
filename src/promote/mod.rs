//! Updates the claims of one environment to the values of another one. The result is the new texts of its files.
//!
//! Only values written in documents are promoted, not defaults. Comments and layout are kept. Writing the files and rendering the
//! effect is left to the caller.

mod difference;
mod document;

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Diagnostic, Diagnostics};
use crate::load::{Environment, Workspace};
use crate::resolve::{Written, written};
use crate::tree::{Files, TreePath};
use difference::differences;

pub use difference::{Difference, Step, display_path};

/// What to promote, and between which environments.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The environment that claims are copied from.
    pub from: &'a str,
    /// The environment that claims are copied to.
    pub to: &'a str,
    /// Names of claims; if empty, all claims that both environments have.
    pub claims: &'a [String],
    /// Which of the differing fields to promote.
    pub fields: Fields<'a>,
}

/// Which fields to promote.
#[derive(Clone, Copy, Debug)]
pub enum Fields<'a> {
    /// Versions, tags, images and digests, which are tried in one environment first. Sizes and hosts are not promoted.
    Versions,
    /// Fields by their paths (`spec.container.replicas`), with what is below them.
    Named(&'a [String]),
    /// All, except values that contain the name of the environment.
    All,
}

/// The result of a promotion.
#[derive(Debug, Default)]
pub struct Promotion {
    /// The changed files, with their complete text.
    pub files: BTreeMap<TreePath, String>,
    /// The differences that are promoted.
    pub copied: Vec<Difference>,
    /// The differences that a promotion keeps.
    pub skipped: Vec<Difference>,
    /// The claims that only the first environment has, as `Kind/name`.
    pub missing: Vec<String>,
}

/// Computes the new texts of the files below `environments/<to>/`.
///
/// Errors: `unknown-environment`, `unknown-claim` and `unknown-field`, each with the nearest name; `uneditable` where the layout
/// of a file does not allow the change.
pub fn promote(
    files: &dyn Files,
    workspace: &Workspace<'_>,
    request: &Request<'_>,
) -> Result<Promotion, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let from = written(
        workspace,
        environment(workspace, request.from)?,
        &mut diagnostics,
    );
    let to = written(
        workspace,
        environment(workspace, request.to)?,
        &mut diagnostics,
    );
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let mut promotion = Promotion::default();
    if request.claims.is_empty() {
        let others: BTreeSet<_> = to.iter().map(|it| (&it.kind.name, it.name)).collect();
        let is_missing = |it: &&Written<'_>| !others.contains(&(&it.kind.name, it.name));
        let missing = from.iter().filter(is_missing);
        let titles = missing.map(|it| format!("{}/{}", it.kind.name, it.name));
        promotion.missing = titles.collect();
    }
    for (source, target) in pairs(&from, &to, request)? {
        let all = differences(&source.kind.schema, source, target);
        let (copied, skipped): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|it| request.is_requested(it));
        document::write(files, &mut promotion.files, request.to, target, &copied)?;
        promotion.copied.extend(copied);
        promotion.skipped.extend(skipped);
    }
    check_fields(request, &promotion)?;
    Ok(promotion)
}

fn environment<'a>(
    workspace: &'a Workspace<'_>,
    name: &str,
) -> Result<&'a Environment, Diagnostic> {
    let known = || workspace.environments.iter().map(|it| it.name.as_str());
    let found = workspace.environments.iter().find(|it| it.name == name);
    found.ok_or_else(|| {
        let message = format!("unknown environment `{name}`");
        let fault = Diagnostic::error("unknown-environment", message).did_you_mean(name, known());
        fault.help(format!(
            "environments: {}",
            known().collect::<Vec<_>>().join(", ")
        ))
    })
}

/// The requested claims, as written in both environments.
fn pairs<'w, 'a>(
    from: &'w [Written<'a>],
    to: &'w [Written<'a>],
    request: &Request<'_>,
) -> Result<Vec<(&'w Written<'a>, &'w Written<'a>)>, Diagnostic> {
    let of = |all: &'w [Written<'a>], name: &str| all.iter().find(|it| it.name == name);
    for name in request.claims {
        for (all, environment) in [(from, request.from), (to, request.to)] {
            if of(all, name).is_none() {
                let message = format!("`{environment}` has no claim `{name}`");
                let fault = Diagnostic::error("unknown-claim", message);
                return Err(fault
                    .did_you_mean(name, all.iter().map(|it| it.name))
                    .help("copy a claim that only one environment has, or move it to `environments/base/`"));
            }
        }
    }
    let is_selected = |it: &&Written<'_>| {
        request.claims.is_empty() || request.claims.iter().any(|n| n == it.name)
    };
    let pairs = from.iter().filter(is_selected).filter_map(|source| {
        let target = of(to, source.name)?;
        (source.kind.name == target.kind.name).then_some((source, target))
    });
    Ok(pairs.collect())
}

/// A field that does not differ is either a typo or already promoted. It must at least be a field that one of the claims has.
fn check_fields(request: &Request<'_>, promotion: &Promotion) -> Result<(), Diagnostic> {
    let Fields::Named(names) = request.fields else {
        return Ok(());
    };
    let differing = || promotion.copied.iter().chain(&promotion.skipped);
    for name in names {
        if promotion.copied.iter().any(|it| it.is_at_or_below(name)) {
            continue;
        }
        let known: BTreeSet<String> = differing().map(Difference::path).collect();
        let known: Vec<String> = known.into_iter().collect();
        let message = format!(
            "`{name}` does not differ between `{}` and `{}`",
            request.from, request.to
        );
        let fault = Diagnostic::error("unknown-field", message)
            .did_you_mean(name, known.iter().map(String::as_str));
        return Err(match known.is_empty() {
            true => fault.help("nothing differs there"),
            false => fault.help(format!("differing fields: {}", known.join(", "))),
        });
    }
    Ok(())
}

impl Request<'_> {
    fn is_requested(&self, difference: &Difference) -> bool {
        match self.fields {
            Fields::Versions => difference.is_version(),
            Fields::Named(names) => names.iter().any(|it| difference.is_at_or_below(it)),
            Fields::All => !difference.names_environment(self.from, self.to),
        }
    }
}
