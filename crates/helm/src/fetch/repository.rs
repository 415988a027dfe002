//! HTTP chart repositories: `index.yaml` and archives.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::credentials::Credential;
use super::http::{Call, Client, Response};
use super::url::Url;
use crate::chart::{Range, Version};
use pleach_yaml::diag::{Class, Diagnostic, Source};
use pleach_yaml::{Node, parse_one};

/// The maximum size of an index. The largest known one, that of Bitnami, has 20 MiB.
const INDEX_BYTES_MAX: u64 = 64 << 20;
pub(super) const ARCHIVE_BYTES_MAX: u64 = 100 << 20;

/// A version of a chart in an index.
pub(super) struct IndexEntry {
    pub(super) version: Version,
    pub(super) url: Url,
    pub(super) digest: Option<String>,
}

/// An index that is read at most once, also by concurrent requests.
type IndexCell = Arc<OnceLock<Result<Arc<Node>, Diagnostic>>>;

/// The cached indexes of a run.
#[derive(Default)]
pub(super) struct Indexes {
    by_repository: Mutex<BTreeMap<String, IndexCell>>,
}

impl Indexes {
    fn index(
        &self,
        client: &Client,
        repository: &Url,
        credential: Option<&Credential>,
    ) -> Result<Arc<Node>, Diagnostic> {
        let mut indexes = self
            .by_repository
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let cell = indexes.entry(repository.to_string()).or_default().clone();
        drop(indexes);
        let read = || read(client, repository, credential).map(Arc::new);
        cell.get_or_init(read).clone()
    }

    /// The highest version of a chart that a range admits. Errors: `missing-chart` with the available versions.
    pub(super) fn find(
        &self,
        client: &Client,
        repository: &Url,
        credential: Option<&Credential>,
        name: &str,
        range: &Range,
        requested: &str,
    ) -> Result<IndexEntry, Diagnostic> {
        let index = self.index(client, repository, credential)?;
        let version = |it: &Node| Version::parse(it.get("version")?.as_str()?).ok();
        let available: Vec<(Version, &Node)> = chart_versions(&index, repository, name)?
            .iter()
            .filter_map(|it| Some((version(it)?, it)))
            .collect();
        // An exact match of the text takes precedence: `1.0.0+a` is not `1.0.0+b`.
        let exact = available.iter().find(|it| it.0.as_str() == requested);
        let highest = || {
            let highest = range.highest(available.iter().map(|it| &it.0))?;
            available
                .iter()
                .find(|it| it.0.as_str() == highest.as_str())
        };
        let Some((version, entry)) = exact.or_else(highest) else {
            return Err(no_version(
                &repository.redacted(),
                name,
                requested,
                available.into_iter().map(|it| it.0),
            ));
        };
        Ok(IndexEntry {
            version: version.clone(),
            url: chart_url(entry, repository, name, version)?,
            digest: entry
                .get("digest")
                .and_then(Node::as_str)
                .filter(|it| !it.is_empty())
                .map(with_algorithm),
        })
    }
}

/// The entries of a chart in an index, one per version.
fn chart_versions<'a>(
    index: &'a Node,
    repository: &Url,
    name: &str,
) -> Result<&'a [Node], Diagnostic> {
    let charts = index.get("entries");
    let versions = charts.and_then(|it| it.get(name)?.as_sequence());
    versions.ok_or_else(|| {
        let names = charts.and_then(Node::as_mapping);
        let names = names.into_iter().flat_map(|it| it.keys());
        let message = format!("`{}` has no chart `{name}`", repository.redacted());
        Diagnostic::error("missing-chart", message)
            .class(Class::MissingChart)
            .did_you_mean(name, names)
    })
}

/// The first URL of an entry, which may be relative to the repository.
fn chart_url(
    entry: &Node,
    repository: &Url,
    name: &str,
    version: &Version,
) -> Result<Url, Diagnostic> {
    let reference = entry
        .get("urls")
        .and_then(Node::as_sequence)
        .and_then(|it| it.first()?.as_str());
    let reference = reference.ok_or_else(|| {
        let message = format!(
            "the index of `{}` has no URL for `{name} {}`",
            repository.redacted(),
            version.as_str()
        );
        Diagnostic::error("unexpected-answer", message)
    })?;
    repository.chart(reference)
}

/// A digest with its algorithm; Helm writes SHA-256 without it.
fn with_algorithm(digest: &str) -> String {
    match digest.contains(':') {
        true => digest.to_string(),
        false => format!("sha256:{}", digest.to_ascii_lowercase()),
    }
}

/// The error if no version is admitted, with the newest versions as help.
pub(super) fn no_version(
    location: &str,
    name: &str,
    requested: &str,
    versions: impl IntoIterator<Item = Version>,
) -> Diagnostic {
    const NEWEST_MAX: usize = 5;
    let mut versions: Vec<Version> = versions.into_iter().collect();
    versions.sort_by(|a, b| b.cmp(a));
    let newest: Vec<&str> = versions
        .iter()
        .take(NEWEST_MAX)
        .map(Version::as_str)
        .collect();
    let fault = Diagnostic::error(
        "missing-chart",
        format!("`{location}` has no version `{requested}` of `{name}`"),
    )
    .class(Class::MissingChart);
    match &*newest {
        [] => fault,
        newest => fault.help(format!("the newest versions are {}", newest.join(", "))),
    }
}

/// Downloads and parses `index.yaml`.
fn read(
    client: &Client,
    repository: &Url,
    credential: Option<&Credential>,
) -> Result<Node, Diagnostic> {
    let url = repository.below("index.yaml");
    let mut call = Call::get(url.clone(), INDEX_BYTES_MAX);
    call.headers.push(("Accept-Encoding", "gzip".to_string()));
    call.authorization = credential.and_then(Credential::basic);
    let response = client.send(&call)?;
    if response.status == 404 {
        let message = format!(
            "`{}` is not a chart repository: it has no `index.yaml`",
            repository.redacted()
        );
        return Err(Diagnostic::error("missing-chart", message)
            .class(Class::MissingChart)
            .help("begin the address of a registry with `oci://`"));
    }
    if !response.is_success() {
        return Err(response.fault());
    }
    let invalid = |message: &str| {
        Diagnostic::error(
            "unexpected-answer",
            format!("`{}` is not a valid index: {message}", url.redacted()),
        )
    };
    let text = decoded_body(response).ok_or_else(|| invalid("it is not valid text"))?;
    parse_one(&Source::internal("index.yaml", text)).map_err(|faults| {
        let first = faults.into_iter().next();
        invalid(&first.map_or(String::new(), |it| it.message))
    })
}

/// The text of a response, which may be compressed; `None` if it is not UTF-8.
fn decoded_body(response: Response) -> Option<String> {
    let is_compressed = response
        .header("content-encoding")
        .is_some_and(|it| it.eq_ignore_ascii_case("gzip"));
    if !is_compressed {
        return String::from_utf8(response.body).ok();
    }
    let mut text = String::new();
    let decoder = flate2::read::MultiGzDecoder::new(&*response.body);
    decoder
        .take(INDEX_BYTES_MAX)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// Downloads an archive. Credentials are only sent to the server of the repository.
pub(super) fn download(
    client: &Client,
    url: &Url,
    repository: &Url,
    credential: Option<&Credential>,
) -> Result<Response, Diagnostic> {
    let mut call = Call::get(url.clone(), ARCHIVE_BYTES_MAX);
    // Some servers declare the archive as gzip-encoded. Decoding it would change the bytes that the digest covers.
    call.headers
        .push(("Accept-Encoding", "identity".to_string()));
    let is_own = url.is_same_server(repository);
    call.authorization = credential.filter(|_| is_own).and_then(Credential::basic);
    client.send(&call)
}
