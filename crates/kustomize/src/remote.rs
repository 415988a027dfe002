//! Addresses of remote bases and files in the syntax of kustomize, and the paths of their content in
//! [`Files`](pleach_yaml::tree::Files).
//!
//! Nothing is fetched here. The caller provides the files of a repository below [`mount`] of its address, and the file of an
//! address at this path itself. A name of the form `<…>` cannot come from a kustomization, so a mount is only reached by its
//! address.

use std::time::Duration;

use pleach_yaml::tree::TreePath;

/// A folder of a Git repository, in an entry of a kustomization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteBase {
    /// The address for git: `https://github.com/acme/web`, `git@example.org:acme/web.git`.
    pub repository: String,
    /// The folder of the kustomization, as written; empty for the top of the repository.
    pub folder: String,
    /// A branch, a tag or a commit; empty for the repository's HEAD.
    pub reference: String,
    /// Whether submodules are fetched.
    pub submodules: bool,
    /// The timeout for git, if set in the address.
    pub timeout: Option<Duration>,
}

impl RemoteBase {
    /// Parses an address. `None` if kustomize treats it as a path.
    pub fn parse(text: &str) -> Option<RemoteBase> {
        if text.starts_with('/') {
            return None;
        }
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let (host, path) = split_host(address)?;
        let (path, folder) = split_path(path, host.eq_ignore_ascii_case("file://"))?;
        if path.is_empty() || leaves_root(folder) {
            return None;
        }
        let query = Query::parse(query);
        Some(RemoteBase {
            repository: format!("{host}{path}"),
            folder: folder.strip_prefix('/').unwrap_or(folder).to_string(),
            reference: query.reference,
            submodules: query.submodules,
            timeout: query.timeout,
        })
    }

    /// The repository and reference, which are pinned independent of the folder.
    pub fn address(&self) -> String {
        let mut address = self.repository.clone();
        let mut mark = '?';
        if !self.reference.is_empty() {
            address.push_str("?ref=");
            address.push_str(&self.reference);
            mark = '&';
        }
        if !self.submodules {
            address.push(mark);
            address.push_str("submodules=false");
        }
        address
    }

    /// Whether the repository is on this machine.
    pub fn is_local(&self) -> bool {
        self.repository.starts_with("file://")
    }
}

/// Whether kustomize asks a server for a file of this name.
pub fn is_file_address(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

/// Whether an address contains a password. Messages never show it.
pub fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or("");
    let user = authority.rsplit_once('@').map(|it| it.0);
    user.is_some_and(|it| it.contains(':'))
}

/// The path for the files of an address: a folder or file at the root.
pub fn mount(address: &str) -> TreePath {
    let mut name = String::from("<");
    for letter in address.chars() {
        match letter {
            '%' => name.push_str("%25"),
            '/' => name.push_str("%2F"),
            letter => name.push(letter),
        }
    }
    name.push('>');
    TreePath::root().child(&name)
}

/// The position and address of the first mount in a path. The parts before it depend on the root of the files.
pub fn mount_of(path: &TreePath) -> Option<(TreePath, String)> {
    let mut above = TreePath::root();
    for part in path.parts() {
        above = above.child(part);
        let inside = part.strip_prefix('<').and_then(|it| it.strip_suffix('>'));
        if let Some(address) = inside.and_then(address_of) {
            return Some((above, address));
        }
    }
    None
}

/// The address of a mount, from its name.
fn address_of(name: &str) -> Option<String> {
    let address = name.replace("%2F", "/").replace("%25", "%");
    (RemoteBase::parse(&address).is_some() || is_file_address(&address)).then_some(address)
}

/// A path for messages: with the address of its mount.
pub fn display_path(path: &str) -> Option<String> {
    let (mount, address) = mount_of(&TreePath::new(path)?)?;
    let below = path.get(mount.as_str().len()..)?;
    Some(format!("<{address}>{below}"))
}

/// The host part for git, with everything before the path, and the path.
fn split_host(text: &str) -> Option<(String, &str)> {
    let text = strip_prefix_any_case(text, "git::").unwrap_or(text);
    let schemes = ["ssh://", "https://", "http://", "file://"];
    let found = schemes
        .into_iter()
        .find_map(|it| Some((it, strip_prefix_any_case(text, it)?)));
    let (scheme, rest) = found.unwrap_or(("", text));
    if scheme == "file://" {
        return Some((scheme.to_string(), rest));
    }
    let user = user(rest);
    let rest = rest.get(user.len()..)?;
    let is_github = ["github.com/", "github.com:"]
        .iter()
        .any(|it| strip_prefix_any_case(rest, it).is_some());
    let is_scp = scheme.is_empty() && (!user.is_empty() || is_github);
    if scheme.is_empty() && !is_scp {
        return None;
    }
    let slash = rest.find('/');
    let colon = rest.find(':').filter(|_| is_scp);
    let end = match (slash, colon) {
        (None, colon) => colon,
        (Some(slash), Some(colon)) if colon > 0 && colon < slash => Some(colon),
        (slash, _) => slash,
    };
    let (host, path) = match end {
        Some(end) => rest.split_at_checked(end + 1)?,
        None => (rest, ""),
    };
    if is_github {
        let host = match scheme == "ssh://" || !user.is_empty() {
            true => format!("{user}github.com:"),
            false => "https://github.com/".to_string(),
        };
        return Some((host, path));
    }
    (!host.is_empty()).then(|| (format!("{scheme}{user}{host}"), path))
}

/// `git@` at the beginning; empty for none.
fn user(text: &str) -> &str {
    let Some(at) = text.find('@') else {
        return "";
    };
    let name = text.get(..at).unwrap_or("");
    let is_name = name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'-');
    match is_name {
        true => text.get(..=at).unwrap_or(""),
        false => "",
    }
}

/// The path of the repository and the folder in it: split at `_git/`, `//` or `.git`, or else after two segments.
fn split_path(path: &str, is_file: bool) -> Option<(&str, &str)> {
    if let Some(at) = path.find("_git/") {
        let start = at + "_git/".len();
        let rest = path.get(start..)?;
        let end = rest.find('/').unwrap_or(rest.len());
        let folder = rest.get(end + 1..).unwrap_or("");
        return Some((path.get(..start + end)?, folder));
    }
    if let Some(at) = path.find("//") {
        return Some((path.get(..at)?, path.get(at + 2..)?));
    }
    if let Some(at) = path.find(".git") {
        return path.split_at_checked(at + ".git".len());
    }
    if is_file {
        return Some((path, ""));
    }
    let mut slashes = path.match_indices('/').map(|it| it.0);
    slashes.next()?;
    match slashes.next() {
        Some(end) => Some((path.get(..end)?, path.get(end + 1..)?)),
        None => Some((path, "")),
    }
}

/// Whether a folder's path leads above its start.
fn leaves_root(folder: &str) -> bool {
    let folder = folder.strip_prefix('/').unwrap_or(folder);
    TreePath::new(folder.trim_start_matches('/')).is_none()
}

fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

struct Query {
    reference: String,
    submodules: bool,
    timeout: Option<Duration>,
}

impl Query {
    /// Parses a query. As in kustomize, invalid values are ignored.
    fn parse(query: &str) -> Query {
        let values = values(query).unwrap_or_default();
        let get = |name: &str| {
            let found = values.iter().find(|it| it.0 == name);
            found.map_or("", |it| it.1.as_str())
        };
        let reference = match get("ref") {
            "" => get("version"),
            reference => reference,
        };
        Query {
            reference: reference.to_string(),
            submodules: !matches!(
                get("submodules"),
                "0" | "f" | "F" | "false" | "FALSE" | "False"
            ),
            timeout: duration(get("timeout")),
        }
    }
}

/// The pairs of a query. `None` where Go reads none of them: at a wrong escape or a semicolon.
fn values(query: &str) -> Option<Vec<(String, String)>> {
    let pairs = query.split('&').filter(|it| !it.is_empty());
    pairs
        .map(|pair| {
            if pair.contains(';') {
                return None;
            }
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescape(key)?, unescape(value)?))
        })
        .collect()
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |it: Option<u8>| char::from(it?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            byte => bytes.push(byte),
        }
    }
    // Git reports that there is no such reference.
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whole seconds, or a Go duration: `1m30s`.
fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u64>() {
        return (seconds > 0).then(|| Duration::from_secs(seconds));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let (number, tail) = rest.split_at_checked(end)?;
        let number: f64 = number.parse().ok()?;
        let end = tail.find(|it: char| it.is_ascii_digit() || it == '.');
        let (unit, tail) = tail.split_at_checked(end.unwrap_or(tail.len()))?;
        seconds += number
            * match unit {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" | "μs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = tail;
    }
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|it| !it.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The repository, the folder and the reference.
    fn read(text: &str) -> Option<(String, String, String)> {
        let base = RemoteBase::parse(text)?;
        Some((base.repository, base.folder, base.reference))
    }

    #[track_caller]
    fn check(text: &str, repository: &str, folder: &str, reference: &str) {
        let wanted = [repository, folder, reference].map(str::to_string).into();
        assert_eq!(read(text), Some(wanted), "{text}");
    }

    #[test]
    fn addresses_are_split_as_kustomize_does() {
        let web = "https://github.com/acme/web";
        check("github.com/acme/web", web, "", "");
        check("GitHub.com/acme/web/a/b?ref=v1", web, "a/b", "v1");
        check(
            "https://github.com/acme/web//a?ref=v1&version=v2",
            web,
            "a",
            "v1",
        );
        check("https://github.com/acme/web?version=v2", web, "", "v2");
        check(
            "git::https://github.com/acme/web.git/a",
            "https://github.com/acme/web.git",
            "a",
            "",
        );
        check(
            "git@github.com:acme/web.git//a",
            "git@github.com:acme/web.git",
            "a",
            "",
        );
        check(
            "ssh://git@github.com/acme/web/a",
            "git@github.com:acme/web",
            "a",
            "",
        );
        check("github.com:acme/web/a", web, "a", "");
        check(
            "git@example.org:acme/web.git/a",
            "git@example.org:acme/web.git",
            "a",
            "",
        );
        check(
            "ssh://git@example.org:7999/acme/web.git",
            "ssh://git@example.org:7999/acme/web.git",
            "",
            "",
        );
        check(
            "https://user@dev.azure.com/o/p/_git/web/a/b?ref=x",
            "https://user@dev.azure.com/o/p/_git/web",
            "a/b",
            "x",
        );
        check(
            "https://bitbucket.org/acme/web/a",
            "https://bitbucket.org/acme/web",
            "a",
            "",
        );
        check(
            "https://example.org/scm/p/web.git//a?ref=x%2Fy",
            "https://example.org/scm/p/web.git",
            "a",
            "x/y",
        );
        check("file:///srv/web", "file:///srv/web", "", "");
        check("file:///srv/web//a", "file:///srv/web", "a", "");
    }

    #[test]
    fn other_texts_are_paths() {
        for text in [
            "base",
            "../base",
            "/srv/web",
            "example.org/acme/web",
            "git://example.org/a/b",
            "https://github.com/acme",
            "https://github.com/acme/web//../x",
            "ext::sh -c x",
            "",
            "-x@a:b/c",
            "https://",
            "user@",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn queries_are_read() {
        let read = |query: &str| RemoteBase::parse(&format!("github.com/a/b?{query}")).unwrap();
        assert!(read("").submodules);
        assert!(!read("submodules=false").submodules);
        assert!(read("submodules=no").submodules);
        assert_eq!(read("timeout=61").timeout, Some(Duration::from_secs(61)));
        assert_eq!(read("timeout=1m30s").timeout, Some(Duration::from_secs(90)));
        assert_eq!(read("timeout=-1s").timeout, None);
        assert_eq!(read("ref=%zz").reference, "");
        assert_eq!(
            read("ref=a&submodules=0").address(),
            "https://github.com/a/b?ref=a&submodules=false"
        );
    }

    #[test]
    fn a_mount_is_found_by_its_address() {
        let address = "https://example.org/a%2F/b?ref=x";
        let path = TreePath::new("up")
            .unwrap()
            .join(&mount(address))
            .child("c");
        let (above, found) = mount_of(&path).unwrap();
        assert_eq!((above.child("c"), found.as_str()), (path.clone(), address));
        assert_eq!(mount_of(&TreePath::new("a/<b>/c").unwrap()), None);
        assert_eq!(
            display_path(mount(address).child("c").as_str()).unwrap(),
            format!("<{address}>/c")
        );
    }

    #[test]
    fn passwords_are_seen() {
        assert!(has_password("https://a:b@example.org/c"));
        assert!(!has_password("https://a@example.org/c:d@e"));
        assert!(!has_password("ssh://git@example.org:22/c"));
    }
}
