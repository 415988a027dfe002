//! Entries that are charts of the repository: their templates render Applications or other sync objects, and nothing in the repository
//! installs them. Someone installs them with `helm install`, or with an Application that exists only in the cluster.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::chart::{ChartLocation, Charts, Facts, Install, helm_fault, install};
use super::entry::own_urls;
use super::expand::Expansion;
use super::flux::OwnSource;
use super::installed::Parser;
use super::scan::{Scan, addresses};
use super::sync::SyncKind;
use super::unit::{ChartTitle, Entry, Unit};
use super::{Cluster, Options};
use crate::diag::{Diagnostic, Diagnostics, Severity, Source, Span};
use crate::object::Object;
use crate::tree::{Files, Recorded, TreePath};
use crate::yaml::parallel::each;
use pleach_helm::source::{LoadedChart, folder_files};
use pleach_helm::values::Values;

/// The namespace of `helm install` without options.
const NAMESPACE: &str = "default";

const INSTALL: &str = "add the Application or HelmRelease that installs it to the repository";

/// A chart that may be an entry, and what was found when it was followed.
struct Candidate {
    folder: TreePath,
    /// `None` if it makes no sync objects or does not render.
    units: Option<Vec<Unit>>,
    diagnostics: Diagnostics,
}

/// Follows the charts that no unit of other entries installs, with their default values.
pub(super) fn chart_entries(
    files: &dyn Files,
    scan: &Scan,
    options: &Options<'_>,
    charts: &Charts<'_>,
    entries: &[Entry],
    diagnostics: &mut Diagnostics,
) -> Vec<Entry> {
    let mut installed = installed_folders(entries.iter().flat_map(|it| &it.units));
    let open = scan.charts.iter().filter(|it| !installed.contains(*it));
    let open: Vec<TreePath> = open.cloned().collect();
    // Errors are reported when the chart is known to be an entry.
    let mut candidates = each(open, &mut Diagnostics::default(), |folder, diagnostics| {
        let units = follow(files, scan, options, charts, &folder, diagnostics);
        Candidate {
            folder,
            units,
            diagnostics: std::mem::take(diagnostics),
        }
    });
    // A chart that installs others comes before them.
    candidates.sort_by_key(|it| Reverse(it.units.as_ref().map_or(0, Vec::len)));
    let mut found = Vec::new();
    for candidate in candidates {
        if installed.contains(&candidate.folder) {
            continue;
        }
        diagnostics.extend(candidate.diagnostics);
        if let Some(units) = candidate.units {
            installed.extend(installed_folders(units.iter()));
            found.push(Entry {
                folder: candidate.folder,
                is_bootstrap: false,
                units,
            });
        }
    }
    found
}

fn follow(
    files: &dyn Files,
    scan: &Scan,
    options: &Options<'_>,
    charts: &Charts<'_>,
    folder: &TreePath,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Unit>> {
    let cluster = options.cluster(folder);
    let (title, objects) = render(files, folder, charts, cluster, diagnostics)?;
    let mut written = scan.urls.clone();
    for object in &objects {
        addresses(&object.node, &mut written);
    }
    let own = OwnSource {
        reference: None,
        urls: own_urls(options, &written),
    };
    let recorded = Recorded::new(files);
    // Only to record the files that the objects depend on: the chart is already loaded.
    _ = folder_files(&recorded, folder);
    let mut expansion = Expansion::new(files, cluster, charts, own);
    expansion.begin_chart(folder, title, objects, recorded.finish());
    expansion.expand(diagnostics);
    Some(expansion.finish())
}

/// The folders of charts that units install, with those of their subcharts.
fn installed_folders<'u>(units: impl Iterator<Item = &'u Unit>) -> BTreeSet<TreePath> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&LoadedChart> = units
        .flat_map(|it| &it.inputs)
        .map(|it| it.chart.as_ref())
        .collect();
    while let Some(chart) = open.pop() {
        found.insert(chart.location.clone());
        open.extend(&chart.dependencies);
    }
    found
}

/// The objects of a chart with its default values. `None` if there are no sync objects among them, or if the chart does not render,
/// which is a note, since the values that it is installed with are unknown.
fn render(
    files: &dyn Files,
    folder: &TreePath,
    charts: &Charts<'_>,
    cluster: &Cluster,
    diagnostics: &mut Diagnostics,
) -> Option<(ChartTitle, Vec<Object>)> {
    match default_objects(folder, charts, cluster) {
        Ok((chart, objects)) => {
            let title = ChartTitle {
                name: chart.metadata.name.clone(),
                version: chart.metadata.version.clone(),
            };
            let makes_units = objects.iter().any(|it| SyncKind::from_object(it).is_some());
            makes_units.then_some((title, objects))
        }
        Err(fault) => {
            let message = format!(
                "chart `{folder}` is not shown, because nothing in the repository installs it and it does not render with its default values: {}",
                fault.message
            );
            let mut note = Diagnostic::warning("not-deployed", message)
                .at(beginning(files, &folder.child("Chart.yaml")));
            note.help = match fault.help.is_empty() {
                true => vec![INSTALL.to_string()],
                false => fault.help,
            };
            note.severity = Severity::Note;
            note.related
                .extend(fault.span.map(|it| (it, "in the chart".to_string())));
            diagnostics.push(note);
            None
        }
    }
}

fn beginning(files: &dyn Files, path: &TreePath) -> Span {
    let bytes = files.read(path).unwrap_or_default();
    let source = Source::new(path.clone(), String::from_utf8_lossy(&bytes));
    Span::new(&source, 0..0)
}

fn default_objects(
    folder: &TreePath,
    charts: &Charts<'_>,
    cluster: &Cluster,
) -> Result<(Arc<LoadedChart>, Vec<Object>), Diagnostic> {
    let chart = charts.load(&ChartLocation::Folder(folder.clone()), cluster.helm_version)?;
    let mut facts = Facts::default();
    facts.add_chart(&chart);
    let values = Values::new();
    let release = Install {
        name: folder.name(),
        namespace: NAMESPACE,
        values: &values,
        skip_schema: false,
        kube_version: "",
        api_versions: Vec::new(),
        written: &[],
        parser: Parser::Helm,
    };
    let installed = install(&chart, &release, &facts, cluster).map_err(helm_fault)?;
    let mut objects = installed.applied(true, true);
    for object in &mut objects {
        facts.default_namespace(object, NAMESPACE);
    }
    Ok((chart, objects))
}
