//! Base64 in the format of kustomize.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
// The width of `encodeBase64` in kustomize. Another width would change the hash in the name of every
// generated Secret, because line breaks are hashed too.
const LINE: usize = 70;

/// Encodes bytes. A result of 70 characters or more has a line break after every 70 characters and at the end.
pub(super) fn encode_lines(bytes: &[u8]) -> String {
    let text = encode(bytes);
    // A text of exactly one line also gets a line break at the end.
    if text.len() < LINE {
        return text;
    }
    let mut broken = String::with_capacity(text.len() + text.len() / LINE + 1);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        broken.push_str(line);
        broken.push('\n');
        rest = more;
    }
    broken
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            // Three bytes are four digits: a chunk of n bytes fills n + 1 of them, and `=` fills
            // the rest.
            let is_digit = digit <= chunk.len();
            text.push(if is_digit {
                char::from(DIGITS[value as usize])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_and_lines() {
        assert_eq!(encode_lines(b"a"), "YQ==");
        assert_eq!(encode_lines(b"ab"), "YWI=");
        assert_eq!(encode_lines(b"abc"), "YWJj");
        assert_eq!(
            encode_lines(&[0; 60])
                .lines()
                .map(str::len)
                .collect::<Vec<_>>(),
            [70, 10]
        );
    }
}
