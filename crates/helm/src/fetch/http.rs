//! HTTP requests with redirects, retries and limits.
//!
//! Credentials are only sent to the server that they belong to, and not to another one after a redirect. TLS is initialized for the
//! first `https` request.
#![allow(clippy::disallowed_methods, reason = "requests have time limits")]

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
/// The maximum wait before a retry. If the server requests a longer one by `Retry-After`, its response is final.
const WAIT_MAX: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The maximum duration of a request, including redirects and retries, so that a slow server cannot block a CI job.
const TIME_LIMIT: Duration = Duration::from_secs(120);
/// The same for optional data.
const BRIEF_TIME_LIMIT: Duration = Duration::from_secs(60);

/// An HTTP request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    /// The value of `Authorization`.
    pub(super) authorization: Option<String>,
    pub(super) body: &'a [u8],
    /// The maximum size of the response.
    pub(super) bytes_max: u64,
    /// The deadline, if the request is part of a larger operation.
    pub(super) deadline: Option<Instant>,
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
            deadline: None,
        }
    }

    /// Whether it is safe to send the request again.
    fn is_idempotent(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

/// A response with any status.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The final address, after redirects.
    pub(super) url: Url,
}

impl Response {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The diagnostic for an unexpected response.
    pub(super) fn fault(&self) -> Diagnostic {
        let (url, status) = (self.url.redacted(), self.status);
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

/// The reason why there is no response.
struct TransportError {
    message: String,
    /// Whether a retry may help.
    is_transient: bool,
}

pub(super) struct Client {
    plain: OnceLock<Agent>,
    secure: OnceLock<Agent>,
    time_limit: Duration,
    attempts: u32,
}

impl Default for Client {
    fn default() -> Client {
        Client {
            plain: OnceLock::new(),
            secure: OnceLock::new(),
            time_limit: TIME_LIMIT,
            attempts: ATTEMPTS_MAX,
        }
    }
}

impl Client {
    /// A client for optional data: it retries once, with a shorter time limit.
    pub(super) fn with_short_limits() -> Client {
        Client {
            time_limit: BRIEF_TIME_LIMIT,
            attempts: 2,
            ..Client::default()
        }
    }

    /// The deadline of an operation that starts now.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.time_limit
    }

    /// Sends a request, with retries. Errors: `unreachable`; any status is a response.
    pub(super) fn send(&self, call: &Call<'_>) -> Result<Response, Diagnostic> {
        let mut wait = FIRST_WAIT;
        let deadline = call.deadline.unwrap_or_else(|| self.deadline());
        let has_time = |pause: &Duration| Instant::now() + *pause < deadline;
        let report = |error: TransportError| unreachable(&call.url, &error.message);
        for _ in 1..self.attempts {
            let pause = match self.follow(call, deadline) {
                Ok(response) => match pause(&response, call, wait).filter(has_time) {
                    Some(pause) => pause,
                    None => return Ok(response),
                },
                Err(error) if error.is_transient && call.is_idempotent() && has_time(&wait) => wait,
                Err(error) => return Err(report(error)),
            };
            std::thread::sleep(pause);
            wait *= 2;
        }
        self.follow(call, deadline).map_err(report)
    }

    /// Sends a request and follows redirects.
    fn follow(&self, call: &Call<'_>, deadline: Instant) -> Result<Response, TransportError> {
        let permanent = |message: &str| TransportError {
            message: message.to_string(),
            is_transient: false,
        };
        let mut url = call.url.clone();
        for _ in 0..REDIRECTS_MAX {
            let response = self.exchange(call, &url, deadline)?;
            let is_redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
            let Some(location) = response
                .header("location")
                .filter(|_| is_redirect && call.is_idempotent())
            else {
                return Ok(response);
            };
            let next = url
                .join(location)
                .map_err(|fault| permanent(&fault.message))?;
            if url.scheme == "https" && next.scheme != "https" {
                return Err(permanent("it redirects from HTTPS to HTTP"));
            }
            url = next;
        }
        Err(permanent("too many redirects"))
    }

    /// Sends a single HTTP request, to the address of the call or of a redirect.
    fn exchange(
        &self,
        call: &Call<'_>,
        url: &Url,
        deadline: Instant,
    ) -> Result<Response, TransportError> {
        let agent = match &*url.scheme {
            "https" => self.secure.get_or_init(|| agent(Some(root_certificates()))),
            "http" => self.plain.get_or_init(|| agent(None)),
            other => {
                return Err(TransportError {
                    message: format!("unsupported scheme `{other}://`"),
                    is_transient: false,
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
        let response = match call.method == Method::PUT || call.method == Method::POST {
            true => request.body(call.body).map(|it| run(agent, it, deadline)),
            false => request.body(()).map(|it| run(agent, it, deadline)),
        };
        let response = response.map_err(|error| TransportError {
            message: error.to_string(),
            is_transient: false,
        })?;
        read(
            response.map_err(|error| transport_error(&error))?,
            call,
            url,
        )
    }
}

/// Runs a request within the remaining time.
fn run(
    agent: &Agent,
    request: Request<impl AsSendBody>,
    deadline: Instant,
) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let remaining = deadline.saturating_duration_since(Instant::now());
    // For ureq, zero means no limit.
    let remaining = remaining.max(Duration::from_millis(1));
    let request = agent.configure_request(request);
    agent.run(request.timeout_global(Some(remaining)).build())
}

fn read(
    response: ureq::http::Response<ureq::Body>,
    call: &Call<'_>,
    url: &Url,
) -> Result<Response, TransportError> {
    let too_large = || TransportError {
        message: format!("the response is larger than {} MiB", call.bytes_max >> 20),
        is_transient: false,
    };
    let broken = |error: std::io::Error| TransportError {
        message: io_message(&error),
        is_transient: true,
    };
    let (parts, body) = response.into_parts();
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
    Ok(Response {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: bytes,
        url: url.clone(),
    })
}

/// The wait before a retry; `None` if the response is final.
fn pause(response: &Response, call: &Call<'_>, wait: Duration) -> Option<Duration> {
    let is_transient = match response.status {
        429 => true,
        408 | 500 | 502 | 503 | 504 => call.is_idempotent(),
        _ => false,
    };
    let retry_after = response
        .header("retry-after")
        .and_then(|it| it.trim().parse().ok());
    let pause = retry_after.map_or(wait, Duration::from_secs);
    (is_transient && pause <= WAIT_MAX).then_some(pause)
}

fn unreachable(url: &Url, message: &str) -> Diagnostic {
    let url = url.redacted();
    if message.contains("certificate") {
        let fault = Diagnostic::error("unreachable", format!("`{url}` is not trusted: {message}"))
            .class(Class::Unreachable);
        return fault.help(
            "set `SSL_CERT_FILE` to a file with the certificates of your certificate authority",
        );
    }
    let fault = Diagnostic::error("unreachable", format!("cannot reach `{url}`: {message}"))
        .class(Class::Unreachable);
    fault.help(
        "check the address, the network and `HTTPS_PROXY`; rendering does not need the network",
    )
}

fn transport_error(error: &ureq::Error) -> TransportError {
    let message = match error {
        ureq::Error::HostNotFound => UNKNOWN_HOST.to_string(),
        ureq::Error::Timeout(_) => TIMED_OUT.to_string(),
        ureq::Error::Io(error) => io_message(error),
        error => error.to_string(),
    };
    let is_transient = matches!(
        error,
        ureq::Error::Timeout(_)
            | ureq::Error::Io(_)
            | ureq::Error::Protocol(_)
            | ureq::Error::ConnectionFailed
    );
    // An unknown host or an untrusted certificate will be the same after a retry.
    let is_permanent = message == UNKNOWN_HOST || message.contains("certificate");
    TransportError {
        is_transient: is_transient && !is_permanent,
        message,
    }
}

const TIMED_OUT: &str = "timed out";
const UNKNOWN_HOST: &str = "unknown host";

/// The message for an I/O error, without the details of the operating system in common cases.
fn io_message(error: &std::io::Error) -> String {
    let text = error.to_string();
    let inner = error.get_ref().and_then(|it| it.downcast_ref());
    if let Some(ureq::Error::Timeout(_)) = inner {
        return TIMED_OUT.to_string();
    }
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_string(),
        std::io::ErrorKind::UnexpectedEof => {
            "connection closed before the end of the response".to_string()
        }
        std::io::ErrorKind::TimedOut => TIMED_OUT.to_string(),
        _ if text.contains("failed to lookup address") => UNKNOWN_HOST.to_string(),
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

/// The root certificates of the system, or of `SSL_CERT_FILE`; if there are none, those of Mozilla.
fn root_certificates() -> RootCerts {
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

    /// Starts a server that sends `head` and then a byte every 20 ms, until the client disconnects. Returns its address and a
    /// counter of requests.
    fn slow_server(head: &'static str) -> (Url, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = requests.clone();
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
        (
            Url::parse(&format!("http://{address}/x")).unwrap(),
            requests,
        )
    }

    fn client_with_short_limit() -> Client {
        Client {
            time_limit: Duration::from_millis(300),
            ..Client::default()
        }
    }

    #[test]
    fn a_slow_server_gets_one_request() {
        for head in [
            "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-Long: ",
        ] {
            let (url, requests) = slow_server(head);
            let fault = client_with_short_limit()
                .send(&Call::get(url, 1 << 20))
                .err()
                .unwrap();
            assert!(fault.message.contains("timed out"), "{}", fault.message);
            assert_eq!(requests.load(Ordering::SeqCst), 1, "{head}");
        }
    }

    #[test]
    fn a_request_ends_at_the_deadline_of_its_operation() {
        let (url, _) = slow_server("HTTP/1.1 200 OK\r\n\r\n");
        let call = Call {
            deadline: Some(Instant::now()),
            ..Call::get(url, 1 << 20)
        };
        assert!(Client::default().send(&call).is_err());
    }
}
