//! `urlParse` and `urlJoin`.

use super::{MAP, STRING, fail, text};
use crate::go::url::{Url, User};
use crate::template::{Arguments, Context, Function, FunctionError, Returned};
use crate::value::{Map, Str, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("urlJoin", &[MAP], |_, it| join(&it.map(0))),
    Function::fixed("urlParse", &[STRING], parse),
];

fn parse(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let url = match Url::parse(arguments.text(0)) {
        Ok(url) => url,
        Err(error) => return fail(format!("unable to parse url: {error}")),
    };
    let user = url.user.as_ref().map(User::text).unwrap_or_default();
    let parts = [
        ("scheme", &*url.scheme),
        ("host", &url.host),
        ("hostname", url.hostname()),
        ("path", &url.path),
        ("query", &url.query),
        ("opaque", &url.opaque),
        ("fragment", &url.fragment),
        ("userinfo", &user),
    ];
    let parts = parts.map(|(key, part)| (Str::from(key), Value::String(part.into())));
    Ok(Value::map(parts))
}

fn join(map: &Map) -> Returned {
    let part = |key: &str| -> Result<Vec<u8>, FunctionError> {
        match map.get(key.as_bytes()) {
            None => Ok(Vec::new()),
            Some(Value::String(part)) => Ok(part.to_vec()),
            Some(Value::Nil) => fail(super::NIL_POINTER),
            Some(other) => fail(format!(
                "unable to parse {key} key, must be of type string, but {} found",
                other.kind().name()
            )),
        }
    };
    let mut url = Url {
        scheme: part("scheme")?,
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        opaque: part("opaque")?,
        fragment: part("fragment")?,
        user: None,
    };
    let user = part("userinfo")?;
    if !user.is_empty() {
        match Url::parse(&[b"proto://", &*user, b"@host"].concat()) {
            Ok(parsed) => url.user = parsed.user,
            Err(error) => return fail(format!("unable to parse userinfo in dict: {error}")),
        }
    }
    text(url.text())
}
