//! `pleach.lock`: the version of a chart that each request resolved to, and its digest.

use std::fmt::Write;
use std::sync::OnceLock;

use super::request::Request;
use crate::semver::Range;
use crate::semver::Version;
use pleach_kube::schema::{Schema, own_schema, validate};
use pleach_yaml::diag::{Class, Diagnostic, Diagnostics, MERGE_CONFLICT, Span, conflict_marker};
use pleach_yaml::tree::{Files, TreePath};
use pleach_yaml::{Mapping, Node, emit_canonical, parse_one};

/// The path of the lock, relative to the workspace.
pub const LOCK: &str = "pleach.lock";

/// The content of the lock.
#[derive(Clone, Debug, Default)]
pub struct Lock {
    /// Charts, in the order of repository, name and requested version, each request once.
    pub pins: Vec<Pin>,
    /// Repositories and files that kustomizations refer to, sorted by address, each once.
    pub remotes: Vec<RemotePin>,
}

/// The pin of a Git repository at a reference, or of a file on a server.
#[derive(Clone, Debug)]
pub struct RemotePin {
    /// `https://github.com/acme/web?ref=v1.0.0`, or the address of the file.
    pub address: String,
    /// The commit; `None` for a file.
    pub commit: Option<String>,
    /// `sha256:…` of the stored content: of the file, or of the paths and contents of the repository's files.
    pub digest: String,
    /// The location of the entry.
    pub span: Option<Span>,
}

impl RemotePin {
    /// The digest without its prefix.
    pub fn hex(&self) -> &str {
        self.digest.strip_prefix("sha256:").unwrap_or(&self.digest)
    }
}

impl PartialEq for RemotePin {
    fn eq(&self, other: &RemotePin) -> bool {
        // The location of the entry does not matter.
        let key = |it: &RemotePin| (it.address.clone(), it.commit.clone(), it.digest.clone());
        key(self) == key(other)
    }
}

/// A request for a chart, and the pinned version.
#[derive(Clone, Debug)]
pub struct Pin {
    /// The repository as in the claim, without a final slash.
    pub repository: String,
    /// The chart's name in the repository's index, or the last part of its OCI address.
    pub name: String,
    /// The version as in the claim; `*` if there is none.
    pub requested: String,
    /// The version that it resolved to.
    pub version: String,
    /// `sha256:…` of the archive.
    pub digest: String,
    /// The address from which the archive was pulled.
    pub origin: String,
    /// The location of the entry.
    pub span: Option<Span>,
}

impl PartialEq for Pin {
    fn eq(&self, other: &Pin) -> bool {
        self.key() == other.key() && self.resolved() == other.resolved()
    }
}

impl Pin {
    /// The request that it pins: repository, name and requested version.
    pub fn key(&self) -> (&str, &str, &str) {
        (&self.repository, &self.name, &self.requested)
    }

    fn resolved(&self) -> (&str, &str, &str) {
        (&self.version, &self.digest, &self.origin)
    }

    /// `name version`, for messages.
    pub fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// The digest without its prefix.
    pub fn hex(&self) -> &str {
        self.digest.strip_prefix("sha256:").unwrap_or(&self.digest)
    }

    fn is_for_chart(&self, request: &Request) -> bool {
        self.repository == request.repository && self.name == request.name
    }

    /// The pinned version, if it is in a range.
    fn admitted(&self, range: &Range) -> Option<Version> {
        Version::parse(&self.version)
            .ok()
            .filter(|it| range.admits(it))
    }
}

impl Lock {
    /// Reads the lock of a workspace; an empty one if there is none. Errors: those of the reader and the schema.
    pub fn read(files: &dyn Files) -> Result<Lock, Diagnostics> {
        let path = TreePath::root().child(LOCK);
        if matches!(files.kind(&path), Ok(None)) {
            return Ok(Lock::default());
        }
        let bytes = files.read(&path).map_err(|error| {
            Diagnostic::error("unreadable-file", format!("cannot read `{LOCK}`: {error}"))
                .class(Class::Unreadable)
        })?;
        let source = pleach_yaml::text_source(&path, &bytes)?;
        let with_help = |faults: Diagnostics| {
            let help = "remove the file and run `pleach vendor` to write it again";
            let faults = faults.into_iter().map(|it| it.help(help));
            faults.collect::<Diagnostics>()
        };
        if let Some(marker) = conflict_marker(source.text.as_bytes()) {
            let message = format!("`{LOCK}` contains merge conflict markers");
            let fault = Diagnostic::error(MERGE_CONFLICT, message)
                .class(Class::MergeConflict)
                .at(Span::new(&source, marker));
            return Err(fault.help("take either side completely, then run `pleach vendor` to add missing pins and remove unused ones").into());
        }
        let node = parse_one(&source).map_err(with_help)?;
        let found: Diagnostics = validate(&node, schema(), "Lock").into_iter().collect();
        match found.has_errors() {
            true => Err(with_help(found)),
            false => Ok(Lock::from_node(&node)),
        }
    }

    fn from_node(node: &Node) -> Lock {
        let entries = node
            .at_keys(&["spec", "charts"])
            .and_then(Node::as_sequence);
        let field = |entry: &Node, key: &str| {
            let text = entry.get(key).and_then(Node::as_str);
            text.unwrap_or("").to_string()
        };
        let pin = |entry: &Node| Pin {
            repository: field(entry, "repository").trim_end_matches('/').to_string(),
            name: field(entry, "name"),
            requested: field(entry, "requested"),
            version: field(entry, "version"),
            digest: field(entry, "digest"),
            origin: field(entry, "origin"),
            span: entry.get("name").map(|it| it.span().clone()),
        };
        let remotes = node
            .at_keys(&["spec", "remotes"])
            .and_then(Node::as_sequence);
        let remote = |entry: &Node| RemotePin {
            address: field(entry, "address"),
            commit: Some(field(entry, "commit")).filter(|it| !it.is_empty()),
            digest: field(entry, "digest"),
            span: entry.get("address").map(|it| it.span().clone()),
        };
        let lock = Lock::new(entries.unwrap_or_default().iter().map(pin));
        lock.with_remotes(remotes.unwrap_or_default().iter().map(remote))
    }

    /// The lock with these pins of remote bases and files.
    #[must_use]
    pub fn with_remotes(self, remotes: impl IntoIterator<Item = RemotePin>) -> Lock {
        let mut remotes: Vec<RemotePin> = remotes.into_iter().collect();
        remotes.sort_by(|a, b| a.address.cmp(&b.address));
        remotes.dedup_by(|a, b| a.address == b.address);
        Lock { remotes, ..self }
    }

    /// The pin of a remote base or file, by its address.
    pub fn remote(&self, address: &str) -> Option<&RemotePin> {
        let at = self
            .remotes
            .binary_search_by(|it| it.address.as_str().cmp(address));
        self.remotes.get(at.ok()?)
    }

    /// Whether it pins nothing.
    pub fn is_empty(&self) -> bool {
        self.pins.is_empty() && self.remotes.is_empty()
    }

    /// A lock with these pins of charts; of equal requests, the first is kept.
    pub fn new(pins: impl IntoIterator<Item = Pin>) -> Lock {
        let mut pins: Vec<Pin> = pins.into_iter().collect();
        pins.sort_by(|a, b| a.key().cmp(&b.key()));
        pins.dedup_by(|a, b| a.key() == b.key());
        Lock {
            pins,
            remotes: Vec::new(),
        }
    }

    /// The text of `pleach.lock`. Entries are sorted, so equal locks have equal bytes.
    pub fn to_text(&self) -> String {
        let entry = |pin: &Pin| {
            let fields = [
                ("repository", &pin.repository),
                ("name", &pin.name),
                ("requested", &pin.requested),
                ("version", &pin.version),
                ("digest", &pin.digest),
                ("origin", &pin.origin),
            ];
            Node::mapping(Mapping::from(
                fields.map(|(key, text)| (key, Node::string(text.as_str()))),
            ))
        };
        let remote = |pin: &RemotePin| {
            let mut fields = Mapping::new();
            fields.insert("address", Node::string(pin.address.as_str()));
            if let Some(commit) = &pin.commit {
                fields.insert("commit", Node::string(commit.as_str()));
            }
            fields.insert("digest", Node::string(pin.digest.as_str()));
            Node::mapping(fields)
        };
        let mut spec = Mapping::from([("charts", Node::sequence(self.pins.iter().map(entry)))]);
        if !self.remotes.is_empty() {
            spec.insert("remotes", Node::sequence(self.remotes.iter().map(remote)));
        }
        let document = [
            ("apiVersion", Node::constant("pleach.dev/v1")),
            ("kind", Node::constant("Lock")),
            (
                "metadata",
                Node::mapping([("name", Node::constant("pleach"))]),
            ),
            ("spec", Node::mapping(spec)),
        ];
        let mut text = String::from("# Written by `pleach vendor`. Do not edit.\n");
        let _ = write!(text, "{}", emit_canonical(&Node::mapping(document)));
        text
    }

    /// The pin of a request: the one for exactly this version or range, or else the highest pinned version that it admits.
    pub fn pin(&self, request: &Request) -> Option<&Pin> {
        let range = request.range()?;
        let of_chart = || self.pins.iter().filter(|it| it.is_for_chart(request));
        if let Some(digest) = &request.digest {
            return of_chart().find(|it| it.requested == *digest);
        }
        let exact = of_chart()
            .find(|it| it.requested == request.requested() && it.admitted(&range).is_some());
        let admitted = || {
            let pins = of_chart().filter_map(|it| Some((it.admitted(&range)?, it)));
            pins.max_by(|a, b| a.0.cmp(&b.0)).map(|it| it.1)
        };
        exact.or_else(admitted)
    }

    /// All pinned versions of a chart.
    pub fn versions(&self, request: &Request) -> Vec<&str> {
        let pins = self.pins.iter().filter(|it| it.is_for_chart(request));
        let mut versions: Vec<&str> = pins.map(|it| it.version.as_str()).collect();
        versions.dedup();
        versions
    }
}

fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| own_schema("lock.yaml", include_str!("lock.yaml")))
}
