//! The fields of a document that Helm reads (Helm, `SimpleHead`): kind, name and annotations.

use pleach_yaml::Node;
use pleach_yaml::tree::TreePath;
use serde_json::{Map, Value as Json};

use crate::HelmVersion;
use crate::go::decode::{Field, Shape, Struct, decode};
use crate::go::yaml::{YamlError, parse};

/// The identity and annotations of a document; missing fields are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `apiVersion`; empty if it is missing.
    pub api_version: String,
    /// `kind`; empty if it is missing.
    pub kind: String,
    /// `metadata.name`; empty if it is missing.
    pub name: String,
    /// `metadata.annotations` in the order of the document.
    pub annotations: Vec<(String, String)>,
}

impl Head {
    /// The value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        let found = self.annotations.iter().find(|it| it.0 == name);
        found.map(|it| it.1.as_str())
    }
}

const METADATA: Struct = Struct {
    name: "",
    fields: &[
        Field {
            name: "name",
            shape: Shape::Text,
            go_type: "string",
        },
        Field {
            name: "annotations",
            shape: Shape::Map(&Shape::Text),
            go_type: "map[string]string",
        },
    ],
};

const HEAD: Struct = Struct {
    name: "SimpleHead",
    fields: &[
        Field {
            name: "apiVersion",
            shape: Shape::Text,
            go_type: "string",
        },
        Field {
            name: "kind",
            shape: Shape::Text,
            go_type: "string",
        },
        Field {
            name: "metadata",
            shape: Shape::Struct(&METADATA),
            go_type: "struct { Name string \"json:\\\"name\\\"\"; Annotations map[string]string \"json:\\\"annotations\\\"\" }",
        },
    ],
};

/// Parses a document. Its node is `None` if it only contains comments. `path` is its file, for spans.
///
/// Errors: Go's message for invalid YAML, a value that is not a map, or a field with a wrong type.
pub(crate) fn read_head(
    document: &str,
    path: &TreePath,
    version: HelmVersion,
) -> Result<(Head, Option<Node>), YamlError> {
    let node = parse(document.as_bytes(), path)?;
    let decoded = decode(node.as_ref(), &HEAD, "releaseutil.SimpleHead");
    let mut head = decoded.map_err(|error| YamlError {
        message: version.go_types(&error.message),
        ..error
    })?;
    let mut metadata = match head.remove("metadata") {
        Some(Json::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    let annotations = match metadata.remove("annotations") {
        Some(Json::Object(annotations)) => annotations,
        _ => Map::new(),
    };
    let found = Head {
        api_version: text(head.remove("apiVersion")),
        kind: text(head.remove("kind")),
        name: text(metadata.remove("name")),
        annotations: annotations
            .into_iter()
            .map(|(key, value)| (key, text(Some(value))))
            .collect(),
    };
    Ok((found, node))
}

fn text(json: Option<Json>) -> String {
    match json {
        Some(Json::String(text)) => text,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> Result<Head, String> {
        let read = read_head(document, &TreePath::root(), HelmVersion::V3);
        read.map(|it| it.0).map_err(|it| it.message)
    }

    #[test]
    fn numbers_and_booleans_become_text() {
        let head = read("kind: 1\nmetadata: {name: 0x10, annotations: {a: yes, b: 1.50, c: null}}")
            .unwrap();
        assert_eq!((&*head.kind, &*head.name), ("1", "16"));
        let annotation = |name| head.annotation(name).map(str::to_string);
        assert_eq!(annotation("a").as_deref(), Some("true"));
        assert_eq!(annotation("b").as_deref(), Some("1.5"));
        assert_eq!(annotation("c").as_deref(), Some(""));
        assert_eq!(read("Kind: A\nkind: B\n").unwrap().kind, "B");
        assert_eq!(read("# nothing\n").unwrap(), Head::default());
    }

    #[test]
    fn messages_are_those_of_go() {
        let unmarshal = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal";
        let convert = "error converting YAML to JSON:";
        for (document, expected) in [
            (
                "- a",
                format!("{unmarshal} array into Go value of type releaseutil.SimpleHead"),
            ),
            (
                "metadata: {name: {a: 1}}",
                format!("{unmarshal} object into Go struct field .metadata.name of type string"),
            ),
            (
                "kind: [a]",
                format!("{unmarshal} array into Go struct field SimpleHead.kind of type string"),
            ),
            (
                "metadata: {annotations: {a: {b: 1}}}",
                format!(
                    "{unmarshal} object into Go struct field .metadata.annotations of type string"
                ),
            ),
            (
                "b: !!int x",
                format!("{convert} yaml: cannot decode !!str `x` as a !!int"),
            ),
            (
                "a: *b",
                format!("{convert} yaml: unknown anchor 'b' referenced"),
            ),
            (
                "a: .inf",
                format!("{convert} json: unsupported value: +Inf"),
            ),
            (
                "? [a]\n: b",
                format!("{convert} yaml: invalid map key: []interface {{}}{{\"a\"}}"),
            ),
            (
                "a: &x {<<: *x}",
                format!("{convert} yaml: anchor 'x' value contains itself"),
            ),
            (
                "<<: 1",
                format!("{convert} yaml: map merge requires map or sequence of maps as the value"),
            ),
            (
                "a: [map[b:[c] d:{e}]]",
                format!("{convert} yaml: did not find expected ',' or ']'"),
            ),
            (
                "a: 'x",
                format!("{convert} yaml: found unexpected end of stream"),
            ),
            (
                "null: x",
                format!(
                    "{convert} unsupported map key of type: %!s(<nil>), key: <nil>, value: \"x\""
                ),
            ),
            (
                "a: b: c",
                format!("{convert} yaml: mapping values are not allowed in this context"),
            ),
            (
                "a:\n\t- b",
                format!("{convert} yaml: line 2: found character that cannot start any token"),
            ),
        ] {
            assert_eq!(read(document), Err(expected), "{document}");
        }
    }
}
