//! Kubernetes quantities as numbers (apimachinery's `resource.Quantity`).

/// The value of a quantity: `100m` is 0.1, `1Gi` is 1073741824, `1e3` is 1000. `None` if the text is not a quantity.
pub fn quantity(text: &str) -> Option<f64> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '+' || c == '-'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let number: f64 = number.parse().ok()?;
    let exponent = unit.strip_prefix(['e', 'E']).filter(|it| !it.is_empty());
    if let Some(exponent) = exponent {
        return Some(number * 10f64.powi(exponent.parse().ok()?));
    }
    Some(number * factor(unit)?)
}

/// Whether the text is a number with a unit of bytes: `50Gi`, `1.5T`.
pub fn has_unit(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or("");
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number(whole)
        && is_number(fraction)
        && matches!(
            unit,
            "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" | "k" | "M" | "G" | "T" | "P" | "E"
        )
}

/// A number as a quantity, with the largest unit that leaves a whole number: powers of 1024 if `binary`, otherwise of 1000.
/// Fractions are in thousandths, rounded up as in the API server.
pub fn quantity_text(value: f64, binary: bool) -> String {
    let (base, units) = match binary {
        true => (1024f64, ["Ei", "Pi", "Ti", "Gi", "Mi", "Ki"]),
        false => (1000f64, ["E", "P", "T", "G", "M", "k"]),
    };
    if value.fract() != 0.0 {
        // 0.1 + 0.2 is slightly more than 0.3.
        let thousandths = (value * 1000.0 - 1e-6).ceil();
        return match thousandths % 1000.0 == 0.0 {
            true => quantity_text(thousandths / 1000.0, binary),
            false => format!("{thousandths}m"),
        };
    }
    for (unit, power) in units.into_iter().zip((1..=6).rev()) {
        let factor = base.powi(power);
        if value != 0.0 && value % factor == 0.0 {
            return format!("{}{unit}", value / factor);
        }
    }
    format!("{value}")
}

/// Whether a quantity is written in powers of 1024.
pub fn is_binary(text: &str) -> bool {
    text.ends_with('i')
}

fn factor(unit: &str) -> Option<f64> {
    const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let power = |list: &[&str]| {
        list.iter()
            .position(|it| *it == unit)
            .and_then(|at| i32::try_from(at).ok())
    };
    power(&DECIMAL)
        .map(|at| 1000f64.powi(at - 3))
        .or_else(|| power(&BINARY).map(|at| 1024f64.powi(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (value, binary, text) in [
            (3.0 * 1_073_741_824.0, true, "3Gi"),
            (1536.0 * 1_048_576.0, true, "1536Mi"),
            (0.1 + 0.2, false, "300m"),
            (0.5 + 0.5, false, "1"),
            (2500.0, false, "2500"),
            (3000.0, false, "3k"),
            (0.0, true, "0"),
            (0.0001, false, "1m"),
        ] {
            assert_eq!(quantity_text(value, binary), text);
        }
    }

    #[test]
    fn values() {
        for (text, value) in [
            ("100m", Some(0.1)),
            ("1Gi", Some(1_073_741_824.0)),
            ("2", Some(2.0)),
            ("1e3", Some(1000.0)),
            ("1.5k", Some(1500.0)),
            ("x", None),
            ("", None),
            ("1Qi", None),
        ] {
            assert_eq!(quantity(text), value, "{text}");
        }
        for (text, unit) in [
            ("50Gi", true),
            ("1.5T", true),
            // The API server accepts neither a space nor a capital K.
            ("1.5 T", false),
            ("50K", false),
            ("50", false),
            ("Gi", false),
            ("", false),
            ("1..5Gi", false),
        ] {
            assert_eq!(has_unit(text), unit, "{text}");
        }
    }
}
