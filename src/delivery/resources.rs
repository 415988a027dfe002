//! Checks requests and limits of pods: Kubernetes only rejects a request above its limit when the pod is created.

use crate::diag::{Diagnostic, Span};
use crate::layout::Folder;
use crate::object::quantity;
use crate::yaml::{Entry, Node};

/// The first request in the values that is above its limit, whether they come from the chart or the claim. Errors:
/// `request-above-limit`.
pub(super) fn check(values: &Node, service: &str, at: &Span) -> Result<(), Diagnostic> {
    for Entry { key, value } in values.as_mapping().into_iter().flatten() {
        let pairs = ["cpu", "memory"].into_iter().filter_map(|it| {
            let request = value.at_keys(&["requests", it])?;
            Some((it, request, value.at_keys(&["limits", it])?))
        });
        for (what, request, limit) in pairs.filter(|_| key.as_str() == Some("resources")) {
            let [asked, most] = [request, limit].map(|it| quantity(it.as_str().unwrap_or("")));
            if asked.zip(most).is_some_and(|(asked, most)| asked > most) {
                return Err(above(service, what, request, limit, at));
            }
        }
        check(value, service, at)?;
    }
    Ok(())
}

fn above(service: &str, what: &str, request: &Node, limit: &Node, at: &Span) -> Diagnostic {
    let text = |it: &Node| it.as_str().unwrap_or("").to_string();
    let message = format!(
        "`{service}` requests {} {what} but its limit is {}",
        text(request),
        text(limit)
    );
    // Often, one of the two is set by the claim and the other one by the chart.
    let in_claim =
        |it: &&Node| it.has_origin() && Folder::of(it.span().path()) == Some(Folder::Environments);
    let said = [request, limit].into_iter().find(in_claim);
    let place = said.map_or(at, Node::span);
    let fault = Diagnostic::error("request-above-limit", message).at(place);
    fault.help(format!("set `requests` and `limits` of {what} together"))
}
