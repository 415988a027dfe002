//! Rendered scalars name the lines of claims that cause them: `causes::NAME` for each workspace of `golden/`.
//!
//! The true causes are found independently: each scalar of each claim is changed to another valid value, and the workspace is
//! rendered. Each rendered scalar that changed must name the claim's line among its causes.

use std::collections::BTreeMap;
use std::path::Path;

use pleach::diag::{Source, Span};
use pleach::disk::Folder;
use pleach::provenance::{Cause, causes};
use pleach::template::Trace;
use pleach::tree::{Files, Over, Tree, TreePath};
use pleach::yaml::{FieldPath, Kind, Node, View, parse};
use pleach::{Compiled, Options, Scope, compile};

use crate::check::options;

/// One of this many scalars is changed, because each change takes a rendering. With the variable `CAUSES=all`, all are changed.
const EACH: usize = 17;

pub(crate) fn check(input: &Path) -> Result<(), String> {
    let files = Folder::open(input).map_err(|error| error.to_string())?;
    let trace = Trace::default();
    let plain = compile(&files, &options());
    let traced = Options {
        trace: Some(trace.clone()),
        ..options()
    };
    let traced = compile(&files, &traced);
    if plain.tree != traced.tree {
        return Err("a traced run gives another tree".to_string());
    }
    let before = scalars(&traced);
    let (mut seen, mut tried, mut missed) = (0, 0, Vec::new());
    let is_all = std::env::var("CAUSES").is_ok_and(|it| it == "all");
    for source in claim_files(&files) {
        let environment = source.path.parts().nth(1).unwrap_or("").to_string();
        let scope = match &*environment {
            "base" => Scope::default(),
            name => Scope::for_environments(&[name.to_string()]),
        };
        let mut places = Vec::new();
        for claim in parse(&source).unwrap_or_default() {
            for key in ["metadata", "spec"] {
                claim
                    .get(key)
                    .iter()
                    .for_each(|it| collect(it, &mut places));
            }
        }
        for node in places {
            seen += 1;
            if !is_all && seen % EACH != 0 {
                continue;
            }
            let Some(after) = changed(&files, &source, &node, &scope) else {
                continue;
            };
            tried += 1;
            missed.extend(unexplained(&trace, &before, &scalars(&after), node.span()));
        }
    }
    match missed.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{tried} scalars of claims changed something; not explained:\n{}",
            missed.join("\n")
        )),
    }
}

fn claim_files(files: &Folder) -> Vec<std::sync::Arc<Source>> {
    let mut found = Vec::new();
    let folder = TreePath::new("environments").unwrap();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in files.list(&folder).unwrap_or_default() {
            let path = folder.child(&entry.name);
            match entry.kind {
                pleach::tree::EntryKind::Folder => folders.push(path),
                _ if entry.name.ends_with(".yaml") => {
                    let text = files.read(&path).unwrap();
                    let text = String::from_utf8_lossy(&text).into_owned();
                    found.push(Source::new(path, text));
                }
                _ => {}
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(node: &Node, into: &mut Vec<Node>) {
    match node.view() {
        View::Scalar(_) => into.push(node.clone()),
        View::Sequence(items) => items.iter().for_each(|it| collect(it, into)),
        View::Mapping(mapping) => mapping.iter().for_each(|it| collect(&it.value, into)),
    }
}

/// Scalars with their spans, by folder, object and path.
type Scalars = BTreeMap<(TreePath, String, String), Node>;

fn scalars(compiled: &Compiled) -> Scalars {
    let mut found = Scalars::new();
    for (folder, origin) in compiled.origins.iter() {
        for object in &origin.objects {
            let id = object.id().to_string();
            leaves(&object.node, &FieldPath::root(), &mut |path, node| {
                found.insert((folder.clone(), id.clone(), path), node.clone());
            });
        }
    }
    found
}

fn leaves(node: &Node, path: &FieldPath, act: &mut dyn FnMut(String, &Node)) {
    match node.view() {
        View::Scalar(_) => act(path.to_string(), node),
        View::Sequence(items) => {
            act(
                format!("{path} has"),
                &Node::string(items.len().to_string()),
            );
            for (at, item) in items.iter().enumerate() {
                leaves(item, &path.index(at), act);
            }
        }
        View::Mapping(mapping) => {
            for entry in mapping {
                leaves(
                    &entry.value,
                    &path.key(entry.key.as_str().unwrap_or("")),
                    act,
                );
            }
        }
    }
}

/// The workspace compiled with another value of a scalar; `None` if no other value is valid.
fn changed(files: &Folder, source: &Source, node: &Node, scope: &Scope) -> Option<Compiled> {
    let range = node.span().range();
    others(node).into_iter().find_map(|other| {
        let text = format!(
            "{}{other}{}",
            &source.text[..range.start],
            &source.text[range.end..]
        );
        let changes = Tree::from_iter([(source.path.clone(), text.into_bytes().into())]);
        let files = Over::new(files, changes);
        let options = Options {
            scope: scope.clone(),
            skip_proof: true,
            ..options()
        };
        let compiled = compile(&files, &options);
        (!compiled.diagnostics.has_errors()).then_some(compiled)
    })
}

fn others(node: &Node) -> Vec<String> {
    let text = node.as_str().unwrap_or("");
    match node.kind() {
        Kind::Bool => vec![(text != "true").to_string()],
        Kind::Int => {
            let number = node.as_int().unwrap_or(0);
            [1, 2, -1, 10].map(|it| (number + it).to_string()).into()
        }
        Kind::String | Kind::Timestamp | Kind::Float => {
            let digit = |it: char| match it {
                '1'..='8' => char::from(it as u8 + 1),
                it => it,
            };
            let quoted = |it: String| format!("{it:?}");
            let other = text.chars().map(digit).collect::<String>();
            vec![
                quoted(other),
                quoted(format!("{text}x")),
                quoted(format!("x{text}")),
            ]
        }
        _ => Vec::new(),
    }
}

fn unexplained(trace: &Trace, before: &Scalars, after: &Scalars, place: &Span) -> Vec<String> {
    let line = |it: &Span| (it.path().clone(), it.outermost().position().line);
    let mut missed = Vec::new();
    for (key, old) in before {
        let Some(new) = after.get(key).filter(|it| it.as_str() != old.as_str()) else {
            continue;
        };
        if key.2.ends_with(" has") {
            continue;
        }
        let (folder, id, path) = key;
        let list = path.rfind('[').map(|at| format!("{} has", &path[..at]));
        let length = |of: &Scalars| {
            let list = list.clone()?;
            of.get(&(folder.clone(), id.clone(), list))?
                .as_str()
                .map(str::to_string)
        };
        if length(before) != length(after) {
            continue;
        }
        let causes = causes(trace, old.span());
        // The claim does not cause a value that a chart sets itself, although the claim could override it.
        let is_of_chart = |it: &Cause| it.location.path().as_str().starts_with("charts/");
        if causes.iter().all(is_of_chart) && !causes.is_empty() {
            continue;
        }
        if !causes.iter().any(|it| line(&it.location) == line(place)) {
            let found: Vec<String> = causes.iter().map(|it| it.location.to_string()).collect();
            missed.push(format!(
                "{place} {:?} changes {folder} {id} {path} from {:?} to {:?}; causes {found:?}",
                place.text(),
                old.as_str().unwrap_or(""),
                new.as_str().unwrap_or("")
            ));
        }
    }
    missed
}
