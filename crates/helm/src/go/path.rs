//! Slash-separated paths, as in Go's package `path`, and `filepath` on Unix.

/// The shortest equivalent path: without `.`, inner `..` and repeated slashes.
pub(crate) fn clean(path: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        return b".".to_vec();
    }
    let is_rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|it| *it == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|it| *it != b"..") => {
                parts.pop();
            }
            b".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    let mut out = if is_rooted { b"/".to_vec() } else { Vec::new() };
    out.extend(parts.join(&b'/'));
    if out.is_empty() {
        out.push(b'.');
    }
    out
}

/// The last part, without trailing slashes.
pub(crate) fn base(path: &[u8]) -> &[u8] {
    if path.is_empty() {
        return b".";
    }
    let end = path
        .iter()
        .rposition(|it| *it != b'/')
        .map_or(0, |at| at + 1);
    let (path, _) = path.split_at(end);
    let begin = path
        .iter()
        .rposition(|it| *it == b'/')
        .map_or(0, |at| at + 1);
    match path.get(begin..) {
        None | Some([]) => b"/",
        Some(base) => base,
    }
}

/// All parts except the last one, cleaned.
pub(crate) fn dir(path: &[u8]) -> Vec<u8> {
    let end = path
        .iter()
        .rposition(|it| *it == b'/')
        .map_or(0, |at| at + 1);
    clean(path.get(..end).unwrap_or_default())
}

/// The extension of the last part, with its dot.
pub(crate) fn ext(path: &[u8]) -> &[u8] {
    let at = path.iter().rposition(|it| matches!(it, b'/' | b'.'));
    let ending = at.and_then(|at| path.get(at..)).unwrap_or_default();
    if ending.starts_with(b".") {
        ending
    } else {
        b""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_split_as_in_go() {
        for (path, cleaned, last, before, ending) in [
            ("", ".", ".", ".", ""),
            ("/", "/", "/", "/", ""),
            ("a/b/../c.tar.gz", "a/c.tar.gz", "c.tar.gz", "a", ".gz"),
            ("//a//", "/a", "a", "/a", ""),
            ("../../a", "../../a", "a", "../..", ""),
            ("/../a.b/c", "/a.b/c", "c", "/a.b", ""),
            ("./", ".", ".", ".", ""),
            ("a/..", ".", "..", "a", "."),
        ] {
            let bytes = path.as_bytes();
            assert_eq!(clean(bytes), cleaned.as_bytes(), "{path}");
            assert_eq!(base(bytes), last.as_bytes(), "{path}");
            assert_eq!(dir(bytes), before.as_bytes(), "{path}");
            assert_eq!(ext(bytes), ending.as_bytes(), "{path}");
        }
    }
}
