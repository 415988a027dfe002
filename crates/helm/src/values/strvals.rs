//! The syntax of `--set` and similar flags: `a.b[1]=x,c={d,e}`.
//!
//! The syntax of keys is the same for all flags. They differ in the type of values, and `--set-literal` supports neither escapes
//! nor several pairs.

use serde_json::{Map, Number, Value as Json};

use crate::HelmVersion;
use crate::go::strconv::quote;

/// The largest index of a list.
const INDEX_MAX: usize = 65_536;
/// The maximum number of dots in a key.
const LEVELS_MAX: usize = 30;

#[derive(Clone, Copy)]
pub(crate) enum Form<'a> {
    /// `--set`: whole numbers, booleans and null are recognized.
    Typed,
    Text,
    /// `--set-json`: numbers are float64.
    Json,
    /// `--set-file`: the content of the file with that name. Errors: the message of the system.
    File(&'a dyn Fn(&str) -> Result<String, String>),
    Literal,
}

/// Applies an argument to a map. Errors: Helm's message.
pub(crate) fn set(
    argument: &str,
    form: Form<'_>,
    version: HelmVersion,
    values: &mut Map<String, Json>,
) -> Result<(), String> {
    let mut parser = Parser {
        rest: argument,
        form,
    };
    loop {
        match parser.key(values, 0) {
            Ok(()) => {}
            Err(Stop::End) => return Ok(()),
            // In Helm 4, any end of the text is the end of the argument.
            Err(Stop::EndInIndex) if version == HelmVersion::V4 => return Ok(()),
            Err(Stop::EndInIndex) => return Err("error parsing index: EOF".to_string()),
            Err(Stop::Fault(words)) => return Err(words),
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

fn fault<T>(words: String) -> Parsed<T> {
    Err(Stop::Fault(words))
}

struct Parser<'a> {
    rest: &'a str,
    form: Form<'a>,
}

impl Parser<'_> {
    /// Reads a key and its value into a map.
    fn key(&mut self, map: &mut Map<String, Json>, level: usize) -> Parsed<()> {
        let stops: &[char] = match self.form {
            Form::Literal => &['=', '[', '.'],
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
        let result = self.key(&mut inner, level);
        if result.is_ok() && inner.is_empty() {
            return fault(format!("key map {} has no value", quote(key.as_bytes())));
        }
        if !inner.is_empty() {
            insert(map, key, Json::Object(inner));
        }
        result
    }

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

    fn index(&mut self) -> Parsed<i64> {
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            return Err(Stop::EndInIndex);
        }
        let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
        let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
        text.parse().or_else(|_| {
            let words = match is_number {
                true => "value out of range",
                false => "invalid syntax",
            };
            fault(format!(
                "error parsing index: strconv.Atoi: parsing {}: {words}",
                quote(text.as_bytes())
            ))
        })
    }

    fn item(&mut self, list: &mut Vec<Json>, index: i64, level: usize) -> Parsed<()> {
        if index < 0 {
            return fault(format!("negative {index} index not allowed"));
        }
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let (key, stop) = self.until(&['[', '.', '=']);
        if !key.is_empty() {
            return fault(format!(
                "unexpected data at end of array index: {}",
                quote(key.as_bytes())
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
                    // Changes in place are kept, also at the end of the text.
                    inner.truncate(length);
                    if let Some(known) = list.get_mut(at).filter(|_| length > 0) {
                        *known = Json::Array(inner);
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
                if let Err(stop) = self.key(&mut inner, level) {
                    if let Some(known) = list.get_mut(at) {
                        *known = Json::Object(inner);
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
        match self.form {
            Form::Literal => {
                insert(
                    map,
                    key,
                    Json::String(std::mem::take(&mut self.rest).into()),
                );
                Ok(())
            }
            Form::Json => {
                let value = self.json()?;
                insert(map, key, value);
                Ok(())
            }
            _ if self.rest.is_empty() => {
                insert(map, key, Json::String(String::new()));
                Err(Stop::End)
            }
            _ => {
                let value = match self.braces()? {
                    Some(list) => list,
                    None => self.single()?,
                };
                insert(map, key, value);
                Ok(())
            }
        }
    }

    fn item_value(&mut self) -> Parsed<Json> {
        match self.form {
            Form::Literal => Ok(Json::String(std::mem::take(&mut self.rest).into())),
            Form::Json => self.json(),
            _ if self.rest.is_empty() => Ok(Json::String(String::new())),
            _ => match self.braces()? {
                Some(list) => Ok(list),
                None => self.single(),
            },
        }
    }

    fn single(&mut self) -> Parsed<Json> {
        let (text, _) = self.until(&[',']);
        self.converted(text)
    }

    fn braces(&mut self) -> Parsed<Option<Json>> {
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
            list.push(self.converted(text)?);
            if stop == Some('}') {
                self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                return Ok(Some(Json::Array(list)));
            }
        }
    }

    fn json(&mut self) -> Parsed<Json> {
        if self.skip_blanks() {
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
        self.skip_blanks();
        Ok(with_floats(value))
    }

    /// Skips white space and a following comma; returns whether there is nothing else before the comma or the end.
    fn skip_blanks(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(',') {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => self.rest.is_empty(),
        }
    }

    fn converted(&self, text: String) -> Parsed<Json> {
        match self.form {
            Form::Typed => Ok(typed(text)),
            Form::File(read) => read(&text).map(Json::String).map_err(Stop::Fault),
            _ => Ok(Json::String(text)),
        }
    }

    /// The text up to a character, which is also consumed, with escapes decoded; without a character at the end of the argument.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        let mut chars = self.rest.chars();
        let is_literal = matches!(self.form, Form::Literal);
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
    if let Some(location) = list.get_mut(at) {
        *location = value;
    }
    Ok(())
}

fn typed(text: String) -> Json {
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

/// Go's panic if a value has a type other than the key requires.
fn wrong_type(found: &Json, wanted: &str) -> String {
    let found = match found {
        Json::Null => "nil",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float64",
        Json::Number(_) => "int64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    };
    format!("unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(argument: &str, form: Form<'_>) -> String {
        let mut values = Map::new();
        match set(argument, form, HelmVersion::V3, &mut values) {
            Ok(()) => Json::Object(values).to_string(),
            Err(words) => words,
        }
    }

    #[track_caller]
    fn typed_is(argument: &str, expected: &str) {
        assert_eq!(parsed(argument, Form::Typed), expected, "{argument}");
    }

    #[test]
    fn values_have_the_types_that_they_look_like() {
        typed_is(
            "i=1,n=-5,f=1.5,t=TRUE,z=null,e=,o=007,big=12345678901234567890,zero=0,plus=+3",
            r#"{"big":"12345678901234567890","e":"","f":"1.5","i":1,"n":-5,"o":"007","plus":3,"t":true,"z":null,"zero":0}"#,
        );
        assert_eq!(parsed("a=1,b=true", Form::Text), r#"{"a":"1","b":"true"}"#);
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
    fn faults_have_helms_words() {
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
    fn what_an_argument_changes_before_its_end_stays() {
        typed_is("a={x,y},a[1].k=", r#"{"a":["x",{"k":""}]}"#);
        typed_is("a[0].b=1,a[0].c=", r#"{"a":[{"b":1,"c":""}]}"#);
        typed_is("a[0][0].b=1,a[0][0].c=", r#"{"a":[[{"b":1,"c":""}]]}"#);
    }

    #[test]
    fn json_and_literals_are_taken_as_they_are() {
        assert_eq!(
            parsed(r#"a={"b":[1,2.5,null]} ,c="x,y",d=,e[0]=3"#, Form::Json),
            r#"{"a":{"b":[1.0,2.5,null]},"c":"x,y","d":null,"e":[3.0]}"#
        );
        assert_eq!(
            parsed(r"a.b=c,d={\e}", Form::Literal),
            r#"{"a":{"b":"c,d={\\e}"}}"#
        );
    }

    #[test]
    fn files_are_read_by_name() {
        let read = |name: &str| match name {
            "x" => Ok("content\n".to_string()),
            name => Err(format!("open {name}: no such file or directory")),
        };
        assert_eq!(parsed("a=x", Form::File(&read)), r#"{"a":"content\n"}"#);
        assert_eq!(
            parsed("a=y", Form::File(&read)),
            "open y: no such file or directory"
        );
    }
}
