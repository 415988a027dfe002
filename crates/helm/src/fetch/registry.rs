//! OCI registries (OCI distribution specification): tags, manifests and blobs.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use ureq::http::Method;

use super::access::{Access, Scope};
use super::http::{Call, Response};
use super::repository::ARCHIVE_BYTES_MAX;
use super::url::Url;
use crate::chart::digest;
use pleach_yaml::diag::{Class, Diagnostic};

const JSON_BYTES_MAX: u64 = 4 << 20;
/// The maximum number of pages of tags, in case the links of a registry form a cycle.
const TAG_PAGES_MAX: usize = 100;
/// The maximum number of tags.
const TAGS_MAX: usize = 100_000;

pub(super) const CHART_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
pub(super) const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The accepted types of manifests.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// A repository in a registry.
pub(super) struct OciRepository<'a> {
    access: &'a Access,
    /// The server, with the name of the repository as path.
    location: Url,
}

/// The manifest of a chart.
pub(super) struct Manifest {
    /// The digest of the manifest itself.
    pub(super) digest: String,
    /// The digest of the layer with the archive.
    pub(super) archive: String,
    /// The digest of the config.
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

    /// The URL of a path of the repository in the registry's API.
    fn url(&self, path: &str) -> Url {
        Url {
            path: format!("/v2{}/{path}", self.location.path),
            ..self.location.clone()
        }
    }

    /// `oci://HOST/NAME`, for messages and the lock.
    pub(super) fn address(&self) -> String {
        format!("oci://{}{}", self.location.authority, self.location.path)
    }

    /// All tags, page by page.
    pub(super) fn tags(&self) -> Result<Vec<String>, Diagnostic> {
        let mut tags = Vec::new();
        let mut next = Some(self.url("tags/list?n=1000"));
        let deadline = self.access.client.deadline();
        for _ in 0..TAG_PAGES_MAX {
            let Some(url) = next else {
                return Ok(tags);
            };
            let call = Call {
                deadline: Some(deadline),
                ..Call::get(url, JSON_BYTES_MAX)
            };
            let response = self.send(call, false)?;
            if response.status == 404 {
                return Ok(Vec::new());
            }
            let page = json_body(&response)?;
            let names = page
                .get("tags")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            tags.extend(names.filter_map(Value::as_str).map(str::to_string));
            if tags.len() > TAGS_MAX {
                break;
            }
            next = response
                .header("link")
                .and_then(next_page)
                .map(|it| response.url.join(it))
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
        let response = self.send(call, false)?;
        if response.status == 404 {
            return Ok(None);
        }
        let manifest = json_body(&response)?;
        let found = digest(&response.body);
        let is_digest = reference.starts_with("sha256:");
        let expected = match is_digest {
            true => Some(reference),
            false => response
                .header("docker-content-digest")
                .filter(|it| it.starts_with("sha256:")),
        };
        if expected.is_some_and(|it| it != found) {
            return Err(self.digest_mismatch("manifest", expected.unwrap_or(""), &found));
        }
        Ok(Some((manifest, found)))
    }

    /// The parts of a manifest that a chart needs. Errors: `unexpected-answer` if it is not that of a chart.
    fn chart(&self, manifest: &Value, digest: String) -> Result<Manifest, Diagnostic> {
        let is_chart = |layer: &&Value| {
            let kind = layer.get("mediaType").and_then(Value::as_str).unwrap_or("");
            kind == CHART_LAYER || kind == "application/tar+gzip"
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
                let message = format!("`{}` is not a Helm chart", self.address());
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
    pub(super) fn blob(
        &self,
        expected: &str,
        bytes_max: u64,
    ) -> Result<Option<Vec<u8>>, Diagnostic> {
        let url = self.url(&format!("blobs/{expected}"));
        let response = self.send(Call::get(url, bytes_max), false)?;
        if response.status == 404 {
            return Ok(None);
        }
        if !response.is_success() {
            return Err(response.fault());
        }
        let found = digest(&response.body);
        match found == expected {
            true => Ok(Some(response.body)),
            false => Err(self.digest_mismatch("layer", expected, &found)),
        }
    }

    fn digest_mismatch(&self, kind: &str, expected: &str, found: &str) -> Diagnostic {
        let message = format!(
            "`{}`: digest mismatch of the {kind}: found {found}, expected {expected}",
            self.address()
        );
        Diagnostic::error("wrong-digest", message)
            .class(Class::WrongDigest)
            .help(
                "the data was modified in transit and was discarded; check the network and proxies",
            )
    }

    /// Pushes a blob, unless it already exists.
    pub(super) fn push_blob(&self, bytes: &[u8]) -> Result<(), Diagnostic> {
        let digest = digest(bytes);
        let mut call = Call::get(self.url(&format!("blobs/{digest}")), JSON_BYTES_MAX);
        call.method = Method::HEAD;
        if self.send(call, true)?.is_success() {
            return Ok(());
        }
        let mut call = Call::get(self.url("blobs/uploads/"), JSON_BYTES_MAX);
        call.method = Method::POST;
        let response = self.send(call, true)?;
        let location = response
            .header("location")
            .filter(|_| response.status == 202);
        let location = location.ok_or_else(|| response.fault())?;
        let location = response.url.join(location)?;
        let separator = if location.path.contains('?') {
            '&'
        } else {
            '?'
        };
        let url = Url {
            path: format!("{}{separator}digest={digest}", location.path),
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
        let response = self.send(call, true)?;
        match response.is_success() {
            true => Ok(()),
            false => Err(response.fault()),
        }
    }

    fn send(&self, call: Call<'_>, pushes: bool) -> Result<Response, Diagnostic> {
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
        "config": blob(CHART_CONFIG, config),
        "layers": [blob(CHART_LAYER, archive)],
        "annotations": annotations,
    });
    manifest.to_string().into_bytes()
}

/// The JSON body of a successful response.
fn json_body(response: &Response) -> Result<Value, Diagnostic> {
    if !response.is_success() {
        return Err(response.fault());
    }
    serde_json::from_slice(&response.body).map_err(|_| {
        let message = format!("`{}` did not return JSON", response.url.redacted());
        Diagnostic::error("unexpected-answer", message).help(
            "check that this is a registry; the response may come from a proxy or a login page",
        )
    })
}

/// The address of the next page in a `Link` header.
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
