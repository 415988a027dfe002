//! An instance to objects, by its kind's templates.
//!
//! A template makes one object a file. What it makes may be an intent (`HelmInstall`), which `delivery` turns into the sync
//! engine's own objects.

use std::collections::BTreeSet;

use crate::diag::{Diagnostic, Diagnostics};
use crate::load::FileTemplate;
use crate::resolve::{Instance, is_true};
use crate::template::Templates;
use crate::yaml::Node;

/// What an instance renders to.
pub struct Manifest<'a> {
    /// The claim.
    pub instance: &'a Instance,
    /// Its files, in the kind's order.
    pub files: Vec<File>,
    /// Claims that must be ready first: the instance's, and those that its templates call.
    pub depends_on: BTreeSet<String>,
}

/// One object and the name of its file.
#[derive(Clone, Debug)]
pub struct File {
    /// Name of the file, within the claim's folder.
    pub name: String,
    /// The object, or an intent.
    pub node: Node,
}

/// Renders all instances of an environment. One with faults is left out.
pub fn render<'a>(
    instances: &'a [Instance],
    templates: &Templates,
    diagnostics: &mut Diagnostics,
) -> Vec<Manifest<'a>> {
    let rendered = instances
        .iter()
        .filter_map(|instance| match render_one(instance, templates) {
            Ok(files) => Some(Manifest {
                instance,
                files,
                depends_on: &instance.depends_on | &instance.context.claims().referred(),
            }),
            Err(faults) => {
                let words = format!("rendered for this {}", instance.kind.name);
                diagnostics.extend(
                    faults
                        .into_iter()
                        .map(|fault| fault.related(&instance.span, words.clone())),
                );
                None
            }
        });
    rendered.collect()
}

fn render_one(instance: &Instance, templates: &Templates) -> Result<Vec<File>, Diagnostics> {
    let mut files: Vec<File> = Vec::new();
    for file in &instance.kind.files {
        for rendered in render_file(instance, file, templates)? {
            let twin = files
                .iter()
                .find(|it| it.name.eq_ignore_ascii_case(&rendered.name));
            if let Some(twin) = twin {
                let message = format!(
                    "two files of the claim are called `{}` and `{}`",
                    twin.name, rendered.name
                );
                return Err(Diagnostic::error("duplicate-file", message)
                    .help("give them names that differ in more than case")
                    .into());
            }
            files.push(rendered);
        }
    }
    Ok(files)
}

fn render_file(
    instance: &Instance,
    file: &FileTemplate,
    templates: &Templates,
) -> Result<Vec<File>, Diagnostics> {
    let items = match &file.for_each {
        None => vec![None],
        Some(list) => {
            let list = templates.evaluate(list, &instance.context)?;
            list.as_sequence()
                .unwrap_or_default()
                .iter()
                .cloned()
                .map(Some)
                .collect()
        }
    };
    let mut files = Vec::new();
    for item in items {
        let mut context = instance.context.child();
        if let Some(item) = &item {
            context.set("item", item);
        }
        if let Some(when) = &file.when
            && !is_true(&templates.evaluate(when, &context)?)
        {
            continue;
        }
        let name = file
            .name
            .as_ref()
            .map(|name| templates.text(name, &context))
            .transpose()?;
        let name = file_name(&name.unwrap_or_else(|| file.default_name.clone()));
        let mut documents = templates.render(&file.template, &context, &instance.span)?;
        if documents.len() > 1 {
            let fault = Diagnostic::error(
                "template-output",
                format!(
                    "`{}` makes {} documents, expected one",
                    file.template,
                    documents.len()
                ),
            );
            return Err(fault
                .help("one object a file: make a template for each")
                .into());
        }
        files.extend(documents.pop().map(|node| File { name, node }));
    }
    Ok(files)
}

/// The name's characters as a file's name may have them: those outside `[a-z0-9.-]` become `-`.
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
