//! The kustomization file: its fields, and the conversion of deprecated ones.

use std::sync::Arc;

use pleach_yaml::diag::{Diagnostic, Diagnostics, Edit, Span};
use pleach_yaml::tree::TreePath;
use pleach_yaml::{Entry, Mapping, Node};

use super::config::FieldSpecs;
use super::record::{List, Number, Pairs, Record, Text, key_of, read_record, record};
use super::resource::new_key;

/// The names a kustomization file may have.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A parsed kustomization file, with deprecated fields converted to current ones.
#[derive(Clone, Debug)]
pub(super) struct Kustomization {
    /// The path of the file, one of kustomize's three names.
    pub(super) path: TreePath,
    /// Whether it is a component.
    pub(super) component: bool,
    pub(super) fields: KustomizationFields,
}

record! {
    pub(super) struct KustomizationFields {
        api_version: Text = "apiVersion",
        kind: Text = "kind",
        metadata: Option<ObjectMeta> = "metadata",
        openapi: Option<Pairs> = "openapi",
        name_prefix: Text = "namePrefix",
        name_suffix: Text = "nameSuffix",
        namespace: Text = "namespace",
        common_labels: Pairs = "commonLabels",
        labels: List<Labels> = "labels",
        common_annotations: Pairs = "commonAnnotations",
        patches_strategic_merge: List<Text> = "patchesStrategicMerge",
        patches_json6902: List<Patch> = "patchesJson6902",
        patches: List<Patch> = "patches",
        images: List<Image> = "images",
        image_tags: List<Image> = "imageTags",
        replacements: List<Replacement> = "replacements",
        replicas: List<Replica> = "replicas",
        vars: List<Var> = "vars",
        sort_options: Option<SortOptions> = "sortOptions",
        resources: List<Text> = "resources",
        components: List<Text> = "components",
        crds: List<Text> = "crds",
        bases: List<Text> = "bases",
        config_map_generator: List<GeneratorArgs> = "configMapGenerator",
        secret_generator: List<SecretArgs> = "secretGenerator",
        helm_globals: Option<Node> = "helmGlobals",
        helm_charts: Option<Node> = "helmCharts",
        helm_chart_inflation_generator: Option<Node> = "helmChartInflationGenerator",
        generator_options: Option<GeneratorOptions> = "generatorOptions",
        configurations: List<Text> = "configurations",
        generators: List<Text> = "generators",
        transformers: List<Text> = "transformers",
        validators: List<Text> = "validators",
        build_metadata: List<Text> = "buildMetadata",
    }
}

record! {
    pub(super) struct ObjectMeta {
        name: Text = "name",
        namespace: Text = "namespace",
        labels: Pairs = "labels",
        annotations: Pairs = "annotations",
    }
}

record! {
    /// A kind; empty parts match everything.
    pub(super) struct KindPattern {
        group: Text = "group",
        version: Text = "version",
        kind: Text = "kind",
    }
}

record! {
    /// The selector of a patch or replacement.
    pub(super) struct Target {
        ..gvk: KindPattern,
        name: Text = "name",
        namespace: Text = "namespace",
        annotation_selector: Text = "annotationSelector",
        label_selector: Text = "labelSelector",
    }
}

record! {
    pub(super) struct Patch {
        path: Text = "path",
        patch: Text = "patch",
        target: Option<Target> = "target",
        options: Option<PatchOptions> = "options",
    }
}

record! {
    pub(super) struct PatchOptions {
        allow_name_change: bool = "allowNameChange",
        allow_kind_change: bool = "allowKindChange",
    }
}

record! {
    pub(super) struct Image {
        name: Text = "name",
        new_name: Text = "newName",
        tag_suffix: Text = "tagSuffix",
        new_tag: Text = "newTag",
        digest: Text = "digest",
    }
}

record! {
    pub(super) struct Replica {
        name: Text = "name",
        count: Number = "count",
    }
}

record! {
    pub(super) struct Replacement {
        path: Text = "path",
        source_value: Option<Text> = "sourceValue",
        source: Option<ReplacementSource> = "source",
        targets: List<ReplacementTarget> = "targets",
    }
}

record! {
    pub(super) struct ReplacementSource {
        ..gvk: KindPattern,
        name: Text = "name",
        namespace: Text = "namespace",
        field_path: Text = "fieldPath",
        options: Option<FieldOptions> = "options",
    }
}

record! {
    pub(super) struct ReplacementTarget {
        select: Option<Target> = "select",
        reject: List<Target> = "reject",
        field_paths: List<Text> = "fieldPaths",
        options: Option<FieldOptions> = "options",
    }
}

record! {
    pub(super) struct FieldOptions {
        delimiter: Text = "delimiter",
        index: Number = "index",
        encoding: Text = "encoding",
        create: bool = "create",
    }
}

record! {
    /// An entry of `labels`.
    pub(super) struct Labels {
        pairs: Pairs = "pairs",
        include_selectors: bool = "includeSelectors",
        include_templates: bool = "includeTemplates",
        include_claim_templates: bool = "includeVolumeClaimTemplates",
        fields: FieldSpecs = "fields",
    }
}

record! {
    pub(super) struct GeneratorOptions {
        labels: Pairs = "labels",
        annotations: Pairs = "annotations",
        disable_name_suffix_hash: bool = "disableNameSuffixHash",
        immutable: bool = "immutable",
    }
}

record! {
    /// The sources of a generated ConfigMap or Secret.
    pub(super) struct GeneratorArgs {
        namespace: Text = "namespace",
        name: Text = "name",
        behavior: Text = "behavior",
        literals: List<Text> = "literals",
        files: List<Text> = "files",
        envs: List<Text> = "envs",
        env: Text = "env",
        options: Option<GeneratorOptions> = "options",
    }
}

record! {
    pub(super) struct SecretArgs {
        ..args: GeneratorArgs,
        kind: Text = "type",
    }
}

record! {
    /// An entry of `vars`.
    pub(super) struct Var {
        name: Text = "name",
        objref: Option<VarObject> = "objref",
        fieldref: Option<VarField> = "fieldref",
    }
}

record! {
    pub(super) struct VarObject {
        ..gvk: KindPattern,
        api_version: Text = "apiVersion",
        name: Text = "name",
        namespace: Text = "namespace",
    }
}

record! {
    pub(super) struct VarField {
        field_path: Text = "fieldPath",
    }
}

record! {
    pub(super) struct SortOptions {
        order: Text = "order",
        legacy: Option<LegacySortOptions> = "legacySortOptions",
    }
}

record! {
    pub(super) struct LegacySortOptions {
        order_first: List<Text> = "orderFirst",
        order_last: List<Text> = "orderLast",
    }
}

/// Deprecated fields and their replacements.
const DEPRECATED: &[(&str, &str)] = &[
    ("bases", "resources"),
    ("commonLabels", "labels"),
    ("imageTags", "images"),
    ("patchesJson6902", "patches"),
    ("patchesStrategicMerge", "patches"),
    ("vars", "replacements"),
];

impl Kustomization {
    /// Reads the document of a kustomization file. All errors are reported at once.
    pub(super) fn read(
        path: &TreePath,
        node: &Node,
        diagnostics: &mut Diagnostics,
    ) -> Option<Kustomization> {
        let mut faults = Diagnostics::default();
        let mut fields: KustomizationFields = read_record(node, "a kustomization", &mut faults);
        let component = check_type(&fields, &mut faults);
        let written = written_fields(node);
        diagnostics.extend(deprecated(&written));
        let is_empty = written
            .iter()
            .all(|it| matches!(it.0, "apiVersion" | "kind"));
        if is_empty && faults.is_empty() {
            let help = "list the files to build under `resources`";
            faults.push(
                Diagnostic::error("empty-kustomization", "the kustomization is empty")
                    .at(node)
                    .help(help),
            );
        }
        let bases = std::mem::take(&mut fields.bases);
        fields.resources.append(bases);
        let image_tags = std::mem::take(&mut fields.image_tags);
        fields.images.append(image_tags);
        let failed = faults.has_errors();
        diagnostics.extend(faults);
        (!failed).then(|| Kustomization {
            path: path.clone(),
            component,
            fields,
        })
    }

    /// The folder of the file.
    pub(super) fn folder(&self) -> TreePath {
        self.path.parent().unwrap_or_else(TreePath::root)
    }

    /// Removes fields, for a caller that handles them elsewhere and builds the rest.
    #[must_use]
    pub(super) fn without_fields(mut self, fields: &[&str]) -> Kustomization {
        for field in fields {
            self.fields.clear(field);
        }
        self
    }
}

/// Sets the location of an error that has none.
pub(super) fn placed(fault: Diagnostic, at: &Span) -> Diagnostic {
    match fault.span {
        None => fault.at(at),
        Some(_) => fault,
    }
}

/// The fields of a kustomization that are set and not null, by their proper names.
fn written_fields(node: &Node) -> Vec<(&'static str, &Entry)> {
    let keys = KustomizationFields::keys();
    let entries = node.as_mapping().into_iter().flatten();
    let entries = entries.filter(|it| !it.value.is_null());
    let fields = entries.filter_map(|it| Some((key_of(it.key.as_str()?, &keys)?, it)));
    let mut fields: Vec<_> = fields.collect();
    // Of several spellings of a field, the last one counts.
    fields.sort_by_key(|it| it.1.key.as_str());
    fields
}

fn deprecated(fields: &[(&'static str, &Entry)]) -> Vec<Diagnostic> {
    let entry = |name: &str| fields.iter().rfind(|it| it.0 == name).map(|it| it.1);
    let own = DEPRECATED
        .iter()
        .filter_map(|(old, new)| Some((*old, *new, &entry(old)?.key)));
    let generators = ["configMapGenerator", "secretGenerator"].into_iter();
    let generated = generators.filter_map(|it| entry(it)?.value.as_sequence());
    let singular = generated.flatten().filter_map(|it| {
        let mut entries = it.as_mapping()?.iter();
        let is_env = |it: &&Entry| {
            !it.value.is_null()
                && it
                    .key
                    .as_str()
                    .is_some_and(|it| it.eq_ignore_ascii_case("env"))
        };
        Some(("env", "envs", &entries.rfind(is_env)?.key))
    });
    let warning = |(field, instead, key): (&str, &str, &Node)| {
        let message = format!("field `{field}` is deprecated; use `{instead}`");
        let fault = Diagnostic::warning("deprecated-field", message).at(key);
        // The other replacements have another form, which renaming the key does not give.
        match matches!(field, "bases" | "imageTags") && entry(instead).is_none() {
            true => fault.fix(
                format!("write `{instead}`"),
                Edit::rename(key.span(), field, instead),
            ),
            false => fault,
        }
    };
    own.chain(singular).map(warning).collect()
}

fn check_type(fields: &KustomizationFields, faults: &mut Diagnostics) -> bool {
    let kind = &*fields.kind;
    let component = kind == "Component";
    if !matches!(kind, "" | "Kustomization" | "Component") {
        let message = format!("expected kind `Kustomization` or `Component`, found `{kind}`");
        let fault = Diagnostic::error("wrong-kustomization-kind", message);
        faults.push(fault.at(fields.kind.span()));
    }
    let expected = if component {
        "kustomize.config.k8s.io/v1alpha1"
    } else {
        "kustomize.config.k8s.io/v1beta1"
    };
    let found = &*fields.api_version;
    if !found.is_empty() && found != expected {
        let at = fields.api_version.span();
        let message = format!("expected apiVersion `{expected}`, found `{found}`");
        let fault = Diagnostic::error("wrong-kustomization-kind", message).at(at);
        faults.push(fault.fix(
            format!("write `apiVersion: {expected}`"),
            Edit::rename(at, found, expected),
        ));
    }
    component
}

/// A label or an annotation to set.
pub(super) struct Pair {
    pub(super) key: Arc<str>,
    pub(super) value: Arc<str>,
    /// The location of the key.
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
                    "key `{}` is a boolean in YAML 1.1, but kustomize only allows strings",
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
