//! The hash at the end of a generated name.

use sha2::{Digest, Sha256};

use pleach_kube::schema::Schemas;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::{Mapping, Node, Style, Tag, float_general, json_round_trip};

use super::json;
use super::resource::{PreviousId, Resource};
use super::resources::Resources;

/// Appends the hash of its content to the name of each resource with this option. Warnings: `other-hash`.
pub(super) fn append(resources: &mut Resources, schemas: &Schemas) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    if !resources.iter().any(|it| it.needs_hash) {
        return warnings;
    }
    for resource in resources.list_mut().iter_mut().filter(|it| it.needs_hash) {
        warnings.extend(other_hash(resource));
        // After prefix and suffix, as in kustomize: the hash comes last in the name.
        let name = format!("{}-{}", resource.object.name(), hash(resource.node()));
        // References still use the name without the hash, and find the resource by it.
        record_previous_id(resource, schemas);
        resource.set_metadata("name", &name);
    }
    warnings
}

/// For other kinds, kustomize hashes the state of its YAML parser: lines, columns, styles. This is only possible for kinds changed
/// by a patch.
fn other_hash(resource: &Resource) -> Option<Diagnostic> {
    let id = resource.object.id();
    // kustomize encodes other kinds with `json.Marshal` of the whole yaml.Node, with its line and
    // column numbers. They are not reproducible without go-yaml's own parser state.
    let is_usual = matches!(resource.object.kind(), "ConfigMap" | "Secret");
    (!is_usual).then(|| {
        let message = format!("the hash in the name of {id} differs from the one of kustomize");
        Diagnostic::warning("other-hash", message)
            .at(resource.object.span())
            .help("set `options: {disableNameSuffixHash: true}` in the generator, or do not change the kind")
    })
}

/// Adds the current identity to the previous ones, before it changes.
pub(super) fn record_previous_id(resource: &mut Resource, schemas: &Schemas) {
    let object = &resource.object;
    let previous = PreviousId {
        name: object.name().into(),
        namespace: resource.effective_namespace(schemas).into(),
        kind: object.kind().into(),
    };
    resource.previous.push(previous);
}

/// Ten letters and digits for the content. The name is not included, although kustomize intends it: the path with which it looks up
/// the name does not exist.
fn hash(object: &Node) -> String {
    let digest = Sha256::digest(content(object).as_bytes());
    let hex = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    // Ten digits are enough to avoid collisions, and names have at most 253 characters. This is
    // copied from kubectl, as in kustomize.
    hex.take(10).map(digit).collect()
}

/// A hexadecimal digit, replaced if it could form a word.
fn digit(value: u8) -> char {
    match value {
        // Vowels and digits that look like vowels are replaced, so that a name never contains an offensive word. The table is from
        // kubectl.
        0 => 'g',
        1 => 'h',
        3 => 'k',
        10 => 'm',
        14 => 't',
        value => char::from_digit(u32::from(value), 16).unwrap_or('g'),
    }
}

/// A value as Go parses it from JSON: dates are strings, and every number is a float.
fn through_json(node: &Node) -> Node {
    let mut node = node.clone();
    // Values that JSON cannot represent are rejected when printing.
    let _ = json_round_trip(&mut node);
    through_floats(&mut node);
    node
}

fn through_floats(node: &mut Node) {
    if let Some(items) = node.as_sequence_mut() {
        items.iter_mut().for_each(through_floats);
    } else if let Some(entries) = node.as_mapping_mut() {
        entries
            .iter_mut()
            .for_each(|it| through_floats(&mut it.value));
    } else if let Some(value) = node.as_float() {
        // `encoding/json` unmarshals every number into a float64, so large integers lose digits
        // before they are hashed.
        *node = Node::scalar(float_general(value), Style::Plain, Tag::Float);
    }
}

/// The hashed text: the data as JSON, with keys sorted by bytes.
fn content(object: &Node) -> String {
    let empty = || Node::string("");
    // For a scalar, kustomize uses the text regardless of its type, and for a list nothing.
    let field = |name: &str| match object.get(name) {
        Some(node) if node.as_sequence().is_some() => Node::null(),
        Some(node) => node
            .as_str()
            .map_or_else(|| through_json(node), Node::string),
        None => empty(),
    };
    let optional = |name: &str| {
        let field = object.get(name).filter(|it| it.as_mapping().is_some());
        field.map(through_json)
    };
    let kind = object.get("kind").and_then(Node::as_str).unwrap_or("");
    let mut fields = Mapping::from([
        ("kind", Node::string(kind)),
        // Always empty: kustomize reads the name at a path that no object has.
        ("name", empty()),
        ("data", field("data")),
    ]);
    let more = match kind {
        "ConfigMap" => optional("binaryData").map(|it| ("binaryData", it)),
        "Secret" => {
            // The type of a Secret is immutable, so a Secret with another type needs another name.
            fields.insert("type", field("type"));
            optional("stringData").map(|it| ("stringData", it))
        }
        // Reported as `other-hash`. The name is at least stable while the content does not change.
        _ => return json::write(object, None),
    };
    if let Some((name, value)) = more {
        fields.insert(name, value);
    }
    json::write(&Node::mapping(fields), None)
}
