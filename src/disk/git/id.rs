//! IDs of Git objects.

use std::fmt;

use crate::yaml::hex;

/// The ID of an object: the digest of its content. Trees that are built from the index are not stored as objects; they have
/// artificial IDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    length: u8,
    bytes: [u8; 32],
}

impl Id {
    /// The ID with a digest: 20 bytes for SHA-1, or 32 for SHA-256. `None` for other lengths.
    pub(super) fn new(digest: &[u8]) -> Option<Id> {
        let mut bytes = [0; 32];
        bytes.get_mut(..digest.len())?.copy_from_slice(digest);
        let length = u8::try_from(digest.len()).ok()?;
        matches!(length, 20 | 32).then_some(Id { length, bytes })
    }

    /// Parses hexadecimal digits.
    pub(super) fn parse(digits: &str) -> Option<Id> {
        let digit = |it: u8| char::from(it).to_digit(16);
        let pairs = digits.as_bytes().chunks(2).map(|it| match it {
            [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
            _ => None,
        });
        Id::new(&pairs.collect::<Option<Vec<u8>>>()?)
    }

    /// An artificial ID, which no object has; unique for each number.
    pub(super) fn synthetic(number: usize) -> Id {
        let mut bytes = [0; 32];
        let number = number.to_le_bytes();
        bytes
            .iter_mut()
            .zip(number)
            .for_each(|(to, from)| *to = from);
        Id { length: 0, bytes }
    }

    /// The digest; empty for an artificial ID.
    pub(super) fn digest(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.digest()))
    }
}
