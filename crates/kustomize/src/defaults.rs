//! The default field specs, made from the short tables in this module.

mod fields;
mod references;
mod variables;

use std::sync::{Arc, OnceLock};

use pleach_kube::object::Gvk;

use super::config::{Config, NameReference};
use super::fieldspec::FieldSpec;

pub(super) fn config() -> &'static Arc<Config> {
    static DEFAULTS: OnceLock<Arc<Config>> = OnceLock::new();
    DEFAULTS.get_or_init(|| {
        let selectors_and_labels = fields::SELECTORS.iter().chain(fields::TEMPLATE_LABELS);
        let mut config = Config {
            name_prefix: specs(fields::NAME),
            name_suffix: specs(fields::NAME),
            namespace: specs(fields::NAMESPACE),
            common_labels: specs(selectors_and_labels.chain(fields::CLAIM_LABELS)),
            template_labels: specs(fields::TEMPLATE_LABELS),
            claim_labels: specs(fields::CLAIM_LABELS),
            common_annotations: specs(fields::ANNOTATIONS),
            name_references: references::TABLE.iter().map(reference).collect(),
            variables: specs(variables::TABLE),
            images: specs(fields::IMAGES),
            replicas: specs(fields::REPLICAS),
            ..Config::default()
        };
        config.sort();
        Arc::new(config)
    })
}

/// Paths in some kinds. A kind has the form `group/version/Kind`; only the last part is required, and `""` matches every kind.
struct Row {
    kinds: &'static [&'static str],
    paths: &'static [&'static str],
    /// Whether missing paths are created.
    create: bool,
    /// Whether they begin at the pod's spec.
    pods: bool,
}

/// Existing fields that are changed.
const fn at(kinds: &'static [&'static str], paths: &'static [&'static str]) -> Row {
    Row {
        kinds,
        paths,
        create: false,
        pods: false,
    }
}

/// Fields that are created if missing.
const fn made(kinds: &'static [&'static str], paths: &'static [&'static str]) -> Row {
    Row {
        create: true,
        ..at(kinds, paths)
    }
}

/// Fields below the pod's spec.
const fn pods(kinds: &'static [&'static str], paths: &'static [&'static str]) -> Row {
    Row {
        pods: true,
        ..at(kinds, paths)
    }
}

/// A kind, and the fields that refer to it.
type Reference = (&'static str, &'static [Row]);

fn reference((to, rows): &Reference) -> NameReference {
    NameReference {
        target: gvk(to),
        referrers: specs(*rows),
    }
}

fn specs(rows: impl IntoIterator<Item = &'static Row>) -> Vec<FieldSpec> {
    let mut specs = Vec::new();
    for row in rows {
        for kind in row.kinds {
            let kind = gvk(kind);
            let spec = |path: &&str| match row.pods {
                true => [pod_spec(&kind.kind), path].join("/"),
                false => path.to_string(),
            };
            let paths = row.paths.iter().map(spec);
            specs.extend(paths.map(|path| FieldSpec::new(kind.clone(), &path, row.create)));
        }
    }
    specs
}

/// The path of a kind's pod spec.
fn pod_spec(kind: &str) -> &'static str {
    match kind {
        "Pod" => "spec",
        "PodTemplate" => "template/spec",
        "CronJob" => "spec/jobTemplate/spec/template/spec",
        _ => "spec/template/spec",
    }
}

fn gvk(text: &str) -> Gvk {
    let is_version = |it: &str| it.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    let (rest, kind) = text.rsplit_once('/').unwrap_or(("", text));
    let (group, version) = match rest.split_once('/') {
        Some(both) => both,
        None if is_version(rest) => ("", rest),
        None => (rest, ""),
    };
    Gvk {
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
    }
}
