//! Base64 and base32, with Go's error positions.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Encodes base64 with padding.
pub(crate) fn encode_64(bytes: &[u8]) -> String {
    encode(bytes, BASE64, 6, 3)
}

/// Encodes base32 with padding.
pub(crate) fn encode_32(bytes: &[u8]) -> String {
    encode(bytes, BASE32, 5, 5)
}

/// Encodes groups of `group` bytes to digits of `bits` bits.
fn encode(bytes: &[u8], alphabet: &[u8], bits: usize, group: usize) -> String {
    let width = group * 8 / bits;
    let mut out = String::with_capacity(bytes.len().div_ceil(group) * width);
    for chunk in bytes.chunks(group) {
        let value = chunk
            .iter()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        let value = value << ((group - chunk.len()) * 8);
        let used = (chunk.len() * 8).div_ceil(bits);
        for at in 0..width {
            let digit = (value >> (bits * (width - 1 - at))) as usize & ((1 << bits) - 1);
            let character = alphabet.get(digit).filter(|_| at < used);
            out.push(character.map_or('=', |it| char::from(*it)));
        }
    }
    out
}

/// Decodes base64 with padding; line breaks are ignored.
///
/// Errors: Go's message.
pub(crate) fn decode_64(text: &[u8]) -> Result<Vec<u8>, String> {
    let fault = |at: usize| format!("illegal base64 data at input byte {at}");
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut input = text
        .iter()
        .copied()
        .enumerate()
        .filter(|it| !is_line_break(it.1));
    let mut digits: Vec<u64> = Vec::with_capacity(4);
    loop {
        match input.next() {
            None if digits.is_empty() => return Ok(out),
            None => return Err(fault(text.len() - digits.len())),
            Some((at, b'=')) => {
                // Only the last group may be padded: two or three digits, to four.
                let missing = match digits.len() {
                    0 | 1 => return Err(fault(at)),
                    count => 4 - count,
                };
                if missing == 2 {
                    match input.next() {
                        None => return Err(fault(text.len())),
                        Some((_, b'=')) => {}
                        Some((wrong, _)) => return Err(fault(wrong - 1)),
                    }
                }
                if let Some((at, _)) = input.next() {
                    return Err(fault(at));
                }
                push_group(&mut out, &digits, 6, 3);
                return Ok(out);
            }
            Some((at, byte)) => {
                digits.push(digit(BASE64, byte).ok_or_else(|| fault(at))?);
                if digits.len() == 4 {
                    push_group(&mut out, &digits, 6, 3);
                    digits.clear();
                }
            }
        }
    }
}

/// Decodes base32 with padding; line breaks are ignored.
///
/// Errors: Go's message.
pub(crate) fn decode_32(text: &[u8]) -> Result<Vec<u8>, String> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|it| !is_line_break(*it))
        .collect();
    let mut out = Vec::with_capacity(text.len() / 8 * 5);
    let mut digits: Vec<u64> = Vec::with_capacity(8);
    let fault = |at: usize| format!("illegal base32 data at input byte {at}");
    for (at, byte) in text.iter().enumerate() {
        let left = text.len() - at - 1;
        if *byte == b'=' && digits.len() >= 2 && left < 8 {
            let padding = text.get(at + 1..).unwrap_or_default();
            check_padding(padding, digits.len(), at)
                .map_err(|at| fault(at.unwrap_or(text.len())))?;
            push_group(&mut out, &digits, 5, 5);
            return Ok(out);
        }
        digits.push(digit(BASE32, *byte).ok_or_else(|| fault(at))?);
        if digits.len() == 8 {
            push_group(&mut out, &digits, 5, 5);
            digits.clear();
        }
    }
    match digits.len() {
        0 => Ok(out),
        count => Err(fault(text.len() - count)),
    }
}

/// Checks the padding from the first `=` at `at`. The error is a position, `None` for the end.
fn check_padding(padding: &[u8], digits: usize, at: usize) -> Result<(), Option<usize>> {
    let required = 7 - digits;
    if padding.len() < required {
        return Err(None);
    }
    if let Some(wrong) = padding.iter().take(required).position(|it| *it != b'=') {
        return Err(Some(at + wrong));
    }
    // These numbers of digits are not whole bytes.
    match digits {
        3 | 6 => Err(Some(at)),
        _ => Ok(()),
    }
}

fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn digit(alphabet: &[u8], byte: u8) -> Option<u64> {
    alphabet
        .iter()
        .position(|it| *it == byte)
        .map(|it| it as u64)
}

/// Decodes the whole bytes of some digits.
fn push_group(out: &mut Vec<u8>, digits: &[u64], bits: usize, group: usize) {
    let width = group * 8 / bits;
    let value = digits.iter().fold(0, |value, digit| value << bits | digit);
    let value = value << ((width - digits.len()) * bits);
    let count = digits.len() * bits / 8;
    for at in 0..count {
        out.push((value >> (8 * (group - 1 - at)) & 0xff) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_reverses_encoding() {
        for text in ["", "f", "fo", "foo", "foob", "fooba", "foobar", "\0\u{ff}"] {
            let bytes = text.as_bytes();
            assert_eq!(decode_64(encode_64(bytes).as_bytes()).as_deref(), Ok(bytes));
            assert_eq!(decode_32(encode_32(bytes).as_bytes()).as_deref(), Ok(bytes));
        }
        assert_eq!(encode_64(b"foob"), "Zm9vYg==");
        assert_eq!(encode_32(b"foob"), "MZXW6YQ=");
    }

    #[test]
    fn errors_have_the_offsets_of_go() {
        for (text, at) in [
            ("a", 0),
            ("ab!", 2),
            ("abc", 0),
            ("ab=c", 2),
            ("ab==c", 4),
            ("abcde", 4),
            ("=", 0),
        ] {
            let fault = format!("illegal base64 data at input byte {at}");
            assert_eq!(decode_64(text.as_bytes()), Err(fault), "{text}");
        }
        for (text, at) in [("a", 0), ("MZXW6YQ", 0), ("MZX=====", 3), ("MZ===", 5)] {
            let fault = format!("illegal base32 data at input byte {at}");
            assert_eq!(decode_32(text.as_bytes()), Err(fault), "{text}");
        }
        assert_eq!(decode_64(b"Zm\n9v\r\n").as_deref(), Ok(&b"foo"[..]));
    }
}
