//! Maps, slices and structs. A handle has a type of its own and shares its contents with other handles.

use std::any::Any;
use std::cell::{Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::{NamedType, Str, Type, Value};

/// The contents of a map, in the order of the keys' bytes: the order in which Go's templates range over them and print them.
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
    /// Makes a `map[string]interface {}` with these entries.
    pub fn new(entries: Entries) -> Map {
        Map::of(&ANY_MAP, entries)
    }

    /// A map of the given type.
    pub fn of(ty: &'static Type, entries: Entries) -> Map {
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

    /// Whether its type is `map[string]interface {}` itself, not a type with a name.
    pub fn is_plain(&self) -> bool {
        *self.ty == ANY_MAP
    }

    /// The same entries under another type.
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

    /// Whether there is such a key.
    pub fn contains_key(&self, key: &[u8]) -> bool {
        let entries = self.entries.as_ref();
        entries.is_some_and(|it| it.borrow().contains_key(key))
    }

    /// Sets a key for all who share the map. False for the nil map, which has no place for it: Go panics there with `assignment to
    /// entry in nil map`.
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

    /// Removes a key for all who share the map.
    pub fn remove(&self, key: &[u8]) -> Option<Value> {
        self.entries.as_ref()?.borrow_mut().remove(key)
    }

    /// The keys in byte order, as `range` visits them.
    pub fn keys(&self) -> Vec<Str> {
        let entries = self.entries.as_ref();
        entries.map_or_else(Vec::new, |it| it.borrow().keys().cloned().collect())
    }

    /// The entries as they are now, sorted; changes made while the caller goes over them do no harm.
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

    /// The entries to read, `None` for the nil map. Nothing may change the map meanwhile.
    pub fn entries(&self) -> Option<Ref<'_, Entries>> {
        self.entries.as_ref().map(|it| it.borrow())
    }

    /// The entries to change, `None` for the nil map. Nothing may read the map meanwhile.
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

    /// The address of the entries, which identifies them as long as they live; 0 for the nil map.
    pub fn address(&self) -> usize {
        let entries = self.entries.as_ref();
        entries.map_or(0, |it| Rc::as_ptr(it).addr())
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A map may hold itself, so the entries are not shown.
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
    /// Makes a `[]interface {}` with these items.
    pub fn new(items: Vec<Value>) -> List {
        List::of(&ANY_LIST, items)
    }

    /// Makes a `[]string` with these items.
    pub fn strings<T: Into<Str>>(items: impl IntoIterator<Item = T>) -> List {
        let items = items.into_iter().map(|it| Value::String(it.into()));
        List::of(&STRING_LIST, items.collect())
    }

    /// A slice of the given type, whose items have the type that it says.
    pub fn of(ty: &'static Type, items: Vec<Value>) -> List {
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

    /// The same items under another type.
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

    /// The items as they are now.
    pub fn to_vec(&self) -> Vec<Value> {
        let items = self.items.as_ref();
        items.map_or_else(Vec::new, |it| it.borrow().clone())
    }

    /// The items to read, `None` for the nil slice. Nothing may change the slice meanwhile.
    pub fn items(&self) -> Option<Ref<'_, Vec<Value>>> {
        self.items.as_ref().map(|it| it.borrow())
    }

    /// The items to change for all who share them, `None` for the nil slice: only sorting in place does that in Helm.
    pub fn items_mut(&self) -> Option<RefMut<'_, Vec<Value>>> {
        self.items.as_ref().map(|it| it.borrow_mut())
    }

    /// The address of the items, which identifies them as long as they live; 0 for the nil slice.
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

/// A struct, or what a pointer points to.
#[derive(Clone)]
pub struct Struct {
    ty: &'static NamedType,
    contents: Option<Rc<Contents>>,
}

struct Contents {
    fields: Vec<Value>,
    data: Box<dyn Any>,
}

impl Struct {
    /// A struct whose type has the fields of these values, in this order.
    pub fn new(ty: &'static NamedType, fields: Vec<Value>) -> Struct {
        Struct::with_data(ty, fields, ())
    }

    /// A struct with Rust data for its methods beside its fields.
    pub fn with_data<T: Any>(ty: &'static NamedType, fields: Vec<Value>, data: T) -> Struct {
        let data = Box::new(data);
        Struct {
            ty,
            contents: Some(Rc::new(Contents { fields, data })),
        }
    }

    /// What a nil pointer points to.
    pub fn nil(ty: &'static NamedType) -> Struct {
        Struct { ty, contents: None }
    }

    /// The named Go type, which has the fields and methods.
    pub fn ty(&self) -> &'static NamedType {
        self.ty
    }

    /// Whether this is what a nil pointer points to.
    pub fn is_nil(&self) -> bool {
        self.contents.is_none()
    }

    /// The values of the fields; none for what a nil pointer points to.
    pub fn fields(&self) -> &[Value] {
        self.contents.as_ref().map_or(&[], |it| &it.fields)
    }

    /// A field by its name, those of embedded structs included.
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

    /// The Rust data that was given to [`Struct::with_data`].
    pub fn data<T: Any>(&self) -> Option<&T> {
        self.contents.as_ref()?.data.downcast_ref()
    }

    /// Whether both are the same struct in memory.
    pub fn same_as(&self, other: &Struct) -> bool {
        self.address() == other.address()
    }

    /// The address, which identifies the struct as long as it lives; 0 for nil.
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

/// Values that nobody else has are dropped one after another: a template can nest them so deep that the stack would not suffice.
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
