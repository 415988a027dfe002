//! Arithmetic, ranges of numbers, rounding.

use super::convert::{display, to_float, to_int};
use super::{ANY, FLOAT, INT, STRING, fail, text};
use crate::go::decimal::Decimal;
use crate::go::strconv::{NumberError, parse_int};
use crate::template::{Arguments, Context, Function, FunctionError, Returned};
use crate::value::{IntType, List, Type, Value};

static INT_LIST: Type = Type::Slice(&Type::Int(IntType::Int));

/// The charged size of a number in a list.
const NUMBER_SIZE: usize = 24;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("add", &[ANY], |_, it| {
        integer(it.0.iter().map(to_int).fold(0, i64::wrapping_add))
    }),
    Function::fixed("add1", &[ANY], |_, it| {
        integer(to_int(it.get(0)).wrapping_add(1))
    }),
    Function::fixed("add1f", &[ANY], |context, it| {
        let one = [Value::int(1)];
        decimal(context, it.get(0), &one, |a, b| Ok(a.add(b)))
    }),
    Function::variadic("addf", &[ANY], |context, it| {
        decimal(context, &Value::Float(0.0), it.0, |a, b| Ok(a.add(b)))
    }),
    Function::fixed("atoi", &[STRING], |_, it| {
        Ok(Value::int(match parse_int(it.text(0), 10) {
            Ok(value) | Err(NumberError::Range(value)) => value,
            Err(NumberError::Syntax) => 0,
        }))
    }),
    Function::variadic("biggest", &[ANY, ANY], |_, it| {
        integer(it.0.iter().map(to_int).max().unwrap_or(0))
    }),
    Function::fixed("ceil", &[ANY], |_, it| {
        Ok(Value::Float(to_float(it.get(0)).ceil()))
    }),
    Function::fixed("div", &[ANY, ANY], |_, it| match to_int(it.get(1)) {
        0 => fail("runtime error: integer divide by zero"),
        divisor => integer(to_int(it.get(0)).wrapping_div(divisor)),
    }),
    Function::variadic("divf", &[ANY, ANY], |context, it| {
        decimal(context, it.get(0), it.rest(1), |a, b| {
            let quotient = a.divide(b);
            quotient.ok_or_else(|| FunctionError::new("decimal division by 0"))
        })
    }),
    Function::fixed("float64", &[ANY], |_, it| {
        Ok(Value::Float(to_float(it.get(0))))
    }),
    Function::fixed("floor", &[ANY], |_, it| {
        Ok(Value::Float(to_float(it.get(0)).floor()))
    }),
    Function::fixed("int", &[ANY], |_, it| Ok(Value::int(to_int(it.get(0))))),
    Function::fixed("int64", &[ANY], |_, it| integer(to_int(it.get(0)))),
    Function::variadic("max", &[ANY, ANY], |_, it| {
        integer(it.0.iter().map(to_int).max().unwrap_or(0))
    }),
    Function::variadic("maxf", &[ANY, ANY], |_, it| {
        let numbers = it.0.iter().map(to_float);
        Ok(Value::Float(numbers.reduce(larger).unwrap_or(0.0)))
    }),
    Function::variadic("min", &[ANY, ANY], |_, it| {
        integer(it.0.iter().map(to_int).min().unwrap_or(0))
    }),
    Function::variadic("minf", &[ANY, ANY], |_, it| {
        let numbers = it.0.iter().map(|it| -to_float(it));
        Ok(Value::Float(-numbers.reduce(larger).unwrap_or(0.0)))
    }),
    Function::fixed("mod", &[ANY, ANY], |_, it| match to_int(it.get(1)) {
        0 => fail("runtime error: integer divide by zero"),
        divisor => integer(to_int(it.get(0)).wrapping_rem(divisor)),
    }),
    Function::variadic("mul", &[ANY, ANY], |_, it| {
        integer(it.0.iter().map(to_int).fold(1, i64::wrapping_mul))
    }),
    Function::variadic("mulf", &[ANY, ANY], |context, it| {
        decimal(context, it.get(0), it.rest(1), |a, b| Ok(a.multiply(b)))
    }),
    Function::variadic("round", &[ANY, INT, FLOAT], |_, it| {
        let limit = if it.len() > 2 { it.float(2) } else { 0.5 };
        Ok(Value::Float(round(to_float(it.get(0)), it.int(1), limit)))
    }),
    Function::variadic("seq", &[INT], seq),
    Function::fixed("sub", &[ANY, ANY], |_, it| {
        integer(to_int(it.get(0)).wrapping_sub(to_int(it.get(1))))
    }),
    Function::variadic("subf", &[ANY, ANY], |context, it| {
        decimal(context, it.get(0), it.rest(1), |a, b| Ok(a.subtract(b)))
    }),
    Function::fixed("toDecimal", &[ANY], |_, it| {
        integer(parse_int(&display(it.get(0)), 8).unwrap_or(0))
    }),
    Function::fixed("until", &[INT], |context, it| {
        let step = if it.int(0) < 0 { -1 } else { 1 };
        numbers(context, 0, it.int(0), step)
    }),
    Function::fixed("untilStep", &[INT, INT, INT], |context, it| {
        numbers(context, it.int(0), it.int(1), it.int(2))
    }),
];

fn integer(value: i64) -> Returned {
    Ok(Value::int64(value))
}

/// Go's `math.Max`: NaN if one is NaN, and 0 is greater than -0.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return if a == f64::INFINITY || b == f64::INFINITY {
            f64::INFINITY
        } else {
            f64::NAN
        };
    }
    if a == 0.0 && b == 0.0 {
        return if a.is_sign_negative() { b } else { a };
    }
    a.max(b)
}

/// Applies an operation on decimals to a number and further ones in order.
fn decimal(
    context: &mut Context<'_>,
    first: &Value,
    others: &[Value],
    operation: impl Fn(&Decimal, &Decimal) -> Result<Decimal, FunctionError>,
) -> Returned {
    let mut result = to_decimal(first)?;
    for other in others {
        result = operation(&result, &to_decimal(other)?)?;
        // A product has as many digits as all its factors together.
        context.charge(result.size())?;
    }
    Ok(Value::Float(result.to_float()))
}

fn to_decimal(value: &Value) -> Result<Decimal, FunctionError> {
    let value = to_float(value);
    Decimal::from_f64(value).ok_or_else(|| {
        let number = crate::go::strconv::float_decimal(value);
        FunctionError::new(format!("Cannot create a Decimal from {number}"))
    })
}

/// Rounds up from `limit`. The fraction of a negative number is negative, so it is rounded down.
fn round(value: f64, places: i64, limit: f64) -> f64 {
    let power = power_of_ten(places);
    let digit = power * value;
    let fraction = if digit.is_infinite() {
        f64::NAN
    } else {
        digit - digit.trunc()
    };
    let rounded = if fraction >= limit {
        digit.ceil()
    } else {
        digit.floor()
    };
    rounded / power
}

/// A power of ten, computed in Go's steps, on which the last digit depends.
fn power_of_ten(exponent: i64) -> f64 {
    if exponent == 0 {
        return 1.0;
    }
    let mut rest = exponent.unsigned_abs();
    if rest > 1 << 12 {
        return if exponent < 0 { 0.0 } else { f64::INFINITY };
    }
    let (mut result, mut result_exponent) = (1.0_f64, 0_i32);
    // 10 is 0.625 × 2⁴.
    let (mut factor, mut factor_exponent) = (0.625_f64, 4_i32);
    while rest != 0 {
        if rest & 1 == 1 {
            result *= factor;
            result_exponent += factor_exponent;
        }
        factor *= factor;
        factor_exponent <<= 1;
        if factor < 0.5 {
            factor += factor;
            factor_exponent -= 1;
        }
        rest >>= 1;
    }
    if exponent < 0 {
        result = 1.0 / result;
        result_exponent = -result_exponent;
    }
    let half = result_exponent / 2;
    result * 2_f64.powi(half) * 2_f64.powi(result_exponent - half)
}

/// The number of values from a start to an exclusive end.
fn count(start: i64, stop: i64, step: i64) -> usize {
    let distance = i128::from(stop) - i128::from(start);
    let step = i128::from(step);
    if step == 0 || (distance < 0) != (step < 0) {
        return 0;
    }
    let count = (distance.abs() + step.abs() - 1) / step.abs();
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn steps(
    context: &mut Context<'_>,
    start: i64,
    stop: i64,
    step: i64,
) -> Result<Vec<i64>, FunctionError> {
    let count = count(start, stop, step);
    context.charge(count.saturating_mul(NUMBER_SIZE))?;
    let numbers = (0..count).map(|at| start.wrapping_add((at as i64).wrapping_mul(step)));
    Ok(numbers.collect())
}

fn numbers(context: &mut Context<'_>, start: i64, stop: i64, step: i64) -> Returned {
    let numbers = steps(context, start, stop, step)?;
    let numbers = numbers.into_iter().map(Value::int);
    Ok(Value::List(List::with_type(&INT_LIST, numbers.collect())))
}

/// Numbers separated by blanks, with arguments end, or start and end, or start, step and end; the end is inclusive.
fn seq(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let (start, step, end) = match arguments.len() {
        1 => (1, None, arguments.int(0)),
        2 => (arguments.int(0), None, arguments.int(1)),
        3 => (arguments.int(0), Some(arguments.int(1)), arguments.int(2)),
        _ => return text(""),
    };
    let direction = if end < start { -1 } else { 1 };
    if step.is_some_and(|step| step > 0) && end < start {
        return text("");
    }
    let stop = end.wrapping_add(direction);
    let numbers = steps(context, start, stop, step.unwrap_or(direction))?;
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    text(numbers.join(" "))
}
