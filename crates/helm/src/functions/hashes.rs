//! Digests, derived passwords, and symmetric encryption.

use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use pleach_yaml::hex;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{STRING, UINT_32, fail, text};
use crate::go::base64::{decode_64, encode_64};
use crate::template::{Arguments, Context, Function, Returned};
use crate::value::{Str, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("adler32sum", &[STRING], |_, it| {
        text(adler_32(it.text(0)).to_string())
    }),
    Function::fixed("bcrypt", &[STRING], |context, it| {
        let hash = bcrypt(context, "bcrypt", it.text(0));
        text(hash)
    }),
    Function::fixed("decryptAES", &[STRING, STRING], decrypt_aes),
    Function::fixed(
        "derivePassword",
        &[UINT_32, STRING, STRING, STRING, STRING],
        derive_password,
    ),
    Function::fixed("encryptAES", &[STRING, STRING], encrypt_aes),
    Function::fixed("htpasswd", &[STRING, STRING], htpasswd),
    Function::fixed("sha1sum", &[STRING], |_, it| {
        text(hex(&Sha1::digest(it.text(0))))
    }),
    Function::fixed("sha256sum", &[STRING], |_, it| {
        text(hex(&Sha256::digest(it.text(0))))
    }),
    Function::fixed("sha512sum", &[STRING], |_, it| {
        text(hex(&Sha512::digest(it.text(0))))
    }),
];

fn adler_32(text: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in text {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

/// A hash whose salt depends on the release and the password.
fn bcrypt(context: &mut Context<'_>, function: &'static str, password: &[u8]) -> Str {
    // Longer passwords are rejected, as in Go's library.
    if password.len() > 72 {
        let message = "bcrypt: password length exceeds 72 bytes";
        return format!("failed to encrypt string with bcrypt: {message}").into();
    }
    let call = [function.as_bytes(), b"\0", password].concat();
    let mut salt = [0; 16];
    context.state.generator(&call).fill(&mut salt);
    let hash: Str = match bcrypt::hash_with_salt(password, 10, salt) {
        Ok(parts) => parts.format_for_version(bcrypt::Version::TwoA).into(),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}").into(),
    };
    context.state.record(function, hash.clone());
    hash
}

fn htpasswd(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let (name, password) = (arguments.text(0), arguments.text(1));
    if name.contains(&b':') {
        return text([b"invalid username: ", name].concat());
    }
    let hash = bcrypt(context, "htpasswd", password);
    text([name, b":", &hash].concat())
}

/// The key of a password: its first 32 bytes, padded with zeros.
fn aes_key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(password) {
        *to = *from;
    }
    key
}

fn encrypt_aes(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let (password, plain) = (arguments.text(0), arguments.text(1));
    if plain.is_empty() {
        return text("");
    }
    context.charge(plain.len().saturating_mul(2))?;
    let call = [b"encryptAES\0", password, b"\0", plain].concat();
    let mut vector = [0; 16];
    context.state.generator(&call).fill(&mut vector);
    let padding = 16 - plain.len() % 16;
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + padding, padding as u8);
    let length = buffer.len();
    let cipher = cbc::Encryptor::<aes::Aes256>::new(&aes_key(password).into(), &vector.into());
    if cipher
        .encrypt_padded::<NoPadding>(&mut buffer, length)
        .is_err()
    {
        return fail("crypto/cipher: input not full blocks");
    }
    let encrypted = Str::from(encode_64(&[&vector[..], &buffer].concat()));
    context.state.record("encryptAES", encrypted.clone());
    Ok(Value::String(encrypted))
}

fn decrypt_aes(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let (password, encrypted) = (arguments.text(0), arguments.text(1));
    if encrypted.is_empty() {
        return text("");
    }
    let encrypted = match decode_64(encrypted) {
        Ok(bytes) => bytes,
        Err(error) => return fail(error),
    };
    let Some((vector, body)) = encrypted.split_first_chunk::<16>() else {
        let length = encrypted.len();
        return fail(format!(
            "runtime error: slice bounds out of range [:16] with capacity {length}"
        ));
    };
    if body.is_empty() {
        return fail("runtime error: index out of range [-1]");
    }
    let mut buffer = body.to_vec();
    let cipher = cbc::Decryptor::<aes::Aes256>::new(&aes_key(password).into(), &(*vector).into());
    if cipher.decrypt_padded::<NoPadding>(&mut buffer).is_err() {
        return fail("crypto/cipher: input not full blocks");
    }
    let padding = usize::from(buffer.last().copied().unwrap_or(0));
    match buffer.len().checked_sub(padding) {
        Some(length) => {
            buffer.truncate(length);
            text(buffer)
        }
        None => {
            let end = buffer.len() as i64 - padding as i64;
            fail(format!("runtime error: slice bounds out of range [:{end}]"))
        }
    }
}

const LONG: &[&str] = &[
    "CvcvnoCvcvCvcv",
    "CvcvCvcvnoCvcv",
    "CvcvCvcvCvcvno",
    "CvccnoCvcvCvcv",
    "CvccCvcvnoCvcv",
    "CvccCvcvCvcvno",
    "CvcvnoCvccCvcv",
    "CvcvCvccnoCvcv",
    "CvcvCvccCvcvno",
    "CvcvnoCvcvCvcc",
    "CvcvCvcvnoCvcc",
    "CvcvCvcvCvccno",
    "CvccnoCvccCvcv",
    "CvccCvccnoCvcv",
    "CvccCvccCvcvno",
    "CvcvnoCvccCvcc",
    "CvcvCvccnoCvcc",
    "CvcvCvccCvccno",
    "CvccnoCvcvCvcc",
    "CvccCvcvnoCvcc",
    "CvccCvcvCvccno",
];

/// Templates of the Master Password algorithm, by kind.
const TEMPLATES: &[(&str, &[&str])] = &[
    ("maximum", &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"]),
    ("long", LONG),
    ("medium", &["CvcnoCvc", "CvcCvcno"]),
    ("short", &["Cvcn"]),
    ("basic", &["aaanaaan", "aannaaan", "aaannaaa"]),
    ("pin", &["nnnn"]),
];

/// The characters of a letter in a template.
fn characters(class: char) -> &'static [u8] {
    match class {
        'V' => b"AEIOU",
        'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        'v' => b"aeiou",
        'c' => b"bcdfghjklmnpqrstvwxyz",
        'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        'n' => b"0123456789",
        'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// Derives a password from a master password, a user, a site and a counter.
fn derive_password(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    const SCOPE: &[u8] = b"com.lyndir.masterpassword";
    let kind = arguments.text(1);
    let Some((_, templates)) = TEMPLATES.iter().find(|it| it.0.as_bytes() == kind) else {
        return text([b"cannot find password template ", kind].concat());
    };
    let counter = match arguments.get(0) {
        Value::Uint(_, counter) => *counter as u32,
        _ => 0,
    };
    let with_length = |it: &[u8]| [&(it.len() as u32).to_be_bytes()[..], it].concat();
    let salt = [SCOPE, &with_length(arguments.text(3))].concat();
    let mut key = [0; 64];
    let derived = scrypt::Params::new(15, 8, 2)
        .map_err(|it| it.to_string())
        .and_then(|it| {
            scrypt::scrypt(arguments.text(2), &salt, &it, &mut key).map_err(|it| it.to_string())
        });
    if let Err(error) = derived {
        return text(format!("failed to derive password: {error}"));
    }
    let site = [
        SCOPE,
        &with_length(arguments.text(4)),
        &counter.to_be_bytes(),
    ]
    .concat();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
        return text("");
    };
    mac.update(&site);
    let seed = mac.finalize().into_bytes();
    let pick = |from: usize, at: usize| usize::from(seed.get(at).copied().unwrap_or(0)) % from;
    let template = templates.get(pick(templates.len(), 0)).unwrap_or(&"");
    let letters = template.chars().enumerate().filter_map(|(at, class)| {
        let characters = characters(class);
        characters.get(pick(characters.len(), at + 1)).copied()
    });
    text(letters.collect::<Vec<u8>>())
}
