//! `images`.

use std::sync::atomic::{AtomicBool, Ordering};

use regex::Regex;

use crate::diag::Diagnostic;
use crate::yaml::{Node, View};

use super::super::config::specs_of;
use super::super::each::each;
use super::super::fieldspec::{FieldSpec, Leaf};
use super::super::kustomization::{FIELD_SPECS, IMAGE, list, text};
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
        image.change_all(resources, &specs).map(|_| ())
    },
};

fn apply(stage: &mut Stage<'_, '_>, resources: &mut Resources) -> Result<(), Diagnostic> {
    for entry in stage.kustomization.list("images") {
        let image = Image::read(entry);
        if !image.change_all(resources, &stage.config.images)? {
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

/// What becomes of one image.
struct Image<'a> {
    /// Matches the whole reference; `None` where the name makes no regular expression, and so matches nothing.
    reference: Option<Regex>,
    new_name: &'a str,
    suffix: &'a str,
    tag: &'a str,
    digest: &'a str,
}

impl<'a> Image<'a> {
    fn read(entry: &'a Node) -> Image<'a> {
        let name = text(entry, "name");
        // The name goes into the pattern as it is, as in kustomize: a dot in it matches any character.
        let pattern = format!(
            "^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{{}}-]*)?$"
        );
        Image {
            reference: Regex::new(&pattern).ok(),
            new_name: text(entry, "newName"),
            suffix: text(entry, "tagSuffix"),
            tag: text(entry, "newTag"),
            digest: text(entry, "digest"),
        }
    }

    fn change_all(
        &self,
        resources: &mut Resources,
        specs: &[FieldSpec],
    ) -> Result<bool, Diagnostic> {
        let matched = AtomicBool::default();
        each(resources.list_mut(), |resource| {
            if self.change(resource, specs)? {
                matched.store(true, Ordering::Relaxed);
            }
            Ok(())
        })?;
        Ok(matched.into_inner())
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
        if !self.reference.as_ref().is_some_and(|it| it.is_match(value)) {
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
