//! Manifests of other origin that the sync engine applies together with the rendered ones.

use std::collections::BTreeSet;

use memchr::memmem;

use super::ownership::{Ownership, ownership};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::kustomize::FILE_NAMES;
use crate::layout::{Output, OutputPart};
use crate::tree::{Tree, TreePath};

/// The folder that `flux bootstrap` writes.
const BOOTSTRAP: &str = "flux-system";

/// The comment in a file that is meant to be there.
const ALLOWED: &[u8] = b"pleach: allow[unchecked-file]";

/// Warnings about YAML files that pleach did not create in folders of which the sync engine applies all files: those of clusters, and
/// those of claims without a kustomization. Only rendered objects are checked and compared. `folder` is the path of the output folder.
/// Warning: `unchecked-file`.
pub fn unchecked_files(existing: &Tree, rendered: &Tree, folder: &TreePath) -> Diagnostics {
    let is_yaml = |path: &TreePath| [".yaml", ".yml"].iter().any(|it| path.name().ends_with(it));
    let flat = flat_folders(rendered);
    let of_argo = argo_clusters(rendered);
    // Flux applies what it has bootstrapped itself, but Argo CD must not.
    let is_bootstrap = |path: &TreePath| {
        path.parts().any(|it| it == BOOTSTRAP)
            && !path.parts().nth(1).is_some_and(|it| of_argo.contains(it))
    };
    let is_applied = |path: &TreePath| {
        let of_claim = || claim_folder(path).is_some_and(|it| flat.contains(&it));
        Output::is_of_cluster(path) || of_claim()
    };
    let unchecked = existing.iter().filter(|(path, bytes)| {
        is_yaml(path)
            && is_applied(path)
            && !is_bootstrap(path)
            && ownership(path, bytes) == Ownership::Foreign
            && memmem::find(bytes, ALLOWED).is_none()
    });
    let warning = |path: &TreePath| {
        let message = format!("`{path}` is applied, but not checked: pleach did not render it");
        let start = Span::of_file(&folder.join(path));
        let warning = Diagnostic::warning("unchecked-file", message).at(start);
        if path.parts().any(|it| it == BOOTSTRAP) {
            return warning
                .help("remove the folder that `flux bootstrap` wrote, because Argo CD applies it");
        }
        warning.help("move its objects to the environment's folder below `overlays/`, or add `# pleach: allow[unchecked-file] REASON`")
    };
    unchecked.map(|(path, _)| warning(path)).collect()
}

/// The clusters whose folder has objects of Argo CD.
fn argo_clusters(rendered: &Tree) -> BTreeSet<&str> {
    let files = rendered.iter();
    let of_argo = files.filter(|(path, bytes)| {
        Output::is_of_cluster(path) && memmem::find(bytes, b"argoproj.io/").is_some()
    });
    of_argo
        .filter_map(|(path, _)| path.parts().nth(1))
        .collect()
}

/// The folders of claims that have files, but no kustomization.
fn flat_folders(rendered: &Tree) -> BTreeSet<TreePath> {
    let paths = || rendered.iter().map(|it| it.0);
    let folders = paths().filter_map(claim_folder);
    let mut flat: BTreeSet<TreePath> = folders.collect();
    let lists = paths().filter(|it| FILE_NAMES.contains(&it.name()));
    lists
        .filter_map(claim_folder)
        .for_each(|it| _ = flat.remove(&it));
    flat
}

/// The folder of the claim that a file belongs to.
fn claim_folder(path: &TreePath) -> Option<TreePath> {
    match Output::parse(path)? {
        Output::Own {
            part: OutputPart::Group(group),
            folder,
            claim: Some(claim),
            file,
        } if !file.is_empty() => {
            let group = TreePath::root().child(group.folder());
            Some(group.child(folder).child(claim))
        }
        _ => None,
    }
}
