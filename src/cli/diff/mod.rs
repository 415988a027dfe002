//! `pleach diff`: what a change will do, object by object and field by field.

use std::hash::{BuildHasher, Hasher, RandomState};

use anyhow::Result;
use clap::{Args, ValueEnum};

use self::sides::{Opened, compare_rendered, open};
use super::{Global, Outcome, output, session};
use crate::compare::{Comparison, compare};
use crate::diff::Salt;
use crate::load::is_base;
use crate::report::{View, changes, changes_json};
use crate::tree::TreePath;

mod sides;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// REV compares a Git revision with the work tree, REV..REV two revisions, REV...REV the second with where the two
    /// parted; two arguments are a folder or a revision each. Without any, HEAD is compared with the work tree
    #[arg(value_name = "REV|TREE", num_args = 0..=2)]
    sides: Vec<String>,
    /// Compare the tree of a workspace as it is written, instead of rendering it
    #[arg(long)]
    committed: bool,
    /// How the changes are printed
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    /// Exit with 1 where there are differences
    #[arg(long)]
    exit_code: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Text,
    Json,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let current = session::directory(global)?;
    let sides = open(&arguments.sides, &current)?;
    let is_workspace = sides.iter().any(Opened::is_workspace);
    let comparison = match (is_workspace, arguments.committed) {
        (true, false) => compare_rendered(&sides, global)?,
        (true, true) => {
            let [before, after] = &sides;
            let (old, new) = (before.output(after), after.output(before));
            compare(&old.side(), &new.side(), &environment, &salt())
        }
        (false, _) => {
            let folder = |part: &TreePath| match part.as_str() {
                "" => Some(".".to_string()),
                part => Some(part.to_string()),
            };
            let [before, after] = &sides;
            compare(&before.side(), &after.side(), &folder, &salt())
        }
    };
    let is_rendered = is_workspace && !arguments.committed;
    let display = |path: &TreePath| sides[1].display(path, is_rendered);
    print(&comparison, &sides, &display, arguments)?;
    let noted = match comparison.notes.is_empty() {
        true => Outcome::Clean,
        false => session::report(&comparison.notes, global, &display),
    };
    let is_same = comparison.environments.is_empty() && comparison.notes.is_empty();
    Ok(match arguments.exit_code && !is_same {
        true => Outcome::Findings,
        false => noted,
    })
}

/// The environment of a folder of a rendered tree: `apps/prod/orders`, `clusters/prod`. Nothing is applied from base.
fn environment(part: &TreePath) -> Option<String> {
    let environment = part.parts().nth(1).filter(|it| !is_base(it));
    environment.map(str::to_string)
}

fn print(
    comparison: &Comparison,
    sides: &[Opened; 2],
    display: &dyn Fn(&TreePath) -> String,
    arguments: &Arguments,
) -> Result<()> {
    let view = View {
        display,
        color: true,
    };
    let names = sides.each_ref().map(|it| &*it.name);
    match arguments.output {
        Form::Text => output::text(&changes(comparison, &view, output::columns())),
        Form::Json => output::data(changes_json(comparison, names, &view).as_bytes()),
    }
}

/// Random, so that a digest of a hidden value can be compared within one report and looked up nowhere.
pub(in crate::cli) fn salt() -> Salt {
    let bytes = || RandomState::new().build_hasher().finish().to_le_bytes();
    Salt::new(&[bytes(), bytes()].concat())
}
