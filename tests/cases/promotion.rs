//! Promotion between environments: each case is a workspace and a request, then the written files and the printed text.

use pleach::diag::{Diagnostics, Source};
use pleach::engine::ENGINES;
use pleach::load;
use pleach::promote::{Fields, Request, promote};
use pleach::report::{Format, View, promotion, report};
use pleach::secret::Salt;
use pleach::tree::{Tree, TreePath};
use pleach::yaml::{Node, parse_one};

pub(crate) fn make(tree: &mut Tree) {
    let path = |name: &str| TreePath::new(name).unwrap();
    let inputs = tree.folder(&path("workspace"));
    let text = String::from_utf8(tree.get(&path("request.yaml")).unwrap().to_vec()).unwrap();
    let request = parse_one(&Source::new(path("request.yaml"), text)).unwrap();
    for (name, bytes) in outcome(&inputs, &request).iter() {
        tree.insert(path("written").join(name), bytes.clone());
    }
}

fn outcome(inputs: &Tree, request: &Node) -> Tree {
    let word = |key: &str| request.get(key).and_then(Node::as_str).unwrap_or("");
    let words = |key: &str| -> Vec<String> {
        let items = request.get(key).and_then(Node::as_sequence);
        let items = items.unwrap_or_default().iter();
        items.map(|it| it.as_str().unwrap().to_string()).collect()
    };
    let (claims, fields) = (words("claims"), words("fields"));
    let request = Request {
        from: word("from"),
        to: word("to"),
        claims: &claims,
        fields: match (request.get("all").is_some(), &*fields) {
            (true, _) => Fields::All,
            (false, []) => Fields::Versions,
            (false, fields) => Fields::Named(fields),
        },
    };
    let mut diagnostics = Diagnostics::default();
    let whole = pleach::Scope::default();
    let repository = load::load(
        inputs,
        load::Options::new(&ENGINES, &whole),
        &mut diagnostics,
    )
    .unwrap();
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    let mut made = Tree::new();
    let printed = match promote(inputs, &repository, &request) {
        Ok(promoted) => {
            let texts = promoted.files.iter();
            texts.for_each(|(path, text)| drop(made.insert(path.clone(), text.as_bytes())));
            promotion(&promoted, [request.from, request.to], &Salt::new(b"salt"))
        }
        Err(faults) => {
            let display = TreePath::to_string;
            let view = View {
                display: &display,
                color: false,
            };
            report(&faults, Format::Human, &view)
        }
    };
    let printed = anstream::adapter::strip_str(&printed).to_string();
    made.insert(TreePath::new("printed.txt").unwrap(), printed.into_bytes());
    made
}
