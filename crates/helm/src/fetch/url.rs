//! URLs of chart repositories and registries.

use std::fmt;

use pleach_yaml::diag::Diagnostic;

/// An address without user name and fragment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Url {
    pub(super) scheme: String,
    pub(super) authority: String,
    /// The path with its leading slash, and the query.
    pub(super) path: String,
}

impl Url {
    /// Parses an address. Errors: `invalid-value` for invalid addresses, and for those with a user name.
    pub(super) fn parse(text: &str) -> Result<Url, Diagnostic> {
        let invalid = || {
            let message = format!(
                "`{}` is not the address of a chart repository",
                without_user(text)
            );
            let fault = Diagnostic::error("invalid-value", message);
            fault
                .help("expected `https://…`, `http://…`, `oci://…`, or a folder such as `./charts`")
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            let message = format!("the address `{}` contains a user name", without_user(text));
            return Err(Diagnostic::error("invalid-value", message).help(
                "do not commit secrets to Git: use `docker login`, `helm registry login` or `helm repo add`",
            ));
        }
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
        let is_visible = |byte: u8| byte.is_ascii_graphic();
        if authority.is_empty() || !authority.bytes().all(is_host) || !path.bytes().all(is_visible)
        {
            return Err(invalid());
        }
        let path = path.split('#').next().unwrap_or("");
        Ok(Url {
            scheme: scheme.to_ascii_lowercase(),
            authority: authority.to_ascii_lowercase(),
            path: match path.starts_with('/') {
                true => path.to_string(),
                false => format!("/{path}"),
            },
        })
    }

    /// Resolves a reference relative to this address.
    pub(super) fn join(&self, reference: &str) -> Result<Url, Diagnostic> {
        if reference.contains("://") {
            return Url::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Url::parse(&format!("{}://{rest}", self.scheme));
        }
        let (path, query) = match reference.split_once('?') {
            Some((path, query)) => (path, format!("?{query}")),
            None => (reference, String::new()),
        };
        let base = self.path.split('?').next().unwrap_or("");
        let folder = base.rsplit_once('/').map_or("", |it| it.0);
        let joined = match path.starts_with('/') {
            true => path.to_string(),
            false => format!("{folder}/{path}"),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in joined.split('/').skip(1) {
            match part {
                "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let (scheme, authority) = (&self.scheme, &self.authority);
        Url::parse(&format!(
            "{scheme}://{authority}/{}{query}",
            parts.join("/")
        ))
    }

    /// The address of a file below this one, with the same query, because it may contain a token that each file requires.
    pub(super) fn below(&self, path: &str) -> Url {
        let (own, query) = self.path.split_at(self.query_start());
        Url {
            path: format!("{}/{path}{query}", own.trim_end_matches('/')),
            ..self.clone()
        }
    }

    /// The address of a chart in the index of this repository (Helm, `ResolveReferenceURL`). The query of the repository is added
    /// to a relative path, but not to an address on another server, because it may contain a token.
    pub(super) fn chart(&self, reference: &str) -> Result<Url, Diagnostic> {
        let mut url = self.below("index.yaml").join(reference)?;
        let query = &self.path[self.query_start()..];
        if !reference.contains("://") && !query.is_empty() && url.is_same_server(self) {
            url.path.truncate(url.query_start());
            url.path.push_str(query);
        }
        Ok(url)
    }

    /// The offset of the query, or of the end of the path.
    fn query_start(&self) -> usize {
        self.path.find('?').unwrap_or(self.path.len())
    }

    /// Whether both are on the same server, so that credentials for one are valid for the other.
    pub(super) fn is_same_server(&self, other: &Url) -> bool {
        self.scheme == other.scheme && self.server() == other.server()
    }

    /// Host and port.
    fn server(&self) -> (&str, &str) {
        let default_port = match &*self.scheme {
            "http" => "80",
            _ => "443",
        };
        match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (&self.authority, default_port),
        }
    }

    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self
            .server()
            .0
            .trim_start_matches('[')
            .trim_end_matches(']');
        let address = host.parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|it| it.is_loopback())
    }

    /// The address for messages: without the query, which may contain a token or signature.
    pub(super) fn redacted(&self) -> String {
        let path = self.path.split('?').next().unwrap_or("");
        format!("{}://{}{path}", self.scheme, self.authority)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

/// The address without a user name and password, for messages.
fn without_user(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_string();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or("");
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved() {
        let check = |base: &str, reference: &str, expected: &str| {
            let joined = Url::parse(base).unwrap().join(reference).unwrap();
            assert_eq!(joined.to_string(), expected);
        };
        check(
            "https://x.io/charts/index.yaml",
            "a-1.tgz",
            "https://x.io/charts/a-1.tgz",
        );
        check(
            "https://x.io/charts/index.yaml",
            "../a.tgz?k=v",
            "https://x.io/a.tgz?k=v",
        );
        check(
            "https://x.io/charts/index.yaml",
            "/a.tgz",
            "https://x.io/a.tgz",
        );
        check("https://x.io:8443/index.yaml", "//y.io/a", "https://y.io/a");
        check(
            "http://x.io/a",
            "https://y.io/b/c?d=../e",
            "https://y.io/b/c?d=../e",
        );
        check("https://x.io", "a", "https://x.io/a");
    }

    #[test]
    fn charts_of_a_repository_with_a_query() {
        let check = |repository: &str, reference: &str, expected: &str| {
            let chart = Url::parse(repository).unwrap().chart(reference).unwrap();
            assert_eq!(chart.to_string(), expected);
        };
        let repository = "https://x.io/charts/?token=t";
        let index = Url::parse(repository).unwrap().below("index.yaml");
        assert_eq!(index.to_string(), "https://x.io/charts/index.yaml?token=t");
        check(repository, "a.tgz", "https://x.io/charts/a.tgz?token=t");
        check(repository, "/a.tgz?k=v", "https://x.io/a.tgz?token=t");
        check(repository, "https://y.io/a.tgz", "https://y.io/a.tgz");
        check(repository, "//y.io/a.tgz", "https://y.io/a.tgz");
        check("https://x.io?t=1", "a.tgz?k=v", "https://x.io/a.tgz?t=1");
        check("https://x.io", "a.tgz?k=v", "https://x.io/a.tgz?k=v");
    }

    #[test]
    fn servers_are_distinguished() {
        let same = |a: &str, b: &str| {
            Url::parse(a)
                .unwrap()
                .is_same_server(&Url::parse(b).unwrap())
        };
        assert!(same("https://X.io/a", "https://x.io:443/b"));
        assert!(!same("https://x.io/a", "http://x.io/a"));
        assert!(!same("https://x.io/a", "https://x.io.evil.io/a"));
        assert!(!same("http://127.0.0.1:1/a", "http://127.0.0.1:2/a"));
        assert!(Url::parse("http://[::1]:5000/a").unwrap().is_loopback());
        assert!(
            !Url::parse("http://localhost.evil.io/a")
                .unwrap()
                .is_loopback()
        );
    }

    #[test]
    fn addresses_with_passwords_are_refused_without_printing_them() {
        let fault = Url::parse("https://me:secret@x.io/a").unwrap_err();
        assert!(!fault.message.contains("secret"), "{}", fault.message);
        assert!(Url::parse("x.io/a").is_err() && Url::parse("https:///a").is_err());
        assert!(Url::parse("https://x.io/a b").is_err());
    }
}
