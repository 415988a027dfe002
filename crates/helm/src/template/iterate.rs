//! `range`: iteration over values.

use super::slot::Slot;
use crate::fmt::format_value;
use crate::value::{IntType, List, Str, Type, UintType, Value};

/// A loop and its state.
pub(super) struct Loop {
    /// The dot outside the loop.
    pub(super) dot: Slot,
    items: Items,
    next: usize,
}

enum Items {
    List(List, usize),
    Bytes(Str),
    Map(std::vec::IntoIter<(Str, Value)>, &'static Type),
    Int(IntType, usize),
    Uint(UintType, usize),
}

impl Loop {
    /// A loop over a value; `None` if it is empty. With two variables (`two`), iterating over a number is an error.
    ///
    /// Errors: Go's message.
    pub(super) fn new(value: Value, dot: Slot, two: bool) -> Result<Option<Loop>, String> {
        let number = |count: Option<usize>| match two {
            true => Err(format!(
                "can't use {} to iterate over more than one variable",
                format_value(&value)
            )),
            false => Ok(count.unwrap_or(0)),
        };
        let items = match &value {
            Value::Int(ty, count) => Items::Int(*ty, number(usize::try_from(*count).ok())?),
            Value::Uint(ty, count) => Items::Uint(*ty, number(usize::try_from(*count).ok())?),
            Value::List(list) => Items::List(list.clone(), list.len()),
            Value::Bytes(bytes) => Items::Bytes(bytes.clone()),
            Value::Map(map) => {
                let ty = match map.ty().underlying() {
                    Type::Map(ty) => ty,
                    _ => &Type::Any,
                };
                Items::Map(map.snapshot().into_iter(), ty)
            }
            Value::Nil => return Ok(None),
            _ => return Err(format!("range can't iterate over {}", format_value(&value))),
        };
        let is_empty = match &items {
            Items::List(_, count) | Items::Int(_, count) | Items::Uint(_, count) => *count == 0,
            Items::Bytes(bytes) => bytes.is_empty(),
            Items::Map(entries, _) => entries.len() == 0,
        };
        let range = Loop {
            dot,
            items,
            next: 0,
        };
        Ok((!is_empty).then_some(range))
    }

    /// The next key or index, and the item.
    pub(super) fn next(&mut self) -> Option<(Slot, Slot)> {
        let index = self.next;
        self.next += 1;
        let number = i64::try_from(index).unwrap_or(i64::MAX);
        let key = Slot::own(Value::int(number));
        match &mut self.items {
            Items::List(list, count) => {
                let item = list.get(index).filter(|_| index < *count)?;
                Some((key, Slot::item(item, list.item_type())))
            }
            Items::Bytes(bytes) => {
                let byte = u64::from(*bytes.get(index)?);
                Some((key, Slot::own(Value::Uint(UintType::Uint8, byte))))
            }
            Items::Map(entries, ty) => {
                let (key, value) = entries.next()?;
                Some((Slot::own(Value::String(key)), Slot::item(value, ty)))
            }
            Items::Int(ty, count) => {
                (index < *count).then(|| (key, Slot::own(Value::Int(*ty, number))))
            }
            Items::Uint(ty, count) => {
                (index < *count).then(|| (key, Slot::own(Value::Uint(*ty, index as u64))))
            }
        }
    }
}
