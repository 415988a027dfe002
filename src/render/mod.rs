//! Renders an instance to objects, with its kind's templates.
//!
//! A template renders one object per file. It may be an intent (`HelmInstall`), which `delivery` converts to objects of the sync
//! engine.

use std::collections::BTreeSet;

use crate::diag::{Class, Diagnostic, Diagnostics, Span};
use crate::load::FileTemplate;
use crate::resolve::Instance;
use crate::template::{BUILTIN, ClaimLookup, PendingLookup, Templates};
use crate::yaml::Node;

/// The rendered form of an instance.
pub struct Manifest<'a> {
    /// The resolved claim that the files are rendered from.
    pub instance: &'a Instance,
    /// Its files, in the kind's order.
    pub files: Vec<File>,
    /// The names of claims that its templates refer to, which must be ready first.
    pub refers_to: BTreeSet<String>,
    /// In a traced run: the conditions for its objects and for what it provides and requires.
    pub decided_by: Vec<Node>,
}

/// One object and the name of its file.
#[derive(Clone, Debug)]
pub struct File {
    /// Name of the file, within the claim's folder.
    pub name: String,
    /// The object, or an intent.
    pub node: Node,
}

/// Renders all instances of an environment. Those with errors are left out.
pub fn render<'a>(
    instances: &'a [Instance],
    templates: &Templates,
    diagnostics: &mut Diagnostics,
) -> Vec<Manifest<'a>> {
    let rendered = instances.iter().filter_map(|instance| {
        let mut refers_to = BTreeSet::new();
        match render_one(instance, instances, templates, &mut refers_to) {
            Ok(files) => Some(Manifest {
                instance,
                files,
                refers_to,
                decided_by: deciding(instance, templates),
            }),
            Err(faults) => {
                diagnostics.extend(
                    faults
                        .into_iter()
                        .map(|fault| with_claim_context(fault, instance)),
                );
                None
            }
        }
    });
    rendered.collect()
}

/// In a traced run: the conditions for the objects of a claim and for what it provides and requires.
fn deciding(instance: &Instance, templates: &Templates) -> Vec<Node> {
    if !templates.is_traced() {
        return Vec::new();
    }
    let kind = &instance.kind;
    let files = kind.files.iter().filter(|it| it.for_each.is_none());
    let capabilities = kind.provides.iter().chain(&kind.requires);
    let expressions = files
        .filter_map(|it| it.when.as_ref())
        .chain(capabilities.flat_map(|it| it.when.iter().chain(&it.names)));
    let values = expressions.filter_map(|it| templates.evaluate(it, &instance.context).ok());
    values.collect()
}

/// Adds the claim to an error. If a built-in kind names a chart itself, the error points to the claim, because the kind cannot be
/// changed.
fn with_claim_context(fault: Diagnostic, instance: &Instance) -> Diagnostic {
    let location = fault.span.as_ref().map(|it| it.path().as_str());
    let is_builtin = location.is_some_and(|it| it.starts_with(BUILTIN));
    if is_builtin && matches!(fault.class, Class::InvalidChart | Class::MissingChart) {
        return fault.at(&instance.span);
    }
    fault.related(
        &instance.span,
        format!("rendered for this {}", instance.kind.name),
    )
}

/// Renders the files of a claim. For each claim that a template looks up, they are rendered again.
fn render_one(
    instance: &Instance,
    all: &[Instance],
    templates: &Templates,
    refers_to: &mut BTreeSet<String>,
) -> Result<Vec<File>, Diagnostics> {
    loop {
        let rendered = render_files(instance, templates);
        let Some(PendingLookup { claim, span }) = instance.context.claims().take_pending() else {
            return rendered;
        };
        let span = span.unwrap_or_else(|| instance.span.clone());
        let found = find(&claim, instance, all).map_err(|fault| fault.at(span))?;
        refers_to.insert(found.name.clone());
        found.as_resolved(claim).provide_to(&instance.context);
    }
}

/// The claim that a template of `instance` looks up.
fn find<'a>(
    claim: &ClaimLookup,
    instance: &Instance,
    all: &'a [Instance],
) -> Result<&'a Instance, Diagnostic> {
    let ClaimLookup { kind, name } = claim;
    let of_kind = || {
        all.iter()
            .filter(|it| it.kind.has_name(kind) && it.name != instance.name)
    };
    of_kind().find(|it| it.name == *name).ok_or_else(|| {
        let message = format!("the environment has no other {kind} `{name}`");
        Diagnostic::error("unknown-reference", message)
            .class(Class::UnknownReference)
            .did_you_mean(name, of_kind().map(|it| &*it.name))
            .help("use a claim of the same environment; in base, only claims of base")
    })
}

fn render_files(instance: &Instance, templates: &Templates) -> Result<Vec<File>, Diagnostics> {
    let mut files: Vec<File> = Vec::new();
    let mut missing = Diagnostics::default();
    for (at, file) in instance.kind.files.iter().enumerate() {
        let rendered = render_file(instance, file, templates).map_err(|mut faults| {
            faults.extend(instance.context.claims().take_rest());
            faults
        });
        let rendered = match rendered {
            // The other files may require further missing charts: all of them are collected, so that they are pulled at once.
            Err(faults) if faults.iter().all(|it| it.class == Class::MissingChart) => {
                missing.extend(faults);
                continue;
            }
            rendered => rendered?,
        };
        for rendered in rendered {
            let twin = files
                .iter()
                .find(|it| it.name.eq_ignore_ascii_case(&rendered.name));
            if let Some(twin) = twin {
                return Err(duplicate_file(instance, at, [&twin.name, &rendered.name]).into());
            }
            files.push(rendered);
        }
    }
    missing.sort_and_dedup();
    match missing.is_empty() {
        true => Ok(files),
        false => Err(missing),
    }
}

fn render_file(
    instance: &Instance,
    file: &FileTemplate,
    templates: &Templates,
) -> Result<Vec<File>, Diagnostics> {
    let mut conditions: Vec<Span> = Vec::new();
    let items: Vec<Option<Node>> = match &file.for_each {
        None => vec![None],
        Some(list) => {
            let items = templates.list(list, "forEach", &instance.context)?;
            items.into_iter().map(Some).collect()
        }
    };
    let (mut files, mut missing) = (Vec::new(), Diagnostics::default());
    for item in items {
        let mut context = instance.context.child();
        if let Some(item) = &item {
            context.set("item", item);
        }
        if let Some(when) = &file.when {
            if !templates.holds(when, &context)? {
                continue;
            }
            if templates.is_traced() {
                conditions = vec![templates.evaluate(when, &context)?.span().clone()];
            }
        }
        let name = match &file.name {
            Some(name) => file_name(&templates.text(name, &context)?),
            None => file_name(&file.default_name),
        };
        let rendered = templates.render(&file.template, &context, &instance.span);
        let mut documents = match rendered {
            Err(faults) if faults.iter().all(|it| it.class == Class::MissingChart) => {
                missing.extend(faults);
                continue;
            }
            rendered => rendered?,
        };
        if documents.len() > 1 {
            let fault = several_documents(&file.template, documents.len());
            return Err(fault.at(templates.last_document(&file.template)).into());
        }
        if let Some(node) = documents.pop() {
            check_object(&node, &file.template, templates)?;
            let node = templates.with_conditions(node, &conditions);
            files.push(File { name, node });
        }
    }
    match missing.is_empty() {
        true => Ok(files),
        false => Err(missing),
    }
}

/// The error for two files with the same name, or names that differ only in case. `at` is the entry of `files` of the second one.
fn duplicate_file(instance: &Instance, at: usize, names: [&str; 2]) -> Diagnostic {
    let [first, second] = names;
    let (message, help) = match first == second {
        true => (
            format!("two files of the claim are named `{first}`"),
            "set a different `name`; with `forEach`, use `item` in it",
        ),
        false => (
            format!("two files of the claim are named `{first}` and `{second}`"),
            "use names that differ in more than case",
        ),
    };
    let fault = Diagnostic::error("duplicate-file", message);
    fault.at(entry_span(instance, at)).help(help)
}

/// The location of an entry of `files` of a claim's kind: its name, or else its template.
fn entry_span(instance: &Instance, at: usize) -> Span {
    let files = instance.kind.spec.get("files").and_then(Node::as_sequence);
    let entry = files.and_then(|it| it.get(at));
    let name = entry.and_then(|it| it.get("name").or_else(|| it.get("template")));
    name.map_or_else(|| instance.kind.span.start(), |it| it.span().clone())
}

fn several_documents(template: &str, count: usize) -> Diagnostic {
    let message = format!("template `{template}` produced {count} documents, expected 1");
    let fault = Diagnostic::error("template-output", message);
    fault.help("write a separate template for each object")
}

/// Reports objects that no API server accepts. This is done here because all later stages rely on valid objects.
fn check_object(node: &Node, template: &str, templates: &Templates) -> Result<(), Diagnostic> {
    let fault = |message: String, line: &str| {
        let fault = Diagnostic::error("template-output", message);
        fault.at(templates.line_of(template, line))
    };
    if node.as_mapping().is_none() {
        let found = node.kind().description();
        let message = format!("template `{template}` produced {found}, expected an object");
        return Err(fault(message, "").help("write `apiVersion`, `kind` and `metadata`"));
    }
    let fields: [&[&str]; 3] = [&["apiVersion"], &["kind"], &["metadata", "name"]];
    let has = |field: &[&str]| {
        let text = node.at_keys(field).and_then(Node::as_str);
        text.is_some_and(|it| !it.is_empty())
    };
    let Some(missing) = fields.iter().find(|it| !has(it)) else {
        return Ok(());
    };
    let message = format!(
        "template `{template}` produced an object without `{}`",
        missing.join(".")
    );
    let fault = fault(message, missing.first().unwrap_or(&""));
    Err(fault.help("set `apiVersion`, `kind` and `metadata.name` to strings"))
}

/// The name with all characters outside `[a-z0-9.-]` replaced by `-`, for file names.
pub fn plain_name(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-' {
            c
        } else {
            '-'
        }
    };
    name.to_lowercase().chars().map(plain).collect()
}

/// A plain name that ends in `.yaml`.
fn file_name(name: &str) -> String {
    let name = plain_name(name);
    if name.ends_with(".yaml") {
        name
    } else {
        format!("{name}.yaml")
    }
}
