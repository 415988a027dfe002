//! The stored form of remote bases and files, and their names.

use std::sync::Arc;

use super::Remote;
use crate::chart::{RemotePin, digest, pack, unpack};
use crate::diag::Diagnostic;
use crate::tree::{Tree, TreePath};

/// The folder of the archives of repositories.
const INNER: &str = "files";

/// The stored content of an address.
pub enum StoredRemote {
    /// The files of a repository that builds read.
    Folder(Tree),
    /// A file, with its bytes.
    File(Arc<[u8]>),
}

impl StoredRemote {
    /// Reads stored bytes. `None` if they do not match the pin.
    pub(super) fn read(bytes: &Arc<[u8]>, pin: &RemotePin) -> Option<StoredRemote> {
        let kept = match pin.commit {
            Some(_) => StoredRemote::Folder(unpack(bytes, &pin.address).ok()?),
            None => StoredRemote::File(bytes.clone()),
        };
        (kept.digest() == pin.digest).then_some(kept)
    }

    /// The bytes to store. Errors: the content is larger than the limit of archives.
    pub fn to_bytes(&self, address: &str) -> Result<Arc<[u8]>, Diagnostic> {
        match self {
            StoredRemote::File(bytes) => Ok(bytes.clone()),
            StoredRemote::Folder(tree) => {
                let bytes = pack(tree, INNER)?;
                // Only bytes that can be read again are stored.
                unpack(&bytes, address)?;
                Ok(bytes.into())
            }
        }
    }

    /// `sha256:…` of a file's bytes, or of the paths and bytes of all files.
    pub fn digest(&self) -> String {
        match self {
            StoredRemote::File(bytes) => digest(bytes),
            StoredRemote::Folder(tree) => digest_of(tree),
        }
    }

    pub(super) fn into_remote(self) -> Remote {
        match self {
            StoredRemote::Folder(tree) => Remote::Folder(Arc::new(tree)),
            StoredRemote::File(bytes) => Remote::File(bytes),
        }
    }
}

/// Whether bytes are the stored content of a pin.
pub fn matches_pin(pin: &RemotePin, bytes: &Arc<[u8]>) -> bool {
    StoredRemote::read(bytes, pin).is_some()
}

/// The digest of a tree: for each file, sorted by path, its path, a zero byte, its length in eight bytes (little-endian), and its
/// bytes. It does not depend on the compression of the archive.
pub fn digest_of(tree: &Tree) -> String {
    let mut bytes = Vec::new();
    for (path, content) in tree {
        bytes.extend_from_slice(path.as_str().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
        bytes.extend_from_slice(content);
    }
    digest(&bytes)
}

/// The path of a pin's content in the cache.
pub fn stored_path(pin: &RemotePin) -> TreePath {
    let ending = if pin.commit.is_some() { ".tgz" } else { "" };
    cache_folder().child(&format!("{}{ending}", pin.hex()))
}

/// The path of the cached resolution of an address.
pub fn unpinned_path(address: &str) -> TreePath {
    let name = digest(address.as_bytes());
    let name = name.strip_prefix("sha256:").unwrap_or(&name);
    cache_folder().child(&format!("{name}.address"))
}

fn cache_folder() -> TreePath {
    TreePath::root().child("remotes")
}

/// The name of a copy in the workspace: a readable name and the digest.
pub fn copy_name(pin: &RemotePin) -> String {
    let (address, query) = pin.address.split_once('?').unwrap_or((&pin.address, ""));
    let name = address.trim_end_matches('/').rsplit(['/', ':']).next();
    let reference = query.split('&').find_map(|it| it.strip_prefix("ref="));
    let digits = pin.hex().get(..12).unwrap_or("");
    let parts = [name, reference, Some(digits)].into_iter().flatten();
    let name = parts.collect::<Vec<_>>().join("-");
    let plain = |it: char| match it.is_ascii_alphanumeric() || "._-".contains(it) {
        true => it,
        false => '-',
    };
    let name: String = name.trim_start_matches('.').chars().map(plain).collect();
    match pin.commit {
        Some(_) => format!("{name}.tgz"),
        None => name,
    }
}

/// The cached resolution of an address: `<digest> <commit>`.
pub(super) fn floating_pin(address: &str, note: &[u8]) -> Option<RemotePin> {
    let mut fields = str::from_utf8(note).ok()?.split_whitespace();
    let digest = fields.next()?.to_string();
    let is_digest = |it: &&str| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit());
    digest.strip_prefix("sha256:").filter(is_digest)?;
    Some(RemotePin {
        address: address.to_string(),
        commit: fields.next().map(str::to_string),
        digest,
        span: None,
    })
}
