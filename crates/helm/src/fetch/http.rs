//! HTTP requests with redirects, retries and limits.
//!
//! Credentials are only sent to the server that they are for, and never to another one after a redirect. TLS is initialized for the
//! first `https` request.
#![allow(
    clippy::disallowed_methods,
    reason = "a server may take its time, up to a limit"
)]

use std::io::Read;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Method, Request};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody};

use super::url::Url;
use pleach_yaml::diag::{Class, Diagnostic};

const ATTEMPTS_MAX: u32 = 4;
const REDIRECTS_MAX: usize = 10;
/// The maximum wait before a retry. If a server requests a longer one, an error is reported.
const WAIT_MAX: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The maximum time of a request, including redirects and retries, so that a slow server cannot block a job.
const PATIENCE: Duration = Duration::from_secs(120);
const BRIEF_PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    /// The value of `Authorization`.
    pub(super) authorization: Option<String>,
    pub(super) body: &'a [u8],
    /// The maximum size of the response.
    pub(super) bytes_max: u64,
    /// The deadline, if it is part of a larger operation.
    pub(super) until: Option<Instant>,
}

impl Call<'_> {
    pub(super) fn get(url: Url, bytes_max: u64) -> Call<'static> {
        Call {
            method: Method::GET,
            url,
            headers: Vec::new(),
            authorization: None,
            body: &[],
            bytes_max,
            until: None,
        }
    }

    fn is_repeatable(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The final address, after redirects.
    pub(super) url: Url,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The diagnostic for an unexpected response.
    pub(super) fn fault(&self) -> Diagnostic {
        let (url, status) = (self.url.shown(), self.status);
        let fault = match status {
            401 | 403 => Diagnostic::error(
                "access-denied",
                format!("`{url}`: not found or access denied ({status})"),
            ),
            404 => Diagnostic::error("missing-chart", format!("`{url}`: not found (404)"))
                .class(Class::MissingChart),
            429 => Diagnostic::error("unexpected-answer", format!("`{url}`: rate limited (429)")),
            _ => Diagnostic::error(
                "unexpected-answer",
                format!("`{url}`: unexpected status {status}"),
            ),
        };
        match status {
            401 | 403 => fault.help(format!(
                "log in with `docker login {0}` or `helm registry login {0}`, or for an HTTP repository `helm repo add` with `--username`",
                self.url.authority
            )),
            _ => fault,
        }
    }
}

/// The reason why there was no response.
struct Silence {
    words: String,
    /// Whether a retry may help.
    is_passing: bool,
}

pub(super) struct Client {
    plain: OnceLock<Agent>,
    secure: OnceLock<Agent>,
    patience: Duration,
    attempts: u32,
}

impl Default for Client {
    fn default() -> Client {
        Client {
            plain: OnceLock::new(),
            secure: OnceLock::new(),
            patience: PATIENCE,
            attempts: ATTEMPTS_MAX,
        }
    }
}

impl Client {
    /// A client for optional data: it retries once, with a shorter time limit.
    pub(super) fn brief() -> Client {
        Client {
            patience: BRIEF_PATIENCE,
            attempts: 2,
            ..Client::default()
        }
    }

    /// The deadline of an operation that starts now.
    pub(super) fn until(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// Sends a request, with retries. Errors: `unreachable`; any status is a response.
    pub(super) fn send(&self, call: &Call<'_>) -> Result<Answer, Diagnostic> {
        let mut wait = FIRST_WAIT;
        let until = call.until.unwrap_or_else(|| self.until());
        let has_time = |pause: &Duration| Instant::now() + *pause < until;
        let report = |silence: Silence| unreachable(&call.url, &silence.words);
        for _ in 1..self.attempts {
            let pause = match self.follow(call, until) {
                Ok(answer) => match pause(&answer, call, wait).filter(has_time) {
                    Some(pause) => pause,
                    None => return Ok(answer),
                },
                Err(silence) if silence.is_passing && call.is_repeatable() && has_time(&wait) => {
                    wait
                }
                Err(silence) => return Err(report(silence)),
            };
            std::thread::sleep(pause);
            wait *= 2;
        }
        self.follow(call, until).map_err(report)
    }

    fn follow(&self, call: &Call<'_>, until: Instant) -> Result<Answer, Silence> {
        let final_words = |words: &str| Silence {
            words: words.to_string(),
            is_passing: false,
        };
        let mut url = call.url.clone();
        for _ in 0..REDIRECTS_MAX {
            let answer = self.exchange(call, &url, until)?;
            let is_redirect = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
            let Some(location) = answer
                .header("location")
                .filter(|_| is_redirect && call.is_repeatable())
            else {
                return Ok(answer);
            };
            let next = url
                .join(location)
                .map_err(|fault| final_words(&fault.message))?;
            if url.scheme == "https" && next.scheme != "https" {
                return Err(final_words("it redirects from HTTPS to HTTP"));
            }
            url = next;
        }
        Err(final_words("too many redirects"))
    }

    fn exchange(&self, call: &Call<'_>, url: &Url, until: Instant) -> Result<Answer, Silence> {
        let agent = match &*url.scheme {
            "https" => self.secure.get_or_init(|| agent(Some(trusted()))),
            "http" => self.plain.get_or_init(|| agent(None)),
            other => {
                return Err(Silence {
                    words: format!("unsupported scheme `{other}://`"),
                    is_passing: false,
                });
            }
        };
        let mut request = Request::builder().method(&call.method).uri(url.to_string());
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = call
            .authorization
            .as_ref()
            .filter(|_| url.is_same_server(&call.url))
        {
            request = request.header("Authorization", authorization);
        }
        let answer = match call.method == Method::PUT || call.method == Method::POST {
            true => request.body(call.body).map(|it| run(agent, it, until)),
            false => request.body(()).map(|it| run(agent, it, until)),
        };
        let answer = answer.map_err(|error| Silence {
            words: error.to_string(),
            is_passing: false,
        })?;
        read(answer.map_err(|error| silence(&error))?, call, url)
    }
}

/// Runs a request within the remaining time.
fn run(
    agent: &Agent,
    request: Request<impl AsSendBody>,
    until: Instant,
) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let left = until.saturating_duration_since(Instant::now());
    // Zero would mean no limit.
    let left = left.max(Duration::from_millis(1));
    let request = agent.configure_request(request);
    agent.run(request.timeout_global(Some(left)).build())
}

fn read(
    answer: ureq::http::Response<ureq::Body>,
    call: &Call<'_>,
    url: &Url,
) -> Result<Answer, Silence> {
    let too_large = || Silence {
        words: format!("the response is larger than {} MiB", call.bytes_max >> 20),
        is_passing: false,
    };
    let broken = |error: std::io::Error| Silence {
        words: words(&error),
        is_passing: true,
    };
    let (parts, body) = answer.into_parts();
    let expected = match call.method == Method::HEAD {
        true => None,
        false => body.content_length(),
    };
    if expected.is_some_and(|it| it > call.bytes_max) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut reader = body
        .into_with_config()
        .limit(u64::MAX)
        .reader()
        .take(call.bytes_max + 1);
    reader.read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() as u64 > call.bytes_max {
        return Err(too_large());
    }
    if expected.is_some_and(|it| it != bytes.len() as u64) {
        return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: bytes,
        url: url.clone(),
    })
}

/// The wait before a retry; `None` if the response is final.
fn pause(answer: &Answer, call: &Call<'_>, wait: Duration) -> Option<Duration> {
    let is_passing = match answer.status {
        429 => true,
        408 | 500 | 502 | 503 | 504 => call.is_repeatable(),
        _ => false,
    };
    let asked = answer
        .header("retry-after")
        .and_then(|it| it.trim().parse().ok());
    let pause = asked.map_or(wait, Duration::from_secs);
    (is_passing && pause <= WAIT_MAX).then_some(pause)
}

fn unreachable(url: &Url, words: &str) -> Diagnostic {
    let url = url.shown();
    if words.contains("certificate") {
        let fault = Diagnostic::error("unreachable", format!("`{url}` is not trusted: {words}"))
            .class(Class::Unreachable);
        return fault.help(
            "set `SSL_CERT_FILE` to a file with the certificates of your certificate authority",
        );
    }
    let fault = Diagnostic::error("unreachable", format!("cannot reach `{url}`: {words}"))
        .class(Class::Unreachable);
    fault.help(
        "check the address, the network and `HTTPS_PROXY`; rendering does not need the network",
    )
}

fn silence(error: &ureq::Error) -> Silence {
    let words = match error {
        ureq::Error::HostNotFound => NO_HOST.to_string(),
        ureq::Error::Timeout(_) => LATE.to_string(),
        ureq::Error::Io(error) => words(error),
        error => error.to_string(),
    };
    let is_passing = matches!(
        error,
        ureq::Error::Timeout(_)
            | ureq::Error::Io(_)
            | ureq::Error::Protocol(_)
            | ureq::Error::ConnectionFailed
    );
    // An unknown host or an untrusted certificate will be the same after a retry.
    let is_final = words == NO_HOST || words.contains("certificate");
    Silence {
        is_passing: is_passing && !is_final,
        words,
    }
}

const LATE: &str = "timed out";
const NO_HOST: &str = "unknown host";

fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let inner = error.get_ref().and_then(|it| it.downcast_ref());
    if let Some(ureq::Error::Timeout(_)) = inner {
        return LATE.to_string();
    }
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_string(),
        std::io::ErrorKind::UnexpectedEof => {
            "connection closed before the end of the response".to_string()
        }
        std::io::ErrorKind::TimedOut => LATE.to_string(),
        _ if text.contains("failed to lookup address") => NO_HOST.to_string(),
        _ => text,
    }
}

fn agent(roots: Option<RootCerts>) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("pleach/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_recv_body(Some(Duration::from_secs(120)))
        .timeout_send_body(Some(Duration::from_secs(120)));
    if let Some(roots) = roots {
        config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    }
    config.build().new_agent()
}

/// The certificate authorities of the system, or of `SSL_CERT_FILE`; without any, those of Mozilla.
fn trusted() -> RootCerts {
    let found = rustls_native_certs::load_native_certs().certs;
    match found.is_empty() {
        true => RootCerts::WebPki,
        false => {
            let certificates = found.iter().map(|it| Certificate::from_der(it).to_owned());
            RootCerts::from(certificates)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Starts a server that answers with `head` and then a byte now and then, until nobody listens. Gives its address and counts the
    /// requests.
    fn dripping(head: &'static str) -> (Url, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                let reader = BufReader::new(stream.try_clone().unwrap());
                let lines = reader.lines().map_while(Result::ok);
                lines.take_while(|it| !it.is_empty()).for_each(drop);
                let _ = stream.write_all(head.as_bytes());
                while stream.write_all(b"a").is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        });
        (Url::parse(&format!("http://{address}/x")).unwrap(), asked)
    }

    fn impatient() -> Client {
        Client {
            patience: Duration::from_millis(300),
            ..Client::default()
        }
    }

    #[test]
    fn a_server_that_drips_is_asked_once() {
        for head in [
            "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-Long: ",
        ] {
            let (url, asked) = dripping(head);
            let fault = impatient().send(&Call::get(url, 1 << 20)).err().unwrap();
            assert!(fault.message.contains("timed out"), "{}", fault.message);
            assert_eq!(asked.load(Ordering::SeqCst), 1, "{head}");
        }
    }

    #[test]
    fn a_call_ends_with_what_it_is_a_part_of() {
        let (url, _) = dripping("HTTP/1.1 200 OK\r\n\r\n");
        let call = Call {
            until: Some(Instant::now()),
            ..Call::get(url, 1 << 20)
        };
        assert!(Client::default().send(&call).is_err());
    }
}
