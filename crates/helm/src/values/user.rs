//! The values of a user from files and flags, merged in Helm's order.

use pleach_yaml::tree::TreePath;
use serde_json::{Map, Value as Json};

use super::strvals::{Flag, set, with_floats};
use crate::error::HelmError;
use crate::source::{merge_maps, parse_values};
use crate::{HelmVersion, go::yaml::YamlError};

/// The values files and the arguments of the flags, each in the order given.
#[derive(Clone, Debug, Default)]
pub struct UserValues {
    /// `--values`: names and contents.
    pub files: Vec<ValuesFile>,
    /// `--set-json`, applied after the values files.
    pub set_json: Vec<String>,
    /// `--set`, applied after `--set-json`.
    pub set: Vec<String>,
    /// `--set-string`, applied after `--set`.
    pub set_string: Vec<String>,
    /// `--set-file`, applied after `--set-string`.
    pub set_file: Vec<String>,
    /// `--set-literal`, applied after `--set-file`.
    pub set_literal: Vec<String>,
}

/// A values file of `--values`.
#[derive(Clone, Debug)]
pub struct ValuesFile {
    /// Its name as given by the user, for messages.
    pub name: String,
    /// Its content: YAML or JSON.
    pub content: Vec<u8>,
}

impl UserValues {
    /// All values as one map (Helm, `Options.MergeValues`): files in order, then `--set-json`, `--set`, `--set-string`,
    /// `--set-file` and `--set-literal`, independent of their order on the command line. Nulls are kept, because they remove
    /// defaults of charts later.
    ///
    /// `read` returns the content of a file of `--set-file`. Errors: Helm's message.
    pub fn merged(
        &self,
        version: HelmVersion,
        read: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Map<String, Json>, HelmError> {
        let mut values = Map::new();
        for file in &self.files {
            let path = TreePath::new(file.name.trim_start_matches('/'));
            let path = path.unwrap_or_else(TreePath::root);
            let parsed = parse_values(&file.content, &path, version);
            let parsed = parsed.map_err(|error| cannot_parse(&file.name, error))?;
            merge_maps(&mut values, parsed);
        }
        for argument in &self.set_json {
            set_json(argument, version, &mut values)?;
        }
        let flags = [
            ("set", Flag::Set, &self.set),
            ("set-string", Flag::String, &self.set_string),
            ("set-file", Flag::File(read), &self.set_file),
            ("set-literal", Flag::Literal, &self.set_literal),
        ];
        for (name, flag, arguments) in flags {
            for argument in arguments {
                set(argument, flag, version, &mut values).map_err(|message| {
                    HelmError::new(format!("failed parsing --{name} data: {message}"))
                })?;
            }
        }
        Ok(values)
    }
}

/// Applies an argument of `--set-json`: `key=JSON`, and in Helm 4 also a JSON object, which is merged.
fn set_json(
    argument: &str,
    version: HelmVersion,
    values: &mut Map<String, Json>,
) -> Result<(), HelmError> {
    let trimmed = argument.trim();
    if version == HelmVersion::V4 && trimmed.starts_with('{') {
        return match serde_json::from_str(trimmed).map(with_floats) {
            Ok(Json::Object(map)) => {
                merge_maps(values, map);
                Ok(())
            }
            _ => Err(HelmError::new(format!(
                "failed parsing --set-json data JSON: {argument}"
            ))),
        };
    }
    set(argument, Flag::Json, version, values)
        .map_err(|_| HelmError::new(format!("failed parsing --set-json data {argument}")))
}

fn cannot_parse(name: &str, error: YamlError) -> HelmError {
    HelmError::new(format!("failed to parse {name}: {}", error.message)).at(error.span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(arguments: &[&str]) -> Vec<String> {
        arguments.iter().map(|it| it.to_string()).collect()
    }

    #[test]
    fn flags_are_applied_in_helms_order() {
        let file = |content: &str| ValuesFile {
            name: "v.yaml".to_string(),
            content: content.into(),
        };
        let mut user = UserValues {
            files: vec![
                file("a: file\nb: {c: 1, d: 2}\n"),
                file("b: {c: null, e: 3}\n"),
            ],
            set_literal: texts(&["f=literal"]),
            set_string: texts(&["a=text,f=text"]),
            set: texts(&["a=set,f=set,b.g=4"]),
            set_json: texts(&["a=1,f=1"]),
            ..UserValues::default()
        };
        let none = |_: &str| Err(String::new());
        let merged = |user: &UserValues, version| user.merged(version, &none).map(Json::Object);
        assert_eq!(
            merged(&user, HelmVersion::V3).unwrap().to_string(),
            r#"{"a":"text","b":{"c":null,"d":2.0,"e":3.0,"g":4},"f":"literal"}"#
        );
        user.set_json = texts(&[r#"{"h":{"i":1}}"#]);
        assert!(merged(&user, HelmVersion::V3).is_err());
        let values = merged(&user, HelmVersion::V4).unwrap();
        assert_eq!(values["h"]["i"], Json::from(1.0));
    }

    #[test]
    fn numbers_in_json_are_rounded_as_in_go() {
        let numbers = ["123456789012345678901", "2.2250738585072011e-308"];
        for number in numbers {
            let user = UserValues {
                set_json: vec![format!("a={number}")],
                ..UserValues::default()
            };
            let values = user.merged(HelmVersion::V3, &|_| Err(String::new()));
            assert_eq!(values.unwrap()["a"].as_f64(), number.parse().ok());
        }
    }
}
