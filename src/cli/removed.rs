//! Claims and environments that lose all their files, and the input file that no longer has them.

use std::collections::{BTreeMap, BTreeSet};

use super::session::Session;
use pleach::Compiled;
use pleach::diag::{Diagnostic, Diagnostics, Source, Span};
use pleach::disk::Repository;
use pleach::emit::{Change, Plan, origin};
use pleach::engine::ENGINES;
use pleach::layout::{BASE, environment_of};
use pleach::load;
use pleach::tree::{Below, EntryKind, Files, TreePath};
use pleach::yaml::{Node, parse};

/// A removed claim, or a removed environment.
#[derive(Default)]
struct Removed {
    environments: BTreeSet<String>,
    files: usize,
}

/// Reports claims of which a plan removes all files, and why. The previous content of input files is read from the checked-out
/// commit, if any. Notes: `removed-claim`.
pub(super) fn findings(session: &Session<'_>, compiled: &Compiled, plan: &Plan) -> Diagnostics {
    let mut found = Diagnostics::default();
    let removed = removed(compiled, plan);
    if removed.is_empty() {
        return found;
    }
    let inputs = Inputs::before(session);
    let order = load::environments_in_order(&session.files);
    for (title, removed) in &removed {
        found.push(finding(title, removed, &inputs, &order, session));
    }
    found
}

/// By `Kind/name`. A removed environment represents its claims.
fn removed(compiled: &Compiled, plan: &Plan) -> BTreeMap<String, Removed> {
    let deleted = plan.steps.iter().filter(|it| it.change == Change::Delete);
    let deleted = deleted.filter_map(|it| key(&it.path, it.before.as_deref()?));
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    deleted.for_each(|it| *counts.entry(it).or_default() += 1);
    if counts.is_empty() {
        return BTreeMap::new();
    }
    for (path, bytes) in &compiled.tree {
        key(path, bytes).map(|it| counts.remove(&it));
    }
    for (_, origin) in compiled.origins.iter() {
        let environment = origin.environment.clone();
        environment.map(|it| counts.remove(&(it, origin.claim.title.clone())));
    }
    let of_environment = |name: &str| format!("Environment/{name}");
    let is_whole = |name: &String| counts.contains_key(&(name.clone(), of_environment(name)));
    let mut removed: BTreeMap<String, Removed> = BTreeMap::new();
    for ((environment, title), files) in &counts {
        let title = match is_whole(environment) {
            true => of_environment(environment),
            false => title.clone(),
        };
        let entry = removed.entry(title).or_default();
        entry.environments.insert(environment.clone());
        entry.files += files;
    }
    removed
}

/// The environment that applies a generated file, and its origin; `None` for base folders.
fn key(path: &TreePath, bytes: &[u8]) -> Option<(String, String)> {
    let folder = path.parent()?;
    let environment = environment_of(&folder)?;
    let end = bytes.iter().position(|it| *it == b'\n');
    let line = str::from_utf8(&bytes[..end.unwrap_or(bytes.len())]).ok()?;
    let is_shared = ENGINES.is_base(environment);
    (!is_shared).then_some((environment.to_string(), origin(line)?.to_string()))
}

fn finding(
    title: &str,
    removed: &Removed,
    inputs: &Inputs,
    order: &[String],
    session: &Session<'_>,
) -> Diagnostic {
    let mut names: Vec<&str> = removed.environments.iter().map(String::as_str).collect();
    names.sort_by_key(|name| {
        order
            .iter()
            .position(|it| it == name)
            .unwrap_or(order.len())
    });
    let effect = match removed.files {
        1 => format!("its file in {} is removed", names.join(", ")),
        number => format!("its {number} files in {} are removed", names.join(", ")),
    };
    let file = inputs.file_of(title, &removed.environments);
    // A claim that is excluded, or an environment without claims.
    let is_kept = |it: &TreePath| titles(&session.files, it).iter().any(|it| it == title);
    let Some(file) = file.filter(|it| !is_kept(it)) else {
        let message = format!("{title} is no longer rendered: {effect}");
        return note(message, None);
    };
    if session.files.kind(&file) == Ok(Some(EntryKind::File)) {
        let message = format!("`{file}` no longer contains {title}: {effect}");
        return note(message, Some(&file));
    }
    let message = format!("`{file}`, which contained {title}, was removed: {effect}");
    let help = match similar(&file, session) {
        Some(other) => format!("rename `{other}`: only `.yaml` and `.yml` files are read"),
        None => format!("if this is not intended, run `git restore --staged --worktree {file}`"),
    };
    note(message, Some(&file)).help(help)
}

fn note(message: String, file: Option<&TreePath>) -> Diagnostic {
    let note = Diagnostic::note("removed-claim", message);
    match file {
        Some(file) => note.at(Span::of_file(file)),
        None => note,
    }
}

/// A file next to a removed one with a similar name, such as `events.yaml.bak`.
fn similar(file: &TreePath, session: &Session<'_>) -> Option<TreePath> {
    let folder = file.parent()?;
    let (stem, _) = file.name().rsplit_once('.')?;
    let entries = session.files.list(&folder).ok()?;
    let is_similar = |name: &str| {
        let rest = name.strip_prefix(stem);
        rest.is_some_and(|it| {
            it.starts_with('.') && !it.ends_with(".yaml") && !it.ends_with(".yml")
        })
    };
    let found = entries.iter().find(|it| is_similar(&it.name))?;
    Some(folder.child(&found.name))
}

/// The claims of the checked-out commit: the file of each, by environment and `Kind/name`.
#[derive(Default)]
struct Inputs {
    files: BTreeMap<(String, String), TreePath>,
}

impl Inputs {
    /// Without a repository or a commit there are none.
    fn before(session: &Session<'_>) -> Inputs {
        Inputs::read(session).unwrap_or_default()
    }

    fn read(session: &Session<'_>) -> Option<Inputs> {
        let repository = Repository::find(&session.root).ok()?;
        let head = repository.revision("HEAD").ok()??;
        let files = Below::new(&head, session.below(repository.root()).ok()?);
        let names = load::environment_names(&files, &mut Diagnostics::default());
        let mut inputs = Inputs::default();
        for name in names {
            let (folder, own) = load::environment_folder(&name);
            let key = (name.clone(), format!("Environment/{name}"));
            inputs.files.insert(key, own);
            for file in load::claim_files(&files, &folder, &mut Diagnostics::default()) {
                for title in titles(&files, &file) {
                    let key = (name.clone(), title);
                    inputs.files.entry(key).or_insert_with(|| file.clone());
                }
            }
        }
        Some(inputs)
    }

    /// The file of base that contained it, otherwise that of one of the environments.
    fn file_of(&self, title: &str, environments: &BTreeSet<String>) -> Option<TreePath> {
        let base = BASE.to_string();
        let mut names = [&base].into_iter().chain(environments);
        let own = names.find_map(|name| self.files.get(&(name.clone(), title.to_string())));
        let any = || self.files.iter().find(|it| it.0.1 == title).map(|it| it.1);
        own.or_else(any).cloned()
    }
}

/// `Kind/name` of each document.
fn titles(files: &dyn Files, file: &TreePath) -> Vec<String> {
    let text = files.read(file).ok();
    let text = text.and_then(|it| String::from_utf8(it.to_vec()).ok());
    let documents = text.and_then(|it| parse(&Source::new(file.clone(), it)).ok());
    let title = |node: &Node| {
        let word = |keys: &[&str]| node.at_keys(keys).and_then(Node::as_str);
        Some(format!(
            "{}/{}",
            word(&["kind"])?,
            word(&["metadata", "name"])?
        ))
    };
    documents.iter().flatten().filter_map(title).collect()
}
