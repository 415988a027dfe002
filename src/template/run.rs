//! One rendering of a text, repeated until all that it asks for is known, within the limits of the run.

use std::sync::atomic::Ordering;

use minijinja::{Error, ErrorKind, Template};

use super::memo::Cost;
use super::{Context, Templates, meter, placeholder, trace};
use crate::diag::Diagnostic;
use crate::yaml::Node;

/// The maximum number of steps of one template.
pub(super) const FUEL: u64 = 1_000_000;

/// A rendered text with its placeholders.
pub(super) struct Output {
    pub(super) text: String,
    /// The values of the placeholders.
    pub(super) slots: Vec<Node>,
    /// The records of a traced rendering.
    pub(super) record: Option<trace::Record>,
    /// The value of an expression, if requested.
    pub(super) made: Option<placeholder::Produced>,
    pub(super) cost: Cost,
}

impl Templates<'_> {
    pub(super) fn run(
        &self,
        name: &str,
        context: &Context,
        is_kept: bool,
    ) -> Result<Output, Diagnostic> {
        let report = |error: Error| self.diagnostic("template-error", name, &error);
        let template = self.environment.get_template(name).map_err(report)?;
        // Rendering after the limit was reached would cost time without effect.
        if self.is_over_limit() {
            return Err(self.run_limit(self.source_of(name)));
        }
        let (mut failed, mut faults) = (Vec::new(), Vec::new());
        let mut cost = Cost { steps: 0, bytes: 0 };
        loop {
            let (trace, render) = (self.trace.as_ref(), || render(&template, context));
            let rendered = placeholder::collect(context, trace, is_kept, &failed, render);
            let (result, steps) = rendered.result;
            let steps = meter::run_steps(steps);
            cost.steps += steps;
            self.charge(name, Cost { steps, bytes: 0 })?;
            let missing = context.claims().take_missing();
            let is_finished = rendered.question.is_none();
            if is_finished
                && let Some(first) = context.claims().store_rest(std::mem::take(&mut faults))
            {
                // Later errors may be consequences of this one.
                context.claims().take_pending();
                return Err(first);
            }
            if let Some(missing) = missing {
                return Err(self.missing_output(name, &missing));
            }
            match (result, rendered.question) {
                (Ok(text), _) => {
                    cost.bytes = meter::kept_bytes(&text, &rendered.values);
                    self.charge(name, Cost { steps: 0, ..cost })?;
                    return Ok(Output {
                        text,
                        slots: rendered.values,
                        record: rendered.record,
                        made: rendered.made,
                        cost,
                    });
                }
                (Err(error), None) => {
                    let fault = report(error);
                    context.claims().set_span(fault.span.clone());
                    return Err(fault);
                }
                (Err(error), Some(question)) => {
                    if let Err(fault) = self.readers.answer(&question) {
                        let location = || question.location.clone().or_else(|| report(error).span);
                        let span = fault.span.clone().or_else(location);
                        faults.push(Diagnostic { span, ..fault });
                        failed.push(question);
                    }
                }
            }
        }
    }

    /// Counts an evaluation for the limits of the run. Errors: a limit is reached.
    pub(super) fn charge(&self, name: &str, cost: Cost) -> Result<(), Diagnostic> {
        self.steps.fetch_add(cost.steps, Ordering::Relaxed);
        self.made.fetch_add(cost.bytes, Ordering::Relaxed);
        match self.is_over_limit() {
            true => Err(self.run_limit(self.source_of(name))),
            false => Ok(()),
        }
    }

    /// Whether all templates together have exceeded a limit. The order of rendering is not fixed, so there is one report for all.
    pub fn is_over_limit(&self) -> bool {
        self.is_too_large() || self.steps.load(Ordering::Relaxed) > meter::RUN_STEPS_MAX
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.made.load(Ordering::Relaxed) > meter::RUN_BYTES_MAX
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
