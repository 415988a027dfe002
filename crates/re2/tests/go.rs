//! Patterns, compared with the results of Go 1.26.

#![allow(clippy::unwrap_used)]

use pleach_re2::{Regexp, quote_meta};

#[track_caller]
fn finds(pattern: &str, text: &str, expected: &[&str]) {
    let pattern = Regexp::new(pattern).unwrap();
    let found = pattern.find_all(text.as_bytes(), None);
    let found: Vec<&str> = found.into_iter().map(|it| &text[it]).collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn replaces(pattern: &str, text: &[u8], template: &str, expected: &[u8]) {
    let pattern = Regexp::new(pattern).unwrap();
    let replaced = pattern.replace_all(text, template.as_bytes());
    assert_eq!(replaced, expected, "{}", String::from_utf8_lossy(&replaced));
}

#[track_caller]
fn refuses(pattern: &str, expected: &str) {
    let error = Regexp::new(pattern).unwrap_err().to_string();
    assert_eq!(error, format!("error parsing regexp: {expected}"));
}

#[test]
fn perl_classes_are_ascii() {
    finds(r"\w+", "aé1_ß", &["a", "1_"]);
    finds(r"\s", "\u{b}\u{a0} ", &[" "]);
    finds(r"\d", "1٣", &["1"]);
    finds(r"\bé", "aé", &["é"]);
}

#[test]
fn classes_have_no_set_operations() {
    finds("[a&&b]+", "a&b", &["a&b"]);
    finds("[*--]+", "+,-", &["+,-"]);
    finds("[[a]+", "[a", &["[a"]);
    finds("[]a]+", "a]", &["a]"]);
}

#[test]
fn unicode_classes_go_by_category_and_script() {
    finds(r"\pL+", "1é☃", &["é"]);
    finds(r"\p{Greek}\p{^Greek}\P{Greek}", "αab", &["αab"]);
    finds(r"\p{Old_Italic}", "𐌀", &["𐌀"]);
    finds(r"\p{uppercase letter}", "aB", &["B"]);
    refuses(
        r"\p{Alphabetic}",
        r"invalid character class range: `\p{Alphabetic}`",
    );
    refuses(r"\pX", r"invalid character class range: `\pX`");
}

#[test]
fn escapes_are_octal_hexadecimal_and_quoted() {
    finds(r"\101\x42\x{43}", "ABC", &["ABC"]);
    finds(r"\Qa.b*\E+", "a.b**", &["a.b**"]);
    finds(r"\_\-\.", "_-.", &["_-."]);
    finds(r"[\x{d7ff}-\x{e001}]", "\u{e000}", &["\u{e000}"]);
}

#[test]
fn braces_that_are_no_count_are_literal() {
    finds(r"\${VAR}-x", "${VAR}-x", &["${VAR}-x"]);
    finds("a{,2}", "a{,2}", &["a{,2}"]);
    finds("a{2}", "aaa", &["aa"]);
}

#[test]
fn flags_hold_to_the_end_of_the_group() {
    finds("(?i)ab|c", "aBC", &["aB", "C"]);
    finds("((?i)a)b", "AbAB", &["Ab"]);
    finds("(?U)a+", "aa", &["a", "a"]);
    finds("(?m)^.$", "a\nb", &["a", "b"]);
    finds("a$", "a\n", &[]);
    finds("(?s).", "\n", &["\n"]);
}

#[test]
fn empty_matches_do_not_follow_a_match() {
    finds("a*", "baac", &["", "aa", ""]);
    replaces("a??", b"aa", "$$", b"$a$a$");
    replaces("(a*)*", b"b", "-", b"-b-");
}

#[test]
fn templates_expand_as_in_go() {
    replaces("(a)(b)?", b"aab", "$1W", b"");
    replaces("(a)(b)?", b"aab", "${1}W-", b"aW-aW-");
    replaces("(?P<x>a)", b"ab", "<$x> $x1 ${x $", b"<a>  ${x $b");
    replaces("(?<1n>a)", b"a", "$1n", b"a");
    replaces("(a){0}(b)", b"b", "$2", b"b");
}

#[test]
fn invalid_bytes_count_as_one_character() {
    replaces(".", b"\xff\xc3\xa9a", "<$0>", b"<\xff><\xc3\xa9><a>");
    replaces("\u{fffd}", b"\xff", "x", b"x");
}

#[test]
fn texts_are_split_as_in_go() {
    let split = |pattern: &str, text: &'static str, limit| {
        let pattern = Regexp::new(pattern).unwrap();
        let parts = pattern.split(text.as_bytes(), limit);
        let text = |it: &&[u8]| String::from_utf8_lossy(it).into_owned();
        parts.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(split("a", "banana", None), ["b", "n", "n", ""]);
    assert_eq!(split("a", "banana", Some(2)), ["b", "nana"]);
    assert_eq!(split("a*", "ba", None), ["b", ""]);
    assert_eq!(split("a", "", None), [""]);
    assert!(split("a", "b", Some(0)).is_empty());
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    refuses("(", "missing closing ): `(`");
    refuses("a)", "unexpected ): `a)`");
    refuses("[a", "missing closing ]: `[a`");
    refuses("[z-a]", "invalid character class range: `z-a`");
    refuses("a**", "invalid nested repetition operator: `**`");
    refuses("a++?", "invalid nested repetition operator: `++?`");
    refuses("a|*", "missing argument to repetition operator: `*`");
    refuses("a{1001}", "invalid repeat count: `{1001}`");
    refuses("(a{100}){100}", "invalid repeat count: `{100}`");
    refuses("(?<=a)", "invalid named capture: `(?<=a)`");
    refuses("(?P<a", "invalid named capture: `(?P<a`");
    refuses("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
    refuses("(?x)a", "invalid or unsupported Perl syntax: `(?x`");
    refuses(r"\1", r"invalid escape sequence: `\1`");
    refuses(r"\C", r"invalid escape sequence: `\C`");
    refuses(r"a\", "trailing backslash at end of expression: ``");
    let deep = format!("{}{}", "(".repeat(1500), ")".repeat(1500));
    refuses(&deep, &format!("expression nests too deeply: `{deep}`"));
    let large = "(?:a{1000}|b{1000})".repeat(2000);
    refuses(&large, &format!("expression too large: `{large}`"));
}

#[test]
fn the_deepest_pattern_is_compiled_without_overflow() {
    let deep = format!("{}a{}", "(".repeat(240), ")".repeat(240));
    assert!(Regexp::new(&deep).unwrap().is_match(b"a"));
}

#[test]
fn meta_characters_are_quoted() {
    assert_eq!(quote_meta(b"1.2+a[b]|$\\-"), br"1\.2\+a\[b\]\|\$\\-");
}
