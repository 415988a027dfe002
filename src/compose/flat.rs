//! The layout `flat`: one file for each object as it is applied, without a kustomization.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::common::{CommonMetadata, apply_common_metadata};
use super::folder::check_merge_key;
use super::{Expected, Form, OutputFile, RenderedTree, object_text};
use crate::delivery::Delivery;
use crate::diag::Diagnostics;
use crate::kustomize::FILE_NAMES;
use crate::object::Object;
use crate::render::plain_name;
use crate::tree::TreePath;
use crate::yaml::hex;

/// File systems allow names of 255 bytes. The rest is for the digest and the extension.
const STEM_LENGTH_MAX: usize = 200;

pub(super) fn write(
    rendered: &mut RenderedTree,
    folder: &TreePath,
    delivery: &Delivery,
    common: &CommonMetadata,
    diagnostics: &mut Diagnostics,
) {
    let objects: Vec<Object> = delivery.files.iter().map(|it| it.object.clone()).collect();
    for object in &objects {
        check_merge_key(object, delivery, diagnostics);
    }
    let objects = apply_common_metadata(objects, common, diagnostics);
    for (object, name) in objects.iter().zip(file_names(&objects)) {
        let file = OutputFile {
            title: delivery.title.clone(),
            body: object_text(&object.node),
        };
        rendered.files.insert(folder.child(&name), file);
    }
    let expected = Expected::new(delivery, folder.clone(), objects, Form::Flat);
    rendered.expected.push(expected);
}

/// `<kind>-<name>[-<namespace>].yaml`. If the name is already used or too long, a digest of the identity is added.
fn file_names(objects: &[Object]) -> Vec<String> {
    let stem = |object: &Object| {
        let parts = [object.kind(), object.name(), object.namespace()];
        let parts: Vec<&str> = parts.into_iter().filter(|it| !it.is_empty()).collect();
        plain_name(&parts.join("-"))
    };
    let stems: Vec<String> = objects.iter().map(stem).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for stem in &stems {
        *counts.entry(stem).or_default() += 1;
    }
    let names = stems.iter().zip(objects).map(|(stem, object)| {
        let name = format!("{stem}.yaml");
        let is_usable = counts.get(&**stem) == Some(&1)
            && stem.len() <= STEM_LENGTH_MAX
            && !FILE_NAMES.contains(&&*name);
        if is_usable {
            return name;
        }
        let short: String = stem.chars().take(STEM_LENGTH_MAX).collect();
        format!("{short}-{}.yaml", digest(object))
    });
    names.collect()
}

fn digest(object: &Object) -> String {
    let digest = Sha256::digest(format!("{:?}", object.id()));
    hex(digest.get(..4).unwrap_or(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Source;
    use crate::yaml::parse;

    #[test]
    fn file_names_are_unique_and_short() {
        let long = "x".repeat(250);
        let text = format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: a-b, namespace: c}}}}\n---\n\
             {{apiVersion: v1, kind: Service, metadata: {{name: a, namespace: b-c}}}}\n---\n\
             {{apiVersion: v1, kind: Namespace, metadata: {{name: c}}}}\n---\n\
             {{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {{name: 'system:A'}}}}\n---\n\
             {{apiVersion: v1, kind: Secret, metadata: {{name: {long}}}}}\n"
        );
        let nodes = parse(&Source::internal("objects", text)).unwrap();
        let objects: Vec<Object> = nodes.into_iter().map(Object::new).collect();
        let names = file_names(&objects);
        assert_eq!(
            names[2..4],
            ["namespace-c.yaml", "clusterrole-system-a.yaml"]
        );
        assert_ne!(names[0], names[1]);
        assert!(names[..2].iter().all(|it| it.starts_with("service-a-b-c-")));
        assert!(names[4].len() < 255);
    }
}
