//! `replacements`: copies a value of one resource to fields of others.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use indexmap::IndexMap;

use pleach_kube::object::Gvk;
use pleach_kube::secret::{is_secret, quoted};
use pleach_yaml::diag::{Class, Diagnostic, Diagnostics, Source};
use pleach_yaml::{
    Comments, Node, Style, Tag, View, comments_around, emit_go_yaml_v3, parse_as_written, parse_one,
};

use super::super::accumulate::only_first_document;
use super::super::fieldspec::selects;
use super::super::internal_annotations::is_near_annotations;
use super::super::kustomization::{
    FieldOptions, Replacement, ReplacementSource, ReplacementTarget,
};
use super::super::path::{self, Create};
use super::super::plugins::configuration;
use super::super::record::{List, Text, read_lenient, record};
use super::super::resource::Resource;
use super::super::resources::Resources;
use super::super::selector::{Identity, Selector, did_you_mean};
use super::super::structured;
use super::{Transform, TransformContext};

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "ReplacementTransformer",
    apply: |transform, resources| {
        let entries = &transform.fields.replacements;
        if entries.is_empty() {
            return Ok(());
        }
        replace_all(transform, entries, resources)?;
        transform.done(TRANSFORM.plugin, resources);
        Ok(())
    },
    run: |transform, config, resources| {
        let config: ReplacementPlugin = configuration(config)?;
        replace_all(transform, &config.replacements, resources)
    },
};

record! {
    struct ReplacementPlugin {
        replacements: List<Replacement> = "replacements",
    }
}

/// The default field for a name.
const NAME: &str = "metadata.name";

fn replace_all(
    transform: &mut TransformContext<'_, '_>,
    entries: &[Replacement],
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let mut replacements = Vec::new();
    for entry in entries {
        load(transform, entry, &mut replacements)?;
    }
    let mut names = None;
    for entry in &replacements {
        let index = names.get_or_insert_with(|| Names::new(resources));
        let mut value = value(entry, index, resources)?;
        for target in &entry.targets {
            let index = names.get_or_insert_with(|| Names::new(resources));
            if fill(transform, target, &mut value, index, resources)? {
                // A replacement can change `metadata.name`, and the next one may use the new name.
                names = None;
            }
        }
    }
    Ok(())
}

/// The replacements of an entry: itself, or those in its file.
fn load(
    transform: &TransformContext<'_, '_>,
    entry: &Replacement,
    replacements: &mut Vec<Replacement>,
) -> Result<(), Diagnostic> {
    let path = &entry.path;
    if path.is_empty() {
        replacements.push(entry.clone());
        return Ok(());
    }
    if entry.source.is_some() || !entry.targets.is_empty() {
        let message = "the replacement has both `path` and a `source` or `targets`";
        return Err(Diagnostic::error("replacement-twice", message).at(&entry.span));
    }
    let source = transform
        .context
        .loader
        .source(&transform.folder, path, path.span())?;
    let faulty = |faults: Diagnostics| {
        let fault = faults.into_iter().next();
        let fault = fault.unwrap_or_else(|| {
            Diagnostic::error("bad-replacement", "the file cannot be parsed").at(path)
        });
        only_first_document(fault)
    };
    let document = parse_one(&source).map_err(faulty)?;
    let (one, many);
    let items = match document.view() {
        View::Sequence(items) => {
            many = items;
            many
        }
        View::Mapping(_) => {
            one = [document.clone()];
            &one
        }
        View::Scalar(_) => {
            let message = format!(
                "expected replacements, found {}",
                document.kind().description()
            );
            return Err(Diagnostic::error("bad-replacement", message)
                .at(&document)
                .related(path.span(), "listed here")
                .help("write a list of maps, each with `source` and `targets`"));
        }
    };
    for item in items {
        let mut faults = Diagnostics::default();
        let record = read_lenient(item, "a replacement", &mut faults);
        if faults.has_errors() {
            return Err(faulty(faults));
        }
        replacements.push(record);
    }
    Ok(())
}

/// Resources by current and former names.
struct Names {
    by_name: IndexMap<Box<str>, Vec<usize>>,
}

impl Names {
    fn new(resources: &Resources) -> Names {
        let mut by_name: IndexMap<Box<str>, Vec<usize>> = IndexMap::new();
        for (at, resource) in resources.iter().enumerate() {
            for (_, name, _) in ids(resource) {
                let indexes = by_name.entry(name.into()).or_default();
                if indexes.last() != Some(&at) {
                    indexes.push(at);
                }
            }
        }
        Names { by_name }
    }

    /// The positions of resources with a name; of all if it is empty.
    fn indexes(&self, name: Option<&str>, count: usize) -> Vec<usize> {
        match name {
            Some(name) => self.by_name.get(name).cloned().unwrap_or_default(),
            None => (0..count).collect(),
        }
    }
}

/// Kind, name and namespace: current and former ones.
fn ids(resource: &Resource) -> impl Iterator<Item = (Gvk, &str, &str)> {
    let gvk = resource.object.gvk();
    let now = (
        gvk.clone(),
        resource.object.name(),
        resource.object.namespace(),
    );
    let before = resource.previous.iter().map(move |it| {
        let gvk = Gvk {
            kind: it.kind.as_ref().into(),
            ..gvk.clone()
        };
        (gvk, &*it.name, &*it.namespace)
    });
    std::iter::once(now).chain(before)
}

/// The value to copy.
struct Value {
    node: Node,
    /// The resource and field of the value. kustomize copies from the field each time, and a target can also be the source. `None` for a
    /// part of a string, or a value of the replacement itself, which is copied once.
    from: Option<(usize, Vec<String>)>,
    /// The comments of the value, read when it is copied into a text, where they are kept.
    comments: OnceCell<Arc<Comments>>,
}

impl Value {
    fn new(node: Node, from: Option<(usize, Vec<String>)>) -> Value {
        Value {
            node,
            from,
            comments: OnceCell::new(),
        }
    }

    /// A value whose comments are not copied.
    fn without_comments(node: Node, from: Option<(usize, Vec<String>)>) -> Value {
        Value {
            comments: OnceCell::from(Arc::default()),
            ..Value::new(node, from)
        }
    }

    fn comments(&self) -> &Arc<Comments> {
        let read = || Arc::new(comments_around(&self.node));
        self.comments.get_or_init(read)
    }

    /// Updates the value after its resource has changed.
    fn follow(&mut self, at: usize, resource: &Resource) {
        let from = self.from.as_ref().filter(|(from, _)| *from == at);
        if let Some(node) = from.and_then(|(_, path)| current(resource, path)) {
            self.node = node.into_owned();
        }
    }

    /// Creates the target field before a value is copied within one resource: if the field is inside the value, the value then contains it.
    fn follow_created(
        &mut self,
        at: usize,
        resource: &mut Resource,
        field: &Text,
        options: Option<&FieldOptions>,
    ) {
        let is_same = self.from.as_ref().is_some_and(|(from, _)| *from == at);
        if is_same && options.is_some_and(|it| it.create) {
            let parts = path::split(field);
            let create = Create::like(&self.node);
            // An error in the path is reported when the value is copied.
            let _ = path::visit(resource.node_mut(), &parts, create, &mut |_| Ok(()));
            self.follow(at, resource);
        }
    }
}

/// The value of a field, which in the annotations includes kustomize's internal ones.
fn current<'a>(resource: &'a Resource, path: &[String]) -> Option<Cow<'a, Node>> {
    if is_near_annotations(path) {
        let mut resource = resource.clone();
        resource.inject();
        return path::lookup(resource.node(), path).cloned().map(Cow::Owned);
    }
    let value = path::lookup(resource.node(), path)?;
    if !resource.is_from_json || value.is_scalar() {
        return Some(Cow::Borrowed(value));
    }
    // The order and quotes of keys are only seen if the value is copied into a text.
    let text = Source::internal("value", emit_go_yaml_v3(value.clone()));
    Some(parse_one(&text).map_or(Cow::Borrowed(value), Cow::Owned))
}

fn value(entry: &Replacement, names: &Names, resources: &Resources) -> Result<Value, Diagnostic> {
    let wrong = |message: &str, help: &str| {
        let fault = Diagnostic::error("bad-replacement", message).at(&entry.span);
        Err(fault.help(help))
    };
    if entry.targets.span.is_none() {
        let help = "add `targets`, a list of maps with `select` and `fieldPaths`";
        return wrong("the replacement has no `targets`", help);
    }
    match (&entry.source, &entry.source_value) {
        (None, None) => {
            let help = "add `source`, which selects a field, or `sourceValue`, a string";
            wrong("the replacement has no `source`", help)
        }
        (Some(_), Some(_)) => {
            let message = "the replacement has both `source` and `sourceValue`";
            wrong(message, "keep one of the two")
        }
        (None, Some(value)) => {
            let node = Node::scalar(&**value, Style::Plain, Tag::None).at(value.span());
            Ok(Value::without_comments(node, None))
        }
        (Some(source), None) => source_value(source, names, resources),
    }
}

fn source_value(
    source: &ReplacementSource,
    names: &Names,
    resources: &Resources,
) -> Result<Value, Diagnostic> {
    let (at, resource) = source_resource(source, names, resources)?;
    let field = match &*source.field_path {
        "" => NAME,
        field => field,
    };
    let path = path::split(field);
    let value = current(resource, &path)
        // kustomize reports an empty source as missing.
        .filter(|it| !it.is_tagged_null() && !it.is_empty_collection())
        .ok_or_else(|| {
            let message = format!("{} has no field `{field}` to copy", resource.object.id());
            Diagnostic::error("missing-replacement-source", message)
                .at(source.field_path.span_or(&source.span))
                .related(resource.object.span(), "the resource")
                .help(match path.iter().any(|it| it == "*") {
                    true => "name a single field, without `*`",
                    false => {
                        "set the field in the resource to a non-empty value, or name another field"
                    }
                })
        })?;
    let options = source.options.as_ref();
    if let Some(options) = options.filter(|it| !it.delimiter.is_empty()) {
        return Ok(Value::new(
            source_part(&value, options, resource, field)?,
            None,
        ));
    }
    let new = match resource.is_from_json {
        true => Value::without_comments,
        false => Value::new,
    };
    Ok(new(value.into_owned(), Some((at, path))))
}

/// The part of a source value that its delimiter and index select.
fn source_part(
    value: &Node,
    options: &FieldOptions,
    resource: &Resource,
    field: &str,
) -> Result<Node, Diagnostic> {
    let Some(whole) = value.as_str() else {
        let message = format!("a delimiter cannot split {}", value.kind().description());
        let fault = Diagnostic::error("bad-replacement", message).at(&options.span);
        return Err(fault.help(NO_DELIMITER));
    };
    let index = options.index.value();
    let parts = whole.split(&*options.delimiter);
    let part = usize::try_from(index)
        .ok()
        .and_then(|at| parts.into_iter().nth(at))
        .ok_or_else(|| {
            let message = match is_secret(resource.node()) {
                true => format!("the value has no part {index}"),
                false => format!("{} has no part {index}", quoted(value, field)),
            };
            let fault = Diagnostic::error("bad-replacement", message).at(&options.span);
            fault.help("parts are counted from 0: use a smaller `index`, or another `delimiter`")
        })?;
    Ok(Node::scalar(part, value.style(), value.tag()).at(value))
}

fn source_resource<'a>(
    source: &ReplacementSource,
    names: &Names,
    resources: &'a Resources,
) -> Result<(usize, &'a Resource), Diagnostic> {
    let (pattern, name, namespace) = (source.gvk.to_gvk(), &*source.name, &*source.namespace);
    let space = |it: &str| {
        if it.is_empty() {
            "default".to_string()
        } else {
            it.to_string()
        }
    };
    let is_source = |(_, resource): &(usize, &Resource)| {
        ids(resource).any(|(gvk, has_name, has_namespace)| {
            // Exact strings, unlike in targets, which use regular expressions.
            (name.is_empty() || name == has_name)
                && (namespace.is_empty() || space(namespace) == space(has_namespace))
                && selects(&pattern, &gvk)
        })
    };
    let indexes = names.indexes((!name.is_empty()).then_some(name), resources.len());
    let mut found = indexes
        .into_iter()
        .filter_map(|at| Some((at, resources.get(at)?)))
        .filter(is_source);
    match (found.next(), found.next()) {
        (Some(found), None) => Ok(found),
        (None, _) => Err(missing_source(source, &pattern.kind, resources)),
        (Some((_, one)), Some((_, other))) => Err(Diagnostic::error(
            "ambiguous-replacement-source",
            "the source of the replacement matches several resources",
        )
        .at(&source.span)
        .related(one.object.span(), "one of them")
        .related(other.object.span(), "another")
        .help("add `group`, `version`, `kind`, `name` or `namespace`")),
    }
}

fn missing_source(source: &ReplacementSource, kind: &str, resources: &Resources) -> Diagnostic {
    let subject = [kind, &*source.name].join(" ");
    let message = match subject.trim() {
        "" => "the source of the replacement matches no resource".to_string(),
        subject => {
            format!("the source of the replacement matches no resource: {subject} does not exist")
        }
    };
    let fault = Diagnostic::error("missing-replacement-source", message)
        .at(&source.span)
        .help("use the current or an earlier name of a resource in this kustomization");
    let identity = Identity {
        kind: &source.gvk.kind,
        name: &source.name,
        namespace: &source.namespace,
    };
    did_you_mean(fault, &identity, resources)
}

/// Copies the value to everything that a target selects. Returns whether a name has changed.
fn fill(
    transform: &mut TransformContext<'_, '_>,
    target: &ReplacementTarget,
    value: &mut Value,
    names: &Names,
    resources: &mut Resources,
) -> Result<bool, Diagnostic> {
    let Some(select) = &target.select else {
        return Err(without_select(target));
    };
    let selector = Selector::new(select)?;
    let rejects = target.reject.iter();
    let rejects = rejects
        .map(Selector::new)
        .collect::<Result<Vec<Selector>, Diagnostic>>()?;
    let default = [Text::new(Node::constant(NAME).at(&target.span))];
    let fields = match &*target.field_paths {
        [] => &default,
        fields => fields,
    };
    let options = target.options.as_ref();
    let (mut matched, mut renamed) = (false, false);
    for at in names.indexes(selector.exact_name(), resources.len()) {
        let is_selected = resources
            .get(at)
            .is_some_and(|it| is_selected(it, &selector, &rejects));
        let Some(resource) = resources.get_mut(at).filter(|_| is_selected) else {
            continue;
        };
        matched = true;
        let name: Box<str> = resource.object.name().into();
        for field in fields {
            let added = &mut transform.context.added;
            let mut change = |resource: &mut Resource| {
                value.follow_created(at, resource, field, options);
                let added = added.add_copies(&value.node, 1);
                added.map_err(|_| too_large().at(field))?;
                let written = copy(resource, field, value, at, options)
                    .map_err(|it| it.related(&target.span, "the target"))?;
                let lost = (!written).then(|| lost(resource, field));
                resource.settle();
                value.follow(at, resource);
                Ok(lost)
            };
            let lost = match is_near_annotations(&path::split(field)) {
                true => resource.change_with_notes(change)?,
                false => change(resource)?,
            };
            transform.context.diagnostics.extend(lost);
            if let Some(lost) = resource.lost() {
                return Err(without_identity(lost, field, value));
            }
        }
        renamed |= *name != *resource.object.name();
    }
    if fields.iter().any(is_identity) {
        resources.set_renamed();
    }
    if !matched {
        let message = "the target of the replacement matches no resource";
        let warning = Diagnostic::warning("unmatched-replacement", message);
        let warning = warning.class(Class::Unmatched).at(&select.span);
        let warning = did_you_mean(warning, &select.identity(), resources);
        transform.context.diagnostics.push(warning);
    }
    Ok(renamed)
}

/// Whether a field is a part of the identity of a resource.
fn is_identity(field: &Text) -> bool {
    let identity = ["metadata.name", "kind", "apiVersion"];
    identity.iter().any(|it| field.starts_with(it))
}

fn without_select(target: &ReplacementTarget) -> Diagnostic {
    let message = "the target has no `select`";
    let fault = Diagnostic::error("bad-replacement", message).at(&target.span);
    fault.help("add `select` with a kind, name, namespace or labels")
}

fn without_identity(lost: &str, field: &Text, value: &Value) -> Diagnostic {
    let message = format!("the replacement leaves the object without `{lost}`");
    Diagnostic::error("bad-replacement", message)
        .at(field)
        .related(value.node.span(), "the value")
        .help("copy a value that is not empty, or name another field")
}

const NO_DELIMITER: &str = "remove `delimiter`, or name a field that is a string";

fn too_large() -> Diagnostic {
    let message = "replacements make the objects too large or too deep";
    Diagnostic::error("bad-replacement", message)
        .help("copying a field into itself doubles its size each time")
}

fn is_selected(resource: &Resource, selector: &Selector, rejects: &[Selector]) -> bool {
    let by_metadata = rejects
        .iter()
        .any(|it| it.has_requirements() && it.matches_metadata(resource));
    let matches = |selector: &Selector| {
        ids(resource).any(|(gvk, name, space)| selector.matches_id(&gvk, name, space))
    };
    selector.matches_metadata(resource)
        && !by_metadata
        && !rejects.iter().any(|it| !it.is_open() && matches(it))
        && matches(selector)
}

/// Copies a value. Returns whether it was written: below an existing null, kustomize creates fields that are lost.
///
/// If the path contains a `*`, one of the fields may be the source itself; after it, its new value is copied. `at` is the position of the
/// resource.
fn copy(
    resource: &mut Resource,
    field: &Text,
    value: &mut Value,
    at: usize,
    options: Option<&FieldOptions>,
) -> Result<bool, Diagnostic> {
    let parts = path::split(field);
    let create = match options {
        Some(options) if options.create => Create::like(&value.node),
        _ => Create::Nothing,
    };
    let text = text_on(resource.node(), &parts).map(|it| (it, value.comments().clone()));
    let own = value.from.as_ref().filter(|(from, _)| *from == at);
    // Mutably, so that the search below finds it at the same address: shared collections move when they change.
    let own = own.and_then(|(_, path)| path::lookup_mut(resource.node_mut(), path));
    // Missing fields were created before, so no field moves.
    // By address, since equal values elsewhere in the object are not the source.
    let own = own.map(|it| std::ptr::from_ref::<Node>(it));
    let current = &mut value.node;
    let mut set = |field: &mut Node| {
        let is_own = own.is_some_and(|it| std::ptr::eq(it, field));
        set(field, current, options)?;
        if is_own {
            *current = field.clone();
        }
        Ok(())
    };
    if let Some((count, comments)) = text
        && let Some(path) = parts.split_at_checked(count)
        && let Some(written) = copy_into_text(resource.node_mut(), path, create, comments, &mut set)
    {
        return Ok(written);
    }
    let id = resource.object.id();
    let span = resource.object.span().clone();
    let count =
        path::visit(resource.node_mut(), &parts, create, &mut set).map_err(|it| match it.span {
            Some(_) => it.related(field.span(), "the path of the field"),
            None => it.at(field),
        })?;
    if count == 0 {
        let message = format!("{id} has no field `{}`", &**field);
        let fault = Diagnostic::error("missing-replacement-target", message).at(field);
        return Err(fault.related(span, "the resource").help(match create {
            Create::Nothing => "set `options: {create: true}` to create it",
            _ => "change its parent to a map, such as `{}`",
        }));
    }
    // The path leads into a string or below a null, and kustomize sets the field in a copy.
    let is_scalar = |count: usize| {
        path::lookup(resource.node(), parts.get(..count).unwrap_or(&[]))
            .is_some_and(Node::is_scalar)
    };
    Ok(!(1..parts.len()).any(is_scalar))
}

fn lost(resource: &Resource, field: &Text) -> Diagnostic {
    let path = &**field;
    let id = resource.object.id();
    let parts = path::split(path);
    let above = (1..parts.len()).find_map(|count| {
        path::lookup(resource.node(), parts.get(..count)?).filter(|it| it.is_scalar())
    });
    let (reason, help) = match above {
        Some(text) if !text.is_tagged_null() => (
            "a parent field contains YAML as a string",
            "use a value with the type of the field in the string; otherwise, kustomize discards the change",
        ),
        _ => (
            "a parent field is null",
            "remove the null from the resource; kustomize discards fields below a null",
        ),
    };
    Diagnostic::warning(
        "lost-replacement",
        format!("cannot set {path} on {id}: {reason}"),
    )
    .at(field)
    .related(resource.object.span(), "the resource")
    .help(help)
}

/// The number of parts of a path that lead to a string with JSON or YAML in which the path continues.
fn text_on(node: &Node, parts: &[String]) -> Option<usize> {
    let is_text = |count: &usize| {
        path::lookup(node, parts.get(..*count).unwrap_or(&[])).is_some_and(is_structured)
    };
    (1..parts.len()).find(is_text)
}

/// Copies a value to a path in JSON or YAML inside a string. `None` if the path does not exist. Returns whether the value was written: in a
/// null, it is lost, but the string is written again.
///
/// Only the first document of the string is kept, as in kustomize.
fn copy_into_text(
    node: &mut Node,
    (outer, inner): (&[String], &[String]),
    create: Create,
    comments: Arc<Comments>,
    set: &mut dyn FnMut(&mut Node) -> Result<(), Diagnostic>,
) -> Option<bool> {
    let field = path::lookup_mut(node, outer)?;
    let original = field.as_str()?.to_string();
    let source = Source::internal("text", original.as_str());
    let mut inside = parse_as_written(&source).ok()??;
    inside.document.declare_types();
    let is_null = inside.document.is_tagged_null();
    let found = path::visit(&mut inside.document, inner, create, set).ok()?;
    if found == 0 {
        return None;
    }
    inside.comments.insert(comments);
    let text = structured::write(&inside, &original)?;
    *field = Node::scalar(text, field.style(), field.tag()).at(field.span());
    Some(!is_null)
}

fn is_structured(node: &Node) -> bool {
    node.as_str()
        .is_some_and(|text| parse_as_written(&Source::internal("text", text)).is_ok())
}

/// Sets a value. An existing scalar gets the new text and keeps its type.
fn set(field: &mut Node, value: &Node, options: Option<&FieldOptions>) -> Result<(), Diagnostic> {
    let mut new = value.as_str().unwrap_or("").to_string();
    if let Some(options) = options.filter(|it| !it.delimiter.is_empty()) {
        let Some(old) = field.as_str() else {
            let message = format!("a delimiter cannot split {}", field.kind().description());
            let fault = Diagnostic::error("bad-replacement", message).at(&options.span);
            return Err(fault.help(NO_DELIMITER));
        };
        new = with_part(old, &options.delimiter, options.index.value(), &new);
    }
    if field.is_scalar() && !is_alias(field) {
        *field = Node::scalar(new, field.style(), field.tag()).at(field.span());
    } else {
        *field = value.deep_clone();
    }
    Ok(())
}

/// The string with one of its parts replaced. An index out of range adds a part at the beginning or end.
fn with_part(text: &str, delimiter: &str, index: i64, new: &str) -> String {
    // kustomize prepends for a negative index, and appends after the last part.
    let Ok(index) = usize::try_from(index) else {
        return [new, delimiter, text].concat();
    };
    let mut parts = text.split(delimiter);
    let before = parts.by_ref().take(index);
    let start: usize = before.map(|it| it.len() + delimiter.len()).sum();
    let Some(part) = parts.next() else {
        return [text, delimiter, new].concat();
    };
    let (before, rest) = text.split_at(start);
    let (_, after) = rest.split_at(part.len());
    [before, new, after].concat()
}

/// Whether a value in a string is an alias, which the new value replaces.
fn is_alias(field: &Node) -> bool {
    field.style() == Style::Plain
        && field.as_str().is_some_and(|it| it.starts_with('*'))
        && field.as_str() == Some(field.span().text())
}
