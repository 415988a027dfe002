//! Git's conflict markers.

use std::ops::Range;

/// The code of files with conflict markers.
pub const MERGE_CONFLICT: &str = "merge-conflict";

/// The opening line of the first conflict of a text. All three markers must be present in the right order.
pub fn conflict_marker(text: &[u8]) -> Option<Range<usize>> {
    let (mut opening, mut is_parted, mut start) = (None, false, 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
        match opening {
            None if bare.starts_with(b"<<<<<<< ") => opening = Some(start..start + bare.len()),
            Some(_) if bare == b"=======" => is_parted = true,
            // A document about Git, or a heading underlined with `=======`, is not a conflict.
            Some(_) if is_parted && bare.starts_with(b">>>>>>> ") => return opening,
            _ => {}
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_three_markers_make_a_conflict() {
        let of = |text: &str| conflict_marker(text.as_bytes());
        let whole = "a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n";
        assert_eq!(of(whole), Some(5..17));
        assert_eq!(of(&whole.replace('\n', "\r\n")), Some(6..18));
        let with_base = whole.replace("=======", "||||||| 1234567\nb: 0\n=======");
        assert_eq!(of(&with_base), Some(5..17));
        assert_eq!(of(&whole.replace("=======", "====")), None);
        assert_eq!(of(&whole.replace(">>>>>>> other", "")), None);
        assert_eq!(of(&whole.replace("<<<<<<<", "  <<<<<<<")), None);
        assert_eq!(of(">>>>>>> x\n=======\n<<<<<<< x\n"), None);
    }
}
