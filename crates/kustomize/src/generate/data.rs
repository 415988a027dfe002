//! ConfigMaps and Secrets with data from env files, literals and files.

use std::collections::BTreeMap;

use pleach_kube::object::Object;
use pleach_yaml::diag::{Class, Diagnostic, Span};
use pleach_yaml::tree::TreePath;
use pleach_yaml::{Mapping, Node};

use super::super::base64;
use super::super::kustomization::{GeneratorArgs, GeneratorOptions, SecretArgs};
use super::super::load::Loader;
use super::super::record::{Pairs, Text};
use super::super::resource::{Resource, new_key, new_text};
use super::{Made, behavior, data_text};

/// Creates the ConfigMap of an entry.
pub(crate) fn config_map(
    loader: Loader<'_>,
    folder: &TreePath,
    entry: &GeneratorArgs,
    options: Option<&GeneratorOptions>,
) -> Result<Made, Diagnostic> {
    let pairs = pairs(loader, folder, entry)?;
    let (mut data, mut binary) = (Mapping::new(), Mapping::new());
    for (key, (value, at)) in pairs {
        match String::from_utf8(value) {
            Ok(text) => data.push(new_key(&key, &at)?, data_text(&text).at(&at)),
            // The API server only accepts UTF-8 in `data`. kustomize decides by the content, not by the file name.
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

/// Creates the Secret of an entry.
pub(crate) fn secret(
    loader: Loader<'_>,
    folder: &TreePath,
    secret: &SecretArgs,
    options: Option<&GeneratorOptions>,
) -> Result<Made, Diagnostic> {
    let entry = &secret.args;
    let mut data = Mapping::new();
    for (key, (value, at)) in pairs(loader, folder, entry)? {
        data.push(
            new_key(&key, &at)?,
            data_text(&base64::encode_lines(&value)).at(&at),
        );
    }
    let mut fields = base("Secret", entry)?;
    let kind = match &*secret.kind {
        // The default of the API server, written explicitly because it is part of the hash.
        "" => "Opaque",
        kind => kind,
    };
    fields.insert("type", kind);
    fields.insert("data", data);
    finish(fields, entry, options)
}

fn base(kind: &'static str, entry: &GeneratorArgs) -> Result<Mapping, Diagnostic> {
    if entry.name.is_empty() {
        let message = format!("the generator of a {kind} has no `name`");
        return Err(Diagnostic::error("missing-name", message).at(&entry.span));
    }
    let mut metadata = Mapping::new();
    for (key, text) in [("name", &entry.name), ("namespace", &entry.namespace)] {
        if !text.is_empty() {
            metadata.insert(Node::constant(key), new_text(&**text).at(text.span()));
        }
    }
    Ok(Mapping::from([
        ("apiVersion", Node::constant("v1")),
        ("kind", Node::constant(kind)),
        ("metadata", Node::mapping(metadata)),
    ]))
}

fn finish(
    mut fields: Mapping,
    entry: &GeneratorArgs,
    options: Option<&GeneratorOptions>,
) -> Result<Made, Diagnostic> {
    // The entry's own pairs replace those of `generatorOptions`.
    let options = || options.into_iter().chain(&entry.options);
    let labels = merged_pairs(options().map(|it| &it.labels))?;
    let annotations = merged_pairs(options().map(|it| &it.annotations))?;
    for (field, pairs) in [("labels", labels), ("annotations", annotations)] {
        if !pairs.is_empty()
            && let Some(metadata) = fields.get_mut("metadata").and_then(Node::as_mapping_mut)
        {
            metadata.insert(field, pairs);
        }
    }
    // kustomize combines both with `or`, so an entry cannot disable an option of `generatorOptions`.
    if options().any(|it| it.immutable) {
        fields.insert("immutable", true);
    }
    let mut resource = Resource::new(Object::new(Node::mapping(fields).at(&entry.span)));
    resource.needs_hash = !options().any(|it| it.disable_name_suffix_hash);
    resource.generated = true;
    Ok(Made {
        resource,
        behavior: behavior(entry),
    })
}

/// All pairs; of equal keys, the last one.
fn merged_pairs<'a>(maps: impl Iterator<Item = &'a Pairs>) -> Result<Mapping, Diagnostic> {
    let sorted = maps.flat_map(Pairs::sorted);
    let pairs: BTreeMap<_, _> = sorted.map(|it| (it.key.clone(), it)).collect();
    let mut merged = Mapping::new();
    for pair in pairs.into_values() {
        merged.insert(pair.new_key()?, new_text(pair.value));
    }
    Ok(merged)
}

type DataPairs = BTreeMap<String, (Vec<u8>, Span)>;

/// Keys and values of an entry. Keys are unique.
fn pairs(
    loader: Loader<'_>,
    folder: &TreePath,
    entry: &GeneratorArgs,
) -> Result<DataPairs, Diagnostic> {
    let mut pairs = DataPairs::new();
    let mut add = |key: String, value: Vec<u8>, at: &Text| match pairs.get(&key) {
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
    let env = Some(&entry.env).filter(|it| !it.is_empty());
    for source in entry.envs.iter().chain(env) {
        let (path, bytes) = loader.bytes(folder, source, source.span())?;
        let lines = std::str::from_utf8(&bytes).map_err(|_| loader.not_text(&path).at(source))?;
        for (key, value) in env_lines(lines) {
            // A line without `=` may be the rest of a secret value, so messages do not contain it.
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
    for source in &entry.literals {
        let (key, value) = literal(source)?;
        add(key.to_string(), value.as_bytes().to_vec(), source)?;
    }
    for source in &entry.files {
        let (key, path) = file_source(source)?;
        let (_, bytes) = loader.bytes(folder, path, source.span())?;
        add(key.to_string(), bytes.to_vec(), source)?;
    }
    Ok(pairs)
}

/// The pairs of an env file: one per line, without blank lines and comments.
fn env_lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    // Editors on Windows write a byte order mark, which kustomize removes.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line).trim_start());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once('=').unwrap_or((line, "")))
        .filter(|(key, _)| !key.is_empty())
}

/// `key=value`, with one pair of quotes around the value removed.
fn literal(source: &Text) -> Result<(&str, &str), Diagnostic> {
    let text = &**source;
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or_else(|| {
        let message = format!("expected `key=value`, found `{text}`");
        Diagnostic::error("bad-literal", message).at(source)
    })?;
    let unquoted = ['"', '\'']
        .into_iter()
        // Only one pair of equal quotes is removed.
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    Ok((key, unquoted.unwrap_or(value)))
}

/// `key=path`, or a path whose last part is the key.
fn file_source(source: &Text) -> Result<(&str, &str), Diagnostic> {
    let text = &**source;
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
        Some(("", path)) => bad(format!("no key for file `{path}`")),
        Some((key, "")) => bad(format!("no file for key `{key}`")),
        Some(pair) => Ok(pair),
    }
}
