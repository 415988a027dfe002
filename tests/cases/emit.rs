//! Plans: `tests/emit/*.txt`.
//!
//! A case has the existing tree below `existing/`, the wanted one below `wanted/` (in both, a first line `sign Kind/name` becomes the
//! ownership line), and the resulting plans.

use pleach::emit::{plan, sign};
use pleach::report::{Format, View, plan_summary, report, unified};
use pleach::secret::Salt;
use pleach::tree::{Tree, TreePath};

pub(crate) fn make(case: &mut Tree) {
    let path = |text| TreePath::new(text).unwrap();
    let existing = signed(&case.folder(&path("existing")));
    let wanted = signed(&case.folder(&path("wanted")));
    for (section, force) in [("plan", false), ("forced", true)] {
        let plan = plan(&wanted, &existing, force);
        let mut text = String::new();
        for step in &plan.steps {
            text += &format!("{:?} {}\n", step.change, step.path);
        }
        text += &format!("{}\n", plan_summary(&plan));
        let view = View {
            display: &|path| path.to_string(),
            color: false,
        };
        let folder = path("deploy");
        text += &report(
            &plan.findings(&folder, "pleach render"),
            Format::Human,
            &view,
        );
        if !force {
            text += &unified(&plan, &folder, &view, &Salt::new(b"salt"));
        }
        case.insert(path(section), text.into_bytes());
    }
}

/// Replaces `sign Kind/name` with the ownership line, and `sign Kind/name path` with the ownership line of another path. Text after
/// `edited` is added after signing. A file whose name begins with `crlf` gets CRLF line ends.
fn signed(tree: &Tree) -> Tree {
    let sign_one = |path: &TreePath, bytes: &[u8]| {
        let text = str::from_utf8(bytes).unwrap();
        let Some((line, body)) = text
            .strip_prefix("sign ")
            .and_then(|it| it.split_once('\n'))
        else {
            return text.to_string();
        };
        let (origin, place) = line.split_once(' ').unwrap_or((line, path.as_str()));
        let (body, edit) = body.split_once("edited\n").unwrap_or((body, ""));
        let text = sign(&TreePath::new(place).unwrap(), origin, body) + edit;
        match path.name().starts_with("crlf") {
            true => text.replace('\n', "\r\n"),
            false => text,
        }
    };
    let files = tree.iter();
    files
        .map(|(path, bytes)| (path.clone(), sign_one(path, bytes).into_bytes().into()))
        .collect()
}
