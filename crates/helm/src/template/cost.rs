//! The cost of a function call, before it runs: the size of its input, and for some functions the time that they need by design.

use super::limits::Budget;
use crate::value::Value;

/// The largest value that a function may read or print in full.
const VALUE_BYTES_MAX: usize = 16 << 20;
/// The maximum depth of such a value.
const DEPTH_MAX: usize = 1_000;
/// The charged size of each part when a text is split.
const PART_BYTES: usize = 64;
/// The charged size of a value in addition to its text.
const VALUE_BYTES: usize = 16;

/// Functions that read a value with everything in it.
const READS_ALL: [&str; 30] = [
    "toJson",
    "mustToJson",
    "toPrettyJson",
    "mustToPrettyJson",
    "toRawJson",
    "mustToRawJson",
    "toYaml",
    "mustToYaml",
    "toYamlPretty",
    "toToml",
    "mustToToml",
    "deepEqual",
    "print",
    "printf",
    "println",
    "html",
    "js",
    "urlquery",
    "toString",
    "toStrings",
    "quote",
    "squote",
    "cat",
    "join",
    "sortAlpha",
    "uniq",
    "mustUniq",
    "has",
    "mustHas",
    "without",
];

/// Charges a call. Errors: the budget is exhausted, or a value is too large or too deep for a function that reads it completely.
pub(super) fn charge(budget: &mut Budget, name: &str, arguments: &[Value]) -> Result<(), String> {
    budget.charge(time_cost(name, arguments))?;
    for value in arguments {
        let bytes = match READS_ALL.contains(&name) {
            true => deep_size(value)?,
            false => shallow_size(value),
        };
        budget.charge(bytes)?;
    }
    Ok(())
}

/// The additional cost of slow functions.
fn time_cost(name: &str, arguments: &[Value]) -> usize {
    let items = || match arguments.first() {
        Some(Value::List(list)) => list.len(),
        _ => 0,
    };
    match name {
        // 60 ms each.
        "bcrypt" | "htpasswd" => 4 << 20,
        // 100 ms.
        "derivePassword" => 8 << 20,
        // 5 ms.
        "genCA"
        | "genCAWithKey"
        | "genPrivateKey"
        | "genSelfSignedCert"
        | "genSelfSignedCertWithKey"
        | "genSignedCert"
        | "genSignedCertWithKey" => 512 << 10,
        "uniq" | "mustUniq" => items().saturating_mul(items()) / VALUE_BYTES,
        _ if name.contains("egex") => pattern_cost(arguments),
        "splitList" => part_count(arguments).saturating_mul(PART_BYTES),
        _ => 0,
    }
}

/// The cost of a pattern, which repetitions multiply.
fn pattern_cost(arguments: &[Value]) -> usize {
    let Some(Value::String(text)) = arguments.first() else {
        return 0;
    };
    let counts = text.split(|it| *it == b'{').skip(1);
    let counts = counts.filter_map(|it| it.split(|it| *it == b'}').next());
    let digits: usize = counts
        .map(|it| it.iter().filter(|it| it.is_ascii_digit()).count())
        .sum();
    if digits < 4 { 16 << 10 } else { 512 << 10 }
}

/// The number of parts that a text is split into.
fn part_count(arguments: &[Value]) -> usize {
    match arguments {
        [Value::String(separator), Value::String(text), ..] if !separator.is_empty() => {
            let occurrences = text.windows(separator.len());
            occurrences.filter(|it| **it == separator[..]).count() + 1
        }
        [_, Value::String(text), ..] => text.len(),
        _ => 0,
    }
}

/// The size of a value without the content of its items.
fn shallow_size(value: &Value) -> usize {
    match value {
        Value::String(text) | Value::Bytes(text) => text.len(),
        Value::List(list) => list.len().saturating_mul(VALUE_BYTES),
        _ => VALUE_BYTES,
    }
}

/// The size of a value with everything in it. Shared values count each time. Errors: the value is too large or too deep.
fn deep_size(value: &Value) -> Result<usize, String> {
    let mut open = vec![(value.clone(), 0)];
    let mut bytes = 0_usize;
    while let Some((value, depth)) = open.pop() {
        bytes = bytes.saturating_add(shallow_size(&value).max(VALUE_BYTES));
        // The queue is not longer than the number of counted values, so its memory is limited, too.
        if bytes.saturating_add(open.len().saturating_mul(VALUE_BYTES)) > VALUE_BYTES_MAX {
            return Err(format!(
                "a value is larger than {} MiB",
                VALUE_BYTES_MAX >> 20
            ));
        }
        if depth > DEPTH_MAX {
            return Err(format!("a value is deeper than {DEPTH_MAX} levels"));
        }
        match value {
            Value::List(list) => {
                let items = list.items();
                let items = items.iter().flat_map(|it| it.iter());
                open.extend(items.map(|it| (it.clone(), depth + 1)));
            }
            Value::Map(map) => {
                let entries = map.entries();
                for (key, value) in entries.iter().flat_map(|it| it.iter()) {
                    bytes = bytes.saturating_add(key.len());
                    open.push((value.clone(), depth + 1));
                }
            }
            _ => {}
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::time_cost;
    use crate::template::limits::Limits;

    #[test]
    fn a_plausible_chart_is_within_the_limit() {
        let limit = usize::try_from(Limits::default().bytes).unwrap();
        for (function, calls) in [
            ("htpasswd", 30),
            ("bcrypt", 30),
            ("derivePassword", 10),
            ("genSignedCert", 100),
            ("regexReplaceAll", 5_000),
        ] {
            assert!(time_cost(function, &[]) * calls < limit, "{function}");
        }
    }
}
