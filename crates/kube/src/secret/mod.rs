//! Detects and hides secrets in objects, files and texts, by three lists: names, shapes and locations.
//!
//! - A *name* such as `DB_PASSWORD` makes its value secret.
//! - A *shape* such as a private key or a URL with a password is secret wherever it occurs.
//! - A *location* such as `stringData` makes every value in it secret, independent of its form.
//!
//! Placeholders, and references that another tool resolves (`op://…`, `${VAR}`), are not secret.

mod conceal;
mod names;
mod locations;
mod redact;
mod references;
mod shapes;
mod template;

pub use conceal::{Quoted, conceal, conceal_span, conceal_with, quoted};
pub use locations::{hide, hide_field, is_open_key, is_secret};
pub use names::is_secret_name;
pub use redact::redact;
pub use references::{decoded, is_reference};
pub use shapes::secret_parts;

use std::borrow::Cow;

use pleach_yaml::diag::Span;
use pleach_yaml::{Node, View, hex};
use sha2::{Digest, Sha256};

/// A salt for digests, so that values cannot be found with a word list. Digests with the same salt can be compared.
#[derive(Clone, Debug)]
pub struct Salt(Box<[u8]>);

impl Salt {
    /// A salt from bytes, which should not be guessable.
    pub fn new(bytes: &[u8]) -> Salt {
        Salt(bytes.into())
    }

    /// The replacement of a value, which shows whether two values differ without revealing them.
    pub fn digest(&self, text: &str) -> String {
        let is_hidden = text.starts_with(HIDDEN) && text.len() == HIDDEN.len() + 13;
        if is_hidden {
            return text.to_string();
        }
        let digest = Sha256::new()
            .chain_update(&self.0)
            .chain_update(text)
            .finalize();
        let digits = hex(digest.get(..6).unwrap_or(&digest));
        format!("{HIDDEN}{digits})")
    }
}

/// The prefix of a hidden value.
const HIDDEN: &str = "(hidden ";

/// Replaces a value that must not be shown.
const CONCEALED: &str = "(hidden)";

/// A text with a digest in place of each secret in it.
pub fn hide_text<'a>(text: &'a str, salt: &Salt) -> Cow<'a, str> {
    replace_parts(text, |part| salt.digest(part))
}

/// A text with `(hidden)` in place of each secret in it.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    replace_parts(text, |_| CONCEALED.to_string())
}

/// A text with a replacement for each secret in it.
fn replace_parts(text: &str, replacement: impl Fn(&str) -> String) -> Cow<'_, str> {
    let parts = secret_parts(text);
    if parts.is_empty() {
        return text.into();
    }
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for part in parts {
        out.push_str(text.get(done..part.start).unwrap_or(""));
        out.push_str(&replacement(text.get(part.clone()).unwrap_or("")));
        done = part.end;
    }
    out.push_str(text.get(done..).unwrap_or(""));
    out.into()
}

/// The first secret in a value, if there is one. Values that may be the name of an object (`secret: orders-tls`) do not count.
pub fn find_secret(node: &Node) -> Option<&Node> {
    first_change(node, &locations::hide_certain(node))
}

/// All secrets in a value, with the same certainty as [`find_secret`].
pub fn find_secrets(node: &Node) -> Vec<&Node> {
    let mut found = Vec::new();
    all_changes(node, &locations::hide_certain(node), &mut found);
    found
}

fn all_changes<'a>(node: &'a Node, hidden: &Node, found: &mut Vec<&'a Node>) {
    match (node.view(), hidden.view()) {
        (View::Scalar(text), View::Scalar(hidden)) => {
            found.extend((text != hidden).then_some(node))
        }
        (View::Sequence(items), View::Sequence(hidden)) => {
            let pairs = items.iter().zip(hidden);
            pairs.for_each(|(item, hidden)| all_changes(item, hidden, found));
        }
        (View::Mapping(entries), View::Mapping(hidden)) => {
            let pairs = entries.iter().zip(hidden);
            pairs.for_each(|(it, hidden)| all_changes(&it.value, &hidden.value, found));
        }
        _ => found.push(node),
    }
}

/// The location of the first secret in the value of a field. Ambiguous names also count here. In a string, only the secret part is
/// located.
pub fn find_secret_field(value: &Node, name: &str) -> Option<Span> {
    let found = first_change(value, &hide_field(value, name, &Salt::new(&[])))?;
    let parts = secret_parts(found.as_str().unwrap_or(""));
    let part = parts.into_iter().next().filter(|_| !is_secret_name(name));
    Some(match part {
        Some(part) => Span::new(&found.embedded_source(), part).outermost(),
        None => found.span().clone(),
    })
}

fn first_change<'a>(node: &'a Node, hidden: &Node) -> Option<&'a Node> {
    match (node.view(), hidden.view()) {
        (View::Scalar(text), View::Scalar(hidden)) => (text != hidden).then_some(node),
        (View::Sequence(items), View::Sequence(hidden)) => {
            let mut pairs = items.iter().zip(hidden);
            pairs.find_map(|(item, hidden)| first_change(item, hidden))
        }
        (View::Mapping(entries), View::Mapping(hidden)) => {
            let mut pairs = entries.iter().zip(hidden);
            pairs.find_map(|(it, hidden)| first_change(&it.value, &hidden.value))
        }
        _ => Some(node),
    }
}
