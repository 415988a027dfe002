//! Claims as written in their documents, without defaults, so that they can be written to other files.

use std::sync::Arc;

use super::select;
use crate::diag::Diagnostics;
use crate::load::{Claim, ClaimKind, Environment, Workspace};
use crate::yaml::Node;

/// A claim of one environment: the documents of base and of the environment, merged, with the spelling of the schema.
pub struct Written<'a> {
    /// The kind of the claim.
    pub kind: &'a Arc<ClaimKind>,
    /// `metadata.name` of the claim.
    pub name: &'a str,
    /// The document of the claim, merged with base.
    pub node: Node,
    /// The document of `environments/base`.
    pub base: Option<&'a Claim>,
    /// The environment's own document.
    pub own: Option<&'a Claim>,
}

/// The claims of an environment, sorted by name.
pub fn written<'a>(
    workspace: &'a Workspace<'_>,
    environment: &'a Environment,
    diagnostics: &mut Diagnostics,
) -> Vec<Written<'a>> {
    let selection = select::select(workspace, environment, diagnostics);
    let claims = selection.claims.into_iter();
    let written = claims.filter_map(|it| {
        let claim = it.claim()?;
        Some(Written {
            kind: &claim.kind,
            name: &claim.name,
            node: it.merged()?,
            base: it.base,
            own: it.own,
        })
    });
    written.collect()
}
