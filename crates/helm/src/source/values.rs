//! Parsing and merging of values files.

use pleach_yaml::tree::TreePath;
use serde_json::{Map, Value as Json};

use crate::HelmVersion;
use crate::go::yaml::{YamlError, parse_map};

/// Parses a values file (Helm, `LoadValues`). Helm 3 reads its first document, Helm 4 merges all.
///
/// Errors: Helm's message.
pub(crate) fn parse_values(
    bytes: &[u8],
    path: &TreePath,
    version: HelmVersion,
) -> Result<Map<String, Json>, YamlError> {
    if version == HelmVersion::V3 {
        return parse_map(bytes, path);
    }
    let documents = split_documents(bytes).map_err(|message| YamlError {
        message: format!("error reading yaml document: {message}"),
        span: None,
    })?;
    let parsed = |document: &[u8]| {
        parse_map(document, path).map_err(|error| YamlError {
            message: format!("cannot unmarshal yaml document: {}", error.message),
            span: error.span,
        })
    };
    if let [document] = &*documents {
        return parsed(document);
    }
    let mut values = Map::new();
    for document in documents {
        merge_maps(&mut values, parsed(document)?);
    }
    Ok(values)
}

/// Splits a text at `---` lines, like `YAMLReader` of `k8s.io/apimachinery`. A `---` before the first document belongs to it.
fn split_documents(bytes: &[u8]) -> Result<Vec<&[u8]>, String> {
    let (mut documents, mut start, mut at) = (Vec::new(), 0, 0);
    for line in bytes.split_inclusive(|it| *it == b'\n') {
        let end = at + line.len();
        if let Some(rest) = line.strip_prefix(b"---") {
            let rest = rest.trim_ascii();
            if !rest.is_empty() && !rest.starts_with(b"#") {
                let rest = String::from_utf8_lossy(rest);
                return Err(format!("invalid Yaml document separator: {rest}"));
            }
            if at > start {
                documents.push(bytes.get(start..at).unwrap_or_default());
                start = end;
            }
        }
        at = end;
    }
    if at > start {
        documents.push(bytes.get(start..at).unwrap_or_default());
    }
    Ok(documents)
}

/// Merges one map over another (Helm, `MergeMaps`): maps in both are merged, everything else is replaced, including nulls.
pub(crate) fn merge_maps(base: &mut Map<String, Json>, over: Map<String, Json>) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Json::Object(base)), Json::Object(over)) => merge_maps(base, over),
            (_, value) => _ = base.insert(key, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, version: HelmVersion) -> String {
        match parse_values(text.as_bytes(), &TreePath::root(), version) {
            Ok(map) => Json::Object(map).to_string(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn helm_4_merges_all_documents_and_helm_3_reads_one() {
        let text = "---\na: {b: 1}\n--- # c\na: {c: 2}\nd: null\n";
        assert_eq!(parsed(text, HelmVersion::V3), r#"{"a":{"b":1.0}}"#);
        assert_eq!(
            parsed(text, HelmVersion::V4),
            r#"{"a":{"b":1.0,"c":2.0},"d":null}"#
        );
    }

    #[test]
    fn a_document_that_is_not_a_map_has_the_message_of_go() {
        let message = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}";
        assert_eq!(parsed("- a\n", HelmVersion::V3), message);
        assert_eq!(
            parsed("- a\n", HelmVersion::V4),
            format!("cannot unmarshal yaml document: {message}")
        );
        assert_eq!(
            parsed("a: {b: c\n", HelmVersion::V3),
            "error converting YAML to JSON: yaml: line 1: did not find expected ',' or '}'"
        );
        assert_eq!(
            parsed("a: 1\n--- b\n", HelmVersion::V4),
            "error reading yaml document: invalid Yaml document separator: b"
        );
    }
}
