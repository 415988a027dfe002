//! Builds a Flux Kustomization, or a folder that is applied like one.

use super::super::metadata::{self, entries, set};
use super::super::refusal::missing_folder;
use super::super::scan::{is_yaml, parsed};
use super::super::sync::{flag, text};
use super::substitute::substitute;
use super::variables::Variables;
use super::{KUSTOMIZE_GROUP, generate};
use crate::diag::{Diagnostic, Diagnostics};
use crate::inflate::Inflater;
use crate::kustomize::{ChartRenderer, LoadRestriction, Options, build_given};
use crate::object::Object;
use crate::tree::{EntryKind, Files, ReadSet, Recorded, TreePath};
use crate::yaml::{Entry, Mapping, Node};

/// The result of building a folder.
#[derive(Default)]
pub(in crate::deploy) struct Build {
    /// The objects; empty if there are errors.
    pub(in crate::deploy) objects: Vec<Object>,
    /// Objects that Flux does not apply, because of an annotation or label.
    pub(in crate::deploy) unapplied: Vec<Object>,
    /// What they depend on.
    pub(in crate::deploy) read_set: ReadSet,
    pub(in crate::deploy) diagnostics: Diagnostics,
}

/// Builds a folder as Flux does, with the settings of a Kustomization.
pub(in crate::deploy) fn build(
    files: &dyn Files,
    folder: &TreePath,
    object: Option<&Object>,
    variables: Option<&Variables>,
) -> Build {
    record_build(files, &|files, diagnostics| {
        run(files, folder, object, variables, None, diagnostics)
    })
}

/// Builds objects from files; `None` if this fails.
type Builder<'a> = dyn Fn(&dyn Files, &mut Diagnostics) -> Option<Vec<Object>> + 'a;

/// The result of `run`, with the files that it reads.
fn record_build(files: &dyn Files, run: &Builder<'_>) -> Build {
    let recorded = Recorded::new(files);
    let mut diagnostics = Diagnostics::default();
    let objects = run(&recorded, &mut diagnostics);
    let objects = match diagnostics.has_errors() {
        true => Vec::new(),
        false => objects.unwrap_or_default(),
    };
    let (objects, unapplied) = objects.into_iter().partition(is_applied);
    Build {
        objects,
        unapplied,
        read_set: recorded.finish(),
        diagnostics,
    }
}

/// Builds a folder that no engine builds as an entry: its kustomization with its charts, or the objects in its YAML files.
pub(in crate::deploy) fn build_plain(
    files: &dyn Files,
    folder: &TreePath,
    charts: &Inflater<'_>,
) -> Build {
    if generate::has_kustomization(files, folder) {
        return record_build(files, &|files, diagnostics| {
            run(files, folder, None, None, Some(charts), diagnostics)
        });
    }
    let recorded = Recorded::new(files);
    let entries = recorded.list(folder).unwrap_or_default().into_iter();
    let paths = entries.filter(is_yaml).map(|it| folder.child(&it.name));
    let mut diagnostics = Diagnostics::default();
    let documents = paths.flat_map(|it| match parsed(&recorded, &it) {
        Ok(documents) => documents,
        Err(faults) => {
            diagnostics.extend(faults);
            Vec::new()
        }
    });
    let objects = documents.map(Object::new).filter(|it| {
        let identity = [it.api_version(), it.kind(), it.name()];
        !identity.contains(&"")
    });
    Build {
        objects: objects.collect(),
        unapplied: Vec::new(),
        read_set: recorded.finish(),
        diagnostics,
    }
}

fn run(
    files: &dyn Files,
    folder: &TreePath,
    object: Option<&Object>,
    variables: Option<&Variables>,
    charts: Option<&Inflater<'_>>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Object>> {
    let path = object.and_then(|it| it.node.at_keys(&["spec", "path"]));
    let at = path.map(Node::span).or_else(|| object.map(Object::span));
    if !matches!(files.kind(folder), Ok(Some(EntryKind::Folder))) {
        let message = format!("folder `{folder}` of the Kustomization does not exist");
        let fault = Diagnostic::error("missing-path", message);
        let fault = match at {
            Some(span) => fault.at(span),
            None => fault,
        };
        let written = path.and_then(Node::as_str).unwrap_or("");
        diagnostics.push(missing_folder(files, fault, written));
        return None;
    }
    let fields = generate::read_or_list(files, folder, at);
    let mut fields = fields.map_err(|faults| diagnostics.extend(faults)).ok()?;
    if let Some(object) = object {
        let put = generate::put_in(files, folder, &object.node, &mut fields);
        diagnostics.keep(put)?;
    }
    // As in Flux: files next to the folder may be read, and no programs are run.
    let options = Options {
        load_restriction: LoadRestriction::None,
        ..Options::default()
    };
    let given = Node::mapping(fields);
    let charts = charts.map(|it| it as &dyn ChartRenderer);
    let built = build_given(files, folder, &given, Vec::new(), &options, charts);
    // Warnings on the files themselves are only reported by `pleach build`.
    let errors = built.diagnostics.into_iter();
    diagnostics.extend(errors.filter(|it| it.severity == crate::diag::Severity::Error));
    let mut objects = built.objects;
    if let Some(variables) = variables {
        for object in &mut objects {
            substitute(object, variables, diagnostics);
        }
        variables.report(diagnostics);
    }
    if let Some(object) = object {
        for it in &mut objects {
            add_owner_labels(it, object, diagnostics);
        }
    }
    Some(objects)
}

/// `commonMetadata`, and the labels with which Flux finds the objects it has applied.
fn add_owner_labels(applied: &mut Object, owner: &Object, diagnostics: &mut Diagnostics) {
    let common = owner.node.at_keys(&["spec", "commonMetadata"]);
    for field in ["labels", "annotations"] {
        if field == "labels" || common.is_some() {
            diagnostics.extend(keep_strings(applied, field));
        }
        set(
            applied,
            field,
            &entries(common.and_then(|it| it.get(field))),
        );
    }
    let label = |key: &str, value: &str| {
        let key = Node::string(format!("{KUSTOMIZE_GROUP}/{key}"));
        (key, Node::string(value).at(owner.span()))
    };
    let owner = [
        label("name", owner.name()),
        label("namespace", owner.namespace()),
    ];
    set(applied, "labels", &owner);
}

/// Converts a map of the metadata as client-go reads it: nulls are empty strings, and a map with any other value than a string counts
/// as empty. Returns the warning about that.
fn keep_strings(applied: &mut Object, field: &str) -> Option<Diagnostic> {
    let warning = not_a_string(applied, field).map(|wrong| {
        let message = format!(
            "the value of `{}` in the {field} of {} is not a string, so Flux drops all {field} of the object",
            wrong.key.as_str().unwrap_or(""),
            applied.id()
        );
        Diagnostic::warning("wrong-field-type", message)
            .at(&wrong.value)
            .help("quote the value; if it comes from a variable, write the quotes in the variable, because Flux removes those around it")
    });
    let map = applied.node.at_keys_mut(&["metadata", field])?;
    if warning.is_some() {
        *map = Node::mapping(Mapping::new()).at(map.span());
    }
    for entry in map.as_mapping_mut()?.iter_mut() {
        if entry.value.is_null() {
            entry.value = Node::string("").at(entry.value.span());
        }
    }
    warning
}

/// The first entry because of which client-go cannot read a map of the metadata.
fn not_a_string<'a>(object: &'a Object, field: &str) -> Option<&'a Entry> {
    let map = object.node.at_keys(&["metadata", field])?.as_mapping()?;
    let mut entries = map.iter();
    entries.find(|it| !it.value.is_null() && it.value.as_string().is_none())
}

/// Whether Flux may change an object.
fn is_applied(object: &Object) -> bool {
    let says = |key: &str, word: &str| {
        let key = format!("{KUSTOMIZE_GROUP}/{key}");
        let mut fields = ["labels", "annotations"].iter();
        fields.any(|it| {
            metadata::value(object, it, &key).eq_ignore_ascii_case(word)
                && not_a_string(object, it).is_none()
        })
    };
    !says("reconcile", "disabled") && !says("ssa", "ignore")
}

/// The folder that a Flux Kustomization builds: its path, which cannot leave the source.
pub(in crate::deploy) fn path(object: &Object) -> TreePath {
    let mut folder = TreePath::root();
    for part in text(&object.node, &["spec", "path"]).split('/') {
        folder = match part {
            "" | "." => folder,
            ".." => folder.parent().unwrap_or(folder),
            part => folder.child(part),
        };
    }
    folder
}

/// Whether it is suspended.
pub(in crate::deploy) fn is_suspended(object: &Object) -> bool {
    flag(&object.node, &["spec", "suspend"])
}
