//! Claims × environments of a rendered tree, in each form.

use pleach::matrix::matrix;
use pleach::report::{matrix_json, matrix_markdown, matrix_text};
use pleach::tree::{Tree, TreePath};

use crate::cases;

#[test]
fn cases() {
    cases::run("tests/matrix", |tree| {
        let path = |name: &str| TreePath::new(name).unwrap();
        let rendered: Tree = tree.folder(&path("tree"));
        let owner = |folder: &TreePath| {
            let mut parts = folder.parts().skip(1).map(str::to_string);
            let found = (parts.next()?, parts.next()?);
            (found.0 != "base").then_some(found)
        };
        let matrix = matrix(&rendered, &owner);
        let text = anstream::adapter::strip_str(&matrix_text(&matrix)).to_string();
        let forms = [
            ("matrix.txt", text),
            ("matrix.md", matrix_markdown(&matrix)),
            ("matrix.json", matrix_json(&matrix)),
        ];
        for (name, form) in forms {
            tree.insert(path(name), form.into_bytes());
        }
    });
}
