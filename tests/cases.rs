//! Cases as text files: a tree of sections, of which the test makes some anew. `GOLDEN=update` accepts what it makes.

use std::fs;
use std::path::Path;

use pleach::tree::Tree;

/// Runs every case of a folder. `make` puts the expected sections in; then the file must be as it was.
pub(crate) fn run(folder: &str, make: impl Fn(&mut Tree)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let head = text
            .split_inclusive('\n')
            .take_while(|it| !it.starts_with("-- "));
        let head: String = head.collect();
        let mut tree = Tree::from_text(&text);
        make(&mut tree);
        let made = head + &tree.to_text();
        count += 1;
        if made != text && std::env::var("GOLDEN").is_ok_and(|it| it == "update") {
            fs::write(&path, made).unwrap();
        } else if made != text {
            wrong.push(format!("{}:\n{made}", path.display()));
        }
    }
    assert!(count > 0, "no cases in {}", folder.display());
    assert!(
        wrong.is_empty(),
        "not as in the case:\n{}",
        wrong.join("\n")
    );
}
