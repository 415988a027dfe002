//! The kustomization file: its fields, and what deprecated ones become.

use std::sync::Arc;

use pleach_yaml::diag::{Diagnostic, Diagnostics, Edit, Span};
use pleach_yaml::tree::TreePath;
use pleach_yaml::{Entry, Mapping, Node};

use super::resource::new_key;
use super::shape::{Fields, Shape, TEXTS, read_record};

/// The names a kustomization file may have.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A kustomization file that was read: known fields of the right types, deprecated ones put where they belong now.
#[derive(Clone, Debug)]
pub struct Kustomization {
    /// The path of the file, one of kustomize's three names.
    pub path: TreePath,
    /// Whether it is a component.
    pub component: bool,
    fields: Mapping,
    span: Span,
}

const GVK_NAME: Fields = SELECTOR;
const SELECTOR: Fields = &[
    ("group", Shape::Text),
    ("version", Shape::Text),
    ("kind", Shape::Text),
    ("name", Shape::Text),
    ("namespace", Shape::Text),
    ("annotationSelector", Shape::Text),
    ("labelSelector", Shape::Text),
];
const FIELD_SPEC: Fields = &[
    ("group", Shape::Text),
    ("version", Shape::Text),
    ("kind", Shape::Text),
    ("path", Shape::Text),
    ("create", Shape::Bool),
];
/// A list of field specs.
pub(super) const FIELD_SPECS: Shape = Shape::List(&Shape::Record(FIELD_SPEC));
pub(super) const TARGET: Shape = Shape::Record(SELECTOR);
const PATCH_OPTIONS: Fields = &[
    ("allowNameChange", Shape::Bool),
    ("allowKindChange", Shape::Bool),
];
const PATCH: Fields = &[
    ("path", Shape::Text),
    ("patch", Shape::Text),
    ("target", Shape::Record(GVK_NAME)),
    ("options", Shape::Record(PATCH_OPTIONS)),
];
/// Options of a patch.
pub(super) const PATCH_ARGS: Shape = Shape::Record(PATCH_OPTIONS);
/// An entry of `images`.
pub(super) const IMAGE: Fields = &[
    ("name", Shape::Text),
    ("newName", Shape::Text),
    ("tagSuffix", Shape::Text),
    ("newTag", Shape::Text),
    ("digest", Shape::Text),
];
/// An entry of `replicas`.
pub(super) const REPLICA: Fields = &[("name", Shape::Text), ("count", Shape::Int)];
const FIELD_OPTIONS: Shape = Shape::Record(&[
    ("delimiter", Shape::Text),
    ("index", Shape::Int),
    ("encoding", Shape::Text),
    ("create", Shape::Bool),
]);
/// An entry of `replacements`.
pub(super) const REPLACEMENT: Fields = &[
    ("path", Shape::Text),
    ("sourceValue", Shape::Text),
    (
        "source",
        Shape::Record(&[
            ("group", Shape::Text),
            ("version", Shape::Text),
            ("kind", Shape::Text),
            ("name", Shape::Text),
            ("namespace", Shape::Text),
            ("fieldPath", Shape::Text),
            ("options", FIELD_OPTIONS),
        ]),
    ),
    (
        "targets",
        Shape::List(&Shape::Record(&[
            ("select", TARGET),
            ("reject", Shape::List(&TARGET)),
            ("fieldPaths", TEXTS),
            ("options", FIELD_OPTIONS),
        ])),
    ),
];
const LABEL: Fields = &[
    ("pairs", Shape::Pairs),
    ("includeSelectors", Shape::Bool),
    ("includeTemplates", Shape::Bool),
    ("includeVolumeClaimTemplates", Shape::Bool),
    ("fields", FIELD_SPECS),
];
const GENERATOR_OPTIONS: Shape = Shape::Record(&[
    ("labels", Shape::Pairs),
    ("annotations", Shape::Pairs),
    ("disableNameSuffixHash", Shape::Bool),
    ("immutable", Shape::Bool),
]);
/// An entry of `configMapGenerator`.
pub(super) const CONFIG_MAP: Fields = &[
    ("namespace", Shape::Text),
    ("name", Shape::Text),
    ("behavior", Shape::Text),
    ("literals", TEXTS),
    ("files", TEXTS),
    ("envs", TEXTS),
    ("env", Shape::Text),
    ("options", GENERATOR_OPTIONS),
];
/// An entry of `secretGenerator`.
pub(super) const SECRET: Fields = &[
    ("namespace", Shape::Text),
    ("name", Shape::Text),
    ("behavior", Shape::Text),
    ("literals", TEXTS),
    ("files", TEXTS),
    ("envs", TEXTS),
    ("env", Shape::Text),
    ("options", GENERATOR_OPTIONS),
    ("type", Shape::Text),
];
const VAR: Fields = &[
    ("name", Shape::Text),
    (
        "objref",
        Shape::Record(&[
            ("apiVersion", Shape::Text),
            ("group", Shape::Text),
            ("version", Shape::Text),
            ("kind", Shape::Text),
            ("name", Shape::Text),
            ("namespace", Shape::Text),
        ]),
    ),
    ("fieldref", Shape::Record(&[("fieldPath", Shape::Text)])),
];
const OBJECT_META: Shape = Shape::Record(&[
    ("name", Shape::Text),
    ("namespace", Shape::Text),
    ("labels", Shape::Pairs),
    ("annotations", Shape::Pairs),
]);
const SORT_OPTIONS: Shape = Shape::Record(&[
    ("order", Shape::Text),
    (
        "legacySortOptions",
        Shape::Record(&[("orderFirst", TEXTS), ("orderLast", TEXTS)]),
    ),
]);

/// All fields of a kustomization.
const KUSTOMIZATION: Fields = &[
    ("apiVersion", Shape::Text),
    ("kind", Shape::Text),
    ("metadata", OBJECT_META),
    ("openapi", Shape::Pairs),
    ("namePrefix", Shape::Text),
    ("nameSuffix", Shape::Text),
    ("namespace", Shape::Text),
    ("commonLabels", Shape::Pairs),
    ("labels", Shape::List(&Shape::Record(LABEL))),
    ("commonAnnotations", Shape::Pairs),
    ("patchesStrategicMerge", TEXTS),
    ("patchesJson6902", Shape::List(&Shape::Record(PATCH))),
    ("patches", Shape::List(&Shape::Record(PATCH))),
    ("images", Shape::List(&Shape::Record(IMAGE))),
    ("imageTags", Shape::List(&Shape::Record(IMAGE))),
    ("replacements", Shape::List(&Shape::Record(REPLACEMENT))),
    ("replicas", Shape::List(&Shape::Record(REPLICA))),
    ("vars", Shape::List(&Shape::Record(VAR))),
    ("sortOptions", SORT_OPTIONS),
    ("resources", TEXTS),
    ("components", TEXTS),
    ("crds", TEXTS),
    ("bases", TEXTS),
    (
        "configMapGenerator",
        Shape::List(&Shape::Record(CONFIG_MAP)),
    ),
    ("secretGenerator", Shape::List(&Shape::Record(SECRET))),
    ("helmGlobals", Shape::Any),
    ("helmCharts", Shape::Any),
    ("helmChartInflationGenerator", Shape::Any),
    ("generatorOptions", GENERATOR_OPTIONS),
    ("configurations", TEXTS),
    ("generators", TEXTS),
    ("transformers", TEXTS),
    ("validators", TEXTS),
    ("buildMetadata", TEXTS),
];

/// Deprecated fields, their replacements, and whether kustomize warns of them too.
const DEPRECATED: &[(&str, &str)] = &[
    ("bases", "resources"),
    ("commonLabels", "labels"),
    ("imageTags", "images"),
    ("patchesJson6902", "patches"),
    ("patchesStrategicMerge", "patches"),
    ("vars", "replacements"),
];

impl Kustomization {
    /// A fault of a field, at its place.
    pub(super) fn at_field(&self, fault: Diagnostic, field: &str) -> Diagnostic {
        match (&fault.span, self.get(field)) {
            (None, Some(node)) => fault.at(node),
            _ => fault,
        }
    }

    /// Reads the document of a kustomization file. All its faults are found at once.
    pub fn read(
        path: &TreePath,
        node: &Node,
        diagnostics: &mut Diagnostics,
    ) -> Option<Kustomization> {
        let mut faults = Diagnostics::default();
        let mut fields = read_record(node, KUSTOMIZATION, "a kustomization", &mut faults);
        let component = check_type(&fields, &mut faults);
        diagnostics.extend(deprecated(&fields));
        if fields.keys().all(|it| matches!(it, "apiVersion" | "kind")) && faults.is_empty() {
            let help = "list the files to build under `resources`";
            faults.push(
                Diagnostic::error("empty-kustomization", "the kustomization is empty")
                    .at(node)
                    .help(help),
            );
        }
        append(&mut fields, "bases", "resources");
        append(&mut fields, "imageTags", "images");
        let failed = faults.has_errors();
        diagnostics.extend(faults);
        let span = node.span().clone();
        (!failed).then(|| Kustomization {
            path: path.clone(),
            component,
            fields,
            span,
        })
    }

    /// The folder of the file.
    pub fn folder(&self) -> TreePath {
        self.path.parent().unwrap_or_else(TreePath::root)
    }

    /// The span of the whole file, for faults that no field has.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// A field as it was read.
    pub fn get(&self, field: &str) -> Option<&Node> {
        self.fields.get(field)
    }

    /// A field of text; empty where it is not there.
    pub fn text(&self, field: &str) -> &str {
        self.get(field).and_then(Node::as_str).unwrap_or("")
    }

    /// The entries of a list.
    pub fn list(&self, field: &str) -> &[Node] {
        self.get(field).and_then(Node::as_sequence).unwrap_or(&[])
    }

    /// A map of strings.
    pub fn pairs(&self, field: &str) -> Option<&Mapping> {
        self.get(field)?.as_mapping()
    }

    /// Removes fields, as if they had not been written: for a caller that handles their meaning elsewhere and builds the rest.
    #[must_use]
    pub fn without(mut self, fields: &[&str]) -> Kustomization {
        self.fields
            .retain(|entry| !entry.key.as_str().is_some_and(|it| fields.contains(&it)));
        self
    }

    /// Returns the kustomization with another value in this field.
    #[must_use]
    pub fn with(mut self, field: &str, value: Node) -> Kustomization {
        self.fields.insert(field, value);
        self
    }
}

fn deprecated(fields: &Mapping) -> impl Iterator<Item = Diagnostic> {
    let own = DEPRECATED.iter().map(|it| (fields.entry(it.0), it.1));
    let generators = ["configMapGenerator", "secretGenerator"].into_iter();
    let generated = generators.filter_map(|it| fields.get(it)?.as_sequence());
    let singular = generated.flatten().filter_map(Node::as_mapping);
    let all = own.chain(singular.map(|it| (it.entry("env"), "envs")));
    all.filter_map(|(entry, instead)| {
        let key = &entry?.key;
        let field = key.as_str().unwrap_or("");
        let message = format!("the field `{field}` is deprecated; use `{instead}`");
        let fault = Diagnostic::warning("deprecated-field", message).at(key);
        // Other fields have another shape.
        let is_rename = matches!(field, "bases" | "imageTags") && !fields.contains_key(instead);
        Some(match is_rename {
            true => fault.fix(
                format!("write `{instead}`"),
                Edit::rename(key.span(), field, instead),
            ),
            false => fault,
        })
    })
}

fn check_type(fields: &Mapping, faults: &mut Diagnostics) -> bool {
    let kind = fields.get("kind").and_then(Node::as_str).unwrap_or("");
    let component = kind == "Component";
    if let Some(node) = fields
        .get("kind")
        .filter(|_| !matches!(kind, "" | "Kustomization" | "Component"))
    {
        let message = format!("expected the kind `Kustomization` or `Component`, found `{kind}`");
        faults.push(Diagnostic::error("wrong-kustomization-kind", message).at(node));
    }
    let wanted = if component {
        "kustomize.config.k8s.io/v1alpha1"
    } else {
        "kustomize.config.k8s.io/v1beta1"
    };
    let version = fields
        .get("apiVersion")
        .filter(|it| !matches!(it.as_str(), Some("")));
    if let Some(node) = version.filter(|it| it.as_str() != Some(wanted)) {
        let found = node.as_str().unwrap_or("");
        let message = format!("expected the apiVersion `{wanted}`, found `{found}`");
        let fault = Diagnostic::error("wrong-kustomization-kind", message).at(node);
        faults.push(fault.fix(
            format!("write `apiVersion: {wanted}`"),
            Edit::rename(node.span(), found, wanted),
        ));
    }
    component
}

/// Moves the entries of one list to the end of another.
fn append(fields: &mut Mapping, from: &str, to: &'static str) {
    let Some(Entry { key, value }) = fields.remove(from) else {
        return;
    };
    match fields.get_mut(to).and_then(Node::as_sequence_mut) {
        Some(items) => items.extend(value.into_sequence().unwrap_or_default()),
        None => _ = fields.insert(Node::constant(to).at(&key), value),
    }
}

/// Text that a field of a record holds; empty where it is not there.
pub(super) fn text<'a>(record: &'a Node, field: &str) -> &'a str {
    record.get(field).and_then(Node::as_str).unwrap_or("")
}

/// Whether a field of a record is true.
pub(super) fn flag(record: &Node, field: &str) -> bool {
    record.get(field).and_then(Node::as_bool).unwrap_or(false)
}

/// The entries of a record's list.
pub(super) fn list<'a>(record: &'a Node, field: &str) -> &'a [Node] {
    record.get(field).and_then(Node::as_sequence).unwrap_or(&[])
}

/// A label or an annotation to set.
pub(super) struct Pair {
    pub(super) key: Arc<str>,
    pub(super) value: Arc<str>,
    /// Where the key is.
    pub(super) at: Span,
}

impl Pair {
    /// The key of a new entry.
    pub(super) fn new_key(&self) -> Result<Node, Diagnostic> {
        let is_old_word = matches!(&*self.key, "true" | "false")
            && !matches!(self.at.text().trim_matches(['"', '\'']), "true" | "false");
        new_key(&self.key, &self.at).map_err(|fault| match is_old_word {
            true => Diagnostic {
                message: format!(
                    "the key `{}` is a boolean in YAML 1.1, but kustomize allows only strings",
                    self.at.text()
                ),
                help: vec!["quote the key".into()],
                ..fault
            },
            false => fault,
        })
    }
}

/// A map of strings in the order of its keys.
pub(super) fn sorted_pairs(pairs: &Mapping) -> Vec<Pair> {
    let pairs = pairs.iter().map(|it| Pair {
        key: it.key.as_str().unwrap_or("").into(),
        value: it.value.as_str().unwrap_or("").into(),
        at: it.key.span().clone(),
    });
    let mut pairs: Vec<Pair> = pairs.collect();
    pairs.sort_by(|a, b| (&a.key, &a.value).cmp(&(&b.key, &b.value)));
    pairs
}
