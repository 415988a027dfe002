//! JSON 6902 patches, as in kustomize.
//!
//! Differences from the RFC: `replace` of a missing key adds it, indexes may be negative or begin with a zero, a path without its
//! first slash loses its first part, `copy` of a missing value gives null, and `test` compares numbers as written. The object is
//! converted to JSON and back, even if the patch only tests: nulls become explicit, and every number is the nearest float.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::secret::{is_secret, quoted};
use pleach_yaml::diag::{Diagnostic, Source};
use pleach_yaml::{
    Entry, Kind, Mapping, Node, Style, Tag, View, float_general, json_round_trip, parse, resolve,
};

/// The maximum number of values that the copies of one patch may create: the same as for aliases of a document.
const COPIED_MAX: usize = 1_000_000;

/// The maximum depth, as for documents.
const DEPTH_MAX: usize = 1_000;

/// The maximum number of operations of a patch.
const OPERATIONS_MAX: usize = 10_000;

/// This number of bytes of a long string counts as a value.
const VALUE_BYTES: usize = 64;

/// Applies a list of operations in order. After an error, the target is partly changed.
pub fn json6902(target: &mut Node, operations: &Node) -> Result<(), Diagnostic> {
    // kustomize converts the object to JSON first, even for a patch without operations.
    json_round_trip(target)?;
    let mut copied = 0;
    // Determined before the first operation, which could change the kind and thereby reveal the value of a test.
    let is_secret = is_secret(target);
    let list = operations.as_sequence().unwrap_or_default();
    if let Some(operation) = list.get(OPERATIONS_MAX) {
        let message = format!("the patch has more than {OPERATIONS_MAX} operations");
        return Err(fault(message)
            .at(operation)
            .help("replace the whole collection"));
    }
    for operation in list {
        apply(target, operation, &mut copied, is_secret).map_err(|fault| match fault.span {
            Some(_) => fault,
            None => fault.at(operation),
        })?;
    }
    // Only at the end, because `test` compares the original text of numbers.
    through_go(target)
}

/// The text of a patch after parsing: operations or a merge patch.
#[derive(Clone, Debug)]
pub enum PatchText {
    /// Strategic merge patches, one per document, with explicit types; empty documents are left out.
    Strategic(Vec<Node>),
    /// The list of operations.
    Json6902(Node),
}

/// Parses a patch: a list is JSON 6902, anything else is a strategic merge patch.
pub fn parse_patch(source: &Arc<Source>) -> Result<PatchText, Diagnostic> {
    let mut documents = documents(source)?;
    if documents
        .first()
        .is_some_and(|it| it.as_sequence().is_some())
    {
        return operations(source, documents.swap_remove(0)).map(PatchText::Json6902);
    }
    documents.retain(|it| !it.is_null());
    // Merging uses tags, which go-yaml sets on all scalars.
    documents.iter_mut().for_each(Node::declare_types);
    Ok(PatchText::Strategic(documents))
}

/// Parses operations. A text that begins with `[` is JSON, any other is YAML 1.1, where `on` is true and dates are strings.
pub fn parse_json6902(source: &Arc<Source>) -> Result<Node, Diagnostic> {
    let first = documents(source)?.into_iter().next();
    operations(source, first.unwrap_or_else(Node::null))
}

/// The operations in a parsed document.
pub fn json6902_in(source: &Arc<Source>, document: Node) -> Result<Node, Diagnostic> {
    operations(source, document)
}

/// A patch as YAML that is read as kustomize reads it: strings of JSON may have escapes that YAML does not have.
pub fn patch_as_yaml(source: &Arc<Source>) -> Arc<Source> {
    match is_json(source) {
        true => super::json::as_yaml(source),
        false => source.clone(),
    }
}

fn documents(source: &Arc<Source>) -> Result<Vec<Node>, Diagnostic> {
    parse(&patch_as_yaml(source)).map_err(|faults| {
        let first = faults.into_iter().next();
        first.unwrap_or_else(|| Diagnostic::error("yaml-syntax", "the patch cannot be parsed"))
    })
}

fn operations(source: &Arc<Source>, mut node: Node) -> Result<Node, Diagnostic> {
    let is_list_of_maps = node
        .as_sequence()
        .is_some_and(|items| items.iter().all(|it| it.as_mapping().is_some()));
    if !is_list_of_maps {
        let found = node.kind().description();
        let fault = Diagnostic::error(
            "patch-syntax",
            format!("expected a list of operations, found {found}"),
        );
        return Err(fault
            .at(&node)
            .help("write a list of maps with `op`, `path` and `value`"));
    }
    // kustomize decides by the first character: JSON is passed to the library unchanged, YAML is converted by `sigs.k8s.io/yaml`.
    if is_json(source) {
        check_json(&node)?;
        super::json::check(source).map_err(|(reason, at)| {
            let message = format!("a patch that begins with `[` must be JSON: {reason}");
            Diagnostic::error("patch-syntax", message).at(at).help(
                "remove comments and commas that JSON does not allow, or write the list as lines with `- op:`",
            )
        })?;
    } else {
        as_yaml_1_1(&mut node)?;
    }
    json_round_trip(&mut node)?;
    Ok(node)
}

fn is_json(source: &Source) -> bool {
    source.text.trim_start().starts_with('[')
}

/// Rejects flow style that is valid YAML but not JSON.
fn check_json(node: &Node) -> Result<(), Diagnostic> {
    let is_json = match node.view() {
        View::Scalar(text) => match node.kind() {
            Kind::String => node.style() == Style::DoubleQuoted,
            Kind::Null => text == "null",
            Kind::Bool => matches!(text, "true" | "false"),
            _ => json_number(node).is_some() && !text.starts_with('+') && !text.contains('_'),
        },
        View::Sequence(items) => return items.iter().try_for_each(check_json),
        View::Mapping(entries) => {
            entries.iter().try_for_each(|it| check_json(&it.value))?;
            entries
                .iter()
                .all(|it| it.key.style() == Style::DoubleQuoted)
        }
    };
    if is_json {
        return Ok(());
    }
    Err(
        Diagnostic::error("patch-syntax", "a patch that begins with `[` must be JSON")
            .at(node)
            .help("put keys and strings in double quotes, or write the list as lines with `- op:`"),
    )
}

/// Resolves scalars as in YAML 1.1, and writes numbers as in JSON.
fn as_yaml_1_1(node: &mut Node) -> Result<(), Diagnostic> {
    if let Some(items) = node.as_sequence_mut() {
        return items.iter_mut().try_for_each(as_yaml_1_1);
    }
    if let Some(entries) = node.as_mapping_mut() {
        // Only converted keys can collide; all others were checked by the reader.
        let mut are_strings = true;
        for entry in entries.iter_mut() {
            if let Some(it) = json_key(&entry.key) {
                entry.key = Node::string(it).at(entry.key.span());
                are_strings = false;
            }
            as_yaml_1_1(&mut entry.value)?;
        }
        return if are_strings {
            Ok(())
        } else {
            check_unique(entries)
        };
    }
    let meant = match node.kind() {
        Kind::Int | Kind::Float => {
            json_number(node).map(|it| Node::scalar(it, Style::Plain, Tag::None))
        }
        // `sigs.k8s.io/yaml` has no dates: they stay strings.
        Kind::Timestamp => node.as_str().map(Node::from),
        Kind::Null => Some(Node::null()),
        _ => node.as_old_bool().map(Node::bool),
    };
    if let Some(meant) = meant {
        *node = meant.at(node.span());
    }
    Ok(())
}

/// Rejects keys that are equal in JSON, such as `true` and `on`, of which kustomize silently keeps one.
fn check_unique(entries: &Mapping) -> Result<(), Diagnostic> {
    let mut seen = BTreeMap::new();
    for entry in entries {
        let key = entry.key.as_str().unwrap_or("");
        if let Some(first) = seen.insert(key, entry.key.span()) {
            let message = format!("duplicate key `{key}` in JSON");
            return Err(Diagnostic::error("patch-syntax", message)
                .at(&entry.key)
                .related(first, "first defined here")
                .help("remove one, or quote a key that is meant as a string"));
        }
    }
    Ok(())
}

/// The text of a key that is not a string in YAML 1.1: its value in JSON.
pub fn json_key(key: &Node) -> Option<String> {
    match key.kind() {
        Kind::Int | Kind::Float => json_number(key),
        Kind::Bool => key.as_bool().map(|it| it.to_string()),
        Kind::Timestamp => key.as_str().map(str::to_string),
        _ => key.as_old_bool().map(|it| it.to_string()),
    }
}

fn apply(
    root: &mut Node,
    operation: &Node,
    copied: &mut usize,
    is_secret: bool,
) -> Result<(), Diagnostic> {
    let op = operation.get("op").and_then(Node::as_string).unwrap_or("");
    let value = operation.get("value");
    let path = |key: &'static str| {
        let missing = || fault(format!("the operation `{op}` has no `{key}`"));
        operation
            .get(key)
            .and_then(Node::as_string)
            .ok_or_else(missing)
    };
    match op {
        "add" => {
            let path = path("path")?;
            check_depth(path, value)?;
            target(root, path)?.add(value.cloned())
        }
        "remove" => target(root, path("path")?)?.remove().map(drop),
        "replace" => match path("path")? {
            "" => replace_root(root, value),
            path => {
                check_depth(path, value)?;
                target(root, path)?.replace(value.cloned())
            }
        },
        "move" => {
            let value = target(root, path("from")?)?.remove()?;
            let path = path("path")?;
            // A move adds nothing, but can increase the depth.
            charge(copied, &value, path)?;
            target(root, path)?.add(Some(value))
        }
        "copy" => {
            let value = target(root, path("from")?)?.get()?;
            if let Some(value) = value {
                charge(copied, value, path("path")?)?;
            }
            let value = value.map(Node::deep_clone);
            target(root, path("path")?)?.add(value)
        }
        "test" => match path("path")? {
            "" => test(Some(root), value, ""),
            path => {
                let name = match is_secret {
                    true => "secret".to_string(),
                    false => field_name(root, path),
                };
                test(target(root, path)?.get()?, value, &name)
            }
        }
        .map_err(|it| it.help("the object differs from what the patch was written for")),
        _ => Err(fault(format!("unknown operation `{op}`"))
            .did_you_mean(op, ["add", "remove", "replace", "move", "copy", "test"])),
    }
}

/// Counts a copied value. Errors: the copies of the patch are too large together.
fn charge(copied: &mut usize, value: &Node, path: &str) -> Result<(), Diagnostic> {
    *copied += size(value, parts(path))?;
    match *copied > COPIED_MAX {
        true => Err(too_large()),
        false => Ok(()),
    }
}

/// The number of values in a copy, including nested ones. A value that is too deep is rejected.
pub fn copy_size(node: &Node) -> Result<usize, Diagnostic> {
    size(node, 0)
}

fn size(node: &Node, depth: usize) -> Result<usize, Diagnostic> {
    if depth > DEPTH_MAX {
        return Err(too_large());
    }
    let below = |sum: usize, node: &Node| Ok(sum + size(node, depth + 1)?);
    match node.view() {
        View::Scalar(text) => Ok(1 + text.len() / VALUE_BYTES),
        View::Sequence(items) => items.iter().try_fold(1, below),
        View::Mapping(entries) => entries.iter().map(|it| &it.value).try_fold(1, below),
    }
}

/// The depth of a path.
fn parts(path: &str) -> usize {
    path.matches('/').count()
}

/// Rejects a value that would be nested too deeply.
fn check_depth(path: &str, value: Option<&Node>) -> Result<(), Diagnostic> {
    value.map_or(Ok(()), |it| size(it, parts(path)).map(drop))
}

fn too_large() -> Diagnostic {
    fault("the patch makes the object too large or too deep".to_string())
        .help("copying a value into itself doubles its size each time")
}

fn fault(message: String) -> Diagnostic {
    Diagnostic::error("patch-fails", message)
}

fn replace_root(root: &mut Node, value: Option<&Node>) -> Result<(), Diagnostic> {
    match value {
        // The library requires an object or a list as result, and panics for a scalar.
        Some(value) if !value.is_scalar() => {
            *root = value.clone();
            Ok(())
        }
        _ => Err(fault(
            "the whole object can only be replaced with a map".to_string(),
        )),
    }
}

/// The target of a path: a collection, and a key or index in it.
struct PathTarget<'a> {
    within: &'a mut Node,
    key: Cow<'a, str>,
    path: &'a str,
}

fn target<'a>(root: &'a mut Node, path: &'a str) -> Result<PathTarget<'a>, Diagnostic> {
    let missing = || fault(format!("`{path}` does not exist in the object"));
    // The part before the first slash is ignored; in the RFC, this is an error.
    let mut parts = path.split('/').skip(1).map(unescape);
    const HELP: &str = "add the parent maps first: an operation does not create them";
    let mut key = parts.next().ok_or_else(|| missing().help(HELP))?;
    let mut within = root;
    for next in parts {
        if child(within, &key).is_none_or(|it| it.is_scalar()) {
            let fault = did_you_mean(missing(), within, &key);
            return Err(match fault.help.is_empty() {
                true => fault.help(HELP),
                false => fault,
            });
        }
        let Some(node) = child(within, &key) else {
            return Err(missing().help(HELP));
        };
        within = node;
        key = next;
    }
    Ok(PathTarget { within, key, path })
}

/// Suggests a key of a map that is similar to a missing one.
fn did_you_mean(fault: Diagnostic, within: &Node, key: &str) -> Diagnostic {
    let keys = within.as_mapping().into_iter().flatten();
    let keys: Vec<&str> = keys.filter_map(|it| it.key.as_str()).collect();
    fault.did_you_mean(key, keys)
}

fn unescape(part: &str) -> Cow<'_, str> {
    match part.contains('~') {
        // In this order, because `~01` is the text `~1`.
        true => part.replace("~1", "/").replace("~0", "~").into(),
        false => part.into(),
    }
}

fn child<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    match node.kind() {
        Kind::Mapping => node.get_mut(key),
        _ => {
            let items = node.as_sequence_mut()?;
            let at = index(key, items.len())?;
            items.get_mut(at)
        }
    }
}

/// Parses an index like Go; negative ones count down from `len`.
fn index(key: &str, len: usize) -> Option<usize> {
    let index: i64 = key.parse().ok()?;
    let len = i64::try_from(len).ok()?;
    // This option of evanphx/json-patch is enabled by default, also in kustomize.
    let index = if index < 0 { index + len } else { index };
    usize::try_from(index).ok()
}

impl<'a> PathTarget<'a> {
    fn get(self) -> Result<Option<&'a Node>, Diagnostic> {
        let PathTarget { within, key, path } = self;
        match within.as_sequence() {
            None => Ok(within.get(&key)),
            Some(items) => {
                let found = index(&key, items.len()).and_then(|at| items.get(at));
                let found = found.ok_or_else(|| bad_index(&key, path, items.len()))?;
                Ok(Some(found))
            }
        }
    }

    fn add(self, value: Option<Node>) -> Result<(), Diagnostic> {
        let PathTarget { within, key, path } = self;
        let Some(items) = within.as_sequence_mut() else {
            return set_key(within, key.into_owned(), value);
        };
        let len = items.len();
        let at = match &*key {
            "-" => Some(len),
            // Relative to the position after the last item, so that -1 appends.
            key => index(key, len + 1).filter(|at| *at <= len),
        };
        let at = at.ok_or_else(|| bad_index(&key, path, len))?;
        items.insert(at, value.unwrap_or_else(Node::null));
        Ok(())
    }

    fn replace(self, value: Option<Node>) -> Result<(), Diagnostic> {
        let PathTarget { within, key, path } = self;
        let Some(items) = within.as_sequence_mut() else {
            return set_key(within, key.into_owned(), value);
        };
        let len = items.len();
        let found = index(&key, len).and_then(|at| items.get_mut(at));
        *found.ok_or_else(|| bad_index(&key, path, len))? = value.unwrap_or_else(Node::null);
        Ok(())
    }

    fn remove(self) -> Result<Node, Diagnostic> {
        let PathTarget { within, key, path } = self;
        if let Some(items) = within.as_sequence_mut() {
            let at = index(&key, items.len()).filter(|at| *at < items.len());
            let at = at.ok_or_else(|| bad_index(&key, path, items.len()))?;
            return Ok(items.remove(at));
        }
        let entry = within.as_mapping_mut().and_then(|it| it.remove(&key));
        entry.map(|it| it.value).ok_or_else(|| {
            let fault = fault(format!("`{path}` does not exist in the object"));
            did_you_mean(fault, within, &key).help("only an existing value can be removed or moved")
        })
    }
}

fn set_key(within: &mut Node, key: String, value: Option<Node>) -> Result<(), Diagnostic> {
    if let Some(entries) = within.as_mapping_mut() {
        entries.insert(key, value.unwrap_or_else(Node::null));
    }
    Ok(())
}

fn bad_index(key: &str, path: &str, len: usize) -> Diagnostic {
    fault(format!(
        "index `{key}` is out of range at `{path}`: the list has {len} items"
    ))
    .help("the index of the first item is 0; use `-` to append")
}

/// The name of the value at a path; in `{name: DB_PASSWORD, value: …}`, it is next to the value.
fn field_name(root: &mut Node, path: &str) -> String {
    let sibling = path
        .strip_suffix("/value")
        .map(|it| format!("{it}/name"))
        .unwrap_or_default();
    let target = target(root, &sibling).ok();
    let name = target.and_then(|it| it.get().ok().flatten()?.as_str().map(str::to_string));
    name.unwrap_or_else(|| path.rsplit('/').next().unwrap_or("").to_string())
}

fn test(found: Option<&Node>, expected: Option<&Node>, name: &str) -> Result<(), Diagnostic> {
    let same = match (
        found.filter(|it| !it.is_null()),
        expected.filter(|it| !it.is_null()),
    ) {
        (None, None) => true,
        (Some(found), Some(expected)) => same(found, expected),
        _ => false,
    };
    if same {
        return Ok(());
    }
    let found = found.map_or("nothing".to_string(), |it| quoted(it, name));
    Err(fault(format!(
        "the test fails: the object contains {found}"
    )))
}

/// Whether two values are equal. Numbers are compared as text.
fn same(found: &Node, expected: &Node) -> bool {
    match (found.view(), expected.view()) {
        (View::Scalar(a), View::Scalar(b)) => match (found.kind(), expected.kind()) {
            (Kind::Int | Kind::Float, Kind::Int | Kind::Float) => {
                // The library compares JSON texts, so `1` and `1.0` differ.
                json_number(found).is_some_and(|it| it == b)
            }
            (Kind::Null, Kind::Null) => true,
            (Kind::Bool, Kind::Bool) => found.as_bool() == expected.as_bool(),
            (a_kind, b_kind) => a_kind == b_kind && a == b,
        },
        (View::Sequence(a), View::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (View::Mapping(a), View::Mapping(b)) => {
            let has = |it: &Entry| {
                let other = it.key.as_str().and_then(|key| b.get(key));
                other.is_some_and(|other| same(&it.value, other))
            };
            a.len() == b.len() && a.iter().all(has)
        }
        _ => false,
    }
}

/// A number in Go's JSON.
fn json_number(node: &Node) -> Option<String> {
    if let Some(value) = node.as_int_wide() {
        return Some(value.to_string());
    }
    let value = node.as_float()?;
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        return Some(if size >= 1.0 {
            text.replace('e', "e+")
        } else {
            text
        });
    }
    Some(value.to_string())
}

/// Whether a text is a whole number that Go also prints as a float without an exponent.
fn is_short_decimal(text: &str) -> bool {
    let digits = text.as_bytes();
    matches!(digits, [b'1'..=b'9', rest @ ..] if rest.len() < 6 && rest.iter().all(u8::is_ascii_digit))
}

/// Converts every number to the nearest float, as in JSON, and every collection to the form of Go's encoder.
fn through_go(node: &mut Node) -> Result<(), Diagnostic> {
    if !node.is_scalar() {
        // Go prints an empty collection in brackets, which sets its style.
        let style = match node.is_empty_collection() {
            true => Style::Flow,
            false => Style::Plain,
        };
        node.set_style(style);
    }
    match node.kind() {
        Kind::Sequence => node
            .as_sequence_mut()
            .into_iter()
            .flatten()
            .try_for_each(through_go),
        Kind::Mapping => {
            let entries = node
                .as_mapping_mut()
                .into_iter()
                .flat_map(Mapping::iter_mut);
            entries.map(|it| &mut it.value).try_for_each(through_go)
        }
        Kind::Int | Kind::Float => {
            let Some(value) = node.as_float() else {
                let message = "a JSON 6902 patch cannot contain infinity or NaN".to_string();
                return Err(fault(message)
                    .at(&*node)
                    .help("use a strategic merge patch"));
            };
            if is_short_decimal(node.as_str().unwrap_or("")) {
                node.set_tag(Tag::Int);
                return Ok(());
            }
            // After JSON, every number is a float64 with its shortest text.
            let text = float_general(value);
            let tag = match resolve(&text) {
                Kind::Int => Tag::Int,
                _ => Tag::Float,
            };
            if node.as_str() == Some(&text) {
                node.set_tag(tag);
            } else {
                *node = Node::scalar(text, Style::Plain, tag).at(node.span());
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
