//! The fields that a transformer changes: kind and path, as in kustomize's configuration.

use std::sync::{Arc, OnceLock};

use pleach_kube::object::Gvk;
use pleach_yaml::diag::{Diagnostic, Span};
use pleach_yaml::{FieldPath, Mapping, Node, Step};

use super::internal_annotations::is_near_annotations;
use super::resource::plain_key;

/// A kind (empty parts match everything) and a path of keys; of lists on the way, all items are selected.
#[derive(Clone, Debug)]
pub(super) struct FieldSpec {
    pub(super) gvk: Gvk,
    /// As written, parts joined by `/`.
    pub(super) path: Box<str>,
    /// Whether missing maps on the way are created.
    pub(super) create: bool,
    /// The entry in a file; none for kustomize's defaults.
    span: Option<Span>,
    /// Split when first walked: most specs are of kinds that a build does not have.
    parts: OnceLock<Box<[Part]>>,
    /// The path in an object in which it does not lead through a list.
    keys: OnceLock<Arc<FieldPath>>,
}

/// The maximum depth, the same as for documents.
// A path creates missing fields, and each of its parts is a level that is visited recursively.
pub(super) const DEPTH_MAX: usize = 1_000;

#[derive(Clone, Debug)]
struct Part {
    key: Box<str>,
    /// Whether the part ends in `[]`.
    list: bool,
    /// Whether the key selects a list item, which is an error where the object has a map.
    selects_item: bool,
}

/// The type of the node to create at the end of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf {
    /// Nothing is created, regardless of the spec.
    Never,
    Mapping,
    /// A scalar to be set.
    Scalar,
}

impl FieldSpec {
    pub(super) fn new(gvk: Gvk, path: &str, create: bool) -> FieldSpec {
        FieldSpec {
            gvk,
            path: path.into(),
            create,
            span: None,
            parts: OnceLock::new(),
            keys: OnceLock::new(),
        }
    }

    /// Sets the entry in a file.
    pub(super) fn at(self, span: Span) -> FieldSpec {
        let span = Some(span);
        FieldSpec { span, ..self }
    }

    fn parts(&self) -> &[Part] {
        let part = |part: String| {
            let key = part.strip_suffix("[]").unwrap_or(&part);
            Part {
                key: key.into(),
                list: key.len() < part.len(),
                selects_item: is_list_part(key),
            }
        };
        self.parts
            .get_or_init(|| split_path(&self.path, '/').into_iter().map(part).collect())
    }

    /// Whether the path leads to the annotations, or to a field around them or in them.
    pub(super) fn is_near_annotations(&self) -> bool {
        let keys: Vec<&str> = self.parts().iter().map(|it| &*it.key).collect();
        is_near_annotations(&keys)
    }

    /// A path in every kind, created if missing.
    pub(super) fn everywhere(path: &str) -> FieldSpec {
        FieldSpec::new(Gvk::default(), path, true)
    }

    /// Whether the spec applies to this kind.
    pub(super) fn selects(&self, gvk: &Gvk) -> bool {
        selects(&self.gvk, gvk)
    }

    /// Whether this spec already covers `other`.
    fn covers(&self, other: &FieldSpec) -> bool {
        // As in kustomize, a spec for all kinds is dropped if one for a single kind exists.
        self.path == other.path && selects(&other.gvk, &self.gvk)
    }

    /// Calls `set` on each field that the path leads to. The caller must check [`FieldSpec::selects`] first.
    pub(super) fn visit(
        &self,
        object: &mut Node,
        leaf: Leaf,
        set: &mut Set<'_>,
    ) -> Result<(), Diagnostic> {
        check_parts(self.parts().len(), object.span())?;
        // Both must allow it: `create` in the specification, and the transformer. Images are never
        // created.
        let leaf = if self.create { leaf } else { Leaf::Never };
        walk(object, self.parts(), leaf, &Trail::Root, set).map_err(|it| self.named(it, object))
    }

    /// The path of a field that [`visit`](FieldSpec::visit) has found.
    pub(super) fn path_of(&self, trail: &Trail<'_>) -> Arc<FieldPath> {
        match trail.has_index() {
            true => Arc::new(trail.path()),
            false => self.keys.get_or_init(|| Arc::new(trail.path())).clone(),
        }
    }

    /// Adds the object and path to an error.
    fn named(&self, fault: Diagnostic, object: &Node) -> Diagnostic {
        let text = |keys: &[&str]| object.at_keys(keys).and_then(Node::as_str).unwrap_or("");
        let (kind, name) = (text(&["kind"]), text(&["metadata", "name"]));
        fault.help(format!(
            "the configured path is `{}`, the object {kind} {name}",
            self.path
        ))
    }
}

/// Rejects a path that is deeper than any document may be.
pub(super) fn check_parts(parts: usize, at: &Span) -> Result<(), Diagnostic> {
    match parts > DEPTH_MAX {
        true => {
            let message = format!("a field's path has more than {DEPTH_MAX} parts");
            let fault = Diagnostic::error("path-too-long", message).at(at.start());
            Err(fault.help("shorten the path in the kustomization or its configuration"))
        }
        false => Ok(()),
    }
}

/// Whether a kind matches a pattern: empty parts of the pattern match everything.
pub(super) fn selects(pattern: &Gvk, gvk: &Gvk) -> bool {
    let fits = |pattern: &str, found: &str| pattern.is_empty() || pattern == found;
    fits(&pattern.kind, &gvk.kind)
        && fits(&pattern.group, &gvk.group)
        && fits(&pattern.version, &gvk.version)
}

/// The action on a field, given the trail to it.
pub(super) type Set<'a> = dyn FnMut(&mut Node, &Trail<'_>) -> Result<(), Diagnostic> + 'a;

/// The path to a field, kept on the stack, because most callers do not need it.
pub(super) enum Trail<'a> {
    Root,
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl Trail<'_> {
    fn has_index(&self) -> bool {
        match self {
            Trail::Root => false,
            Trail::Key(parent, _) => parent.has_index(),
            Trail::Index(..) => true,
        }
    }

    /// The trail as a path.
    pub(super) fn path(&self) -> FieldPath {
        let mut path = FieldPath::root();
        self.write(&mut path);
        path
    }

    fn write(&self, path: &mut FieldPath) {
        let (parent, step) = match self {
            Trail::Root => return,
            Trail::Key(parent, key) => (parent, Step::Key((*key).into())),
            Trail::Index(parent, index) => (parent, Step::Index(*index)),
        };
        parent.write(path);
        path.push(step);
    }
}

fn walk(
    node: &mut Node,
    parts: &[Part],
    leaf: Leaf,
    trail: &Trail<'_>,
    set: &mut Set<'_>,
) -> Result<(), Diagnostic> {
    let Some((part, rest)) = parts.split_first() else {
        return set(node, trail);
    };
    // kustomize ignores fields below a null and does not report them.
    if node.is_tagged_null() {
        return Ok(());
    }
    if let Some(items) = node.as_sequence_mut() {
        let mut items = items.iter_mut().enumerate();
        return items
            .try_for_each(|(at, item)| walk(item, parts, leaf, &Trail::Index(trail, at), set));
    }
    // An empty part comes from `a//b`, which no map can have as a key.
    if node.as_mapping().is_none() || part.key.is_empty() {
        return Err(type_mismatch(node, &part.key));
    }
    let Some(mapping) = node.as_mapping_mut() else {
        return Ok(());
    };
    // Only replacements support `*`.
    if &*part.key == "*" {
        return Err(wildcard(trail).at(&*node));
    }
    if part.selects_item {
        return Err(index_in_map(&part.key).at(&*node));
    }
    let trail = Trail::Key(trail, &part.key);
    if leaf == Leaf::Never || part.list {
        let Some(field) = mapping.get_mut(&part.key) else {
            return Ok(());
        };
        // `[]` in a path expects a list, and kustomize converts the null to one.
        if part.list && field.is_tagged_null() {
            *field = Node::sequence([]);
        }
        return walk(field, rest, leaf, &trail, set);
    }
    let made = || match (rest.is_empty(), leaf) {
        (true, Leaf::Scalar) => Node::string(""),
        _ => Node::mapping(Mapping::new()),
    };
    if !mapping.contains_key(&part.key) {
        mapping.insert(plain_key(&part.key), made());
    }
    let field = mapping.get_or_insert_with(&part.key, made);
    if field.is_tagged_null() {
        *field = made();
    }
    walk(field, rest, leaf, &trail, set)
}

fn wildcard(trail: &Trail<'_>) -> Diagnostic {
    let location = trail.path();
    let message = format!("a configured path has `*` where `{location}` is a map");
    Diagnostic::error("wildcard-in-path", message)
        .help("list the keys one by one; list items are selected automatically")
}

fn index_in_map(index: &str) -> Diagnostic {
    let message =
        format!("a configured path has the list index `{index}` where the object has a map");
    Diagnostic::error("wrong-field-type", message)
        .help("remove the index: a configured path selects all items of a list")
}

/// Whether a part of a path selects a list item in kustomize: a number, `-` for the last one, or `[field=value]`.
fn is_list_part(key: &str) -> bool {
    key == "-" || key.parse::<i64>().is_ok() || key.starts_with('[') && key.ends_with(']')
}

fn type_mismatch(node: &Node, key: &str) -> Diagnostic {
    let message = match key {
        "" => "a configured path has an empty part, at its end or between two `/`".to_string(),
        key => format!(
            "expected a map or a list that contains `{key}`, found {}",
            node.kind().description()
        ),
    };
    Diagnostic::error("wrong-field-type", message).at(node)
}

/// Adds new specs. The same path with a different `create` is an error.
pub(super) fn merge(specs: &mut Vec<FieldSpec>, more: &[FieldSpec]) -> Result<(), Diagnostic> {
    for spec in more {
        match specs.iter().find(|it| it.covers(spec)) {
            // kustomize also rejects this, because the result would depend on the order of files.
            Some(known) if known.create != spec.create => {
                return Err(conflict(spec, known));
            }
            Some(_) => {}
            None => specs.push(spec.clone()),
        }
    }
    Ok(())
}

fn conflict(spec: &FieldSpec, known: &FieldSpec) -> Diagnostic {
    let message = format!(
        "the field `{}` is configured both with and without `create`",
        spec.path
    );
    let fault = Diagnostic::error("conflicting-field-specs", message);
    let (at, other) = match (&spec.span, &known.span) {
        (Some(at), other) => (at, other),
        (None, Some(at)) => (at, &None),
        (None, None) => return fault,
    };
    let fault = fault.at(at);
    match other {
        Some(other) => fault
            .related(other, "also configured here")
            .help("remove one of the two, or give both the same `create`"),
        None => {
            let create = [spec, known]
                .iter()
                .any(|it| it.span.is_none() && it.create);
            fault.help(format!(
                "kustomize configures this field with `create: {create}`: remove the entry, or give it the same `create`"
            ))
        }
    }
}

/// Splits at unescaped delimiters; one at the very start is dropped.
pub(super) fn split_path(path: &str, delimiter: char) -> Vec<String> {
    let path = match path.strip_prefix(delimiter) {
        Some(rest) if !path.is_empty() => rest,
        _ => path,
    };
    let mut parts: Vec<String> = Vec::new();
    for part in path.split(delimiter) {
        match parts.last_mut() {
            // A label such as `example.com/team` has a slash, and is written
            // `metadata/labels/example.com\/team`.
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(delimiter);
                last.push_str(part);
            }
            _ => parts.push(part.to_string()),
        }
    }
    parts
}
