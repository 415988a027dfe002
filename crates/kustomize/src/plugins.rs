//! `generators`, `transformers` and `validators`: built-in plugins, configured by objects.
//!
//! Plugins that run foreign code (functions in containers, programs, Go plugins) are rejected.

use std::sync::Arc;

use pleach_yaml::diag::{Class, Diagnostic, Diagnostics};

use super::accumulate::{Accumulated, Context, Failed, KustomizationFrame, mark};
use super::generate::{self, Absorber, Made, helm};
use super::kustomization::{GeneratorArgs, SecretArgs};
use super::limits::ERRORS_MAX;
use super::load::resources_of;
use super::origin::{Configured, Origin};
use super::record::{Record, Text, read_lenient};
use super::resource::Resource;
use super::transform;

/// Runs the generators that a kustomization lists.
pub(super) fn generate(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    absorber: &mut Absorber<'_>,
) {
    for config in configurations(context, level, &level.kustomization.fields.generators) {
        if builtin_kind(&config).is_ok_and(|it| it == helm::PLUGIN) {
            let origin = origin(&config);
            match configuration(&config) {
                Ok(chart) => generate::inflate(context, level, &chart, &origin, absorber),
                Err(fault) => context.diagnostics.push(fault),
            }
            continue;
        }
        let made = run_generator(context, level, &config);
        let absorbed = made.and_then(|mut made| {
            if context.track {
                made.resource.origin = Some(Box::new(origin(&config)));
            }
            absorber.absorb(made, config.node().span(), context)
        });
        context.keep(absorbed);
    }
}

/// Runs the transformers that a kustomization lists.
pub(super) fn transform(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    sum: &mut Accumulated,
    entries: &[Text],
) -> Result<(), Failed> {
    let before = context.diagnostics.errors();
    for config in configurations(context, level, entries) {
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
    let validators = &level.kustomization.fields.validators;
    if validators.is_empty() {
        return Ok(());
    }
    // This copies all resources, but validators are rare.
    let original = sum.resources.clone();
    transform(context, level, sum, validators)?;
    let same = original.len() == sum.resources.len()
        && original
            .iter()
            .zip(sum.resources.iter())
            .all(|(a, b)| a.node().same_data(b.node()));
    if same {
        // The result of a validator is discarded, including its record.
        sum.resources = original;
        return Ok(());
    }
    let message = "a validator changed resources, but must only check them";
    let fault = Diagnostic::error("validator-changes", message);
    context.diagnostics.push(match &validators.span {
        Some(span) => fault.at(span),
        None => fault,
    });
    Err(Failed)
}

/// The objects that configure plugins. Inline ones come first, as in kustomize.
fn configurations(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    entries: &[Text],
) -> Vec<Resource> {
    let mut gathered = Accumulated::default();
    let mut paths = Vec::new();
    let before = context.diagnostics.errors();
    for entry in entries {
        if context.diagnostics.errors() - before >= ERRORS_MAX {
            break;
        }
        let resources = match resources_of(&entry.node().embedded_source()) {
            Ok(resources) => resources,
            // A path has no line breaks, so this must be an inline object with a syntax error.
            Err(faults) if entry.contains('\n') => {
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
    transform::run_plugin(context, level, sum, transform, config)
}

fn run_generator(
    context: &Context<'_>,
    level: &KustomizationFrame<'_>,
    config: &Resource,
) -> Result<Made, Diagnostic> {
    match builtin_kind(config)? {
        "ConfigMapGenerator" => {
            let mut args: GeneratorArgs = configuration(config)?;
            name_as(config, &mut args);
            generate::config_map(context.loader, &level.folder(), &args, None)
        }
        "SecretGenerator" => {
            let mut secret: SecretArgs = configuration(config)?;
            name_as(config, &mut secret.args);
            generate::secret(context.loader, &level.folder(), &secret, None)
        }
        "IAMPolicyGenerator" => generate::service_account(&configuration(config)?),
        _ => Err(unknown(config, "generator")),
    }
}

/// The kind of a built-in plugin.
fn builtin_kind(config: &Resource) -> Result<&str, Diagnostic> {
    let object = &config.object;
    // Anything else names a program or a container image that kustomize would run.
    if object.api_version() == "builtin" {
        return Ok(object.kind());
    }
    let message = format!(
        "{} is an external plugin, and a build does not run other programs",
        object.id()
    );
    Err(Diagnostic::error("foreign-plugin", message)
        .class(Class::Unavailable)
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

/// Reads a plugin's configuration.
pub(super) fn configuration<R: Record>(config: &Resource) -> Result<R, Diagnostic> {
    let mut faults = Diagnostics::default();
    let what = format!("a {}", config.object.kind());
    let record = read_lenient(config.node(), &what, &mut faults);
    match faults.into_iter().next() {
        Some(fault) => Err(fault),
        None => Ok(record),
    }
}

/// A generator without a name and namespace uses those of its configuration.
fn name_as(config: &Resource, args: &mut GeneratorArgs) {
    let GeneratorArgs {
        name, namespace, ..
    } = args;
    for (field, key) in [(name, "name"), (namespace, "namespace")] {
        let own = config.node().at_keys(&["metadata", key]);
        if let (true, Some(own)) = (field.is_empty(), own) {
            *field = Text::new(own.clone());
        }
    }
}
