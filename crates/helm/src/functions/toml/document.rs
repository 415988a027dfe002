//! A document during decoding: the definitions and their kinds.

use std::collections::{BTreeMap, BTreeSet};

use super::path_text;
use crate::value::{Entries, List, Map, Str, Type, Value};

static TABLE_LIST: Type = Type::Slice(&Type::Map(&Type::Any));

/// A node of the document.
#[derive(Debug)]
pub(super) enum Item {
    Value(Value),
    Table(BTreeMap<Str, Item>),
    Tables(Vec<BTreeMap<Str, Item>>),
}

#[derive(Debug, Default)]
pub(super) struct Document {
    root: BTreeMap<Str, Item>,
    /// Tables that were only created as parents of others, so they may still be defined.
    implicit: BTreeSet<Vec<u8>>,
    /// The path of an inline table, for messages.
    path: Vec<Str>,
}

impl Document {
    /// The document of an inline table.
    pub(super) fn within(path: Vec<Str>) -> Document {
        Document {
            path,
            ..Document::default()
        }
    }

    /// The full path of a key in the document, for messages.
    fn key_text(&self, path: &[Str]) -> String {
        let path = [&*self.path, path].concat();
        String::from_utf8_lossy(&path_text(&path)).into_owned()
    }

    /// Creates the missing parent tables of a path.
    ///
    /// Errors: the library's message.
    pub(super) fn open_parents(&mut self, path: &[Str]) -> Result<(), String> {
        for length in 1..path.len() {
            let parent = path.get(..length).unwrap_or_default();
            if self.add_table(parent)? {
                self.implicit.insert(path_text(parent));
            }
        }
        Ok(())
    }

    /// Begins a table, or the next one of an array of tables. Its parents must exist.
    ///
    /// Errors: the library's message.
    pub(super) fn open(&mut self, path: &[Str], is_array: bool) -> Result<(), String> {
        let Some((last, parents)) = path.split_last() else {
            return Ok(());
        };
        if !is_array {
            return self.set(parents, last, Item::Table(BTreeMap::new()));
        }
        let table = self.table(parents)?;
        let item = table
            .entry(last.clone())
            .or_insert_with(|| Item::Tables(Vec::new()));
        if let Item::Tables(tables) = item {
            tables.push(BTreeMap::new());
            return Ok(());
        }
        let key = self.key_text(path);
        Err(format!(
            "Key '{key}' was already created and cannot be used as an array."
        ))
    }

    /// Creates a parent table of a dotted key.
    pub(super) fn open_implicit(&mut self, path: &[Str]) -> Result<(), String> {
        self.implicit.insert(path_text(path));
        self.open_parents(path)?;
        self.open(path, false)
    }

    /// Sets a value in a table that has been opened.
    pub(super) fn set(&mut self, table: &[Str], key: &Str, item: Item) -> Result<(), String> {
        let path = [table, std::slice::from_ref(key)].concat();
        let is_implicit = self.implicit.contains(&path_text(&path));
        if self.table(table)?.contains_key(key) {
            if is_implicit {
                self.implicit.remove(&path_text(&path));
                return Ok(());
            }
            return Err(format!(
                "Key '{}' has already been defined.",
                self.key_text(&path)
            ));
        }
        self.table(table)?.insert(key.clone(), item);
        Ok(())
    }

    /// Adds a table if the path is free; returns whether it did.
    fn add_table(&mut self, path: &[Str]) -> Result<bool, String> {
        let Some((last, parents)) = path.split_last() else {
            return Ok(false);
        };
        let table = self.table(parents)?;
        match table.get(last) {
            None => {
                table.insert(last.clone(), Item::Table(BTreeMap::new()));
                Ok(true)
            }
            Some(Item::Value(_)) => {
                let key = self.key_text(path);
                Err(format!("Key '{key}' was already created as a hash."))
            }
            Some(_) => Ok(false),
        }
    }

    /// The entries of a table; for an array of tables, those of the last one.
    fn table(&mut self, path: &[Str]) -> Result<&mut BTreeMap<Str, Item>, String> {
        let defined = |at: usize| {
            let path = path.get(..=at).unwrap_or(path);
            already_defined(&[&*self.path, path].concat())
        };
        let mut table = &mut self.root;
        for (at, key) in path.iter().enumerate() {
            table = match table.get_mut(key) {
                Some(Item::Table(inner)) => inner,
                Some(Item::Tables(tables)) => match tables.last_mut() {
                    Some(inner) => inner,
                    None => return Err(defined(at)),
                },
                _ => return Err(defined(at)),
            };
        }
        Ok(table)
    }

    /// The document as Go values.
    pub(super) fn finish(self) -> Entries {
        entries(self.root)
    }
}

fn already_defined(path: &[Str]) -> String {
    let key = String::from_utf8_lossy(&path_text(path)).into_owned();
    format!("Key '{key}' has already been defined.")
}

fn entries(table: BTreeMap<Str, Item>) -> Entries {
    table
        .into_iter()
        .map(|(key, item)| (key, value(item)))
        .collect()
}

/// An item for a value; inline tables can be extended like others.
pub(super) fn item(value: Value) -> Item {
    match value {
        Value::Map(map) => {
            let entries = map.snapshot().into_iter();
            Item::Table(entries.map(|(key, value)| (key, item(value))).collect())
        }
        value => Item::Value(value),
    }
}

fn value(item: Item) -> Value {
    match item {
        Item::Value(value) => value,
        Item::Table(table) => Value::Map(Map::new(entries(table))),
        Item::Tables(tables) => {
            let tables = tables
                .into_iter()
                .map(|it| Value::Map(Map::new(entries(it))));
            Value::List(List::with_type(&TABLE_LIST, tables.collect()))
        }
    }
}
