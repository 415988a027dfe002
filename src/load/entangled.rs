//! Environments whose claims depend on each other in ways that their documents do not show.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use memchr::memmem::{find, find_iter};

use super::claim_files::claim_files;
use super::environment::environment_folder;
use super::{Scope, WorkspaceConfig};
use crate::diag::{Diagnostics, Source};
use crate::layout::{BASE, KIND};
use crate::tree::{EntryKind, Files, TreePath, says};
use crate::yaml::{Node, parse_one};

/// The kinds of claims that the templates and expressions of a kind look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looks {
    /// Only known when rendering.
    ForAny,
    /// These kinds, with all of their names; empty for most kinds.
    For(BTreeSet<String>),
}

impl Looks {
    /// Whether a claim of a kind may be looked for.
    pub fn has(&self, kind: &str) -> bool {
        match self {
            Looks::ForAny => true,
            Looks::For(kinds) => kinds.contains(kind),
        }
    }

    fn is_none(&self) -> bool {
        *self == Looks::For(BTreeSet::new())
    }

    fn and(self, other: Looks) -> Looks {
        match (self, other) {
            (Looks::For(mut kinds), Looks::For(more)) => {
                kinds.extend(more);
                Looks::For(kinds)
            }
            _ => Looks::ForAny,
        }
    }
}

/// Finds environments in which the output of a claim may change with another claim that it does not refer to, because its kind
/// looks for others (`find`) or its expressions call `claim(…)`.
pub struct Entanglement<'a> {
    files: &'a dyn Files,
    /// The kinds that look for others, by each of their names; `None` if a kind cannot be read.
    kinds: Option<BTreeMap<String, Looks>>,
    /// Whether a claim of base is of a kind that looks for others. Base is the largest part of most workspaces.
    base: OnceLock<bool>,
}

impl<'a> Entanglement<'a> {
    /// Reads the kinds of a workspace.
    pub fn of(files: &'a dyn Files, workspace: &WorkspaceConfig) -> Entanglement<'a> {
        let own = workspace.templates.iter();
        let own: Option<Vec<Kind>> = own
            .map(|it| kinds_of(files, it))
            .collect::<Option<Vec<_>>>()
            .map(|it| it.concat());
        Entanglement {
            files,
            kinds: own.map(|own| looking(&own, &builtin_kinds())),
            base: OnceLock::new(),
        }
    }

    /// Whether the claims of an environment are entangled.
    pub fn has(&self, environment: &str) -> bool {
        let Some(kinds) = &self.kinds else {
            return true;
        };
        let has = |name: &str| has_claims_of(self.files, name, kinds);
        *self.base.get_or_init(|| has(BASE)) || has(environment)
    }

    /// The kinds that claims of a kind look for; usually none.
    pub fn looks(&self, kind: &str) -> Option<&Looks> {
        match &self.kinds {
            Some(kinds) => kinds.get(kind),
            None => Some(&Looks::ForAny),
        }
    }
}

/// Whether a file in an environment's folder names one of these kinds.
fn has_claims_of(files: &dyn Files, environment: &str, kinds: &BTreeMap<String, Looks>) -> bool {
    if kinds.is_empty() {
        return false;
    }
    let kinds: Vec<&str> = kinds.keys().map(String::as_str).collect();
    let folder = environment_folder(environment).0;
    let paths = files.saying(&folder, &kinds);
    let paths = paths.unwrap_or_else(|| claim_files(files, &folder, &mut Diagnostics::default()));
    files.expect(&paths);
    let mut texts = paths.iter().filter_map(|it| files.read(it).ok());
    texts.any(|text| kinds.iter().any(|it| says(&text, it)))
}

/// Extends a scope so that environments with entangled claims are rendered completely.
pub fn widen_entangled(files: &dyn Files, scope: &Scope) -> Scope {
    let mut scope = scope.clone();
    let Ok(workspace) = WorkspaceConfig::read(files) else {
        return scope;
    };
    let entanglement = Entanglement::of(files, &workspace);
    scope.claims.retain(|it, _| !entanglement.has(it));
    scope
}

/// The properties of a kind that can be read from its texts without compiling them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kind {
    /// Its name and its aliases.
    names: BTreeSet<String>,
    looks: Looks,
    /// Whether its templates include others, possibly of another kind.
    includes: bool,
}

/// The properties of the built-in kinds: their names, the kinds that they look for, and whether they include templates. A test
/// compares them with the texts. Reading the texts in each run would take longer than rendering a few claims.
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
    let kind = |(names, wanted, includes): (&[&str], &[&str], bool)| Kind {
        names: texts(names),
        looks: Looks::For(texts(wanted)),
        includes,
    };
    kinds.map(kind).collect()
}

/// The kinds that look for others, by each of their names.
fn looking(own: &[Kind], builtin: &[Kind]) -> BTreeMap<String, Looks> {
    let all = || own.iter().chain(builtin);
    // An included template may look for claims, too.
    let of_all = own.iter().fold(Looks::For(BTreeSet::new()), |looks, it| {
        looks.and(it.looks.clone())
    });
    let mut found = BTreeMap::new();
    for kind in all() {
        let mut looks = kind.looks.clone();
        if kind.includes {
            looks = looks.and(of_all.clone());
        }
        if let Looks::For(kinds) = &mut looks {
            let wanted = all().filter(|it| !it.names.is_disjoint(kinds));
            let names: Vec<&String> = wanted.flat_map(|it| &it.names).collect();
            kinds.extend(names.into_iter().cloned());
        }
        if !looks.is_none() {
            found.extend(kind.names.iter().map(|it| (it.clone(), looks.clone())));
        }
    }
    found
}

/// The kinds in the subfolders of a folder; `None` if one cannot be read.
fn kinds_of(files: &dyn Files, folder: &TreePath) -> Option<Vec<Kind>> {
    let entries = match files.list(folder) {
        Ok(entries) => entries,
        Err(_) => return files.kind(folder).ok()?.is_none().then(Vec::new),
    };
    let folders = entries.iter().filter(|it| it.kind == EntryKind::Folder);
    folders
        .map(|it| kind_of(files, &folder.child(&it.name)))
        .collect()
}

fn kind_of(files: &dyn Files, folder: &TreePath) -> Option<Kind> {
    let mut kind = Kind {
        names: BTreeSet::from([folder.name().to_string()]),
        looks: Looks::For(BTreeSet::new()),
        includes: false,
    };
    let mut open = vec![folder.clone()];
    while let Some(folder) = open.pop() {
        for entry in files.list(&folder).ok()? {
            let path = folder.child(&entry.name);
            match entry.kind {
                EntryKind::Folder => open.push(path),
                EntryKind::File => {
                    add_text(&mut kind, path.name(), &files.read(&path).ok()?, &path)?
                }
            }
        }
    }
    Some(kind)
}

/// Adds the properties in a file to those of its kind; `None` if it is invalid.
fn add_text(kind: &mut Kind, name: &str, text: &[u8], path: &TreePath) -> Option<()> {
    let says = |word: &str| find(text, word.as_bytes()).is_some();
    kind.includes |= ["include", "import", "extends"].into_iter().any(says);
    let asked = std::mem::replace(&mut kind.looks, Looks::ForAny);
    kind.looks = asked.and(asked_for(text));
    if name == KIND {
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
        let wanted = lookups.into_iter().flatten();
        let wanted = wanted.filter_map(|it| it.value.get("kind")?.as_str().map(str::to_string));
        let found = Looks::For(wanted.collect());
        let asked = std::mem::replace(&mut kind.looks, Looks::ForAny);
        kind.looks = asked.and(found);
    }
    Some(())
}

/// The kinds in calls of `claim`, if they are quoted texts.
fn asked_for(text: &[u8]) -> Looks {
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
            // If the function is assigned to another name, its calls cannot be found. In prose, it is just a word.
            if is_name && matches!(last, Some(b'=' | b'[' | b'(' | b'|')) {
                return Looks::ForAny;
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
            _ => return Looks::ForAny,
        }
    }
    Looks::For(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{BUILTIN, builtin};

    #[test]
    fn built_in_kinds_are_what_their_texts_say() {
        let read = kinds_of(builtin(), &TreePath::root().child(BUILTIN));
        assert_eq!(read, Some(builtin_kinds()));
    }
}
