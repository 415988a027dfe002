//! Formats a value with a verb (Go, `fmt/print.go`).

use super::integer::Integer;
use crate::value::{List, Map, NamedType, Str, Struct, Type, Value};

/// The flags between `%` and the verb.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) plus_v: bool,
    pub(super) sharp_v: bool,
}

/// Values nested deeper than this are printed as `...`. A map can contain itself, for which Go's stack overflows.
const MAX_DEPTH: usize = 1000;

/// The address that is printed for all pointers, so that the output does not differ between runs.
const ADDRESS: u64 = 0xc0_0001_2000;

/// Prints values into a buffer.
pub(super) struct Printer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) flags: Flags,
    /// Whether it is within `%!verb(…)`, where methods are not called.
    in_error: bool,
}

impl Printer<'_> {
    pub(super) fn new(out: &mut Vec<u8>) -> Printer<'_> {
        Printer {
            out,
            flags: Flags::default(),
            in_error: false,
        }
    }

    pub(super) fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'T') => {
                let name = value.type_name();
                self.text(name.as_bytes(), 's');
            }
            (_, 'p') => self.pointer(value, verb),
            _ => self.value(value, verb, 0),
        }
    }

    /// Writes the error for an invalid verb: `%!d(string=x)`.
    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.in_error = true;
        self.out.extend_from_slice(format!("%!{verb}(").as_bytes());
        if let Value::Nil = value {
            self.out.extend_from_slice(b"<nil>");
        } else {
            self.out.extend_from_slice(value.type_name().as_bytes());
            self.out.push(b'=');
            self.value(value, 'v', 0);
        }
        self.out.push(b')');
        self.in_error = false;
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > MAX_DEPTH {
            return self.out.extend_from_slice(b"...");
        }
        if let Some(named) = value.type_of().and_then(|it| it.named())
            && self.by_method(value, named, verb)
        {
            return;
        }
        match value {
            Value::Bytes(bytes) => self.bytes(bytes, verb, depth),
            Value::List(list) => self.list(list, verb, depth),
            Value::Map(map) => self.map(map, verb, depth),
            Value::Struct(object) => self.structure(object, verb, depth),
            Value::Pointer(object) if depth == 0 && !object.is_nil() => {
                self.out.push(b'&');
                self.value(&Value::Struct(object.clone()), verb, depth + 1);
            }
            Value::Pointer(_) => self.pointer(value, verb),
            scalar if self.scalar(scalar, verb) => {}
            scalar => self.bad_verb(scalar, verb),
        }
    }

    /// Prints a scalar. False if the verb is not valid for its type.
    fn scalar(&mut self, value: &Value, verb: char) -> bool {
        match value {
            // Only an item of a list or a value of a map: an interface without a value, with any verb.
            Value::Nil => {
                let text: &[u8] = if self.flags.sharp_v {
                    b"interface {}(nil)"
                } else {
                    b"<nil>"
                };
                self.out.extend_from_slice(text);
                true
            }
            Value::Bool(value) if matches!(verb, 't' | 'v') => {
                self.pad(if *value { b"true" } else { b"false" });
                true
            }
            Value::Int(_, value) => self.integer(Integer::from(*value), verb),
            Value::Uint(_, value) => self.integer(Integer::from(*value), verb),
            Value::Float(value) => self.float(*value, verb),
            Value::Complex(real, imaginary) => self.complex(*real, *imaginary, verb),
            Value::String(text) => self.text(text, verb),
            _ => false,
        }
    }

    /// Formats by the method `String`, `Error` or `GoString` of the type (Go, `handleMethods`). False if there is none for the
    /// verb.
    fn by_method(&mut self, value: &Value, named: &NamedType, verb: char) -> bool {
        if self.in_error {
            return false;
        }
        let is_pointer = matches!(value, Value::Pointer(_));
        let text: Option<fn(&Value) -> Str> = match named.display {
            _ if self.flags.sharp_v => named.go_string,
            Some(display) if "vsxXq".contains(verb) && (is_pointer || !display.on_pointer) => {
                Some(display.text)
            }
            _ => None,
        };
        let Some(text) = text else {
            return false;
        };
        if is_pointer && value.is_nil() {
            self.out.extend_from_slice(b"<nil>");
        } else if self.flags.sharp_v {
            let sharp_v = std::mem::replace(&mut self.flags.sharp_v, false);
            self.text(&text(value), 's');
            self.flags.sharp_v = sharp_v;
        } else {
            self.text(&text(value), verb);
        }
        true
    }

    fn bytes(&mut self, bytes: &[u8], verb: char, depth: usize) {
        if matches!(verb, 's' | 'q' | 'x' | 'X') {
            self.text(bytes, verb);
            return;
        }
        let (open, close, separator): (&[u8], _, &[u8]) = match (self.flags.sharp_v, depth) {
            (true, 0) => (b"[]byte{", b'}', b", "),
            (true, _) => (b"[]uint8{", b'}', b", "),
            _ => (b"[", b']', b" "),
        };
        self.out.extend_from_slice(open);
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 {
                self.out.extend_from_slice(separator);
            }
            let byte = Value::Uint(crate::value::UintType::Uint8, u64::from(*byte));
            self.value(&byte, verb, depth + 1);
        }
        self.out.push(close);
    }

    fn list(&mut self, list: &List, verb: char, depth: usize) {
        if !self.open(list.ty(), list.is_nil(), b"[") {
            return;
        }
        for (index, item) in list.items().iter().flat_map(|it| it.iter()).enumerate() {
            self.separate(index);
            self.value(item, verb, depth + 1);
        }
        self.close(b']');
    }

    fn map(&mut self, map: &Map, verb: char, depth: usize) {
        if !self.open(map.ty(), map.is_nil(), b"map[") {
            return;
        }
        for (index, (key, value)) in map.entries().iter().flat_map(|it| it.iter()).enumerate() {
            self.separate(index);
            self.value(&Value::String(key.clone()), verb, depth + 1);
            self.out.push(b':');
            self.value(value, verb, depth + 1);
        }
        self.close(b']');
    }

    fn structure(&mut self, object: &Struct, verb: char, depth: usize) {
        if self.flags.sharp_v {
            self.out.extend_from_slice(object.ty().name.as_bytes());
        }
        self.out.push(b'{');
        if let Type::Struct(fields) = object.ty().underlying {
            for (index, (field, value)) in fields.iter().zip(object.fields()).enumerate() {
                self.separate(index);
                if self.flags.plus_v || self.flags.sharp_v {
                    self.out.extend_from_slice(field.name.as_bytes());
                    self.out.push(b':');
                }
                self.value(value, verb, depth + 1);
            }
        }
        self.out.push(b'}');
    }

    /// Writes the beginning of a collection. False if nothing follows, because it is nil in Go syntax.
    fn open(&mut self, ty: &Type, is_nil: bool, plain: &[u8]) -> bool {
        if !self.flags.sharp_v {
            self.out.extend_from_slice(plain);
            return true;
        }
        self.out.extend_from_slice(ty.to_string().as_bytes());
        self.out
            .extend_from_slice(if is_nil { b"(nil)" } else { b"{" });
        !is_nil
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            let separator: &[u8] = if self.flags.sharp_v { b", " } else { b" " };
            self.out.extend_from_slice(separator);
        }
    }

    fn close(&mut self, plain: u8) {
        self.out.push(if self.flags.sharp_v { b'}' } else { plain });
    }

    fn pointer(&mut self, value: &Value, verb: char) {
        let address = match value {
            Value::Bytes(_) | Value::List(_) | Value::Map(_) | Value::Pointer(_) => {
                if value.is_nil() { 0 } else { ADDRESS }
            }
            _ => return self.bad_verb(value, verb),
        };
        match verb {
            'v' if self.flags.sharp_v => {
                let name = value.type_name();
                self.out.extend_from_slice(format!("({name})(").as_bytes());
                match address {
                    0 => self.out.extend_from_slice(b"nil"),
                    address => self.hexadecimal(address, true),
                }
                self.out.push(b')');
            }
            'v' if address == 0 => self.pad(b"<nil>"),
            'v' | 'p' => self.hexadecimal(address, !self.flags.sharp),
            'b' | 'o' | 'd' | 'x' | 'X' => _ = self.integer(Integer::from(address), verb),
            _ => self.bad_verb(value, verb),
        }
    }
}
