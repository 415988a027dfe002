//! Values of templates: Go's dynamic values with their Go types.
//!
//! A [`Value`] is cheap to clone. Maps and lists are shared, as in Go: a change through one handle is visible through all.

mod collections;
mod text;
mod types;

pub use collections::{Entries, List, Map, Struct};
pub use text::Str;
pub use types::{Display, Field, IntType, Kind, Method, NamedType, Type, UintType};

/// A value in Go's templates, with its Go type, including nil.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// A nil interface, or no value at all.
    #[default]
    Nil,
    /// A `bool`, or a named type of it.
    Bool(bool),
    /// A signed integer. [`Value::int`] and [`Value::int64`] create the common ones.
    Int(IntType, i64),
    /// An unsigned integer of the given width.
    Uint(UintType, u64),
    /// A `float64`, the type of every number in a values file.
    Float(f64),
    /// A `complex128`, which only literals of templates can create.
    Complex(f64, f64),
    /// `string`: bytes that need not be UTF-8.
    String(Str),
    /// A `[]byte`, which `.Files.GetBytes` returns.
    Bytes(Str),
    /// A slice of any other type; it may be nil.
    List(List),
    /// A map with string keys; it may be nil.
    Map(Map),
    /// A struct, or a pointer to one, such as `.Chart` and `.Capabilities`.
    Struct(Struct),
    /// A pointer to a struct; it may be nil.
    Pointer(Struct),
}

const _: () = assert!(size_of::<Value>() == 24);

impl Value {
    /// An `int`, the type of number literals in templates.
    pub fn int(value: i64) -> Value {
        Value::Int(IntType::Int, value)
    }

    /// An `int64`, the result type of sprig's arithmetic.
    pub fn int64(value: i64) -> Value {
        Value::Int(IntType::Int64, value)
    }

    /// A `uint64`, the widest unsigned integer.
    pub fn uint64(value: u64) -> Value {
        Value::Uint(UintType::Uint64, value)
    }

    /// A `string`, which need not be UTF-8.
    pub fn string(text: impl Into<Str>) -> Value {
        Value::String(text.into())
    }

    /// A `[]interface {}`, the type of lists in values files.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(List::new(items))
    }

    /// A `[]string`, the result type of functions that split text.
    pub fn strings<T: Into<Str>>(items: impl IntoIterator<Item = T>) -> Value {
        Value::List(List::strings(items))
    }

    /// A `map[string]interface {}`, the type of maps in values files.
    pub fn map(entries: impl IntoIterator<Item = (Str, Value)>) -> Value {
        Value::Map(Map::new(entries.into_iter().collect()))
    }

    /// The Go type; `None` for nil, which has none.
    pub fn type_of(&self) -> Option<Type> {
        Some(match self {
            Value::Nil => return None,
            Value::Bool(_) => Type::Bool,
            Value::Int(IntType::Named(named), _) => Type::Named(named),
            Value::Int(ty, _) => Type::Int(*ty),
            Value::Uint(ty, _) => Type::Uint(*ty),
            Value::Float(_) => Type::Float64,
            Value::Complex(..) => Type::Complex128,
            Value::String(_) => Type::String,
            Value::Bytes(_) => Type::Slice(&Type::Uint(UintType::Uint8)),
            Value::List(list) => *list.ty(),
            Value::Map(map) => *map.ty(),
            Value::Struct(object) => Type::Named(object.ty()),
            Value::Pointer(object) => Type::Pointer(object.ty()),
        })
    }

    /// The name of the Go type; `<nil>` for nil.
    pub fn type_name(&self) -> String {
        match self.type_of() {
            Some(ty) => ty.to_string(),
            None => "<nil>".to_string(),
        }
    }

    /// The kind in Go's reflection; [`Kind::Invalid`] for nil.
    pub fn kind(&self) -> Kind {
        self.type_of().map_or(Kind::Invalid, |it| it.kind())
    }

    /// Whether it is nil, or a nil map, slice or pointer.
    pub fn is_nil(&self) -> bool {
        match self {
            Value::Nil => true,
            Value::List(list) => list.is_nil(),
            Value::Map(map) => map.is_nil(),
            Value::Pointer(object) => object.is_nil(),
            _ => false,
        }
    }

    /// Whether the value is true for `if`: not the zero value of its type, and not empty. Structs are always true.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(_, value) => *value != 0,
            Value::Uint(_, value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Value::String(text) | Value::Bytes(text) => !text.is_empty(),
            Value::List(list) => !list.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Struct(_) => true,
            Value::Pointer(object) => !object.is_nil(),
        }
    }

    /// The text of a `string`.
    pub fn as_str(&self) -> Option<&Str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The map, of any type.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, of any type except `[]byte`.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The value after assignment to a variable of type `target`: a named map becomes a plain one that shares its entries. `None`
    /// if the types are not assignable in Go.
    pub fn assigned_to(&self, target: &'static Type) -> Option<Value> {
        if let Type::Any | Type::Reflected = target {
            return Some(self.clone());
        }
        let own = self.type_of()?;
        if own == *target {
            return Some(self.clone());
        }
        if !own.assignable_to(target) {
            return None;
        }
        Some(match self {
            Value::Map(map) => Value::Map(map.retyped(target)),
            Value::List(list) => Value::List(list.retyped(target)),
            _ => self.clone(),
        })
    }

    /// The zero value of a type: nil for interfaces, and for structs, which templates cannot create.
    pub fn zero(ty: &'static Type) -> Value {
        match ty.underlying() {
            Type::Bool => Value::Bool(false),
            Type::Int(kind) => Value::Int(*kind, 0),
            Type::Uint(kind) => Value::Uint(*kind, 0),
            Type::Float64 => Value::Float(0.0),
            Type::Complex128 => Value::Complex(0.0, 0.0),
            Type::String => Value::from(""),
            Type::Slice(Type::Uint(UintType::Uint8)) => Value::Bytes(Str::default()),
            Type::Slice(_) => Value::List(List::nil(ty)),
            Type::Map(_) => Value::Map(Map::nil(ty)),
            Type::Pointer(named) => Value::Pointer(Struct::nil(named)),
            Type::Any | Type::Reflected | Type::Error | Type::Struct(_) | Type::Named(_) => {
                Value::Nil
            }
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Float(value)
    }
}

impl From<Str> for Value {
    fn from(text: Str) -> Value {
        Value::String(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text.into())
    }
}
