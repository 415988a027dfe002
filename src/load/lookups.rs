//! Finds environments that cannot be rendered claim by claim, because the kinds of their claims look up other claims.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use memchr::memmem::{find, find_iter};

use super::claim_files::claim_files;
use super::environment::environment_folder;
use super::{Scope, WorkspaceConfig};
use crate::diag::{Diagnostics, Source};
use crate::layout::{BASE, KIND};
use crate::tree::{EntryKind, Files, TreePath, WordFinder};
use crate::yaml::{Node, parse_one};

/// The kinds of claims that the templates and expressions of a kind look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookedUpKinds {
    /// Any kind, because it is only known when rendering.
    Any,
    /// These kinds, with all of their names; empty for most kinds.
    Named(BTreeSet<String>),
}

impl LookedUpKinds {
    /// Whether a claim of a kind may be looked up.
    pub fn contains(&self, kind: &str) -> bool {
        match self {
            LookedUpKinds::Any => true,
            LookedUpKinds::Named(kinds) => kinds.contains(kind),
        }
    }

    fn is_empty(&self) -> bool {
        *self == LookedUpKinds::Named(BTreeSet::new())
    }

    fn union(self, other: LookedUpKinds) -> LookedUpKinds {
        match (self, other) {
            (LookedUpKinds::Named(mut kinds), LookedUpKinds::Named(others)) => {
                kinds.extend(others);
                LookedUpKinds::Named(kinds)
            }
            _ => LookedUpKinds::Any,
        }
    }
}

/// The lookups of all kinds of a workspace. Because of a lookup, the output of a claim may change with another claim that it does
/// not refer to: with `find`, or with a call of `claim(…)` in an expression.
pub struct KindLookups<'a> {
    files: &'a dyn Files,
    /// By name or alias of each kind with lookups: the kinds that it looks up. `None` if a kind cannot be read.
    kinds: Option<BTreeMap<String, LookedUpKinds>>,
    /// Whether base has a claim of a kind with lookups. Cached, because base is the largest part of most workspaces.
    base: OnceLock<bool>,
}

impl<'a> KindLookups<'a> {
    /// Reads the kinds of a workspace.
    pub fn read(files: &'a dyn Files, workspace: &WorkspaceConfig) -> KindLookups<'a> {
        let folders = workspace.templates.iter();
        let own: Option<Vec<Kind>> = folders
            .map(|it| read_kinds(files, it))
            .collect::<Option<Vec<_>>>()
            .map(|it| it.concat());
        KindLookups {
            files,
            kinds: own.map(|own| kinds_with_lookups(&own, &builtin_kinds())),
            base: OnceLock::new(),
        }
    }

    /// Whether an environment or base may have a claim of a kind with lookups.
    pub fn may_affect(&self, environment: &str) -> bool {
        let Some(kinds) = &self.kinds else {
            return true;
        };
        let has_claims = |name: &str| has_claims_of(self.files, name, kinds);
        *self.base.get_or_init(|| has_claims(BASE)) || has_claims(environment)
    }

    /// The kinds that a kind looks up; `None` for kinds without lookups.
    pub fn of_kind(&self, kind: &str) -> Option<&LookedUpKinds> {
        match &self.kinds {
            Some(kinds) => kinds.get(kind),
            None => Some(&LookedUpKinds::Any),
        }
    }
}

/// Whether a file in an environment's folder contains the name of one of these kinds.
fn has_claims_of(
    files: &dyn Files,
    environment: &str,
    kinds: &BTreeMap<String, LookedUpKinds>,
) -> bool {
    if kinds.is_empty() {
        return false;
    }
    let kinds: Vec<&str> = kinds.keys().map(String::as_str).collect();
    let folder = environment_folder(environment).0;
    let paths = files.files_containing(&folder, &kinds);
    let paths = paths.unwrap_or_else(|| claim_files(files, &folder, &mut Diagnostics::default()));
    files.expect(&paths);
    let mut texts = paths.iter().filter_map(|it| files.read(it).ok());
    let finders: Vec<_> = kinds.iter().map(|it| WordFinder::new(it)).collect();
    texts.any(|text| finders.iter().any(|it| it.is_in(&text)))
}

/// Extends a scope so that environments with claims of kinds with lookups are rendered completely.
pub fn widen_for_lookups(files: &dyn Files, scope: &Scope) -> Scope {
    let mut scope = scope.clone();
    let Ok(workspace) = WorkspaceConfig::read(files) else {
        return scope;
    };
    let lookups = KindLookups::read(files, &workspace);
    scope.claims.retain(|it, _| !lookups.may_affect(it));
    scope
}

/// The properties of a kind that can be found in its files without compiling them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kind {
    /// Its name and its aliases.
    names: BTreeSet<String>,
    looked_up: LookedUpKinds,
    /// Whether its templates include others, which may belong to another kind.
    has_includes: bool,
}

/// The properties of the built-in kinds: their names, the kinds that they look up, and whether they include templates. A test
/// compares them with the files of the kinds. Reading these files in each run would take longer than rendering a few claims.
const BUILTIN_KINDS: [(&[&str], &[&str], bool); 8] = [
    (&["ApplicationClaim"], &["BootstrapClaim"], false),
    (&["BootstrapClaim"], &[], false),
    (&["ChronikCluster"], &["ChronikOperator"], false),
    (&["ChronikOperator"], &[], false),
    (&["ClickHouseKubernetes", "KubernetesClickHouse"], &[], true),
    (&["KubernetesAltinityOperator"], &[], false),
    (&["OperatorInstall"], &[], false),
    (&["PlatformApplicationClaim"], &["BootstrapClaim"], false),
];

fn builtin_kinds() -> Vec<Kind> {
    let texts = |it: &[&str]| it.iter().map(|it| it.to_string()).collect();
    let kinds = BUILTIN_KINDS.into_iter();
    let kind = |(names, looked_up, has_includes): (&[&str], &[&str], bool)| Kind {
        names: texts(names),
        looked_up: LookedUpKinds::Named(texts(looked_up)),
        has_includes,
    };
    kinds.map(kind).collect()
}

/// By name or alias of each kind with lookups: the kinds that it looks up.
fn kinds_with_lookups(own: &[Kind], builtin: &[Kind]) -> BTreeMap<String, LookedUpKinds> {
    let all = || own.iter().chain(builtin);
    // A kind that includes templates may have the lookups of every other kind of the workspace.
    let of_own_kinds = own
        .iter()
        .map(|it| it.looked_up.clone())
        .fold(LookedUpKinds::Named(BTreeSet::new()), LookedUpKinds::union);
    let mut found = BTreeMap::new();
    for kind in all() {
        let mut looked_up = kind.looked_up.clone();
        if kind.has_includes {
            looked_up = looked_up.union(of_own_kinds.clone());
        }
        if let LookedUpKinds::Named(kinds) = &mut looked_up {
            let matching = all().filter(|it| !it.names.is_disjoint(kinds));
            let names: Vec<&String> = matching.flat_map(|it| &it.names).collect();
            kinds.extend(names.into_iter().cloned());
        }
        if !looked_up.is_empty() {
            found.extend(kind.names.iter().map(|it| (it.clone(), looked_up.clone())));
        }
    }
    found
}

/// The kinds in the subfolders of a folder; `None` if one cannot be read.
fn read_kinds(files: &dyn Files, folder: &TreePath) -> Option<Vec<Kind>> {
    let entries = match files.list(folder) {
        Ok(entries) => entries,
        Err(_) => return files.kind(folder).ok()?.is_none().then(Vec::new),
    };
    let folders = entries.iter().filter(|it| it.kind == EntryKind::Folder);
    folders
        .map(|it| read_kind(files, &folder.child(&it.name)))
        .collect()
}

fn read_kind(files: &dyn Files, folder: &TreePath) -> Option<Kind> {
    let mut kind = Kind {
        names: BTreeSet::from([folder.name().to_string()]),
        looked_up: LookedUpKinds::Named(BTreeSet::new()),
        has_includes: false,
    };
    let mut open = vec![folder.clone()];
    while let Some(folder) = open.pop() {
        for entry in files.list(&folder).ok()? {
            let path = folder.child(&entry.name);
            match entry.kind {
                EntryKind::Folder => open.push(path),
                EntryKind::File => add_file(&mut kind, &files.read(&path).ok()?, &path)?,
            }
        }
    }
    Some(kind)
}

/// Adds the properties in a file to those of its kind; `None` if it is an invalid `kind.yaml`.
fn add_file(kind: &mut Kind, text: &[u8], path: &TreePath) -> Option<()> {
    let contains = |word: &str| find(text, word.as_bytes()).is_some();
    kind.has_includes |= ["include", "import", "extends"].into_iter().any(contains);
    kind.add_lookups(kinds_in_calls(text));
    if path.name() == KIND {
        let node = parse_one(&Source::new(path.clone(), str::from_utf8(text).ok()?)).ok()?;
        let texts = |keys: &[&str]| {
            node.at_keys(keys)
                .and_then(Node::as_str)
                .map(str::to_string)
        };
        kind.names.extend(texts(&["metadata", "name"]));
        let aliases = node
            .at_keys(&["spec", "aliases"])
            .and_then(Node::as_sequence);
        let aliases = aliases.unwrap_or_default().iter();
        kind.names
            .extend(aliases.filter_map(|it| it.as_str().map(str::to_string)));
        let lookups = node.at_keys(&["spec", "find"]).and_then(Node::as_mapping);
        let lookups = lookups.into_iter().flatten();
        let kinds = lookups.filter_map(|it| it.value.get("kind")?.as_str().map(str::to_string));
        kind.add_lookups(LookedUpKinds::Named(kinds.collect()));
    }
    Some(())
}

impl Kind {
    fn add_lookups(&mut self, kinds: LookedUpKinds) {
        let known = std::mem::replace(&mut self.looked_up, LookedUpKinds::Any);
        self.looked_up = known.union(kinds);
    }
}

/// The kinds in calls of `claim`, if all of them are string literals.
fn kinds_in_calls(text: &[u8]) -> LookedUpKinds {
    let mut kinds = BTreeSet::new();
    for at in find_iter(text, b"claim") {
        let is_word = |it: u8| it.is_ascii_alphanumeric() || it == b'_';
        let before = at.checked_sub(1).and_then(|it| text.get(it));
        let after = text.get(at + "claim".len()..).unwrap_or_default();
        if before.is_some_and(|it| is_word(*it)) {
            continue;
        }
        let Some(arguments) = after.trim_ascii_start().strip_prefix(b"(") else {
            let last = text.get(..at).unwrap_or_default().trim_ascii_end().last();
            let is_name = after.first().is_none_or(|it| !is_word(*it));
            // If the function is assigned to another name, its calls cannot be found. Elsewhere, `claim` is part of a text.
            if is_name && matches!(last, Some(b'=' | b'[' | b'(' | b'|')) {
                return LookedUpKinds::Any;
            }
            continue;
        };
        let arguments = arguments.trim_ascii_start();
        let quoted = match arguments {
            [quote @ (b'"' | b'\''), rest @ ..] => rest
                .iter()
                .position(|it| it == quote)
                .and_then(|end| rest.get(..end)),
            _ => None,
        };
        match quoted.and_then(|it| str::from_utf8(it).ok()) {
            Some(kind) if !kind.contains('\\') => _ = kinds.insert(kind.to_string()),
            _ => return LookedUpKinds::Any,
        }
    }
    LookedUpKinds::Named(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{BUILTIN, builtin};

    #[test]
    fn the_table_of_built_in_kinds_matches_their_files() {
        let kinds = read_kinds(builtin(), &TreePath::root().child(BUILTIN));
        assert_eq!(kinds, Some(builtin_kinds()));
    }
}
