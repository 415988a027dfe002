//! Constants in templates: numbers, characters and quoted strings.

use crate::go::strconv;
use crate::value::{IntType, Str, Type, UintType, Value};

/// A constant. Its value depends on the expected type.
#[derive(Clone, Debug)]
pub(super) enum Literal {
    Nil,
    Bool(bool),
    Text(Str),
    Number(Number),
}

/// A number in all types that can represent it.
#[derive(Clone, Debug, Default)]
pub(super) struct Number {
    /// The text as written.
    pub(super) text: String,
    int: Option<i64>,
    uint: Option<u64>,
    float: Option<f64>,
    complex: Option<(f64, f64)>,
}

impl Number {
    pub(super) fn from_char(text: &[u8]) -> Result<Number, String> {
        let inner = text.get(1..).unwrap_or(&[]);
        let (unit, rest) = unquote_char(inner, b'\'').ok_or("invalid syntax")?;
        let text = String::from_utf8_lossy(text).into_owned();
        if rest != b"'" {
            return Err(format!("malformed character constant: {text}"));
        }
        let code = match unit {
            Unquoted::Byte(byte) => u32::from(byte),
            Unquoted::Char(c) => u32::from(c),
        };
        Ok(Number {
            text,
            int: Some(i64::from(code)),
            uint: Some(u64::from(code)),
            float: Some(f64::from(code)),
            complex: None,
        })
    }

    pub(super) fn from_complex(text: &[u8]) -> Result<Number, String> {
        let sign = (1..text.len()).rfind(|index| {
            let before = text.get(index - 1);
            matches!(text.get(*index), Some(b'+' | b'-'))
                && !matches!(before, Some(b'e' | b'E' | b'p' | b'P'))
        });
        let parts = sign.and_then(|it| {
            let (real, imaginary) = text.split_at(it);
            let imaginary = imaginary.strip_suffix(b"i")?;
            Some((
                strconv::parse_float(real)?,
                strconv::parse_float(imaginary)?,
            ))
        });
        match parts {
            Some((real, imaginary)) => Ok(Number::complex(text, real, imaginary)),
            None => Err("syntax error scanning complex number".to_string()),
        }
    }

    fn complex(text: &[u8], real: f64, imaginary: f64) -> Number {
        let float = Some(real).filter(|_| imaginary == 0.0);
        Number {
            text: String::from_utf8_lossy(text).into_owned(),
            int: float.and_then(exact_int),
            uint: float.and_then(exact_uint),
            float,
            complex: Some((real, imaginary)),
        }
    }

    pub(super) fn parse(text: &[u8]) -> Result<Number, String> {
        if let Some(imaginary) = text.strip_suffix(b"i").and_then(strconv::parse_float) {
            return Ok(Number::complex(text, 0.0, imaginary));
        }
        let mut number = Number {
            text: String::from_utf8_lossy(text).into_owned(),
            ..Number::default()
        };
        number.uint = strconv::parse_uint(text, 0).ok();
        number.int = strconv::parse_int(text, 0).ok();
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        if let Some(int) = number.int {
            number.float = Some(int as f64);
        } else if let Some(uint) = number.uint {
            number.float = Some(uint as f64);
        } else if let Some(float) = strconv::parse_float(text).filter(|it| it.is_finite()) {
            if !number.text.contains(['.', 'e', 'E', 'p', 'P']) {
                let quoted = strconv::quote(text);
                return Err(format!("integer overflow: {quoted}"));
            }
            number.float = Some(float);
            number.int = exact_int(float);
            number.uint = exact_uint(float);
        } else {
            let quoted = strconv::quote(text);
            return Err(format!("illegal number syntax: {quoted}"));
        }
        Ok(number)
    }

    /// The value without an expected type: the notation determines the type.
    fn ideal(&self) -> Result<Value, String> {
        if let Some((real, imaginary)) = self.complex {
            return Ok(Value::Complex(real, imaginary));
        }
        let text = self.text.as_str();
        let is_hex = text.len() > 2
            && (text.starts_with("0x") || text.starts_with("0X"))
            && !text.contains(['p', 'P']);
        let is_float =
            !is_hex && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P']);
        match (self.float, self.int) {
            (Some(float), _) if is_float => Ok(Value::Float(float)),
            (_, Some(int)) => Ok(Value::int(int)),
            _ => Err(format!("{text} overflows int")),
        }
    }
}

fn exact_int(float: f64) -> Option<i64> {
    let int = float as i64;
    // In Go, a value out of range is converted to the minimum integer.
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float);
    (fits && int as f64 == float).then_some(int)
}

fn exact_uint(float: f64) -> Option<u64> {
    let fits = (0.0..18_446_744_073_709_551_616.0).contains(&float);
    let uint = float as u64;
    (fits && uint as f64 == float).then_some(uint)
}

impl Literal {
    /// The value for a parameter of a type, or Go's message. `text` is the constant as written.
    pub(super) fn for_type(&self, ty: &'static Type, text: &str) -> Result<Value, String> {
        if let Literal::Nil = self {
            return match ty.accepts_nil() {
                true => Ok(Value::zero(ty)),
                false => Err(format!("cannot assign nil to {ty}")),
            };
        }
        match (ty.underlying(), self) {
            (Type::Any | Type::Reflected, _) => self.ideal(),
            (Type::Bool, Literal::Bool(value)) => Ok(Value::Bool(*value)),
            (Type::Bool, _) => Err(format!("expected bool; found {text}")),
            (Type::String, Literal::Text(text)) => Ok(Value::String(text.clone())),
            (Type::String, _) => Err(format!("expected string; found {text}")),
            (Type::Int(kind), Literal::Number(Number { int: Some(int), .. })) => {
                Ok(Value::Int(as_kind(*kind, ty), *int))
            }
            (Type::Int(_), _) => Err(format!("expected integer; found {text}")),
            (
                Type::Uint(kind),
                Literal::Number(Number {
                    uint: Some(uint), ..
                }),
            ) => Ok(Value::Uint(*kind, truncate(*kind, *uint))),
            (Type::Uint(_), _) => Err(format!("expected unsigned integer; found {text}")),
            (
                Type::Float64,
                Literal::Number(Number {
                    float: Some(float), ..
                }),
            ) => Ok(Value::Float(*float)),
            (Type::Float64, _) => Err(format!("expected float; found {text}")),
            (
                Type::Complex128,
                Literal::Number(Number {
                    complex: Some((real, imaginary)),
                    ..
                }),
            ) => Ok(Value::Complex(*real, *imaginary)),
            (Type::Complex128, _) => Err(format!("expected complex; found {text}")),
            _ => Err(format!("can't handle {text} for arg of type {ty}")),
        }
    }

    /// The value if any type is accepted.
    pub(super) fn ideal(&self) -> Result<Value, String> {
        match self {
            Literal::Nil => Err("nil is not a command".to_string()),
            Literal::Bool(value) => Ok(Value::Bool(*value)),
            Literal::Text(text) => Ok(Value::String(text.clone())),
            Literal::Number(number) => number.ideal(),
        }
    }
}

/// The integer type, with its name if it has one.
fn as_kind(kind: IntType, ty: &'static Type) -> IntType {
    match ty.named() {
        Some(named) => IntType::Named(named),
        None => kind,
    }
}

/// An integer truncated to the bits of its type.
fn truncate(kind: UintType, value: u64) -> u64 {
    match kind {
        UintType::Uint8 => value & 0xff,
        UintType::Uint16 => value & 0xffff,
        UintType::Uint32 => value & 0xffff_ffff,
        UintType::Uint | UintType::Uint64 => value,
    }
}

/// The text within quotes, with escapes decoded. `None` if the syntax is invalid in Go.
pub(super) fn unquote(quoted: &[u8]) -> Option<Vec<u8>> {
    if let [b'`', inner @ .., b'`'] = quoted {
        return Some(inner.iter().copied().filter(|it| *it != b'\r').collect());
    }
    let [b'"', inner @ .., b'"'] = quoted else {
        return None;
    };
    if !inner.contains(&b'\\') && std::str::from_utf8(inner).is_ok() {
        return Some(inner.to_vec());
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        let (unit, after) = unquote_char(rest, b'"')?;
        match unit {
            Unquoted::Byte(byte) => out.push(byte),
            Unquoted::Char(c) => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        rest = after;
    }
    Some(out)
}

/// What one character or escape in quotes represents.
enum Unquoted {
    Byte(u8),
    Char(char),
}

fn unquote_char(text: &[u8], quote: u8) -> Option<(Unquoted, &[u8])> {
    let (first, rest) = text.split_first()?;
    if *first == quote {
        return None;
    }
    if *first >= 0x80 {
        let head = text.get(..4).unwrap_or(text);
        let c = head
            .utf8_chunks()
            .next()
            .and_then(|it| it.valid().chars().next());
        let c = c.map_or((char::REPLACEMENT_CHARACTER, 1), |it| (it, it.len_utf8()));
        return Some((Unquoted::Char(c.0), text.get(c.1..)?));
    }
    if *first != b'\\' {
        return Some((Unquoted::Byte(*first), rest));
    }
    let (escape, rest) = rest.split_first()?;
    let byte = match escape {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' => b'\\',
        b'\'' | b'"' if *escape == quote => quote,
        b'x' => {
            let (code, rest) = digits(rest, 2, 16)?;
            return Some((Unquoted::Byte(u8::try_from(code).ok()?), rest));
        }
        b'u' => {
            let (code, rest) = digits(rest, 4, 16)?;
            return Some((Unquoted::Char(char::from_u32(code)?), rest));
        }
        b'U' => {
            let (code, rest) = digits(rest, 8, 16)?;
            return Some((Unquoted::Char(char::from_u32(code)?), rest));
        }
        b'0'..=b'7' => {
            let (code, rest) = digits(text.get(1..)?, 3, 8)?;
            return Some((Unquoted::Byte(u8::try_from(code).ok()?), rest));
        }
        _ => return None,
    };
    Some((Unquoted::Byte(byte), rest))
}

fn digits(text: &[u8], count: usize, radix: u32) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(count)?;
    let mut code: u32 = 0;
    for digit in digits {
        code = code.checked_mul(radix)? + char::from(*digit).to_digit(radix)?;
    }
    Some((code, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_go() {
        let good: [(&[u8], &[u8]); 4] = [
            (b"\"a\\x41\\101\\u2603\\n\"", "aAA☃\n".as_bytes()),
            (b"`a\\n\r\n`", b"a\\n\n"),
            (b"\"\\xff\xff\"", b"\xff\xef\xbf\xbd"),
            (b"\"\"", b""),
        ];
        for (text, expected) in good {
            assert_eq!(unquote(text).as_deref(), Some(expected));
        }
        for text in ["\"\\q\"", "\"\\'\"", "\"\\ud800\"", "\"\\777\"", "\"\\x4\""] {
            assert_eq!(unquote(text.as_bytes()), None, "{text}");
        }
    }
}
