//! A source of an Application, and the result of rendering it.

use super::environment::Environment;
use crate::deploy::flux::plain;
use crate::deploy::sync::text;
use crate::deploy::test_release::TestRelease;
use crate::deploy::unit::Origin;
use crate::object::Object;
use crate::tree::{EntryKind, Files, TreePath};
use crate::yaml::Node;

/// A source of an Application, with its context.
pub(super) struct Source<'a> {
    pub(super) application: &'a Object,
    pub(super) node: &'a Node,
    /// The sources that have a name.
    pub(super) references: &'a [Node],
    pub(super) environment: Environment,
    pub(super) files: &'a dyn Files,
    pub(super) urls: &'a [String],
}

impl Source<'_> {
    /// Whether a source is the repository itself. If the repository's address is unknown, a source whose path exists counts as
    /// such.
    pub(super) fn is_own(&self, source: &Node) -> bool {
        let url = plain(text(source, &["repoURL"]));
        if !self.urls.is_empty() {
            return self.urls.contains(&url);
        }
        let path = TreePath::new(text(source, &["path"]).trim_start_matches('/'));
        let is_there =
            path.is_some_and(|it| matches!(self.files.kind(&it), Ok(Some(EntryKind::Folder))));
        is_there || !text(source, &["ref"]).is_empty()
    }
}

/// The result of rendering a source.
pub(super) struct Built {
    pub(super) objects: Vec<Object>,
    /// The folder or chart of the objects.
    pub(super) origin: Origin,
    /// How its chart was rendered.
    pub(super) test_release: Option<TestRelease>,
}
