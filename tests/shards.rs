//! Shards of a workspace: together they are the whole, and none touches a file of another.

use pleach::shard::{Shard, compile_shard};
use pleach::tree::{Tree, TreePath};
use pleach::{Compiled, Options, compile};

use crate::affected::WORKSPACE as SMALL;
use crate::incremental::MORE;

/// Files of claims and environments that are no longer there.
const GONE: [&str; 4] = [
    "apps/gone/claim/a.yaml",
    "clusters/gone/apps.yaml",
    "apps/one/gone/a.yaml",
    "apps/base/gone/a.yaml",
];

fn shards(files: &Tree, of: usize) -> Vec<Compiled> {
    let one = |number| compile_shard(files, Shard { number, of }, &Options::default());
    (1..=of).map(one).collect()
}

fn check(workspace: &str, of: usize) {
    let files = Tree::from_text(workspace);
    let whole = compile(&files, &Options::default());
    let shards = shards(&files, of);
    let mut union = Tree::new();
    for (at, shard) in shards.iter().enumerate() {
        assert!(shard.diagnostics.is_empty(), "{:?}", shard.diagnostics);
        for (path, bytes) in &shard.tree {
            assert_eq!(whole.tree.get(path), Some(bytes), "{path} of {at}/{of}");
            union.insert(path.clone(), bytes.clone());
        }
        // What it covers and does not have, it would remove.
        for (path, _) in &whole.tree {
            let is_own = shard.tree.get(path).is_some();
            assert!(is_own || !shard.covers(path), "{path} of {at}/{of}");
        }
    }
    assert_eq!(union.to_text(), whole.tree.to_text(), "{of} shards");
    for gone in GONE {
        let path = TreePath::new(gone).unwrap();
        let removing = shards.iter().filter(|it| it.covers(&path)).count();
        assert!(removing > 0, "{gone} of {of} shards");
    }
}

#[test]
fn together_they_are_the_whole() {
    for of in [1, 2, 3, 5, 9] {
        check(SMALL, of);
        check(MORE, of);
    }
}

#[test]
fn a_shard_is_read_as_its_number_and_how_many_there_are() {
    assert_eq!(Shard::read("2/5"), Some(Shard { number: 2, of: 5 }));
    for wrong in ["", "2", "0/5", "6/5", "a/5", "2/5/1", "-1/5"] {
        assert_eq!(Shard::read(wrong), None, "{wrong}");
    }
}
