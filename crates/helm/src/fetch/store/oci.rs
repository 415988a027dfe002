//! A store in an OCI registry: each name is a tag with a manifest of one layer.

use serde_json::{Value, json};

use super::super::access::Access;
use super::super::registry::{MANIFEST, OciRepository};
use super::super::url::Url;
use super::BYTES_MAX;
use crate::chart::digest;
use pleach_yaml::diag::Diagnostic;

/// The types of the artifact and of its layer.
const ARTIFACT: &str = "application/vnd.pleach.run.v1";
const LAYER: &str = "application/vnd.pleach.run.layer.v1";
/// The media type of an empty config (OCI image specification).
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const EMPTY_BYTES: &[u8] = b"{}";

pub(super) fn get(
    access: &Access,
    address: &Url,
    name: &str,
) -> Result<Option<Vec<u8>>, Diagnostic> {
    let repository = OciRepository::new(access, address, false);
    let Some((manifest, _)) = repository.document(name)? else {
        return Ok(None);
    };
    let text = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_string);
    let layers = manifest.get("layers").and_then(Value::as_array);
    let mut layers = layers.into_iter().flatten();
    let layer = layers.find(|it| text(it, "mediaType").as_deref() == Some(LAYER));
    match layer.and_then(|it| text(it, "digest")) {
        Some(digest) => repository.blob(&digest, BYTES_MAX),
        None => {
            let message = format!("`{}:{name}` is another artifact", repository.address());
            Err(Diagnostic::error("unexpected-answer", message))
        }
    }
}

/// Pushes the manifest last, so that the tag keeps its old content until then.
pub(super) fn put(
    access: &Access,
    address: &Url,
    name: &str,
    bytes: &[u8],
) -> Result<(), Diagnostic> {
    let repository = OciRepository::new(access, address, false);
    repository.push_blob(EMPTY_BYTES)?;
    repository.push_blob(bytes)?;
    repository.push_manifest(name, &manifest(bytes)).map(drop)
}

fn manifest(bytes: &[u8]) -> Vec<u8> {
    let blob = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ARTIFACT,
        "config": blob(EMPTY, EMPTY_BYTES),
        "layers": [blob(LAYER, bytes)],
    });
    manifest.to_string().into_bytes()
}
