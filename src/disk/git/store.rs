//! The objects in a repository's folder: loose files and packs.
//!
//! The ID of an object is the digest of its content, so the result is the same as Git's. Everything else is left to git:
//! alternates, other formats, replaced objects, and most revision expressions.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use memchr::memmem;

use super::id::Id;
use super::inflate::inflate;
use super::pack::{Kind, Object, Pack};

/// Environment variables that make Git use other folders.
const REDIRECTING_VARIABLES: [&str; 4] = [
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_REPLACE_REF_BASE",
];

/// The maximum length of a chain of symbolic refs, or of tags of tags.
const CHAIN_MAX: usize = 5;

/// The folder `.git` of a repository.
pub(super) struct Store {
    folder: PathBuf,
    /// The content of `packed-refs`.
    packed_refs: Vec<u8>,
    packs: OnceLock<Vec<Pack>>,
}

impl Store {
    /// `None` for a repository that only Git can read.
    pub(super) fn open(root: &Path) -> Option<Store> {
        let folder = root.join(".git");
        let is_set = |it: &&str| std::env::var_os(it).is_some();
        let config = fs::read(folder.join("config")).ok()?.to_ascii_lowercase();
        let is_plain = memmem::find(&config, b"extensions").is_none()
            && memmem::find(&config, b"include").is_none();
        if !is_plain || REDIRECTING_VARIABLES.iter().any(is_set) {
            return None;
        }
        let packed_refs = fs::read(folder.join("packed-refs")).unwrap_or_default();
        let is_replaced = memmem::find(&packed_refs, b" refs/replace/").is_some()
            || folder.join("refs/replace").exists();
        (!is_replaced).then(|| Store {
            folder,
            packed_refs,
            packs: OnceLock::new(),
        })
    }

    /// An object by its ID.
    pub(super) fn object(&self, id: &Id) -> Option<Object> {
        let mut packs = self.packs.get_or_init(|| self.packs()).iter();
        packs
            .find_map(|it| it.object(id))
            .or_else(|| self.loose(id))
    }

    /// Damage of a pack that must not be read by git.
    pub(super) fn damage(&self) -> Option<&'static str> {
        let packs = self.packs.get()?;
        packs.iter().find_map(Pack::damage)
    }

    fn packs(&self) -> Vec<Pack> {
        let entries = fs::read_dir(self.folder.join("objects/pack"));
        let paths = entries.into_iter().flatten().flatten().map(|it| it.path());
        // A pack without an index is still being written.
        let indexes = paths.filter(|it| it.extension().is_some_and(|it| it == "idx"));
        indexes.filter_map(|it| Pack::open(&it)).collect()
    }

    /// Reads a loose object: `<type> <size>\0` and the bytes.
    fn loose(&self, id: &Id) -> Option<Object> {
        let name = id.to_string();
        let (folder, file) = name.split_at_checked(2)?;
        let path = self.folder.join("objects").join(folder).join(file);
        let data = fs::read(path).ok()?;
        // Text is compressed to about a quarter. A wrong estimate only costs another allocation.
        inflate(
            &data,
            || None,
            data.len().saturating_mul(4),
            |all| {
                let end = memchr::memchr(0, all)?;
                let (header, bytes) = (str::from_utf8(all.get(..end)?).ok()?, all.get(end + 1..)?);
                let (kind, size) = header.split_once(' ')?;
                let kind = match kind {
                    "commit" => Kind::Commit,
                    "tree" => Kind::Tree,
                    "blob" => Kind::Blob,
                    "tag" => Kind::Tag,
                    _ => return None,
                };
                // A file that was truncated in a crash decompresses without an error up to its end.
                let is_complete = size.parse() == Ok(bytes.len());
                let bytes = is_complete.then(|| bytes.into())?;
                Some(Object { kind, bytes })
            },
        )
    }

    /// The tree of a branch, a tag or a commit, or of one of its ancestors (`~2`, `^`). `None` for all other revision expressions.
    pub(super) fn tree(&self, name: &str) -> Option<Id> {
        let end = name.find(['~', '^']).unwrap_or(name.len());
        let (start, mut steps) = name.split_at(end);
        let mut id = self.resolve(start)?;
        while let Some(rest) = steps.strip_prefix(['~', '^']) {
            let end = rest.find(['~', '^']).unwrap_or(rest.len());
            let (count, next) = rest.split_at(end);
            let count = match (count, steps.starts_with('~')) {
                ("", _) => 1,
                (count, true) if count.bytes().all(|it| it.is_ascii_digit()) => {
                    count.parse().ok()?
                }
                // `^0`, `^2` and so on.
                _ => return None,
            };
            for _ in 0..count {
                id = self.parent(id)?;
            }
            steps = next;
        }
        for _ in 0..CHAIN_MAX {
            let object = self.object(&id)?;
            id = match object.kind {
                Kind::Tree => return Some(id),
                Kind::Commit => first_header(&object, "tree ")?,
                Kind::Tag => first_header(&object, "object ")?,
                Kind::Blob => return None,
            };
        }
        None
    }

    /// The first parent of a commit.
    fn parent(&self, id: Id) -> Option<Id> {
        // In a shallow clone or with grafts, Git may use other parents than those in the commit.
        let is_rewritten = ["shallow", "info/grafts"]
            .iter()
            .any(|it| self.folder.join(it).exists());
        let commit = self
            .object(&id)
            .filter(|it| it.kind == Kind::Commit && !is_rewritten)?;
        let header = commit.bytes.split(|it| *it == b'\n').nth(1)?;
        Id::parse(str::from_utf8(header).ok()?.strip_prefix("parent ")?)
    }

    /// The object that an ID or an unambiguous name of a ref refers to.
    fn resolve(&self, name: &str) -> Option<Id> {
        if let Some(id) = Id::parse(name) {
            return Some(id);
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
        let is_odd =
            name.starts_with(['-', '/', '.']) || name.contains("..") || name.contains("//");
        if name.is_empty() || is_odd || !name.chars().all(is_plain) {
            return None;
        }
        let prefixes = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];
        let names = prefixes.map(|it| format!("{it}{name}")).into_iter();
        let head = format!("refs/remotes/{name}/HEAD");
        let mut found = names.chain([head]).filter_map(|it| self.read_ref(&it));
        let first = found.next()?;
        // If a name is ambiguous, Git chooses one meaning, and warns.
        found.next().is_none().then_some(first)
    }

    /// The object of a ref, by its full name. A name that only looks like a ref is left to Git.
    fn read_ref(&self, name: &str) -> Option<Id> {
        let mut name = name.to_string();
        for _ in 0..CHAIN_MAX {
            let Ok(text) = fs::read_to_string(self.folder.join(&name)) else {
                return self.packed_ref(&name);
            };
            match text.strip_prefix("ref: ") {
                Some(next) => name = next.trim_end().to_string(),
                None => return Id::parse(text.trim_end()),
            }
        }
        None
    }

    /// `<digits> <name>`, one per line.
    fn packed_ref(&self, name: &str) -> Option<Id> {
        let line = format!(" {name}\n");
        let end = memmem::find(&self.packed_refs, line.as_bytes())?;
        let before = self.packed_refs.get(..end)?;
        let start = memchr::memrchr(b'\n', before).map_or(0, |it| it + 1);
        Id::parse(str::from_utf8(before.get(start..)?).ok()?)
    }
}

/// The ID in the first line of a commit or a tag.
fn first_header(object: &Object, name: &str) -> Option<Id> {
    let line = object.bytes.split(|it| *it == b'\n').next()?;
    Id::parse(str::from_utf8(line).ok()?.strip_prefix(name)?)
}
