//! Static analysis of the values that templates can read.
//!
//! The code of each template is analysed from start to end with abstract values: locations in the data of charts, and the results of
//! `dict` and `list`. Both branches of a condition count. If a value cannot be followed, such as a printed map, everything below
//! its location counts as read. The result may contain too much, but never too little.

mod functions;
mod machine;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::program::Template;
use super::render::Nested;
use super::{Functions, Templates};
use crate::value::Str;

/// The path of a value in the values of the outermost chart, or names of subcharts.
pub(crate) type Path = Vec<Str>;

/// The key of global values.
pub(crate) const GLOBAL: &str = "global";

/// The maximum number of analysed instructions. The templates of large charts have about 100,000.
const STEPS_MAX: usize = 4_000_000;
/// The maximum depth of `dict` and `list` that is followed.
const DEPTH_MAX: usize = 8;
/// The maximum length of followed paths.
const PATH_MAX: usize = 24;

/// The templates of a chart and its subcharts.
pub(crate) struct ReadInput<'a> {
    /// The templates of the chart and of its subcharts.
    pub(crate) templates: &'a Templates,
    /// The names of executed templates, with the chart whose dot they get.
    pub(crate) executed: Vec<(String, Path)>,
    /// The paths of the chart and its subcharts.
    pub(crate) charts: &'a BTreeSet<Path>,
    /// Texts in values that may be passed to `tpl`, with their chart.
    pub(crate) texts: Vec<(Str, Path)>,
    /// Texts of files that may be passed to `tpl`.
    pub(crate) files: Vec<Str>,
    /// The keys of the charts' own values, by path.
    pub(crate) own: BTreeMap<Path, Vec<Str>>,
}

/// The values that templates read.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Paths of values, and whether everything below is also read.
    pub(crate) values: BTreeMap<Path, bool>,
    /// Whether the analysis was stopped at the limit, so that anything may be read.
    pub(crate) is_cut: bool,
}

/// Finds the values that the templates of charts can read.
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
            reading.enter(
                template,
                Abstract::from_location(Location::Dot(chart.clone())),
            );
        }
    }
    let texts = reading.texts.clone();
    for (templates, (_, chart)) in texts.iter().zip(&input.texts) {
        for template in templates {
            reading.enter(
                template.clone(),
                Abstract::from_location(Location::Dot(chart.clone())),
            );
        }
    }
    reading.run();
    reading.found
}

/// The templates of each text; none for a text that does not parse, because `tpl` would fail.
fn parsed<'a>(
    texts: impl IntoIterator<Item = &'a Str>,
    functions: &Functions,
) -> Vec<Vec<Arc<Template>>> {
    let parse = |it| Nested::parse(it, functions).map_or_else(|_| Vec::new(), Nested::into_all);
    texts.into_iter().map(parse).collect()
}

/// A location in the data of templates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Location {
    /// The dot of a chart.
    Dot(Path),
    /// The dots of a chart's subcharts, by name.
    Subcharts(Path),
    /// Values below this path of `.Values`.
    Values(Path),
}

/// An abstract value: it may be any of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Abstract {
    locations: BTreeSet<Location>,
    /// The constant texts that it may be.
    texts: BTreeSet<Str>,
    /// Fields of maps that templates create; for lists, by index.
    fields: BTreeMap<Str, Abstract>,
    /// An element of a list that templates create.
    element: Option<Box<Abstract>>,
    /// Whether it may be something else, which is not followed.
    is_other: bool,
    /// Whether the part that is not followed may depend on values or on the release.
    is_given: bool,
}

impl Abstract {
    fn from_location(location: Location) -> Abstract {
        Abstract {
            locations: BTreeSet::from([location]),
            ..Abstract::default()
        }
    }

    fn text(text: Str) -> Abstract {
        Abstract {
            texts: BTreeSet::from([text]),
            ..Abstract::default()
        }
    }

    /// A value through which no chart value is reachable.
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
            || !self.locations.is_empty()
            || self.fields.values().any(Abstract::depends_on_values)
            || self.element.iter().any(|it| it.depends_on_values())
    }

    fn join(&mut self, other: Abstract) {
        self.locations.extend(other.locations);
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

    /// The possible texts, if it can only be a constant text.
    fn constants(&self) -> Option<&BTreeSet<Str>> {
        let is_text = !self.texts.is_empty()
            && !self.is_other
            && self.locations.is_empty()
            && self.fields.is_empty()
            && self.element.is_none();
        is_text.then_some(&self.texts)
    }

    /// An element, if it is a list or map that a template creates.
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

/// The state of the analysis.
struct Reading<'a> {
    templates: &'a Templates,
    charts: &'a BTreeSet<Path>,
    own: &'a BTreeMap<Path, Vec<Str>>,
    /// The templates of each text in values, and of each file.
    texts: Vec<Vec<Arc<Template>>>,
    files: Vec<Vec<Arc<Template>>>,
    /// The templates that the texts and files define, by name.
    defined: BTreeMap<Str, Arc<Template>>,
    found: Reads,
    /// Analysed templates by address, with their dots.
    seen: BTreeSet<(usize, Abstract)>,
    open: Vec<(Arc<Template>, Abstract)>,
    /// The dots that are passed to `tpl`.
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

    /// Analyses a template with a dot, unless already done.
    fn enter(&mut self, template: Arc<Template>, dot: Abstract) {
        let key = (Arc::as_ptr(&template).addr(), dot.clone());
        if self.seen.insert(key) {
            self.open.push((template, dot));
        }
    }

    /// Analyses a template by name.
    fn enter_named(&mut self, name: &Str, dot: Abstract) {
        let known = self.templates.get(name).or_else(|| self.defined.get(name));
        if let Some(template) = known.cloned() {
            self.enter(template, dot);
        }
    }

    /// Analyses all templates, because any of them may be executed.
    fn enter_any(&mut self, dot: &Abstract) {
        let all = self.templates.all().chain(self.defined.values());
        let all: Vec<Arc<Template>> = all.cloned().collect();
        all.into_iter().for_each(|it| self.enter(it, dot.clone()));
    }

    /// The path of values for users: globals belong to the outermost chart.
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

    /// Marks everything below as read.
    fn free(&mut self, value: &Abstract) {
        for location in &value.locations {
            match location {
                Location::Dot(path) | Location::Subcharts(path) | Location::Values(path) => {
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
        for location in &value.locations {
            match (location, key.to_str()) {
                (Location::Dot(path), Some("Values")) => {
                    found.locations.insert(Location::Values(path.clone()));
                }
                (Location::Dot(path), Some("Subcharts")) => {
                    found.locations.insert(Location::Subcharts(path.clone()));
                }
                (Location::Dot(_), _) => {
                    found.is_other = true;
                    found.is_given = true;
                }
                (Location::Subcharts(path), _) => {
                    let mut path = path.clone();
                    path.push(key.clone());
                    found.locations.insert(Location::Dot(path));
                }
                (Location::Values(path), Some("AsMap")) if self.charts.contains(path) => {
                    found.locations.insert(location.clone());
                }
                (Location::Values(path), _) if path.len() >= PATH_MAX => self.free_path(path),
                (Location::Values(path), _) => {
                    let mut path = path.clone();
                    path.push(key.clone());
                    self.mention(&path);
                    found.locations.insert(Location::Values(path));
                }
            }
        }
        found
    }

    /// The value at a path of keys.
    fn fields<'k>(&mut self, value: Abstract, keys: impl IntoIterator<Item = &'k Str>) -> Abstract {
        keys.into_iter()
            .fold(value, |value, key| self.field(&value, key))
    }

    /// The value of a computed key. If it only depends on the template, it is a key of the chart's own values.
    fn indexed(&mut self, value: &Abstract, key: &Abstract) -> Abstract {
        if let Some(keys) = key.constants() {
            let found = keys.iter().map(|it| self.field(value, it));
            return Abstract::union(found.collect::<Vec<_>>());
        }
        let mut found = value.elements();
        for location in &value.locations {
            let own = match location {
                Location::Values(path) if !key.depends_on_values() => self.own_keys(path),
                _ => Vec::new(),
            };
            let location = Abstract::from_location(location.clone());
            if own.is_empty() {
                self.free(&location);
                found.is_given = true;
            }
            for key in own {
                let field = self.field(&location, &key);
                found.join(field);
            }
        }
        found
    }

    /// The keys of the charts' own values at a path.
    fn own_keys(&self, path: &Path) -> Vec<Str> {
        let path = self.normal(path);
        self.own.get(&path).cloned().unwrap_or_default()
    }
}
