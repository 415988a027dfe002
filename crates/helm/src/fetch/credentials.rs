#![allow(
    clippy::disallowed_methods,
    reason = "credentials are outside of workspaces"
)]
//! Reads the stored credentials of Docker and Helm. pleach stores none itself.
//!
//! For registries, Helm's `registry/config.json` and then Docker's `config.json` are read, with their credential helpers. For HTTP
//! repositories, Helm's `repositories.yaml` is read.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::url::Url;
use pleach_yaml::diag::{Diagnostic, Source};
use pleach_yaml::{Node, parse_one};

/// The paths of the files with credentials.
#[derive(Clone, Debug, Default)]
pub struct CredentialFiles {
    /// Helm's `registry/config.json` and Docker's `config.json`; the first one with an entry for a registry is used.
    pub registries: Vec<PathBuf>,
    /// The path of Helm's `repositories.yaml`, with credentials for HTTP repositories.
    pub repositories: Option<PathBuf>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credential {
    Basic {
        user: String,
        password: String,
    },
    /// An identity token, which is exchanged for an access token.
    IdentityToken(String),
}

impl Credential {
    /// The value of `Authorization` for basic authentication.
    pub(super) fn basic(&self) -> Option<String> {
        match self {
            Credential::Basic { user, password } => Some(format!(
                "Basic {}",
                STANDARD.encode(format!("{user}:{password}"))
            )),
            Credential::IdentityToken(_) => None,
        }
    }
}

pub(super) struct Credentials {
    files: CredentialFiles,
    configs: OnceLock<Vec<Value>>,
    /// The results of credential helpers by helper and registry, because a helper may prompt the user.
    helper_results: Mutex<BTreeMap<String, Option<Credential>>>,
}

impl Credentials {
    pub(super) fn new(files: CredentialFiles) -> Credentials {
        Credentials {
            files,
            configs: OnceLock::new(),
            helper_results: Mutex::default(),
        }
    }

    /// The credential for an OCI registry. A config file may have an entry with the path of a repository.
    pub(super) fn registry(&self, url: &Url) -> Result<Option<Credential>, Diagnostic> {
        let configs = self.configs.get_or_init(|| {
            self.files
                .registries
                .iter()
                .filter_map(|it| json(it))
                .collect()
        });
        let location = format!(
            "{}{}",
            server_name(&url.authority),
            url.path.trim_end_matches('/')
        );
        for config in configs {
            if let Some(found) = self.in_config(config, &location)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The credential in a config file: by `credHelpers`, else in `auths`, else by `credsStore`.
    fn in_config(&self, config: &Value, location: &str) -> Result<Option<Credential>, Diagnostic> {
        let host = location.split('/').next().unwrap_or("");
        let helper = config
            .pointer("/credHelpers")
            .and_then(|it| Some(it.get(host)?.as_str()?.to_string()));
        if let Some(helper) = helper {
            return self.helper_credential(&helper, host);
        }
        let auths = config.get("auths").and_then(Value::as_object);
        let matching = auths.into_iter().flatten().filter(|(key, _)| {
            let rest = location.strip_prefix(plain_key(key));
            rest.is_some_and(|it| it.is_empty() || it.starts_with('/'))
        });
        let longest = matching.max_by_key(|(key, _)| plain_key(key).len());
        if let Some(found) = longest.and_then(|(_, entry)| credential_in(entry)) {
            return Ok(Some(found));
        }
        match config.get("credsStore").and_then(Value::as_str) {
            Some(store) if !store.is_empty() => self.helper_credential(store, host),
            _ => Ok(None),
        }
    }

    /// The result of a credential helper, which runs at most once for a registry.
    fn helper_credential(
        &self,
        helper: &str,
        host: &str,
    ) -> Result<Option<Credential>, Diagnostic> {
        let key = format!("{helper} {host}");
        // Locked while the helper runs, so that concurrent pulls from one registry do not run it twice.
        let mut results = self
            .helper_results
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = results.get(&key) {
            return Ok(result.clone());
        }
        let found = run_helper(helper, host)?;
        results.insert(key, found.clone());
        Ok(found)
    }

    /// The credential for an HTTP repository, by its address.
    pub(super) fn repository(&self, address: &str) -> Option<Credential> {
        let text = std::fs::read_to_string(self.files.repositories.as_ref()?).ok()?;
        let document = parse_one(&Source::internal("repositories.yaml", text)).ok()?;
        let entries = document.get("repositories")?.as_sequence()?;
        let has_address = |it: &&Node| {
            let url = it.get("url").and_then(Node::as_str).unwrap_or("");
            url.trim_end_matches('/') == address.trim_end_matches('/')
        };
        let entry = entries.iter().find(has_address)?;
        let field = |key: &str| {
            entry
                .get(key)
                .and_then(Node::as_str)
                .filter(|it| !it.is_empty())
        };
        Some(Credential::Basic {
            user: field("username")?.to_string(),
            password: field("password").unwrap_or("").to_string(),
        })
    }
}

/// The name of a registry in config files.
fn server_name(authority: &str) -> &str {
    match authority {
        "docker.io" | "registry-1.docker.io" | "registry.docker.io" => "index.docker.io",
        other => other,
    }
}

/// The registry and path of a key in `auths`, whose oldest form is `https://index.docker.io/v1/`.
fn plain_key(key: &str) -> &str {
    let key = key
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let key = key
        .strip_suffix("/v1")
        .or_else(|| key.strip_suffix("/v2"))
        .unwrap_or(key);
    server_name(key)
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// The credential in an entry of `auths`.
fn credential_in(entry: &Value) -> Option<Credential> {
    let field = |key: &str| {
        entry
            .get(key)
            .and_then(Value::as_str)
            .filter(|it| !it.is_empty())
    };
    if let Some(token) = field("identitytoken") {
        return Some(Credential::IdentityToken(token.to_string()));
    }
    if let (Some(user), Some(password)) = (field("username"), field("password")) {
        return Some(basic(user, password));
    }
    let decoded = STANDARD.decode(field("auth")?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(basic(user, password.trim_end_matches('\0')))
}

fn basic(user: &str, password: &str) -> Credential {
    Credential::Basic {
        user: user.to_string(),
        password: password.to_string(),
    }
}

/// Runs `docker-credential-<helper> get`. `None` if it has no credentials for the registry.
fn run_helper(helper: &str, host: &str) -> Result<Option<Credential>, Diagnostic> {
    let program = format!("docker-credential-{helper}");
    let failed = |message: &str| {
        let fault = Diagnostic::error(
            "access-denied",
            format!("`{program}` returned no credentials for `{host}`: {message}"),
        );
        fault.help("check the credential helper in the config file of Docker or Helm")
    };
    let server_url = match host {
        "index.docker.io" => "https://index.docker.io/v1/",
        host => host,
    };
    let child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.map_err(|error| failed(&error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input prints the reason.
        let _ = stdin.write_all(server_url.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| failed(&error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let is_unknown = text.contains("not found") || text.trim().is_empty();
        return if is_unknown {
            Ok(None)
        } else {
            Err(failed(text.trim()))
        };
    }
    let output: Value =
        serde_json::from_str(&text).map_err(|_| failed("its output is not JSON"))?;
    let field = |key: &str| output.get(key).and_then(Value::as_str).unwrap_or("");
    Ok(match field("Username") {
        "" => None,
        "<token>" => Some(Credential::IdentityToken(field("Secret").to_string())),
        user => Some(basic(user, field("Secret"))),
    })
}
