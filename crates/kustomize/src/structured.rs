//! JSON or YAML in the text of a field, written again after a change.

use pleach_yaml::diag::Source;
use pleach_yaml::{Written, emit_as_written, json_round_trip, parse_one};

use super::json;

/// The text of a changed value: JSON where JSON was, in one line or in many as it was; YAML else, with its comments and anchors.
/// `None` for JSON in which a value doesn't fit its type or a key appears twice.
pub(super) fn write(written: &Written, original: &str) -> Option<String> {
    let text = emit_as_written(written);
    if !original.trim_start().starts_with(['{', '[']) {
        return Some(text.trim().to_string());
    }
    let mut node = parse_one(&Source::internal("text", text)).ok()?;
    // Fails where a value is not of the type that its tag states.
    json_round_trip(&mut node).ok()?;
    let is_pretty = original.contains('\n') && original.contains("  ");
    Some(json::write(&node, is_pretty.then_some(2)))
}
