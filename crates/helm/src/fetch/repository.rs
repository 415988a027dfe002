//! HTTP repositories: `index.yaml` and archives.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::credentials::Credential;
use super::http::{Answer, Call, Client};
use super::url::Url;
use crate::chart::{Range, Version};
use pleach_yaml::diag::{Class, Diagnostic, Source};
use pleach_yaml::{Node, parse_one};

/// The largest known index, that of Bitnami, has 20 MiB.
const INDEX_BYTES_MAX: u64 = 64 << 20;
pub(super) const ARCHIVE_BYTES_MAX: u64 = 100 << 20;

/// An archive in an index.
pub(super) struct Listed {
    pub(super) version: Version,
    pub(super) url: Url,
    pub(super) digest: Option<String>,
}

type Known = Arc<OnceLock<Result<Arc<Node>, Diagnostic>>>;

/// The cached indexes of a run.
#[derive(Default)]
pub(super) struct Indexes {
    known: Mutex<BTreeMap<String, Known>>,
}

impl Indexes {
    fn index(
        &self,
        client: &Client,
        repository: &Url,
        credential: Option<&Credential>,
    ) -> Result<Arc<Node>, Diagnostic> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = known.entry(repository.to_string()).or_default().clone();
        drop(known);
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
    ) -> Result<Listed, Diagnostic> {
        let index = self.index(client, repository, credential)?;
        let entries = index.get("entries");
        let Some(entry) = entries.and_then(|it| it.get(name)?.as_sequence()) else {
            let names = entries.and_then(Node::as_mapping);
            let names = names.into_iter().flat_map(|it| it.keys());
            let message = format!("`{}` has no chart `{name}`", repository.shown());
            return Err(Diagnostic::error("missing-chart", message)
                .class(Class::MissingChart)
                .did_you_mean(name, names));
        };
        let version = |it: &Node| Version::parse(it.get("version")?.as_str()?).ok();
        let listed: Vec<(Version, &Node)> = entry
            .iter()
            .filter_map(|it| Some((version(it)?, it)))
            .collect();
        // An exact match of the text takes precedence: `1.0.0+a` is not `1.0.0+b`.
        let same = listed.iter().find(|it| it.0.as_str() == requested);
        let highest = || {
            let highest = range.highest(listed.iter().map(|it| &it.0))?;
            listed.iter().find(|it| it.0.as_str() == highest.as_str())
        };
        let Some((version, entry)) = same.or_else(highest) else {
            return Err(no_version(
                &repository.shown(),
                name,
                requested,
                listed.into_iter().map(|it| it.0),
            ));
        };
        let written = entry
            .get("urls")
            .and_then(Node::as_sequence)
            .and_then(|it| it.first()?.as_str());
        let written = written.ok_or_else(|| {
            let message = format!(
                "the index of `{}` has no URL for `{name} {}`",
                repository.shown(),
                version.as_str()
            );
            Diagnostic::error("unexpected-answer", message)
        })?;
        Ok(Listed {
            version: version.clone(),
            url: repository.chart(written)?,
            digest: entry
                .get("digest")
                .and_then(Node::as_str)
                .filter(|it| !it.is_empty())
                .map(with_algorithm),
        })
    }
}

fn with_algorithm(digest: &str) -> String {
    match digest.contains(':') {
        true => digest.to_string(),
        false => format!("sha256:{}", digest.to_ascii_lowercase()),
    }
}

/// The error if no version matches, with the newest versions.
pub(super) fn no_version(
    location: &str,
    name: &str,
    requested: &str,
    versions: impl IntoIterator<Item = Version>,
) -> Diagnostic {
    const SHOWN: usize = 5;
    let mut versions: Vec<Version> = versions.into_iter().collect();
    versions.sort_by(|a, b| b.cmp(a));
    let newest: Vec<&str> = versions.iter().take(SHOWN).map(Version::as_str).collect();
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

fn read(
    client: &Client,
    repository: &Url,
    credential: Option<&Credential>,
) -> Result<Node, Diagnostic> {
    let url = repository.below("index.yaml");
    let mut call = Call::get(url.clone(), INDEX_BYTES_MAX);
    call.headers.push(("Accept-Encoding", "gzip".to_string()));
    call.authorization = credential.and_then(Credential::basic);
    let answer = client.send(&call)?;
    if answer.status == 404 {
        let message = format!(
            "`{}` is not a chart repository: it has no `index.yaml`",
            repository.shown()
        );
        return Err(Diagnostic::error("missing-chart", message)
            .class(Class::MissingChart)
            .help("begin the address of a registry with `oci://`"));
    }
    if !answer.is_success() {
        return Err(answer.fault());
    }
    let wrong = |words: &str| {
        Diagnostic::error(
            "unexpected-answer",
            format!("`{}` is not a valid index: {words}", url.shown()),
        )
    };
    let text = decoded(answer).ok_or_else(|| wrong("it is not valid text"))?;
    parse_one(&Source::internal("index.yaml", text)).map_err(|faults| {
        let first = faults.into_iter().next();
        wrong(&first.map_or(String::new(), |it| it.message))
    })
}

fn decoded(answer: Answer) -> Option<String> {
    let is_zipped = answer
        .header("content-encoding")
        .is_some_and(|it| it.eq_ignore_ascii_case("gzip"));
    if !is_zipped {
        return String::from_utf8(answer.body).ok();
    }
    let mut text = String::new();
    let unzipped = flate2::read::MultiGzDecoder::new(&*answer.body);
    unzipped
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
) -> Result<Answer, Diagnostic> {
    let mut call = Call::get(url.clone(), ARCHIVE_BYTES_MAX);
    // Some servers declare the archive as gzip-encoded. Decoding it would change the bytes that the digest covers.
    call.headers
        .push(("Accept-Encoding", "identity".to_string()));
    let is_own = url.is_same_server(repository);
    call.authorization = credential.filter(|_| is_own).and_then(Credential::basic);
    client.send(&call)
}
