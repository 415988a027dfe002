//! `images`.

use regex::Regex;

use crate::diag::Diagnostic;
use crate::yaml::{Node, View};

use super::super::config::specs_of;
use super::super::fieldspec::{FieldSpec, Leaf};
use super::super::kustomization::{FIELD_SPECS, IMAGE, list, text};
use super::super::parallel;
use super::super::resource::{Resource, set_text};
use super::super::resources::Resources;
use super::super::shape::Shape;
use super::{Stage, Transform};

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "ImageTagTransformer",
    apply,
    fields: &[
        ("imageTag", Shape::Record(IMAGE)),
        ("fieldSpecs", FIELD_SPECS),
    ],
    run: |_, config, resources| {
        let image = Image::read(config.get("imageTag").unwrap_or(config));
        let specs = specs_of(list(config, "fieldSpecs"));
        resources
            .list_mut()
            .iter_mut()
            .try_for_each(|it| image.change(it, &specs).map(|_| ()))
    },
};

fn apply(stage: &mut Stage<'_, '_>, resources: &mut Resources) -> Result<(), Diagnostic> {
    for entry in stage.kustomization.list("images") {
        let image = Image::read(entry);
        let specs = &stage.config.images;
        let matched = parallel::change(resources.list_mut(), |it| image.change(it, specs))?;
        if !matched.contains(&true) {
            let message = format!("no container uses the image `{}`", text(entry, "name"));
            let at = entry.get("name").unwrap_or(entry);
            stage
                .context
                .diagnostics
                .push(Diagnostic::warning("unmatched-image", message).at(at));
        }
        stage.done(TRANSFORM.plugin, resources);
    }
    Ok(())
}

/// The name of an image. It is a regular expression, as in kustomize: a dot in it matches any character.
enum Name<'a> {
    /// Letters, digits and what means itself, with dots; by far the most are so.
    Plain(&'a str),
    /// Matches the whole reference; `None` where the name makes no regular expression, and so matches nothing.
    Pattern(Option<Regex>),
}

impl<'a> Name<'a> {
    fn read(name: &'a str) -> Name<'a> {
        let plain = |it: u8| it.is_ascii_alphanumeric() || b"/_-.".contains(&it);
        if name.bytes().all(plain) {
            return Name::Plain(name);
        }
        let pattern = format!(
            "^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{{}}-]*)?$"
        );
        Name::Pattern(Regex::new(&pattern).ok())
    }

    fn matches(&self, reference: &str) -> bool {
        let name = match self {
            Name::Plain(name) => name,
            Name::Pattern(regex) => {
                return regex.as_ref().is_some_and(|it| it.is_match(reference));
            }
        };
        let mut rest = reference.chars();
        let fits = |wanted: char| {
            rest.next()
                .is_some_and(|it| it == wanted || (wanted == '.' && it != '\n'))
        };
        name.chars().all(fits) && is_tag_and_digest(rest.as_str())
    }
}

/// `[:tag][@algorithm:value]`, of which a tag and a value may be empty.
fn is_tag_and_digest(text: &str) -> bool {
    let word = |it: &str| {
        it.bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"_.{}-".contains(&it))
    };
    let name = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric());
    let (tag, digest) = match text.split_once('@') {
        Some((tag, digest)) => (tag, Some(digest)),
        None => (text, None),
    };
    let tag = tag.is_empty() || tag.strip_prefix(':').is_some_and(word);
    tag && digest.is_none_or(|it| {
        it.split_once(':').is_some_and(|(algorithm, value)| {
            algorithm.split(['.', '+', '_', '-']).all(name) && word(value)
        })
    })
}

/// What becomes of one image.
struct Image<'a> {
    name: Name<'a>,
    new_name: &'a str,
    suffix: &'a str,
    tag: &'a str,
    digest: &'a str,
}

impl<'a> Image<'a> {
    fn read(entry: &'a Node) -> Image<'a> {
        let name = text(entry, "name");
        Image {
            name: Name::read(name),
            new_name: text(entry, "newName"),
            suffix: text(entry, "tagSuffix"),
            tag: text(entry, "newTag"),
            digest: text(entry, "digest"),
        }
    }

    /// Changes a resource's containers, wherever they are, and the fields of the specs. Tells whether any had the image.
    fn change(&self, resource: &mut Resource, specs: &[FieldSpec]) -> Result<bool, Diagnostic> {
        if resource.object.kind() == "CustomResourceDefinition" {
            return Ok(false);
        }
        let mut matched = self.change_containers(resource.node_mut())?;
        let gvk = resource.object.gvk();
        for spec in specs.iter().filter(|it| it.selects(&gvk)) {
            spec.visit(resource.node_mut(), Leaf::Never, &mut |field, _| {
                matched |= self.set(field)?;
                Ok(())
            })?;
        }
        Ok(matched)
    }

    fn change_containers(&self, node: &mut Node) -> Result<bool, Diagnostic> {
        let mut matched = false;
        if let Some(items) = node.as_sequence_mut() {
            for item in items {
                matched |= self.change_containers(item)?;
            }
            return Ok(matched);
        }
        let Some(mapping) = node.as_mapping_mut() else {
            return Ok(false);
        };
        for entry in mapping.iter_mut() {
            matched |= self.change_containers(&mut entry.value)?;
            if matches!(entry.key.as_str(), Some("containers" | "initContainers")) {
                for container in entry.value.as_sequence_mut().into_iter().flatten() {
                    matched |= self.change_container(container)?;
                }
            }
        }
        Ok(matched)
    }

    fn change_container(&self, container: &mut Node) -> Result<bool, Diagnostic> {
        match container.view() {
            View::Mapping(_) => {}
            View::Scalar(_) if container.is_null() => return Ok(false),
            _ => {
                let message = format!("expected a container, found {}", container.kind().words());
                return Err(Diagnostic::error("wrong-field-type", message).at(&*container));
            }
        }
        container
            .get_mut("image")
            .map_or(Ok(false), |image| self.set(image))
    }

    fn set(&self, field: &mut Node) -> Result<bool, Diagnostic> {
        let Some(value) = field.as_str() else {
            let message = format!(
                "expected a string for an image, found {}",
                field.kind().words()
            );
            return Err(Diagnostic::error("wrong-field-type", message).at(&*field));
        };
        if !self.name.matches(value) {
            return Ok(false);
        }
        let changed = self.changed(value);
        set_text(field, &changed);
        Ok(true)
    }

    fn changed(&self, value: &str) -> String {
        let (name, tag, digest) = split(value);
        let name = if self.new_name.is_empty() {
            name
        } else {
            self.new_name
        };
        let suffixed = format!("{tag}{}", self.suffix);
        let (tag, digest) = match (self.tag, self.digest) {
            ("", "") if self.suffix.is_empty() => (tag, digest),
            ("", "") => (suffixed.as_str(), ""),
            given => given,
        };
        let tag = if tag.is_empty() {
            String::new()
        } else {
            format!(":{tag}")
        };
        let digest = if digest.is_empty() {
            String::new()
        } else {
            format!("@{digest}")
        };
        format!("{name}{tag}{digest}")
    }
}

/// Name, tag and digest of `[host[:port]/]name[:tag][@digest]`.
fn split(reference: &str) -> (&str, &str, &str) {
    let host_len = reference.find('/').unwrap_or(0);
    let path = &reference[host_len..];
    match (path.find('@'), path.find(':')) {
        (None, None) => (reference, "", ""),
        (Some(at), colon) if colon.is_none_or(|it| at < it) => (
            &reference[..host_len + at],
            "",
            &reference[host_len + at + 1..],
        ),
        (Some(at), Some(colon)) => {
            let (at, colon) = (host_len + at, host_len + colon);
            (
                &reference[..colon],
                &reference[colon + 1..at],
                &reference[at + 1..],
            )
        }
        (_, Some(colon)) => (
            &reference[..host_len + colon],
            &reference[host_len + colon + 1..],
            "",
        ),
        (Some(_), None) => (reference, "", ""),
    }
}
