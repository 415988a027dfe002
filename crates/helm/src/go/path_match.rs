//! Go's `filepath.Match` on Unix, for the patterns of `.helmignore` and `--show-only`.

/// The pattern is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadPattern;

/// Whether a pattern matches a whole name.
///
/// `*` matches any run of characters except `/`, `?` one of them, `[a-z]` and `[^a-z]` a class, `\` escapes a character. As in Go,
/// a malformed part is only detected if matching reaches it or the name ends before it.
pub(crate) fn path_match(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut rest, mut name) = (&*pattern, &*name);
    while !rest.is_empty() {
        let (star, chunk, after) = scan_chunk(rest);
        rest = after;
        if star && chunk.is_empty() {
            return Ok(!name.contains(&'/'));
        }
        let matched = match_chunk(chunk, name)?;
        if let Some(remaining) = matched
            && (remaining.is_empty() || !rest.is_empty())
        {
            name = remaining;
            continue;
        }
        match star.then(|| skip_to_chunk(chunk, name, rest.is_empty())) {
            Some(found) => match found? {
                Some(remaining) => name = remaining,
                None => return check_rest(rest),
            },
            None => return check_rest(rest),
        }
    }
    Ok(name.is_empty())
}

/// No match; the rest of the pattern must still be well-formed.
fn check_rest(mut rest: &[char]) -> Result<bool, BadPattern> {
    while !rest.is_empty() {
        let (_, chunk, after) = scan_chunk(rest);
        match_chunk(chunk, &[])?;
        rest = after;
    }
    Ok(false)
}

/// Tries the chunk after each number of characters that a `*` may match.
fn skip_to_chunk<'a>(
    chunk: &[char],
    name: &'a [char],
    is_last: bool,
) -> Result<Option<&'a [char]>, BadPattern> {
    for (at, c) in name.iter().enumerate() {
        if *c == '/' {
            break;
        }
        let after = name.get(at + 1..).unwrap_or_default();
        if let Some(remaining) = match_chunk(chunk, after)?
            && (!is_last || remaining.is_empty())
        {
            return Ok(Some(remaining));
        }
    }
    Ok(None)
}

/// The leading stars, the text up to the next star, and the rest.
fn scan_chunk(pattern: &[char]) -> (bool, &[char], &[char]) {
    let stars = pattern.iter().take_while(|it| **it == '*').count();
    let pattern = pattern.get(stars..).unwrap_or_default();
    let (mut in_class, mut at) = (false, 0);
    while let Some(c) = pattern.get(at) {
        match c {
            '\\' => at += 1,
            '[' => in_class = true,
            ']' => in_class = false,
            '*' if !in_class => break,
            _ => {}
        }
        at += 1;
    }
    let at = at.min(pattern.len());
    let (chunk, rest) = pattern.split_at(at);
    (stars > 0, chunk, rest)
}

/// The rest of the name after the chunk. If the name ends early, there is no match, but the chunk is read to its end.
fn match_chunk<'a>(
    mut chunk: &[char],
    mut name: &'a [char],
) -> Result<Option<&'a [char]>, BadPattern> {
    let mut failed = false;
    while let [first, rest @ ..] = chunk {
        failed |= name.is_empty();
        chunk = rest;
        match first {
            '[' => {
                let c = name.first().copied().filter(|_| !failed);
                name = name.get(usize::from(c.is_some())..).unwrap_or_default();
                let (fits, rest) = match_class(chunk, c)?;
                chunk = rest;
                failed |= !fits;
            }
            '?' => {
                failed |= name.first().is_none_or(|it| *it == '/');
                name = name.get(1..).unwrap_or_default();
            }
            c => {
                let expected = match c {
                    '\\' => {
                        let (escaped, rest) = chunk.split_first().ok_or(BadPattern)?;
                        chunk = rest;
                        escaped
                    }
                    c => c,
                };
                failed |= name.first() != Some(expected);
                name = name.get(1..).unwrap_or_default();
            }
        }
    }
    Ok((!failed).then_some(name))
}

/// Reads a class after its `[`; returns whether it contains the character, and the rest.
fn match_class(mut chunk: &[char], c: Option<char>) -> Result<(bool, &[char]), BadPattern> {
    let negates = chunk.first() == Some(&'^');
    chunk = chunk.get(usize::from(negates)..).unwrap_or_default();
    let (mut found, mut ranges) = (false, 0);
    loop {
        if let [']', rest @ ..] = chunk
            && ranges > 0
        {
            return Ok((found != negates, rest));
        }
        let (low, rest) = class_character(chunk)?;
        chunk = rest;
        let mut high = low;
        if let ['-', rest @ ..] = chunk {
            (high, chunk) = class_character(rest)?;
        }
        found |= c.is_some_and(|it| low <= it && it <= high);
        ranges += 1;
    }
}

fn class_character(chunk: &[char]) -> Result<(char, &[char]), BadPattern> {
    let (c, rest) = match chunk {
        [] | ['-' | ']', ..] => return Err(BadPattern),
        ['\\', c, rest @ ..] => (*c, rest),
        ['\\'] => return Err(BadPattern),
        [c, rest @ ..] => (*c, rest),
    };
    match rest.is_empty() {
        true => Err(BadPattern),
        false => Ok((c, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of Go's own test of `filepath.Match`.
    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, name, expected) in [
            ("abc", "abc", Ok(true)),
            ("*", "abc", Ok(true)),
            ("*c", "abc", Ok(true)),
            ("a*", "a", Ok(true)),
            ("a*", "ab/c", Ok(false)),
            ("a*/b", "abc/b", Ok(true)),
            ("a*/b", "a/c/b", Ok(false)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Ok(true)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", Ok(true)),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", Ok(false)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", Ok(false)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Ok(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Ok(false)),
            ("ab[c]", "abc", Ok(true)),
            ("ab[b-d]", "abc", Ok(true)),
            ("ab[e-g]", "abc", Ok(false)),
            ("ab[^c]", "abc", Ok(false)),
            ("ab[^e-g]", "abc", Ok(true)),
            ("a\\*b", "a*b", Ok(true)),
            ("a\\*b", "ab", Ok(false)),
            ("a?b", "a☺b", Ok(true)),
            ("a[^a]b", "a☺b", Ok(true)),
            ("a???b", "a☺b", Ok(false)),
            ("[a-ζ]*", "α", Ok(true)),
            ("*[a-ζ]", "A", Ok(false)),
            ("a?b", "a/b", Ok(false)),
            ("a*b", "a/b", Ok(false)),
            ("[\\]a]", "]", Ok(true)),
            ("[\\-x]", "-", Ok(true)),
            ("[x\\-]", "z", Ok(false)),
            ("[]a]", "]", Err(BadPattern)),
            ("[-]", "-", Err(BadPattern)),
            ("[x-]", "x", Err(BadPattern)),
            ("[-x]", "x", Err(BadPattern)),
            ("\\", "a", Err(BadPattern)),
            ("[a-b-c]", "a", Err(BadPattern)),
            ("[", "a", Err(BadPattern)),
            ("[^", "a", Err(BadPattern)),
            ("[^bc", "a", Err(BadPattern)),
            ("a[", "a", Err(BadPattern)),
            ("a[", "ab", Err(BadPattern)),
            ("a[", "x", Err(BadPattern)),
            ("a/b[", "x", Err(BadPattern)),
            ("*x", "xxx", Ok(true)),
        ] {
            assert_eq!(path_match(pattern, name), expected, "{pattern} {name}");
        }
    }
}
