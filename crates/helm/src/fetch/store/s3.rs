//! A store in a bucket of S3 or a compatible server: each name is an object.

use std::time::Duration;

use rusty_s3::actions::{GetObject, PutObject};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use ureq::http::Method;

use super::super::http::{Call, Client, Response};
use super::super::url::Url;
use super::{BYTES_MAX, S3Access};
use pleach_yaml::diag::Diagnostic;

/// The default region. Most other servers accept any.
const REGION: &str = "us-east-1";

/// The validity of a signature, with a margin for slow requests and clock differences.
const SIGNATURE_VALIDITY: Duration = Duration::from_secs(600);

/// The maximum size of a response to a write.
const PUT_RESPONSE_BYTES_MAX: u64 = 1 << 20;

/// A folder of a bucket.
pub(super) struct Folder<'a> {
    client: &'a Client,
    bucket: Bucket,
    keys: Option<Credentials>,
    folder: &'a str,
}

impl<'a> Folder<'a> {
    pub(super) fn new(
        client: &'a Client,
        access: &S3Access,
        bucket: &str,
        folder: &'a str,
    ) -> Result<Folder<'a>, Diagnostic> {
        let region = access.region.as_deref().unwrap_or(REGION);
        // The wildcard certificate of AWS does not cover a bucket name with a dot as host name, and other servers may not support
        // buckets as host names.
        let style = match access.endpoint.is_some() || bucket.contains('.') {
            true => UrlStyle::Path,
            false => UrlStyle::VirtualHost,
        };
        let aws_endpoint = format!("https://s3.{region}.amazonaws.com");
        let endpoint = access.endpoint.as_ref().unwrap_or(&aws_endpoint);
        let invalid_endpoint = || {
            let message = format!("`{endpoint}` is not the address of an S3 server");
            let fault = Diagnostic::error("invalid-value", message);
            fault.help("set `AWS_ENDPOINT_URL` to an address such as `https://minio.example.com`, and `AWS_REGION` to a region")
        };
        let address = url::Url::parse(endpoint).map_err(|_| invalid_endpoint())?;
        let name = bucket.to_string();
        let bucket = Bucket::new(address, style, name, region.to_string())
            .map_err(|_| invalid_endpoint())?;
        let keys = access.keys.as_ref().map(|it| match &it.token {
            Some(token) => Credentials::new_with_token(&*it.id, &*it.secret, &**token),
            None => Credentials::new(&*it.id, &*it.secret),
        });
        Ok(Folder {
            client,
            bucket,
            keys,
            folder,
        })
    }

    /// The key of the object for a name.
    fn object(&self, name: &str) -> String {
        match self.folder {
            "" => name.to_string(),
            folder => format!("{folder}/{name}"),
        }
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        let object = self.object(name);
        let signed =
            GetObject::new(&self.bucket, self.keys.as_ref(), &object).sign(SIGNATURE_VALIDITY);
        let call = Call::get(Url::parse(signed.as_str())?, BYTES_MAX);
        let response = self.client.send(&call)?;
        match response.status {
            404 if error_code(&response.body) != Some("NoSuchBucket") => Ok(None),
            _ if response.is_success() => Ok(Some(response.body)),
            _ => Err(self.fault(&response)),
        }
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        let object = self.object(name);
        let signed =
            PutObject::new(&self.bucket, self.keys.as_ref(), &object).sign(SIGNATURE_VALIDITY);
        let mut call = Call::get(Url::parse(signed.as_str())?, PUT_RESPONSE_BYTES_MAX);
        call.method = Method::PUT;
        call.body = bytes;
        let response = self.client.send(&call)?;
        match response.is_success() {
            true => Ok(()),
            false => Err(self.fault(&response)),
        }
    }

    fn fault(&self, response: &Response) -> Diagnostic {
        let (url, status) = (response.url.redacted(), response.status);
        let code = error_code(&response.body).map_or(String::new(), |it| format!(", {it}"));
        let (name, help) = match status {
            401 | 403 => (
                "access-denied",
                "set `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` to keys with the required permissions; without `s3:ListBucket`, S3 also denies access to missing objects",
            ),
            301 | 307 | 400 => (
                "unexpected-answer",
                "set `AWS_REGION` to the region of the bucket",
            ),
            404 => (
                "unexpected-answer",
                "create the bucket, or check its name and `AWS_ENDPOINT_URL`",
            ),
            _ => ("unexpected-answer", "check the bucket and the server"),
        };
        let message = format!("`{url}`: unexpected status {status}{code}");
        Diagnostic::error(name, message).help(help)
    }
}

/// The error code of S3: the text of `<Code>`.
fn error_code(body: &[u8]) -> Option<&str> {
    let (_, rest) = str::from_utf8(body).ok()?.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_plain = code.bytes().all(|it| it.is_ascii_alphanumeric());
    (is_plain && code.len() < 64).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(endpoint: Option<&str>, bucket: &str, folder: &str) -> String {
        let access = S3Access {
            endpoint: endpoint.map(str::to_string),
            region: Some("eu-central-1".to_string()),
            ..S3Access::default()
        };
        let client = Client::with_short_limits();
        let folder = Folder::new(&client, &access, bucket, folder).unwrap();
        let object = folder.object("name");
        folder.bucket.object_url(&object).to_string()
    }

    #[test]
    fn objects_have_the_address_of_their_server() {
        assert_eq!(
            address(None, "acme", "cache/main"),
            "https://acme.s3.eu-central-1.amazonaws.com/cache/main/name"
        );
        assert_eq!(
            address(None, "acme.dev", ""),
            "https://s3.eu-central-1.amazonaws.com/acme.dev/name"
        );
        assert_eq!(
            address(Some("http://127.0.0.1:9000"), "acme", "a"),
            "http://127.0.0.1:9000/acme/a/name"
        );
    }

    #[test]
    fn the_code_of_an_error_is_found() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code></Error>";
        assert_eq!(error_code(body), Some("NoSuchBucket"));
        assert_eq!(error_code(b"<Code>\x1b[31m</Code>"), None);
        assert_eq!(error_code(b"no"), None);
    }
}
