//! A document that grows while it is read: what is defined where, and how.

use std::collections::{BTreeMap, BTreeSet};

use super::path_text;
use crate::value::{Entries, List, Map, Str, Type, Value};

static TABLE_LIST: Type = Type::Slice(&Type::Map(&Type::Any));

/// A node of the document.
#[derive(Debug)]
pub(super) enum Item {
    Value(Value),
    Table(BTreeMap<Str, Item>),
    /// `[[…]]`
    Tables(Vec<BTreeMap<Str, Item>>),
}

#[derive(Debug, Default)]
pub(super) struct Document {
    root: BTreeMap<Str, Item>,
    /// Tables that were only named on the way to others, so that they may still be defined.
    implicit: BTreeSet<Vec<u8>>,
}

impl Document {
    /// Begins a table or the next one of an array of tables, and gives its path.
    ///
    /// Errors: the library's text.
    pub(super) fn open(&mut self, path: &[Str], is_array: bool) -> Result<(), String> {
        let Some((last, parents)) = path.split_last() else {
            return Ok(());
        };
        for length in 1..=parents.len() {
            let parent = parents.get(..length).unwrap_or_default();
            if self.add_table(parent)? {
                self.implicit.insert(path_text(parent));
            }
        }
        if !is_array {
            return self.set(parents, last, Item::Table(BTreeMap::new()));
        }
        let table = self.table(parents)?;
        let item = table
            .entry(last.clone())
            .or_insert_with(|| Item::Tables(Vec::new()));
        match item {
            Item::Tables(tables) => {
                tables.push(BTreeMap::new());
                Ok(())
            }
            _ => {
                let key = shown(path);
                Err(format!(
                    "Key '{key}' was already created and cannot be used as an array."
                ))
            }
        }
    }

    /// Makes a table on the way to a dotted key.
    pub(super) fn open_implicit(&mut self, path: &[Str]) -> Result<(), String> {
        self.implicit.insert(path_text(path));
        self.open(path, false)
    }

    /// Sets a value in a table that has been opened.
    pub(super) fn set(&mut self, table: &[Str], key: &Str, item: Item) -> Result<(), String> {
        let path = [table, std::slice::from_ref(key)].concat();
        let is_implicit = self.implicit.contains(&path_text(&path));
        let entries = self.table(table)?;
        if entries.contains_key(key) {
            if is_implicit {
                self.implicit.remove(&path_text(&path));
                return Ok(());
            }
            return Err(format!("Key '{}' has already been defined.", shown(&path)));
        }
        entries.insert(key.clone(), item);
        Ok(())
    }

    /// Adds a table where there is nothing; true if it did.
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
            Some(Item::Value(_)) => Err(format!(
                "Key '{}' was already created as a hash.",
                shown(path)
            )),
            Some(_) => Ok(false),
        }
    }

    /// The entries of a table; of an array of tables those of the last one.
    fn table(&mut self, path: &[Str]) -> Result<&mut BTreeMap<Str, Item>, String> {
        let mut table = &mut self.root;
        for (at, key) in path.iter().enumerate() {
            table = match table.get_mut(key) {
                Some(Item::Table(inner)) => inner,
                Some(Item::Tables(tables)) => match tables.last_mut() {
                    Some(inner) => inner,
                    None => return Err(defined(path, at)),
                },
                _ => return Err(defined(path, at)),
            };
        }
        Ok(table)
    }

    /// The document as Go values.
    pub(super) fn finish(self) -> Entries {
        entries(self.root)
    }
}

fn defined(path: &[Str], at: usize) -> String {
    let key = shown(path.get(..=at).unwrap_or(path));
    format!("Key '{key}' has already been defined.")
}

fn shown(path: &[Str]) -> String {
    String::from_utf8_lossy(&path_text(path)).into_owned()
}

fn entries(table: BTreeMap<Str, Item>) -> Entries {
    table
        .into_iter()
        .map(|(key, item)| (key, value(item)))
        .collect()
}

pub(super) fn value(item: Item) -> Value {
    match item {
        Item::Value(value) => value,
        Item::Table(table) => Value::Map(Map::new(entries(table))),
        Item::Tables(tables) => {
            let tables = tables
                .into_iter()
                .map(|it| Value::Map(Map::new(entries(it))));
            Value::List(List::of(&TABLE_LIST, tables.collect()))
        }
    }
}
