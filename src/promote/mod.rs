//! One environment's claims brought to what another's say: the new texts of its files.
//!
//! What is promoted is what the documents say, defaults left out. Only the wanted values change; comments and layout stay.
//! Deliberately absent: writing, and rendering the effect. Both are the caller's.

mod difference;
mod document;

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, Diagnostics};
use crate::load::{Environment, Workspace};
use crate::resolve::{Written, written};
use crate::tree::{Files, TreePath};
use difference::differences;

pub use difference::{Difference, Step, display_path};

/// What to promote, from where to where.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The environment that has it.
    pub from: &'a str,
    /// The environment that gets it.
    pub to: &'a str,
    /// Names of claims; all that both have where none is named.
    pub claims: &'a [String],
    /// Which of the fields that differ.
    pub fields: Fields<'a>,
}

/// Which fields to promote.
#[derive(Clone, Copy, Debug)]
pub enum Fields<'a> {
    /// Versions, tags, images, digests: what is tried in one environment to be taken by the next. Sizes and hosts stay.
    Versions,
    /// Fields by their paths (`spec.container.replicas`), with what is below them.
    Named(&'a [String]),
    /// All, but what names the environment itself.
    All,
}

/// What a promotion would write.
#[derive(Debug, Default)]
pub struct Promotion {
    /// The files that change, whole.
    pub files: BTreeMap<TreePath, String>,
    /// What is taken over.
    pub taken: Vec<Difference>,
    /// What differs and stays.
    pub left: Vec<Difference>,
}

/// Works out the new texts of the files below `environments/<to>/`.
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
    for (source, target) in pairs(&from, &to, request)? {
        let all = differences(&source.kind.schema, source, target);
        let (taken, left): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| request.wants(it));
        document::write(files, &mut promotion.files, request.to, target, &taken)?;
        promotion.taken.extend(taken);
        promotion.left.extend(left);
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

/// The claims that are requested, as both environments have them.
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
    let is_wanted = |it: &&Written<'_>| {
        request.claims.is_empty() || request.claims.iter().any(|n| n == it.name)
    };
    let pairs = from.iter().filter(is_wanted).filter_map(|source| {
        let target = of(to, source.name)?;
        (source.kind.name == target.kind.name).then_some((source, target))
    });
    Ok(pairs.collect())
}

/// A field that is named and differs nowhere is a typo, or done already: its name must at least be one that could differ.
fn check_fields(request: &Request<'_>, promotion: &Promotion) -> Result<(), Diagnostic> {
    let Fields::Named(names) = request.fields else {
        return Ok(());
    };
    let differing = || promotion.taken.iter().chain(&promotion.left);
    for name in names {
        if promotion.taken.iter().any(|it| it.is_at_or_below(name)) {
            continue;
        }
        let known: Vec<String> = differing().map(Difference::path).collect();
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
    fn wants(&self, difference: &Difference) -> bool {
        match self.fields {
            Fields::Versions => difference.is_version(),
            Fields::Named(names) => names.iter().any(|it| difference.is_at_or_below(it)),
            Fields::All => !difference.names_environment(self.from, self.to),
        }
    }
}
