//! Finds charts in Git whose files change without a new version, so that Flux does not deploy the change.

use std::collections::BTreeSet;

use super::units::{Key, Units, definition};
use crate::deploy::{Entry, Unit};
use crate::diag::{Diagnostic, Diagnostics};
use crate::object::Object;
use crate::yaml::Node;

/// Reports charts that change although their name and version stay the same. Source-controller builds such a chart again only if
/// the HelmChart changes too, or with `reconcileStrategy: Revision` (`Build` in `builder_local.go`).
pub(super) fn unchanged_versions(
    [old, new]: &[Units<'_>; 2],
    excluded: &BTreeSet<Key<'_>>,
) -> Diagnostics {
    let compared = new.iter().filter(|it| !excluded.contains(it.0));
    let pairs = compared.filter_map(|(key, unit)| Some((*old.get(key)?, *unit)));
    let found = pairs.filter_map(|(before, after)| unchanged_version(before, after));
    found.collect()
}

fn unchanged_version(before: (&Entry, &Unit), after: (&Entry, &Unit)) -> Option<Diagnostic> {
    let [old, new] = [before, after].map(|(entry, unit)| definition(entry, unit));
    let spec = chart_spec(new?)?;
    let text = |keys: &[&str]| spec.at_keys(keys).and_then(Node::as_str);
    let is_in_git = matches!(
        text(&["sourceRef", "kind"]),
        Some("GitRepository" | "Bucket")
    );
    let has_new_artifact =
        text(&["reconcileStrategy"]) == Some("Revision") || !chart_spec(old?)?.same_data(spec);
    if !is_in_git || has_new_artifact {
        return None;
    }
    let [old, new] = [before.1, after.1].map(|it| Some(&it.inputs.first()?.chart));
    let (old, new) = (old?, new?);
    let is_same_version =
        old.metadata.name == new.metadata.name && old.metadata.version == new.metadata.version;
    if !is_same_version || old.has_same_files(new) {
        return None;
    }
    let (name, version) = (&new.metadata.name, &new.metadata.version);
    let message = format!(
        "Flux does not deploy the change of chart `{name}` of {}, because the version of the chart is still {version}",
        after.1.id
    );
    let note =
        Diagnostic::warning("unapplied-change", message).at(spec.get("chart").unwrap_or(spec));
    Some(note.help(
        "increase `version` in Chart.yaml, or set `spec.chart.spec.reconcileStrategy: Revision`",
    ))
}

fn chart_spec(release: &Object) -> Option<&Node> {
    release.node.at_keys(&["spec", "chart", "spec"])
}
