//! Collects the origins of the folders of a tree.

use std::sync::Arc;

use crate::compare::{self, Claim, Origin, ValueFiles};
use crate::compose::{Data, Expected, Form};
use crate::engine::ENGINES;
use crate::layout::environment_of;
use crate::tree::TreePath;

/// The claim that each folder was rendered from. Shared folders are left out, because their files belong to several claims.
pub(super) fn origins_of(expected: Vec<Expected>, data: Vec<Data>) -> Vec<(TreePath, Origin)> {
    let origin = |folder: &TreePath, title, owner, span, objects| Origin {
        // Base is not applied.
        environment: environment_of(folder)
            .filter(|it| !ENGINES.is_base(it))
            .map(str::to_string),
        claim: Arc::new(Claim {
            title,
            owner,
            span: Some(span),
        }),
        objects,
        value_files: ValueFiles::Inputs,
    };
    let folders = expected.into_iter();
    let folders = folders.filter(|it| !matches!(it.form, Form::Files(_)));
    let mut origins: Vec<(TreePath, Origin)> = folders
        .map(|it| {
            let origin = origin(&it.folder, it.title, it.owner, it.span, it.objects);
            (it.folder, origin)
        })
        .collect();
    for it in data {
        let object = compare::file_object(&it.path, it.node);
        let folder = it.path.parent().unwrap_or_else(TreePath::root);
        match origins.last_mut().filter(|last| last.0 == folder) {
            Some((_, origin)) => origin.objects.push(object),
            None => {
                let origin = origin(&folder, it.title, it.owner, it.span, vec![object]);
                origins.push((folder, origin));
            }
        }
    }
    origins
}
