//! Fields that a rule of a CustomResourceDefinition reads.

use cel_core::{Expr, SpannedExpr};

use super::environment::walk;
use crate::validate::json::Fields;
use pleach_yaml::Node;

/// The first field below `self` that the schema does not declare.
pub(super) fn unknown_field(expr: &SpannedExpr, schema: &Node, is_root: bool) -> Option<String> {
    let (mut unknown, mut functions) = (None, Vec::new());
    walk(expr, &mut |part| match &part.node {
        // The name of a method is not a field.
        Expr::Call { expr, .. } => functions.push(std::ptr::from_ref(&**expr)),
        Expr::Member { .. } | Expr::MemberTestOnly { .. }
            if !functions.contains(&std::ptr::from_ref(part)) =>
        {
            let found = path(part).and_then(|it| undeclared(&it, schema, is_root));
            unknown = unknown.take().or(found);
        }
        _ => {}
    });
    unknown
}

/// The fields in `self.a.b`.
fn path(expr: &SpannedExpr) -> Option<Vec<&str>> {
    match &expr.node {
        Expr::Ident(name) if name == "self" => Some(Vec::new()),
        Expr::Member { expr, field, .. } | Expr::MemberTestOnly { expr, field } => {
            let mut fields = path(expr)?;
            fields.push(field);
            Some(fields)
        }
        _ => None,
    }
}

fn undeclared(path: &[&str], schema: &Node, is_root: bool) -> Option<String> {
    let (mut schema, mut is_object) = (schema, is_root);
    for name in path {
        let is_map = schema
            .field("additionalProperties")
            .is_some_and(|it| it.as_mapping().is_some());
        let is_any = schema.boolean("x-kubernetes-int-or-string") == Some(true);
        is_object |= schema.boolean("x-kubernetes-embedded-resource") == Some(true);
        let is_meta = is_object && matches!(*name, "apiVersion" | "kind" | "metadata");
        // Two underscores escape other characters.
        if schema.text("type") != Some("object")
            || is_map
            || is_any
            || is_meta
            || name.contains("__")
        {
            return None;
        }
        match schema.field("properties").and_then(|it| it.field(name)) {
            Some(property) => schema = property,
            None => return Some((*name).to_owned()),
        }
        is_object = false;
    }
    None
}
