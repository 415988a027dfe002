//! A client of the language server: it starts the program and speaks the protocol over its standard input and output.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use pleach::tree::Tree;
use serde_json::{Value as Json, json};

use crate::program::write;

/// How long an answer may take, with a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A workspace on disk and a server for it.
pub(crate) struct Client {
    pub(crate) folder: tempfile::TempDir,
    process: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Json>,
    next: i64,
    versions: BTreeMap<String, i64>,
    pub(crate) diagnostics: BTreeMap<String, Vec<Json>>,
}

impl Client {
    /// Writes the files of a tree, and starts a server that is not initialized.
    pub(crate) fn new(files: &str) -> Client {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &Tree::from_text(files));
        let mut process = Command::new(env!("CARGO_BIN_EXE_pleach"))
            .args(["lsp", "--stdio"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Client {
            input: process.stdin.take(),
            folder,
            process,
            messages,
            next: 0,
            versions: BTreeMap::new(),
            diagnostics: BTreeMap::new(),
        }
    }

    /// Starts a server and initializes it.
    pub(crate) fn start(files: &str) -> Client {
        let mut client = Client::new(files);
        let root = client.uri("");
        let capabilities =
            json!({"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": true}}});
        let answer = client.request(
            "initialize",
            json!({"processId": null, "rootUri": root, "capabilities": capabilities}),
        );
        assert_eq!(answer["capabilities"]["positionEncoding"], "utf-16");
        client.notify("initialized", json!({}));
        client
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn uri(&self, file: &str) -> String {
        format!("file://{}", self.path(file).display())
    }

    /// The file of an address, relative to the workspace.
    pub(crate) fn file(&self, uri: &str) -> String {
        let root = format!("file://{}/", self.folder.path().display());
        uri.strip_prefix(&root).unwrap_or(uri).to_string()
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    pub(crate) fn send(&mut self, message: &Json) {
        let body = message.to_string();
        self.send_bytes(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    pub(crate) fn notify(&mut self, method: &str, params: Json) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request and returns its ID.
    pub(crate) fn ask(&mut self, method: &str, params: Json) -> i64 {
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params}));
        self.next
    }

    /// Receives a message. Diagnostics are stored.
    pub(crate) fn receive(&mut self) -> Json {
        let message = self
            .messages
            .recv_timeout(PATIENCE)
            .expect("the server answers");
        if message["method"] == "textDocument/publishDiagnostics" {
            let uri = message["params"]["uri"].as_str().unwrap();
            let found = message["params"]["diagnostics"].as_array().unwrap();
            let file = self.file(uri);
            self.diagnostics.insert(file, found.clone());
        }
        message
    }

    /// The whole answer to a request.
    pub(crate) fn answer(&mut self, id: i64) -> Json {
        loop {
            let message = self.receive();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    /// The result of a request that must not fail.
    pub(crate) fn request(&mut self, method: &str, params: Json) -> Json {
        let id = self.ask(method, params);
        let answer = self.answer(id);
        assert_eq!(answer.get("error"), None, "{method}");
        answer["result"].clone()
    }

    pub(crate) fn open(&mut self, file: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        self.open_text(file, &text);
    }

    pub(crate) fn open_text(&mut self, file: &str, text: &str) {
        self.versions.insert(file.to_string(), 1);
        let document =
            json!({"uri": self.uri(file), "languageId": "yaml", "version": 1, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Changes an open text. A change is a range and its new text, or a whole text.
    pub(crate) fn change(&mut self, file: &str, changes: Json) {
        let version = self.versions.get_mut(file).unwrap();
        *version += 1;
        let document = json!({"uri": format!("file://{}", self.folder.path().join(file).display()), "version": *version});
        self.notify(
            "textDocument/didChange",
            json!({"textDocument": document, "contentChanges": changes}),
        );
    }

    /// Sets the text of an open file, which has a cursor `|`, and returns the position of the cursor.
    pub(crate) fn put(&mut self, file: &str, text: &str) -> Json {
        let (text, place) = without_cursor(text);
        match self.versions.contains_key(file) {
            true => self.change(file, json!([{"text": text}])),
            false => self.open_text(file, &text),
        }
        json!({"textDocument": {"uri": self.uri(file)}, "position": place})
    }

    /// Waits until the diagnostics of a file meet a condition.
    pub(crate) fn wait_for(
        &mut self,
        file: &str,
        is_wanted: impl Fn(&[Json]) -> bool,
    ) -> Vec<Json> {
        loop {
            if let Some(found) = self.diagnostics.get(file).filter(|it| is_wanted(it)) {
                return found.clone();
            }
            self.receive();
        }
    }

    pub(crate) fn wait_for_code(&mut self, file: &str, code: &str) -> Json {
        let found = self.wait_for(file, |it| it.iter().any(|it| it["code"] == code));
        found.into_iter().find(|it| it["code"] == code).unwrap()
    }

    /// Closes the input, waits for the program and returns its exit code.
    pub(crate) fn end(&mut self) -> i32 {
        self.input = None;
        self.process.wait().unwrap().code().unwrap()
    }

    pub(crate) fn shut_down(mut self) {
        self.request("shutdown", Json::Null);
        self.notify("exit", Json::Null);
        assert_eq!(self.end(), 0);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It has ended by itself already, unless the test fails.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(output: &mut impl BufRead) -> Option<Json> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some(("Content-Length", number)) => length = number.parse().unwrap(),
            _ if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}

/// A text without its cursor `|`, and the position of the cursor in UTF-16 units.
pub(crate) fn without_cursor(text: &str) -> (String, Json) {
    let at = text.find('|').expect("a text has a cursor");
    let before = &text[..at];
    let line = before.matches('\n').count();
    let units = before.rsplit('\n').next().unwrap().encode_utf16().count();
    (
        text.replacen('|', "", 1),
        json!({"line": line, "character": units}),
    )
}

/// The text at a range of the protocol.
pub(crate) fn text_at(text: &str, range: &Json) -> String {
    let byte = |place: &Json| {
        let line = place["line"].as_u64().unwrap() as usize;
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let units: Vec<u16> = text[start..]
            .encode_utf16()
            .take(place["character"].as_u64().unwrap() as usize)
            .collect();
        start + String::from_utf16(&units).unwrap().len()
    };
    text[byte(&range["start"])..byte(&range["end"])].to_string()
}

/// All files of a folder with their bytes.
pub(crate) fn all_files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let walk = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap);
    let files = walk.filter(|it| it.file_type().is_file());
    files
        .map(|it| (it.path().to_path_buf(), fs::read(it.path()).unwrap()))
        .collect()
}
