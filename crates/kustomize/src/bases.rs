//! A cache of bases that several builds over the same files include.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pleach_yaml::tree::{Entry, EntryKind, Files, ReadSet, TreePath};

use super::accumulate::{Accumulated, Entered};
use super::openapi::SchemaUse;

/// The maximum total size of the files of cached bases. Their objects need many times as much memory.
const BYTES_MAX: usize = 4 << 20;

/// The cache. Only bases that are requested a second time are stored.
#[derive(Default)]
pub struct Bases {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// `None` for a base that was requested once.
    bases: BTreeMap<TreePath, Option<Arc<Base>>>,
    bytes: usize,
}

/// The result of a base, and the content that it was built from.
pub(super) struct Base {
    pub(super) content: BaseContent,
    files: Vec<(TreePath, Content)>,
    folders: Vec<(TreePath, Option<Vec<Entry>>)>,
}

/// The result of a base.
pub(super) struct BaseContent {
    pub(super) accumulated: Accumulated,
    pub(super) entered: Entered,
    pub(super) needed: SchemaUse,
    /// The number of values that its transformers have added.
    pub(super) added: usize,
}

/// The content of a path when the base was built.
#[derive(PartialEq, Eq)]
enum Content {
    File(Arc<[u8]>),
    Other(Option<EntryKind>),
}

impl Content {
    fn read(files: &dyn Files, path: &TreePath) -> Content {
        match files.read(path) {
            Ok(bytes) => Content::File(bytes),
            Err(_) => Content::Other(files.kind(path).ok().flatten()),
        }
    }

    fn is_at(&self, files: &dyn Files, path: &TreePath) -> bool {
        match (self, Content::read(files, path)) {
            (Content::File(known), Content::File(bytes)) if Arc::ptr_eq(known, &bytes) => true,
            (known, now) => *known == now,
        }
    }

    fn len(&self) -> usize {
        match self {
            Content::File(bytes) => bytes.len(),
            Content::Other(_) => 0,
        }
    }
}

impl Base {
    /// The result of a folder. `files` must not have changed since it was built.
    pub(super) fn new(files: &dyn Files, read: ReadSet, content: BaseContent) -> Base {
        let at = |path: TreePath| {
            let content = Content::read(files, &path);
            (path, content)
        };
        let names = |path: TreePath| {
            let names = files.list(&path).ok();
            (path, names)
        };
        Base {
            content,
            files: read.files.into_iter().map(at).collect(),
            folders: read.folders.into_iter().map(names).collect(),
        }
    }

    /// Whether these files would give the same result. All of them are read, so that they are in the record of reads.
    fn is_of(&self, files: &dyn Files) -> bool {
        let (mut known, mut folders) = (self.files.iter(), self.folders.iter());
        known.all(|(path, content)| content.is_at(files, path))
            && folders.all(|(path, names)| files.list(path).ok() == *names)
    }

    fn bytes(&self) -> usize {
        self.files.iter().map(|it| it.1.len()).sum()
    }
}

/// The result of a lookup.
pub(super) enum Found {
    Built(Arc<Base>),
    /// The base is requested for the first time and is not stored.
    First,
    Again,
}

impl std::fmt::Debug for Bases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bases")
    }
}

impl Bases {
    /// A base that was built from the same content before.
    pub(super) fn find(&self, folder: &TreePath, files: &dyn Files) -> Found {
        // A panic in another thread does not corrupt the map, because entries are inserted complete.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = known.bases.get(folder).cloned() else {
            known.bases.insert(folder.clone(), None);
            return Found::First;
        };
        drop(known);
        match found.filter(|it| it.is_of(files)) {
            Some(base) => Found::Built(base),
            None => Found::Again,
        }
    }

    pub(super) fn keep(&self, folder: &TreePath, base: Arc<Base>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let all = known.bytes + base.bytes();
        if all <= BYTES_MAX {
            known.bytes = all;
            known.bases.insert(folder.clone(), Some(base));
        }
    }
}

#[cfg(test)]
mod tests {
    use pleach_yaml::tree::{Tree, TreePath};

    use super::Bases;
    use crate::{Options, build, build_on};

    /// Builds each folder three times on shared bases, and once by itself.
    #[track_caller]
    fn builds_as_without(bases: &Bases, files: &Tree, folders: &[&str]) {
        for folder in folders.iter().cycle().take(3 * folders.len()) {
            let (path, options) = (TreePath::new(folder).unwrap(), Options::default());
            let (alone, shared) = (
                build(files, &path, &options),
                build_on(files, &path, &options, bases),
            );
            let texts = [&alone, &shared].map(|it| format!("{:?}", it.to_yaml()));
            assert_eq!(texts[0], texts[1]);
            assert_eq!(alone.read_set, shared.read_set);
            let reports = [&alone, &shared].map(|it| format!("{:?}", it.diagnostics));
            assert_eq!(reports[0], reports[1]);
        }
    }

    const FILES: &str = "\
-- base/kustomization.yaml --
namePrefix: x-
labels: [{pairs: {team: blue}}]
resources: [config.yaml, own.yaml]
patches: [{target: {kind: ConfigMap}, patch: '[{\"op\": \"add\", \"path\": \"/data/b\", \"value\": \"2\"}]'}]
-- base/config.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {a: \"1\"}
-- base/own.yaml --
apiVersion: example.org/v1
kind: Own
metadata: {name: a}
spec: {list: [{name: one, value: 1}]}
-- one/kustomization.yaml --
resources: [../base]
nameSuffix: -one
-- two/kustomization.yaml --
resources: [../base]
namespace: two
-- both/kustomization.yaml --
resources: [../one, ../two]
";

    #[test]
    fn a_base_is_the_same_in_every_build_that_includes_it() {
        let (bases, mut files) = (Bases::default(), Tree::from_text(FILES));
        let folders = ["one", "two", "both"];
        let both = TreePath::new("both").unwrap();
        let built = build(&files, &both, &Options::default());
        assert!(built.diagnostics.is_empty(), "{:?}", built.diagnostics);
        builds_as_without(&bases, &files, &folders);
        let path = TreePath::new("base/config.yaml").unwrap();
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
        files.insert(path, text.as_bytes().to_vec());
        builds_as_without(&bases, &files, &folders);
    }

    #[test]
    fn a_fault_of_a_base_is_reported_by_every_build() {
        let (bases, mut files) = (Bases::default(), Tree::from_text(FILES));
        let path = TreePath::new("base/config.yaml").unwrap();
        files.insert(path, b"a: [".to_vec());
        builds_as_without(&bases, &files, &["one", "two", "both"]);
    }

    #[test]
    fn a_schema_of_the_outer_kustomization_holds_for_its_base() {
        let files = format!(
            "{FILES}\
-- three/kustomization.yaml --
resources: [../patched]
openapi: {{path: schema.json}}
-- patched/kustomization.yaml --
resources: [../base]
patches: [{{patch: '{{apiVersion: example.org/v1, kind: Own, metadata: {{name: x-a}}, spec: {{list: [{{name: two}}]}}}}'}}]
-- four/kustomization.yaml --
resources: [../patched]
-- three/schema.json --
{{\"definitions\": {{\"own\": {{\"properties\": {{\"spec\": {{\"properties\": {{\"list\": {{\"type\": \"array\",
 \"items\": {{\"type\": \"object\"}}, \"x-kubernetes-patch-merge-key\": \"name\", \"x-kubernetes-patch-strategy\": \"merge\"}}}}}}}},
 \"x-kubernetes-group-version-kind\": [{{\"group\": \"example.org\", \"version\": \"v1\", \"kind\": \"Own\"}}]}}}}}}
"
        );
        let (bases, files) = (Bases::default(), Tree::from_text(&files));
        builds_as_without(&bases, &files, &["three", "four"]);
        let built = build(
            &files,
            &TreePath::new("three").unwrap(),
            &Options::default(),
        );
        let text = built.to_yaml().unwrap();
        assert!(text.contains("name: one"), "{text}{:?}", built.diagnostics);
    }
}
