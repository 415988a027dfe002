//! Limits for memory and time of a rendering: data that expressions read and create is charged in bytes, in addition to minijinja's
//! steps.
//!
//! Every value in a template is either part of its input or was charged when it was created, so all values together have at most
//! [`BYTES_MAX`], and each value at most [`VALUE_BYTES_MAX`]. Steps are charged by the filters that [`super::guard`] inserts;
//! minijinja's own filters, tests and functions are wrapped, and those whose result can be much larger than their input are charged
//! in advance.

use std::cell::RefCell;

use minijinja::value::{Kwargs, Rest, Tuple, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters, functions, tests};

use super::guard;
use super::value::Collection;
use crate::yaml::{Node, View};

/// The maximum number of bytes that the expressions and texts of one template may read and create.
pub(super) const BYTES_MAX: usize = 32 << 20;
/// The maximum size of long texts from all templates of a run, which stay in memory until the tree is written.
pub(super) const RUN_BYTES_MAX: usize = 48 << 20;
/// The maximum number of steps of all templates of a run, not counting [`FREE_STEPS`] for each, because there may be many claims.
pub(super) const RUN_STEPS_MAX: usize = 10_000_000;
const FREE_STEPS: usize = 20_000;
/// The assumed cost of a failed rendering, whose number of steps is unknown.
pub(super) const FAILED_STEPS: u64 = 40_000;
/// The number of bytes that are read or created in the time of a step.
const STEP_BYTES: usize = 64;
/// Outputs of templates, and texts in them, up to this size are not counted, because a large workspace has many of them.
const PLAIN_OUTPUT_BYTES: usize = 64 << 10;
const PLAIN_TEXT_BYTES: usize = 4 << 10;
/// The maximum size of a value that an expression may create or read.
const VALUE_BYTES_MAX: usize = 4 << 20;
/// The maximum depth of a value that an expression creates.
const DEPTH_MAX: usize = 200;
/// The size of a value in addition to its text.
const VALUE_BYTES: usize = 64;

/// The remaining budget of a rendering.
#[derive(Debug)]
struct Meter {
    /// In bytes.
    remaining: usize,
    /// The left operands of products that are not yet computed.
    factors: Vec<Factor>,
}

impl Default for Meter {
    fn default() -> Meter {
        Meter {
            remaining: BYTES_MAX,
            factors: Vec::new(),
        }
    }
}

impl Meter {
    fn charge(&mut self, bytes: usize) -> Result<(), Error> {
        match self.remaining.checked_sub(bytes) {
            Some(remaining) => {
                self.remaining = remaining;
                Ok(())
            }
            None => {
                self.remaining = 0;
                Err(limit_error(format!(
                    "the template reads and produces more than {} MiB of text and values",
                    BYTES_MAX >> 20
                )))
            }
        }
    }
}

fn limit_error(message: String) -> Error {
    Error::new(ErrorKind::OutOfFuel, message)
}

fn too_large() -> Error {
    limit_error(format!(
        "a value of the template is larger than {} MiB",
        VALUE_BYTES_MAX >> 20
    ))
}

thread_local! {
    /// The budget of the rendering on this thread, because filters and objects of minijinja have no access to our state.
    static METER: RefCell<Meter> = RefCell::new(Meter::default());
}

/// Begins a rendering on this thread.
pub(super) fn begin() {
    METER.set(Meter::default());
}

/// Charges the rendering on this thread.
pub(super) fn charge(bytes: usize) -> Result<(), Error> {
    METER.with_borrow_mut(|it| it.charge(bytes))
}

/// The cost in steps of the rendering on this thread: its own steps and its bytes.
pub(super) fn run_steps(steps: u64) -> usize {
    let bytes = METER.with_borrow(|it| BYTES_MAX - it.remaining);
    let steps = usize::try_from(steps).unwrap_or(usize::MAX);
    steps
        .saturating_add(bytes / STEP_BYTES)
        .saturating_sub(FREE_STEPS)
}

/// Charges for a value of this size. Errors: it is too large, or the budget is used up.
fn charge_value(bytes: usize) -> Result<(), Error> {
    if bytes > VALUE_BYTES_MAX {
        return Err(too_large());
    }
    charge(bytes)
}

/// Subtracts a part of a value from the remaining size.
fn subtract(remaining: &mut usize, bytes: usize) -> Result<(), Error> {
    *remaining = remaining
        .checked_sub(bytes.saturating_add(VALUE_BYTES))
        .ok_or_else(too_large)?;
    Ok(())
}

fn check_depth(depth: usize) -> Result<(), Error> {
    match depth > DEPTH_MAX {
        true => Err(limit_error(format!(
            "a value of the template is deeper than {DEPTH_MAX} levels"
        ))),
        false => Ok(()),
    }
}

/// Subtracts the size of a value, each part as often as it occurs. Errors: it is larger than the remaining size, or too deep.
fn measure(value: &Value, depth: usize, remaining: &mut usize) -> Result<(), Error> {
    check_depth(depth)?;
    if let Some(node) = value
        .downcast_object_ref::<Collection>()
        .and_then(Collection::node)
    {
        return measure_node(node, depth, remaining);
    }
    match value.kind() {
        ValueKind::String => subtract(remaining, value.as_str().map_or(0, str::len)),
        ValueKind::Bytes => subtract(remaining, value.as_bytes().map_or(0, <[u8]>::len)),
        ValueKind::Seq => {
            subtract(remaining, 0)?;
            value
                .try_iter()?
                .try_for_each(|it| measure(&it, depth + 1, remaining))
        }
        ValueKind::Map => {
            subtract(remaining, 0)?;
            for key in value.try_iter()? {
                measure(&key, depth + 1, remaining)?;
                measure(&value.get_item(&key)?, depth + 1, remaining)?;
            }
            Ok(())
        }
        ValueKind::Iterable => subtract(
            remaining,
            value.len().unwrap_or(0).saturating_mul(VALUE_BYTES),
        ),
        _ => subtract(remaining, 0),
    }
}

fn measure_node(node: &Node, depth: usize, remaining: &mut usize) -> Result<(), Error> {
    check_depth(depth)?;
    match node.view() {
        View::Scalar(text) => subtract(remaining, text.len()),
        View::Sequence(items) => {
            subtract(remaining, 0)?;
            items
                .iter()
                .try_for_each(|it| measure_node(it, depth + 1, remaining))
        }
        View::Mapping(entries) => {
            subtract(remaining, 0)?;
            entries.iter().try_for_each(|it| {
                subtract(remaining, it.key.as_str().map_or(0, str::len))?;
                measure_node(&it.value, depth + 1, remaining)
            })
        }
    }
}

/// The size of a value in bytes. Errors: it is too large or too deep.
pub(super) fn size(value: &Value) -> Result<usize, Error> {
    let mut remaining = VALUE_BYTES_MAX;
    measure(value, 0, &mut remaining)?;
    Ok(VALUE_BYTES_MAX - remaining)
}

/// The bytes of a rendering that count for the limit of the run: those of its text and of its values above the free sizes.
pub(super) fn kept_bytes(output: &str, values: &[Node]) -> usize {
    let values = values.iter().map(long_texts);
    let output = output.len().saturating_sub(PLAIN_OUTPUT_BYTES);
    values.fold(output, usize::saturating_add)
}

fn long_texts(node: &Node) -> usize {
    match node.view() {
        View::Scalar(text) => text.len().saturating_sub(PLAIN_TEXT_BYTES),
        View::Sequence(items) => items.iter().map(long_texts).sum(),
        View::Mapping(entries) => entries.iter().map(|it| long_texts(&it.value)).sum(),
    }
}

/// The size of a value without its items.
fn shallow_size(value: &Value) -> usize {
    match value.kind() {
        ValueKind::String => value.as_str().map_or(0, str::len),
        _ => VALUE_BYTES,
    }
}

/// Charges for an operand, and returns it.
pub(super) fn charge_operand(value: Value) -> Result<Value, Error> {
    charge(size(&value)?)?;
    Ok(value)
}

/// The size that an operand of `*` contributes to the product.
#[derive(Clone, Copy, Debug)]
enum Factor {
    Number(usize),
    Bytes(usize),
    Other,
}

fn factor(value: &Value) -> Factor {
    match (value.as_str(), value.as_usize()) {
        (Some(text), _) => Factor::Bytes(text.len()),
        (None, Some(number)) => Factor::Number(number),
        (None, None) => Factor::Other,
    }
}

fn charge_left_operand(value: Value) -> Result<Value, Error> {
    let value = charge_operand(value)?;
    METER.with_borrow_mut(|it| it.factors.push(factor(&value)));
    Ok(as_list(value))
}

fn charge_right_operand(value: Value) -> Result<Value, Error> {
    let value = charge_operand(value)?;
    let left = METER.with_borrow_mut(|it| it.factors.pop());
    match (left.unwrap_or(Factor::Other), factor(&value)) {
        (Factor::Bytes(bytes), Factor::Number(times))
        | (Factor::Number(times), Factor::Bytes(bytes)) => {
            charge_value(bytes.saturating_mul(times))?;
        }
        _ => {}
    }
    Ok(as_list(value))
}

/// Converts a tuple to a list, because minijinja repeats a tuple at once, but a list item by item.
fn as_list(value: Value) -> Value {
    match value.downcast_object_ref::<Tuple>() {
        Some(tuple) => Value::from(tuple.to_vec()),
        None => value,
    }
}

fn charge_subscripted(value: Value) -> Result<Value, Error> {
    charge(shallow_size(&value))?;
    Ok(value)
}

/// Charges for the result of a step, and returns it. Lazy values are evaluated now, up to the limit.
fn charge_result(value: Value) -> Result<Value, Error> {
    let value = match value.kind() {
        ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter()?.checked() {
                charge(VALUE_BYTES)?;
                if items.len() >= VALUE_BYTES_MAX / VALUE_BYTES {
                    return Err(too_large());
                }
                items.push(item?);
            }
            Value::from(items)
        }
        _ => value,
    };
    charge(size(&value)?)?;
    Ok(value)
}

/// Charges for text that is printed next, each time it is printed.
fn charge_text(bytes: usize) -> Result<bool, Error> {
    charge(bytes)?;
    Ok(true)
}

/// Filters that only inspect a value, and return a part of it or a number.
const INSPECTING_FILTERS: [&str; 12] = [
    "length", "count", "first", "last", "default", "d", "attr", "bool", "abs", "int", "float",
    "round",
];

/// Adds the filters of [`guard`], and wraps minijinja's own filters, tests and functions. Our own filters are added later.
pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_filter(guard::OPERAND, charge_operand);
    environment.add_filter(guard::LEFT, charge_left_operand);
    environment.add_filter(guard::RIGHT, charge_right_operand);
    environment.add_filter(guard::SUBSCRIPTED, charge_subscripted);
    environment.add_filter(guard::RESULT, charge_result);
    environment.add_filter(guard::TEXT, charge_text);
    for (name, filter) in builtin_filters() {
        add_filter(environment, name, filter);
    }
    for (name, test) in builtin_tests() {
        environment.add_test(
            name,
            move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
                let arguments = arguments.into_values();
                charge_arguments(&arguments)?;
                test.call(state, &arguments)
            },
        );
    }
    for (name, function) in [
        ("dict", Value::from_function(functions::dict)),
        ("namespace", Value::from_function(functions::namespace)),
    ] {
        environment.add_function(
            name,
            move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
                let arguments = arguments.into_values();
                charge_arguments(&arguments)?;
                function.call(state, &arguments)
            },
        );
    }
    // `debug()` prints all variables, whose size is not charged.
    environment.remove_global("debug");
}

/// Adds a filter whose arguments and result are charged.
pub(super) fn add_filter(
    environment: &mut Environment<'static>,
    name: &'static str,
    filter: Value,
) {
    let only_inspects = INSPECTING_FILTERS.contains(&name);
    environment.add_filter(
        name,
        move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
            let arguments = arguments.into_values();
            if only_inspects {
                arguments
                    .iter()
                    .try_for_each(|it| charge(shallow_size(it)))?;
                return filter.call(state, &arguments);
            }
            charge_arguments(&arguments)?;
            if name == "map"
                && arguments
                    .iter()
                    .any(|it| it.as_str().is_some_and(|it| it.starts_with(guard::PREFIX)))
            {
                return Err(limit_error(format!(
                    "names that begin with `{}` are reserved",
                    guard::PREFIX
                )));
            }
            charge_value(size_of_result(name, &arguments))?;
            charge_result(filter.call(state, &arguments)?)
        },
    );
}

fn charge_arguments(arguments: &[Value]) -> Result<(), Error> {
    arguments.iter().try_for_each(|it| charge(size(it)?))
}

/// The estimated size of a filter's result, if that can be many times the size of its input; otherwise 0.
fn size_of_result(name: &str, arguments: &[Value]) -> usize {
    let text = |at: usize| arguments.get(at).and_then(Value::as_str).unwrap_or("");
    let len = arguments.first().and_then(Value::len).unwrap_or(0);
    match name {
        "replace" => text(0)
            .matches(text(1))
            .count()
            .saturating_mul(text(2).len()),
        "indent" => {
            let lines = text(0).split('\n').count();
            lines.saturating_mul(second_number(arguments, "width"))
        }
        "format" => widths(text(0)).saturating_add(star_widths(arguments)),
        "batch" | "slice" => second_number(arguments, "count").saturating_mul(VALUE_BYTES),
        "join" => len.saturating_mul(text(1).len().max(separator(arguments))),
        "split" => text(0).len().saturating_mul(VALUE_BYTES) / text(1).len().max(1),
        "lines" => text(0).split('\n').count().saturating_mul(VALUE_BYTES),
        "list" => text(0).len().saturating_mul(VALUE_BYTES),
        "flat" | "repeated" => text(1).len().saturating_mul(DEPTH_MAX),
        _ => 0,
    }
}

/// The second argument as a number, given by position or by name; 0 if there is none.
fn second_number(arguments: &[Value], name: &str) -> usize {
    let named = || {
        let kwargs = Kwargs::try_from(arguments.last()?.clone()).ok()?;
        kwargs.get::<usize>(name).ok()
    };
    let positional = arguments.get(1).and_then(Value::as_usize);
    positional.or_else(named).unwrap_or(0)
}

/// The length of the argument `d` of `join`, if it is given by name.
fn separator(arguments: &[Value]) -> usize {
    let named = || {
        let kwargs = Kwargs::try_from(arguments.last()?.clone()).ok()?;
        kwargs.get::<Value>("d").ok()
    };
    named()
        .and_then(|it| it.as_str().map(str::len))
        .unwrap_or(0)
}

/// The sum of all numbers in a format: an upper bound for its widths and precisions.
fn widths(format: &str) -> usize {
    let numbers = format
        .split(|it: char| !it.is_ascii_digit())
        .filter(|it| !it.is_empty());
    let widths = numbers.map(|it| it.parse::<usize>().unwrap_or(usize::MAX));
    widths.fold(0, usize::saturating_add)
}

/// An upper bound for the widths that a format takes from arguments (`*`).
fn star_widths(arguments: &[Value]) -> usize {
    let format = arguments.first().and_then(Value::as_str).unwrap_or("");
    let stars = format.matches('*').count();
    let largest = arguments
        .iter()
        .filter_map(Value::as_usize)
        .max()
        .unwrap_or(0);
    stars.saturating_mul(largest)
}

fn builtin_filters() -> Vec<(&'static str, Value)> {
    macro_rules! filters {
        ($($name:ident),*) => { vec![$((stringify!($name), Value::from_function(filters::$name))),*] };
    }
    let mut all = filters![
        lower, upper, title, capitalize, replace, length, dictsort, items, reverse, trim, join,
        split, lines, default, round, abs, int, float, attr, first, last, min, max, sort, list,
        string, bool, batch, slice, sum, indent, select, reject, selectattr, rejectattr, map,
        groupby, unique, chain, zip, pprint, format
    ];
    all.push(("count", Value::from_function(filters::length)));
    all.push(("d", Value::from_function(filters::default)));
    all
}

fn builtin_tests() -> Vec<(&'static str, Value)> {
    macro_rules! tests {
        ($($($name:literal)|+ => $function:ident),* $(,)?) => {
            vec![$($(($name, Value::from_function(tests::$function))),+),*]
        };
    }
    tests![
        "startingwith" => is_startingwith,
        "endingwith" => is_endingwith,
        "lower" => is_lower,
        "upper" => is_upper,
        "sameas" => is_sameas,
        "eq" | "equalto" | "==" => is_eq,
        "ne" | "!=" => is_ne,
        "lt" | "lessthan" | "<" => is_lt,
        "le" | "<=" => is_le,
        "gt" | "greaterthan" | ">" => is_gt,
        "ge" | ">=" => is_ge,
        "in" => is_in,
    ]
}
