//! `$ARGOCD_APP_NAME` and the like in an Application.

use crate::deploy::sync::text;
use crate::object::Object;
use crate::yaml::Node;

/// What Argo CD replaces in values, images and the names of values files.
pub(super) struct Environment {
    values: Vec<(&'static str, String)>,
}

impl Environment {
    /// The variables of one source. The commit of a revision is unknown.
    pub(super) fn new(application: &Object, source: &Node) -> Environment {
        let node = &application.node;
        let own = |text: &str| text.to_string();
        Environment {
            values: vec![
                ("ARGOCD_APP_NAME", own(application.name())),
                (
                    "ARGOCD_APP_NAMESPACE",
                    own(text(node, &["spec", "destination", "namespace"])),
                ),
                (
                    "ARGOCD_APP_PROJECT_NAME",
                    own(text(node, &["spec", "project"])),
                ),
                (
                    "ARGOCD_APP_SOURCE_REPO_URL",
                    own(text(source, &["repoURL"])),
                ),
                ("ARGOCD_APP_SOURCE_PATH", own(text(source, &["path"]))),
                (
                    "ARGOCD_APP_SOURCE_TARGET_REVISION",
                    own(text(source, &["targetRevision"])),
                ),
            ],
        }
    }

    /// A text with its variables replaced. Variables with the revision are not replaced, because the deployed commit is unknown.
    pub(super) fn replace(&self, text: &str) -> String {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            let (name, after) = match after.strip_prefix('{').and_then(|it| it.split_once('}')) {
                Some(braced) => braced,
                None => {
                    let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_';
                    let end = after.find(|it| !is_part(it)).unwrap_or(after.len());
                    after.split_at(end)
                }
            };
            match self.values.iter().find(|it| it.0 == name) {
                Some((_, value)) => out.push_str(value),
                None if name.starts_with("ARGOCD_APP_REVISION") => {
                    out.push('$');
                    out.push_str(name);
                }
                // A `$` without a name is kept, and so are Go's variables of one special character.
                None if name.is_empty() => out.push('$'),
                None => {}
            }
            rest = after;
        }
        out + rest
    }
}
