//! Which values templates can read, found without executing them.
//!
//! The code of each template is gone through once from its start to its end, with abstract values instead of values: places among
//! the data of charts, and what `dict` and `list` put together. Both branches of a condition count. What cannot be followed, such as
//! a map that is printed, makes everything below its place count as read: too much is found, never too little.

mod functions;
mod machine;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::program::Template;
use super::render::Nested;
use super::{Functions, Templates};
use crate::value::Str;

/// Keys that lead to a value from the values of the outermost chart, or names of subcharts.
pub(crate) type Path = Vec<Str>;

/// The key of the values that all charts have together.
pub(crate) const GLOBAL: &str = "global";

/// How many instructions are gone through. The templates of large charts have some 100,000.
const STEPS_MAX: usize = 4_000_000;
/// How deep `dict` and `list` are followed.
const DEPTH_MAX: usize = 8;
/// How long the paths are that are followed.
const PATH_MAX: usize = 24;

/// The templates of a chart and its subcharts.
pub(crate) struct ReadInput<'a> {
    /// The templates of the chart and of its subcharts.
    pub(crate) templates: &'a Templates,
    /// The names of those that are executed, with the chart whose dot they are given.
    pub(crate) executed: Vec<(String, Path)>,
    /// The paths of the chart and its subcharts.
    pub(crate) charts: &'a BTreeSet<Path>,
    /// Texts among values that may be given to `tpl`, with the chart that has them.
    pub(crate) texts: Vec<(Str, Path)>,
    /// Texts of files that may be given to `tpl`.
    pub(crate) files: Vec<Str>,
    /// The keys of the charts' own values, by path.
    pub(crate) own: BTreeMap<Path, Vec<Str>>,
}

/// The values that templates read.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Paths of values, and whether everything below is read too.
    pub(crate) values: BTreeMap<Path, bool>,
    /// Whether there were more instructions than are gone through, so that anything may be read.
    pub(crate) is_cut: bool,
}

/// Finds what the templates of charts can read of their values.
pub(crate) fn reads(input: &ReadInput<'_>) -> Reads {
    let functions = input.templates.functions();
    let mut reading = Reading {
        templates: input.templates,
        charts: input.charts,
        own: &input.own,
        texts: parsed(input.texts.iter().map(|it| &it.0), functions),
        files: parsed(&input.files, functions),
        defined: BTreeMap::new(),
        found: Reads::default(),
        seen: BTreeSet::new(),
        open: Vec::new(),
        dots: BTreeSet::new(),
        steps: 0,
    };
    for template in reading.texts.iter().chain(&reading.files).flatten() {
        let name = template.name.clone();
        reading.defined.entry(name).or_insert(template.clone());
    }
    for (name, chart) in &input.executed {
        if let Some(template) = input.templates.get(name.as_bytes()).cloned() {
            reading.enter(template, Abstract::of(Place::Dot(chart.clone())));
        }
    }
    let texts = reading.texts.clone();
    for (templates, (_, chart)) in texts.iter().zip(&input.texts) {
        for template in templates {
            reading.enter(template.clone(), Abstract::of(Place::Dot(chart.clone())));
        }
    }
    reading.run();
    reading.found
}

/// The templates of each text; none of one that does not parse, since `tpl` would fail.
fn parsed<'a>(
    texts: impl IntoIterator<Item = &'a Str>,
    functions: &Functions,
) -> Vec<Vec<Arc<Template>>> {
    let parse = |it| Nested::parse(it, functions).map_or_else(|_| Vec::new(), Nested::into_all);
    texts.into_iter().map(parse).collect()
}

/// Data that a chart gives its templates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The dot of a chart.
    Dot(Path),
    /// The dots of a chart's subcharts, by name.
    Subcharts(Path),
    /// Values below this path of `.Values`.
    Values(Path),
}

/// What is known of a value before anything is executed: it may be any of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Abstract {
    places: BTreeSet<Place>,
    /// The texts that it may be, where they are constants.
    texts: BTreeSet<Str>,
    /// Fields of maps that templates put together; of lists, by their numbers.
    fields: BTreeMap<Str, Abstract>,
    /// An element of a list that templates put together.
    element: Option<Box<Abstract>>,
    /// Whether it may be something that is not followed.
    is_other: bool,
    /// Whether what is not followed may depend on values, or on what a release is called.
    is_given: bool,
}

impl Abstract {
    fn of(place: Place) -> Abstract {
        Abstract {
            places: BTreeSet::from([place]),
            ..Abstract::default()
        }
    }

    fn text(text: Str) -> Abstract {
        Abstract {
            texts: BTreeSet::from([text]),
            ..Abstract::default()
        }
    }

    /// Something that no value of a chart can be reached through.
    fn other() -> Abstract {
        Abstract {
            is_other: true,
            ..Abstract::default()
        }
    }

    /// The result of a function that is not followed.
    fn result(arguments: &[Abstract]) -> Abstract {
        Abstract {
            is_other: true,
            is_given: arguments.iter().any(Abstract::depends_on_values),
            ..Abstract::default()
        }
    }

    fn depends_on_values(&self) -> bool {
        self.is_given
            || !self.places.is_empty()
            || self.fields.values().any(Abstract::depends_on_values)
            || self.element.iter().any(|it| it.depends_on_values())
    }

    fn join(&mut self, other: Abstract) {
        self.places.extend(other.places);
        self.texts.extend(other.texts);
        self.is_other |= other.is_other;
        self.is_given |= other.is_given;
        for (key, value) in other.fields {
            self.fields.entry(key).or_default().join(value);
        }
        match (&mut self.element, other.element) {
            (Some(own), Some(other)) => own.join(*other),
            (own @ None, other) => *own = other,
            (Some(_), None) => {}
        }
    }

    fn union(all: impl IntoIterator<Item = Abstract>) -> Abstract {
        let mut union = Abstract::default();
        all.into_iter().for_each(|it| union.join(it));
        union
    }

    /// The texts that it can be, where it can be nothing else.
    fn constants(&self) -> Option<&BTreeSet<Str>> {
        let is_text = !self.texts.is_empty()
            && !self.is_other
            && self.places.is_empty()
            && self.fields.is_empty()
            && self.element.is_none();
        is_text.then_some(&self.texts)
    }

    /// An element of it, where it is a list or a map that a template put together.
    fn elements(&self) -> Abstract {
        let mut all = Abstract::union(self.fields.values().cloned());
        match &self.element {
            Some(element) => all.join((**element).clone()),
            None => all.is_other = true,
        }
        all.is_given |= self.is_given;
        all
    }

    fn depth(&self) -> usize {
        let fields = self.fields.values().map(Abstract::depth).max();
        let element = self.element.as_ref().map(|it| it.depth());
        fields.max(element).map_or(0, |it| it + 1)
    }
}

/// The state of reading one template.
struct Reading<'a> {
    templates: &'a Templates,
    charts: &'a BTreeSet<Path>,
    own: &'a BTreeMap<Path, Vec<Str>>,
    /// The templates of each text among values, and of each file.
    texts: Vec<Vec<Arc<Template>>>,
    files: Vec<Vec<Arc<Template>>>,
    /// The templates that the texts and files define, by name.
    defined: BTreeMap<Str, Arc<Template>>,
    found: Reads,
    /// Templates by address, and what they were given.
    seen: BTreeSet<(usize, Abstract)>,
    open: Vec<(Arc<Template>, Abstract)>,
    /// What `tpl` is given.
    dots: BTreeSet<Abstract>,
    steps: usize,
}

impl Reading<'_> {
    fn run(&mut self) {
        while let Some((template, dot)) = self.open.pop() {
            self.scan(&template, &dot);
            if self.steps > STEPS_MAX {
                self.found.is_cut = true;
                return;
            }
        }
    }

    /// Goes through a template that is given this dot, unless it was done.
    fn enter(&mut self, template: Arc<Template>, dot: Abstract) {
        let key = (Arc::as_ptr(&template).addr(), dot.clone());
        if self.seen.insert(key) {
            self.open.push((template, dot));
        }
    }

    /// A template is executed by its name.
    fn enter_named(&mut self, name: &Str, dot: Abstract) {
        let known = self.templates.get(name).or_else(|| self.defined.get(name));
        if let Some(template) = known.cloned() {
            self.enter(template, dot);
        }
    }

    /// One of all templates is executed.
    fn enter_any(&mut self, dot: &Abstract) {
        let all = self.templates.all().chain(self.defined.values());
        let all: Vec<Arc<Template>> = all.cloned().collect();
        all.into_iter().for_each(|it| self.enter(it, dot.clone()));
    }

    /// The path of values as users write it: globals are those of the outermost chart.
    fn normal(&self, path: &Path) -> Path {
        let is_global = |at: &usize| {
            path[*at] == *GLOBAL && self.charts.contains(path.get(..*at).unwrap_or(&[]))
        };
        match (0..path.len()).find(is_global) {
            Some(at) => path.iter().skip(at).cloned().collect(),
            None => path.clone(),
        }
    }

    fn mention(&mut self, path: &Path) {
        let path = self.normal(path);
        self.found.values.entry(path).or_insert(false);
    }

    fn free_path(&mut self, path: &Path) {
        let path = self.normal(path);
        if self.charts.contains(&path) {
            self.found.values.insert(vec![GLOBAL.into()], true);
        }
        self.found.values.insert(path, true);
    }

    /// Everything below is read.
    fn free(&mut self, value: &Abstract) {
        for place in &value.places {
            match place {
                Place::Dot(path) | Place::Subcharts(path) | Place::Values(path) => {
                    self.free_path(path);
                }
            }
        }
        value.fields.values().for_each(|it| self.free(it));
        value.element.iter().for_each(|it| self.free(it));
    }

    /// A field of a value.
    fn field(&mut self, value: &Abstract, key: &Str) -> Abstract {
        let own = value.fields.get(key).or(value.element.as_deref());
        let mut found = own.cloned().unwrap_or_default();
        found.is_other |= value.is_other;
        found.is_given |= value.is_given;
        for place in &value.places {
            match (place, key.to_str()) {
                (Place::Dot(path), Some("Values")) => {
                    found.places.insert(Place::Values(path.clone()));
                }
                (Place::Dot(path), Some("Subcharts")) => {
                    found.places.insert(Place::Subcharts(path.clone()));
                }
                (Place::Dot(_), _) => {
                    found.is_other = true;
                    found.is_given = true;
                }
                (Place::Subcharts(path), _) => {
                    let mut path = path.clone();
                    path.push(key.clone());
                    found.places.insert(Place::Dot(path));
                }
                (Place::Values(path), Some("AsMap")) if self.charts.contains(path) => {
                    found.places.insert(place.clone());
                }
                (Place::Values(path), _) if path.len() >= PATH_MAX => self.free_path(path),
                (Place::Values(path), _) => {
                    let mut path = path.clone();
                    path.push(key.clone());
                    self.mention(&path);
                    found.places.insert(Place::Values(path));
                }
            }
        }
        found
    }

    /// What keys lead to, one after the other.
    fn fields<'k>(&mut self, value: Abstract, keys: impl IntoIterator<Item = &'k Str>) -> Abstract {
        keys.into_iter()
            .fold(value, |value, key| self.field(&value, key))
    }

    /// What a key leads to that a template computes. One that the template alone decides is a key of the chart's own values.
    fn indexed(&mut self, value: &Abstract, key: &Abstract) -> Abstract {
        if let Some(keys) = key.constants() {
            let found = keys.iter().map(|it| self.field(value, it));
            return Abstract::union(found.collect::<Vec<_>>());
        }
        let mut found = value.elements();
        for place in &value.places {
            let own = match place {
                Place::Values(path) if !key.depends_on_values() => self.own_keys(path),
                _ => Vec::new(),
            };
            let place = Abstract::of(place.clone());
            if own.is_empty() {
                self.free(&place);
                found.is_given = true;
            }
            for key in own {
                let field = self.field(&place, &key);
                found.join(field);
            }
        }
        found
    }

    /// The keys that charts have themselves at a path.
    fn own_keys(&self, path: &Path) -> Vec<Str> {
        let path = self.normal(path);
        self.own.get(&path).cloned().unwrap_or_default()
    }
}
