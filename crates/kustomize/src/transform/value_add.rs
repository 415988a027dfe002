//! The `ValueAddTransformer`: a plugin that sets one value in fields of selected resources.

use pleach_yaml::diag::{Diagnostic, Diagnostics};
use pleach_yaml::{Entry, Mapping, Node, Style, Tag, parse_one};

use super::super::fieldspec::{check_parts, split_path};
use super::super::kustomization::Target;
use super::super::plugins::configuration;
use super::super::record::{List, Number, Text, read_lenient, record};
use super::super::resource::{Resource, plain_key, set_text};
use super::super::resources::Resources;
use super::super::selector::Selector;
use super::namespace;
use super::{Transform, TransformContext};

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "ValueAddTransformer",
    apply: |_, _| Ok(()),
    run,
};

record! {
    struct ValueAddPlugin {
        value: Text = "value",
        target_file_path: Text = "targetFilePath",
        targets: List<ValueTarget> = "targets",
    }
}

record! {
    struct ValueTarget {
        selector: Option<Target> = "selector",
        field_path: Text = "fieldPath",
        file_path_position: Number = "filePathPosition",
    }
}

fn run(
    transform: &mut TransformContext<'_, '_>,
    config: &Resource,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let config: ValueAddPlugin = configuration(config)?;
    let value = match config.value.trim() {
        // The default value is the name of the folder.
        "" => transform.folder.name(),
        value => value,
    };
    let mut targets = config.targets.items;
    if !config.target_file_path.is_empty() {
        targets.extend(shared_targets(transform, &config.target_file_path)?);
    }
    if targets.is_empty() {
        let message = "the transformer has no `targets`";
        return Err(Diagnostic::error("missing-target", message).at(&config.span));
    }
    for target in &targets {
        add(transform, target, value, resources)?;
    }
    Ok(())
}

/// Targets in a separate file.
fn shared_targets(
    transform: &TransformContext<'_, '_>,
    path: &Text,
) -> Result<Vec<ValueTarget>, Diagnostic> {
    let source = transform
        .context
        .loader
        .source(&transform.folder, path, path.span())?;
    let first = |faults: Diagnostics| {
        let fault = faults.into_iter().next();
        fault.unwrap_or_else(|| {
            Diagnostic::error("missing-target", "the file cannot be parsed").at(path)
        })
    };
    let document = parse_one(&source).map_err(first)?;
    let mut faults = Diagnostics::default();
    let file: ValueAddPlugin = read_lenient(&document, "a file of targets", &mut faults);
    if faults.has_errors() {
        return Err(first(faults));
    }
    Ok(file.targets.items)
}

fn add(
    transform: &TransformContext<'_, '_>,
    target: &ValueTarget,
    value: &str,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let path = &*target.field_path;
    let position = target.file_path_position.value();
    if path.is_empty() || position < 0 {
        let message =
            "the target requires `fieldPath`, and `filePathPosition` must not be negative";
        return Err(Diagnostic::error("bad-target", message).at(&target.span));
    }
    let selector = target.selector.as_ref().map(Selector::new).transpose()?;
    let schemas = &transform.context.schemas;
    for resource in resources.list_mut() {
        if selector
            .as_ref()
            .is_some_and(|it| !it.matches(resource, schemas))
        {
            continue;
        }
        if path == "metadata/namespace" {
            namespace::set_own(value, resource, schemas)?;
            continue;
        }
        let parts = split_path(path, '/');
        check_parts(parts.len(), &target.span)?;
        let field = reach(resource.node_mut(), &parts)?;
        let old = field.as_str().unwrap_or("");
        let new = match usize::try_from(position) {
            Ok(position @ 1..) => insert_part(old, position - 1, value),
            _ => value.to_string(),
        };
        set_text(field, &new);
    }
    Ok(())
}

/// The scalar at a path, which is created if missing.
fn reach<'a>(node: &'a mut Node, parts: &[String]) -> Result<&'a mut Node, Diagnostic> {
    let mut node = node;
    for (at, part) in parts.iter().enumerate() {
        let found = node.kind().description();
        let span = node.span().clone();
        let wrong = || {
            let message = format!("expected a map that contains `{part}`, found {found}");
            Diagnostic::error("wrong-field-type", message).at(&span)
        };
        let last = at + 1 == parts.len();
        node = match part.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            Some(inside) => {
                let (field, value) = inside.split_once('=').unwrap_or((inside, ""));
                let items = node.as_sequence_mut().ok_or_else(wrong)?;
                let fits = |it: &Node| it.get(field).and_then(Node::as_str) == Some(value);
                let at = items.iter().position(fits).unwrap_or(items.len());
                if at == items.len() {
                    let entry = Entry {
                        key: plain_key(field),
                        value: Node::scalar(value, Style::Plain, Tag::None),
                    };
                    items.push(Node::mapping(Mapping::from_entries(vec![entry])));
                }
                items.get_mut(at).ok_or_else(wrong)?
            }
            None => {
                let mapping = node.as_mapping_mut().ok_or_else(wrong)?;
                mapping.get_or_insert_with(part, || match last {
                    true => Node::scalar("", Style::Plain, Tag::None),
                    false => Node::mapping(Mapping::new()),
                })
            }
        };
    }
    if node.is_scalar() {
        return Ok(node);
    }
    let message = format!(
        "expected a scalar to set, found {}",
        node.kind().description()
    );
    Err(Diagnostic::error("wrong-field-type", message).at(&*node))
}

/// Inserts a part into a file path; an absolute path stays absolute.
fn insert_part(path: &str, at: usize, part: &str) -> String {
    let (slash, rest) = match path.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", path),
    };
    let mut parts: Vec<&str> = rest.split('/').filter(|it| !it.is_empty()).collect();
    parts.insert(at.min(parts.len()), part);
    format!("{slash}{}", parts.join("/"))
}
