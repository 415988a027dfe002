//! `images`.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use pleach_re2::Regexp;
use pleach_yaml::diag::{Class, Diagnostic, Edit, Severity, Span, nearest};
use pleach_yaml::parallel;
use pleach_yaml::{Node, View};

use super::super::config::FieldSpecs;
use super::super::fieldspec::{FieldSpec, Leaf};
use super::super::kustomization::Image;
use super::super::pattern::invalid;
use super::super::plugins::configuration;
use super::super::record::{Record, Text, record};
use super::super::resource::{Resource, replaced_at, set_text};
use super::super::resources::Resources;
use super::{Transform, TransformContext};

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "ImageTagTransformer",
    apply,
    run: |_, config, resources| {
        let config: ImagePlugin = configuration(config)?;
        let unnamed = || Image::new(config.span.clone());
        let entry = config.image.clone().unwrap_or_else(unnamed);
        let change = ImageChange::new(&entry);
        parallel::try_map(resources.list_mut(), |it| change.apply(it, &config.specs)).map(drop)
    },
};

record! {
    struct ImagePlugin {
        image: Option<Image> = "imageTag",
        specs: FieldSpecs = "fieldSpecs",
    }
}

fn apply(
    transform: &mut TransformContext<'_, '_>,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let entries = &transform.fields.images;
    if entries.is_empty() {
        return Ok(());
    }
    let specs = &transform.config.images;
    if let [entry] = &**entries {
        let image = ImageChange::new(entry);
        let matched = parallel::try_map(resources.list_mut(), |it| image.apply(it, specs))?;
        if !matched.contains(&true) {
            let warning = unmatched(entry, &image.name, &used(resources, specs));
            transform.context.diagnostics.push(warning);
        }
        transform.done(TRANSFORM.plugin, resources);
        return Ok(());
    }
    apply_several(transform, entries, resources)
}

/// Finds the resources of each image with an index, so that each resource is not searched for each image.
fn apply_several(
    transform: &mut TransformContext<'_, '_>,
    entries: &[Image],
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let specs = &transform.config.images;
    let mut index = ImageIndex::new(resources, specs)?;
    let mut known = None;
    for entry in entries {
        let image = ImageChange::new(entry);
        let mut matched = false;
        for at in index.of_name(&image.name) {
            if let Some(resource) = resources.get_mut(at)
                && image.apply(resource, specs)?
            {
                matched = true;
                index.add(at, resource, specs)?;
            }
        }
        if !matched {
            let used = known.get_or_insert_with(|| used(resources, specs));
            let warning = unmatched(entry, &image.name, used);
            transform.context.diagnostics.push(warning);
        }
        transform.done(TRANSFORM.plugin, resources);
    }
    Ok(())
}

/// The warning about an image that no container uses. kustomize lets a name that is not a valid regular expression match nothing.
fn unmatched(entry: &Image, name: &Name<'_>, used: &BTreeSet<String>) -> Diagnostic {
    let at = entry.name.span_or(&entry.span);
    let text = &*entry.name;
    if let Name::Pattern(Err(error)) = name {
        let fault = invalid(text, error).at(at);
        let message = format!("{}; the entry has no effect", fault.message);
        return Diagnostic {
            severity: Severity::Warning,
            message,
            ..fault
        };
    }
    let message = format!("no container uses image `{text}`");
    let fault = Diagnostic::warning("unmatched-image", message)
        .class(Class::Unmatched)
        .at(at);
    match nearest_image(text, used) {
        Some(near) => {
            let edit = Edit::rename(at, text, near);
            fault.fix(format!("did you mean `{near}`?"), edit)
        }
        None => fault.help("correct the name, or remove the entry"),
    }
}

/// The names of the images that are used.
fn used(resources: &mut Resources, specs: &[FieldSpec]) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for resource in resources.list_mut() {
        // Invalid images were reported before.
        let _ = each(resource, specs, &mut |field| {
            used.insert(split(field.as_str().unwrap_or("")).0.to_string());
            Ok(())
        });
    }
    used
}

/// The nearest image that is used, or one with the same last part, because the registry is easily forgotten.
fn nearest_image<'a>(wrong: &str, used: &'a BTreeSet<String>) -> Option<&'a str> {
    let last = |name: &str| name.rsplit('/').next().map(str::to_string);
    let mut known = used.iter().map(String::as_str);
    nearest(wrong, known.clone()).or_else(|| known.find(|it| last(it) == last(wrong)))
}

/// An index of the images of resources, so that each image is only searched where it can be.
#[derive(Default)]
struct ImageIndex {
    /// Positions by the last part of image names. Entries from before a change stay, which is harmless.
    by_part: IndexMap<Box<str>, Vec<usize>>,
    all: Vec<usize>,
}

impl ImageIndex {
    fn new(resources: &mut Resources, specs: &[FieldSpec]) -> Result<ImageIndex, Diagnostic> {
        let found = parallel::try_map(resources.list_mut(), |it| parts(it, specs))?;
        let mut index = ImageIndex::default();
        for (at, parts) in found.into_iter().enumerate() {
            if !parts.is_empty() {
                index.all.push(at);
            }
            index.insert(at, parts);
        }
        Ok(index)
    }

    fn add(
        &mut self,
        at: usize,
        resource: &mut Resource,
        specs: &[FieldSpec],
    ) -> Result<(), Diagnostic> {
        self.insert(at, parts(resource, specs)?);
        Ok(())
    }

    fn insert(&mut self, at: usize, parts: BTreeSet<Box<str>>) {
        for part in parts {
            let positions = self.by_part.entry(part).or_default();
            if positions.last() != Some(&at) {
                positions.push(at);
            }
        }
    }

    /// The resources that may use an image, in order. The index can only be used if the last part follows a slash, because a dot in the
    /// name may match any character.
    fn of_name(&self, name: &Name<'_>) -> Vec<usize> {
        let exact = match name {
            Name::Plain(name) => {
                let before = name.strip_suffix(last_part(name));
                Some(*name).filter(|_| before.is_none_or(|it| !it.ends_with('.')))
            }
            Name::Pattern(_) => None,
        };
        let Some(name) = exact else {
            return self.all.clone();
        };
        let positions = self.by_part.get(last_part(name));
        let mut positions = positions.cloned().unwrap_or_default();
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit(['/', '.']).next().unwrap_or(name)
}

/// The last parts of all names that a resource's references may have: a name ends before a tag, before a digest or at the end.
fn parts(resource: &mut Resource, specs: &[FieldSpec]) -> Result<BTreeSet<Box<str>>, Diagnostic> {
    let mut parts = BTreeSet::new();
    each(resource, specs, &mut |field| {
        let reference = field.as_str().unwrap_or("");
        let ends = reference.match_indices([':', '@']).map(|(at, _)| at);
        let names = ends.filter_map(|it| reference.get(..it));
        parts.extend(names.chain([reference]).map(|it| Box::from(last_part(it))));
        Ok(())
    })?;
    Ok(parts)
}

/// Calls `set` on the image of each container in a resource, at any depth, and on the fields of the specs.
fn each(
    resource: &mut Resource,
    specs: &[FieldSpec],
    set: &mut dyn FnMut(&mut Node) -> Result<(), Diagnostic>,
) -> Result<(), Diagnostic> {
    // The schema of a CRD may have properties named `containers` and `image`, which are not images.
    if resource.object.kind() == "CustomResourceDefinition" {
        return Ok(());
    }
    let mut checked = |field: &mut Node| {
        if field.is_scalar() {
            return set(field);
        }
        let found = field.kind().description();
        let message = format!("expected a string for an image, found {found}");
        Err(Diagnostic::error("wrong-field-type", message).at(&*field))
    };
    each_container(resource.node_mut(), &mut checked)?;
    let gvk = resource.object.gvk();
    for spec in specs.iter().filter(|it| it.selects(&gvk)) {
        spec.visit(resource.node_mut(), Leaf::Never, &mut |field, _| {
            checked(field)
        })?;
    }
    Ok(())
}

fn each_container(
    node: &mut Node,
    set: &mut dyn FnMut(&mut Node) -> Result<(), Diagnostic>,
) -> Result<(), Diagnostic> {
    if let Some(items) = node.as_sequence_mut() {
        return items
            .iter_mut()
            .try_for_each(|item| each_container(item, set));
    }
    let entries = node.as_mapping_mut().map(|it| it.iter_mut());
    for entry in entries.into_iter().flatten() {
        // Depth first. kustomize visits every map, because custom resources may contain pod templates anywhere.
        each_container(&mut entry.value, set)?;
        // Most values are not lists, which is faster to test than the key.
        let Some(containers) = entry.value.as_sequence_mut() else {
            continue;
        };
        if matches!(entry.key.as_str(), Some("containers" | "initContainers")) {
            for container in containers {
                set_container(container, set)?;
            }
        }
    }
    Ok(())
}

fn set_container(
    container: &mut Node,
    set: &mut dyn FnMut(&mut Node) -> Result<(), Diagnostic>,
) -> Result<(), Diagnostic> {
    match container.view() {
        View::Mapping(_) => {}
        View::Scalar(_) if container.is_tagged_null() => return Ok(()),
        _ => {
            let message = format!(
                "expected a container, found {}",
                container.kind().description()
            );
            return Err(Diagnostic::error("wrong-field-type", message).at(&*container));
        }
    }
    container.get_mut("image").map_or(Ok(()), set)
}

/// The name of an image. It is a regular expression, as in kustomize: a dot in it matches any character.
enum Name<'a> {
    /// Characters without a special meaning, and dots, as in most names.
    Plain(&'a str),
    /// Matches the whole reference. A name that is not a valid regular expression matches nothing.
    Pattern(Result<Regexp, pleach_re2::Error>),
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
        Name::Pattern(Regexp::new(&pattern))
    }

    fn matches(&self, reference: &str) -> bool {
        let name = match self {
            Name::Plain(name) => name,
            Name::Pattern(regexp) => {
                let regexp = regexp.as_ref();
                return regexp.is_ok_and(|it| it.is_match(reference.as_bytes()));
            }
        };
        let mut rest = reference.chars();
        let fits = |expected: char| {
            rest.next()
                .is_some_and(|it| it == expected || (expected == '.' && it != '\n'))
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

/// The replacement of one image.
struct ImageChange<'a> {
    /// The location of the most specific part of the new reference.
    written: &'a Span,
    name: Name<'a>,
    new_name: &'a str,
    suffix: &'a str,
    tag: &'a str,
    digest: &'a str,
}

impl<'a> ImageChange<'a> {
    fn new(entry: &'a Image) -> ImageChange<'a> {
        let fields = [&entry.digest, &entry.new_tag, &entry.new_name];
        let written = fields.into_iter().find(|it| it.node().has_origin());
        ImageChange {
            written: written.map_or(&entry.span, Text::span),
            name: Name::read(&entry.name),
            new_name: &entry.new_name,
            suffix: &entry.tag_suffix,
            tag: &entry.new_tag,
            digest: &entry.digest,
        }
    }

    /// Changes the references of a resource to the image. Returns whether it had any.
    fn apply(&self, resource: &mut Resource, specs: &[FieldSpec]) -> Result<bool, Diagnostic> {
        let mut matched = false;
        each(resource, specs, &mut |field| {
            let value = field.as_str().unwrap_or("");
            if self.name.matches(value) {
                matched = true;
                let changed = self.changed(value);
                set_text(field, &changed);
                replaced_at(field, self.written);
            }
            Ok(())
        })?;
        Ok(matched)
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
            // The digest belongs to the tag without the suffix, so it is removed.
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
        // A colon after the `@` belongs to the digest: `name@sha256:…`.
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
