//! Values that are not secret despite their name: references that another tool resolves, and placeholders.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Prefixes of references to a store, which contain no white space.
const STORES: [&str; 12] = [
    // 1Password
    "op://",
    // vals and helmfile; helm-secrets
    "ref+",
    "secretref+",
    "secrets+",
    // Bank-Vaults' webhook
    "vault:",
    ">>vault:",
    "vault://",
    // AWS
    "arn:aws:secretsmanager:",
    "arn:aws:ssm:",
    "awssm://",
    // Azure and Google
    "azurekeyvault://",
    "gcpsm://",
];

const PLACEHOLDERS: [&str; 17] = [
    "changeme",
    "replaceme",
    "todo",
    "tbd",
    "fixme",
    "placeholder",
    "redacted",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "yes",
    "no",
    "enabled",
    "disabled",
    "required",
];

/// Whether a text is not a secret itself: it is empty, a reference to a secret, encrypted, or a placeholder.
pub fn is_reference(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.starts_with(super::HIDDEN) {
        return true;
    }
    let is_word = !text.contains(char::is_whitespace);
    is_word && STORES.iter().any(|it| text.starts_with(it))
        // SOPS, and Azure Key Vault for app settings.
        || text.starts_with("ENC[") && text.ends_with(']')
        || text.starts_with("@Microsoft.KeyVault(")
        || is_path(text)
        || is_placeholder(text)
        || is_expression(text)
}

/// The decoded value of a Secret's `data`, if it is text.
pub fn decoded(value: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()
}

/// Whether a text is the path of a file that contains a secret.
fn is_path(text: &str) -> bool {
    const ROOTS: [&str; 6] = ["/var/", "/etc/", "/run/", "/mnt/", "/opt/", "/secrets/"];
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-".contains(it);
    ROOTS.iter().any(|it| text.starts_with(it)) && text.chars().all(is_plain)
}

fn is_placeholder(text: &str) -> bool {
    let bare: String = text.chars().filter(|it| it.is_alphanumeric()).collect();
    let bare = bare.to_ascii_lowercase();
    let masks = |mask: char| text.len() > 2 && text.chars().all(|it| it == mask);
    PLACEHOLDERS.contains(&&*bare) || ['*', '.', 'x', 'X', '-', '•'].into_iter().any(masks)
}

/// Whether a text only contains variables and templates: `$(VAR)`, `${VAR}`, `$VAR`, `{{ … }}`, `<path:…>`, `%(VAR)s`. A variable
/// with a default value (`${VAR:-value}`) does not count.
fn is_expression(text: &str) -> bool {
    const FORMS: [(&str, &str); 6] = [
        ("$(", ")"),
        ("${", "}"),
        ("{{", "}}"),
        ("<%", "%>"),
        ("<", ">"),
        ("%(", ")s"),
    ];
    let mut rest = text;
    while !rest.is_empty() {
        let found = FORMS.iter().find_map(|(open, close)| {
            let inside = rest.strip_prefix(open)?;
            inside.split_once(close)
        });
        rest = match found {
            Some((inside, _)) if has_default(inside) => return false,
            Some((_, after)) => after,
            None => match rest.strip_prefix('$').map(variable) {
                Some((true, after)) => after,
                // Characters between two references are not secret.
                _ => match rest.strip_prefix(|it: char| !it.is_alphanumeric()) {
                    Some(after) if rest.len() < text.len() => after,
                    _ => return false,
                },
            },
        };
    }
    true
}

/// Whether a name in capital letters follows, and the rest.
fn variable(text: &str) -> (bool, &str) {
    let is_name = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
    let after = text.trim_start_matches(is_name);
    (after.len() < text.len(), after)
}

fn has_default(inside: &str) -> bool {
    let default = [":-", ":="].iter().find_map(|it| inside.split_once(it));
    default.is_some_and(|(_, value)| !value.is_empty() && !value.starts_with('$'))
}

/// Whether a text may be the name of an object: words of letters, each with at most a few digits at its end.
pub(super) fn may_be_name(text: &str) -> bool {
    let is_word = |word: &str| {
        let letters = word.trim_end_matches(|it: char| it.is_ascii_digit());
        !letters.is_empty()
            && word.len() - letters.len() <= 2
            && letters.chars().all(|it| it.is_ascii_lowercase())
    };
    text.len() <= 63 && text.split(['-', '.', '/']).all(is_word)
}

#[cfg(test)]
mod tests {
    use super::{is_reference, may_be_name};

    #[test]
    fn references_and_placeholders() {
        let references = [
            "",
            "op://vault/item/password",
            "ref+vault://secret/a#b",
            "<path:secret/data/a#b>",
            "vault:secret/data/a#B",
            "${PASSWORD}",
            "$(PASSWORD)",
            "$PASSWORD",
            "{{ .password }}",
            "{{ .a }}:{{ .b }}",
            "ENC[AES256_GCM,data:x]",
            "<password>",
            "changeme",
            "CHANGE_ME",
            "replace-me",
            "*****",
            "/var/run/secrets/token",
            "%(PASS)s",
            "true",
            "arn:aws:secretsmanager:eu-west-1:1:secret:x",
            "${a:-}",
            "${a:-$b}",
        ];
        for text in references {
            assert!(is_reference(text), "{text}");
        }
        let secrets = [
            "hunter2",
            "${PREFIX}hunter2",
            "${PASSWORD:-hunter2}",
            "${PASSWORD:=hunter2}",
            "vault: it",
            "$",
            "$6$abc",
            "password",
            "/a/b+c==",
            "opensesame",
            "a{{ .b }}",
            "<a>b<c>",
        ];
        for text in secrets {
            assert!(!is_reference(text), "{text}");
        }
    }

    #[test]
    fn names_of_objects() {
        for text in ["orders-tls", "db", "shop/db-credentials", "redis2"] {
            assert!(may_be_name(text), "{text}");
        }
        for text in ["Orders", "deadbeef1234", "a_b", "s3cr3t", "", "a--b"] {
            assert!(!may_be_name(text), "{text}");
        }
    }
}
