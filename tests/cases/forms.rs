//! Every format of the report about a workspace that changes.

use pleach::tree::{Tree, TreePath};

use crate::common_forms::{comparison, forms};

pub(crate) fn make(case: &mut Tree) {
    let forms = forms(&comparison());
    for name in ["text", "md", "json", "patch", "github", "gitlab", "junit"] {
        let path = TreePath::new(&format!("form/{name}")).unwrap();
        case.insert(path, forms[name].clone().into_bytes());
    }
}
