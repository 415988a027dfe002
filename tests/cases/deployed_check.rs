//! Findings of `pleach check --depth objects` in the objects that Flux and Argo CD deploy from small repositories: input below `in`,
//! then the `report`.

use pleach::check::{ValidationOptions, check_deployed};
use pleach::report::human;
use pleach::tree::{Below, Tree, TreePath};
use pleach::workspace_diff::repository_origins;

use crate::check::VIEW;

pub(crate) fn make(tree: &mut Tree) {
    let input = TreePath::new("in").unwrap();
    *tree = tree.folder(&input).under(&input);
    let (deployed, mut found) = repository_origins(&Below::new(tree, input), &[], None);
    found.extend(check_deployed(
        &deployed,
        &Default::default(),
        ValidationOptions::default(),
    ));
    let report = human(&found, &VIEW);
    tree.insert(TreePath::new("report").unwrap(), report.into_bytes());
}
