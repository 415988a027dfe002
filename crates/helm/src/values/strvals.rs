//! The syntax of `--set` and similar flags: `a.b[1]=x,c={d,e}` (Helm, package `strvals`).
//!
//! The syntax of keys is the same for all flags. They differ in the type of values, and `--set-literal` supports neither escapes
//! nor several pairs.

use serde_json::{Map, Number, Value as Json};

use crate::HelmVersion;
use crate::go::strconv::quote;

/// The largest index of a list (Helm, `MaxIndex`).
const INDEX_MAX: usize = 65_536;
/// The maximum number of dots in a key (Helm, `MaxNestedNameLevel`).
const LEVELS_MAX: usize = 30;

/// The flag, which determines the type of values.
#[derive(Clone, Copy)]
pub(crate) enum Flag<'a> {
    /// `--set`: whole numbers, booleans and null are recognized.
    Set,
    /// `--set-string`: all values are strings.
    String,
    /// `--set-json`: values are JSON; numbers are float64.
    Json,
    /// `--set-file`: a value is the content of the file with that name. Errors: the message of the operating system.
    File(&'a dyn Fn(&str) -> Result<String, String>),
    /// `--set-literal`: everything after the first `=` is one string.
    Literal,
}

/// Applies an argument to a map. Errors: Helm's message.
pub(crate) fn set(
    argument: &str,
    flag: Flag<'_>,
    version: HelmVersion,
    values: &mut Map<String, Json>,
) -> Result<(), String> {
    let mut parser = Parser {
        rest: argument,
        flag,
    };
    loop {
        match parser.pair(values, 0) {
            Ok(()) => {}
            Err(Stop::End) => return Ok(()),
            // In Helm 4, any end of the text is the end of the argument.
            Err(Stop::EndInIndex) if version == HelmVersion::V4 => return Ok(()),
            Err(Stop::EndInIndex) => return Err("error parsing index: EOF".to_string()),
            Err(Stop::Fault(message)) => return Err(message),
        }
    }
}

/// The reason why the parser stopped.
enum Stop {
    /// The end of the text at a valid position.
    End,
    /// The end of the text after a `[`.
    EndInIndex,
    Fault(String),
}

type Parsed<T> = Result<T, Stop>;

fn fault<T>(message: String) -> Parsed<T> {
    Err(Stop::Fault(message))
}

struct Parser<'a> {
    rest: &'a str,
    flag: Flag<'a>,
}

impl Parser<'_> {
    /// Reads a key and its value into a map. `level` is the number of dots before the key.
    fn pair(&mut self, map: &mut Map<String, Json>, level: usize) -> Parsed<()> {
        let stops: &[char] = match self.flag {
            Flag::Literal => &['=', '[', '.'],
            _ => &['=', '[', ',', '.'],
        };
        let (key, stop) = self.until(stops);
        match stop {
            None if key.is_empty() => Err(Stop::End),
            None => fault(format!("key {} has no value", quote(key.as_bytes()))),
            Some('[') => self.list(map, key, level),
            Some('=') => self.value(map, key),
            Some(',') => fault(format!(
                "key {} has no value (cannot end with ,)",
                quote(key.as_bytes())
            )),
            Some(_) => self.nested(map, key, level + 1),
        }
    }

    /// Reads the rest of a key after a dot.
    fn nested(&mut self, map: &mut Map<String, Json>, key: String, level: usize) -> Parsed<()> {
        if level > LEVELS_MAX {
            return fault(format!(
                "value name nested level is greater than maximum supported nested level of {LEVELS_MAX}"
            ));
        }
        let mut inner = match map.get_mut(&key) {
            None => Map::new(),
            Some(Json::Object(inner)) => std::mem::take(inner),
            Some(other) => return fault(wrong_type(other, "map[string]interface {}")),
        };
        let result = self.pair(&mut inner, level);
        if result.is_ok() && inner.is_empty() {
            return fault(format!("key map {} has no value", quote(key.as_bytes())));
        }
        if !inner.is_empty() {
            insert(map, key, Json::Object(inner));
        }
        result
    }

    /// Reads the rest of a key after a `[`.
    fn list(&mut self, map: &mut Map<String, Json>, key: String, level: usize) -> Parsed<()> {
        let index = self.index()?;
        let mut list = match map.get_mut(&key) {
            None => Vec::new(),
            Some(Json::Array(list)) => std::mem::take(list),
            Some(other) => return fault(wrong_type(other, "[]interface {}")),
        };
        let result = self.item(&mut list, index, level);
        insert(map, key, Json::Array(list));
        result
    }

    /// Reads an index, up to and including its `]`.
    fn index(&mut self) -> Parsed<i64> {
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            return Err(Stop::EndInIndex);
        }
        let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
        let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
        text.parse().or_else(|_| {
            let message = match is_number {
                true => "value out of range",
                false => "invalid syntax",
            };
            fault(format!(
                "error parsing index: strconv.Atoi: parsing {}: {message}",
                quote(text.as_bytes())
            ))
        })
    }

    /// Reads the rest of a key after `[index]`, and the value (Helm, `listItem`).
    fn item(&mut self, list: &mut Vec<Json>, index: i64, level: usize) -> Parsed<()> {
        if index < 0 {
            return fault(format!("negative {index} index not allowed"));
        }
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let (unexpected, stop) = self.until(&['[', '.', '=']);
        if !unexpected.is_empty() {
            return fault(format!(
                "unexpected data at end of array index: {}",
                quote(unexpected.as_bytes())
            ));
        }
        let value = match stop {
            None => return Err(Stop::End),
            Some('=') => self.item_value()?,
            Some('[') => {
                let next = self.index()?;
                let mut inner = match list.get_mut(at) {
                    None | Some(Json::Null) => Vec::new(),
                    Some(Json::Array(inner)) => std::mem::take(inner),
                    Some(other) => return fault(wrong_type(other, "[]interface {}")),
                };
                let length = inner.len();
                if let Err(stop) = self.item(&mut inner, next, level) {
                    // In Go, changes of existing items remain, but not items that `append` added to a copy of the slice.
                    inner.truncate(length);
                    if let Some(slot) = list.get_mut(at).filter(|_| length > 0) {
                        *slot = Json::Array(inner);
                    }
                    return Err(stop);
                }
                Json::Array(inner)
            }
            Some(_) => {
                let mut inner = match list.get_mut(at) {
                    Some(Json::Object(inner)) => std::mem::take(inner),
                    _ => Map::new(),
                };
                if let Err(stop) = self.pair(&mut inner, level) {
                    if let Some(slot) = list.get_mut(at) {
                        *slot = Json::Object(inner);
                    }
                    return Err(stop);
                }
                Json::Object(inner)
            }
        };
        set_index(list, at, value)
    }

    /// The value of a key, up to the next comma.
    fn value(&mut self, map: &mut Map<String, Json>, key: String) -> Parsed<()> {
        match self.flag {
            Flag::Literal => {
                insert(
                    map,
                    key,
                    Json::String(std::mem::take(&mut self.rest).into()),
                );
                Ok(())
            }
            Flag::Json => {
                let value = self.json()?;
                insert(map, key, value);
                Ok(())
            }
            _ if self.rest.is_empty() => {
                insert(map, key, Json::String(String::new()));
                Err(Stop::End)
            }
            _ => {
                let value = match self.list_value()? {
                    Some(list) => list,
                    None => self.scalar_value()?,
                };
                insert(map, key, value);
                Ok(())
            }
        }
    }

    fn item_value(&mut self) -> Parsed<Json> {
        match self.flag {
            Flag::Literal => Ok(Json::String(std::mem::take(&mut self.rest).into())),
            Flag::Json => self.json(),
            _ if self.rest.is_empty() => Ok(Json::String(String::new())),
            _ => match self.list_value()? {
                Some(list) => Ok(list),
                None => self.scalar_value(),
            },
        }
    }

    fn scalar_value(&mut self) -> Parsed<Json> {
        let (text, _) = self.until(&[',']);
        self.convert(text)
    }

    /// Reads a list such as `{a,b}`; `None` if there is no brace (Helm, `valList`).
    fn list_value(&mut self) -> Parsed<Option<Json>> {
        let Some(rest) = self.rest.strip_prefix('{') else {
            return Ok(None);
        };
        self.rest = rest;
        let mut list = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            if stop.is_none() {
                return fault("list must terminate with '}'".to_string());
            }
            list.push(self.convert(text)?);
            if stop == Some('}') {
                self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                return Ok(Some(Json::Array(list)));
            }
        }
    }

    fn json(&mut self) -> Parsed<Json> {
        if self.skip_space() {
            return Ok(Json::Null);
        }
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Json>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(error)) => return fault(error.to_string()),
            None => return fault("EOF".to_string()),
        };
        let end = values.byte_offset();
        self.rest = self.rest.get(end..).unwrap_or("");
        self.skip_space();
        Ok(with_floats(value))
    }

    /// Skips white space and a following comma; returns whether the value is empty (Helm, `emptyVal`).
    fn skip_space(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(',') {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => self.rest.is_empty(),
        }
    }

    /// Converts the text of a value to the type that the flag determines.
    fn convert(&self, text: String) -> Parsed<Json> {
        match self.flag {
            Flag::Set => Ok(typed_value(text)),
            Flag::File(read) => read(&text).map(Json::String).map_err(Stop::Fault),
            _ => Ok(Json::String(text)),
        }
    }

    /// Reads text with escapes up to one of the characters, which is consumed and returned; `None` at the end of the argument
    /// (Helm, `runesUntil`).
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        let mut chars = self.rest.chars();
        let is_literal = matches!(self.flag, Flag::Literal);
        let stop = loop {
            match chars.next() {
                None => break None,
                Some(c) if stops.contains(&c) => break Some(c),
                Some('\\') if !is_literal => match chars.next() {
                    None => break None,
                    Some(escaped) => text.push(escaped),
                },
                Some(c) => text.push(c),
            }
        };
        self.rest = chars.as_str();
        (text, stop)
    }
}

/// Inserts a value, unless the key is empty.
fn insert(map: &mut Map<String, Json>, key: String, value: Json) {
    if !key.is_empty() {
        map.insert(key, value);
    }
}

fn set_index(list: &mut Vec<Json>, at: usize, value: Json) -> Parsed<()> {
    if at > INDEX_MAX {
        return fault(format!(
            "index of {at} is greater than maximum supported index of {INDEX_MAX}"
        ));
    }
    if list.len() <= at {
        list.resize(at + 1, Json::Null);
    }
    if let Some(slot) = list.get_mut(at) {
        *slot = value;
    }
    Ok(())
}

/// A boolean, null, an integer without leading zeros, or a string (Helm, `typedVal`).
fn typed_value(text: String) -> Json {
    match text.as_str() {
        it if it.eq_ignore_ascii_case("true") => Json::Bool(true),
        it if it.eq_ignore_ascii_case("false") => Json::Bool(false),
        it if it.eq_ignore_ascii_case("null") => Json::Null,
        "0" => Json::from(0),
        it if it.starts_with('0') => Json::String(text),
        it => match it.parse::<i64>() {
            Ok(number) => Json::from(number),
            Err(_) => Json::String(text),
        },
    }
}

/// JSON as Go decodes it: all numbers are float64.
pub(crate) fn with_floats(json: Json) -> Json {
    match json {
        Json::Number(number) => match number.as_f64().and_then(Number::from_f64) {
            Some(number) => Json::Number(number),
            None => Json::Null,
        },
        Json::Array(items) => Json::Array(items.into_iter().map(with_floats).collect()),
        Json::Object(map) => Json::Object(
            map.into_iter()
                .map(|(key, value)| (key, with_floats(value)))
                .collect(),
        ),
        json => json,
    }
}

/// The message of Go's panic if an existing value is not a map or list, as the key requires.
fn wrong_type(found: &Json, expected: &str) -> String {
    let found = match found {
        Json::Null => "nil",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float64",
        Json::Number(_) => "int64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    };
    format!("unable to parse key: interface conversion: interface {{}} is {found}, not {expected}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(argument: &str, flag: Flag<'_>) -> String {
        let mut values = Map::new();
        match set(argument, flag, HelmVersion::V3, &mut values) {
            Ok(()) => Json::Object(values).to_string(),
            Err(message) => message,
        }
    }

    #[track_caller]
    fn typed_is(argument: &str, expected: &str) {
        assert_eq!(parsed(argument, Flag::Set), expected, "{argument}");
    }

    #[test]
    fn values_are_typed_by_their_form() {
        typed_is(
            "i=1,n=-5,f=1.5,t=TRUE,z=null,e=,o=007,big=12345678901234567890,zero=0,plus=+3",
            r#"{"big":"12345678901234567890","e":"","f":"1.5","i":1,"n":-5,"o":"007","plus":3,"t":true,"z":null,"zero":0}"#,
        );
        assert_eq!(
            parsed("a=1,b=true", Flag::String),
            r#"{"a":"1","b":"true"}"#
        );
    }

    #[test]
    fn keys_reach_into_maps_and_lists() {
        typed_is("a.b.c=1,a.b.d=2", r#"{"a":{"b":{"c":1,"d":2}}}"#);
        typed_is("a[2]=x,a[0].b=1", r#"{"a":[{"b":1},null,"x"]}"#);
        typed_is("a[0][1]=x", r#"{"a":[[null,"x"]]}"#);
        typed_is("a={b,2,true},c={}", r#"{"a":["b",2,true],"c":[""]}"#);
        typed_is(r"a\.b=1,c=d\,e", r#"{"a.b":1,"c":"d,e"}"#);
        typed_is("a=b=c", r#"{"a":"b=c"}"#);
        typed_is("=x", "{}");
        typed_is("a.", "{}");
        typed_is("a[0]", r#"{"a":[]}"#);
    }

    #[test]
    fn messages_are_those_of_helm() {
        typed_is("a", "key \"a\" has no value");
        typed_is("a=1,b,c=2", "key \"b\" has no value (cannot end with ,)");
        typed_is("a={b", "list must terminate with '}'");
        typed_is("a[-1]=1", "negative -1 index not allowed");
        typed_is(
            "a[x]=1",
            "error parsing index: strconv.Atoi: parsing \"x\": invalid syntax",
        );
        typed_is("a[0", "error parsing index: EOF");
        typed_is(
            "a[70000]=1",
            "index of 70000 is greater than maximum supported index of 65536",
        );
        typed_is("a[0]x=1", "unexpected data at end of array index: \"x\"");
        typed_is(
            "a=1,a.b=2",
            "unable to parse key: interface conversion: interface {} is int64, not map[string]interface {}",
        );
        typed_is(
            "a=null,a[0]=2",
            "unable to parse key: interface conversion: interface {} is nil, not []interface {}",
        );
    }

    #[test]
    fn changes_before_a_missing_value_remain() {
        typed_is("a={x,y},a[1].k=", r#"{"a":["x",{"k":""}]}"#);
        typed_is("a[0].b=1,a[0].c=", r#"{"a":[{"b":1,"c":""}]}"#);
        typed_is("a[0][0].b=1,a[0][0].c=", r#"{"a":[[{"b":1,"c":""}]]}"#);
    }

    #[test]
    fn json_and_literals_are_taken_as_they_are() {
        assert_eq!(
            parsed(r#"a={"b":[1,2.5,null]} ,c="x,y",d=,e[0]=3"#, Flag::Json),
            r#"{"a":{"b":[1.0,2.5,null]},"c":"x,y","d":null,"e":[3.0]}"#
        );
        assert_eq!(
            parsed(r"a.b=c,d={\e}", Flag::Literal),
            r#"{"a":{"b":"c,d={\\e}"}}"#
        );
    }

    #[test]
    fn files_are_read_by_name() {
        let read = |name: &str| match name {
            "x" => Ok("content\n".to_string()),
            name => Err(format!("open {name}: no such file or directory")),
        };
        assert_eq!(parsed("a=x", Flag::File(&read)), r#"{"a":"content\n"}"#);
        assert_eq!(
            parsed("a=y", Flag::File(&read)),
            "open y: no such file or directory"
        );
    }
}
