//! Checks the resource requests and limits in the values of charts. Kubernetes rejects a request above its limit only when the pod is
//! created.

use crate::diag::{Diagnostic, Span};
use crate::layout::Folder;
use crate::object::quantity;
use crate::yaml::{Entry, Node};

/// Reports the first request that is above its limit. `at` is the location if both are set by the chart. Errors:
/// `request-above-limit`.
pub(super) fn check(values: &Node, service: &str, at: &Span) -> Result<(), Diagnostic> {
    for Entry { key, value } in values.as_mapping().into_iter().flatten() {
        let pairs = ["cpu", "memory"].into_iter().filter_map(|it| {
            let request = value.at_keys(&["requests", it])?;
            Some((it, request, value.at_keys(&["limits", it])?))
        });
        for (resource, request, limit) in pairs.filter(|_| key.as_str() == Some("resources")) {
            let quantities = [request, limit].map(|it| quantity(it.as_str().unwrap_or("")));
            if let [Some(requested), Some(max)] = quantities
                && requested > max
            {
                return Err(request_above_limit(service, resource, request, limit, at));
            }
        }
        check(value, service, at)?;
    }
    Ok(())
}

fn request_above_limit(
    service: &str,
    resource: &str,
    request: &Node,
    limit: &Node,
    at: &Span,
) -> Diagnostic {
    let text = |it: &Node| it.as_str().unwrap_or("").to_string();
    let message = format!(
        "`{service}` requests {} {resource} but its limit is {}",
        text(request),
        text(limit)
    );
    // Often, one of the two is set by the claim and the other one by the chart.
    let in_claim = |it: &&Node| {
        it.has_origin() && Folder::containing(it.span().path()) == Some(Folder::Environments)
    };
    let set_in_claim = [request, limit].into_iter().find(in_claim);
    let span = set_in_claim.map_or(at, Node::span);
    let fault = Diagnostic::error("request-above-limit", message).at(span);
    fault.help(format!(
        "set `requests` and `limits` of {resource} together"
    ))
}
