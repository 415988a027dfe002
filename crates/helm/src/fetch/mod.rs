//! Network access: HTTP chart repositories, OCI registries, and stores of bytes by name. Only `pleach vendor`, `pleach publish` and
//! the shared cache use it.
//!
//! The caller decides what to pull and stores the result. A pulled archive matches its digest and contains the requested chart.

mod access;
mod credentials;
mod http;
mod json;
mod registry;
mod repository;
mod store;
mod url;

pub use credentials::CredentialFiles;
pub use json::config;
pub use store::{S3Access, S3Keys, Store, StoreAddress};

use std::collections::BTreeMap;

use crate::chart::{Pin, Request, Version, digest, is_exact, read_archive};
use access::Access;
use credentials::Credentials;
use http::{Call, Client};
use pleach_yaml::diag::{Class, Diagnostic};
use registry::OciRepository;
use repository::{IndexEntry, Indexes, no_version};
use url::Url;

/// The maximum size of a remote file of a kustomization.
const FILE_BYTES_MAX: u64 = 20 << 20;

/// Pulls and pushes charts. Indexes and tokens are cached for the run.
pub struct Network {
    access: Access,
    indexes: Indexes,
}

/// The repository to pull a chart from.
#[derive(Clone, Debug)]
pub struct RepositoryAddress {
    /// The address of the repository, after mirrors are applied.
    pub address: String,
    /// Whether to use plain HTTP, like `helm pull --plain-http`.
    pub plain: bool,
}

/// The archive that a request resolved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The exact version that the range selected.
    pub version: String,
    /// The digest of the archive, if the repository provides it.
    pub digest: Option<String>,
    /// The address of the archive, or `oci://…@sha256:…` with the digest of the manifest.
    pub origin: String,
}

impl Network {
    /// Creates a client. Files and servers are only accessed on first use.
    pub fn new(files: CredentialFiles) -> Network {
        Network {
            access: Access::new(Client::default(), Credentials::new(files)),
            indexes: Indexes::default(),
        }
    }

    /// Finds the highest version that a request admits. Errors: `missing-chart`, `unreachable`, `access-denied`,
    /// `unexpected-answer`.
    pub fn locate(
        &self,
        request: &Request,
        location: &RepositoryAddress,
    ) -> Result<Located, Diagnostic> {
        request.check()?;
        let address = Url::parse(&location.address)?;
        match &*address.scheme {
            "oci" => self.locate_in_registry(request, &address, location.plain),
            _ => self.locate_in_index(request, &address),
        }
    }

    /// Downloads a remote file of a kustomization, without credentials. `None` if there is no such file, or the server returns an
    /// HTML page. Errors: `unreachable`, `invalid-value`.
    pub fn file(&self, address: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        let url = Url::parse(address)?;
        let response = self.access.client.send(&Call::get(url, FILE_BYTES_MAX))?;
        let is_html = response.body.trim_ascii_start().starts_with(b"<");
        Ok((response.is_success() && !is_html).then_some(response.body))
    }

    fn locate_in_index(&self, request: &Request, address: &Url) -> Result<Located, Diagnostic> {
        let range = request.range().ok_or_else(|| no_range(request))?;
        let credential = self.access.credentials.repository(&address.to_string());
        let (name, requested) = (&request.name, request.requested());
        let found = self.indexes.find(
            &self.access.client,
            address,
            credential.as_ref(),
            name,
            &range,
            requested,
        );
        let IndexEntry {
            version,
            url,
            digest,
        } = found?;
        Ok(Located {
            version: version.as_str().to_string(),
            digest,
            origin: url.to_string(),
        })
    }

    fn locate_in_registry(
        &self,
        request: &Request,
        address: &Url,
        plain: bool,
    ) -> Result<Located, Diagnostic> {
        let repository = self.repository(&address.below(&request.name), plain);
        let requested = request.requested();
        if request.digest.is_some() {
            let manifest = repository.manifest(requested)?.ok_or_else(|| {
                let message = format!("`{}` has no manifest `{requested}`", repository.address());
                Diagnostic::error("missing-chart", message).class(Class::MissingChart)
            })?;
            let version = repository.version(&manifest)?.unwrap_or_default();
            return Ok(located(&repository, version, manifest));
        }
        if is_exact(requested)
            && let Some(manifest) = repository.manifest(&tag(requested))?
        {
            return Ok(located(&repository, requested.to_string(), manifest));
        }
        let range = request.range().ok_or_else(|| no_range(request))?;
        let tags = repository.tags()?;
        let versions: Vec<Version> = tags
            .iter()
            .filter_map(|it| Version::parse(&it.replace('_', "+")).ok())
            .collect();
        let Some(highest) = range.highest(&versions) else {
            return Err(no_version(
                &repository.address(),
                &request.name,
                requested,
                versions,
            ));
        };
        let version = highest.as_str().to_string();
        match repository.manifest(&tag(&version))? {
            Some(manifest) => Ok(located(&repository, version, manifest)),
            None => Err(no_version(
                &repository.address(),
                &request.name,
                &version,
                versions,
            )),
        }
    }

    /// Pulls an archive, and verifies that it is complete, matches its digest, and contains the requested chart.
    pub fn pull(
        &self,
        request: &Request,
        location: &RepositoryAddress,
        located: &Located,
    ) -> Result<Vec<u8>, Diagnostic> {
        let bytes = match located.origin.starts_with("oci://") {
            true => self.pull_blob(request, location, located)?,
            false => self.download(location, located)?,
        };
        if let Some(expected) = located.digest.as_ref().filter(|it| **it != digest(&bytes)) {
            let message = format!(
                "digest mismatch for the archive of `{} {}`: found {}, expected {expected}",
                request.name,
                located.version,
                digest(&bytes)
            );
            return Err(Diagnostic::error("wrong-digest", message).class(Class::WrongDigest).help(
                "if this version was republished on purpose, run `pleach vendor --update`; the archive was discarded",
            ));
        }
        let chart = read_archive(&bytes, &format!("{} {}", request.name, located.version))?;
        if chart.name != request.name
            || Version::parse(&located.version).as_ref() != Ok(&chart.version)
        {
            let message = format!(
                "the archive contains chart `{} {}`, not `{} {}`",
                chart.name,
                chart.version.as_str(),
                request.name,
                located.version
            );
            return Err(Diagnostic::error("unexpected-answer", message));
        }
        Ok(bytes)
    }

    fn pull_blob(
        &self,
        request: &Request,
        location: &RepositoryAddress,
        located: &Located,
    ) -> Result<Vec<u8>, Diagnostic> {
        let address = Url::parse(&location.address)?.below(&request.name);
        let repository = self.repository(&address, location.plain);
        let digest = located.digest.as_deref().unwrap_or("");
        repository.archive(digest)?.ok_or_else(|| {
            let (address, version) = (repository.address(), &located.version);
            let message = format!("`{address}` no longer has the archive of `{version}`");
            Diagnostic::error("missing-chart", message).class(Class::MissingChart)
        })
    }

    fn download(
        &self,
        location: &RepositoryAddress,
        located: &Located,
    ) -> Result<Vec<u8>, Diagnostic> {
        let repository = Url::parse(&location.address)?;
        let credential = self.access.credentials.repository(&repository.to_string());
        let url = Url::parse(&located.origin)?;
        let response =
            repository::download(&self.access.client, &url, &repository, credential.as_ref())?;
        match response.is_success() {
            true => Ok(response.body),
            false => Err(response.fault()),
        }
    }

    fn repository(&self, address: &Url, plain: bool) -> OciRepository<'_> {
        OciRepository::new(&self.access, address, plain)
    }

    /// The digest of the archive of a version in a registry, if it exists. `address` is without the name of the chart.
    pub fn published(
        &self,
        location: &RepositoryAddress,
        name: &str,
        version: &str,
    ) -> Result<Option<String>, Diagnostic> {
        let repository =
            self.repository(&Url::parse(&location.address)?.below(name), location.plain);
        Ok(repository.manifest(&tag(version))?.map(|it| it.archive))
    }

    /// The archive with a digest in a registry.
    pub fn published_archive(
        &self,
        location: &RepositoryAddress,
        name: &str,
        digest: &str,
    ) -> Result<Option<Vec<u8>>, Diagnostic> {
        let repository =
            self.repository(&Url::parse(&location.address)?.below(name), location.plain);
        repository.archive(digest)
    }

    /// Pushes a chart to a registry and returns the digest of the manifest.
    pub fn publish(
        &self,
        location: &RepositoryAddress,
        chart: &Publication<'_>,
    ) -> Result<String, Diagnostic> {
        let repository = self.repository(
            &Url::parse(&location.address)?.below(chart.name),
            location.plain,
        );
        repository.push_blob(chart.config)?;
        repository.push_blob(chart.archive)?;
        let manifest = registry::manifest(chart.config, chart.archive, &chart.annotations);
        repository.push_manifest(&tag(chart.version), &manifest)
    }
}

/// A chart to publish.
pub struct Publication<'a> {
    /// The chart's name, the last part of its address in the registry.
    pub name: &'a str,
    /// The chart's version, which becomes the tag; `+` is written as `_`.
    pub version: &'a str,
    /// `Chart.yaml` as JSON: the manifest's config.
    pub config: &'a [u8],
    /// The chart as a gzipped tar archive: the manifest's only layer.
    pub archive: &'a [u8],
    /// The annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

impl Located {
    /// The archive of a pin, for pulling it again.
    pub fn from_pin(pin: &Pin) -> Located {
        Located {
            version: pin.version.clone(),
            digest: Some(pin.digest.clone()),
            origin: pin.origin.clone(),
        }
    }
}

/// The tag of a version. `+` is not allowed in tags, so Helm writes `_`.
fn tag(version: &str) -> String {
    version.replace('+', "_")
}

fn located(
    repository: &OciRepository<'_>,
    version: String,
    manifest: registry::Manifest,
) -> Located {
    Located {
        version,
        origin: format!("{}@{}", repository.address(), manifest.digest),
        digest: Some(manifest.archive),
    }
}

fn no_range(request: &Request) -> Diagnostic {
    let message = format!("invalid version or version range `{}`", request.requested());
    Diagnostic::error("invalid-value", message)
}
