//! Stores of bytes by name: a repository in an OCI registry, or a folder in an S3 bucket.
//!
//! Writes are atomic: a reader gets either the old or the new bytes, and the last writer wins. The data is optional, so time limits
//! are shorter than for charts.

mod oci;
mod s3;

use std::fmt;
use std::str::FromStr;

use super::access::Access;
use super::credentials::{CredentialFiles, Credentials};
use super::http::Client;
use super::url::Url;
use pleach_yaml::diag::Diagnostic;

/// The maximum size of the value of a name.
const BYTES_MAX: u64 = 128 << 20;

/// The address of a store: `oci://host/repository` or `s3://bucket/folder`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreAddress {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Registry(Url),
    Bucket { bucket: String, folder: String },
}

impl FromStr for StoreAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<StoreAddress, String> {
        let text = text.trim_end_matches('/');
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (first, path) = rest.split_once('/').unwrap_or((rest, ""));
        let kind = match scheme {
            "oci" if !first.is_empty() && is_repository(path) => {
                Kind::Registry(Url::parse(text).map_err(|it| it.message)?)
            }
            "s3" if is_bucket(first) && is_folder(path) => Kind::Bucket {
                bucket: first.to_string(),
                folder: path.to_string(),
            },
            _ => {
                return Err(
                    "expected `oci://HOST/REPOSITORY`, in lower case and without a tag, or `s3://BUCKET/FOLDER`"
                        .to_string(),
                );
            }
        };
        Ok(StoreAddress {
            text: text.to_string(),
            kind,
        })
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a path is a valid repository name (OCI distribution specification): lower case, digits, and separators between them.
fn is_repository(path: &str) -> bool {
    let is_part = |part: &str| {
        let is_inner = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
        let is_any = |it: u8| is_inner(it) || b"._-".contains(&it);
        let ends = [part.bytes().next(), part.bytes().last()];
        part.bytes().all(is_any) && ends.iter().all(|it| it.is_some_and(is_inner))
    };
    path.split('/').all(is_part)
}

fn is_bucket(name: &str) -> bool {
    let is_inner = |it: u8| it.is_ascii_alphanumeric() || b"._-".contains(&it);
    (3..=63).contains(&name.len()) && name.bytes().all(is_inner) && !name.starts_with('.')
}

/// Whether a path is a folder in a bucket, without `.` and `..` as segments.
fn is_folder(path: &str) -> bool {
    let is_inner = |it: u8| it.is_ascii_alphanumeric() || b"!_.*'()-@=+".contains(&it);
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(is_inner);
    path.is_empty() || path.split('/').all(is_part)
}

/// The settings for S3, from the environment variables of the AWS tools.
#[derive(Clone, Default)]
pub struct S3Access {
    /// The keys; without them, requests are not signed.
    pub keys: Option<S3Keys>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// The server; by default that of AWS.
    pub endpoint: Option<String>,
}

/// The keys for signing requests.
#[derive(Clone)]
pub struct S3Keys {
    /// The variable `AWS_ACCESS_KEY_ID` of AWS tools.
    pub id: String,
    /// The variable `AWS_SECRET_ACCESS_KEY` of AWS tools.
    pub secret: String,
    /// `AWS_SESSION_TOKEN`, for temporary keys.
    pub token: Option<String>,
}

/// A client for a store.
pub struct Store {
    address: StoreAddress,
    access: Access,
    s3: S3Access,
}

impl Store {
    /// Creates a client. Files and servers are only accessed on first use.
    pub fn new(address: StoreAddress, files: CredentialFiles, s3: S3Access) -> Store {
        Store {
            address,
            access: Access::new(Client::with_short_limits(), Credentials::new(files)),
            s3,
        }
    }

    /// The address as given to the flag.
    pub fn address(&self) -> &StoreAddress {
        &self.address
    }

    /// The bytes of a name; `None` if it does not exist. Errors: `unreachable`, `access-denied`, `unexpected-answer`,
    /// `wrong-digest`.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        match &self.address.kind {
            Kind::Registry(address) => oci::get(&self.access, address, name),
            Kind::Bucket { bucket, folder } => {
                s3::Folder::new(&self.access.client, &self.s3, bucket, folder)?.get(name)
            }
        }
    }

    /// Sets the bytes of a name. Errors: as for [`Store::get`].
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        match &self.address.kind {
            Kind::Registry(address) => oci::put(&self.access, address, name, bytes),
            Kind::Bucket { bucket, folder } => {
                s3::Folder::new(&self.access.client, &self.s3, bucket, folder)?.put(name, bytes)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for text in [
            "oci://localhost:5000/cache",
            "oci://ghcr.io/acme/pleach_cache/main-1.x/",
            "s3://bucket",
            "s3://my-bucket/pleach/feature=a/main",
        ] {
            let address: StoreAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text.trim_end_matches('/'));
        }
        for text in [
            "",
            "cache",
            "https://example.com/cache",
            "oci://",
            "oci://host",
            "oci://host/Cache",
            "oci://host/cache:main",
            "oci://user:password@host/cache",
            "oci://host/a//b",
            "oci://host/-a",
            "oci://host/../a",
            "s3://",
            "s3://b",
            "s3://bucket/../other",
            "s3://bucket/a//b",
            "s3://bucket/a?x=1",
            "s3://key:secret@bucket/a",
        ] {
            assert!(text.parse::<StoreAddress>().is_err(), "{text}");
        }
    }
}
