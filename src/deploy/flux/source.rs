//! Flux sources: which of them are the repository itself.

use super::super::cluster_state::ClusterState;
use super::super::sync::{items, text};
use crate::object::Object;
use crate::tree::{EntryKind, Files, TreePath};
use crate::yaml::Node;

/// Where the content of a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::deploy) enum SourceLocation {
    /// The repository itself; this is the requested folder.
    Own(TreePath),
    /// Another source.
    Elsewhere(String),
}

/// The source of an entry, with which other sources are compared.
#[derive(Clone, Debug, Default)]
pub(in crate::deploy) struct OwnSource {
    /// Kind and name of the source of the entry's own Kustomization.
    pub(in crate::deploy) reference: Option<(String, String)>,
    /// Addresses of the repository, in the form of [`plain`].
    pub(in crate::deploy) urls: Vec<String>,
}

/// The name of all objects that `flux bootstrap` creates.
const BOOTSTRAP: &str = "flux-system";

impl OwnSource {
    /// The files of a Flux Kustomization. `folder` is the folder that it builds.
    pub(in crate::deploy) fn locate(
        &self,
        object: &Object,
        folder: &TreePath,
        cluster_state: &ClusterState,
        files: &dyn Files,
    ) -> SourceLocation {
        match object.node.at_keys(&["spec", "sourceRef"]) {
            Some(reference) => {
                self.locate_reference(reference, object.namespace(), folder, cluster_state, files)
            }
            None => SourceLocation::Own(folder.clone()),
        }
    }

    /// The files of a source, given a reference to it. `folder` is the requested folder.
    pub(in crate::deploy) fn locate_reference(
        &self,
        reference: &Node,
        namespace: &str,
        folder: &TreePath,
        cluster_state: &ClusterState,
        files: &dyn Files,
    ) -> SourceLocation {
        let (kind, name) = (text(reference, &["kind"]), text(reference, &["name"]));
        let known = self.reference.as_ref();
        if name == BOOTSTRAP || known.is_some_and(|it| it.0 == kind && it.1 == name) {
            return SourceLocation::Own(folder.clone());
        }
        if kind == "ExternalArtifact" {
            let found = self.generated(reference, namespace, folder, cluster_state, files);
            return found.unwrap_or_else(|| SourceLocation::Elsewhere(format!("{kind} {name}")));
        }
        let is_there = || *folder != TreePath::root() && matches!(files.kind(folder), Ok(Some(_)));
        let own = || SourceLocation::Own(folder.clone());
        match find(reference, namespace, cluster_state) {
            Some(source) => {
                let url = text(&source.node, &["spec", "url"]);
                match self.urls.is_empty() {
                    // The address of the repository is unknown.
                    true if is_there() => own(),
                    false if self.urls.contains(&plain(url)) => own(),
                    _ => SourceLocation::Elsewhere(format!("{kind} {name} ({url})")),
                }
            }
            None if is_there() => own(),
            None => SourceLocation::Elsewhere(format!("{kind} {name}")),
        }
    }

    /// The folder that an ArtifactGenerator copies to `folder` of an artifact.
    fn generated(
        &self,
        reference: &Node,
        namespace: &str,
        folder: &TreePath,
        cluster_state: &ClusterState,
        files: &dyn Files,
    ) -> Option<SourceLocation> {
        let (generator, artifact) = artifact(reference, cluster_state)?;
        let mut copies = items(artifact, &["copy"]).iter();
        copies.find_map(|copy| {
            let (alias, from) = text(copy, &["from"]).strip_prefix('@')?.split_once('/')?;
            let to = text(copy, &["to"]).strip_prefix("@artifact/")?;
            let from = copied_folder(from, &TreePath::new(to)?, folder)?;
            let mut sources = items(&generator.node, &["spec", "sources"]).iter();
            let source = sources.find(|it| text(it, &["alias"]) == alias)?;
            let file = generator.span().outermost();
            let from = in_artifact(files, from, Some(source), file.path());
            let is_folder = matches!(files.kind(&from), Ok(Some(EntryKind::Folder)));
            let located = self.locate_reference(source, namespace, &from, cluster_state, files);
            (is_folder || matches!(located, SourceLocation::Elsewhere(_))).then_some(located)
        })
    }
}

/// The ArtifactGenerator of an ExternalArtifact, and its entry for it.
fn artifact<'a>(
    reference: &Node,
    cluster_state: &'a ClusterState,
) -> Option<(&'a Object, &'a Node)> {
    let name = text(reference, &["name"]);
    let is_it = |it: &&Node| text(it, &["name"]) == name;
    let mut generators = cluster_state.of_kind("ArtifactGenerator");
    generators.find_map(|it| {
        let mut artifacts = items(&it.node, &["spec", "artifacts"]).iter();
        Some((it, artifacts.find(is_it)?))
    })
}

/// Whether a source is an ExternalArtifact whose generator is not yet known.
pub(super) fn is_pending_artifact(reference: &Node, cluster_state: &ClusterState) -> bool {
    text(reference, &["kind"]) == "ExternalArtifact" && artifact(reference, cluster_state).is_none()
}

/// The origin of a folder of an artifact, according to the pattern and target of one copy.
fn copied_folder(from: &str, to: &TreePath, folder: &TreePath) -> Option<TreePath> {
    // `a/**` copies the contents of the folder; without a pattern, the folder itself is copied.
    let from = TreePath::new(from.trim_end_matches("/**"))?;
    if folder == to {
        return Some(from);
    }
    if let Some(below) = folder.below(to) {
        return Some(from.join(&below));
    }
    // For a folder above, the path within the copy is the same.
    let rest = to.below(folder)?;
    let above = from.as_str().strip_suffix(rest.as_str())?;
    TreePath::new(above.trim_end_matches('/'))
}

/// The folder of the repository for a folder of an artifact. CI may push a part of a repository as an artifact; paths in `file`,
/// which belongs to this part, are then relative to it. This is the nearest folder above the file that contains the requested one.
pub(in crate::deploy) fn in_artifact(
    files: &dyn Files,
    folder: TreePath,
    source: Option<&Node>,
    file: &TreePath,
) -> TreePath {
    let is_folder = |it: &TreePath| matches!(files.kind(it), Ok(Some(EntryKind::Folder)));
    let kind = source.map_or("", |it| text(it, &["kind"]));
    if !matches!(kind, "OCIRepository" | "Bucket")
        || folder == TreePath::root()
        || is_folder(&folder)
    {
        return folder;
    }
    let mut above = std::iter::successors(file.parent(), TreePath::parent);
    let found = above.find_map(|it| Some(it.join(&folder)).filter(is_folder));
    found.unwrap_or(folder)
}

/// The source in a `sourceRef` or `chartRef`.
pub(in crate::deploy) fn find<'a>(
    reference: &Node,
    namespace: &str,
    cluster_state: &'a ClusterState,
) -> Option<&'a Object> {
    let namespace = match text(reference, &["namespace"]) {
        "" => namespace,
        given => given,
    };
    let (kind, name) = (text(reference, &["kind"]), text(reference, &["name"]));
    cluster_state.find(kind, namespace, name)
}

/// Normalizes an address: without `https://`, `ssh://git@`, `git@host:`, `.git`.
pub(in crate::deploy) fn plain(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.rsplit_once('@').map_or(rest, |it| it.1);
    let rest = match scheme {
        "" => rest.replacen(':', "/", 1),
        _ => rest.to_string(),
    };
    let rest = rest.trim_end_matches('/');
    rest.strip_suffix(".git")
        .unwrap_or(rest)
        .to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn addresses_of_one_repository_are_equal() {
        for url in [
            "https://github.com/Org/fleet.git",
            "https://user@github.com/org/fleet/",
            "ssh://git@github.com/org/fleet",
            "git@github.com:org/fleet.git",
        ] {
            assert_eq!(plain(url), "github.com/org/fleet", "{url}");
        }
    }
}
