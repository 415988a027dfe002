//! The part of a workspace that one of several machines renders. Together, they produce exactly the bytes of a complete run.
//!
//! Each machine computes the same split from the same files. Environments are not divided if that gives each machine about the same
//! amount of work; larger ones are divided by claims. Files of a divided environment as a whole, such as the objects of its sync
//! engine, depend on all of its claims: the machine that has the first claims also renders the others for this purpose.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::diag::Diagnostics;
use crate::engine::ENGINES;
use crate::layout::{BASE, Output};
use crate::load::{self, Scope};
use crate::tree::{Files, TreePath};
use crate::{Compiled, Options, compile, widen_scope};

/// One of several shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// The number of this shard, counted from 1.
    pub number: usize,
    /// The number of shards.
    pub of: usize,
}

impl Shard {
    /// Parses `2/5`; `None` for any other text and if there is no such shard.
    pub fn read(text: &str) -> Option<Shard> {
        let (number, of) = text.split_once('/')?;
        let (number, of) = (number.parse().ok()?, of.parse().ok()?);
        (1..=of).contains(&number).then_some(Shard { number, of })
    }
}

/// The claims of all environments, by name.
type Claims = BTreeMap<String, BTreeSet<String>>;

/// What one shard renders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The environments and claims that the shard renders.
    pub scope: Scope,
    /// Divided environments for which it renders the files that belong to no claim.
    pub heads: Vec<String>,
}

/// Which files the shard is responsible for, among those whose path names no claim or environment.
#[derive(Clone, Debug)]
pub struct Coverage {
    claims: Claims,
    heads: Vec<String>,
    /// Whether it is responsible for files that no longer belong to any environment or claim.
    has_rest: bool,
    environments: Vec<String>,
}

impl Coverage {
    /// Whether a file of the output folder belongs to this shard, judging by its path alone.
    pub fn covers(&self, file: &TreePath) -> bool {
        let Some((folder, claim)) = Output::owner(file) else {
            return self.has_rest;
        };
        if ENGINES.is_base(folder) {
            let is_claim = |it: &BTreeSet<String>| claim.is_none_or(|claim| it.contains(claim));
            return self.has_rest && !self.claims.get(BASE).is_some_and(is_claim);
        }
        match self.claims.get(folder) {
            None => self.has_rest,
            Some(claims) if claim.is_some_and(|it| claims.contains(it)) => false,
            Some(_) => self.heads.iter().any(|it| it == folder),
        }
    }

    fn is_of_head(&self, file: &TreePath) -> bool {
        let is_shared = matches!(Output::parse(file), Some(Output::Own { folder, .. }) if ENGINES.is_base(folder));
        !is_shared && self.covers(file) || !self.is_of_environment(file)
    }

    fn is_of_environment(&self, file: &TreePath) -> bool {
        let Some(Output::Own { folder, .. }) = Output::parse(file) else {
            return false;
        };
        ENGINES.is_base(folder) || self.claims.contains_key(folder)
    }

    /// The environments that the shard renders.
    pub fn environments(&self) -> &[String] {
        &self.environments
    }
}

/// Compiles one shard of the workspace at the root of `files`.
///
/// Checks that need the whole workspace, such as for unused pins, are skipped. The tree of a shard without work is empty.
pub fn compile_shard(files: &dyn Files, shard: Shard, options: &Options) -> Compiled {
    let mut faults = Diagnostics::default();
    let whole = Scope::default();
    let reading = load::Options {
        cache: options.cache.clone(),
        ..load::Options::new(&ENGINES, &whole)
    };
    let claims = match load::load(files, reading, &mut faults) {
        Some(workspace) if !faults.has_errors() => claims(&workspace),
        // The complete run reports the errors.
        _ => return compile(files, options),
    };
    let part = split(files, &claims, shard);
    let coverage = Coverage {
        heads: part.heads.clone(),
        has_rest: shard.number == 1,
        environments: part.scope.environments.clone(),
        claims,
    };
    let options = |scope: Scope| Options {
        scope,
        ..options.clone()
    };
    let mut compiled = match part.scope.is_whole() {
        true => nothing(files),
        false => compile(files, &options(part.scope)),
    };
    if !part.heads.is_empty() && !compiled.diagnostics.has_errors() {
        let heads = Options {
            skip_proof: true,
            ..options(Scope::for_environments(&part.heads))
        };
        add_heads(&mut compiled, compile(files, &heads), &coverage);
    }
    compiled.shard = Some(coverage);
    compiled
}

/// A shard without work still reports the output folder.
fn nothing(files: &dyn Files) -> Compiled {
    let workspace = load::WorkspaceConfig::read(files).ok();
    Compiled {
        output: workspace.map(|it| it.output),
        ..Compiled::default()
    }
}

fn add_heads(compiled: &mut Compiled, heads: Compiled, coverage: &Coverage) {
    for (path, bytes) in heads.tree.iter().filter(|it| coverage.is_of_head(it.0)) {
        compiled.tree.insert(path.clone(), bytes.clone());
    }
    compiled.shared_paths.extend(heads.shared_paths);
    let origins = compiled.origins.iter().chain(heads.origins.iter());
    compiled.origins = origins.map(|it| (it.0.clone(), it.1.clone())).collect();
    compiled.diagnostics.extend(heads.diagnostics);
    compiled.diagnostics.sort_and_dedup();
    compiled.read_set.files.extend(heads.read_set.files);
    compiled.read_set.folders.extend(heads.read_set.folders);
    if compiled.diagnostics.has_errors() {
        compiled.tree = crate::tree::Tree::new();
    }
}

/// The claims of each environment, including those of base.
fn claims(workspace: &load::Workspace<'_>) -> Claims {
    let own = |it: &load::Environment| it.claims.iter().map(|it| it.name.clone()).collect();
    let shared: BTreeSet<String> = own(&workspace.base);
    let all = workspace.environments.iter().map(|environment| {
        let excluded = environment.exclude.iter().filter_map(|it| it.as_str());
        let excluded: BTreeSet<&str> = excluded
            .filter_map(|it| Some(it.split_once('/')?.1))
            .collect();
        let mut claims: BTreeSet<String> = own(environment);
        let taken = shared.iter().filter(|it| !excluded.contains(it.as_str()));
        claims.extend(taken.cloned());
        (environment.name.clone(), claims)
    });
    let mut claims: Claims = all.collect();
    claims.insert(BASE.to_string(), shared);
    claims
}

/// A piece of work: an environment, or some of its claims.
struct Piece<'a> {
    environment: &'a str,
    claims: Option<Vec<&'a String>>,
    is_head: bool,
    cost: usize,
}

/// Assigns the pieces of work, the largest first, each to the shard with the least work so far.
pub fn split(files: &dyn Files, claims: &BTreeMap<String, BTreeSet<String>>, shard: Shard) -> Part {
    let mut pieces = pieces(files, claims, shard.of);
    // Pieces of equal size are ordered by name, so that all machines compute the same order.
    pieces.sort_by(|a, b| {
        (b.cost, a.environment, &a.claims).cmp(&(a.cost, b.environment, &b.claims))
    });
    // A piece is never divided, so shards beyond the number of pieces have no work.
    let shards = shard.of.min(pieces.len());
    let mut loads: BinaryHeap<_> = (1..=shards).map(|number| Reverse((0, number))).collect();
    let mut part = Part::default();
    for piece in pieces {
        let Some(mut least) = loads.peek_mut() else {
            break;
        };
        least.0.0 += piece.cost;
        if least.0.1 == shard.number {
            part.add(&piece);
        }
    }
    part
}

impl Part {
    fn add(&mut self, piece: &Piece<'_>) {
        let environment = piece.environment.to_string();
        if !self.scope.environments.contains(&environment) {
            self.scope.environments.push(environment.clone());
        }
        if let Some(claims) = &piece.claims {
            let own = self.scope.claims.entry(environment.clone()).or_default();
            own.extend(claims.iter().map(|it| (*it).clone()));
        }
        if piece.is_head {
            self.heads.push(environment);
        }
    }
}

/// The environments, those larger than a shard's share in several pieces. An environment whose claims cannot be rendered without
/// each other is not divided.
fn pieces<'a>(files: &dyn Files, claims: &'a Claims, shards: usize) -> Vec<Piece<'a>> {
    let environments = || claims.iter().filter(|it| it.0 != BASE);
    let all: usize = environments().map(|it| it.1.len() + 1).sum();
    let share = all.div_ceil(shards).max(1);
    let large = environments().filter(|it| it.1.len() > share);
    let large: Claims = large.map(|(name, it)| (name.clone(), it.clone())).collect();
    let scope = Scope {
        environments: large.keys().cloned().collect(),
        claims: large,
        ..Scope::default()
    };
    let can_be_cut = widen_scope(files, &scope).claims;
    let mut pieces = Vec::new();
    for (environment, claims) in environments() {
        if !can_be_cut.contains_key(environment) {
            pieces.push(Piece {
                environment,
                claims: None,
                is_head: false,
                cost: claims.len() + 1,
            });
            continue;
        }
        let names: Vec<&String> = claims.iter().collect();
        for (at, names) in names.chunks(share).enumerate() {
            pieces.push(Piece {
                environment,
                claims: Some(names.to_vec()),
                is_head: at == 0,
                cost: names.len(),
            });
        }
    }
    pieces
}
