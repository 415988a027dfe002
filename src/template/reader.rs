//! Functions that read: `chart(repository, name, version)`.
//!
//! minijinja's functions cannot borrow, and what there is to read is borrowed. So a call without an answer leaves a question and
//! ends the rendering; the question is answered and the rendering begins again. Each question is answered once. Where the answer is
//! an error, the rendering begins again too, to find what else cannot be read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Object, Rest};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::placeholder::{ask, has_failed};
use super::value::from_node;
use crate::diag::{Diagnostic, Span};
use crate::yaml::Node;

/// Gives the value of a call.
pub type Reader<'a> = Box<dyn Fn(&LookupRequest) -> Result<Node, Diagnostic> + Send + Sync + 'a>;

/// A call of a reader.
#[derive(Clone, Debug)]
pub struct LookupRequest {
    function: &'static str,
    /// The arguments as texts; empty for none.
    pub arguments: Vec<String>,
    /// The place of the last argument, if a person wrote it.
    pub place: Option<Span>,
}

impl LookupRequest {
    pub(super) fn is_call(&self, function: &str, arguments: &[String]) -> bool {
        self.function == function && self.arguments == arguments
    }

    /// An argument, counted from 0; empty where it is not given.
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

    /// Makes an environment that was another's ask these readers.
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
            // The rest of the text may request more that cannot be read, and all of it is reported at once.
            if has_failed(name, &arguments) {
                return Ok(Value::from_object(Unread));
            }
            if arguments.iter().any(|it| it.contains(UNREAD)) {
                return Err(Error::new(ErrorKind::InvalidOperation, "not read"));
            }
            ask(|last| LookupRequest {
                function: name,
                place: place(last, &arguments),
                arguments,
            });
            Err(Error::new(ErrorKind::InvalidOperation, "not yet read"))
        });
    }

    /// Finds what a call was without.
    pub(super) fn answer(&self, question: &LookupRequest) -> Result<(), Diagnostic> {
        let unknown = || Diagnostic::error("template-error", "there is nothing to read here");
        let reader = self.readers.get(question.function).ok_or_else(unknown)?;
        let value = from_node(&reader(question)?);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert((question.function, question.arguments.clone()), value);
        Ok(())
    }
}

/// What is printed for a value that cannot be read, to recognize it in arguments. Only the program itself prints it: the rendering
/// ends with an error.
const UNREAD: &str = "\u{f0000}unread\u{f0000}";

/// Takes the place of a value that cannot be read and for each of its fields.
#[derive(Debug)]
struct Unread;

impl Object for Unread {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from_dyn_object(self.clone()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(UNREAD)
    }
}

/// The scalar that was read last is an argument, if it says the same as one.
fn place(last: Option<&Node>, arguments: &[String]) -> Option<Span> {
    let last = last.filter(|it| it.has_origin())?;
    let is_argument = arguments
        .iter()
        .any(|it| Some(it.as_str()) == last.as_str());
    is_argument.then(|| last.span().clone())
}
