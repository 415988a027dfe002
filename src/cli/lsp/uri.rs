//! Addresses of files, and of virtual documents.

use std::path::{Path, PathBuf};

use pleach::lsp::SCHEME;
use pleach::template::BUILTIN;
use pleach::tree::TreePath;

/// The path of a `file:` address; `None` for other addresses.
pub(super) fn to_path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    // The part before the path is a host, which is this one.
    let path = rest.get(rest.find('/')?..)?;
    let path = decode(path)?;
    // `/C:/x` and `/c%3A/x` are paths of Windows.
    let drive =
        path.as_bytes().get(2) == Some(&b':') && path.as_bytes().get(1)?.is_ascii_alphabetic();
    Some(PathBuf::from(if drive { path.get(1..)? } else { &path }))
}

/// The address of a path.
pub(super) fn of_path(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let slash = if text.starts_with('/') { "" } else { "/" };
    format!("file://{slash}{}", encode(&text))
}

/// The address of a file of a workspace, or of a built-in kind.
pub(super) fn of_file(root: &Path, path: &TreePath) -> String {
    match path.below(&TreePath::root().child(BUILTIN)) {
        Some(below) => virtual_text(&format!("/builtin/{below}")),
        None => of_path(&root.join(path.as_str())),
    }
}

/// The address of a generated text.
pub(super) fn virtual_text(path: &str) -> String {
    format!("{SCHEME}:{}", encode(path))
}

/// The path of such an address.
pub(super) fn of_virtual(uri: &str) -> Option<String> {
    decode(uri.strip_prefix(SCHEME)?.strip_prefix(':')?)
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' | b':' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = rest.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for path in ["/a/b.yaml", "/a b/ü%.yaml"] {
            assert_eq!(
                to_path(&of_path(Path::new(path))),
                Some(PathBuf::from(path))
            );
        }
        assert_eq!(to_path("file:///c%3A/x"), Some(PathBuf::from("c:/x")));
        assert_eq!(to_path("untitled:x"), None);
        assert_eq!(to_path("file:///%zz"), None);
        let address = virtual_text("/rendered/prod/a b.yaml");
        assert_eq!(
            of_virtual(&address).as_deref(),
            Some("/rendered/prod/a b.yaml")
        );
    }
}
