//! The shards of a workspace together give the full output, and none of them removes a file of another.

use pleach::shard::{Shard, compile_shard};
use pleach::tree::{Tree, TreePath};
use pleach::{Compiled, Options, compile};

use crate::affected::WORKSPACE as SMALL;
use crate::incremental::MORE;

/// Files of claims and environments that no longer exist.
const REMOVED: [&str; 4] = [
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
        // A shard removes the files that it covers but does not render.
        for (path, _) in &whole.tree {
            let is_own = shard.tree.get(path).is_some();
            assert!(is_own || !shard.covers(path), "{path} of {at}/{of}");
        }
    }
    assert_eq!(union.to_text(), whole.tree.to_text(), "{of} shards");
    for removed in REMOVED {
        let path = TreePath::new(removed).unwrap();
        let removing = shards.iter().filter(|it| it.covers(&path)).count();
        assert!(removing > 0, "{removed} of {of} shards");
    }
}

#[test]
fn all_shards_together_give_the_full_output() {
    for of in [1, 2, 3, 5, 9] {
        check(SMALL, of);
        check(MORE, of);
    }
}

#[test]
fn a_shard_is_written_as_its_number_and_the_number_of_shards() {
    assert_eq!(Shard::read("2/5"), Some(Shard { number: 2, of: 5 }));
    for wrong in ["", "2", "0/5", "6/5", "a/5", "2/5/1", "-1/5"] {
        assert_eq!(Shard::read(wrong), None, "{wrong}");
    }
}

#[test]
fn shards_beyond_the_number_of_claims_have_no_work() {
    let files = Tree::from_text(SMALL);
    let of = usize::MAX;
    let rendered = |number| compile_shard(&files, Shard { number, of }, &Options::default()).tree;
    assert!(!rendered(1).is_empty());
    assert!(rendered(of).is_empty());
}
