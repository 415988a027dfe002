//! `claim(kind, name)`: another claim of the environment, with its `metadata`, `spec` and `outputs`.
//!
//! Which claims an expression looks up is only known when it is evaluated. A lookup of a claim that is not resolved is recorded in
//! the context and stops the rendering; the caller resolves the claim and renders again. So looked-up claims are always complete,
//! and the caller learns the dependencies.

use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::placeholder::current_claims;
use crate::diag::{Diagnostic, Span};

/// Lookups of other claims made by expressions, and their cached results.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    resolved: Vec<(ClaimLookup, Value)>,
    pending: Option<PendingLookup>,
    missing_output: Option<MissingOutput>,
    /// The errors of each rendering after its first one.
    rest: Vec<Diagnostic>,
}

/// The arguments of a call of `claim(kind, name)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimLookup {
    /// The kind in the expression.
    pub kind: String,
    /// The name in the expression.
    pub name: String,
}

/// A lookup of a claim that is not resolved.
#[derive(Clone, Debug)]
pub struct PendingLookup {
    /// The kind and name in the call.
    pub claim: ClaimLookup,
    /// The location of the call, if known.
    pub span: Option<Span>,
}

/// An output that was requested and that the kind does not have.
#[derive(Clone, Debug)]
pub(super) struct MissingOutput {
    /// `<kind>/<name>` of the claim.
    pub(super) title: String,
    /// The requested output.
    pub(super) name: String,
    /// The outputs of the kind.
    pub(super) known: Vec<String>,
}

impl Claims {
    fn with_state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes and returns the lookup that stopped a rendering, if any.
    pub fn take_pending(&self) -> Option<PendingLookup> {
        self.with_state(|it| it.pending.take())
    }

    /// Sets the value of a claim in later renderings.
    pub(super) fn provide(&self, claim: ClaimLookup, value: Value) {
        self.with_state(|it| it.resolved.push((claim, value)));
    }

    /// Records the location of the call that stopped a rendering.
    pub(super) fn set_span(&self, span: Option<Span>) {
        self.with_state(|it| {
            if let Some(pending) = &mut it.pending {
                pending.span = pending.span.take().or(span);
            }
        });
    }

    /// Returns the first error of a rendering. The others are stored until [`Claims::take_rest`].
    pub(super) fn store_rest(&self, faults: Vec<Diagnostic>) -> Option<Diagnostic> {
        let mut faults = faults.into_iter();
        let first = faults.next()?;
        self.with_state(|it| it.rest.extend(faults));
        Some(first)
    }

    /// Removes and returns the errors of renderings after their first ones.
    pub fn take_rest(&self) -> Vec<Diagnostic> {
        self.with_state(|it| std::mem::take(&mut it.rest))
    }

    /// Removes and returns the first unknown output that a rendering has read, if any.
    pub(super) fn take_missing_output(&self) -> Option<MissingOutput> {
        self.with_state(|it| it.missing_output.take())
    }
}

pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_function("claim", |kind: String, name: Value| {
        let name = match name.is_undefined() || name.is_none() {
            true => String::new(),
            false => name.to_string(),
        };
        let claim = ClaimLookup { kind, name };
        let value = current_claims().and_then(|claims| {
            claims.with_state(|it| {
                let resolved = it.resolved.iter().find(|it| it.0 == claim);
                let value = resolved.map(|it| it.1.clone());
                if value.is_none() {
                    it.pending = Some(PendingLookup { claim, span: None });
                }
                value
            })
        });
        value.ok_or_else(|| {
            let message = "`claim` can be called in `let`, `rules`, `outputs`, `provides`, `requires`, `files` and templates";
            Error::new(ErrorKind::InvalidOperation, message)
        })
    });
}

/// The outputs of a claim. An unknown output is an error and not an empty value.
#[derive(Debug)]
pub(super) struct Outputs {
    pub(super) title: String,
    /// A map with an entry for each output of the kind.
    pub(super) entries: Value,
}

impl Object for Outputs {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = self.entries.get_item(key).ok();
        let found = found.filter(|it| !it.is_undefined());
        if found.is_none()
            && let Some(claims) = current_claims()
        {
            let known = self.entries.try_iter().into_iter().flatten();
            let missing = MissingOutput {
                title: self.title.clone(),
                name: key.to_string(),
                known: known.map(|it| it.to_string()).collect(),
            };
            claims.with_state(|it| _ = it.missing_output.get_or_insert(missing));
        }
        found
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.entries.try_iter() {
            Ok(names) => Enumerator::Values(names.collect()),
            Err(_) => Enumerator::Empty,
        }
    }
}

/// The result of `claim(kind, name)`.
#[derive(Debug)]
pub(super) struct ClaimValue {
    pub(super) metadata: Value,
    pub(super) spec: Value,
    pub(super) outputs: Value,
}

impl Object for ClaimValue {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "metadata" => Some(self.metadata.clone()),
            "spec" => Some(self.spec.clone()),
            "outputs" => Some(self.outputs.clone()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["metadata", "spec", "outputs"])
    }
}
