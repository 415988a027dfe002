use super::{sprint, sprintf, sprintln};
use crate::value::{IntType, Str, UintType, Value};

fn format(format: &str, values: &[Value]) -> String {
    String::from_utf8_lossy(&sprintf(format.as_bytes(), values)).into_owned()
}

#[test]
fn widths_and_precisions_count_characters() {
    for (verb, value, expected) in [
        ("%5s|", Value::from("é"), "    é|"),
        ("%-5s|", Value::from("é"), "é    |"),
        ("%.1s|", Value::from("éa"), "é|"),
        ("%05d", Value::int(-42), "-0042"),
        ("%+.3d", Value::int(42), "+042"),
        ("%x", Value::from("hi"), "6869"),
        ("% #x", Value::from("hi"), "0x68 0x69"),
        ("%#o %[1]O", Value::int(8), "010 0o10"),
        ("%U %#[1]U", Value::int(0x2603), "U+2603 U+2603 '☃'"),
        ("%q", Value::Int(IntType::Int32, 0x2603), "'☃'"),
        ("%+q", Value::from("☃"), "\"\\u2603\""),
        ("%#q", Value::from("a\tb"), "`a\tb`"),
        ("%#v", Value::Uint(UintType::Uint64, 255), "0xff"),
    ] {
        assert_eq!(format(verb, &[value]), expected, "{verb}");
    }
}

#[test]
fn floats_are_formatted_as_in_go() {
    for (verb, value, expected) in [
        ("%v", 1e6, "1e+06"),
        ("%v", 123456.0, "123456"),
        ("%g", 100000.5, "100000.5"),
        ("%.3g", 1234.5, "1.23e+03"),
        ("%#g", 1.0, "1.00000"),
        ("%e", 0.0, "0.000000e+00"),
        ("%.0f", 2.5, "2"),
        ("%8.2f|", -1.005, "   -1.00|"),
        ("%+08.2f", 1.5, "+0001.50"),
        ("%x", 1.0, "0x1p+00"),
        ("%.1x", 1.96875, "0x1.0p+01"),
        ("%b", 1.0, "4503599627370496p-52"),
        ("%05v", f64::INFINITY, " +Inf"),
        ("%v", f64::NAN, "NaN"),
    ] {
        assert_eq!(format(verb, &[Value::Float(value)]), expected, "{verb}");
    }
}

#[test]
fn format_errors_appear_in_the_output() {
    let one = [Value::int(1)];
    for (verb, expected) in [
        ("%s", "%!s(int=1)"),
        ("%d %d", "1 %!d(MISSING)"),
        ("%", "%!(NOVERB)%!(EXTRA int=1)"),
        ("x", "x%!(EXTRA int=1)"),
        ("%[3]d", "%!d(BADINDEX)"),
        ("%!", "%!!(int=1)"),
        ("%z", "%!z(int=1)"),
    ] {
        assert_eq!(format(verb, &one), expected, "{verb}");
    }
    assert_eq!(format("%d", &[Value::Nil]), "%!d(<nil>)");
    assert_eq!(
        format("%*d", &[Value::from("a"), Value::int(1)]),
        "%!(BADWIDTH)1"
    );
}

#[test]
fn maps_are_sorted_and_types_printed_with_sharp_v() {
    let list = Value::list(vec![Value::int(1), Value::from("a"), Value::Nil]);
    let map = Value::map([("b".into(), list.clone()), ("a".into(), Value::Float(1.0))]);
    assert_eq!(
        format("%v", std::slice::from_ref(&map)),
        "map[a:1 b:[1 a <nil>]]"
    );
    assert_eq!(
        format("%#v", &[map]),
        "map[string]interface {}{\"a\":1, \"b\":[]interface {}{1, \"a\", interface {}(nil)}}"
    );
    assert_eq!(format("%d", &[list]), "[1 %!d(string=a) <nil>]");
    let bytes = Value::Bytes(Str::from("ab"));
    assert_eq!(
        format("%v %[1]s %[1]x %#[1]v", &[bytes]),
        "[97 98] ab 6162 []byte{0x61, 0x62}"
    );
}

#[test]
fn a_map_that_contains_itself_is_truncated() {
    let map = Value::map([]);
    if let Value::Map(inner) = &map {
        assert!(inner.insert("self", map.clone()));
    }
    let text = format("%v", std::slice::from_ref(&map));
    assert!(text.contains("..."), "{}", text.len());
}

#[test]
fn print_adds_spaces_between_operands_that_are_not_strings() {
    let values = [
        Value::int(1),
        Value::int(2),
        Value::from("a"),
        Value::int(3),
        Value::Nil,
    ];
    assert_eq!(sprint(&values), b"1 2a3 <nil>");
    assert_eq!(sprintln(&values), b"1 2 a 3 <nil>\n");
}
