//! Kubernetes objects in files, without a workspace: what there is to judge below the places that somebody names.

mod find;
mod read;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::check::{self, Cluster, Demands, ObjectGroup};
use crate::diag::{Class, Diagnostic, Diagnostics, Source, Span};
use crate::inflate::Inflater;
use crate::kustomize::{self, Built, Options};
use crate::object::{Object, ObjectId};
use crate::tree::{Files, TreePath};
use crate::yaml::parallel::each;
use find::find;
use read::{Reading, read_file, read_text};

/// How kustomizations are built.
pub struct Building<'a> {
    /// The flags of `pleach build`.
    pub options: &'a Options,
    /// Makes what renders the charts of one kustomization.
    pub inflater: &'a (dyn Fn() -> Inflater<'a> + Sync),
}

/// What there is to judge.
#[derive(Debug, Default)]
pub struct Objects {
    /// The objects of files that are no part of a kustomization.
    plain: ObjectGroup,
    /// The objects of each kustomization.
    built: Vec<ObjectGroup>,
    /// The texts with comments that allow something.
    sources: Vec<Arc<Source>>,
    /// What was wrong on the way to them.
    found: Diagnostics,
    /// The files and kustomizations that were read, so that each is read once.
    seen: BTreeSet<TreePath>,
    /// How many objects reach an API server.
    count: usize,
    /// Charts that were passed over: their templates are no objects.
    charts: usize,
}

impl Objects {
    /// How many objects there are to judge.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many charts were passed over.
    pub fn charts(&self) -> usize {
        self.charts
    }

    /// Adds what was found otherwise.
    pub fn report(&mut self, found: Diagnostics) {
        self.found.extend(found);
    }

    /// Adds the objects of a text that is in no file, such as standard input.
    pub fn add_text(&mut self, source: &Arc<Source>) {
        let before = (self.count, self.found.len());
        self.take(read_text(source));
        if (self.count, self.found.len()) == before {
            self.found.push(nothing(Span::new(source, 0..0)));
        }
    }

    /// Adds the objects of a file, or of all files and kustomizations below a folder.
    pub fn add_path(&mut self, files: &dyn Files, path: &TreePath, building: &Building<'_>) {
        let before = (self.count, self.found.len());
        let found = find(files, path, &mut self.found);
        self.charts += found.charts;
        let mut candidates = found.files;
        let all = candidates.len();
        candidates.retain(|it| self.seen.insert(it.path.clone()));
        let is_new = candidates.len() == all;
        let readings = each(candidates, &mut self.found, |file, _| {
            read_file(files, &file)
        });
        readings.into_iter().for_each(|it| self.take(it));
        let mut read = BTreeSet::new();
        self.build(files, found.kustomizations, building, &mut read);
        // What only kustomizations list that list each other, or that cannot be built.
        let mut rest = found.listed;
        rest.retain(|folder| {
            let mut names = kustomize::FILE_NAMES.into_iter();
            !names.any(|it| read.contains(&folder.child(it)))
        });
        self.build(files, rest, building, &mut read);
        if is_new && (self.count, self.found.len()) == before {
            self.found.push(nothing(start_of(path)));
        }
    }

    fn take(&mut self, reading: Reading) {
        self.count += applied(&reading.objects);
        self.plain.objects.extend(reading.objects);
        self.sources.extend(reading.source);
        self.found.extend(reading.found);
    }

    fn build(
        &mut self,
        files: &dyn Files,
        folders: Vec<TreePath>,
        building: &Building<'_>,
        read: &mut BTreeSet<TreePath>,
    ) {
        let mut folders = folders;
        folders.retain(|it| self.seen.insert(it.clone()));
        let built = each(folders, &mut self.found, |folder, found| {
            let inflater = (building.inflater)();
            let Built {
                objects,
                read_set,
                diagnostics,
            } = kustomize::build_with_charts(files, &folder, building.options, &inflater);
            found.extend(diagnostics);
            let id = build_id(&folder);
            let inputs = inflater.into_inputs().into_iter();
            let inputs = inputs.map(|it| (id.clone(), it)).collect();
            (ObjectGroup { objects, inputs }, read_set)
        });
        for (group, read_set) in built {
            self.count += applied(&group.objects);
            self.built.push(group);
            let new = read_set
                .files
                .into_iter()
                .filter(|it| read.insert(it.clone()));
            self.sources
                .extend(new.filter_map(|it| read::commented(files, &it)));
        }
    }
}

/// How many objects reach an API server.
fn applied(objects: &[Object]) -> usize {
    objects.iter().filter(|it| check::is_applied(it)).count()
}

/// The name that a kustomization's charts are reported under.
fn build_id(folder: &TreePath) -> ObjectId {
    ObjectId {
        group: "".into(),
        kind: "kustomization".into(),
        namespace: "".into(),
        name: match folder.name() {
            "" => ".".into(),
            name => name.into(),
        },
    }
}

fn start_of(path: &TreePath) -> Span {
    Span::new(&Source::new(path.clone(), ""), 0..0)
}

fn nothing(place: Span) -> Diagnostic {
    let message = "there is nothing to judge here: no Kubernetes objects";
    let fault = Diagnostic::warning("nothing-judged", message).at(place);
    fault.help("name a file or folder of manifests, or `-` for standard input")
}

/// What is wrong with objects, without what comments in their texts allow. `environment` is the name of the one whose cluster it is;
/// empty for none.
pub fn judge(
    objects: &Objects,
    environment: &str,
    cluster: &Cluster,
    demands: Demands,
) -> Diagnostics {
    let mut found = objects.found.clone();
    let Objects { plain, built, .. } = objects;
    let judged = check::check_groups(environment, plain, built, cluster, demands);
    found.extend(judged.into_iter().map(without_workspace));
    found.sort_and_dedup();
    check::allow(found, &objects.sources, &|_| false)
}

/// Help that fits where there is no workspace.
fn without_workspace(mut fault: Diagnostic) -> Diagnostic {
    if fault.class == Class::NoSchema {
        fault.help.clear();
        fault = fault.help("name the file with its CustomResourceDefinition too");
    }
    fault
}
