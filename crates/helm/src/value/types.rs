//! Go types, as far as templates need them: for error messages, `%T` and `typeOf`, and for checking arguments.

use std::fmt;

use super::{Str, Value};
use crate::template::{Context, FunctionError, Signature};

/// A Go type, as Go's reflection describes it.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// The empty interface, `interface {}`.
    Any,
    /// `reflect.Value`: a parameter that accepts anything and distinguishes nil from a missing value. No value has this type.
    Reflected,
    /// The interface `error`, which functions return as their second result.
    Error,
    /// The predeclared type `bool`.
    Bool,
    /// A signed integer of some width.
    Int(IntType),
    /// An unsigned integer of some width.
    Uint(UintType),
    /// The predeclared type `float64`.
    Float64,
    /// The predeclared type `complex128`.
    Complex128,
    /// The predeclared type `string`.
    String,
    /// A slice and the type of its items.
    Slice(&'static Type),
    /// A map from strings, and the type of its values.
    Map(&'static Type),
    /// A pointer to a struct.
    Pointer(&'static NamedType),
    /// The fields of a struct, as underlying type of a named type.
    Struct(&'static [Field]),
    /// A type with a name.
    Named(&'static NamedType),
}

/// The signed integer types.
#[derive(Clone, Copy, Debug)]
pub enum IntType {
    /// Go's `int`, which has 64 bits here.
    Int,
    /// Go's `int8`, from -128 to 127.
    Int8,
    /// Go's `int16`, a signed 16-bit integer.
    Int16,
    /// Go's `int32`, also called `rune`.
    Int32,
    /// Go's `int64`, a signed 64-bit integer.
    Int64,
    /// A named integer, such as `time.Duration`.
    Named(&'static NamedType),
}

/// The unsigned integer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UintType {
    /// Go's `uint`, which has 64 bits here.
    Uint,
    /// Go's `uint8`, also called `byte`.
    Uint8,
    /// Go's `uint16`, an unsigned 16-bit integer.
    Uint16,
    /// Go's `uint32`, an unsigned 32-bit integer.
    Uint32,
    /// Go's `uint64`, an unsigned 64-bit integer.
    Uint64,
}

/// A named type, possibly with methods.
#[derive(Debug)]
pub struct NamedType {
    /// The name with its package, `chartutil.Values`, or the text of an unnamed type, `struct { chart.Metadata; … }`.
    pub name: &'static str,
    /// The type that the named type is defined by.
    pub underlying: Type,
    /// The methods that templates can call.
    pub methods: &'static [Method],
    /// The method `String` or `Error` for printing.
    pub display: Option<Display>,
    /// The method `GoString` for `%#v`.
    pub go_string: Option<fn(&Value) -> Str>,
}

impl NamedType {
    /// A type without methods.
    pub const fn new(name: &'static str, underlying: Type) -> NamedType {
        NamedType {
            name,
            underlying,
            methods: &[],
            display: None,
            go_string: None,
        }
    }

    /// A field of the struct by its name, including those of embedded structs.
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        let Type::Struct(fields) = self.underlying else {
            return None;
        };
        let own = fields.iter().find(|it| it.name == name);
        own.or_else(|| {
            let mut embedded = fields.iter().filter(|it| it.embedded);
            embedded.find_map(|it| it.ty.named()?.field(name))
        })
    }
}

/// The method by which a type prints itself.
#[derive(Clone, Copy, Debug)]
pub struct Display {
    /// The method `String` or `Error`, which `fmt` calls.
    pub text: fn(&Value) -> Str,
    /// Whether only pointers have the method.
    pub on_pointer: bool,
}

/// A field of a struct.
#[derive(Debug)]
pub struct Field {
    /// Its name; for an embedded struct, the name of its type.
    pub name: &'static str,
    /// The Go type of the field.
    pub ty: Type,
    /// The tag for JSON, `name,omitempty`; empty if there is none.
    pub json: &'static str,
    /// Whether it is embedded, so that its fields are directly accessible.
    pub embedded: bool,
}

/// A method that templates can call.
#[derive(Debug)]
pub struct Method {
    /// Its name in templates.
    pub name: &'static str,
    /// Its parameters, without the receiver.
    pub signature: Signature,
    /// Whether only pointers have it.
    pub on_pointer: bool,
    /// The implementation, with the receiver and arguments that match the signature.
    pub call: fn(&mut Context<'_>, &Value, &[Value]) -> Result<Value, FunctionError>,
}

/// The kinds of Go's reflection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of Go")]
pub enum Kind {
    Invalid,
    Bool,
    Int,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float64,
    Complex128,
    Interface,
    Map,
    Pointer,
    Slice,
    String,
    Struct,
}

impl Type {
    /// The underlying type; for an unnamed type, the type itself.
    pub fn underlying(&self) -> &Type {
        match self {
            Type::Named(named) => named.underlying.underlying(),
            other => other,
        }
    }

    /// The kind of the type, as Go's `reflect.Kind`.
    pub fn kind(&self) -> Kind {
        match self {
            Type::Any | Type::Error => Kind::Interface,
            Type::Bool => Kind::Bool,
            Type::Int(ty) => ty.kind(),
            Type::Uint(ty) => ty.kind(),
            Type::Float64 => Kind::Float64,
            Type::Complex128 => Kind::Complex128,
            Type::String => Kind::String,
            Type::Slice(_) => Kind::Slice,
            Type::Map(_) => Kind::Map,
            Type::Pointer(_) => Kind::Pointer,
            Type::Struct(_) | Type::Reflected => Kind::Struct,
            Type::Named(named) => named.underlying.kind(),
        }
    }

    /// Whether a value of this type is assignable to a variable of the other type: the types are equal, or one is unnamed and the
    /// underlying types are equal.
    pub fn assignable_to(&self, target: &Type) -> bool {
        match (self, target) {
            (_, Type::Any | Type::Reflected) => true,
            (Type::Named(_), Type::Named(_)) => self == target,
            (Type::Named(named), Type::Slice(_) | Type::Map(_)) => named.underlying == *target,
            (Type::Slice(_) | Type::Map(_), Type::Named(named)) => named.underlying == *self,
            _ => self == target,
        }
    }

    /// Whether Go's `==` is defined for values of this type.
    pub(crate) fn is_comparable(&self) -> bool {
        match self.underlying() {
            Type::Slice(_) | Type::Map(_) => false,
            Type::Struct(fields) => fields.iter().all(|it| it.ty.is_comparable()),
            _ => true,
        }
    }

    /// Whether nil can be a value of this type.
    pub fn accepts_nil(&self) -> bool {
        match self.kind() {
            Kind::Interface | Kind::Map | Kind::Pointer | Kind::Slice => true,
            _ => matches!(self, Type::Reflected),
        }
    }

    /// The named type, which may have methods.
    pub(crate) fn named(&self) -> Option<&'static NamedType> {
        match self {
            Type::Named(named) | Type::Pointer(named) | Type::Int(IntType::Named(named)) => {
                Some(named)
            }
            _ => None,
        }
    }
}

impl PartialEq for Type {
    fn eq(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Any, Type::Any)
            | (Type::Reflected, Type::Reflected)
            | (Type::Error, Type::Error)
            | (Type::Bool, Type::Bool)
            | (Type::Float64, Type::Float64)
            | (Type::Complex128, Type::Complex128)
            | (Type::String, Type::String) => true,
            (Type::Int(a), Type::Int(b)) => a.kind() == b.kind(),
            (Type::Uint(a), Type::Uint(b)) => a == b,
            (Type::Slice(a), Type::Slice(b)) | (Type::Map(a), Type::Map(b)) => a == b,
            (Type::Pointer(a), Type::Pointer(b)) | (Type::Named(a), Type::Named(b)) => {
                a.name == b.name
            }
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("interface {}"),
            Type::Reflected => f.write_str("reflect.Value"),
            Type::Error => f.write_str("error"),
            Type::Bool => f.write_str("bool"),
            Type::Int(ty) => f.write_str(ty.name()),
            Type::Uint(ty) => f.write_str(ty.name()),
            Type::Float64 => f.write_str("float64"),
            Type::Complex128 => f.write_str("complex128"),
            Type::String => f.write_str("string"),
            Type::Slice(item) => write!(f, "[]{item}"),
            Type::Map(value) => write!(f, "map[string]{value}"),
            Type::Pointer(named) => write!(f, "*{}", named.name),
            Type::Struct(_) => f.write_str("struct"),
            Type::Named(named) => f.write_str(named.name),
        }
    }
}

impl IntType {
    /// The kind of the type, as Go's `reflect.Kind`.
    pub fn kind(self) -> Kind {
        match self {
            IntType::Int => Kind::Int,
            IntType::Int8 => Kind::Int8,
            IntType::Int16 => Kind::Int16,
            IntType::Int32 => Kind::Int32,
            IntType::Int64 => Kind::Int64,
            IntType::Named(named) => named.underlying.kind(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            IntType::Named(named) => named.name,
            other => other.kind().name(),
        }
    }
}

impl UintType {
    /// The kind of the type, as Go's `reflect.Kind`.
    pub fn kind(self) -> Kind {
        match self {
            UintType::Uint => Kind::Uint,
            UintType::Uint8 => Kind::Uint8,
            UintType::Uint16 => Kind::Uint16,
            UintType::Uint32 => Kind::Uint32,
            UintType::Uint64 => Kind::Uint64,
        }
    }

    fn name(self) -> &'static str {
        self.kind().name()
    }
}

impl Kind {
    /// The name of the kind, for `kindOf`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::Bool => "bool",
            Kind::Int => "int",
            Kind::Int8 => "int8",
            Kind::Int16 => "int16",
            Kind::Int32 => "int32",
            Kind::Int64 => "int64",
            Kind::Uint => "uint",
            Kind::Uint8 => "uint8",
            Kind::Uint16 => "uint16",
            Kind::Uint32 => "uint32",
            Kind::Uint64 => "uint64",
            Kind::Float64 => "float64",
            Kind::Complex128 => "complex128",
            Kind::Interface => "interface",
            Kind::Map => "map",
            Kind::Pointer => "ptr",
            Kind::Slice => "slice",
            Kind::String => "string",
            Kind::Struct => "struct",
        }
    }
}
