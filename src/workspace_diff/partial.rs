//! If one side of a comparison does not render, finds the parts that render on both sides: by environment and, within those that
//! fail, by claim.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::Origin;
use crate::diag::{Class, Diagnostic, Diagnostics, Severity, Source, Span};
use crate::layout::BASE;
use crate::load::{self, claim_files, environment_folder};
use crate::tree::{EntryKind, Files, TreePath};
use crate::yaml::{Node, parse};
use crate::{Compiled, Options, Scope, compile_sides, widen_scope};

/// The parts that render on both sides, and why the others are left out; `None` if nothing can be compared.
pub(super) fn compile_renderable(
    sides: [&dyn Files; 2],
    names: [&str; 2],
    options: &Options,
) -> Option<([Compiled; 2], Diagnostics)> {
    let scope = &options.scope;
    let all: BTreeSet<String> = sides.into_iter().flat_map(load::environments).collect();
    let environments: BTreeSet<String> = match scope.is_whole() {
        true => all.clone(),
        false => scope.environments.iter().cloned().collect(),
    };
    let mut search = Search {
        sides,
        options,
        kept: Vec::new(),
        failed: Vec::new(),
    };
    for environment in &environments {
        search.environment(environment);
    }
    // Unaffected parts are the same on both sides.
    let is_all = scope.claims.is_empty() && environments.is_superset(&all);
    let is_nothing = search.kept.is_empty() && is_all;
    (!is_nothing).then(|| (search.merged(), search.notes(names)))
}

/// The maximum number of claims of an environment that are tried one by one to find those with errors. Further claims are not
/// compared, because each rendering takes as long as reading the environment.
const ALONE_MAX: usize = 20;

struct Search<'a> {
    sides: [&'a dyn Files; 2],
    options: &'a Options,
    /// What rendered on both sides, part by part.
    kept: Vec<[Option<Compiled>; 2]>,
    failed: Vec<Failure>,
}

/// Something that does not render.
struct Failure {
    /// The claim; `None` for an environment as a whole.
    claim: Option<String>,
    /// The sides on which it fails.
    sides: [bool; 2],
    /// The first error, and the number of further ones.
    fault: Diagnostic,
    more: usize,
    environments: BTreeSet<String>,
}

/// A document of a claim.
struct Document {
    name: String,
    span: Span,
}

/// The claims of an environment and of base on one side.
#[derive(Default)]
struct ClaimInventory {
    documents: Vec<Document>,
    /// Files that are not YAML, so their claims are unknown.
    unread: BTreeSet<TreePath>,
}

/// What renders of an environment on both sides, and what does not.
#[derive(Default)]
struct Found {
    kept: Option<[Option<Compiled>; 2]>,
    /// The claims with their errors; `None` for the environment as a whole.
    failed: Vec<(Option<String>, [Diagnostics; 2])>,
}

/// The claims of an environment that may render together, and those that do not, with their errors.
struct Partition {
    sound: BTreeSet<String>,
    /// The result for the sound claims; `None` if they do not render together.
    rendered: Option<[Option<Compiled>; 2]>,
    failed: BTreeMap<String, [Diagnostics; 2]>,
    /// The errors of the sound claims together.
    faults: [Diagnostics; 2],
}

impl Search<'_> {
    /// Keeps an environment as a whole, or those of its claims that render on both sides.
    fn environment(&mut self, environment: &str) {
        let asked = self.options.scope.claims.get(environment);
        let asked = asked.filter(|_| !self.is_mixed(environment)).cloned();
        // The files that all claims share are left out if only some claims are rendered.
        if let Some(asked) = &asked
            && let Ok(rendered) = self.render(environment, Some(asked))
            && !has_different_exports(&rendered)
        {
            return self.kept.push(rendered);
        }
        let found = self.find(environment);
        self.kept.extend(found.kept);
        // Other claims are unchanged.
        let is_asked = |claim: &String| asked.as_ref().is_none_or(|it| it.contains(claim));
        for (claim, faults) in found.failed {
            if claim.as_ref().is_none_or(is_asked) {
                self.add_failure(claim, &faults, environment);
            }
        }
    }

    /// Renders an environment without the claims that fail.
    fn find(&self, environment: &str) -> Found {
        let faults = match self.render(environment, None) {
            Ok(rendered) => {
                return Found {
                    kept: Some(rendered),
                    ..Found::default()
                };
            }
            Err(faults) => faults,
        };
        let stock = self.sides.map(|it| inventory(it, environment));
        let unknown = unknown(&stock);
        let (lost, rest): (BTreeSet<String>, BTreeSet<String>) = names(&stock)
            .into_iter()
            .partition(|it| unknown.contains(it));
        let render = |claims: &BTreeSet<String>| self.render_only(environment, claims);
        let first = match lost.is_empty() {
            true => Err(faults.clone()),
            false => render(&rest),
        };
        let mut parts = partition(&stock, rest, first, &render);
        // Errors in the settings of the environment and in its overlay belong to no claim.
        if parts.rendered.is_none() && render(&BTreeSet::new()).is_ok() {
            parts.try_each(&render);
        }
        let mut failed: Vec<_> = match parts.rendered {
            Some(_) => Vec::new(),
            None => vec![(None, parts.faults)],
        };
        let claims = parts.failed.into_iter();
        failed.extend(claims.map(|(claim, faults)| (Some(claim), faults)));
        let [before, after] = &faults;
        let unreadable = [
            errors_of_unreadable_files(&stock[0], before),
            errors_of_unreadable_files(&stock[1], after),
        ];
        failed.extend(lost.into_iter().map(|it| (Some(it), unreadable.clone())));
        Found {
            kept: parts.rendered,
            failed,
        }
    }

    /// Whether an overlay or a claim depends on the whole environment, so that rendering a part gives a different result.
    fn is_mixed(&self, environment: &str) -> bool {
        let mut scope = Scope::for_environments(&[environment.to_string()]);
        let none = (environment.to_string(), BTreeSet::new());
        scope.claims.extend([none]);
        let mut sides = self.sides.iter();
        sides.any(|side| scope != widen_scope(*side, &scope))
    }

    /// Renders an environment, or the claims of it that a change affects. Errors: those of both sides.
    fn render(&self, environment: &str, claims: Option<&BTreeSet<String>>) -> Rendering {
        let mut scope = Scope::for_environments(&[environment.to_string()]);
        let own = claims.map(|it| (environment.to_string(), it.clone()));
        scope.claims.extend(own);
        self.render_scope(&scope)
    }

    /// Renders an environment as if it had only these claims.
    fn render_only(&self, environment: &str, claims: &BTreeSet<String>) -> Rendering {
        self.render_scope(&Scope {
            environments: vec![environment.to_string()],
            claims: [(environment.to_string(), claims.clone())].into(),
            is_closed: true,
            leaves_out_rest: true,
        })
    }

    fn render_scope(&self, scope: &Scope) -> Rendering {
        let compiled = compile_sides(self.sides, scope, self.options, true);
        let mut rendered = compiled.iter().flatten();
        let is_sound = rendered.all(|it| !it.diagnostics.has_errors());
        match is_sound {
            true => Ok(compiled),
            false => Err(compiled.map(|it| it.map(|it| it.diagnostics).unwrap_or_default())),
        }
    }

    fn add_failure(&mut self, claim: Option<String>, faults: &[Diagnostics; 2], environment: &str) {
        let errors = |side: &Diagnostics| -> Vec<Diagnostic> {
            let errors = side.iter().filter(|it| it.severity == Severity::Error);
            errors.cloned().collect()
        };
        let [before, after] = faults.each_ref().map(errors);
        let sides = [!before.is_empty(), !after.is_empty()];
        let mut found = if after.is_empty() { before } else { after }.into_iter();
        let Some(fault) = found.next() else {
            return;
        };
        // The fault of a claim can be the reason why its environment is not compared.
        let is_known = self.failed.iter().any(|it| {
            it.claim.is_none()
                && it.sides == sides
                && it.fault == fault
                && it.environments.contains(environment)
        });
        if claim.is_some() && is_known {
            return;
        }
        let is_it = |it: &&mut Failure| it.claim == claim && it.sides == sides && it.fault == fault;
        match self.failed.iter_mut().find(is_it) {
            Some(known) => drop(known.environments.insert(environment.to_string())),
            None => self.failed.push(Failure {
                claim,
                sides,
                fault,
                more: found.len(),
                environments: BTreeSet::from([environment.to_string()]),
            }),
        }
    }

    /// Everything that is kept, combined.
    fn merged(&self) -> [Compiled; 2] {
        [0, 1].map(|side| {
            let parts = self.kept.iter().filter_map(|it| it.get(side)?.as_ref());
            let mut merged = Compiled::default();
            let mut origins: Vec<(TreePath, Origin)> = Vec::new();
            for part in parts {
                merged.tree.overlay(&part.tree);
                let own = part.origins.iter();
                origins.extend(own.map(|it| (it.0.clone(), it.1.clone())));
            }
            merged.origins = origins.into_iter().collect();
            merged
        })
    }

    /// The reasons why the rest is not compared.
    fn notes(self, names: [&str; 2]) -> Diagnostics {
        let note = |it: Failure| {
            let environments: Vec<String> = it.environments.into_iter().collect();
            let environments = environments.join(", ");
            let (subject, rest) = match it.claim {
                Some(claim) => (format!("claim `{claim}` in {environments} is"), "it"),
                None if environments.contains(',') => {
                    (format!("the environments {environments} are"), "they")
                }
                None => (format!("environment {environments} is"), "it"),
            };
            let side = match it.sides {
                [true, true] => "either side",
                [true, false] => names[0],
                [false, _] => names[1],
            };
            let more = match it.more {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let message = format!(
                "{subject} not compared, because {rest} cannot be rendered in {side}: {}{more}",
                it.fault.message
            );
            Diagnostic {
                message,
                code: "not-compared",
                class: Class::Plain,
                severity: Severity::Warning,
                ..it.fault
            }
        };
        let mut notes: Diagnostics = self.failed.into_iter().map(note).collect();
        notes.sort_and_dedup();
        notes
    }
}

/// Both sides of some claims, or the errors of both sides.
type Rendering = Result<[Option<Compiled>; 2], [Diagnostics; 2]>;

/// Leaves out the claims whose documents contain errors, until the others render or no further claim is at fault. `first` is the
/// result for all of them.
fn partition(
    stock: &[ClaimInventory; 2],
    claims: BTreeSet<String>,
    first: Rendering,
    render: &dyn Fn(&BTreeSet<String>) -> Rendering,
) -> Partition {
    let mut parts = Partition {
        sound: claims,
        rendered: None,
        failed: BTreeMap::new(),
        faults: Default::default(),
    };
    let mut rendering = first;
    loop {
        match rendering {
            Ok(rendered) => {
                parts.rendered = Some(rendered);
                return parts;
            }
            Err(faults) => parts.faults = faults,
        }
        if !parts.failed.is_empty() {
            let faults = std::mem::take(&mut parts.faults);
            parts.faults = faults.map(|it| it.into_iter().map(consequence).collect());
        }
        let mut suspects = suspects(stock, &parts.faults);
        suspects.retain(|it, _| parts.sound.contains(it));
        if suspects.is_empty() {
            return parts;
        }
        parts.sound.retain(|it| !suspects.contains_key(it));
        parts.failed.extend(suspects);
        rendering = render(&parts.sound);
    }
}

/// An error after claims were left out: a reference to one of them is not a fault of the claim that refers to it.
fn consequence(fault: Diagnostic) -> Diagnostic {
    match fault.class {
        Class::UnknownReference => Diagnostic {
            message: "it refers to a claim that is not compared".to_string(),
            help: Vec::new(),
            ..fault
        },
        _ => fault,
    }
}

impl Partition {
    /// Adds one claim after the other, if it is unclear which of them have errors.
    fn try_each(&mut self, render: &dyn Fn(&BTreeSet<String>) -> Rendering) {
        let claims = std::mem::take(&mut self.sound).into_iter();
        for (at, claim) in claims.enumerate() {
            let mut more = self.sound.clone();
            more.insert(claim.clone());
            let rendering = match at < ALONE_MAX {
                true => render(&more),
                false => Err(self.faults.clone()),
            };
            match rendering {
                Ok(rendered) => {
                    self.sound = more;
                    self.rendered = Some(rendered);
                }
                Err(faults) => drop(self.failed.insert(claim, faults)),
            }
        }
    }
}

/// Whether the properties of claims that the rest of their environment depends on differ between the sides.
fn has_different_exports(sides: &[Option<Compiled>; 2]) -> bool {
    let [before, after] = sides.each_ref().map(|it| {
        let exports = it.iter().flat_map(|it| &it.exports);
        exports.collect::<Vec<_>>()
    });
    before != after
}

/// The claims that an environment may contain, including those of base.
fn inventory(files: &dyn Files, environment: &str) -> ClaimInventory {
    let mut stock = ClaimInventory::default();
    for folder in [BASE, environment].map(|it| environment_folder(it).0) {
        // A folder that does not exist is not an error here.
        if !matches!(files.kind(&folder), Ok(Some(EntryKind::Folder))) {
            continue;
        }
        for path in claim_files(files, &folder, &mut Diagnostics::default()) {
            match documents(files, &path) {
                Some(found) => stock.documents.extend(found),
                None => drop(stock.unread.insert(path)),
            }
        }
    }
    stock
}

/// The claims of a file; `None` if it is not YAML.
fn documents(files: &dyn Files, path: &TreePath) -> Option<Vec<Document>> {
    let bytes = files.read(path).ok()?;
    let source = Source::new(path.clone(), str::from_utf8(&bytes).ok()?);
    let documents = parse(&source).ok()?.into_iter().filter_map(|it| {
        let name = it.at_keys(&["metadata", "name"]).and_then(Node::as_str);
        Some(Document {
            name: name?.to_string(),
            span: it.span().clone(),
        })
    });
    Some(documents.collect())
}

fn names(stock: &[ClaimInventory; 2]) -> BTreeSet<String> {
    let documents = stock.iter().flat_map(|it| &it.documents);
    documents.map(|it| it.name.clone()).collect()
}

/// The claims that a file that is not YAML may contain: those that it contains on the other side, and those that are missing on
/// this side.
fn unknown(stock: &[ClaimInventory; 2]) -> BTreeSet<String> {
    let [before, after] = stock;
    let of_one = |side: &ClaimInventory, other: &ClaimInventory| -> BTreeSet<String> {
        let is_there = |name: &str| side.documents.iter().any(|it| it.name == name);
        let others = other.documents.iter().filter(|it| {
            side.unread.contains(it.span.path()) || !side.unread.is_empty() && !is_there(&it.name)
        });
        others.map(|it| it.name.clone()).collect()
    };
    &of_one(before, after) | &of_one(after, before)
}

/// The claims whose documents contain errors, with these errors.
fn suspects(
    stock: &[ClaimInventory; 2],
    faults: &[Diagnostics; 2],
) -> BTreeMap<String, [Diagnostics; 2]> {
    let mut suspects: BTreeMap<String, [Diagnostics; 2]> = BTreeMap::new();
    for (at, (stock, faults)) in stock.iter().zip(faults).enumerate() {
        for fault in faults.iter().filter(|it| it.severity == Severity::Error) {
            let Some(span) = &fault.span else {
                continue;
            };
            let is_in = |it: &&Document| {
                it.span.path() == span.path() && (it.span.start..=it.span.end).contains(&span.start)
            };
            for document in stock.documents.iter().filter(is_in) {
                let known = suspects.entry(document.name.clone()).or_default();
                if let Some(side) = known.get_mut(at) {
                    side.push(fault.clone());
                }
            }
        }
    }
    suspects
}

/// The errors of the files that are not YAML.
fn errors_of_unreadable_files(stock: &ClaimInventory, faults: &Diagnostics) -> Diagnostics {
    let is_it = |it: &&Diagnostic| {
        let span = it.span.as_ref();
        span.is_some_and(|span| stock.unread.contains(span.path()))
    };
    faults.iter().filter(is_it).cloned().collect()
}
