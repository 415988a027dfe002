//! The values that functions read of their arguments, and the origins of their results.

use super::{AbstractValue, Analyzer, DEPTH_MAX, Location};
use crate::value::Str;

/// The maximum number of dots with which texts in values are analysed.
const DOTS_MAX: usize = 64;

impl Analyzer<'_> {
    /// Analyses a call. Functions that are not listed read their arguments completely.
    pub(super) fn call(&mut self, name: &str, arguments: Vec<AbstractValue>) -> AbstractValue {
        let name = name.strip_prefix("must").unwrap_or(name);
        match name {
            "include" => self.include(&arguments),
            "tpl" => self.tpl(&arguments),
            "default" | "coalesce" | "ternary" | "required" | "deepCopy" | "DeepCopy"
            | "append" | "Append" | "prepend" | "Prepend" | "concat" | "uniq" | "Uniq"
            | "compact" | "Compact" | "reverse" | "Reverse" | "rest" | "Rest" | "initial"
            | "Initial" | "slice" | "Slice" | "without" | "Without" => {
                self.arguments_or_items(name, arguments)
            }
            "list" | "tuple" => self.bounded(list(arguments)),
            "dict" => self.dict(arguments),
            "merge" | "Merge" | "mergeOverwrite" | "MergeOverwrite" => {
                // The values of the other maps are merged into the first one.
                arguments
                    .iter()
                    .skip(1)
                    .for_each(|it| self.read_all_values(it));
                AbstractValue::union(arguments)
            }
            "index" | "get" => {
                let (value, keys) = split_first(&arguments);
                keys.iter()
                    .fold(value, |value, key| self.indexed(&value, key))
            }
            "dig" => self.dig(&arguments),
            "hasKey" => {
                let (value, keys) = split_first(&arguments);
                keys.iter().for_each(|it| _ = self.indexed(&value, it));
                AbstractValue::result(&arguments)
            }
            "pluck" => {
                let (key, maps) = split_first(&arguments);
                list(maps.iter().map(|it| self.indexed(it, &key)))
            }
            "pick" => self.pick(&arguments),
            "omit" | "unset" => split_first(&arguments).0,
            "set" => self.set(&arguments),
            "first" | "First" | "last" | "Last" => self.elements(&arguments),
            "values" => list([self.elements(&arguments)]),
            // These only read the value itself, not its content.
            "not" | "empty" | "kindIs" | "kindOf" | "typeIs" | "typeOf" | "typeIsLike" | "eq"
            | "ne" => AbstractValue::result(&arguments),
            "keys" => {
                arguments.iter().for_each(|it| self.read_all_values(it));
                AbstractValue::result(&arguments)
            }
            _ => {
                arguments.iter().for_each(|it| self.read_all(it));
                AbstractValue::result(&arguments)
            }
        }
    }

    /// Marks everything below the locations of a value as read.
    fn read_all_locations(&mut self, value: &AbstractValue) {
        self.read_all(&AbstractValue {
            locations: value.locations.clone(),
            ..AbstractValue::default()
        });
    }

    /// Marks everything in `.Values` of a value as read. The fields of a chart's dot are still distinguished.
    fn read_all_values(&mut self, value: &AbstractValue) {
        let is_values = |it: &&Location| matches!(it, Location::Values(_));
        self.read_all(&AbstractValue {
            locations: value.locations.iter().filter(is_values).cloned().collect(),
            ..AbstractValue::default()
        });
        let inner = value.fields.values().chain(value.element.as_deref());
        inner.for_each(|it| self.read_all_values(it));
    }

    /// The value, if it is not too deep. Otherwise everything in it counts as read.
    fn bounded(&mut self, value: AbstractValue) -> AbstractValue {
        if value.depth() <= DEPTH_MAX {
            return value;
        }
        self.read_all(&value);
        AbstractValue::unknown()
    }

    /// One of the arguments, or a list of them, or of their items.
    fn arguments_or_items(&mut self, name: &str, arguments: Vec<AbstractValue>) -> AbstractValue {
        let is_list = name.to_lowercase().ends_with("append") || name.ends_with("repend");
        let mut all = AbstractValue::union(arguments);
        // The indexes of items may change.
        if all.element.is_some() {
            all.fields.clear();
        }
        if is_list {
            let element = AbstractValue {
                element: None,
                ..all.clone()
            };
            all.join(list([element]));
        }
        self.bounded(all)
    }

    /// `set MAP "a" VALUE`
    fn set(&mut self, arguments: &[AbstractValue]) -> AbstractValue {
        let (value, rest) = split_first(arguments);
        if let [key, new] = rest {
            self.indexed(&value, key);
            self.read_all(new);
        }
        value
    }

    /// Any element of the first argument.
    fn elements(&mut self, arguments: &[AbstractValue]) -> AbstractValue {
        let (value, _) = split_first(arguments);
        self.read_all_locations(&value);
        value.elements()
    }

    fn include(&mut self, arguments: &[AbstractValue]) -> AbstractValue {
        let [name, dot] = arguments else {
            return AbstractValue::unknown();
        };
        match name.constants() {
            Some(names) => names
                .iter()
                .for_each(|it| self.enter_named(it, dot.clone())),
            None => self.enter_any(dot),
        }
        AbstractValue::result(arguments)
    }

    fn tpl(&mut self, arguments: &[AbstractValue]) -> AbstractValue {
        let [text, dot] = arguments else {
            return AbstractValue::unknown();
        };
        self.read_all(text);
        for text in &text.texts {
            let parsed = super::parsed([text], self.templates.functions());
            for template in parsed.into_iter().flatten() {
                let name = template.name.clone();
                self.defined.entry(name).or_insert(template.clone());
                self.enter(template, dot.clone());
            }
        }
        if !self.dots.contains(dot) && self.dots.len() >= DOTS_MAX {
            self.read_all(dot);
            return AbstractValue::unknown();
        }
        self.dots.insert(dot.clone());
        let files = self.files.iter().filter(|_| text.may_be_unknown);
        let all: Vec<_> = self.texts.iter().chain(files).flatten().cloned().collect();
        all.into_iter().for_each(|it| self.enter(it, dot.clone()));
        AbstractValue::result(arguments)
    }

    fn dict(&mut self, arguments: Vec<AbstractValue>) -> AbstractValue {
        let mut result = AbstractValue::default();
        let mut arguments = arguments.into_iter();
        while let Some(key) = arguments.next() {
            let value = arguments.next().unwrap_or_default();
            match key.constants() {
                Some(keys) => {
                    for key in keys {
                        let field = result.fields.entry(key.clone()).or_default();
                        field.join(value.clone());
                    }
                }
                None => {
                    self.read_all(&value);
                    result.may_be_unknown = true;
                }
            }
        }
        self.bounded(result)
    }

    /// `dig "a" "b" DEFAULT MAP`
    fn dig(&mut self, arguments: &[AbstractValue]) -> AbstractValue {
        let [keys @ .., default, map] = arguments else {
            return AbstractValue::unknown();
        };
        let mut found = keys
            .iter()
            .fold(map.clone(), |value, key| self.indexed(&value, key));
        found.join(default.clone());
        found
    }

    /// `pick MAP "a" "b"`
    fn pick(&mut self, arguments: &[AbstractValue]) -> AbstractValue {
        let (value, keys) = split_first(arguments);
        let names: Option<Vec<&Str>> = keys
            .iter()
            .map(|it| Some(it.constants()?.iter()))
            .collect::<Option<Vec<_>>>()
            .map(|it| it.into_iter().flatten().collect());
        let Some(names) = names else {
            return value;
        };
        let mut result = AbstractValue::default();
        for name in names {
            let field = self.field(&value, name);
            result.fields.insert(name.clone(), field);
        }
        result
    }
}

fn split_first(arguments: &[AbstractValue]) -> (AbstractValue, &[AbstractValue]) {
    match arguments.split_first() {
        Some((first, rest)) => (first.clone(), rest),
        None => (AbstractValue::unknown(), &[]),
    }
}

fn list(elements: impl IntoIterator<Item = AbstractValue>) -> AbstractValue {
    let elements: Vec<AbstractValue> = elements.into_iter().collect();
    let numbers = (0..).map(|it: usize| Str::from(it.to_string()));
    AbstractValue {
        fields: numbers.zip(elements.iter().cloned()).collect(),
        element: Some(Box::new(AbstractValue::union(elements))),
        ..AbstractValue::default()
    }
}
