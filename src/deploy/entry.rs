//! Finds entries, where engines begin: folders that a Kustomization or FluxInstance of the repository syncs, and folders and charts
//! that nothing in the repository refers to.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::Options;
use super::argo::source_paths;
use super::chart::Charts;
use super::chart_entry::chart_entries;
use super::expand::Expansion;
use super::flux::{OwnSource, in_artifact, path, plain, sync_kustomization};
use super::scan::{Declared, Scan};
use super::sync::{SyncKind, text};
use super::unit::Entry;
use crate::diag::Diagnostics;
use crate::kustomize::FILE_NAMES;
use crate::object::Object;
use crate::tree::{Files, TreePath};
use crate::yaml::parallel::each;

/// Finds all entries and follows each.
pub(super) fn expand_all(
    files: &dyn Files,
    scan: &Scan,
    options: &Options<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Entry> {
    let charts = Charts::new(files, options);
    let bootstraps = bootstraps(files, scan);
    let mut entries = each(bootstraps, diagnostics, |it, diagnostics| {
        let own = own_source(Some(&it.object), scan, options);
        let mut expansion = Expansion::new(files, options.cluster(&it.folder), &charts, own);
        expansion.begin(it.object);
        expansion.expand(diagnostics);
        Entry {
            folder: it.folder,
            is_bootstrap: true,
            units: expansion.finish(),
        }
    });
    // The folder that a FluxInstance syncs is already an entry.
    let declared = scan.declared.iter();
    let declared = declared.filter(|it| it.kind != SyncKind::FluxInstance);
    let open = not_applied(declared, &entries, scan);
    let unapplied = unapplied_folders(files, scan, options, &charts, &open, diagnostics);
    entries.extend(unapplied);
    let from_charts = chart_entries(files, scan, options, &charts, &entries, diagnostics);
    entries.extend(from_charts);
    entries.sort_by(|a, b| a.folder.cmp(&b.folder));
    entries
}

/// The sync objects that none of the entries applies and no kustomization disables.
fn not_applied<'a>(
    declared: impl Iterator<Item = &'a Declared>,
    entries: &[Entry],
    scan: &Scan,
) -> Vec<&'a Declared> {
    let units = entries.iter().flat_map(|it| &it.units);
    let covered: BTreeSet<&TreePath> = units.flat_map(|it| &it.read_set.files).collect();
    let is_open = |it: &&Declared| {
        !covered.contains(&it.file) && !is_disabled(&it.file, scan, |file| covered.contains(file))
    };
    declared.filter(is_open).collect()
}

struct Bootstrap {
    folder: TreePath,
    object: Object,
}

/// Kustomizations that apply themselves: their file is below the folder that they build. One for each folder.
fn bootstraps(files: &dyn Files, scan: &Scan) -> Vec<Bootstrap> {
    let mut found: Vec<Bootstrap> = Vec::new();
    for declared in &scan.declared {
        let object = match declared.kind {
            SyncKind::Kustomization => Some(declared.object.clone()),
            SyncKind::FluxInstance => sync_kustomization(&declared.object),
            _ => None,
        };
        let Some(object) = object else {
            continue;
        };
        let reference = object.node.at_keys(&["spec", "sourceRef"]);
        let folder = in_artifact(files, path(&object), reference, &declared.file);
        let is_own = declared.file.below(&folder).is_some();
        let is_instance = declared.kind == SyncKind::FluxInstance;
        if is_instance || is_own && is_bootstrapped(&object, &folder) {
            found.push(Bootstrap { folder, object });
        }
    }
    found.sort_by(|a, b| a.folder.cmp(&b.folder));
    found.dedup_by(|a, b| a.folder == b.folder);
    found
}

/// A Kustomization for the whole repository applies far more than itself, so only Flux's own counts.
fn is_bootstrapped(object: &Object, folder: &TreePath) -> bool {
    object.name() == "flux-system" || *folder != TreePath::root()
}

/// The addresses of the repository among some of its files. In a fork or mirror, the files contain a different address.
pub(super) fn own_urls(options: &Options<'_>, written: &BTreeSet<String>) -> Vec<String> {
    let urls = options.urls.iter().map(|it| plain(it));
    urls.filter(|it| written.contains(it)).collect()
}

/// The known addresses of the repository: that of the source of an entry, and those from the caller.
fn own_source(entry: Option<&Object>, scan: &Scan, options: &Options<'_>) -> OwnSource {
    let mut own = OwnSource {
        reference: None,
        urls: own_urls(options, &scan.urls),
    };
    if let Some(reference) = entry.and_then(|it| it.node.at_keys(&["spec", "sourceRef"])) {
        let (kind, name) = (text(reference, &["kind"]), text(reference, &["name"]));
        own.reference = Some((kind.to_string(), name.to_string()));
        let sources = scan.sources.iter();
        let same = sources.filter(|it| it.kind() == kind && it.name() == name);
        let urls = same.map(|it| plain(text(&it.node, &["spec", "url"])));
        own.urls.extend(urls.filter(|it| !it.is_empty()));
    }
    own
}

/// Folders with sync objects that no other unit applies.
fn unapplied_folders(
    files: &dyn Files,
    scan: &Scan,
    options: &Options<'_>,
    charts: &Charts<'_>,
    open: &[&Declared],
    diagnostics: &mut Diagnostics,
) -> Vec<Entry> {
    let own = own_source(None, scan, options);
    let paths: Vec<(&TreePath, TreePath)> = open
        .iter()
        .flat_map(|it| {
            written_paths(files, it)
                .into_iter()
                .map(|path| (&it.file, path))
        })
        .collect();
    // Folders that another unit obviously applies are found from there.
    let is_applied = |file: &TreePath| {
        let mut others = paths.iter();
        others.any(|(by, path)| file.below(path).is_some() && by.below(path).is_none())
    };
    let (applied, first): (Vec<&Declared>, Vec<&Declared>) =
        open.iter().copied().partition(|it| is_applied(&it.file));
    let mut entries = folder_entries(files, scan, options, charts, &own, &first, diagnostics);
    let rest = not_applied(applied.into_iter(), &entries, scan);
    entries.extend(folder_entries(
        files,
        scan,
        options,
        charts,
        &own,
        &rest,
        diagnostics,
    ));
    entries
}

/// Whether a file is below the folder of an applied kustomization that does not list it, so it is disabled.
fn is_disabled(file: &TreePath, scan: &Scan, is_covered: impl Fn(&TreePath) -> bool) -> bool {
    let folder = file.parent().and_then(|it| kustomization_above(&it, scan));
    folder.is_some_and(|it| FILE_NAMES.iter().any(|name| is_covered(&it.child(name))))
}

/// The closest folder above that has a kustomization.
fn kustomization_above(folder: &TreePath, scan: &Scan) -> Option<TreePath> {
    let mut above = folder.parent();
    while let Some(folder) = above {
        if scan.kustomizations.contains(&folder) {
            return Some(folder);
        }
        above = folder.parent();
    }
    None
}

/// The folders that a sync object obviously refers to.
fn written_paths(files: &dyn Files, declared: &Declared) -> Vec<TreePath> {
    let object = &declared.object;
    let reference = object.node.at_keys(&["spec", "sourceRef"]);
    match declared.kind {
        SyncKind::Kustomization => {
            vec![in_artifact(files, path(object), reference, &declared.file)]
        }
        SyncKind::Application => source_paths(&declared.object),
        _ => Vec::new(),
    }
}

/// An entry for each folder that contains one of these sync objects, unless another of these entries applies the object.
fn folder_entries(
    files: &dyn Files,
    scan: &Scan,
    options: &Options<'_>,
    charts: &Charts<'_>,
    own: &OwnSource,
    open: &[&Declared],
    diagnostics: &mut Diagnostics,
) -> Vec<Entry> {
    let folders: BTreeSet<TreePath> = open
        .iter()
        .flat_map(|it| scan.outermost(&it.file))
        .collect();
    let folders: Vec<TreePath> = folders.into_iter().collect();
    let candidates = each(
        folders,
        &mut Diagnostics::default(),
        |folder, diagnostics| {
            let mut expansion =
                Expansion::new(files, options.cluster(&folder), charts, own.clone());
            expansion.begin_folder(&folder, diagnostics);
            let mut diagnostics = std::mem::take(diagnostics);
            expansion.expand_folders(&mut diagnostics);
            Candidate {
                folder,
                expansion,
                diagnostics,
            }
        },
    );
    each(
        without_covered(candidates, scan, open),
        diagnostics,
        |mut candidate, diagnostics| {
            diagnostics.extend(candidate.diagnostics);
            candidate.expansion.expand(diagnostics);
            Entry {
                folder: candidate.folder,
                is_bootstrap: false,
                units: candidate.expansion.finish(),
            }
        },
    )
}

/// A folder that may be an entry.
struct Candidate<'a> {
    folder: TreePath,
    expansion: Expansion<'a>,
    /// Only reported when the folder is known to be an entry.
    diagnostics: Diagnostics,
}

/// The candidates with a sync object that no other of them applies.
fn without_covered<'a>(
    mut candidates: Vec<Candidate<'a>>,
    scan: &Scan,
    open: &[&Declared],
) -> Vec<Candidate<'a>> {
    // Objects that lead to most others come first, but a kustomization comes before the files below it that it does not list.
    candidates.sort_by_cached_key(|it| {
        let is_below = kustomization_above(&it.folder, scan).is_some();
        let units = it.expansion.units().len();
        (is_below, Reverse(units), it.folder.clone())
    });
    let mut covered: BTreeSet<TreePath> = BTreeSet::new();
    candidates.retain(|candidate| {
        let mut own = open
            .iter()
            .filter(|it| scan.outermost(&it.file).contains(&candidate.folder));
        let is_covered = |it: &TreePath| covered.contains(it);
        let is_entry =
            own.any(|it| !is_covered(&it.file) && !is_disabled(&it.file, scan, is_covered));
        if is_entry {
            let units = candidate.expansion.units().iter();
            covered.extend(units.flat_map(|it| it.read_set.files.iter().cloned()));
        }
        is_entry
    });
    candidates
}
