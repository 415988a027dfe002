//! Folders that several claims share. They contain complete objects and no kustomization.

use super::common::{CommonMetadata, apply_common_metadata};
use super::{Expected, Form, RenderedTree, object_text};
use crate::delivery::Delivery;
use crate::diag::Diagnostics;
use crate::tree::TreePath;

pub(super) fn write(
    rendered: &mut RenderedTree,
    location: &TreePath,
    delivery: &Delivery,
    common: &CommonMetadata,
    diagnostics: &mut Diagnostics,
) {
    let (mut objects, mut paths) = (Vec::new(), Vec::new());
    for file in &delivery.files {
        let Some(path) = TreePath::new(&format!("{location}/{}", file.name)) else {
            continue;
        };
        let object = vec![file.object.clone()];
        for object in apply_common_metadata(object, common, diagnostics) {
            rendered.insert_file(path.clone(), delivery, object_text(&object.node));
            objects.push(object);
        }
        paths.push(path);
    }
    rendered.expected.push(Expected {
        folder: location.clone(),
        objects,
        title: delivery.title.clone(),
        form: Form::Files(paths),
        owner: delivery.owner.clone(),
        span: delivery.span.clone(),
    });
}
