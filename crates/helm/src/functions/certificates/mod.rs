//! Private keys and certificates.

mod curve;
mod der;
mod keys;
mod pem;
mod x509;

use super::{ANY_LIST, INT, STRING, fail, text};
use crate::go::base64::decode_64;
use crate::go::unicode::runes;
use crate::template::{Arguments, Context, Function, FunctionError, Returned};
use crate::value::{Field, NamedType, Str, Struct, Type, Value};
use keys::PrivateKey;
use x509::{Certificate, Request};

const CERTIFICATE_TYPE: Type = Type::Named(&CERTIFICATE);

/// The type of a certificate with its key.
static CERTIFICATE: NamedType = NamedType::new(
    "sprig.certificate",
    Type::Struct(&[
        Field {
            name: "Cert",
            ty: Type::String,
            json: "",
            embedded: false,
        },
        Field {
            name: "Key",
            ty: Type::String,
            json: "",
            embedded: false,
        },
    ]),
);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("buildCustomCert", &[STRING, STRING], build_custom),
    Function::fixed("genCA", &[STRING, INT], |context, it| {
        let key = Key::New("genCA");
        generate(context, it, key, Request::authority(it.text(0), it.int(1)))
    }),
    Function::fixed("genCAWithKey", &[STRING, INT, STRING], |context, it| {
        let key = Key::Given("genCAWithKey", it.text(2));
        generate(context, it, key, Request::authority(it.text(0), it.int(1)))
    }),
    Function::fixed("genPrivateKey", &[STRING], private_key),
    Function::fixed(
        "genSelfSignedCert",
        &[STRING, ANY_LIST, ANY_LIST, INT],
        |context, it| {
            let request = request(it)?;
            generate(context, it, Key::New("genSelfSignedCert"), request)
        },
    ),
    Function::fixed(
        "genSelfSignedCertWithKey",
        &[STRING, ANY_LIST, ANY_LIST, INT, STRING],
        |context, it| {
            let key = Key::Given("genSelfSignedCertWithKey", it.text(4));
            key.check()?;
            generate(context, it, key, request(it)?)
        },
    ),
    Function::fixed(
        "genSignedCert",
        &[STRING, ANY_LIST, ANY_LIST, INT, CERTIFICATE_TYPE],
        |context, it| {
            let signer = signer(it.get(4))?;
            let request = request(it)?.signed_by(signer);
            generate(context, it, Key::New("genSignedCert"), request)
        },
    ),
    Function::fixed(
        "genSignedCertWithKey",
        &[STRING, ANY_LIST, ANY_LIST, INT, CERTIFICATE_TYPE, STRING],
        |context, it| {
            let key = Key::Given("genSignedCertWithKey", it.text(5));
            key.check()?;
            let signer = signer(it.get(4))?;
            generate(context, it, key, request(it)?.signed_by(signer))
        },
    ),
];

/// The source of a certificate's key, and the requesting function.
#[derive(Clone, Copy)]
enum Key<'a> {
    /// A generated key.
    New(&'static str),
    /// A key in PEM from the arguments.
    Given(&'static str, &'a [u8]),
}

impl Key<'_> {
    fn function(&self) -> &'static str {
        match self {
            Key::New(function) | Key::Given(function, _) => function,
        }
    }

    fn check(&self) -> Result<(), FunctionError> {
        match self {
            Key::New(_) => Ok(()),
            Key::Given(_, pem) => parse_key(pem).map(|_| ()),
        }
    }
}

/// Parses the key that a template passes.
fn parse_key(pem: &[u8]) -> Result<PrivateKey, FunctionError> {
    PrivateKey::from_pem(pem)
        .map_err(|error| FunctionError::new(format!("parsing private key: {error}")))
}

fn private_key(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let kind = arguments.text(0);
    let call = [b"genPrivateKey\0", kind].concat();
    let mut generator = context.state.generator(&call);
    let Some(key) = keys::new_pem(&mut generator, kind) else {
        return text([b"Unknown type ", kind].concat());
    };
    let key = Str::from(key);
    context.state.record("genPrivateKey", key.clone());
    Ok(Value::String(key))
}

/// Creates a certificate, which depends on the release and the arguments.
fn generate(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    key: Key<'_>,
    request: Request,
) -> Returned {
    let printed = crate::fmt::sprintln(arguments.0);
    let call = [key.function().as_bytes(), b"\0", &printed].concat();
    let mut generator = context.state.generator(&call);
    let private = match key {
        Key::New(_) => keys::new_rsa(&mut generator, 2048),
        Key::Given(_, pem) => parse_key(pem)?,
    };
    let now = context.state.time();
    let created = x509::create(&request, &private, &mut generator, now);
    let certificate = created
        .map_err(|error| FunctionError::new(format!("error creating certificate: {error}")))?;
    let certificate = Str::from(pem::encode("CERTIFICATE", &certificate));
    let private = Str::from(private.to_pem());
    context.state.record(key.function(), certificate.clone());
    context.state.record(key.function(), private.clone());
    Ok(certificate_value(certificate, private))
}

fn certificate_value(certificate: Str, key: Str) -> Value {
    let fields = vec![Value::String(certificate), Value::String(key)];
    Value::Struct(Struct::new(&CERTIFICATE, fields))
}

/// A request for a server and client certificate: name, addresses, further names, days.
fn request(arguments: Arguments<'_>) -> Result<Request, FunctionError> {
    let display = |value: &Value| runes(&super::convert::display(value)).collect::<String>();
    let mut addresses = Vec::new();
    for value in arguments.list(1).to_vec() {
        let Some(address) = value.as_str() else {
            return fail(format!(
                "error parsing ip: {} is not a string",
                display(&value)
            ));
        };
        let parsed = address.to_str().and_then(|it| it.parse().ok());
        let Some(address) = parsed else {
            return fail(format!("error parsing ip: {}", display(&value)));
        };
        addresses.push(address);
    }
    let mut names = Vec::new();
    for value in arguments.list(2).to_vec() {
        match value.as_str() {
            Some(name) => names.push(name.to_vec()),
            None => {
                return fail(format!(
                    "error processing alternate dns name: {} is not a string",
                    display(&value)
                ));
            }
        }
    }
    Ok(Request {
        name: arguments.text(0).to_vec(),
        days: arguments.int(3),
        addresses,
        names,
        is_authority: false,
        signer: None,
    })
}

/// The certificate and the key that sign another one.
fn signer(value: &Value) -> Result<(Certificate, PrivateKey), FunctionError> {
    let (certificate, key) = match value {
        Value::Struct(object) => (object.field("Cert"), object.field("Key")),
        _ => (None, None),
    };
    let bytes = |it: Option<Value>| it.and_then(|it| it.as_str().cloned()).unwrap_or_default();
    let Some((_, certificate)) = pem::decode(&bytes(certificate)) else {
        return fail("unable to decode certificate");
    };
    let Some(certificate) = Certificate::read(&certificate) else {
        return fail(
            "error parsing certificate: decodedSignerCert.Bytes: x509: malformed certificate",
        );
    };
    match PrivateKey::from_pem(&bytes(key)) {
        Ok(key) => Ok((certificate, key)),
        Err(error) => fail(format!("error parsing private key: {error}")),
    }
}

/// A certificate and a key in base64.
fn build_custom(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let Ok(certificate) = decode_64(arguments.text(0)) else {
        return fail("unable to decode base64 certificate");
    };
    let Ok(key) = decode_64(arguments.text(1)) else {
        return fail("unable to decode base64 private key");
    };
    let Some((_, bytes)) = pem::decode(&certificate) else {
        return fail("unable to decode certificate");
    };
    if Certificate::read(&bytes).is_none() {
        return fail("error parsing certificate: decodedCert.Bytes: x509: malformed certificate");
    }
    match PrivateKey::from_pem(&key) {
        Ok(_) => Ok(certificate_value(certificate.into(), key.into())),
        Err(error) => fail(format!("error parsing private key: {error}")),
    }
}
