//! OCI registries (distribution specification): tokens, tags, manifests, blobs.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use ureq::http::Method;

use super::access::{Access, Scope};
use super::http::{Answer, Call};
use super::repository::ARCHIVE_BYTES_MAX;
use super::url::Url;
use crate::chart::digest;
use pleach_yaml::diag::{Class, Diagnostic};

const JSON_BYTES_MAX: u64 = 4 << 20;
/// The maximum number of pages of tags, in case a registry returns them in a cycle.
const TAG_PAGES_MAX: usize = 100;
/// The maximum number of tags.
const TAGS_MAX: usize = 100_000;

pub(super) const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
pub(super) const CONTENT: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// A repository in a registry.
pub(super) struct OciRepository<'a> {
    access: &'a Access,
    /// The server, and the repository's name for a path.
    location: Url,
}

/// The manifest of a chart.
pub(super) struct Manifest {
    /// The digest of the manifest itself.
    pub(super) digest: String,
    pub(super) archive: String,
    config: String,
}

impl<'a> OciRepository<'a> {
    /// The repository of an address such as `oci://host/path/name`. `plain` selects HTTP without TLS, which is always used for
    /// localhost.
    pub(super) fn new(access: &'a Access, address: &Url, plain: bool) -> OciRepository<'a> {
        let scheme = match plain || address.is_loopback() {
            true => "http",
            false => "https",
        };
        let authority = match &*address.authority {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            other => other,
        };
        let location = Url {
            scheme: scheme.to_string(),
            authority: authority.to_string(),
            path: address.path.trim_end_matches('/').to_string(),
        };
        OciRepository { access, location }
    }

    fn url(&self, path: &str) -> Url {
        Url {
            path: format!("/v2{}/{path}", self.location.path),
            ..self.location.clone()
        }
    }

    /// The name in messages.
    pub(super) fn shown(&self) -> String {
        format!("oci://{}{}", self.location.authority, self.location.path)
    }

    /// All tags, page by page.
    pub(super) fn tags(&self) -> Result<Vec<String>, Diagnostic> {
        let mut tags = Vec::new();
        let mut next = Some(self.url("tags/list?n=1000"));
        let until = self.access.client.until();
        for _ in 0..TAG_PAGES_MAX {
            let Some(url) = next else {
                return Ok(tags);
            };
            let call = Call {
                until: Some(until),
                ..Call::get(url, JSON_BYTES_MAX)
            };
            let answer = self.send(call, false)?;
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
            if tags.len() > TAGS_MAX {
                break;
            }
            next = answer
                .header("link")
                .and_then(next_page)
                .map(|it| answer.url.join(it))
                .transpose()?;
        }
        let message = format!("{} lists more than {TAGS_MAX} tags", self.location);
        Err(Diagnostic::error("unexpected-answer", message)
            .help("pin a version instead of a range"))
    }

    /// The manifest of a tag or digest; `None` if there is none.
    pub(super) fn manifest(&self, reference: &str) -> Result<Option<Manifest>, Diagnostic> {
        let found = self.document(reference)?;
        let chart = found.map(|(manifest, digest)| self.chart(&manifest, digest));
        chart.transpose()
    }

    /// The manifest of any artifact as JSON, and its digest.
    pub(super) fn document(&self, reference: &str) -> Result<Option<(Value, String)>, Diagnostic> {
        let mut call = Call::get(self.url(&format!("manifests/{reference}")), JSON_BYTES_MAX);
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
        Ok(Some((manifest, found)))
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
                let message = format!("`{}` is not a Helm chart", self.shown());
                let fault = Diagnostic::error("unexpected-answer", message);
                Err(fault
                    .help("it may be an image or another artifact; check the address of the chart"))
            }
        }
    }

    /// The version in `Chart.yaml` of the chart.
    pub(super) fn version(&self, manifest: &Manifest) -> Result<Option<String>, Diagnostic> {
        let config = self.blob(&manifest.config, JSON_BYTES_MAX)?;
        let config = config.and_then(|it| serde_json::from_slice::<Value>(&it).ok());
        let version = config.and_then(|it| Some(it.get("version")?.as_str()?.to_string()));
        Ok(version)
    }

    /// The archive of a chart by its digest; `None` if it no longer exists.
    pub(super) fn archive(&self, digest: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        self.blob(digest, ARCHIVE_BYTES_MAX)
    }

    /// A blob by its digest; `None` if it no longer exists.
    pub(super) fn blob(&self, wanted: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, Diagnostic> {
        let url = self.url(&format!("blobs/{wanted}"));
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
            "`{}`: digest mismatch of the {what}: found {found}, expected {wanted}",
            self.shown()
        );
        Diagnostic::error("wrong-digest", message)
            .class(Class::WrongDigest)
            .help(
                "the data was modified in transit and was discarded; check the network and proxies",
            )
    }

    /// Pushes a blob, unless it already exists.
    pub(super) fn push_blob(&self, bytes: &[u8]) -> Result<(), Diagnostic> {
        let wanted = digest(bytes);
        let mut call = Call::get(self.url(&format!("blobs/{wanted}")), JSON_BYTES_MAX);
        call.method = Method::HEAD;
        if self.send(call, true)?.is_success() {
            return Ok(());
        }
        let mut call = Call::get(self.url("blobs/uploads/"), JSON_BYTES_MAX);
        call.method = Method::POST;
        let answer = self.send(call, true)?;
        let location = answer.header("location").filter(|_| answer.status == 202);
        let location = location.ok_or_else(|| answer.fault())?;
        let location = answer.url.join(location)?;
        let separator = if location.path.contains('?') {
            '&'
        } else {
            '?'
        };
        let url = Url {
            path: format!("{}{separator}digest={wanted}", location.path),
            ..location
        };
        let mut call = Call::get(url, JSON_BYTES_MAX);
        call.method = Method::PUT;
        call.body = bytes;
        call.headers
            .push(("Content-Type", "application/octet-stream".to_string()));
        self.expect_created(call)
    }

    /// Pushes a manifest with a tag, after its blobs. Returns the digest of the manifest.
    pub(super) fn push_manifest(&self, tag: &str, manifest: &[u8]) -> Result<String, Diagnostic> {
        let mut call = Call::get(self.url(&format!("manifests/{tag}")), JSON_BYTES_MAX);
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

    fn send(&self, call: Call<'_>, pushes: bool) -> Result<Answer, Diagnostic> {
        let scope = Scope {
            repository: &self.location,
            pushes,
        };
        self.access.send(&scope, call)
    }
}

/// The manifest of a chart. The same chart always gives the same bytes.
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
        let message = format!("`{}` did not return JSON", answer.url.shown());
        Diagnostic::error("unexpected-answer", message).help(
            "check that this is a registry; the response may come from a proxy or a login page",
        )
    })
}

fn next_page(link: &str) -> Option<&str> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found() {
        let link = "</v2/a/tags/list?last=1&n=2>; rel=\"next\"";
        assert_eq!(next_page(link), Some("/v2/a/tags/list?last=1&n=2"));
        assert_eq!(next_page("<a>; rel=\"prev\""), None);
    }
}
