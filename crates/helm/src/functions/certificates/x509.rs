//! Certificates, with the fields and in the order of Go.

use std::net::IpAddr;

use num_bigint::BigUint;
use sha2::{Digest, Sha256};

use super::der::{
    BIT_STRING, Reader, SEQUENCE, bits, element, identifier, integer, octets, sequence, small,
};
use super::keys::PrivateKey;
use crate::functions::state::Generator;
use crate::go::strconv;
use crate::go::time::Time;

const DAY: i64 = 86_400;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_KEY: &[u8] = &[0x55, 0x1d, 0x0e];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 0x23];
const EXTENDED_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const SERVER: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const CLIENT: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// The content of a certificate.
pub(super) struct Request {
    pub(super) name: Vec<u8>,
    pub(super) days: i64,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) names: Vec<Vec<u8>>,
    pub(super) is_authority: bool,
    /// The signer, unless it is self-signed.
    pub(super) signer: Option<(Certificate, PrivateKey)>,
}

impl Request {
    /// A request for a self-signed authority.
    pub(super) fn authority(name: &[u8], days: i64) -> Request {
        Request {
            name: name.to_vec(),
            days,
            addresses: Vec::new(),
            names: Vec::new(),
            is_authority: true,
            signer: None,
        }
    }

    pub(super) fn signed_by(mut self, signer: (Certificate, PrivateKey)) -> Request {
        self.signer = Some(signer);
        self
    }
}

/// The required parts of a certificate that signs others.
pub(super) struct Certificate {
    subject: Vec<u8>,
    /// The public key, encoded.
    public: Vec<u8>,
    key_identifier: Option<Vec<u8>>,
}

impl Certificate {
    /// Parses a certificate; `None` if it is invalid.
    pub(super) fn read(bytes: &[u8]) -> Option<Certificate> {
        let mut outer = Reader(Reader(bytes).expect(SEQUENCE)?);
        let mut fields = Reader(outer.expect(SEQUENCE)?);
        outer.expect(SEQUENCE)?;
        outer.expect(BIT_STRING)?;
        // Version, number, algorithm, issuer and validity come before.
        fields.optional(0xa0);
        fields.number()?;
        fields.expect(SEQUENCE)?;
        fields.expect(SEQUENCE)?;
        fields.expect(SEQUENCE)?;
        let (_, _, subject) = fields.next()?;
        let (_, _, public) = fields.next()?;
        let extensions = fields
            .optional(0xa3)
            .and_then(|it| Reader(it).expect(SEQUENCE));
        let key_identifier = extensions.and_then(|it| key_identifier(Reader(it)));
        Some(Certificate {
            subject: subject.to_vec(),
            public: public.to_vec(),
            key_identifier: key_identifier.map(<[u8]>::to_vec),
        })
    }
}

fn key_identifier(mut extensions: Reader<'_>) -> Option<&[u8]> {
    loop {
        let mut extension = Reader(extensions.expect(SEQUENCE)?);
        if extension.expect(0x06)? == SUBJECT_KEY {
            extension.optional(0x01);
            return Reader(extension.expect(0x04)?).expect(0x04);
        }
    }
}

/// Creates a certificate that is valid from `now`, in seconds since 1970.
///
/// Errors: Go's message for keys that cannot sign or do not belong to the signer, and for names that are not ASCII.
pub(super) fn create(
    request: &Request,
    key: &PrivateKey,
    generator: &mut Generator,
    now: i64,
) -> Result<Vec<u8>, String> {
    let (public, public_bits) = key.public()?;
    let subject = name(&request.name);
    let (issuer, signing_key) = match &request.signer {
        Some((certificate, key)) => (certificate.subject.clone(), key),
        None => (subject.clone(), key),
    };
    if let Some((certificate, key)) = &request.signer
        && key.public()?.0 != certificate.public
    {
        return Err("x509: provided PrivateKey doesn't match parent's PublicKey".to_string());
    }
    if let Some(name) = request.names.iter().find(|it| !it.is_ascii()) {
        let name = strconv::quote(name);
        return Err(format!("x509: {name} cannot be encoded as an IA5String"));
    }
    let own_identifier = request.is_authority.then(|| {
        let digest = Sha256::digest(&public_bits);
        digest.iter().take(20).copied().collect::<Vec<u8>>()
    });
    let signer_identifier = match &request.signer {
        Some((certificate, _)) if certificate.subject != subject => {
            certificate.key_identifier.clone()
        }
        _ => None,
    };
    let extensions = extensions(request, own_identifier, signer_identifier);
    let mut serial = [0; 16];
    generator.fill(&mut serial);
    let end = now.saturating_add(request.days.saturating_mul(DAY));
    let body = sequence(&[
        element(0xa0, &small(2)),
        integer(&BigUint::from_bytes_be(&serial)),
        signing_key.algorithm(),
        issuer,
        sequence(&[time(now), time(end)]),
        subject,
        public,
        element(0xa3, &sequence(&extensions)),
    ]);
    let signature = bits(&signing_key.sign(&body));
    Ok(sequence(&[body, signing_key.algorithm(), signature]))
}

/// A name with one part, or without parts if it is empty.
fn name(common: &[u8]) -> Vec<u8> {
    if common.is_empty() {
        return sequence(&[]);
    }
    let is_printable = |it: &u8| it.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(it);
    let tag = if common.iter().all(is_printable) {
        0x13
    } else {
        0x0c
    };
    let part = sequence(&[identifier(COMMON_NAME), element(tag, common)]);
    sequence(&[element(0x31, &part)])
}

/// A time, with two digits of the year up to 2049.
fn time(seconds: i64) -> Vec<u8> {
    let time = Time::unix(seconds);
    match time.civil().year {
        1950..2050 => element(0x17, &time.format(b"060102150405Z")),
        _ => element(0x18, &time.format(b"20060102150405Z")),
    }
}

fn extensions(
    request: &Request,
    own_identifier: Option<Vec<u8>>,
    signer_identifier: Option<Vec<u8>>,
) -> Vec<Vec<u8>> {
    // Digital signature and key encipherment; for an authority also certificate signing.
    let usage: [u8; 2] = if request.is_authority {
        [2, 0xa4]
    } else {
        [5, 0xa0]
    };
    let authority = match request.is_authority {
        true => sequence(&[element(0x01, &[0xff])]),
        false => sequence(&[]),
    };
    let mut all = vec![
        extension(KEY_USAGE, true, &element(BIT_STRING, &usage)),
        extension(
            EXTENDED_USAGE,
            false,
            &sequence(&[identifier(SERVER), identifier(CLIENT)]),
        ),
        extension(BASIC_CONSTRAINTS, true, &authority),
    ];
    if let Some(identifier) = own_identifier {
        all.push(extension(SUBJECT_KEY, false, &octets(&identifier)));
    }
    if let Some(identifier) = signer_identifier {
        let identifier = sequence(&[element(0x80, &identifier)]);
        all.push(extension(AUTHORITY_KEY, false, &identifier));
    }
    let names = request.names.iter().map(|name| element(0x82, name));
    let addresses = request.addresses.iter().map(|address| match address {
        IpAddr::V4(address) => element(0x87, &address.octets()),
        IpAddr::V6(address) => element(0x87, &address.octets()),
    });
    let names: Vec<Vec<u8>> = names.chain(addresses).collect();
    if !names.is_empty() {
        // Without a subject, the alternative names are critical.
        let is_critical = request.name.is_empty();
        all.push(extension(ALTERNATIVE_NAMES, is_critical, &sequence(&names)));
    }
    all
}

fn extension(name: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![identifier(name)];
    if is_critical {
        parts.push(element(0x01, &[0xff]));
    }
    parts.push(octets(value));
    sequence(&parts)
}
