//! Findings of `pleach check PATH…`: files below `in`, a section `paths` that names some of them (else all), then the `report`.

use pleach::check::{Cluster, ValidationOptions};
use pleach::inflate::Inflater;
use pleach::kustomize::Options;
use pleach::plain::{BuildContext, Objects, check_objects};
use pleach::report::human;
use pleach::tree::{Below, Tree, TreePath};

use crate::check::VIEW;

pub(crate) fn make(tree: &mut Tree) {
    let (input, paths) = (
        TreePath::new("in").unwrap(),
        TreePath::new("paths").unwrap(),
    );
    let named = tree.get(&paths).cloned();
    let named = named.map_or(String::new(), |it| {
        String::from_utf8_lossy(&it).into_owned()
    });
    let named = match named.is_empty() {
        true => vec![TreePath::root()],
        false => named.lines().map(|it| TreePath::new(it).unwrap()).collect(),
    };
    let options = Options::default();
    let inflater = || Inflater::new(Default::default(), "", &[], None);
    let building = BuildContext {
        options: &options,
        inflater: &inflater,
    };
    let files = Below::new(tree, input);
    let mut objects = Objects::default();
    for path in &named {
        objects.add_path(&files, path, &building);
    }
    let found = check_objects(
        &objects,
        "",
        &Cluster::default(),
        ValidationOptions::default(),
    );
    let report = human(&found, &VIEW);
    tree.insert(TreePath::new("report").unwrap(), report.into_bytes());
}
