//! Complete objects in the tree that no kustomization lists.

use super::common::{Common, with_common};
use super::{Expected, Form, RenderedTree, form};
use crate::delivery::Delivery;
use crate::diag::Diagnostics;
use crate::tree::TreePath;

pub(super) fn write(
    composition: &mut RenderedTree,
    place: &TreePath,
    delivery: &Delivery,
    common: &Common,
    diagnostics: &mut Diagnostics,
) {
    let (mut objects, mut paths) = (Vec::new(), Vec::new());
    for file in &delivery.files {
        let Some(path) = TreePath::new(&format!("{place}/{}", file.name)) else {
            continue;
        };
        let object = vec![file.object.clone()];
        for object in with_common(object, common, diagnostics) {
            composition.text(path.clone(), delivery, form::object(&object.node));
            objects.push(object);
        }
        paths.push(path);
    }
    composition.expected.push(Expected {
        folder: place.clone(),
        objects,
        title: delivery.title.clone(),
        form: Form::Files(paths),
        owner: delivery.owner.clone(),
        span: delivery.span.clone(),
    });
}
