//! Values during evaluation, with what Go's `reflect.Value` knows about them.

use super::MissingKey;
use super::program::quoted;
use crate::value::{Map, Method, Struct, Type, Value};

/// A value and its origin.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// The origin of a value, for Go's reflection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A value of its own type. Nil is the zero `reflect.Value`: there is no value.
    Own,
    /// A value in an `interface {}`: an item of a list or map with items of any type. Nil is a nil interface.
    Boxed,
    /// A field of a struct behind a pointer, so that methods of the pointer type can be called.
    Addressable,
    /// Not a value: the variable is not declared yet.
    Undeclared,
}

impl Slot {
    pub(super) fn own(value: Value) -> Slot {
        Slot {
            value,
            origin: Origin::Own,
        }
    }

    fn of_type(value: Value, ty: &Type) -> Slot {
        let origin = match ty {
            Type::Any => Origin::Boxed,
            _ => Origin::Own,
        };
        Slot { value, origin }
    }

    /// An item of a list or map with this type of items.
    pub(super) fn item(value: Value, ty: &Type) -> Slot {
        Slot::of_type(value, ty)
    }

    pub(super) fn is_boxed(&self) -> bool {
        self.origin == Origin::Boxed
    }

    /// Whether there is no value at all.
    pub(super) fn is_invalid(&self) -> bool {
        matches!(self.value, Value::Nil) && !self.is_boxed()
    }

    fn type_name(&self) -> String {
        match self.is_boxed() {
            true => "interface {}".to_string(),
            false => self.value.type_name(),
        }
    }

    /// The method of the value with a name, if templates can call it.
    pub(super) fn method(&self, name: &[u8]) -> Option<&'static Method> {
        let named = self.value.type_of()?.named()?;
        let by_pointer = match self.value {
            Value::Pointer(_) => true,
            _ => self.origin == Origin::Addressable,
        };
        let mut methods = named.methods.iter();
        methods.find(|it| it.name.as_bytes() == name && (by_pointer || !it.on_pointer))
    }

    /// The field of a struct, or the value of a map's key (Go, `evalField`). Errors: Go's message.
    pub(super) fn field(
        &self,
        name: &[u8],
        has_arguments: bool,
        missing: MissingKey,
    ) -> Result<Slot, String> {
        let name_text = || String::from_utf8_lossy(name);
        let found = match &self.value {
            Value::Nil if !self.is_boxed() => {
                return match missing {
                    MissingKey::Error => {
                        Err(format!("nil data; no entry for key {}", quoted(name)))
                    }
                    _ => Ok(Slot::own(Value::Nil)),
                };
            }
            Value::Nil => {
                return Err(format!(
                    "nil pointer evaluating interface {{}}.{}",
                    name_text()
                ));
            }
            Value::Map(_) if has_arguments => {
                return Err(format!("{} is not a method but has arguments", name_text()));
            }
            Value::Map(map) => return map_entry(map, name, missing),
            Value::Struct(object) | Value::Pointer(object) => {
                self.struct_field(object, &name_text(), has_arguments)?
            }
            _ => None,
        };
        found.ok_or_else(|| {
            let (name, ty) = (name_text(), self.type_name());
            format!("can't evaluate field {name} in type {ty}")
        })
    }

    /// The field of a struct; `None` if it has no such field. Errors: Go's message.
    fn struct_field(
        &self,
        object: &Struct,
        name: &str,
        has_arguments: bool,
    ) -> Result<Option<Slot>, String> {
        let Some(field) = object.ty().field(name) else {
            return Ok(None);
        };
        if object.is_nil() {
            let ty = self.value.type_name();
            return Err(format!("nil pointer evaluating {ty}.{name}"));
        }
        if !field.name.starts_with(char::is_uppercase) {
            let ty = self.type_name();
            return Err(format!(
                "{} is an unexported field of struct type {ty}",
                field.name
            ));
        }
        if has_arguments {
            return Err(format!(
                "{name} has arguments but cannot be invoked as function"
            ));
        }
        let value = object.field(field.name).unwrap_or_default();
        let mut slot = Slot::of_type(value, &field.ty);
        let by_pointer = matches!(self.value, Value::Pointer(_));
        if slot.origin == Origin::Own && (by_pointer || self.origin == Origin::Addressable) {
            slot.origin = Origin::Addressable;
        }
        Ok(Some(slot))
    }

    /// The value as an argument for a parameter of a type (Go, `validateType`). Errors: Go's message.
    pub(super) fn check(&self, ty: &'static Type) -> Result<Value, String> {
        if self.is_invalid() {
            return match ty.accepts_nil() {
                true => Ok(Value::zero(ty)),
                false => Err(format!("invalid value; expected {ty}")),
            };
        }
        if let Some(value) = self.value.assigned_to(ty) {
            return Ok(value);
        }
        if let (Value::Pointer(object), Type::Named(named)) = (&self.value, ty)
            && object.ty().name == named.name
        {
            return match object.is_nil() {
                true => Err(format!("dereference of nil pointer of type {ty}")),
                false => Ok(Value::Struct(object.clone())),
            };
        }
        if let (Value::Struct(object), Type::Pointer(named), Origin::Addressable) =
            (&self.value, ty, self.origin)
            && object.ty().name == named.name
        {
            return Ok(Value::Pointer(object.clone()));
        }
        let own = match &self.value {
            Value::Nil => "interface {}".to_string(),
            value => value.type_name(),
        };
        Err(format!("wrong type for value; expected {ty}; got {own}"))
    }
}

/// The value of a map's key. Errors: Go's message for a missing key.
fn map_entry(map: &Map, key: &[u8], missing: MissingKey) -> Result<Slot, String> {
    let ty = match map.ty().underlying() {
        Type::Map(ty) => ty,
        _ => &Type::Any,
    };
    match (map.get(key), missing) {
        (Some(value), _) => Ok(Slot::of_type(value, ty)),
        (None, MissingKey::Zero) => Ok(Slot::of_type(Value::zero(ty), ty)),
        (None, MissingKey::Invalid) => Ok(Slot::own(Value::Nil)),
        (None, MissingKey::Error) => Err(format!("map has no entry for key {}", quoted(key))),
    }
}
