//! Functions that read data outside of the claim, such as `chart(repository, name, version)`.
//!
//! Functions in minijinja cannot borrow, but the data to read is borrowed. So a call whose result is unknown records a request and
//! stops the rendering; the request is answered and the rendering starts again. Each request is answered once. If the answer is an
//! error, the rendering also starts again, to find further errors.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Object, Rest};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::placeholder::{has_failed, request_lookup};
use super::value::from_node;
use crate::diag::{Diagnostic, Span};
use crate::yaml::Node;

/// Computes the result of a call.
pub type Reader<'a> = Box<dyn Fn(&LookupRequest) -> Result<Node, Diagnostic> + Send + Sync + 'a>;

/// A call of a reader.
#[derive(Clone, Debug)]
pub struct LookupRequest {
    function: &'static str,
    /// The arguments as texts; an argument without a value is empty.
    pub arguments: Vec<String>,
    /// The location of the last argument, if it is in a file.
    pub location: Option<Span>,
}

impl LookupRequest {
    pub(super) fn is_call(&self, function: &str, arguments: &[String]) -> bool {
        self.function == function && self.arguments == arguments
    }

    /// An argument, counted from 0; empty if missing.
    pub fn argument(&self, at: usize) -> &str {
        self.arguments.get(at).map_or("", String::as_str)
    }
}

type Answers = Arc<Mutex<BTreeMap<(&'static str, Vec<String>), Value>>>;

#[derive(Default)]
pub(super) struct Readers<'a> {
    readers: BTreeMap<&'static str, Reader<'a>>,
    answers: Answers,
}

impl<'a> Readers<'a> {
    pub(super) fn add(
        &mut self,
        environment: &mut Environment<'static>,
        name: &'static str,
        reader: Reader<'a>,
    ) {
        self.readers.insert(name, reader);
        self.register(environment, name);
    }

    /// Connects the functions of a reused environment to these readers.
    pub(super) fn register_all(&self, environment: &mut Environment<'static>) {
        let names = self.readers.keys();
        names.for_each(|it| self.register(environment, it));
    }

    fn register(&self, environment: &mut Environment<'static>, name: &'static str) {
        let answers = self.answers.clone();
        environment.add_function(name, move |arguments: Rest<Value>| {
            let text = |it: &Value| match it.is_undefined() || it.is_none() {
                true => String::new(),
                false => it.to_string(),
            };
            let arguments: Vec<String> = arguments.iter().map(text).collect();
            let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = answers.get(&(name, arguments.clone())) {
                return Ok(value.clone());
            }
            drop(answers);
            // The rendering continues after a failed request, to report further failing requests with it.
            if has_failed(name, &arguments) {
                return Ok(Value::from_object(UnreadableValue));
            }
            if arguments.iter().any(|it| it.contains(UNREADABLE)) {
                return Err(Error::new(ErrorKind::InvalidOperation, "not read"));
            }
            request_lookup(|last| LookupRequest {
                function: name,
                location: location(last, &arguments),
                arguments,
            });
            Err(Error::new(ErrorKind::InvalidOperation, "not yet read"))
        });
    }

    /// Calls the reader of a request, and stores its result for the next rendering.
    pub(super) fn answer(&self, request: &LookupRequest) -> Result<(), Diagnostic> {
        let unknown = || {
            let message = format!("`{}` cannot be called here", request.function);
            Diagnostic::error("template-error", message)
        };
        let reader = self.readers.get(request.function).ok_or_else(unknown)?;
        let value = from_node(&reader(request)?);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert((request.function, request.arguments.clone()), value);
        Ok(())
    }
}

/// The text of an unreadable value, to recognize it in arguments. It never appears in output, because the rendering fails.
const UNREADABLE: &str = "\u{f0000}unread\u{f0000}";

/// The value of a failed request, and of each of its fields.
#[derive(Debug)]
struct UnreadableValue;

impl Object for UnreadableValue {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from_dyn_object(self.clone()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(UNREADABLE)
    }
}

/// The location of the scalar that was read last, if its text is that of an argument.
fn location(last: Option<&Node>, arguments: &[String]) -> Option<Span> {
    let last = last.filter(|it| it.has_origin())?;
    let is_argument = arguments
        .iter()
        .any(|it| Some(it.as_str()) == last.as_str());
    is_argument.then(|| last.span().clone())
}
