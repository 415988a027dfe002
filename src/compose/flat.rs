//! The layout `flat`: a claim's objects as applied, one per file, without a kustomization.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::common::{Common, with_common};
use super::folder::check_merge_key;
use super::{Expected, Form, OutputFile, RenderedTree, form};
use crate::delivery::Delivery;
use crate::diag::Diagnostics;
use crate::kustomize::FILE_NAMES;
use crate::object::Object;
use crate::render::plain_name;
use crate::tree::TreePath;
use crate::yaml::hex;

/// File names have at most 255 bytes.
const NAME_LENGTH_MAX: usize = 200;

pub(super) fn write(
    composition: &mut RenderedTree,
    folder: &TreePath,
    delivery: &Delivery,
    common: &Common,
    diagnostics: &mut Diagnostics,
) {
    let objects: Vec<Object> = delivery.files.iter().map(|it| it.object.clone()).collect();
    for object in &objects {
        check_merge_key(object, delivery, diagnostics);
    }
    let objects = with_common(objects, common, diagnostics);
    for (object, name) in objects.iter().zip(names(&objects)) {
        let composed = OutputFile {
            title: delivery.title.clone(),
            body: form::object(&object.node),
        };
        composition.files.insert(folder.child(&name), composed);
    }
    let expected = Expected::of(delivery, folder.clone(), objects, Form::Flat);
    composition.expected.push(expected);
}

/// `<kind>-<name>[-<namespace>].yaml`. If the name is already used or too long, a digest of the identity is added.
fn names(objects: &[Object]) -> Vec<String> {
    let stem = |object: &Object| {
        let parts = [object.kind(), object.name(), object.namespace()];
        let parts: Vec<&str> = parts.into_iter().filter(|it| !it.is_empty()).collect();
        plain_name(&parts.join("-"))
    };
    let stems: Vec<String> = objects.iter().map(stem).collect();
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for stem in &stems {
        *uses.entry(stem).or_default() += 1;
    }
    let named = stems.iter().zip(objects).map(|(stem, object)| {
        let plain = format!("{stem}.yaml");
        let is_plain = uses.get(&**stem) == Some(&1)
            && stem.len() <= NAME_LENGTH_MAX
            && !FILE_NAMES.contains(&&*plain);
        if is_plain {
            return plain;
        }
        let short: String = stem.chars().take(NAME_LENGTH_MAX).collect();
        format!("{short}-{}.yaml", digest(object))
    });
    named.collect()
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
    fn each_object_has_a_name_of_its_own() {
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
        let names = names(&objects);
        assert_eq!(
            names[2..4],
            ["namespace-c.yaml", "clusterrole-system-a.yaml"]
        );
        assert_ne!(names[0], names[1]);
        assert!(names[..2].iter().all(|it| it.starts_with("service-a-b-c-")));
        assert!(names[4].len() < 255);
    }
}
