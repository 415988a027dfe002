//! The rendering of a text, repeated until all requested data is available, within the limits of the run.

use std::sync::atomic::Ordering;

use minijinja::{Error, ErrorKind, Template};

use super::memo::Cost;
use super::{Context, LookupRequest, Templates, meter, placeholder, trace};
use crate::diag::{Diagnostic, Span};
use crate::yaml::Node;

/// The maximum number of steps of one template.
pub(super) const FUEL: u64 = 1_000_000;

/// A rendered text with its placeholders.
pub(super) struct Output {
    pub(super) text: String,
    /// The values of the placeholders.
    pub(super) values: Vec<Node>,
    /// The records of a traced rendering.
    pub(super) record: Option<trace::Record>,
    /// The value of an expression, if requested and cacheable.
    pub(super) cacheable: Option<placeholder::CacheableValue>,
    pub(super) cost: Cost,
}

impl Templates<'_> {
    /// Renders a text. With `keeps_value`, also returns the value that it printed last.
    pub(super) fn run(
        &self,
        name: &str,
        context: &Context,
        keeps_value: bool,
    ) -> Result<Output, Diagnostic> {
        let report = |error: Error| self.diagnostic("template-error", name, &error);
        let template = self.environment.get_template(name).map_err(report)?;
        // If a limit was reached, all further results are discarded.
        if self.is_over_limit() {
            return Err(self.run_limit(self.source_of(name)));
        }
        let (mut failed, mut faults) = (Vec::new(), Vec::new());
        let mut cost = Cost { steps: 0, bytes: 0 };
        loop {
            let (trace, render) = (self.trace.as_ref(), || render(&template, context));
            let rendered = placeholder::collect(context, trace, keeps_value, &failed, render);
            let (result, steps) = rendered.result;
            let steps = meter::run_steps(steps);
            cost.steps += steps;
            self.charge(name, Cost { steps, bytes: 0 })?;
            let is_finished = rendered.request.is_none();
            self.check_lookups(name, context, is_finished.then_some(&mut faults))?;
            match (result, rendered.request) {
                (Ok(text), _) => {
                    cost.bytes = meter::kept_bytes(&text, &rendered.values);
                    self.charge(name, Cost { steps: 0, ..cost })?;
                    return Ok(Output {
                        text,
                        values: rendered.values,
                        record: rendered.record,
                        cacheable: rendered.cacheable,
                        cost,
                    });
                }
                (Err(error), None) => {
                    let fault = report(error);
                    context.claims().set_span(fault.span.clone());
                    return Err(fault);
                }
                (Err(error), Some(request)) => {
                    if let Err(fault) = self.answer(&request, || report(error).span) {
                        faults.push(fault);
                        failed.push(request);
                    }
                }
            }
        }
    }

    /// Errors: the first of the faults of requests, given when no request is left; or an output that another claim does not have.
    fn check_lookups(
        &self,
        name: &str,
        context: &Context,
        faults: Option<&mut Vec<Diagnostic>>,
    ) -> Result<(), Diagnostic> {
        let missing = context.claims().take_missing_output();
        if let Some(faults) = faults
            && let Some(first) = context.claims().store_rest(std::mem::take(faults))
        {
            // The pending lookup of a claim may be a consequence of the error.
            context.claims().take_pending();
            return Err(first);
        }
        match missing {
            Some(missing) => Err(self.missing_output(name, &missing)),
            None => Ok(()),
        }
    }

    /// Answers a request. Errors: those of the reader, at the location of the request, or otherwise at `location`.
    fn answer(
        &self,
        request: &LookupRequest,
        location: impl FnOnce() -> Option<Span>,
    ) -> Result<(), Diagnostic> {
        self.readers.answer(request).map_err(|fault| {
            let span = fault.span.clone().or_else(|| request.location.clone());
            let span = span.or_else(location);
            Diagnostic { span, ..fault }
        })
    }

    /// Counts an evaluation for the limits of the run. Errors: a limit is reached.
    pub(super) fn charge(&self, name: &str, cost: Cost) -> Result<(), Diagnostic> {
        self.steps.fetch_add(cost.steps, Ordering::Relaxed);
        self.bytes.fetch_add(cost.bytes, Ordering::Relaxed);
        match self.is_over_limit() {
            true => Err(self.run_limit(self.source_of(name))),
            false => Ok(()),
        }
    }

    /// Whether all templates together have exceeded a limit. Templates are rendered in no fixed order, so this is reported once and
    /// not at the template that reached the limit.
    pub fn is_over_limit(&self) -> bool {
        self.is_too_large() || self.steps.load(Ordering::Relaxed) > meter::RUN_STEPS_MAX
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > meter::RUN_BYTES_MAX
    }
}

/// Renders a template, and counts its steps.
fn render(template: &Template<'_, '_>, context: &Context) -> (Result<String, Error>, u64) {
    match template.render_captured(context.to_value()) {
        Ok(rendered) => {
            let steps = rendered.state().fuel_levels().map_or(0, |it| it.0);
            (Ok(rendered.into_output()), steps)
        }
        Err(error) => {
            let steps = match error.kind() {
                ErrorKind::OutOfFuel => FUEL,
                _ => meter::FAILED_STEPS,
            };
            (Err(error), steps)
        }
    }
}
