//! Helm charts as input: resolves their versions and reads their files.
//!
//! A chart is read from a folder or archive in the workspace, or from a copy of a pinned archive in the workspace or the cache, by
//! digest. The network is not used: a missing chart is reported with the command that pulls it.

mod archive;
mod available;
mod content;
mod crds;
mod ignore;
mod local;
mod lock;
mod memory;
mod request;
mod source;

pub use archive::{pack, unpack, unpack_in_order};
pub use available::Available;
pub use content::Chart;
pub use lock::{LOCK, Lock, Pin, RemotePin};
pub use request::Request;
pub use source::{lint, read_source};

pub use crate::semver::{Range, Version, is_exact};

use memory::MemoryCache;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::HelmVersion;
use crate::source::LoadedChart;
use pleach_yaml::diag::{Class, Diagnostic, Source};
use pleach_yaml::hex;
use pleach_yaml::tree::{EntryKind, Files, FilesError, Tree, TreePath};

/// Reads a chart from its files. `location` is its folder in messages.
pub fn read_chart(files: &Tree, location: &TreePath) -> Result<Chart, Diagnostic> {
    Chart::from_files(files, &TreePath::root(), location)
}

/// Reads the chart in an archive. `title` is its name in messages.
pub fn read_archive(bytes: &[u8], title: &str) -> Result<Chart, Diagnostic> {
    let location = TreePath::root().child(&format!("<chart {title}>"));
    read_chart(&unpack(bytes, title)?, &location)
}

/// The cache of archives outside of the workspace: files `charts/<digest>.tgz`.
#[derive(Clone)]
pub struct Cache {
    files: Arc<dyn Files + Send + Sync>,
    memory: Option<MemoryCache>,
}

impl Cache {
    /// The cache in a folder.
    pub fn new(files: Arc<dyn Files + Send + Sync>) -> Cache {
        Cache {
            files,
            memory: None,
        }
    }

    /// The same cache, with unpacked archives kept in memory, for long-running programs.
    #[must_use]
    pub fn with_memory(self) -> Cache {
        Cache {
            memory: Some(MemoryCache::default()),
            ..self
        }
    }

    /// The files of the cache.
    pub fn files(&self) -> &dyn Files {
        &*self.files
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache")
    }
}

/// The path of an archive in the cache.
pub fn cache_path(digest: &str) -> TreePath {
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    let folder = TreePath::root().child("charts");
    folder.child(&format!("{digits}.tgz"))
}

/// The possible names of a copy in the folder of copies: the plain name, or, if another chart already has it, the name with the
/// digest.
pub fn copy_names(pin: &Pin) -> [String; 2] {
    let plain = format!("{}-{}", pin.name, pin.version).replace(['/', '\\'], "-");
    let digits = pin.hex().get(..12).unwrap_or("");
    [format!("{plain}.tgz"), format!("{plain}-{digits}.tgz")]
}

/// `sha256:…` of an archive.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// The locations of charts in a workspace.
#[derive(Clone, Debug)]
pub struct ChartLocations {
    /// The folder of copies.
    pub copies: TreePath,
    /// Prefixes of addresses, and the folders of the workspace with the sources of their charts.
    pub folders: Vec<(String, TreePath)>,
}

impl ChartLocations {
    /// The folder for an address: that of the longest matching prefix.
    fn folder(&self, repository: &str) -> Option<&TreePath> {
        let is_below = |prefix: &str| {
            let rest = repository.strip_prefix(prefix.trim_end_matches('/'));
            rest.is_some_and(|it| it.is_empty() || it.starts_with('/'))
        };
        let matching = self.folders.iter().filter(|it| is_below(&it.0));
        matching.max_by_key(|it| it.0.len()).map(|it| &it.1)
    }
}

/// The charts of a workspace. It records the requests for charts, which `pleach vendor` pulls.
pub struct Charts<'a> {
    files: &'a dyn Files,
    cache: Option<Cache>,
    locations: ChartLocations,
    lock: Lock,
    state: Mutex<State>,
}

/// The requests so far, and cached results.
#[derive(Default)]
struct State {
    /// Requests, and whether the workspace itself contains the chart.
    requests: BTreeMap<Request, bool>,
    opened: BTreeMap<Request, Result<Arc<Chart>, Diagnostic>>,
    crds: BTreeMap<Request, Option<Arc<BTreeSet<String>>>>,
}

/// The code of a missing chart.
pub const MISSING_CHART: &str = "missing-chart";

const VENDOR: &str = "run `pleach vendor` to pull and pin it";

/// The result of resolving a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A version from the lock or a folder of the workspace.
    Version(String),
    /// No version is admitted; the lock has these versions of the chart.
    Nothing(Vec<String>),
}

impl<'a> Charts<'a> {
    /// The charts of the workspace at the root of `files`.
    pub fn new(
        files: &'a dyn Files,
        cache: Option<Cache>,
        locations: ChartLocations,
        lock: Lock,
    ) -> Charts<'a> {
        Charts {
            files,
            cache,
            locations,
            lock,
            state: Mutex::default(),
        }
    }

    /// Resolves the version of a request.
    pub fn version(&self, request: &Request) -> Found {
        let in_workspace = self.in_workspace(request);
        self.record(request, in_workspace.is_some());
        if let Some(Ok((_, version))) = in_workspace {
            return Found::Version(version.as_str().to_string());
        }
        match self.lock.pin(request) {
            Some(pin) => Found::Version(pin.version.clone()),
            None => {
                let versions = self.lock.versions(request).into_iter();
                Found::Nothing(versions.map(str::to_string).collect())
            }
        }
    }

    /// Opens a chart. Errors: `missing-chart` with the command that pulls it, `invalid-chart`, `wrong-digest`.
    pub fn open(&self, request: &Request) -> Result<Arc<Chart>, Diagnostic> {
        let state = self.state();
        if let Some(opened) = state.opened.get(request) {
            return opened.clone();
        }
        drop(state);
        let in_workspace = self.in_workspace(request);
        self.record(request, in_workspace.is_some());
        let opened = match in_workspace {
            Some(found) => found.and_then(|(location, _)| location.read(self.files)),
            None => self.read_pinned(request),
        };
        let opened = opened.map(Arc::new);
        let mut state = self.state();
        state.opened.insert(request.clone(), opened.clone());
        opened
    }

    /// The names of the CRDs in a chart; `None` if it is not available or they are unknown.
    pub fn crds(&self, request: &Request) -> Option<Arc<BTreeSet<String>>> {
        let mut state = self.state();
        let find = || Some(Arc::new(crds::names(&self.content(request).ok()?)?));
        let entry = state.crds.entry(request.clone());
        entry.or_insert_with(find).clone()
    }

    /// The files of a chart. Errors: as for [`open`](Charts::open).
    pub fn files(&self, request: &Request) -> Result<Tree, Diagnostic> {
        self.record(request, self.in_workspace(request).is_some());
        self.content(request)
    }

    /// A chart as loaded by Helm. Errors: as for [`open`](Charts::open) and `load`.
    pub fn load(
        &self,
        request: &Request,
        version: HelmVersion,
        load: impl FnOnce(&Tree) -> Result<LoadedChart, Diagnostic>,
    ) -> Result<Arc<LoadedChart>, Diagnostic> {
        let in_workspace = self.in_workspace(request).is_some();
        self.record(request, in_workspace);
        let load = || load(&self.content(request)?);
        match self.memory().filter(|_| !in_workspace) {
            Some(memory) => {
                let pin = self.pin(request)?;
                // The archive may disappear or change at any time, so it is always read and verified.
                self.archive_of(pin)?;
                memory.chart(&pin.digest, version, load)
            }
            None => load().map(Arc::new),
        }
    }

    /// The files of a chart with CRDs and without template code; none if the chart is not available.
    pub fn definitions(&self, request: &Request) -> Vec<Arc<Source>> {
        let content = self.content(request);
        content.map_or_else(|_| Vec::new(), |it| crds::sources(&it, &request.title()))
    }

    /// The files of a chart, from the workspace or the archive of its pin.
    fn content(&self, request: &Request) -> Result<Tree, Diagnostic> {
        match self.in_workspace(request) {
            Some(found) => found.and_then(|(location, _)| location.content(self.files)),
            None => self.unpacked(self.pin(request)?),
        }
    }

    /// The requests so far for charts that are not in the workspace.
    pub fn requests(&self) -> Vec<Request> {
        let state = self.state();
        let external = state.requests.iter().filter(|it| !it.1);
        external.map(|it| it.0.clone()).collect()
    }

    /// The repositories of pinned charts with this name.
    pub fn repositories(&self, name: &str) -> Vec<String> {
        let pins = self.lock.pins.iter().filter(|it| it.name == name);
        let repositories: BTreeSet<&String> = pins.map(|it| &it.repository).collect();
        repositories.into_iter().cloned().collect()
    }

    /// The pins that nothing requested.
    pub fn unused(&self) -> Vec<Pin> {
        let requests = self.requests();
        let used: BTreeSet<_> = requests
            .iter()
            .filter_map(|it| Some(self.lock.pin(it)?.key()))
            .collect();
        let pins = self.lock.pins.iter().filter(|it| !used.contains(&it.key()));
        pins.cloned().collect()
    }

    /// The pinned charts whose archives are neither in the workspace nor in the cache.
    pub fn not_pulled(&self) -> impl Iterator<Item = &Pin> {
        let is_file = |files: &dyn Files, path: &TreePath| {
            matches!(files.kind(path), Ok(Some(EntryKind::File)))
        };
        self.lock.pins.iter().filter(move |pin| {
            let mut copies = copy_names(pin)
                .map(|it| self.locations.copies.child(&it))
                .into_iter();
            let cached = self.cache.as_ref();
            !copies.any(|it| is_file(self.files, &it))
                && !cached.is_some_and(|it| is_file(&*it.files, &cache_path(&pin.digest)))
        })
    }

    /// Records a request, for [`requests`](Charts::requests).
    fn record(&self, request: &Request, in_workspace: bool) {
        let mut state = self.state();
        if !state.requests.contains_key(request) {
            state.requests.insert(request.clone(), in_workspace);
        }
    }

    /// The chart in the workspace itself. `None` if it has no admitted version and the address is not a path of the workspace.
    fn in_workspace(
        &self,
        request: &Request,
    ) -> Option<Result<(local::Location, Version), Diagnostic>> {
        if let Err(fault) = request.check() {
            return Some(Err(fault));
        }
        if request.is_local() {
            return Some(local::find(self.files, request));
        }
        let folder = self.locations.folder(&request.repository)?;
        local::find_in(self.files, folder, request).transpose()
    }

    /// Reads the chart in the archive of the pin of a request.
    fn read_pinned(&self, request: &Request) -> Result<Chart, Diagnostic> {
        let pin = self.pin(request)?;
        let location = TreePath::root().child(&format!("<chart {}>", pin.title()));
        read_chart(&self.unpacked(pin)?, &location)
    }

    /// The files in the archive of a pin.
    fn unpacked(&self, pin: &Pin) -> Result<Tree, Diagnostic> {
        let bytes = self.archive_of(pin)?;
        let unpack = || unpack(&bytes, &pin.title());
        match self.memory() {
            Some(memory) => memory.tree(&pin.digest, unpack),
            None => unpack(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn memory(&self) -> Option<&MemoryCache> {
        self.cache.as_ref()?.memory.as_ref()
    }

    /// The pin of a request. Errors: `missing-chart`.
    fn pin(&self, request: &Request) -> Result<&Pin, Diagnostic> {
        let title = request.title();
        self.lock.pin(request).ok_or_else(|| {
            let versions = self.lock.versions(request).join(", ");
            let message = match &*versions {
                "" => format!("chart `{title}` is not in `{LOCK}`"),
                versions => format!("`{LOCK}` does not contain chart `{title}`, only {versions}"),
            };
            Diagnostic::error(MISSING_CHART, message)
                .class(Class::MissingChart)
                .help(VENDOR)
        })
    }

    /// The archive of a pin. Errors: `missing-chart` if it was not pulled, and those of [`archive`](Charts::archive).
    fn archive_of(&self, pin: &Pin) -> Result<Arc<[u8]>, Diagnostic> {
        self.archive(pin)?.ok_or_else(|| {
            let message = format!(
                "chart `{}` is pinned, but its archive has not been pulled",
                pin.title()
            );
            Diagnostic::error(MISSING_CHART, message)
                .class(Class::MissingChart)
                .help(VENDOR)
        })
    }

    /// The archive of a pin: the copy in the workspace, or else the one in the cache. Errors: `wrong-digest`, `unreadable-file`.
    fn archive(&self, pin: &Pin) -> Result<Option<Arc<[u8]>>, Diagnostic> {
        let copies = copy_names(pin).map(|it| self.locations.copies.child(&it));
        let mut mismatched = None;
        for path in copies {
            match self.files.read(&path) {
                Ok(bytes) if digest(&bytes) == pin.digest => return Ok(Some(bytes)),
                Ok(_) => mismatched = mismatched.or(Some(path)),
                Err(FilesError::NotFound) => {}
                Err(error) => {
                    let message = format!("cannot read `{path}`: {error}");
                    return Err(
                        Diagnostic::error("unreadable-file", message).class(Class::Unreadable)
                    );
                }
            }
        }
        let cached = self
            .cache
            .as_ref()
            .map(|it| it.files.read(&cache_path(&pin.digest)));
        match (cached.and_then(Result::ok), mismatched) {
            (Some(bytes), _) if digest(&bytes) == pin.digest => Ok(Some(bytes)),
            (Some(_), _) => Err(wrong_digest(pin, "the archive in the cache".to_string())),
            (None, Some(path)) => Err(wrong_digest(pin, format!("`{path}`"))),
            (None, None) => Ok(None),
        }
    }
}

fn wrong_digest(pin: &Pin, archive: String) -> Diagnostic {
    let message = format!(
        "{archive} is not the chart that `{LOCK}` pins as `{}`",
        pin.title()
    );
    Diagnostic::error("wrong-digest", message)
        .class(Class::WrongDigest)
        .help("run `pleach vendor` to pull the pinned archive again")
}
