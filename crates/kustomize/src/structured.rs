//! Writes JSON or YAML in a string after a change.

use pleach_yaml::diag::Source;
use pleach_yaml::{Written, emit_as_written, json_round_trip, parse_one};

use super::json;

/// The text of a changed value: JSON stays JSON, on one line or several; YAML keeps its comments and anchors. `None` for JSON in which a
/// value does not match its type or a key is duplicated.
pub(super) fn write(written: &Written, original: &str) -> Option<String> {
    let text = emit_as_written(written);
    if !original.trim_start().starts_with(['{', '[']) {
        return Some(text.trim().to_string());
    }
    let mut node = parse_one(&Source::internal("text", text)).ok()?;
    // Fails if a value does not match its tag.
    json_round_trip(&mut node).ok()?;
    let is_pretty = original.contains('\n') && original.contains("  ");
    Some(json::write(&node, is_pretty.then_some(2)))
}
