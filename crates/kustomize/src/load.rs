//! Reads files: the rules for allowed paths, and the parsing of resources.

use std::collections::VecDeque;
use std::sync::Arc;

use pleach_kube::object::Object;
use pleach_yaml::diag::{Class, Diagnostic, Diagnostics, Source, Span};
use pleach_yaml::tree::{EntryKind, Files, FilesError, TreePath};
use pleach_yaml::{Kind, Mapping, Node, Style, View, parse_as_kustomize};

use super::kustomization::FILE_NAMES;
use super::limits::check_path;
use super::parsed::ParsedFiles;
use super::record::Text;
use super::remote::{self, RemoteBase};
use super::resource::Resource;
use super::{LoadRestriction, Options};

/// The reader of files for one build.
#[derive(Clone, Copy)]
pub(super) struct Loader<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) options: &'a Options,
    /// The built folder; paths in messages are relative to it.
    pub(super) target: &'a TreePath,
    /// Files that other builds over the same files have parsed.
    pub(super) parsed: Option<&'a ParsedFiles>,
}

/// The target of an entry of `resources`.
pub(super) enum ResourceLocation {
    File(TreePath),
    Folder(TreePath),
}

/// The content of an entry of `resources`.
pub(super) enum Loaded {
    Resources(Vec<Resource>),
    Folder(TreePath),
    Faulty(Diagnostics),
}

impl Loader<'_> {
    /// A path for messages, relative to the built folder, so that it does not depend on the root of the tree.
    pub(super) fn display(&self, path: &TreePath) -> String {
        match remote::mount_of(path) {
            // The name of a mount is escaped; messages show the address from the kustomization.
            Some((mount, address)) => {
                let below = path.as_str().get(mount.as_str().len()..);
                format!("<{address}>{}", below.unwrap_or(""))
            }
            None => self.target.relative(path),
        }
    }

    /// Reads the file of an entry of `resources`; for a folder, returns its path.
    pub(super) fn load(&self, folder: &TreePath, entry: &Text) -> Loaded {
        let name = &**entry;
        match self.location(folder, name, entry.span()) {
            Ok(ResourceLocation::Folder(folder)) => Loaded::Folder(folder),
            Ok(ResourceLocation::File(path)) => match self.resources(path, entry) {
                Ok(resources) => Loaded::Resources(resources),
                Err(faults) => Loaded::Faulty(faults),
            },
            Err(fault) => Loaded::Faulty(fault.into()),
        }
    }

    fn resources(&self, path: TreePath, entry: &Text) -> Result<Vec<Resource>, Diagnostics> {
        let name = &**entry;
        // kustomize rejects a kustomization file in `resources`, because it would be applied to the
        // cluster as an object of an unknown kind.
        if FILE_NAMES.contains(&path.name()) {
            let message = format!("`{name}` is a kustomization file, not a resource");
            let fault = Diagnostic::error("kustomization-as-resource", message);
            return Err(fault.at(entry).help("list its folder instead").into());
        }
        let bytes = self.read(&path, entry.span())?;
        let parse = || {
            // The source copies the text, so it is only created if the file is not parsed yet.
            let source = self.text(path.clone(), &bytes, entry.span())?;
            resources_of(&source).map_err(|faults| {
                let mut own = Diagnostics::default();
                let faults = faults.into_iter();
                own.extend(faults.map(|it| it.related(entry.span(), "listed here")));
                own
            })
        };
        match self.parsed {
            Some(parsed) => parsed.resources(&path, &bytes, parse),
            None => parse(),
        }
    }

    /// The bytes of a file that a kustomization in `folder` refers to.
    pub(super) fn bytes(
        &self,
        folder: &TreePath,
        name: &str,
        at: &Span,
    ) -> Result<(TreePath, Arc<[u8]>), Diagnostic> {
        let path = self.file(folder, name, at)?;
        let bytes = self.read(&path, at)?;
        Ok((path, bytes))
    }

    fn read(&self, path: &TreePath, at: &Span) -> Result<Arc<[u8]>, Diagnostic> {
        let bytes = self.files.read(path);
        bytes.map_err(|error| self.unreadable(path, &error, at))
    }

    /// The text of a file that a kustomization in `folder` refers to.
    pub(super) fn source(
        &self,
        folder: &TreePath,
        name: &str,
        at: &Span,
    ) -> Result<Arc<Source>, Diagnostic> {
        let (path, bytes) = self.bytes(folder, name, at)?;
        self.text(path, &bytes, at)
    }

    /// The path of a file that a kustomization in `folder` may read.
    fn file(&self, folder: &TreePath, name: &str, at: &Span) -> Result<TreePath, Diagnostic> {
        // Before the path is normalised, which takes time proportional to its length.
        check_path(name, at)?;
        // An `https://` address is a file in fields for files, and may be a repository only in `resources`.
        if remote::is_file_address(name) {
            return match self.remote_file(name) {
                Some(path) => Ok(path),
                None => Err(not_pinned(name, at)),
            };
        }
        refuse_remote(name, at)?;
        let path = self.resolve(folder, name, at)?;
        if !self.may_read(folder, &path) {
            let message = format!("the file `{name}` is outside the folder of the kustomization");
            return Err(Diagnostic::error("file-outside-root", message)
                .at(at)
                .help("move the file, list its folder as a resource, or build with `--load-restrictor LoadRestrictionsNone`"));
        }
        Ok(path)
    }

    /// Whether a kustomization in `folder` may read a file.
    pub(super) fn may_read(&self, folder: &TreePath, path: &TreePath) -> bool {
        // Remote content must not read anything outside of it.
        let restricted = self.options.load_restriction == LoadRestriction::RootOnly
            || remote::mount_of(folder).is_some();
        !restricted || self.is_below(folder, path)
    }

    /// Whether a file is below a folder, also after following links. True for missing files, because reading them reports the
    /// error.
    fn is_below(&self, folder: &TreePath, path: &TreePath) -> bool {
        if path.below(folder).is_none() {
            return false;
        }
        // kustomize resolves links before it compares, so a link that leads out of the folder is
        // rejected.
        match (self.files.real(folder), self.files.real(path)) {
            (Ok(folder), Ok(path)) => path.below(&folder).is_some(),
            _ => true,
        }
    }

    /// Whether an entry of `resources` is a file or a folder.
    pub(super) fn location(
        &self,
        folder: &TreePath,
        name: &str,
        at: &Span,
    ) -> Result<ResourceLocation, Diagnostic> {
        check_path(name, at)?;
        // Before the disk is read, as in kustomize: `github.com/a/b` is an address even if there is a
        // folder with this name.
        if let Some(location) = self.remote_location(folder, name, at)? {
            return Ok(location);
        }
        if name.is_empty() {
            return Err(
                Diagnostic::error("empty-path", "expected a path, found an empty string").at(at),
            );
        }
        let path = self.resolve(folder, name, at)?;
        match self.files.kind(&path) {
            Ok(Some(EntryKind::File)) => self.file(folder, name, at).map(ResourceLocation::File),
            Ok(Some(EntryKind::Folder)) => {
                self.folder(path, name, at).map(ResourceLocation::Folder)
            }
            Ok(None) => Err(self.missing(&path, name, at)),
            Err(error) => Err(self.unreadable(&path, &error, at)),
        }
    }

    /// Resolves a path from a folder. Paths in fetched content cannot lead out of it.
    pub(super) fn resolve(
        &self,
        folder: &TreePath,
        name: &str,
        at: &Span,
    ) -> Result<TreePath, Diagnostic> {
        let path = folder.resolve(name).ok_or_else(|| outside(name, at))?;
        match remote::mount_of(folder) {
            // kustomize clones into a temporary folder, from which `../..` would read files of the machine.
            Some((mount, address)) if path != mount && path.below(&mount).is_none() => {
                let message = format!("the path `{name}` leads out of `{address}`");
                Err(Diagnostic::error("file-outside-root", message).at(at))
            }
            _ => Ok(path),
        }
    }

    /// The file of an address, if available.
    fn remote_file(&self, name: &str) -> Option<TreePath> {
        let mount = remote::mount(name);
        // Missing pins and unreadable files are the same here: the caller adds help for both.
        matches!(self.files.kind(&mount), Ok(Some(EntryKind::File))).then_some(mount)
    }

    /// The target of an address. `None` if the name is a path.
    fn remote_location(
        &self,
        folder: &TreePath,
        name: &str,
        at: &Span,
    ) -> Result<Option<ResourceLocation>, Diagnostic> {
        // First, and without the address, because the message may be printed in the log of a CI job.
        if remote::has_password(name) {
            let message = "an address contains a password".to_string();
            return Err(
                remote_resource(message, at).help("remove it, and use a git credential helper")
            );
        }
        let is_file = remote::is_file_address(name);
        if is_file && let Some(path) = self.remote_file(name) {
            return Ok(Some(ResourceLocation::File(path)));
        }
        let Some(base) = RemoteBase::parse(name) else {
            return match is_file {
                true => Err(not_pinned(name, at)),
                false => refuse_remote(name, at).map(|()| None),
            };
        };
        // kustomize tries a file of that name before it clones, so `git@host:path` can be a file.
        let own = folder.resolve(name).filter(|_| !is_file);
        let is_own = |it| matches!(self.files.kind(&it), Ok(Some(EntryKind::File)));
        if own.is_some_and(is_own) {
            return Ok(None);
        }
        // A `file://` address leads to a different repository on each machine.
        if base.is_local() && remote::mount_of(folder).is_some() {
            let message =
                format!("a fetched kustomization refers to a repository on this machine, `{name}`");
            return Err(remote_resource(message, at).help("use an address that others can fetch"));
        }
        self.base(&base, name, at).map(Some)
    }

    /// The folder of a remote base.
    fn base(
        &self,
        base: &RemoteBase,
        name: &str,
        at: &Span,
    ) -> Result<ResourceLocation, Diagnostic> {
        let mount = remote::mount(&base.address());
        if !matches!(self.files.kind(&mount), Ok(Some(EntryKind::Folder))) {
            return Err(not_pinned(name, at));
        }
        // kustomize accepts `repo///folder`, because it joins the parts with `filepath.Join`.
        let folder = TreePath::new(base.folder.trim_start_matches('/'));
        let path = mount.join(&folder.ok_or_else(|| outside(name, at))?);
        match self.files.kind(&path) {
            Ok(Some(EntryKind::Folder)) => {
                self.folder(path, name, at).map(ResourceLocation::Folder)
            }
            Ok(Some(EntryKind::File)) => {
                let message = format!("expected a folder of a repository, found the file `{name}`");
                Err(remote_resource(message, at).help("list the folder that contains it"))
            }
            Ok(None) => {
                let message = format!(
                    "folder `{}` is not among the pinned files of `{name}`",
                    base.folder
                );
                Err(Diagnostic::error("missing-file", message)
                    .at(at)
                    .help("run `pleach vendor` to pin the required folders"))
            }
            Err(error) => Err(self.unreadable(&path, &error, at)),
        }
    }

    fn folder(&self, path: TreePath, name: &str, at: &Span) -> Result<TreePath, Diagnostic> {
        let ambiguous = |part: &str| part != ".." && part.contains("..");
        if name.split('/').any(ambiguous) {
            let message = format!("ambiguous path `{name}`: a segment contains `..`");
            return Err(Diagnostic::error("ambiguous-path", message)
                .at(at)
                .help("check the indentation of the next list item: if it is too deep, the item continues this one"));
        }
        Ok(path)
    }

    /// Text of a file's bytes.
    pub(super) fn text(
        &self,
        path: TreePath,
        bytes: &[u8],
        at: &Span,
    ) -> Result<Arc<Source>, Diagnostic> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Source::new(path, text)),
            Err(_) => Err(self.not_text(&path).at(at)),
        }
    }

    pub(super) fn not_text(&self, path: &TreePath) -> Diagnostic {
        let message = format!("the file `{}` is not valid UTF-8", self.display(path));
        Diagnostic::error("not-text", message)
    }

    fn unreadable(&self, path: &TreePath, error: &FilesError, at: &Span) -> Diagnostic {
        let message = format!("cannot read `{}`: {error}", self.display(path));
        let fault = Diagnostic::error("unreadable-file", message)
            .class(Class::Unreadable)
            .at(at);
        match error {
            FilesError::NotFound => self
                .near(fault, path)
                .help("paths are relative to the folder of the kustomization"),
            FilesError::NotAFile => fault.help("name a file; this is a folder"),
            FilesError::NotAFolder => fault.help("name a folder; this is a file"),
            FilesError::BrokenLink => fault.help("fix the link, or replace it with a file"),
            FilesError::Outside => fault.help("replace the link with a copy of the file"),
            FilesError::Other(_) => fault.help("check the permissions of the file"),
        }
    }

    fn missing(&self, path: &TreePath, name: &str, at: &Span) -> Diagnostic {
        let missing =
            Diagnostic::error("missing-file", format!("file or folder `{name}` not found")).at(at);
        self.near(missing, path)
            .help("paths are relative to the folder of the kustomization")
    }

    /// Suggests a file or folder next to the missing one.
    fn near(&self, fault: Diagnostic, path: &TreePath) -> Diagnostic {
        let Some(parent) = path.parent() else {
            return fault;
        };
        // For a missing folder, there is nothing to suggest.
        let entries = self.files.list(&parent).unwrap_or_default();
        fault.did_you_mean(path.name(), entries.iter().map(|it| &*it.name))
    }
}

fn outside(name: &str, at: &Span) -> Diagnostic {
    // kustomize accepts a file below its folder, but Flux and Argo CD build in another folder.
    if name.starts_with('/') {
        let message = format!("the path `{name}` is absolute, so it exists only on one machine");
        return Diagnostic::error("file-outside-root", message)
            .at(at)
            .help("write it relative to the folder of the kustomization");
    }
    let message = format!("the path `{name}` leads out of the root folder");
    Diagnostic::error("file-outside-root", message)
        .at(at)
        .help("paths are relative to the folder of the kustomization")
}

/// The error for an address without a pin. A build never fetches anything.
fn not_pinned(name: &str, at: &Span) -> Diagnostic {
    remote_resource(format!("`{name}` is remote, and a build does not use the network"), at)
        .class(Class::Unavailable)
        .help("run `pleach vendor` to fetch it and pin it in `pleach.lock`; or copy it into the repository and list the copy")
}

fn remote_resource(message: String, at: &Span) -> Diagnostic {
    Diagnostic::error("remote-resource", message).at(at)
}

/// Rejects addresses that kustomize does not fetch in this field.
fn refuse_remote(name: &str, at: &Span) -> Result<(), Diagnostic> {
    if RemoteBase::parse(name).is_some() {
        let message =
            format!("expected a file, found `{name}`, which kustomize treats as a repository");
        return Err(remote_resource(message, at)
            .help("use `https://` or `http://`: kustomize fetches files only with these"));
    }
    // Hosts and schemes are case-insensitive. Without this, a misspelled address would be reported as a
    // missing file.
    let lower = name.to_ascii_lowercase();
    let host = lower.split('/').next().unwrap_or("");
    let remote = lower.contains("://")
        || lower.starts_with("git::")
        || lower.contains("?ref=")
        || ["gitlab.com", "bitbucket.org"].contains(&host);
    if !remote {
        return Ok(());
    }
    let message = format!("`{name}` is neither a path nor an address that kustomize supports");
    Err(remote_resource(message, at).help(
        "expected a path, or an address such as `https://example.org/acme/web//folder?ref=v1.0.0`",
    ))
}

/// The resources of a text, with Lists replaced by their items.
pub(super) fn resources_of(source: &Arc<Source>) -> Result<Vec<Resource>, Diagnostics> {
    resources_in(parse_as_kustomize(source)?)
}

/// The resources in documents.
pub(super) fn resources_in(documents: Vec<Node>) -> Result<Vec<Resource>, Diagnostics> {
    let alone = documents.len() == 1;
    let mut faults = Diagnostics::default();
    let mut queue: VecDeque<Node> = VecDeque::new();
    for mut document in documents {
        // go-yaml sets a tag on each scalar. Patches compare tags, and a scalar without a tag would
        // take the type of the text that replaces it.
        document.declare_types();
        let list =
            matches!(kind(&document), "List" | "ResourceList") && document.get("items").is_some();
        match document.get("items").and_then(Node::as_sequence) {
            // kyaml unwraps a `List` only if it is the whole stream, and then not through JSON.
            Some(items) if alone && list => queue.extend(items.iter().cloned()),
            _ => queue.push_back(document),
        }
    }
    let mut resources = Vec::new();
    while let Some(node) = queue.pop_front() {
        // A file with only comments, or `---` at the end, has an empty document.
        if node.is_null() || node.is_empty_collection() {
            continue;
        }
        if let Err(fault) = check_identity(&node) {
            faults.push(fault);
            continue;
        }
        // Any kind that ends in `List`, including custom ones: kustomize has no list of such kinds.
        let items = node.get("items").filter(|_| kind(&node).ends_with("List"));
        match items.map(Node::view) {
            // At the end of the queue: in kustomize, the items of a list come after the documents that
            // follow it.
            Some(View::Sequence(items)) => queue.extend(items.iter().map(as_json)),
            Some(_) if items.is_some_and(Node::is_null) => {}
            Some(_) => faults.push(not_a_list(&node)),
            None => resources.push(Resource::read(Object::new(with_metadata(node)))),
        }
    }
    if faults.is_empty() {
        Ok(resources)
    } else {
        Err(faults)
    }
}

/// Only a List may have no metadata. kustomize adds its own annotations to it, and removes only these.
fn with_metadata(mut node: Node) -> Node {
    if let Some(mapping) = node.as_mapping_mut() {
        mapping.get_or_insert_with("metadata", || Node::mapping(Mapping::new()));
    }
    node
}

fn kind(node: &Node) -> &str {
    // For Go, `kind: null` is an empty string.
    let kind = node.get("kind").filter(|it| !it.is_null());
    kind.and_then(Node::as_str).unwrap_or("")
}

fn check_identity(node: &Node) -> Result<(), Diagnostic> {
    if node.as_mapping().is_none() {
        let message = format!(
            "expected a Kubernetes object, found {}",
            node.kind().description()
        );
        return Err(Diagnostic::error("not-an-object", message).at(node));
    }
    let missing = |field: &str| {
        Diagnostic::error("not-an-object", format!("the object has no `{field}`"))
            .at(node.span().start())
            .help(format!(
                "add `{field}`; if the file is not an object, list it under another field"
            ))
    };
    if kind(node).is_empty() {
        return Err(missing("kind"));
    }
    let name = node
        .at_keys(&["metadata", "name"])
        .filter(|it| !it.is_null())
        .and_then(Node::as_str);
    // A List needs no name.
    if name.is_none_or(str::is_empty) && !kind(node).ends_with("List") {
        return Err(missing("metadata.name"));
    }
    Ok(())
}

fn not_a_list(node: &Node) -> Diagnostic {
    let items = node.get("items").unwrap_or(node);
    let message = format!(
        "expected `items` of a {} to be a list, found {}",
        kind(node),
        items.kind().description()
    );
    Diagnostic::error("not-an-object", message).at(items)
}

/// Converts an item of a typed list as kustomize does, which reads it from JSON, with quotes around every string.
fn as_json(node: &Node) -> Node {
    match node.view() {
        // The quotes are kept, so that a number that later replaces the string is printed as a string.
        View::Scalar(_) if node.kind() == Kind::String => node.clone().styled(Style::DoubleQuoted),
        View::Scalar(_) => node.clone(),
        View::Sequence(items) => Node::sequence(items.iter().map(as_json)).at(node),
        View::Mapping(mapping) => {
            let mut mapping = mapping.clone();
            mapping
                .iter_mut()
                .for_each(|it| it.value = as_json(&it.value));
            Node::mapping(mapping).at(node)
        }
    }
}
