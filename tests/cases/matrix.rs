//! The matrix of claims and environments of a rendered tree, in each format.

use std::collections::BTreeMap;

use pleach::diag::Source;
use pleach::matrix::matrix;
use pleach::object::Object;
use pleach::report::{matrix_json, matrix_markdown, matrix_text};
use pleach::tree::{Tree, TreePath};
use pleach::yaml::parse;

pub(crate) fn make(tree: &mut Tree) {
    let path = |name: &str| TreePath::new(name).unwrap();
    let rendered: Tree = tree.folder(&path("tree"));
    let mut claims: BTreeMap<(String, String), Vec<Object>> = BTreeMap::new();
    for (file, bytes) in rendered.iter() {
        let mut parts = file.parts().skip(1).map(str::to_string);
        let owner = (parts.next().unwrap(), parts.next().unwrap());
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let documents = parse(&Source::new(file.clone(), text)).unwrap();
        let objects = documents.into_iter().map(Object::new);
        claims.entry(owner).or_default().extend(objects);
    }
    let claims = claims.iter();
    let matrix = matrix(claims.map(|(it, objects)| (it.0.clone(), it.1.clone(), &**objects)));
    let text = anstream::adapter::strip_str(&matrix_text(&matrix)).to_string();
    let forms = [
        ("matrix.txt", text),
        ("matrix.md", matrix_markdown(&matrix)),
        ("matrix.json", matrix_json(&matrix)),
    ];
    for (name, form) in forms {
        tree.insert(path(name), form.into_bytes());
    }
}
