//! Maps, slices and structs. A handle has its own type and shares its contents with other handles.

use std::any::Any;
use std::cell::{Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::{NamedType, Str, Type, Value};

/// The entries of a map, sorted by bytes of the keys, as Go's templates iterate over and print them.
pub type Entries = BTreeMap<Str, Value>;

static ANY_MAP: Type = Type::Map(&Type::Any);
static ANY_LIST: Type = Type::Slice(&Type::Any);
static STRING_LIST: Type = Type::Slice(&Type::String);

/// A map with string keys. Clones share the entries.
#[derive(Clone)]
pub struct Map {
    ty: &'static Type,
    entries: Option<Rc<RefCell<Entries>>>,
}

impl Map {
    /// A `map[string]interface {}` with these entries.
    pub fn new(entries: Entries) -> Map {
        Map::with_type(&ANY_MAP, entries)
    }

    /// A map of the given type.
    pub fn with_type(ty: &'static Type, entries: Entries) -> Map {
        Map {
            ty,
            entries: Some(Rc::new(RefCell::new(entries))),
        }
    }

    /// The nil map of a type.
    pub fn nil(ty: &'static Type) -> Map {
        Map { ty, entries: None }
    }

    /// The Go type of the map, with the types of keys and values.
    pub fn ty(&self) -> &'static Type {
        self.ty
    }

    /// Whether its type is `map[string]interface {}`, and not a named type.
    pub fn is_plain(&self) -> bool {
        *self.ty == ANY_MAP
    }

    /// The same entries with another type.
    pub fn retyped(&self, ty: &'static Type) -> Map {
        Map {
            ty,
            entries: self.entries.clone(),
        }
    }

    /// Whether it is the nil map.
    pub fn is_nil(&self) -> bool {
        self.entries.is_none()
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, |it| it.borrow().len())
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries.as_ref()?.borrow().get(key).cloned()
    }

    /// Whether the key exists.
    pub fn contains_key(&self, key: &[u8]) -> bool {
        let entries = self.entries.as_ref();
        entries.is_some_and(|it| it.borrow().contains_key(key))
    }

    /// Sets a key, visible through all handles. False for the nil map, for which Go panics with `assignment to entry in nil map`.
    #[must_use]
    pub fn insert(&self, key: impl Into<Str>, value: Value) -> bool {
        match &self.entries {
            Some(entries) => {
                entries.borrow_mut().insert(key.into(), value);
                true
            }
            None => false,
        }
    }

    /// Removes a key, visible through all handles.
    pub fn remove(&self, key: &[u8]) -> Option<Value> {
        self.entries.as_ref()?.borrow_mut().remove(key)
    }

    /// The keys in the order of `range`, sorted by bytes.
    pub fn keys(&self) -> Vec<Str> {
        let entries = self.entries.as_ref();
        entries.map_or_else(Vec::new, |it| it.borrow().keys().cloned().collect())
    }

    /// A sorted copy of the entries, so that changes during iteration are harmless.
    pub fn snapshot(&self) -> Vec<(Str, Value)> {
        let entries = self.entries.as_ref();
        entries.map_or_else(Vec::new, |it| {
            let entries = it.borrow();
            entries
                .iter()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        })
    }

    /// Borrows the entries; `None` for the nil map. The map must not change meanwhile.
    pub fn entries(&self) -> Option<Ref<'_, Entries>> {
        self.entries.as_ref().map(|it| it.borrow())
    }

    /// Borrows the entries mutably; `None` for the nil map. The map must not be read meanwhile.
    pub fn entries_mut(&self) -> Option<RefMut<'_, Entries>> {
        self.entries.as_ref().map(|it| it.borrow_mut())
    }

    /// Whether both share their entries.
    pub fn same_as(&self, other: &Map) -> bool {
        match (&self.entries, &other.entries) {
            (Some(a), Some(b)) => Rc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }

    /// The address of the entries, which identifies them during their lifetime; 0 for the nil map.
    pub fn address(&self) -> usize {
        let entries = self.entries.as_ref();
        entries.map_or(0, |it| Rc::as_ptr(it).addr())
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A map may contain itself, so the entries are not shown.
        write!(f, "{}(len {})", self.ty, self.len())
    }
}

/// A slice. Clones share the items.
#[derive(Clone)]
pub struct List {
    ty: &'static Type,
    items: Option<Rc<RefCell<Vec<Value>>>>,
}

impl List {
    /// A `[]interface {}` with these items.
    pub fn new(items: Vec<Value>) -> List {
        List::with_type(&ANY_LIST, items)
    }

    /// A `[]string` with these items.
    pub fn strings<T: Into<Str>>(items: impl IntoIterator<Item = T>) -> List {
        let items = items.into_iter().map(|it| Value::String(it.into()));
        List::with_type(&STRING_LIST, items.collect())
    }

    /// A slice of the given type. The items must have its item type.
    pub fn with_type(ty: &'static Type, items: Vec<Value>) -> List {
        List {
            ty,
            items: Some(Rc::new(RefCell::new(items))),
        }
    }

    /// The nil slice of a type.
    pub fn nil(ty: &'static Type) -> List {
        List { ty, items: None }
    }

    /// The Go type of the slice, with the type of its items.
    pub fn ty(&self) -> &'static Type {
        self.ty
    }

    /// The type of the items.
    pub fn item_type(&self) -> &'static Type {
        match self.ty.underlying() {
            Type::Slice(item) => item,
            _ => &Type::Any,
        }
    }

    /// The same items with another type.
    pub fn retyped(&self, ty: &'static Type) -> List {
        List {
            ty,
            items: self.items.clone(),
        }
    }

    /// Whether it is the nil slice.
    pub fn is_nil(&self) -> bool {
        self.items.is_none()
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.items.as_ref().map_or(0, |it| it.borrow().len())
    }

    /// Whether it has no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An item by its index.
    pub fn get(&self, index: usize) -> Option<Value> {
        self.items.as_ref()?.borrow().get(index).cloned()
    }

    /// A copy of the items.
    pub fn to_vec(&self) -> Vec<Value> {
        let items = self.items.as_ref();
        items.map_or_else(Vec::new, |it| it.borrow().clone())
    }

    /// Borrows the items; `None` for the nil slice. The slice must not change meanwhile.
    pub fn items(&self) -> Option<Ref<'_, Vec<Value>>> {
        self.items.as_ref().map(|it| it.borrow())
    }

    /// Borrows the items mutably, visible through all handles; `None` for the nil slice. In Helm, only sorting in place needs this.
    pub fn items_mut(&self) -> Option<RefMut<'_, Vec<Value>>> {
        self.items.as_ref().map(|it| it.borrow_mut())
    }

    /// The address of the items, which identifies them during their lifetime; 0 for the nil slice.
    pub fn address(&self) -> usize {
        let items = self.items.as_ref();
        items.map_or(0, |it| Rc::as_ptr(it).addr())
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(len {})", self.ty, self.len())
    }
}

/// A struct, or the target of a pointer.
#[derive(Clone)]
pub struct Struct {
    ty: &'static NamedType,
    contents: Option<Rc<Contents>>,
}

struct Contents {
    fields: Vec<Value>,
    data: Box<dyn Any>,
    /// Whether the data of another struct is equal.
    equals: fn(&dyn Any, &dyn Any) -> bool,
}

impl Struct {
    /// A struct with the values of its fields, in the order of the type.
    pub fn new(ty: &'static NamedType, fields: Vec<Value>) -> Struct {
        Struct::with_data(ty, fields, ())
    }

    /// A struct with additional Rust data for its methods. Structs are equal only if their data is.
    pub fn with_data<T>(ty: &'static NamedType, fields: Vec<Value>, data: T) -> Struct
    where
        T: Any + PartialEq,
    {
        let contents = Contents {
            fields,
            data: Box::new(data),
            equals: |a, b| a.downcast_ref::<T>() == b.downcast_ref::<T>(),
        };
        Struct {
            ty,
            contents: Some(Rc::new(contents)),
        }
    }

    /// The target of a nil pointer.
    pub fn nil(ty: &'static NamedType) -> Struct {
        Struct { ty, contents: None }
    }

    /// The named Go type, with fields and methods.
    pub fn ty(&self) -> &'static NamedType {
        self.ty
    }

    /// Whether this is the target of a nil pointer.
    pub fn is_nil(&self) -> bool {
        self.contents.is_none()
    }

    /// The values of the fields; none for the target of a nil pointer.
    pub fn fields(&self) -> &[Value] {
        self.contents.as_ref().map_or(&[], |it| &it.fields)
    }

    /// A field by its name, including those of embedded structs.
    pub fn field(&self, name: &str) -> Option<Value> {
        let Type::Struct(types) = &self.ty.underlying else {
            return None;
        };
        let own = types.iter().position(|it| it.name == name);
        if let Some(index) = own {
            return self.fields().get(index).cloned();
        }
        let embedded = types.iter().zip(self.fields());
        let mut embedded = embedded.filter(|(it, _)| it.embedded);
        embedded.find_map(|(_, value)| match value {
            Value::Struct(inner) | Value::Pointer(inner) => inner.field(name),
            _ => None,
        })
    }

    /// The Rust data of [`Struct::with_data`].
    pub fn data<T: Any>(&self) -> Option<&T> {
        self.contents.as_ref()?.data.downcast_ref()
    }

    /// Whether the Rust data of both is equal.
    pub fn has_data_of(&self, other: &Struct) -> bool {
        match (&self.contents, &other.contents) {
            (Some(a), Some(b)) => (a.equals)(&*a.data, &*b.data),
            (a, b) => a.is_none() && b.is_none(),
        }
    }

    /// Whether both are the same struct in memory.
    pub fn same_as(&self, other: &Struct) -> bool {
        self.address() == other.address()
    }

    /// The address, which identifies the struct during its lifetime; 0 for nil.
    pub fn address(&self) -> usize {
        let contents = self.contents.as_ref();
        contents.map_or(0, |it| Rc::as_ptr(it).addr())
    }
}

impl fmt::Debug for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{…}}", self.ty.name)
    }
}

/// Drops values iteratively, because templates can nest them so deeply that recursion would overflow the stack.
fn drop_nested(mut open: Vec<Value>) {
    while let Some(value) = open.pop() {
        match value {
            Value::Map(mut map) => open.extend(own_entries(&mut map)),
            Value::List(mut list) => open.extend(own_items(&mut list)),
            _ => {}
        }
    }
}

fn is_collection(value: &Value) -> bool {
    matches!(value, Value::Map(_) | Value::List(_))
}

fn own_entries(map: &mut Map) -> Vec<Value> {
    let entries = map.entries.take().and_then(Rc::into_inner);
    let values = entries
        .into_iter()
        .flat_map(|it| it.into_inner().into_values());
    values.filter(is_collection).collect()
}

fn own_items(list: &mut List) -> Vec<Value> {
    let items = list.items.take().and_then(Rc::into_inner);
    let items = items.into_iter().flat_map(RefCell::into_inner);
    items.filter(is_collection).collect()
}

impl Drop for Map {
    fn drop(&mut self) {
        drop_nested(own_entries(self));
    }
}

impl Drop for List {
    fn drop(&mut self) {
        drop_nested(own_items(self));
    }
}
