//! Names of fields and variables with passwords and keys.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;

/// How certainly a name indicates a secret value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Certainty {
    None,
    /// Charts use it for secrets and for the names of Secrets: `secret`, `credentials`.
    Ambiguous,
    /// Its value is secret.
    Certain,
}

/// Suffixes of names of passwords or keys, independent of how words are joined: `dbpassword`, `DB_PASSWORD`, `dbPassword`.
const ENDINGS: [&str; 39] = [
    "password",
    "passwd",
    "passphrase",
    "passwordsha256hex",
    "passworddoublesha1hex",
    "token",
    "apikey",
    "privatekey",
    "accesskey",
    "secretkey",
    "clientsecret",
    "jwtsecret",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "accountkey",
    "sharedkey",
    "hmackey",
    "licensekey",
    "dockerconfigjson",
    "dockercfg",
    "htpasswd",
    "presharedkey",
    "authkey",
    "unsealkey",
    "passcode",
    "mnemonic",
    "seedphrase",
    "recoverycode",
    "erlangcookie",
    "bindpw",
    "dbpass",
    "rootpass",
    "userpass",
    "adminpass",
    // Encryption codecs of ClickHouse.
    "keyhex",
    // Rails.
    "secretkeybase",
    // kubeconfig; npm.
    "clientkeydata",
    "npmauth",
];

/// Last words that indicate a password only as separate words: `DB_PASS`, but not `bypass`.
const LAST_WORDS: [&str; 7] = ["pass", "pwd", "pw", "psw", "psk", "creds", "bearer"];

/// The same in the name of a variable.
const LAST_WORDS_OF_VARIABLES: [&str; 2] = ["salt", "pepper"];

/// Last words that are secret after another one.
const PAIRS: [(&str, &str); 12] = [
    ("github", "pat"),
    ("gitlab", "pat"),
    ("gh", "pat"),
    ("azure", "pat"),
    ("devops", "pat"),
    ("stripe", "sk"),
    ("twilio", "auth"),
    ("registry", "auth"),
    ("totp", "seed"),
    ("otp", "seed"),
    ("snmp", "community"),
    // The user and the password, with a colon.
    ("zookeeper", "identity"),
];

/// Last words that also precede the name of a Secret.
const AMBIGUOUS: [&str; 3] = ["secret", "credential", "authorization"];

/// Words before `key` that make it secret.
const KEYS: [&str; 23] = [
    "encryption",
    "encrypt",
    "signing",
    "sign",
    "master",
    "account",
    "storage",
    "shared",
    "license",
    "hmac",
    "session",
    "cookie",
    "ssh",
    "integration",
    "jwt",
    "aes",
    "enc",
    "crypt",
    "crypto",
    "cipher",
    "deploy",
    "nonce",
    "wallet",
];

/// The same in the name of a variable. In other names, such a key names an entry.
const VARIABLE_KEYS: [&str; 4] = ["app", "auth", "admin", "security"];

/// Words before `secret` that make it the name of a Secret.
const OF_OBJECTS: [&str; 16] = [
    "existing",
    "pull",
    "image",
    "tls",
    "ssl",
    "ca",
    "cert",
    "certificate",
    "password",
    "passwd",
    "ref",
    "external",
    "kube",
    "kubernetes",
    "k8s",
    "credentials",
];

/// Strings of which each name of a secret contains one.
const PARTS: [&str; 22] = [
    "pass",
    "pwd",
    "token",
    "key",
    "secret",
    "auth",
    "cred",
    "pw",
    "psk",
    "psw",
    "salt",
    "pepper",
    "bearer",
    "mnemonic",
    "seed",
    "cookie",
    "recovery",
    "community",
    "pat",
    "sk",
    "identity",
    "docker",
];

/// Whether a text may be or contain the name of a secret. Most texts do not, and this takes much less time than splitting into words.
pub(super) fn may_contain_name(text: &str) -> bool {
    static PARTS_FINDER: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let finder = PARTS_FINDER.get_or_init(|| {
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).build(PARTS).ok()
    });
    finder.as_ref().is_none_or(|it| it.is_match(text))
}

/// Whether a field, variable or flag with this name contains a secret.
pub fn is_secret_name(name: &str) -> bool {
    certainty(name) != Certainty::None
}

/// How certainly a value with this name is secret.
pub(super) fn certainty(name: &str) -> Certainty {
    if !may_contain_name(name) {
        return Certainty::None;
    }
    let words = words(name);
    let Some(last) = words.last() else {
        return Certainty::None;
    };
    let before = words.len().checked_sub(2).and_then(|at| words.get(at));
    let before = before.map_or("", String::as_str);
    let joined = words.concat();
    let singular = joined.trim_end_matches('s');
    if is_innocent(&words, before, last, name) {
        return Certainty::None;
    }
    let mut endings = ENDINGS.iter();
    if endings.any(|it| singular.ends_with(it) || joined.ends_with(it))
        || LAST_WORDS.contains(&last.as_str())
    {
        return Certainty::Certain;
    }
    let is_variable = name.chars().all(|it| !it.is_lowercase());
    let is_key = KEYS.contains(&before) || is_variable && VARIABLE_KEYS.contains(&before);
    if matches!(last.as_str(), "key" | "keys") && is_key
        || PAIRS.contains(&(before, last.as_str()))
        || is_variable && singular.ends_with("basicauth")
        || is_variable && LAST_WORDS_OF_VARIABLES.contains(&last.as_str())
    {
        return Certainty::Certain;
    }
    if !AMBIGUOUS.contains(&last.trim_end_matches('s')) {
        return Certainty::None;
    }
    // The key of an annotation, such as `nginx.ingress.kubernetes.io/auth-secret`, refers to a Secret.
    let is_annotation = name
        .rsplit_once('/')
        .is_some_and(|(domain, _)| domain.contains('.'));
    match last.as_str() {
        _ if is_annotation || OF_OBJECTS.contains(&before) => Certainty::None,
        "secret" if is_variable || words.len() > 1 && !is_annotation => {
            qualified_secret(before, is_variable)
        }
        _ => Certainty::Ambiguous,
    }
}

fn qualified_secret(before: &str, is_variable: bool) -> Certainty {
    const OF_VALUES: [&str; 9] = [
        "jwt", "client", "cookie", "session", "app", "shared", "webhook", "signing", "consumer",
    ];
    match is_variable || OF_VALUES.contains(&before) {
        true => Certainty::Certain,
        false => Certainty::Ambiguous,
    }
}

/// Names that end like those of secrets but are not.
fn is_innocent(words: &[String], before: &str, last: &str, name: &str) -> bool {
    // Altinity's operator: `k8s_secret_password: NAMESPACE/SECRET/KEY`, and `k8s_secret_env_password`.
    let of_operator = words
        .windows(2)
        .any(|pair| pair[0] == "k8s" && pair[1] == "secret");
    // The working directory of a shell.
    let of_shell = matches!(name, "PWD" | "OLDPWD");
    of_operator
        || of_shell
        || last == "pass" && before == "proxy"
        || last == "token" && matches!(before, "continue" | "page" | "automount")
        || last == "tokens" && matches!(before, "max" | "min" | "num" | "total" | "limit")
}

/// The words of a name in lower case, which are the same for `dbPassword`, `DB_PASSWORD` and `db-password`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before: Option<char> = None;
    let mut chars = name.chars().peekable();
    while let Some(it) = chars.next() {
        if !it.is_alphanumeric() {
            before = None;
            continue;
        }
        let next_is_lower = chars.peek().is_some_and(|it| it.is_lowercase());
        let begins = match before {
            None => true,
            Some(before) => it.is_uppercase() && (!before.is_uppercase() || next_is_lower),
        };
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(it.to_lowercase());
        }
        before = Some(it);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_of_a_secret_contains_a_part() {
        let pairs = PAIRS.iter().map(|it| it.1);
        let last = LAST_WORDS.iter().chain(&LAST_WORDS_OF_VARIABLES);
        let names = ENDINGS.iter().chain(last).chain(&AMBIGUOUS).copied();
        let missed: Vec<_> = names
            .chain(pairs)
            .filter(|it| !may_contain_name(it))
            .collect();
        assert!(missed.is_empty(), "{missed:?}");
    }

    #[test]
    fn words_of_names() {
        for name in ["db-apiKey", "DB_API_KEY", "db.api.key", "DbAPIKey"] {
            assert_eq!(words(name), ["db", "api", "key"], "{name}");
        }
    }

    #[test]
    fn names_of_secrets() {
        let names = [
            "password",
            "DB_PASSWORD",
            "passwords",
            "sasl_password",
            "kafka/sasl_password",
            "dbpassword",
            "JWT_SECRET",
            "SECRET",
            "SECRET_KEY",
            "secretKey",
            "secret_access_key",
            "DB_PWD",
            "pass",
            "userPass",
            "ENCRYPTION_KEY",
            "encryptionKey",
            "api-key",
            "apikeys",
            "clientSecret",
            "token",
            "authToken",
            "password_sha256_hex",
            "--token",
            "spec.auth.token",
            ".dockerconfigjson",
            "cookieSecret",
            "COOKIE_SECRET",
            "APP_KEY",
            "JWT_KEY",
            "AES_KEY",
            "ENC_KEY",
            "CRYPT_KEY",
            "DEPLOY_KEY",
            "unsealKeys",
            "SECRET_KEY_BASE",
            "TS_AUTHKEY",
            "SECURE_AUTH_KEY",
            "AUTH_SALT",
            "wpa_psk",
            "PRESHARED_KEY",
            "dbpass",
            "bindpw",
            "passcode",
            "SEED_PHRASE",
            "recovery_codes",
            "RABBITMQ_ERLANG_COOKIE",
            "GITHUB_PAT",
            "STRIPE_SK",
            "TWILIO_AUTH",
            "NPM_AUTH",
            "BASIC_AUTH",
            "TOTP_SEED",
            "client-key-data",
        ];
        for name in names {
            assert_eq!(certainty(name), Certainty::Certain, "{name}");
        }
        for name in [
            "secret",
            "remote_servers/all/secret",
            "authorization",
            "credentials",
            "Authorization",
        ] {
            assert_eq!(certainty(name), Certainty::Ambiguous, "{name}");
        }
    }

    #[test]
    fn names_of_other_things() {
        let names = [
            "",
            "name",
            "key",
            "secretName",
            "passwordSecret",
            "passwordKey",
            "existingSecret",
            "imagePullSecrets",
            "existingSecretPasswordKey",
            "bypass",
            "proxy_pass",
            "PWD",
            "default/k8s_secret_password",
            "tlsSecret",
            "nginx.ingress.kubernetes.io/auth-secret",
            "tokenPath",
            "passwordFile",
            "maxTokens",
            "compass",
            "keys",
            "monkey",
            "secrets.yaml",
            "author",
            "public_key",
            "publicKey",
            "app-key",
            "appKey",
            "basic_auth",
            "path",
            "seed",
            "community",
            "default",
            "topologyKey",
            "salt",
        ];
        for name in names {
            assert_eq!(certainty(name), Certainty::None, "{name}");
        }
    }
}
