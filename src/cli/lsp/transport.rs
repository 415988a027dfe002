//! Messages over standard input and output. An invalid message is answered with an error, and the next one is read.

use std::io::{self, BufRead, Read, Write};

use crossbeam_channel::{Receiver, Sender, unbounded};
use lsp_server::Message;
use serde_json::{Value as Json, json};

/// The largest message that is read.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;

/// Input of the client.
pub(super) enum Received {
    /// A valid message of JSON-RPC.
    Message(Message),
    /// The answer to an invalid message.
    Malformed(Json),
}

/// Reads the next message; `None` at the end of the input.
pub(super) fn receive(input: &mut dyn BufRead) -> io::Result<Option<Received>> {
    let Some(length) = header(input)? else {
        return Ok(None);
    };
    if length > MESSAGE_BYTES_MAX {
        io::copy(&mut input.take(length as u64), &mut io::sink())?;
        let message = format!("a message of {length} bytes is too large");
        return Ok(Some(Received::Malformed(error(
            &Json::Null,
            INVALID_REQUEST,
            &message,
        ))));
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some(read(&body)))
}

fn read(body: &[u8]) -> Received {
    let value: Json = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(fault) => {
            let message = format!("the message is not valid JSON: {fault}");
            return Received::Malformed(error(&Json::Null, PARSE_ERROR, &message));
        }
    };
    let id = value.get("id").cloned().unwrap_or(Json::Null);
    let has = |key: &str| value.get(key).is_some();
    // Unknown fields are skipped, so a message might be parsed as a different type.
    let (has_id, has_method, is_answer) = (has("id"), has("method"), has("result") || has("error"));
    let is_that = |message: &Message| match message {
        Message::Request(_) => true,
        Message::Notification(_) => !has_id,
        Message::Response(_) => is_answer && !has_method,
    };
    match serde_json::from_value(value) {
        Ok(message) if is_that(&message) => Received::Message(message),
        _ => Received::Malformed(error(&id, INVALID_REQUEST, "not a JSON-RPC 2.0 message")),
    }
}

fn error(id: &Json, code: i64, message: &str) -> Json {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

/// The length in a header. Lines that are not headers are skipped, so that reading continues after an invalid message.
fn header(input: &mut dyn BufRead) -> io::Result<Option<usize>> {
    const LINE_BYTES_MAX: u64 = 1 << 20;
    let mut length = None;
    loop {
        let mut line = Vec::new();
        if input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() && length.is_some() {
            return Ok(length);
        }
        // After a body that was longer than its header said, the next header begins within a line.
        let lower = text.to_ascii_lowercase();
        let found = lower
            .rfind("content-length:")
            .and_then(|at| text.get(at..)?.split_once(':'));
        if let Some((_, number)) = found {
            length = number.trim().parse().ok();
        }
    }
}

/// Starts the thread that writes messages.
pub(super) fn start_writer() -> (Sender<Json>, std::thread::JoinHandle<()>) {
    let (sender, receiver): (Sender<Json>, Receiver<Json>) = unbounded();
    let thread = std::thread::spawn(move || {
        let mut output = io::stdout().lock();
        for message in receiver {
            let body = message.to_string();
            let written = write!(output, "Content-Length: {}\r\n\r\n{body}", body.len());
            if written.and_then(|()| output.flush()).is_err() {
                // The editor has disconnected; the end of the input will end the program.
                break;
            }
        }
    });
    (sender, thread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(text: &str) -> Vec<String> {
        let mut input = io::Cursor::new(text.as_bytes().to_vec());
        let mut found = Vec::new();
        while let Some(received) = receive(&mut input).unwrap() {
            found.push(match received {
                Received::Message(Message::Request(it)) => it.method,
                Received::Message(Message::Notification(it)) => it.method,
                Received::Message(Message::Response(_)) => "response".to_string(),
                Received::Malformed(it) => it["error"]["code"].to_string(),
            });
        }
        found
    }

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn what_is_no_message_is_answered_and_skipped() {
        let good = framed(r#"{"jsonrpc":"2.0","method":"exit"}"#);
        for (bad, code) in [
            (framed("{not json"), Some("-32700")),
            (framed("[1]"), Some("-32600")),
            (framed(r#"{"jsonrpc":"2.0","id":1}"#), Some("-32600")),
            (
                framed(r#"{"jsonrpc":"2.0","id":{},"method":"a"}"#),
                Some("-32600"),
            ),
            ("noise\r\n".to_string(), None),
            ("Content-Length: many\r\n\r\n".to_string(), None),
        ] {
            let found = methods(&format!("{bad}{good}"));
            let expected = code.into_iter().chain(["exit"]);
            assert_eq!(found, expected.collect::<Vec<_>>(), "{bad}");
        }
        // A body that is longer than its header says.
        let found = methods(&format!("Content-Length: 3\r\n\r\n[1] trailing{good}"));
        assert_eq!(found, ["-32600", "exit"]);
    }
}
