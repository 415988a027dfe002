//! PEM: base64 between lines with the type of the data.

use crate::go::base64::{decode_64, encode_64};

/// Encodes bytes with a type, 64 characters per line.
pub(super) fn encode(name: &str, bytes: &[u8]) -> String {
    let body = encode_64(bytes);
    let mut out = format!("-----BEGIN {name}-----\n");
    for line in body.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out + &format!("-----END {name}-----\n")
}

/// The type and the bytes of the first block.
pub(super) fn decode(text: &[u8]) -> Option<(String, Vec<u8>)> {
    let text = String::from_utf8_lossy(text);
    let mut rest = &*text;
    loop {
        let at = rest.find("-----BEGIN ")?;
        let begins_line = at == 0 || rest.get(..at).is_some_and(|it| it.ends_with('\n'));
        let after = rest.get(at + "-----BEGIN ".len()..)?;
        rest = after;
        let Some((name, body)) = after.split_once("-----") else {
            continue;
        };
        if !begins_line || name.contains('\n') {
            continue;
        }
        let end = format!("-----END {name}-----");
        let Some((body, _)) = body.split_once(&end) else {
            continue;
        };
        // Headers end at an empty line.
        let body = match body.trim_start().split_once("\n\n") {
            Some((headers, body)) if headers.contains(':') => body,
            _ => body,
        };
        let letters: Vec<u8> = body
            .bytes()
            .filter(|it| !it.is_ascii_whitespace())
            .collect();
        if let Ok(bytes) = decode_64(&letters) {
            return Some((name.to_string(), bytes));
        }
    }
}
