//! ASN.1 in DER, as far as keys and certificates need it.

use num_bigint::BigUint;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const SEQUENCE: u8 = 0x30;

/// An element: its tag, its length, its contents.
pub(super) fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = contents.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let significant = bytes.iter().skip_while(|it| **it == 0);
        let significant: Vec<u8> = significant.copied().collect();
        out.push(0x80 | significant.len() as u8);
        out.extend(significant);
    }
    out.extend_from_slice(contents);
    out
}

/// A sequence of elements.
pub(super) fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    element(SEQUENCE, &elements.concat())
}

pub(super) fn integer(value: &BigUint) -> Vec<u8> {
    let mut bytes = value.to_bytes_be();
    if bytes.first().is_some_and(|it| *it >= 0x80) {
        bytes.insert(0, 0);
    }
    element(INTEGER, &bytes)
}

pub(super) fn small(value: u8) -> Vec<u8> {
    integer(&BigUint::from(value))
}

/// A bit string of whole bytes.
pub(super) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

pub(super) fn octets(bytes: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, bytes)
}

/// An object identifier from its encoded bytes.
pub(super) fn identifier(bytes: &[u8]) -> Vec<u8> {
    element(0x06, bytes)
}

/// The rest of an encoded text.
#[derive(Clone, Copy)]
pub(super) struct Reader<'t>(pub(super) &'t [u8]);

impl<'t> Reader<'t> {
    /// The next element: its tag, its contents, and all of it.
    pub(super) fn next(&mut self) -> Option<(u8, &'t [u8], &'t [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut length = usize::from(*first);
        if length >= 0x80 {
            let (bytes, after) = rest.split_at_checked(length & 0x7f)?;
            length = bytes.iter().try_fold(0_usize, |length, byte| {
                length.checked_mul(256)?.checked_add(usize::from(*byte))
            })?;
            rest = after;
        }
        let (contents, after) = rest.split_at_checked(length)?;
        let all = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some((*tag, contents, all))
    }

    /// The contents of the next element, which must have a tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'t [u8]> {
        let (found, contents, _) = self.next()?;
        (found == tag).then_some(contents)
    }

    /// The contents of the next element, if it has a tag.
    pub(super) fn optional(&mut self, tag: u8) -> Option<&'t [u8]> {
        let found = self.0.first() == Some(&tag);
        found.then(|| self.expect(tag)).flatten()
    }

    pub(super) fn number(&mut self) -> Option<BigUint> {
        self.expect(INTEGER).map(BigUint::from_bytes_be)
    }
}
