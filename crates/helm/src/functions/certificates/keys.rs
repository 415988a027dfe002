//! Private keys.
//!
//! A key that is derived from the name of a release is not secret, so its primes come from a list, because a search would take
//! seconds. It only shows what a chart creates, and must never be applied to a cluster.

use num_bigint::BigUint;
use sha2::{Digest, Sha256};

use super::curve;
use super::der::{
    INTEGER, OCTET_STRING, Reader, SEQUENCE, bits, element, identifier, integer, octets, sequence,
    small,
};
use super::pem;
use crate::functions::state::Generator;

const PRIMES_1024: &str = include_str!("primes_1024.txt");
const PRIMES_2048: &str = include_str!("primes_2048.txt");
/// P, Q and G of DSA.
const DSA: &str = include_str!("dsa.txt");

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const SHA_256_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ECDSA_WITH_SHA_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const NULL: &[u8] = &[5, 0];

#[derive(Clone, Debug)]
pub(super) enum PrivateKey {
    /// The two primes and the private exponent.
    Rsa(Box<[BigUint; 3]>),
    /// The private number on P-256.
    Ec(BigUint),
    /// The seed of Ed25519.
    Ed25519(Vec<u8>),
    /// A DSA key, which signs no certificates.
    Dsa(Vec<u8>),
}

/// A new RSA key of 2048 or 4096 bits.
pub(super) fn new_rsa(generator: &mut Generator, bits: usize) -> PrivateKey {
    let list = if bits > 2048 {
        PRIMES_2048
    } else {
        PRIMES_1024
    };
    let primes: Vec<BigUint> = list.lines().filter_map(hexadecimal).collect();
    let count = primes.len().max(2) as u64;
    let first = generator.below(count);
    let second = (first + 1 + generator.below(count - 1)) % count;
    let prime = |at: u64| primes.get(at as usize).cloned().unwrap_or_default();
    rsa(prime(first), prime(second))
}

fn rsa(p: BigUint, q: BigUint) -> PrivateKey {
    let totient = (&p - 1_u32) * (&q - 1_u32);
    let exponent = BigUint::from(65_537_u32).modinv(&totient);
    PrivateKey::Rsa(Box::new([p, q, exponent.unwrap_or_default()]))
}

fn hexadecimal(line: &str) -> Option<BigUint> {
    BigUint::parse_bytes(line.trim().as_bytes(), 16)
}

/// A new key of a kind of `genPrivateKey`, in PEM.
pub(super) fn new_pem(generator: &mut Generator, kind: &[u8]) -> Option<String> {
    let mut bytes = [0; 32];
    let key = match kind {
        b"" | b"rsa" => new_rsa(generator, 4096),
        b"dsa" => {
            let parameters: Vec<BigUint> = DSA.lines().filter_map(hexadecimal).collect();
            let [p, q, g] = parameters.as_slice() else {
                return None;
            };
            generator.fill(&mut bytes);
            let private = BigUint::from_bytes_be(&bytes) % (q - 1_u32) + 1_u32;
            let public = g.modpow(&private, p);
            let numbers = [p, q, g, &public, &private].map(integer);
            PrivateKey::Dsa(sequence(&[&[small(0)], &numbers[..]].concat()))
        }
        b"ecdsa" => {
            generator.fill(&mut bytes);
            PrivateKey::Ec(curve::private(&bytes))
        }
        b"ed25519" => {
            generator.fill(&mut bytes);
            PrivateKey::Ed25519(bytes.to_vec())
        }
        _ => return None,
    };
    Some(key.to_pem())
}

impl PrivateKey {
    /// The key in PEM, as in sprig.
    pub(super) fn to_pem(&self) -> String {
        match self {
            PrivateKey::Rsa(key) => {
                let [p, q, d] = &**key;
                let numbers = [
                    small(0),
                    integer(&(p * q)),
                    integer(&BigUint::from(65_537_u32)),
                    integer(d),
                    integer(p),
                    integer(q),
                    integer(&(d % (p - 1_u32))),
                    integer(&(d % (q - 1_u32))),
                    integer(&q.modinv(p).unwrap_or_default()),
                ];
                pem::encode("RSA PRIVATE KEY", &sequence(&numbers))
            }
            PrivateKey::Ec(number) => {
                let parts = [
                    small(1),
                    octets(&curve::fixed(number, 32)),
                    element(0xa0, &identifier(P256)),
                    element(0xa1, &bits(&curve::public(number))),
                ];
                pem::encode("EC PRIVATE KEY", &sequence(&parts))
            }
            PrivateKey::Ed25519(seed) => {
                let algorithm = sequence(&[identifier(ED25519)]);
                let parts = [small(0), algorithm, octets(&octets(seed))];
                pem::encode("PRIVATE KEY", &sequence(&parts))
            }
            PrivateKey::Dsa(bytes) => pem::encode("DSA PRIVATE KEY", bytes),
        }
    }

    /// Reads a key in PEM.
    ///
    /// Errors: sprig's message.
    pub(super) fn from_pem(text: &[u8]) -> Result<PrivateKey, String> {
        let (kind, bytes) = pem::decode(text).ok_or("no PEM data in input")?;
        let malformed = "asn1: structure error: malformed key";
        if kind == "PRIVATE KEY" {
            return pkcs_8(&bytes).ok_or(format!("decoding PEM as PKCS#8: {malformed}"));
        }
        let Some(kind) = kind.strip_suffix(" PRIVATE KEY") else {
            return Err(format!("no private key data in PEM block of type {kind}"));
        };
        let key = match kind {
            "RSA" => pkcs_1(&bytes),
            "EC" => sec_1(&bytes),
            "DSA" => Some(PrivateKey::Dsa(bytes)),
            _ => return Err(format!("invalid private key type {kind}")),
        };
        key.ok_or_else(|| format!("parsing {kind} private key from PEM: {malformed}"))
    }

    /// The public key as in a certificate, and only its bits.
    ///
    /// Errors: Go's message, for a key that no certificate can have.
    pub(super) fn public(&self) -> Result<(Vec<u8>, Vec<u8>), String> {
        let (algorithm, key) = match self {
            PrivateKey::Rsa(key) => {
                let [p, q, _] = &**key;
                let exponent = integer(&BigUint::from(65_537_u32));
                let algorithm = sequence(&[identifier(RSA_ENCRYPTION), NULL.to_vec()]);
                (algorithm, sequence(&[integer(&(p * q)), exponent]))
            }
            PrivateKey::Ec(number) => {
                let algorithm = sequence(&[identifier(EC_PUBLIC_KEY), identifier(P256)]);
                (algorithm, curve::public(number))
            }
            PrivateKey::Ed25519(_) => {
                return Err("certificates with Ed25519 keys are not supported".to_string());
            }
            PrivateKey::Dsa(_) => {
                return Err("x509: unsupported public key type: *dsa.PublicKey".to_string());
            }
        };
        Ok((sequence(&[algorithm, bits(&key)]), key))
    }

    /// The name of the signature's algorithm in a certificate.
    pub(super) fn algorithm(&self) -> Vec<u8> {
        match self {
            PrivateKey::Ec(_) => sequence(&[identifier(ECDSA_WITH_SHA_256)]),
            _ => sequence(&[identifier(SHA_256_WITH_RSA), NULL.to_vec()]),
        }
    }

    /// The signature of a message.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            PrivateKey::Rsa(key) => {
                let [p, q, d] = &**key;
                sign_rsa(p, q, d, message)
            }
            PrivateKey::Ec(number) => {
                let (r, s) = curve::sign(number, message);
                sequence(&[integer(&r), integer(&s)])
            }
            _ => Vec::new(),
        }
    }
}

/// PKCS #1 version 1.5 with SHA-256.
fn sign_rsa(p: &BigUint, q: &BigUint, d: &BigUint, message: &[u8]) -> Vec<u8> {
    const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    let modulus = p * q;
    let length = usize::try_from(modulus.bits().div_ceil(8)).unwrap_or(0);
    let digest = Sha256::digest(message);
    let algorithm = sequence(&[identifier(SHA_256), NULL.to_vec()]);
    let info = sequence(&[algorithm, octets(&digest)]);
    let padding = vec![0xff; length.saturating_sub(info.len() + 3)];
    let padded = [&[0, 1], &*padding, &[0], &*info].concat();
    let number = BigUint::from_bytes_be(&padded).modpow(d, &modulus);
    curve::fixed(&number, length)
}

fn pkcs_1(bytes: &[u8]) -> Option<PrivateKey> {
    let mut fields = Reader(Reader(bytes).expect(SEQUENCE)?);
    fields.expect(INTEGER)?;
    let modulus = fields.number()?;
    let exponent = fields.number()?;
    let private = fields.number()?;
    let (p, q) = (fields.number()?, fields.number()?);
    // The public exponent.
    let is_sound = &p * &q == modulus && exponent == BigUint::from(65_537_u32);
    is_sound.then(|| PrivateKey::Rsa(Box::new([p, q, private])))
}

fn sec_1(bytes: &[u8]) -> Option<PrivateKey> {
    let mut fields = Reader(Reader(bytes).expect(SEQUENCE)?);
    fields.expect(INTEGER)?;
    let number = BigUint::from_bytes_be(fields.expect(OCTET_STRING)?);
    let curve = fields.optional(0xa0);
    let is_p256 = curve.is_none_or(|it| *it == *identifier(P256));
    (is_p256 && curve::is_private(&number)).then_some(PrivateKey::Ec(number))
}

fn pkcs_8(bytes: &[u8]) -> Option<PrivateKey> {
    let mut fields = Reader(Reader(bytes).expect(SEQUENCE)?);
    fields.expect(INTEGER)?;
    let mut algorithm = Reader(fields.expect(SEQUENCE)?);
    let identifier = algorithm.expect(0x06)?;
    let key = fields.expect(OCTET_STRING)?;
    match identifier {
        RSA_ENCRYPTION => pkcs_1(key),
        EC_PUBLIC_KEY if algorithm.expect(0x06)? == P256 => sec_1(key),
        ED25519 => {
            let seed = Reader(key).expect(OCTET_STRING)?;
            Some(PrivateKey::Ed25519(seed.to_vec()))
        }
        _ => None,
    }
}
