//! `generators`, `transformers` and `validators`: kustomize's own ones, configured by objects.
//!
//! What runs foreign code (functions in containers, programs, Go plugins) is refused.

use std::sync::Arc;

use pleach_yaml::diag::{Diagnostic, Diagnostics};
use pleach_yaml::{Mapping, Node};

use super::accumulate::{Accumulated, Context, Failed, KustomizationFrame, mark};
use super::generate::{self, Absorber, Made, helm};
use super::kustomization::{CONFIG_MAP, SECRET, text};
use super::limits::ERRORS_MAX;
use super::load::resources_of;
use super::origin::{Configured, Origin};
use super::resource::Resource;
use super::shape::{Fields, Shape, read_lenient};
use super::transform;

/// Runs the generators that a kustomization lists.
pub(super) fn generate(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    absorber: &mut Absorber<'_>,
) {
    for config in configurations(context, level, "generators") {
        if builtin_kind(&config).is_ok_and(|it| it == helm::PLUGIN) {
            let origin = origin(&config);
            match configuration(&config, helm::PLUGIN_FIELDS) {
                Ok(record) => generate::inflate(context, level, &record, &origin, absorber),
                Err(fault) => context.diagnostics.push(fault),
            }
            continue;
        }
        let made = run_generator(context, level, &config);
        let absorbed = made.and_then(|mut made| {
            if context.track {
                made.resource.origin = Some(Box::new(origin(&config)));
            }
            absorber.absorb(made, config.node(), context)
        });
        context.keep(absorbed);
    }
}

/// Runs the transformers that a kustomization lists.
pub(super) fn transform(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    sum: &mut Accumulated,
    field: &str,
) -> Result<(), Failed> {
    let before = context.diagnostics.errors();
    for config in configurations(context, level, field) {
        let ran = run_transformer(context, level, sum, &config);
        context.keep(ran);
        context.check(before)?;
        if context.track {
            mark(&mut sum.resources, &Arc::new(origin(&config)));
        }
    }
    context.check(before)
}

/// Runs the validators that a kustomization lists: transformers that must change nothing.
pub(super) fn validate(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    sum: &mut Accumulated,
) -> Result<(), Failed> {
    if level.kustomization.list("validators").is_empty() {
        return Ok(());
    }
    let original = sum.resources.clone();
    transform(context, level, sum, "validators")?;
    let same = original.len() == sum.resources.len()
        && original
            .iter()
            .zip(sum.resources.iter())
            .all(|(a, b)| a.node().same_data(b.node()));
    if same {
        // Nothing of a validator's run stays, and so no note of it either.
        sum.resources = original;
        return Ok(());
    }
    let at = level
        .kustomization
        .get("validators")
        .unwrap_or(&level.kustomization.list("validators")[0]);
    let message = "a validator changed resources, but must only check them";
    context
        .diagnostics
        .push(Diagnostic::error("validator-changes", message).at(at));
    Err(Failed)
}

/// The objects that configure plugins. Those written in place come first, as in kustomize.
fn configurations(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    field: &str,
) -> Vec<Resource> {
    let mut gathered = Accumulated::default();
    let mut paths = Vec::new();
    let before = context.diagnostics.errors();
    for entry in level.kustomization.list(field) {
        if context.diagnostics.errors() - before >= ERRORS_MAX {
            break;
        }
        let words = entry.as_str().unwrap_or("");
        let resources = match resources_of(&entry.embedded_source()) {
            Ok(resources) => resources,
            Err(faults) if words.contains('\n') => {
                context
                    .diagnostics
                    .extend(faults.into_iter().map(|it| it.at(entry)));
                continue;
            }
            Err(_) => {
                paths.push(entry.clone());
                continue;
            }
        };
        for mut resource in resources {
            if context.track {
                resource.origin = Some(Box::new(level.file()));
            }
            let added = gathered.resources.append(resource, &context.schemas);
            context.keep(added);
        }
    }
    context.add_resources(level, &mut gathered, &paths);
    gathered.resources.into_list()
}

fn origin(config: &Resource) -> Origin {
    let object = &config.object;
    let file = config.origin.as_deref().cloned().unwrap_or_default();
    file.configured(Configured {
        api_version: object.api_version().to_string(),
        kind: object.kind().to_string(),
        name: object.name().to_string(),
        namespace: object.namespace().to_string(),
    })
}

fn run_transformer(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    sum: &mut Accumulated,
    config: &Resource,
) -> Result<(), Diagnostic> {
    let kind = builtin_kind(config)?;
    let transform = transform::by_plugin(kind).ok_or_else(|| unknown(config, "transformer"))?;
    let record = configuration(config, transform.fields)?;
    transform::run_plugin(context, level, sum, transform, &record)
}

fn run_generator(
    context: &Context<'_>,
    level: &KustomizationFrame<'_>,
    config: &Resource,
) -> Result<Made, Diagnostic> {
    let make = match builtin_kind(config)? {
        "ConfigMapGenerator" => {
            let entry = named(config, &configuration(config, CONFIG_MAP)?);
            return generate::config_map(context.loader, &level.folder(), &entry, None);
        }
        "SecretGenerator" => {
            let entry = named(config, &configuration(config, SECRET)?);
            return generate::secret(context.loader, &level.folder(), &entry, None);
        }
        "IAMPolicyGenerator" => generate::service_account,
        _ => return Err(unknown(config, "generator")),
    };
    make(&configuration(config, ACCOUNT)?)
}

const ACCOUNT: Fields = &[
    ("cloud", Shape::Text),
    (
        "kubernetesService",
        Shape::Record(&[("name", Shape::Text), ("namespace", Shape::Text)]),
    ),
    (
        "serviceAccount",
        Shape::Record(&[("name", Shape::Text), ("projectId", Shape::Text)]),
    ),
];

/// The kind of one of kustomize's own plugins.
fn builtin_kind(config: &Resource) -> Result<&str, Diagnostic> {
    let object = &config.object;
    if object.api_version() == "builtin" {
        return Ok(object.kind());
    }
    let message = format!(
        "{} is an external plugin, and a build does not run other programs",
        object.id()
    );
    Err(Diagnostic::error("foreign-plugin", message)
        .at(object.span())
        .help("use a built-in plugin (`apiVersion: builtin`), or commit the output of the plugin as a resource"))
}

fn unknown(config: &Resource, what: &str) -> Diagnostic {
    let kind = config.object.kind();
    let at = config.node().get("kind").unwrap_or(config.node());
    Diagnostic::error(
        "unknown-plugin",
        format!("unknown built-in {what} `{kind}`"),
    )
    .at(at)
}

/// The fields of a plugin's configuration.
fn configuration(config: &Resource, fields: Fields) -> Result<Node, Diagnostic> {
    let mut faults = Diagnostics::default();
    let what = format!("a {}", config.object.kind());
    let record: Mapping = read_lenient(config.node(), fields, &what, &mut faults);
    match faults.into_iter().next() {
        Some(fault) => Err(fault),
        None => Ok(Node::mapping(record).at(config.node())),
    }
}

/// A generator's entry, with the name and namespace of the object itself where it gives none.
fn named(config: &Resource, record: &Node) -> Node {
    let mut entry = record.clone();
    for field in ["name", "namespace"] {
        let own = config.node().at_keys(&["metadata", field]);
        if let (true, Some(own), Some(fields)) =
            (text(record, field).is_empty(), own, entry.as_mapping_mut())
        {
            fields.insert(field, own.clone());
        }
    }
    entry
}
