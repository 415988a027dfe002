//! ConfigMaps and Secrets: their data out of env files, literals and files.

use std::collections::BTreeMap;

use pleach_kube::object::Object;
use pleach_yaml::diag::{Class, Diagnostic, Span};
use pleach_yaml::tree::TreePath;
use pleach_yaml::{Mapping, Node};

use super::super::base64;
use super::super::kustomization::{flag, list, sorted_pairs, text};
use super::super::load::Loader;
use super::super::resource::{Resource, new_key, new_text};
use super::{Made, behavior, data_text};

/// Makes the ConfigMap of an entry.
pub(crate) fn config_map(
    loader: Loader<'_>,
    folder: &TreePath,
    entry: &Node,
    options: Option<&Node>,
) -> Result<Made, Diagnostic> {
    let pairs = pairs(loader, folder, entry)?;
    let (mut data, mut binary) = (Mapping::new(), Mapping::new());
    for (key, (value, at)) in pairs {
        match String::from_utf8(value) {
            Ok(text) => data.push(new_key(&key, &at)?, data_text(&text).at(&at)),
            Err(bytes) => binary.push(
                new_key(&key, &at)?,
                data_text(&base64::encode_lines(bytes.as_bytes())).at(&at),
            ),
        };
    }
    let mut fields = base("ConfigMap", entry)?;
    for (field, values) in [("data", data), ("binaryData", binary)] {
        if !values.is_empty() {
            fields.insert(field, values);
        }
    }
    finish(fields, entry, options)
}

/// Makes the Secret of an entry.
pub(crate) fn secret(
    loader: Loader<'_>,
    folder: &TreePath,
    entry: &Node,
    options: Option<&Node>,
) -> Result<Made, Diagnostic> {
    let mut data = Mapping::new();
    for (key, (value, at)) in pairs(loader, folder, entry)? {
        data.push(
            new_key(&key, &at)?,
            data_text(&base64::encode_lines(&value)).at(&at),
        );
    }
    let mut fields = base("Secret", entry)?;
    let kind = match text(entry, "type") {
        "" => "Opaque",
        kind => kind,
    };
    fields.insert("type", kind);
    fields.insert("data", data);
    finish(fields, entry, options)
}

fn base(kind: &'static str, entry: &Node) -> Result<Mapping, Diagnostic> {
    let name = entry
        .get("name")
        .filter(|it| !it.as_str().unwrap_or("").is_empty());
    let name = name.ok_or_else(|| {
        let message = format!("the generator of a {kind} has no `name`");
        Diagnostic::error("missing-name", message).at(entry)
    })?;
    let mut metadata = Mapping::new();
    metadata.insert(
        Node::constant("name"),
        new_text(name.as_str().unwrap_or("")).at(name),
    );
    if let Some(namespace) = entry.get("namespace").filter(|it| it.as_str() != Some("")) {
        metadata.insert(
            Node::constant("namespace"),
            new_text(namespace.as_str().unwrap_or("")).at(namespace),
        );
    }
    Ok(Mapping::from([
        ("apiVersion", Node::constant("v1")),
        ("kind", Node::constant(kind)),
        ("metadata", Node::mapping(metadata)),
    ]))
}

fn finish(mut fields: Mapping, entry: &Node, options: Option<&Node>) -> Result<Made, Diagnostic> {
    let own = entry.get("options");
    for field in ["labels", "annotations"] {
        let pairs = merged_pairs(own, options, field)?;
        if !pairs.is_empty()
            && let Some(metadata) = fields.get_mut("metadata").and_then(Node::as_mapping_mut)
        {
            metadata.insert(field, pairs);
        }
    }
    let either = |name| {
        [own, options]
            .into_iter()
            .flatten()
            .any(|it| flag(it, name))
    };
    if either("immutable") {
        fields.insert("immutable", true);
    }
    let mut resource = Resource::new(Object::new(Node::mapping(fields).at(entry)));
    resource.needs_hash = !either("disableNameSuffixHash");
    resource.generated = true;
    Ok(Made {
        resource,
        behavior: behavior(entry),
    })
}

/// The entry's own pairs, and those of `generatorOptions` that it does not have.
fn merged_pairs(
    own: Option<&Node>,
    options: Option<&Node>,
    field: &str,
) -> Result<Mapping, Diagnostic> {
    let mut pairs = BTreeMap::new();
    for source in [options, own].into_iter().flatten() {
        if let Some(mapping) = source.get(field).and_then(Node::as_mapping) {
            let sorted = sorted_pairs(mapping).into_iter();
            pairs.extend(sorted.map(|it| (it.key.clone(), it)));
        }
    }
    let mut merged = Mapping::new();
    for pair in pairs.into_values() {
        merged.insert(pair.new_key()?, new_text(pair.value));
    }
    Ok(merged)
}

type Pairs = BTreeMap<String, (Vec<u8>, Span)>;

/// Keys and values of an entry. Keys are unique.
fn pairs(loader: Loader<'_>, folder: &TreePath, entry: &Node) -> Result<Pairs, Diagnostic> {
    let mut pairs = Pairs::new();
    let mut add = |key: String, value: Vec<u8>, at: &Node| match pairs.get(&key) {
        Some((_, first)) => {
            let message = format!("duplicate key `{key}`");
            Err(Diagnostic::error("duplicate-key", message)
                .class(Class::DuplicateKey)
                .at(at)
                .related(first, "first defined here"))
        }
        None => {
            pairs.insert(key, (value, at.span().clone()));
            Ok(())
        }
    };
    for source in list(entry, "envs")
        .iter()
        .chain(entry.get("env").filter(|it| it.as_str() != Some("")))
    {
        let (path, bytes) = loader.bytes(folder, source.as_str().unwrap_or(""), source.span())?;
        let lines = std::str::from_utf8(&bytes).map_err(|_| loader.not_text(&path).at(source))?;
        for (key, value) in env_lines(lines) {
            // A line without `=` may be the rest of a value: no message names it.
            let is_pair = !value.trim_matches('=').is_empty();
            let added = add(key.to_string(), value.as_bytes().to_vec(), source);
            added.map_err(|fault| match is_pair {
                true => fault,
                false => Diagnostic {
                    message: format!("duplicate line without a value in `{path}`"),
                    ..fault
                },
            })?;
        }
    }
    for source in list(entry, "literals") {
        let (key, value) = literal(source)?;
        add(key.to_string(), value.as_bytes().to_vec(), source)?;
    }
    for source in list(entry, "files") {
        let (key, path) = file_source(source)?;
        let (_, bytes) = loader.bytes(folder, path, source.span())?;
        add(key.to_string(), bytes.to_vec(), source)?;
    }
    Ok(pairs)
}

/// The pairs of an env file: one per line, blank lines and comments left out.
fn env_lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line).trim_start());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once('=').unwrap_or((line, "")))
        .filter(|(key, _)| !key.is_empty())
}

/// `key=value`, one pair of quotes round the value taken off.
fn literal(source: &Node) -> Result<(&str, &str), Diagnostic> {
    let text = source.as_str().unwrap_or("");
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or_else(|| {
        let message = format!("expected `key=value`, found `{text}`");
        Diagnostic::error("bad-literal", message).at(source)
    })?;
    let unquoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    Ok((key, unquoted.unwrap_or(value)))
}

/// `key=path`, or a path whose last part is the key.
fn file_source(source: &Node) -> Result<(&str, &str), Diagnostic> {
    let text = source.as_str().unwrap_or("");
    let bad = |message: String| Err(Diagnostic::error("bad-file-source", message).at(source));
    match text.split_once('=') {
        None => Ok((
            text.trim_end_matches('/')
                .rsplit('/')
                .next()
                .unwrap_or(text),
            text,
        )),
        Some((_, path)) if path.contains('=') => {
            bad(format!("a key or path in `{text}` contains `=`"))
        }
        Some(("", path)) => bad(format!("no key for the file `{path}`")),
        Some((key, "")) => bad(format!("no file for the key `{key}`")),
        Some(pair) => Ok(pair),
    }
}
