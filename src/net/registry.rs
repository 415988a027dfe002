//! OCI registries, as the distribution specification has them: tokens, tags, manifests, blobs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use ureq::http::Method;

use super::credentials::{Credential, Credentials};
use super::http::{Answer, Call, Client};
use super::repository::ARCHIVE_BYTES_MAX;
use super::url::Url;
use crate::chart::digest;
use crate::diag::Diagnostic;

const JSON_BYTES_MAX: u64 = 4 << 20;
/// Beyond that a registry counts as one that goes round in a circle.
const TAG_PAGES_MAX: usize = 1000;

pub(super) const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
pub(super) const CONTENT: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// A chart's place in a registry.
pub(super) struct Repository<'a> {
    client: &'a Client,
    credentials: &'a Credentials,
    /// `Authorization` by repository and what is done there.
    tokens: &'a Tokens,
    /// `https://host/v2/path/name`.
    base: Url,
}

#[derive(Default)]
pub(super) struct Tokens {
    known: Mutex<BTreeMap<(String, bool), String>>,
}

/// What a manifest says of a chart.
pub(super) struct Manifest {
    /// Of the manifest itself.
    pub(super) digest: String,
    /// Of the archive.
    pub(super) archive: String,
    config: String,
}

impl<'a> Repository<'a> {
    /// The repository of an address such as `oci://host/path/name`. `plain` asks for HTTP without TLS, which this machine's own
    /// registries are spoken to with anyway.
    pub(super) fn new(
        client: &'a Client,
        credentials: &'a Credentials,
        tokens: &'a Tokens,
        address: &Url,
        plain: bool,
    ) -> Repository<'a> {
        let scheme = match plain || address.is_loopback() {
            true => "http",
            false => "https",
        };
        let authority = match &*address.authority {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            other => other,
        };
        let base = Url {
            scheme: scheme.to_string(),
            authority: authority.to_string(),
            path: format!("/v2{}", address.path.trim_end_matches('/')),
        };
        Repository {
            client,
            credentials,
            tokens,
            base,
        }
    }

    /// Without `/v2`: as credentials know it.
    fn name(&self) -> &str {
        self.base.path.trim_start_matches("/v2/")
    }

    /// As messages say it.
    pub(super) fn shown(&self) -> String {
        format!("oci://{}/{}", self.base.authority, self.name())
    }

    /// All tags, page by page.
    pub(super) fn tags(&self) -> Result<Vec<String>, Diagnostic> {
        let mut tags = Vec::new();
        let mut next = Some(self.base.below("tags/list?n=1000"));
        for _ in 0..TAG_PAGES_MAX {
            let Some(url) = next else {
                return Ok(tags);
            };
            let answer = self.send(Call::get(url, JSON_BYTES_MAX), false)?;
            if answer.status == 404 {
                return Ok(Vec::new());
            }
            let page = object(&answer)?;
            let names = page
                .get("tags")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            tags.extend(names.filter_map(Value::as_str).map(str::to_string));
            next = answer
                .header("link")
                .and_then(next_page)
                .map(|it| answer.url.join(it))
                .transpose()?;
        }
        Ok(tags)
    }

    /// The manifest of a tag or digest; `None` where there is none.
    pub(super) fn manifest(&self, reference: &str) -> Result<Option<Manifest>, Diagnostic> {
        let mut call = Call::get(
            self.base.below(&format!("manifests/{reference}")),
            JSON_BYTES_MAX,
        );
        call.headers.push(("Accept", MANIFESTS.to_string()));
        let answer = self.send(call, false)?;
        if answer.status == 404 {
            return Ok(None);
        }
        let manifest = object(&answer)?;
        let found = digest(&answer.body);
        let is_digest = reference.starts_with("sha256:");
        let expected = match is_digest {
            true => Some(reference),
            false => answer
                .header("docker-content-digest")
                .filter(|it| it.starts_with("sha256:")),
        };
        if expected.is_some_and(|it| it != found) {
            return Err(self.tampered("manifest", expected.unwrap_or(""), &found));
        }
        self.chart(&manifest, found).map(Some)
    }

    fn chart(&self, manifest: &Value, digest: String) -> Result<Manifest, Diagnostic> {
        let is_chart = |layer: &&Value| {
            let kind = layer.get("mediaType").and_then(Value::as_str).unwrap_or("");
            kind == CONTENT || kind == "application/tar+gzip"
        };
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
        let layers = manifest.get("layers").and_then(Value::as_array);
        let layer = layers.and_then(|it| it.iter().find(is_chart)?.get("digest")?.as_str());
        match (layer, text("/config/digest")) {
            (Some(layer), Some(config)) => Ok(Manifest {
                digest,
                archive: layer.to_string(),
                config: config.to_string(),
            }),
            _ => {
                let message = format!("`{}` is no Helm chart", self.shown());
                let fault = Diagnostic::error("unexpected-answer", message);
                Err(fault.help("it is an image or another artifact: look at the chart's address"))
            }
        }
    }

    /// What `Chart.yaml` of a manifest's chart gives for its version.
    pub(super) fn version(&self, manifest: &Manifest) -> Result<Option<String>, Diagnostic> {
        let config = self.blob(&manifest.config, JSON_BYTES_MAX)?;
        let config = config.and_then(|it| serde_json::from_slice::<Value>(&it).ok());
        let version = config.and_then(|it| Some(it.get("version")?.as_str()?.to_string()));
        Ok(version)
    }

    /// A chart's archive by its digest; `None` where it is gone.
    pub(super) fn archive(&self, digest: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        self.blob(digest, ARCHIVE_BYTES_MAX)
    }

    fn blob(&self, wanted: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, Diagnostic> {
        let url = self.base.below(&format!("blobs/{wanted}"));
        let answer = self.send(Call::get(url, bytes_max), false)?;
        if answer.status == 404 {
            return Ok(None);
        }
        if !answer.is_success() {
            return Err(answer.fault());
        }
        let found = digest(&answer.body);
        match found == wanted {
            true => Ok(Some(answer.body)),
            false => Err(self.tampered("layer", wanted, &found)),
        }
    }

    fn tampered(&self, what: &str, wanted: &str, found: &str) -> Diagnostic {
        let message = format!(
            "`{}` gives another {what} than it names: {found} for {wanted}",
            self.shown()
        );
        Diagnostic::error("wrong-digest", message)
            .help("something between the registry and here changed it: nothing was kept")
    }

    /// Puts a blob there, unless it is there already.
    pub(super) fn push_blob(&self, bytes: &[u8]) -> Result<(), Diagnostic> {
        let wanted = digest(bytes);
        let mut call = Call::get(self.base.below(&format!("blobs/{wanted}")), JSON_BYTES_MAX);
        call.method = Method::HEAD;
        if self.send(call, true)?.is_success() {
            return Ok(());
        }
        let mut call = Call::get(self.base.below("blobs/uploads/"), JSON_BYTES_MAX);
        call.method = Method::POST;
        let answer = self.send(call, true)?;
        let location = answer.header("location").filter(|_| answer.status == 202);
        let place = location.ok_or_else(|| answer.fault())?;
        let place = answer.url.join(place)?;
        let separator = if place.path.contains('?') { '&' } else { '?' };
        let url = Url {
            path: format!("{}{separator}digest={wanted}", place.path),
            ..place
        };
        let mut call = Call::get(url, JSON_BYTES_MAX);
        call.method = Method::PUT;
        call.body = bytes;
        call.headers
            .push(("Content-Type", "application/octet-stream".to_string()));
        self.expect_created(call)
    }

    /// Names a chart whose blobs are there: `tag` is its manifest from now on. Gives the manifest's digest.
    pub(super) fn push_manifest(&self, tag: &str, manifest: &[u8]) -> Result<String, Diagnostic> {
        let mut call = Call::get(self.base.below(&format!("manifests/{tag}")), JSON_BYTES_MAX);
        call.method = Method::PUT;
        call.body = manifest;
        call.headers.push(("Content-Type", MANIFEST.to_string()));
        self.expect_created(call)?;
        Ok(digest(manifest))
    }

    fn expect_created(&self, call: Call<'_>) -> Result<(), Diagnostic> {
        let answer = self.send(call, true)?;
        match answer.is_success() {
            true => Ok(()),
            false => Err(answer.fault()),
        }
    }

    /// Asks with what is known of access, and once more with what the registry then asks for.
    fn send(&self, mut call: Call<'_>, pushes: bool) -> Result<Answer, Diagnostic> {
        let key = (self.base.to_string(), pushes);
        let known = || {
            self.tokens
                .known
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        // An upload may go on at another server, which has its own word on access.
        let is_own = call.url.is_same_server(&self.base);
        call.authorization = known().get(&key).filter(|_| is_own).cloned();
        let answer = self.client.send(&call)?;
        let challenge = answer
            .header("www-authenticate")
            .filter(|_| answer.status == 401 && is_own);
        let Some(authorization) = challenge
            .map(|it| self.authorize(it, pushes))
            .transpose()?
            .flatten()
        else {
            return Ok(answer);
        };
        if call.authorization.as_ref() == Some(&authorization) {
            return Ok(answer);
        }
        call.authorization = Some(authorization.clone());
        known().insert(key, authorization);
        self.client.send(&call)
    }

    /// What a challenge is answered with; `None` where we have nothing to answer.
    fn authorize(&self, challenge: &str, pushes: bool) -> Result<Option<String>, Diagnostic> {
        let place = Url {
            path: format!("/{}", self.name()),
            ..self.base.clone()
        };
        let credential = self.credentials.registry(&place)?;
        let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Ok(credential.and_then(|it| it.basic()));
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Ok(None);
        }
        let parameters = parameters(rest);
        let Some(realm) = parameters.get("realm") else {
            return Ok(None);
        };
        let realm = Url::parse(realm)?;
        if realm.scheme != "https" && self.base.scheme == "https" {
            let message = format!(
                "`{}` wants credentials sent without TLS, to `{}`",
                self.shown(),
                realm.shown()
            );
            return Err(Diagnostic::error("access-denied", message));
        }
        let actions = if pushes { "pull,push" } else { "pull" };
        let mut query = vec![("scope", format!("repository:{}:{actions}", self.name()))];
        query.extend(parameters.get("service").map(|it| ("service", it.clone())));
        self.token(&realm, query, credential.as_ref()).map(Some)
    }

    fn token(
        &self,
        realm: &Url,
        mut query: Vec<(&str, String)>,
        credential: Option<&Credential>,
    ) -> Result<String, Diagnostic> {
        let body;
        let mut call = match credential {
            Some(Credential::Identity(token)) => {
                query.extend([
                    ("grant_type", "refresh_token".to_string()),
                    ("client_id", "pleach".to_string()),
                    ("refresh_token", token.clone()),
                ]);
                body = encoded(&query);
                Call {
                    method: Method::POST,
                    headers: vec![(
                        "Content-Type",
                        "application/x-www-form-urlencoded".to_string(),
                    )],
                    body: body.as_bytes(),
                    ..Call::get(realm.clone(), JSON_BYTES_MAX)
                }
            }
            _ => {
                let separator = if realm.path.contains('?') { '&' } else { '?' };
                let path = format!("{}{separator}{}", realm.path, encoded(&query));
                Call::get(
                    Url {
                        path,
                        ..realm.clone()
                    },
                    JSON_BYTES_MAX,
                )
            }
        };
        call.authorization = credential.and_then(Credential::basic);
        let answer = self.client.send(&call)?;
        if matches!(answer.status, 400 | 401 | 403) {
            let words = match credential {
                Some(_) => "does not take the credentials that are at hand",
                None => "gives no access without credentials",
            };
            let message = format!("`{}` {words} ({})", self.shown(), answer.status);
            let host = &self.base.authority;
            let help = format!("log in with `docker login {host}` or `helm registry login {host}`");
            return Err(Diagnostic::error("access-denied", message).help(help));
        }
        let token = object(&answer)?;
        let text = |key: &str| {
            token
                .get(key)
                .and_then(Value::as_str)
                .filter(|it| !it.is_empty())
        };
        match text("token").or_else(|| text("access_token")) {
            Some(token) => Ok(format!("Bearer {token}")),
            None => {
                let message = format!("`{}` gives no token", realm.shown());
                Err(Diagnostic::error("unexpected-answer", message))
            }
        }
    }
}

/// The manifest of a chart, the same bytes for the same chart.
pub(super) fn manifest(
    config: &[u8],
    archive: &[u8],
    annotations: &BTreeMap<String, String>,
) -> Vec<u8> {
    let blob = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob(CONFIG, config),
        "layers": [blob(CONTENT, archive)],
        "annotations": annotations,
    });
    manifest.to_string().into_bytes()
}

fn object(answer: &Answer) -> Result<Value, Diagnostic> {
    if !answer.is_success() {
        return Err(answer.fault());
    }
    serde_json::from_slice(&answer.body).map_err(|_| {
        let message = format!("`{}` answered something else than JSON", answer.url.shown());
        Diagnostic::error("unexpected-answer", message)
            .help("is it a registry? A proxy or a login page may stand before it")
    })
}

/// `<…>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then_some(address)
}

/// `realm="…",service="…"`; values may hold commas.
fn parameters(text: &str) -> BTreeMap<String, String> {
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

/// `key=value&…`, percent-encoded.
fn encoded(query: &[(&str, String)]) -> String {
    let percent = |text: &str| {
        let byte = |byte: u8| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    let pairs = query
        .iter()
        .map(|(key, value)| format!("{key}={}", percent(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_and_links_are_read() {
        let found = parameters(
            "realm=\"https://a.io/token?x=1\",service=\"a.io\", scope=\"repository:a/b:pull,push\",error=x",
        );
        assert_eq!(found["realm"], "https://a.io/token?x=1");
        assert_eq!(found["scope"], "repository:a/b:pull,push");
        assert_eq!(found["error"], "x");
        assert_eq!(
            next_page("</v2/a/tags/list?last=1&n=2>; rel=\"next\""),
            Some("/v2/a/tags/list?last=1&n=2")
        );
        assert_eq!(
            encoded(&[("scope", "repository:a/b:pull".to_string())]),
            "scope=repository%3Aa%2Fb%3Apull"
        );
    }
}
