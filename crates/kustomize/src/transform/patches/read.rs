//! Reads patches, inline or from files.

use std::sync::Arc;

use pleach_kube::patch;
use pleach_yaml::diag::{Diagnostic, Diagnostics, Source, Span};
use pleach_yaml::{Node, parse_with_duplicates};

use super::super::super::duplicates::{self, DuplicateKey, Keep, one_of_each};
use super::super::super::kustomization::{Patch as PatchEntry, Target};
use super::super::super::load::{resources_in, resources_of};
use super::super::super::record::Text;
use super::super::super::resource::Resource;
use super::super::TransformContext;

/// A patch in an entry of a kustomization, or in the configuration of a plugin.
pub(super) struct WrittenPatch<'a> {
    /// The inline text, after the name of the field.
    pub(super) inline: (&'static str, &'a Text),
    pub(super) path: &'a Text,
    pub(super) target: Option<&'a Target>,
    pub(super) span: &'a Span,
}

impl WrittenPatch<'_> {
    pub(super) fn from_entry(entry: &PatchEntry) -> WrittenPatch<'_> {
        WrittenPatch {
            inline: ("patch", &entry.patch),
            path: &entry.path,
            target: entry.target.as_ref(),
            span: &entry.span,
        }
    }

    /// The text of the patch, inline or from its file.
    pub(super) fn source(
        &self,
        transform: &TransformContext<'_, '_>,
        source_of: fn(&Node) -> Arc<Source>,
    ) -> Result<Arc<Source>, Diagnostic> {
        let (field, inline) = self.inline;
        match (inline.trim().is_empty(), self.path.is_empty()) {
            (true, true) => Err(Diagnostic::error(
                "empty-patch",
                format!("the patch has neither `{field}` nor `path`"),
            )
            .at(self.span)),
            (false, false) => Err(Diagnostic::error(
                "patch-twice",
                format!("the patch has both `{field}` and `path`"),
            )
            .at(self.span)
            .help("remove one of them")),
            (false, true) => Ok(source_of(inline.node())),
            (true, false) => {
                let loader = transform.context.loader;
                loader.source(&transform.folder, self.path, self.path.span())
            }
        }
    }
}

pub(super) enum Patch {
    Strategic(Vec<Resource>, Vec<DuplicateKey>),
    Json(Node),
}

/// The patches of an entry: inline if it can be parsed as such, otherwise in the file with this path.
pub(super) fn strategic_patches(
    transform: &TransformContext<'_, '_>,
    entry: &Text,
) -> Result<Vec<Resource>, Diagnostic> {
    let text = &**entry;
    if text.trim().is_empty() {
        let message = "expected a patch or its path, found an empty entry";
        let fault = Diagnostic::error("empty-patch", message).at(entry);
        return Err(fault.help("remove the entry"));
    }
    // Paths never contain these characters. Most entries are paths, so parsing them as YAML is avoided.
    if text.contains('\n') || text.contains(": ") {
        match resources_of(&entry.node().embedded_source()) {
            Ok(patches) => return Ok(patches),
            // No path has several lines.
            Err(faults) if text.trim().contains('\n') => {
                return Err(first_fault(faults, entry.span()));
            }
            Err(_) => {}
        }
    }
    let source = transform
        .context
        .loader
        .source(&transform.folder, text, entry.span())?;
    resources_of(&source).map_err(|faults| first_fault(faults, entry.span()))
}

/// Parses a patch: a list is a JSON 6902 patch, anything else a strategic merge patch. Documents after a list are ignored, as in
/// kustomize.
pub(super) fn read(
    transform: &mut TransformContext<'_, '_>,
    source: &Arc<Source>,
    entry: &Span,
) -> Result<Patch, Diagnostic> {
    let (documents, duplicates) =
        parse_with_duplicates(&patch::patch_as_yaml(source)).unwrap_or_default();
    let is_list = documents
        .first()
        .is_some_and(|it| it.as_sequence().is_some());
    // A merge finds the first of two equal keys; a list of operations is parsed to Go maps, where the last one remains.
    let keep = if is_list { Keep::Last } else { Keep::First };
    let has_duplicates = !duplicates.is_empty();
    let mut doubled = Vec::new();
    if has_duplicates {
        for document in &documents {
            duplicates::doubled(document, &duplicates, &mut doubled);
        }
    }
    let warnings = duplicates::warnings(duplicates, keep);
    let warnings = warnings.map(|it| it.related(entry, "the patch is listed here"));
    transform.context.diagnostics.extend(warnings);
    let mut single = documents.iter().map(|it| one_of_each(it, keep));
    match (is_list, has_duplicates) {
        (true, false) => return patch::parse_json6902(source).map(Patch::Json),
        (true, true) => {
            let document = single.next().unwrap_or_else(Node::null);
            return patch::json6902_in(source, document).map(Patch::Json);
        }
        (false, false) => resources_of(source),
        (false, true) => resources_in(single.collect()),
    }
    .map(|patches| Patch::Strategic(patches, doubled))
    .map_err(|faults| first_fault(faults, entry))
}

fn first_fault(faults: Diagnostics, entry: &Span) -> Diagnostic {
    let fault = faults.into_iter().next();
    let fault = fault.unwrap_or_else(|| {
        Diagnostic::error("not-a-patch", "the patch cannot be parsed").at(entry)
    });
    fault.related(entry, "the patch is listed here")
}
