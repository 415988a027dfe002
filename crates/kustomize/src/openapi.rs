//! `openapi`: the schema for merging patches.

use std::sync::Arc;

use pleach_kube::schema::Schemas;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::{Node, parse_one};

use super::accumulate::{Context, Failed};
use super::kustomization::Kustomization;

/// The version that is built in.
const BUILTIN: &str = "v1.21.2";

/// The purposes for which the built-in schema has been used so far. In kustomize, this determines whether a later schema replaces
/// it or is added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SchemaUse {
    #[default]
    Nothing,
    /// Only to look up whether a kind is namespaced: the built-in types are added later and take precedence.
    Scopes,
    /// For a merge: the built-in types were loaded first, and later types with the same names take precedence.
    Types,
}

/// Uses the schema of a kustomization. The first one of a build applies.
pub(super) fn enter(
    context: &mut Context<'_>,
    kustomization: &Kustomization,
) -> Result<(), Failed> {
    let Some(field) = &kustomization.fields.openapi else {
        return Ok(());
    };
    let schemas = match (field.get("path"), field.get("version")) {
        (Some(path), version) => {
            let read = context.loader.source(
                &kustomization.folder(),
                path.as_str().unwrap_or(""),
                path.span(),
            );
            let text = context.keep(read).ok_or(Failed)?;
            // kustomize loads the file even if it has no effect, so it must be readable.
            if context.custom_schema {
                return Ok(());
            }
            if version.is_some() {
                let message = "`openapi` has both `path` and `version`";
                context
                    .diagnostics
                    .push(Diagnostic::error("openapi-twice", message).at(field.span()));
                return Err(Failed);
            }
            let document = context.keep_all(parse_one(&text)).ok_or(Failed)?;
            let schemas = match context.needed {
                SchemaUse::Nothing => context.schemas.with_openapi(&document),
                SchemaUse::Scopes => Schemas::builtin_with_openapi(&document, true),
                SchemaUse::Types => Schemas::builtin_with_openapi(&document, false),
            };
            Some(Arc::new(context.keep(schemas).ok_or(Failed)?))
        }
        (None, Some(version)) if !context.custom_schema && version.as_str() != Some("") => {
            if version.as_str() != Some(BUILTIN) {
                context.diagnostics.push(unknown_version(version));
                return Err(Failed);
            }
            None
        }
        _ => return Ok(()),
    };
    context.custom_schema = true;
    if let Some(schemas) = schemas {
        context.schemas = schemas;
    }
    Ok(())
}

fn unknown_version(version: &Node) -> Diagnostic {
    let name = version.as_str().unwrap_or("");
    let message = format!("unknown OpenAPI version `{name}`");
    Diagnostic::error("unknown-openapi", message)
        .at(version)
        .help(format!("the built-in version is `{BUILTIN}`"))
}
