//! Kubernetes objects in files and kustomizations outside of a workspace, for `pleach check PATH`.

mod find;
mod read;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::check::{self, Cluster, ObjectGroup, ValidationOptions};
use crate::diag::{Class, Diagnostic, Diagnostics, Source, Span};
use crate::inflate::Inflater;
use crate::kustomize::{self, Built, Options};
use crate::object::{Object, ObjectId};
use crate::tree::{Files, TreePath};
use crate::yaml::parallel::each;
use find::find;
use read::{FileContent, read_file, read_text};

/// How kustomizations are built.
pub struct BuildContext<'a> {
    /// The flags of `pleach build`.
    pub options: &'a Options,
    /// Creates the chart renderer for one kustomization.
    pub inflater: &'a (dyn Fn() -> Inflater<'a> + Sync),
}

/// The objects to check.
#[derive(Debug, Default)]
pub struct Objects {
    /// The objects of files outside of kustomizations.
    plain: ObjectGroup,
    /// The objects of each kustomization.
    built: Vec<ObjectGroup>,
    /// The files with allow comments.
    sources: Vec<Arc<Source>>,
    /// Diagnostics from reading and building.
    found: Diagnostics,
    /// The files and kustomizations that were read, so that each is read once.
    seen: BTreeSet<TreePath>,
    /// The number of objects that reach an API server.
    count: usize,
    /// The number of skipped charts.
    charts: usize,
}

impl Objects {
    /// The number of objects to check.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of skipped charts.
    pub fn charts(&self) -> usize {
        self.charts
    }

    /// Adds diagnostics of other checks.
    pub fn report(&mut self, found: Diagnostics) {
        self.found.extend(found);
    }

    /// Adds the objects of a text that is not a file, such as standard input.
    pub fn add_text(&mut self, source: &Arc<Source>) {
        let before = (self.count, self.found.len());
        self.add_content(read_text(source));
        if (self.count, self.found.len()) == before {
            self.found.push(nothing_checked(Span::new(source, 0..0)));
        }
    }

    /// Adds the objects of a file, or of all files and kustomizations below a folder.
    pub fn add_path(&mut self, files: &dyn Files, path: &TreePath, building: &BuildContext<'_>) {
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
        readings.into_iter().for_each(|it| self.add_content(it));
        let mut read = BTreeSet::new();
        self.build(files, found.kustomizations, building, &mut read);
        // Listed kustomizations that were not built: they list each other in a cycle, or their parent cannot be built.
        let mut rest = found.listed;
        rest.retain(|folder| {
            let mut names = kustomize::FILE_NAMES.into_iter();
            !names.any(|it| read.contains(&folder.child(it)))
        });
        self.build(files, rest, building, &mut read);
        if is_new && (self.count, self.found.len()) == before {
            self.found.push(nothing_checked(Span::of_file(path)));
        }
    }

    fn add_content(&mut self, reading: FileContent) {
        self.count += applied(&reading.objects);
        self.plain.objects.extend(reading.objects);
        self.sources.extend(reading.source);
        self.found.extend(reading.found);
    }

    fn build(
        &mut self,
        files: &dyn Files,
        folders: Vec<TreePath>,
        building: &BuildContext<'_>,
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

/// The number of objects that reach an API server.
fn applied(objects: &[Object]) -> usize {
    objects.iter().filter(|it| check::is_applied(it)).count()
}

/// The identity under which the charts of a kustomization are reported.
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

fn nothing_checked(location: Span) -> Diagnostic {
    let message = "no Kubernetes objects found here";
    let fault = Diagnostic::warning("nothing-checked", message).at(location);
    fault.help("name a file or folder of manifests, or `-` for standard input")
}

/// The findings about objects, without those that comments allow. `environment` is the environment whose cluster is used; empty for
/// none.
pub fn check_objects(
    objects: &Objects,
    environment: &str,
    cluster: &Cluster,
    validation: ValidationOptions,
) -> Diagnostics {
    let mut found = objects.found.clone();
    let Objects { plain, built, .. } = objects;
    let checked = check::check_groups(environment, plain, built, cluster, validation);
    found.extend(checked.into_iter().map(without_workspace));
    found.sort_and_dedup();
    check::allow(found, &objects.sources, &|_| false)
}

/// Help for a run without a workspace.
fn without_workspace(mut fault: Diagnostic) -> Diagnostic {
    if fault.class == Class::NoSchema {
        fault.help.clear();
        fault = fault.help("also pass the file with its CustomResourceDefinition");
    }
    fault
}
