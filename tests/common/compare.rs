//! Two trees compared without a workspace.

use pleach::compare::{Comparison, Side, compare};
use pleach::diff::{Options, Salt};
use pleach::tree::{Tree, TreePath};

pub(crate) fn compare_trees(before: &Tree, after: &Tree) -> Comparison {
    let root = TreePath::root();
    let side = |files, name| Side {
        files,
        root: &root,
        name,
        origins: None,
    };
    let folder = |part: &TreePath| Some(part.to_string());
    let (before, after) = (side(before, "before"), side(after, "after"));
    compare(&before, &after, &folder, &Options::new(&Salt::new(b"salt")))
}
