//! Static analysis of the values that templates can read.
//!
//! This is an abstract interpretation: the code of each template is interpreted from start to end with abstract values, which are
//! locations in the data of charts, and the results of `dict` and `list`. Both branches of a condition count. If a value cannot be
//! followed, such as a printed map, everything below its location counts as read. The result may contain too much, but never too
//! little.

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
    /// The keys of the defaults of the charts, by path.
    pub(crate) default_keys: BTreeMap<Path, Vec<Str>>,
}

/// The values that templates read.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// The paths of values that are read, and whether everything below is read, too.
    pub(crate) values: BTreeMap<Path, bool>,
    /// Whether the analysis stopped at its limit, so that any value may be read.
    pub(crate) is_incomplete: bool,
}

/// Finds the values that the templates of charts can read.
pub(crate) fn reads(input: &ReadInput<'_>) -> Reads {
    let functions = input.templates.functions();
    let mut analyzer = Analyzer {
        templates: input.templates,
        charts: input.charts,
        default_keys: &input.default_keys,
        texts: parsed(input.texts.iter().map(|it| &it.0), functions),
        files: parsed(&input.files, functions),
        defined: BTreeMap::new(),
        found: Reads::default(),
        seen: BTreeSet::new(),
        open: Vec::new(),
        dots: BTreeSet::new(),
        steps: 0,
    };
    for template in analyzer.texts.iter().chain(&analyzer.files).flatten() {
        let name = template.name.clone();
        analyzer.defined.entry(name).or_insert(template.clone());
    }
    for (name, chart) in &input.executed {
        if let Some(template) = input.templates.get(name.as_bytes()).cloned() {
            analyzer.enter(
                template,
                AbstractValue::from_location(Location::Dot(chart.clone())),
            );
        }
    }
    let texts = analyzer.texts.clone();
    for (templates, (_, chart)) in texts.iter().zip(&input.texts) {
        for template in templates {
            analyzer.enter(
                template.clone(),
                AbstractValue::from_location(Location::Dot(chart.clone())),
            );
        }
    }
    analyzer.run();
    analyzer.found
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
struct AbstractValue {
    locations: BTreeSet<Location>,
    /// The constant strings that it may be.
    texts: BTreeSet<Str>,
    /// Fields of maps that templates create; for lists, by index.
    fields: BTreeMap<Str, AbstractValue>,
    /// An element of a list that templates create.
    element: Option<Box<AbstractValue>>,
    /// Whether it may also be something that is not followed.
    may_be_unknown: bool,
    /// Whether what is not followed may depend on values or on the release.
    is_dynamic: bool,
}

impl AbstractValue {
    fn from_location(location: Location) -> AbstractValue {
        AbstractValue {
            locations: BTreeSet::from([location]),
            ..AbstractValue::default()
        }
    }

    fn text(text: Str) -> AbstractValue {
        AbstractValue {
            texts: BTreeSet::from([text]),
            ..AbstractValue::default()
        }
    }

    /// A value that is not followed, and from which no value of a chart is reachable.
    fn unknown() -> AbstractValue {
        AbstractValue {
            may_be_unknown: true,
            ..AbstractValue::default()
        }
    }

    /// The result of a function that is not followed.
    fn result(arguments: &[AbstractValue]) -> AbstractValue {
        AbstractValue {
            may_be_unknown: true,
            is_dynamic: arguments.iter().any(AbstractValue::depends_on_values),
            ..AbstractValue::default()
        }
    }

    fn depends_on_values(&self) -> bool {
        self.is_dynamic
            || !self.locations.is_empty()
            || self.fields.values().any(AbstractValue::depends_on_values)
            || self.element.iter().any(|it| it.depends_on_values())
    }

    /// Adds the possibilities of another value.
    fn join(&mut self, other: AbstractValue) {
        self.locations.extend(other.locations);
        self.texts.extend(other.texts);
        self.may_be_unknown |= other.may_be_unknown;
        self.is_dynamic |= other.is_dynamic;
        for (key, value) in other.fields {
            self.fields.entry(key).or_default().join(value);
        }
        match (&mut self.element, other.element) {
            (Some(own), Some(other)) => own.join(*other),
            (own @ None, other) => *own = other,
            (Some(_), None) => {}
        }
    }

    /// A value that may be any of several.
    fn union(all: impl IntoIterator<Item = AbstractValue>) -> AbstractValue {
        let mut union = AbstractValue::default();
        all.into_iter().for_each(|it| union.join(it));
        union
    }

    /// The possible texts, if it can only be a constant text.
    fn constants(&self) -> Option<&BTreeSet<Str>> {
        let is_text = !self.texts.is_empty()
            && !self.may_be_unknown
            && self.locations.is_empty()
            && self.fields.is_empty()
            && self.element.is_none();
        is_text.then_some(&self.texts)
    }

    /// An element, if it is a list or map that a template creates.
    fn elements(&self) -> AbstractValue {
        let mut all = AbstractValue::union(self.fields.values().cloned());
        match &self.element {
            Some(element) => all.join((**element).clone()),
            None => all.may_be_unknown = true,
        }
        all.is_dynamic |= self.is_dynamic;
        all
    }

    fn depth(&self) -> usize {
        let fields = self.fields.values().map(AbstractValue::depth).max();
        let element = self.element.as_ref().map(|it| it.depth());
        fields.max(element).map_or(0, |it| it + 1)
    }
}

/// The state of the analysis.
struct Analyzer<'a> {
    templates: &'a Templates,
    charts: &'a BTreeSet<Path>,
    default_keys: &'a BTreeMap<Path, Vec<Str>>,
    /// The templates of each text in values, and of each file.
    texts: Vec<Vec<Arc<Template>>>,
    files: Vec<Vec<Arc<Template>>>,
    /// The templates that the texts and files define, by name.
    defined: BTreeMap<Str, Arc<Template>>,
    found: Reads,
    /// The templates that are or will be analysed, by address, and their dots.
    seen: BTreeSet<(usize, AbstractValue)>,
    /// The templates to analyse, and their dots.
    open: Vec<(Arc<Template>, AbstractValue)>,
    /// The dots that are passed to `tpl`.
    dots: BTreeSet<AbstractValue>,
    steps: usize,
}

impl Analyzer<'_> {
    fn run(&mut self) {
        while let Some((template, dot)) = self.open.pop() {
            self.interpret(&template, &dot);
            if self.steps > STEPS_MAX {
                self.found.is_incomplete = true;
                return;
            }
        }
    }

    /// Schedules the analysis of a template with a dot, unless it already was.
    fn enter(&mut self, template: Arc<Template>, dot: AbstractValue) {
        let key = (Arc::as_ptr(&template).addr(), dot.clone());
        if self.seen.insert(key) {
            self.open.push((template, dot));
        }
    }

    /// Schedules the analysis of the template with a name.
    fn enter_named(&mut self, name: &Str, dot: AbstractValue) {
        let known = self.templates.get(name).or_else(|| self.defined.get(name));
        if let Some(template) = known.cloned() {
            self.enter(template, dot);
        }
    }

    /// Schedules the analysis of all templates, because any of them may be executed.
    fn enter_any(&mut self, dot: &AbstractValue) {
        let all = self.templates.all().chain(self.defined.values());
        let all: Vec<Arc<Template>> = all.cloned().collect();
        all.into_iter().for_each(|it| self.enter(it, dot.clone()));
    }

    /// The path in the values of the outermost chart, to which the globals of all charts belong.
    fn normalized(&self, path: &Path) -> Path {
        let is_global = |at: &usize| {
            path[*at] == *GLOBAL && self.charts.contains(path.get(..*at).unwrap_or(&[]))
        };
        match (0..path.len()).find(is_global) {
            Some(at) => path.iter().skip(at).cloned().collect(),
            None => path.clone(),
        }
    }

    /// Marks the value at a path as read.
    fn read_path(&mut self, path: &Path) {
        let path = self.normalized(path);
        self.found.values.entry(path).or_insert(false);
    }

    /// Marks the value at a path and everything below it as read.
    fn read_all_below(&mut self, path: &Path) {
        let path = self.normalized(path);
        if self.charts.contains(&path) {
            self.found.values.insert(vec![GLOBAL.into()], true);
        }
        self.found.values.insert(path, true);
    }

    /// Marks everything in a value as read.
    fn read_all(&mut self, value: &AbstractValue) {
        for location in &value.locations {
            match location {
                Location::Dot(path) | Location::Subcharts(path) | Location::Values(path) => {
                    self.read_all_below(path);
                }
            }
        }
        value.fields.values().for_each(|it| self.read_all(it));
        value.element.iter().for_each(|it| self.read_all(it));
    }

    /// A field of a value.
    fn field(&mut self, value: &AbstractValue, key: &Str) -> AbstractValue {
        let own = value.fields.get(key).or(value.element.as_deref());
        let mut found = own.cloned().unwrap_or_default();
        found.may_be_unknown |= value.may_be_unknown;
        found.is_dynamic |= value.is_dynamic;
        for location in &value.locations {
            match (location, key.to_str()) {
                (Location::Dot(path), Some("Values")) => {
                    found.locations.insert(Location::Values(path.clone()));
                }
                (Location::Dot(path), Some("Subcharts")) => {
                    found.locations.insert(Location::Subcharts(path.clone()));
                }
                (Location::Dot(_), _) => {
                    found.may_be_unknown = true;
                    found.is_dynamic = true;
                }
                (Location::Subcharts(path), _) => {
                    let mut path = path.clone();
                    path.push(key.clone());
                    found.locations.insert(Location::Dot(path));
                }
                (Location::Values(path), Some("AsMap")) if self.charts.contains(path) => {
                    found.locations.insert(location.clone());
                }
                (Location::Values(path), _) if path.len() >= PATH_MAX => self.read_all_below(path),
                (Location::Values(path), _) => {
                    let mut path = path.clone();
                    path.push(key.clone());
                    self.read_path(&path);
                    found.locations.insert(Location::Values(path));
                }
            }
        }
        found
    }

    /// The value at a path of keys.
    fn fields<'k>(
        &mut self,
        value: AbstractValue,
        keys: impl IntoIterator<Item = &'k Str>,
    ) -> AbstractValue {
        keys.into_iter()
            .fold(value, |value, key| self.field(&value, key))
    }

    /// The value of a computed key. A key that only depends on the template is assumed to be in the defaults of the chart.
    fn indexed(&mut self, value: &AbstractValue, key: &AbstractValue) -> AbstractValue {
        if let Some(keys) = key.constants() {
            let found = keys.iter().map(|it| self.field(value, it));
            return AbstractValue::union(found.collect::<Vec<_>>());
        }
        let mut found = value.elements();
        for location in &value.locations {
            let keys = match location {
                Location::Values(path) if !key.depends_on_values() => self.default_keys_at(path),
                _ => Vec::new(),
            };
            let location = AbstractValue::from_location(location.clone());
            if keys.is_empty() {
                self.read_all(&location);
                found.is_dynamic = true;
            }
            for key in keys {
                let field = self.field(&location, &key);
                found.join(field);
            }
        }
        found
    }

    /// The keys of the defaults at a path.
    fn default_keys_at(&self, path: &Path) -> Vec<Str> {
        let path = self.normalized(path);
        self.default_keys.get(&path).cloned().unwrap_or_default()
    }
}
