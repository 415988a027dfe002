//! Authentication for registries: challenges and tokens.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use ureq::http::Method;

use super::credentials::{Credential, Credentials};
use super::http::{Call, Client, Response};
use super::url::Url;
use pleach_yaml::diag::Diagnostic;

const TOKEN_BYTES_MAX: u64 = 1 << 20;

/// The client with its credentials and tokens.
pub(super) struct Access {
    pub(super) client: Client,
    pub(super) credentials: Credentials,
    /// The `Authorization` header of each repository, for pulling and for pushing (`true`).
    authorizations: Mutex<BTreeMap<(Url, bool), String>>,
}

/// The scope of a token: a repository and the allowed actions.
pub(super) struct Scope<'a> {
    /// The server, with the name of the repository as path.
    pub(super) repository: &'a Url,
    pub(super) pushes: bool,
}

impl Scope<'_> {
    fn name(&self) -> &str {
        self.repository.path.trim_start_matches('/')
    }

    fn address(&self) -> String {
        format!(
            "oci://{}{}",
            self.repository.authority, self.repository.path
        )
    }
}

impl Access {
    pub(super) fn new(client: Client, credentials: Credentials) -> Access {
        Access {
            client,
            credentials,
            authorizations: Mutex::default(),
        }
    }

    /// Sends a request with the cached token. If the registry responds with a challenge, requests a token and sends it again.
    pub(super) fn send(
        &self,
        scope: &Scope<'_>,
        mut call: Call<'_>,
    ) -> Result<Response, Diagnostic> {
        let key = (scope.repository.clone(), scope.pushes);
        let authorizations = || {
            self.authorizations
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        // An upload may continue on another server, with its own authentication.
        let is_own = call.url.is_same_server(scope.repository);
        call.authorization = authorizations().get(&key).filter(|_| is_own).cloned();
        let response = self.client.send(&call)?;
        let is_challenge = response.status == 401 && is_own;
        let challenge = response.header("www-authenticate").filter(|_| is_challenge);
        let authorization = challenge.map(|it| self.authorize(it, scope)).transpose()?;
        let Some(authorization) = authorization.flatten() else {
            return Ok(response);
        };
        if call.authorization.as_ref() == Some(&authorization) {
            return Ok(response);
        }
        call.authorization = Some(authorization.clone());
        authorizations().insert(key, authorization);
        self.client.send(&call)
    }

    /// The `Authorization` header for a challenge; `None` for an unknown scheme, and for basic authentication without credentials.
    fn authorize(&self, challenge: &str, scope: &Scope<'_>) -> Result<Option<String>, Diagnostic> {
        let credential = self.credentials.registry(scope.repository)?;
        let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Ok(credential.and_then(|it| it.basic()));
        }
        let parameters = challenge_parameters(rest);
        let realm = parameters.get("realm");
        let Some(realm) = realm.filter(|_| scheme.eq_ignore_ascii_case("bearer")) else {
            return Ok(None);
        };
        let realm = Url::parse(realm)?;
        if realm.scheme != "https" && scope.repository.scheme == "https" {
            let (from, to) = (scope.address(), realm.redacted());
            let message =
                format!("refusing to send credentials for `{from}` to `{to}` over plain HTTP");
            return Err(Diagnostic::error("access-denied", message));
        }
        let actions = if scope.pushes { "pull,push" } else { "pull" };
        let mut query = vec![("scope", format!("repository:{}:{actions}", scope.name()))];
        query.extend(parameters.get("service").map(|it| ("service", it.clone())));
        let response = self.request_token(&realm, query, credential.as_ref())?;
        match response.status {
            400 | 401 | 403 => Err(access_denied(scope, credential.is_some(), response.status)),
            200 => bearer_token(&response).map(Some),
            _ => Err(response.fault()),
        }
    }

    fn request_token(
        &self,
        realm: &Url,
        mut query: Vec<(&str, String)>,
        credential: Option<&Credential>,
    ) -> Result<Response, Diagnostic> {
        let mut call = Call::get(realm.clone(), TOKEN_BYTES_MAX);
        call.authorization = credential.and_then(Credential::basic);
        if let Some(Credential::IdentityToken(token)) = credential {
            query.extend([
                ("grant_type", "refresh_token".to_string()),
                ("client_id", "pleach".to_string()),
                ("refresh_token", token.clone()),
            ]);
            let form = "application/x-www-form-urlencoded".to_string();
            return self.client.send(&Call {
                method: Method::POST,
                headers: vec![("Content-Type", form)],
                body: form_encoded(&query).as_bytes(),
                ..call
            });
        }
        let separator = if realm.path.contains('?') { '&' } else { '?' };
        call.url.path = format!("{}{separator}{}", realm.path, form_encoded(&query));
        self.client.send(&call)
    }
}

fn access_denied(scope: &Scope<'_>, had_credentials: bool, status: u16) -> Diagnostic {
    let refusal = match had_credentials {
        true => "rejects the available credentials",
        false => "requires credentials",
    };
    let host = &scope.repository.authority;
    let message = format!("`{}` {refusal} ({status})", scope.address());
    let help = format!("log in with `docker login {host}` or `helm registry login {host}`");
    Diagnostic::error("access-denied", message).help(help)
}

/// The `Authorization` header from the response of a token server.
fn bearer_token(response: &Response) -> Result<String, Diagnostic> {
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    let text = |key: &str| {
        let text = body.as_ref()?.get(key)?.as_str();
        text.filter(|it| !it.is_empty())
    };
    let token = text("token").or_else(|| text("access_token"));
    token.map(|it| format!("Bearer {it}")).ok_or_else(|| {
        let message = format!("`{}` returned no token", response.url.redacted());
        Diagnostic::error("unexpected-answer", message)
    })
}

/// The parameters of a challenge: `realm="…",service="…"`. Values may contain commas.
fn challenge_parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((key, more)) = rest.split_once('=') {
        let key = key.trim_matches([' ', ',']).to_ascii_lowercase();
        let (value, after) = match more.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => more.split_once(',').unwrap_or((more, "")),
        };
        found.insert(key, value.trim().to_string());
        rest = after;
    }
    found
}

/// The parameters in the format `application/x-www-form-urlencoded`.
fn form_encoded(query: &[(&str, String)]) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    let percent = |text: &str| text.bytes().map(byte).collect::<String>();
    let pairs = query
        .iter()
        .map(|(key, value)| format!("{key}={}", percent(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let found = challenge_parameters(
            "realm=\"https://a.io/token?x=1\",service=\"a.io\", scope=\"repository:a/b:pull,push\",error=x",
        );
        assert_eq!(found["realm"], "https://a.io/token?x=1");
        assert_eq!(found["scope"], "repository:a/b:pull,push");
        assert_eq!(found["error"], "x");
        let query = [("scope", "repository:a/b:pull".to_string())];
        assert_eq!(form_encoded(&query), "scope=repository%3Aa%2Fb%3Apull");
    }
}
