//! ConfigMaps, Secrets and ServiceAccounts.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::fields::text_of;
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use crate::validate::scalars::{base64_decode, base64_length};
use pleach_yaml::diag::Source;
use pleach_yaml::{Entry, Node, parse_one};

/// The maximum total size of values in bytes.
const SIZE_MAX: usize = 1024 * 1024;

pub(super) fn config_map<'a>(object: &'a Node, report: &mut Report<'a>) {
    let (data, binary) = (object.map("data"), object.map("binaryData"));
    let mut size = 0;
    let texts: BTreeSet<&str> = data.iter().filter_map(|it| it.key.as_str()).collect();
    for Entry { key, value } in data {
        config_key(key, report);
        size += text_of(value).len();
    }
    for Entry { key, value } in binary {
        config_key(key, report);
        size += base64_length(text_of(value)).unwrap_or(0);
        if key.as_str().is_some_and(|it| texts.contains(it)) {
            report.invalid(key, "must not also be in `data`");
        }
    }
    if size > SIZE_MAX {
        let message = format!("must not be larger than 1 MiB in total; found {size} bytes");
        report.invalid_field(object, "data", message);
    }
}

fn config_key<'a>(key: &'a Node, report: &mut Report<'a>) {
    if let Some(message) = names::config_key(key.as_str().unwrap_or("")) {
        report.invalid(key, message);
    }
}

pub(super) fn secret<'a>(object: &'a Node, report: &mut Report<'a>) {
    let (data, texts) = (object.map("data"), object.map("stringData"));
    let replaced: BTreeSet<&str> = texts.iter().filter_map(|it| it.key.as_str()).collect();
    let mut size: usize = texts.iter().map(|it| text_of(&it.value).len()).sum();
    for Entry { key, value } in data {
        config_key(key, report);
        if key.as_str().is_none_or(|it| !replaced.contains(it)) {
            size += base64_length(text_of(value)).unwrap_or(0);
        }
    }
    for entry in texts {
        config_key(&entry.key, report);
    }
    if size > SIZE_MAX {
        let message = format!("must not be larger than 1 MiB in total; found {size} bytes");
        report.invalid_field(object, "data", message);
    }
    typed_secret(object, report);
}

/// Checks the required keys of Secrets with built-in types.
fn typed_secret<'a>(object: &'a Node, report: &mut Report<'a>) {
    // The Flux operator copies the data of another Secret before it applies this one.
    let annotation = ["metadata", "annotations", "fluxcd.controlplane.io/copyFrom"];
    if object.at_keys(&annotation).is_some() {
        return;
    }
    let kind = object.text_or_empty("type");
    let needed: &[&str] = match kind {
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        _ => &[],
    };
    for key in needed {
        match value(object, key) {
            None => missing_key(object, kind, key, report),
            Some(text) if text.is_empty() && kind.ends_with("ssh-auth") => {
                missing_key(object, kind, key, report);
            }
            Some(text) if kind.contains("docker") && !is_json_object(&text) => {
                let message = format!("must contain JSON in `{key}`");
                report.invalid_field(object, "data", message);
            }
            Some(_) => {}
        }
    }
    if kind == "kubernetes.io/basic-auth"
        && value(object, "username").is_none()
        && value(object, "password").is_none()
    {
        missing_key(object, kind, "username", report);
    }
    if kind == "kubernetes.io/service-account-token" {
        const ACCOUNT: &str = "kubernetes.io/service-account.name";
        let annotations = object
            .field("metadata")
            .map_or(&[][..], |it| it.map("annotations"));
        let has = annotations
            .iter()
            .any(|it| it.key.as_str() == Some(ACCOUNT) && !text_of(&it.value).is_empty());
        if !has {
            let message = format!("of the type `{kind}` needs the annotation `{ACCOUNT}`");
            report.invalid_field(object, "type", message);
        }
    }
}

fn missing_key<'a>(object: &'a Node, kind: &str, key: &str, report: &mut Report<'a>) {
    report.invalid_field(object, "type", format!("`{kind}` needs the key `{key}`"));
}

/// The value of a key as the server stores it.
fn value<'a>(object: &'a Node, key: &str) -> Option<Cow<'a, [u8]>> {
    let find = |entries: &'a [Entry]| entries.iter().find(|it| it.key.as_str() == Some(key));
    if let Some(entry) = find(object.map("stringData")) {
        return Some(text_of(&entry.value).as_bytes().into());
    }
    let entry = find(object.map("data"))?;
    Some(
        base64_decode(text_of(&entry.value))
            .unwrap_or_default()
            .into(),
    )
}

fn is_json_object(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let text = text.trim();
    // Not all YAML is JSON: quotes and braces are required.
    let looks = text.starts_with('{') && text.ends_with('}') || text == "null";
    looks && parse_one(&Source::internal("docker.json", text)).is_ok()
}
