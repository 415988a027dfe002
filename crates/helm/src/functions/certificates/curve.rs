//! The curve P-256 and signatures. Slow and not hardened, because keys that are derived from the name of a release are not secret.

use std::sync::LazyLock;

use num_bigint::BigUint;
use sha2::{Digest, Sha256};

/// The parameters of the curve.
struct Curve {
    prime: BigUint,
    order: BigUint,
    base: Point,
}

/// A point; `None` is the one at infinity.
pub(super) type Point = Option<(BigUint, BigUint)>;

fn hexadecimal(digits: &[u8]) -> BigUint {
    BigUint::parse_bytes(digits, 16).unwrap_or_default()
}

static P256: LazyLock<Curve> = LazyLock::new(|| Curve {
    prime: hexadecimal(b"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"),
    order: hexadecimal(b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    base: Some((
        hexadecimal(b"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
        hexadecimal(b"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
    )),
});

/// A private number from 32 random bytes.
pub(super) fn private(bytes: &[u8]) -> BigUint {
    BigUint::from_bytes_be(bytes) % (&P256.order - 1_u32) + 1_u32
}

/// Whether a number can be a private key.
pub(super) fn is_private(number: &BigUint) -> bool {
    *number > BigUint::default() && *number < P256.order
}

/// The public point of a private number, in its long form.
pub(super) fn public(private: &BigUint) -> Vec<u8> {
    let Some((x, y)) = multiply(private, &P256.base) else {
        return vec![0];
    };
    [&[4], &*fixed(&x, 32), &*fixed(&y, 32)].concat()
}

/// The two numbers of a signature over SHA-256 of a message; the nonce depends on both.
pub(super) fn sign(private: &BigUint, message: &[u8]) -> (BigUint, BigUint) {
    let order = &P256.order;
    let digest = Sha256::digest(message);
    let z = BigUint::from_bytes_be(&digest);
    let mut seed = [&*fixed(private, 32), &digest[..]].concat();
    loop {
        seed = Sha256::digest(&seed).to_vec();
        let nonce = self::private(&seed);
        let Some((x, _)) = multiply(&nonce, &P256.base) else {
            continue;
        };
        let r = x % order;
        let s = inverse(&nonce, order) * (&z + &r * private) % order;
        if r != BigUint::default() && s != BigUint::default() {
            return (r, s);
        }
    }
}

/// Big-endian bytes, padded at the beginning.
pub(super) fn fixed(number: &BigUint, length: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    let missing = length.saturating_sub(bytes.len());
    [vec![0; missing], bytes].concat()
}

/// The inverse by Fermat's theorem, because the modulus is prime.
fn inverse(number: &BigUint, prime: &BigUint) -> BigUint {
    number.modpow(&(prime - 2_u32), prime)
}

fn multiply(number: &BigUint, point: &Point) -> Point {
    let mut sum = None;
    for at in (0..number.bits()).rev() {
        sum = add(&sum, &sum);
        if number.bit(at) {
            sum = add(&sum, point);
        }
    }
    sum
}

fn add(a: &Point, b: &Point) -> Point {
    let prime = &P256.prime;
    let ((x1, y1), (x2, y2)) = match (a, b) {
        (None, other) | (other, None) => return other.clone(),
        (Some(a), Some(b)) => (a, b),
    };
    let minus = |a: &BigUint, b: &BigUint| (a + prime - b % prime) % prime;
    let slope = if x1 == x2 {
        if (y1 + y2) % prime == BigUint::default() {
            return None;
        }
        // The other coefficient of the curve is -3.
        let above = minus(&(x1 * x1 * 3_u32), &BigUint::from(3_u32));
        above * inverse(&(y1 * 2_u32 % prime), prime) % prime
    } else {
        minus(y2, y1) * inverse(&minus(x2, x1), prime) % prime
    };
    let x = minus(&minus(&(&slope * &slope), x1), x2);
    let y = minus(&(&slope * minus(x1, &x)), y1);
    Some((x, y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_on_the_curve() {
        let curve = &*P256;
        let (x, y) = multiply(&BigUint::from(12_345_u32), &curve.base).unwrap();
        let b = hexadecimal(b"5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
        let right = &x * &x * &x + (&curve.prime - 3_u32) * &x + b;
        assert_eq!(&y * &y % &curve.prime, right % &curve.prime);
        assert_eq!(multiply(&curve.order, &curve.base), None);
    }
}
