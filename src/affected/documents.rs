//! Compares the documents of an environment's folder.

use std::collections::{BTreeMap, BTreeSet};

use super::AffectedClaims;
use crate::diag::{Diagnostics, Source};
use crate::load::{claim_files, environment_folder};
use crate::tree::{Changes, EntryKind, Files, TreePath, WordFinder};
use crate::yaml::{Node, View, parse, parse_one};

/// The claims of an environment whose documents differ between the two sides.
pub(super) fn changed_claims(
    sides: [&dyn Files; 2],
    environment: &str,
    changes: &Changes,
) -> AffectedClaims {
    let (folder, own) = environment_folder(environment);
    let mut texts = [BTreeMap::new(), BTreeMap::new()];
    for path in changes.below(&folder).filter(|it| **it != own) {
        let read = sides.map(|it| read(it, path));
        for (texts, found) in texts.iter_mut().zip(read) {
            let Some(documents) = found else {
                return AffectedClaims::All;
            };
            for document in documents {
                let Some(name) = claim_name(&document) else {
                    return AffectedClaims::All;
                };
                texts
                    .entry(name.to_string())
                    .or_insert_with(Vec::new)
                    .push(document);
            }
        }
    }
    let [before, after] = &texts;
    let names = before.keys().chain(after.keys());
    let same = |it: &&String| match (before.get(*it), after.get(*it)) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b)),
        _ => false,
    };
    AffectedClaims::Only(names.filter(|it| !same(it)).cloned().collect())
}

/// The documents of a changed file; none if the file does not exist or contains no claims, `None` if they cannot be read.
fn read(files: &dyn Files, path: &TreePath) -> Option<Vec<Node>> {
    match files.kind(path) {
        // Git replaces invalid UTF-8 in lists of changes by this character.
        Ok(None) if path.as_str().contains(char::REPLACEMENT_CHARACTER) => None,
        Ok(None) => Some(Vec::new()),
        // The files of an added or removed folder are listed by themselves, but a link to a folder hides them.
        Ok(Some(EntryKind::Folder)) => match files.real(path) {
            Ok(real) if real == *path => Some(Vec::new()),
            _ => None,
        },
        Ok(Some(EntryKind::File)) if !is_yaml(path) => Some(Vec::new()),
        Ok(Some(EntryKind::File)) => documents(files, path),
        Err(_) => None,
    }
}

fn is_yaml(path: &TreePath) -> bool {
    path.name().ends_with(".yaml") || path.name().ends_with(".yml")
}

/// The documents of a file; `None` if it is not YAML.
pub(super) fn documents(files: &dyn Files, path: &TreePath) -> Option<Vec<Node>> {
    let bytes = files.read(path).ok()?;
    let source = Source::new(path.clone(), str::from_utf8(&bytes).ok()?);
    let documents = parse(&source).ok()?.into_iter();
    Some(documents.filter(|it| !it.is_null()).collect())
}

/// Kind and name of each claim of a file, in order; none if there is no file, `None` if it cannot be read.
pub fn claim_titles(files: &dyn Files, path: &TreePath) -> Option<Vec<(String, String)>> {
    let documents = read(files, path)?;
    let title = |it: &Node| {
        let kind = it.get("kind")?.as_str()?;
        Some((kind.to_string(), claim_name(it)?.to_string()))
    };
    documents.iter().map(title).collect()
}

/// The documents of all readable files of an environment.
pub fn environment_documents(files: &dyn Files, environment: &str) -> Vec<Node> {
    let (folder, _) = environment_folder(environment);
    let paths = claim_files(files, &folder, &mut Diagnostics::default());
    files.expect(&paths);
    let documents = paths.iter().filter_map(|it| documents(files, it));
    documents.flatten().collect()
}

/// The documents of the files of an environment that contain a word.
pub(super) fn documents_with_word(files: &dyn Files, environment: &str, word: &str) -> Vec<Node> {
    let (folder, _) = environment_folder(environment);
    let paths = files.files_containing(&folder, &[word]);
    let paths = paths.unwrap_or_else(|| claim_files(files, &folder, &mut Diagnostics::default()));
    files.expect(&paths);
    let finder = WordFinder::new(word);
    let has_word = |it: &TreePath| finder.is_in(&files.read(it).unwrap_or_default());
    let paths = paths.iter().filter(|it| has_word(it));
    let documents = paths.filter_map(|it| documents(files, it));
    documents.flatten().collect()
}

pub(super) fn claim_name(document: &Node) -> Option<&str> {
    document.at_keys(&["metadata", "name"])?.as_str()
}

/// The names of the claims that an environment excludes.
pub(super) fn excluded_claims(files: &dyn Files, environment: &str) -> BTreeSet<String> {
    let read = || {
        let path = environment_folder(environment).1;
        let bytes = files.read(&path).ok()?;
        let node = parse_one(&Source::new(path, str::from_utf8(&bytes).ok()?)).ok()?;
        let list = node.at_keys(&["spec", "exclude"])?.as_sequence()?.iter();
        let titles = list.filter_map(|it| it.as_str()?.split_once('/'));
        Some(titles.map(|it| it.1.to_string()).collect())
    };
    read().unwrap_or_default()
}

/// Whether two documents are equal, apart from comments and layout.
fn is_equal(a: &Node, b: &Node) -> bool {
    match (a.view(), b.view()) {
        (View::Scalar(text), View::Scalar(other)) => {
            text == other && a.style() == b.style() && a.tag() == b.tag()
        }
        (View::Sequence(a), View::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
        }
        (View::Mapping(a), View::Mapping(b)) => {
            let same = |(a, b): (&crate::yaml::Entry, &crate::yaml::Entry)| {
                is_equal(&a.key, &b.key) && is_equal(&a.value, &b.value)
            };
            a.len() == b.len() && a.iter().zip(b.iter()).all(same)
        }
        _ => false,
    }
}
