//! Other claims in expressions: `claim('ClickHouseKubernetes', 'analytics').outputs.host`.
//!
//! A call notes the claim that it names, which is how templates make an order. One that names a claim that is not finished ends
//! the rendering; whoever resolves claims can finish that one and begin again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::Rest;
use minijinja::{Environment, Error, ErrorKind, Value};

use super::placeholder::{ask, with_claims};
use super::reader::{Question, place};
use super::value::from_node;
use crate::diag::{Diagnostic, Span};
use crate::yaml::Node;

pub(super) const FUNCTION: &str = "claim";

/// The claims of an environment, as the expressions of one of them see them.
#[derive(Clone, Default)]
pub struct Claims {
    all: Arc<Mutex<BTreeMap<String, Entry>>>,
    referred: Arc<Mutex<BTreeSet<String>>>,
    wanted: Arc<Mutex<Option<String>>>,
}

struct Entry {
    kinds: Vec<String>,
    /// `None` until it is finished.
    value: Option<Value>,
}

impl Claims {
    /// Makes a claim known by its name and the names of its kind.
    pub fn announce<'a>(&self, name: &str, kinds: impl Iterator<Item = &'a str>) {
        let entry = Entry {
            kinds: kinds.map(str::to_string).collect(),
            value: None,
        };
        locked(&self.all).insert(name.to_string(), entry);
    }

    /// Gives a claim that was announced its value: a map of `metadata`, `spec` and `outputs`.
    pub fn finish(&self, name: &str, value: &Node) {
        if let Some(entry) = locked(&self.all).get_mut(name) {
            entry.value = Some(from_node(value));
        }
    }

    /// The same claims, for the expressions of another one.
    #[must_use]
    pub fn for_another(&self) -> Claims {
        Claims {
            all: self.all.clone(),
            ..Claims::default()
        }
    }

    /// The names of those that expressions have called so far.
    pub fn referred(&self) -> BTreeSet<String> {
        locked(&self.referred).clone()
    }

    /// The claim that an expression called before it was finished.
    pub fn take_wanted(&self) -> Option<String> {
        locked(&self.wanted).take()
    }

    fn call(&self, kind: &str, name: &str) -> Option<Value> {
        let all = locked(&self.all);
        let entry = all.get(name).filter(|it| it.is_of(kind))?;
        let Some(value) = &entry.value else {
            *locked(&self.wanted) = Some(name.to_string());
            return None;
        };
        locked(&self.referred).insert(name.to_string());
        Some(value.clone())
    }

    /// Why a call has no answer. Errors: `unknown-reference`.
    pub(super) fn unknown(&self, question: &Question, span: Option<Span>) -> Diagnostic {
        let (kind, name) = (question.argument(0), question.argument(1));
        let all = locked(&self.all);
        let fault = |words: String| Diagnostic::error("unknown-reference", words);
        let fault = match all.get(name) {
            Some(entry) if entry.is_of(kind) => fault(format!("`{name}` has faults of its own")),
            Some(entry) => {
                let other = entry.kinds.first().map_or("", String::as_str);
                fault(format!("`{name}` is of kind {other}, not {kind}"))
            }
            None => {
                let alike = all.iter().filter(|it| it.1.is_of(kind));
                fault(format!("there is no {kind} `{name}`"))
                    .did_you_mean(name, alike.map(|it| it.0.as_str()))
                    .help("`claim(kind, name)` finds claims of the same environment; base sees only base")
            }
        };
        Diagnostic { span, ..fault }
    }
}

impl Entry {
    fn is_of(&self, kind: &str) -> bool {
        self.kinds.iter().any(|it| it == kind)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The function that templates call.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_function(FUNCTION, |arguments: Rest<Value>| {
        let texts: Vec<String> = arguments.iter().map(Value::to_string).collect();
        let [kind, name] = texts.as_slice() else {
            let words = "`claim` takes a kind and a name, as in `claim('ClickHouseKubernetes', 'analytics')`";
            return Err(Error::new(ErrorKind::InvalidOperation, words));
        };
        let found = with_claims(|it| it.call(kind, name)).flatten();
        found.ok_or_else(|| {
            ask(|last| Question {
                function: FUNCTION,
                place: place(last, &texts),
                arguments: texts.clone(),
            });
            Error::new(ErrorKind::InvalidOperation, "there is no such claim")
        })
    });
}
