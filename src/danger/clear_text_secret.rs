//! Secrets whose values are in the tree.

use super::{Danger, Faults, RuleKind, list_names};
use crate::diag::Severity;
use crate::object::Object;
use crate::secret::{decoded, is_open_key, is_reference, secret_parts};
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "clear-text-secret",
    severity: Severity::Error,
    summary: "the values of a Secret are in the tree in clear text",
    explain: "\
Anyone who can read the repository, its mirrors or its backups can read the values, and they stay in its history. Base64 is not \
encryption. Treat a value that was committed once as compromised, and change it everywhere.

Let the cluster fetch the Secret (External Secrets), seal it (Sealed Secrets), or encrypt it with SOPS. Not reported are values \
encrypted by SOPS, empty values, placeholders, and values that another tool replaces (variables of Flux, `op://…`, \
`ref+vault://…`, `vault:…`, `<path:…>`).",
    check: RuleKind::Tree(check),
};

fn check(objects: &[&Object], faults: &mut Faults) {
    for secret in objects
        .iter()
        .filter(|it| it.kind().eq_ignore_ascii_case("Secret"))
    {
        if secret.node.get("sops").is_some() {
            continue;
        }
        for field in ["data", "stringData"] {
            let entries = secret.node.get(field).and_then(Node::as_mapping);
            let plain = entries
                .into_iter()
                .flatten()
                .filter(|it| is_plain(&it.value))
                .filter(|it| !is_open(secret, it.key.as_str().unwrap_or(""), &it.value));
            let keys: Vec<String> = plain
                .map(|it| format!("`{}`", it.key.as_str().unwrap_or("")))
                .collect();
            if !keys.is_empty() {
                let message = format!(
                    "{} contains {} in clear text",
                    secret.id(),
                    list_names(&keys)
                );
                faults.push(secret, FieldPath::root().key(field), message);
            }
        }
    }
}

/// Whether a value is clear text. In `data`, references are encoded like everything else.
fn is_plain(value: &Node) -> bool {
    let text = value.as_str().unwrap_or("").trim();
    !(value.is_null() || is_reference(text) || decoded(text).is_some_and(|it| is_reference(&it)))
}

/// Whether a value may be in clear text: Argo CD keeps more than credentials in Secrets.
fn is_open(secret: &Object, key: &str, value: &Node) -> bool {
    let text = value.as_str().unwrap_or("");
    let has_secret = |it: &str| !secret_parts(it).is_empty();
    is_open_key(&secret.node, key)
        && !has_secret(text)
        && !decoded(text).is_some_and(|it| has_secret(&it))
}
