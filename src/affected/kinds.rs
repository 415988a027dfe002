//! The claims of kinds whose files change.

use std::collections::BTreeSet;

use super::{Search, documents};
use crate::diag::Source;
use crate::layout::{BASE, KIND};
use crate::load::WorkspaceConfig;
use crate::template::{BUILTIN, builtin};
use crate::tree::{EntryKind, Files, TreePath, Walk};
use crate::yaml::{Node, parse_one};

/// Adds the claims of every kind whose folder changes or includes a template of a folder that does.
pub(super) fn search(search: &mut Search<'_>, workspaces: [&WorkspaceConfig; 2]) {
    let folders: BTreeSet<&TreePath> = workspaces.iter().flat_map(|it| &it.templates).collect();
    let mut changed = BTreeSet::new();
    for folder in &folders {
        let below = search.changes.below(folder);
        let names = below.filter_map(|it| it.below(folder)?.parts().next().map(str::to_string));
        changed.extend(names);
    }
    if changed.is_empty() {
        return;
    }
    for side in search.sides {
        add_including_kinds(side, &folders, &mut changed);
    }
    let mut names = changed.clone();
    for name in &changed {
        for side in search.sides {
            let own = folders.iter().map(|it| (side, it.child(name)));
            let ours = TreePath::root().child(BUILTIN).child(name);
            for (files, folder) in own.chain([(builtin() as &dyn Files, ours)]) {
                names.extend(aliases(files, &folder));
            }
        }
    }
    add_claims(search, &names);
}

/// Adds the kinds whose templates name a changed kind.
fn add_including_kinds(
    files: &dyn Files,
    folders: &BTreeSet<&TreePath>,
    changed: &mut BTreeSet<String>,
) {
    let mut kinds = Vec::new();
    for folder in folders {
        for entry in files.list(folder).unwrap_or_default() {
            let mut texts = Vec::new();
            collect_texts(files, &folder.child(&entry.name), &mut texts);
            kinds.push((entry.name.to_string(), texts));
        }
    }
    loop {
        let names = |text: &String| changed.iter().any(|it| text.contains(&format!("{it}/")));
        let more = kinds
            .iter()
            .filter(|it| !changed.contains(&it.0) && it.1.iter().any(names));
        let more: Vec<String> = more.map(|it| it.0.clone()).collect();
        if more.is_empty() {
            break;
        }
        changed.extend(more);
    }
}

fn collect_texts(files: &dyn Files, folder: &TreePath, texts: &mut Vec<String>) {
    let mut open = Walk::new(files, folder.clone());
    while let Some(folder) = open.next() {
        for entry in files.list(&folder).unwrap_or_default() {
            let path = folder.child(&entry.name);
            match entry.kind {
                EntryKind::Folder => open.add(path),
                EntryKind::File => {
                    let bytes = files.read(&path).unwrap_or_default();
                    texts.push(String::from_utf8_lossy(&bytes).into_owned());
                }
            }
        }
    }
}

fn aliases(files: &dyn Files, folder: &TreePath) -> Vec<String> {
    let read = || {
        let path = folder.child(KIND);
        let bytes = files.read(&path).ok()?;
        let node = parse_one(&Source::new(path, str::from_utf8(&bytes).ok()?)).ok()?;
        let aliases = node.at_keys(&["spec", "aliases"])?.as_sequence()?.iter();
        let aliases = aliases.filter_map(Node::as_str).map(str::to_string);
        Some(aliases.collect())
    };
    read().unwrap_or_default()
}

fn add_claims(search: &mut Search<'_>, names: &BTreeSet<String>) {
    let is_of = |it: &Node| {
        it.get("kind")
            .and_then(Node::as_str)
            .is_some_and(|it| names.contains(it))
    };
    for environment in search
        .names
        .clone()
        .iter()
        .map(String::as_str)
        .chain([BASE])
    {
        for side in search.sides {
            let documents = documents::environment_documents(side, environment);
            for document in documents.iter().filter(|it| is_of(it)) {
                match documents::claim_name(document) {
                    Some(name) if environment == BASE => search.add_base_claim(name),
                    Some(name) => search.found.add_claim(environment, name),
                    None => search.found.add_environment(environment),
                }
            }
        }
    }
}
