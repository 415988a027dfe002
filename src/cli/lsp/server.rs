#![allow(
    clippy::disallowed_methods,
    reason = "the editor names files by their paths on disk"
)]
//! The state of the server, and the handling of each message.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::Sender;
use gen_lsp_types as lsp;
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use serde_json::{Value as Json, json};

use super::capabilities::initialized;
use super::convert::{Converter, position};
use super::requests::{Answer, WorkspaceFile, content, file_of, is_slow};
use super::{STACK_BYTES, uri, workspace_check};
use crate::cli::{Global, Outcome};
use pleach::chart::Cache;
use pleach::disk::{Folder, find_upwards};
use pleach::layout::WORKSPACE;
use pleach::lsp::{Workspace, diagnostics, text};
use pleach::tree::TreePath;

/// An event of the server.
pub(super) enum Event {
    /// A message of the editor.
    Message(Message),
    /// An invalid message, and its answer.
    Malformed(Json),
    /// The editor has disconnected.
    Closed,
    /// A whole workspace was checked.
    Checked {
        root: PathBuf,
        found: workspace_check::FileDiagnostics,
    },
    /// A background request is answered.
    Answered { id: RequestId, answer: Answer },
}

/// A workspace that is open.
struct OpenWorkspace {
    workspace: Workspace,
    /// The version number of each open text in the editor.
    versions: BTreeMap<TreePath, i32>,
    /// The diagnostics that were sent for each file.
    published: BTreeMap<TreePath, Vec<lsp::Diagnostic>>,
    is_checking: bool,
    /// Whether another check was requested since the running one began.
    is_stale: bool,
    /// The texts that were changed since then.
    changed: BTreeSet<TreePath>,
}

pub(super) struct Server {
    sender: Sender<Json>,
    events: Sender<Event>,
    cache: Option<Cache>,
    global: Arc<Global>,
    opened: BTreeMap<PathBuf, OpenWorkspace>,
    /// The workspace of the last request.
    current: Option<PathBuf>,
    /// The files that were changed and not yet checked.
    typed: BTreeSet<(PathBuf, TreePath)>,
    cancelled: BTreeSet<RequestId>,
    /// The requests that are answered in the background.
    running: BTreeSet<RequestId>,
    is_initialized: bool,
    is_shut_down: bool,
    /// Whether the editor reports changes of files on disk.
    has_watcher: bool,
    /// Checks while typing use separate workers, so that they do not wait for a check of the whole workspace.
    workers: rayon::ThreadPool,
}

impl Server {
    pub(super) fn new(
        sender: Sender<Json>,
        events: Sender<Event>,
        cache: Option<Cache>,
        global: Arc<Global>,
    ) -> Result<Server, rayon::ThreadPoolBuildError> {
        let workers = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .stack_size(STACK_BYTES);
        Ok(Server {
            sender,
            events,
            cache,
            global,
            opened: BTreeMap::new(),
            current: None,
            typed: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            running: BTreeSet::new(),
            is_initialized: false,
            is_shut_down: false,
            has_watcher: false,
            workers: workers.build()?,
        })
    }

    /// Records which requests of a batch are cancelled within it, and stops those that are running.
    pub(super) fn note_cancelled(&mut self, batch: &[Event]) {
        for event in batch {
            let Event::Message(Message::Notification(it)) = event else {
                continue;
            };
            if it.method != "$/cancelRequest" {
                continue;
            }
            let id = it
                .params
                .get("id")
                .cloned()
                .map(serde_json::from_value::<RequestId>);
            let Some(Ok(id)) = id else { continue };
            if self.running.remove(&id) {
                self.respond(id, Err(cancelled()));
            } else {
                self.cancelled.insert(id);
            }
        }
    }

    /// Handles an event; returns the outcome if it ends the server.
    pub(super) fn handle(&mut self, event: Event) -> Option<Outcome> {
        match event {
            Event::Message(Message::Request(request)) => self.request(request),
            Event::Message(Message::Notification(it)) if it.method == "exit" => {
                return Some(self.outcome());
            }
            Event::Message(Message::Notification(notification)) => self.notification(notification),
            // No request to the editor needs its answer.
            Event::Message(Message::Response(_)) => {}
            Event::Malformed(answer) => self.send(answer),
            Event::Closed => return Some(self.outcome()),
            Event::Checked { root, found } => self.finish_check(&root, found),
            Event::Answered { id, answer } => {
                if self.running.remove(&id) {
                    self.respond(id, answer);
                }
            }
        }
        None
    }

    fn outcome(&self) -> Outcome {
        match self.is_shut_down {
            true => Outcome::Clean,
            false => Outcome::Findings,
        }
    }

    fn send(&self, message: Json) {
        // The writer only ends with the server, or when the editor disconnects.
        let _ = self.sender.send(message);
    }

    fn respond(&self, id: RequestId, answer: Answer) {
        let response = match answer {
            Ok(result) => Response::new_ok(id, result),
            Err((code, message)) => Response::new_err(id, code as i32, message),
        };
        if let Ok(Json::Object(mut message)) = serde_json::to_value(&response) {
            message.insert("jsonrpc".into(), "2.0".into());
            self.send(message.into());
        }
    }

    fn request(&mut self, request: Request) {
        let Request { id, method, params } = request;
        if self.cancelled.remove(&id) {
            return self.respond(id, Err(cancelled()));
        }
        match method.as_str() {
            "initialize" if !self.is_initialized => self.initialize(id, &params),
            "initialize" => {
                let message = "the server is initialized already".to_string();
                self.respond(id, Err((ErrorCode::InvalidRequest, message)));
            }
            _ if !self.is_initialized => {
                let message = "`initialize` comes first".to_string();
                self.respond(id, Err((ErrorCode::ServerNotInitialized, message)));
            }
            _ if self.is_shut_down => {
                let message = "the server is shut down".to_string();
                self.respond(id, Err((ErrorCode::InvalidRequest, message)));
            }
            "shutdown" => {
                self.is_shut_down = true;
                self.respond(id, Ok(Json::Null));
            }
            _ => self.start_request(id, &method, params),
        }
    }

    fn initialize(&mut self, id: RequestId, params: &Json) {
        self.is_initialized = true;
        let watches = "/capabilities/workspace/didChangeWatchedFiles/dynamicRegistration";
        self.has_watcher = params.pointer(watches).and_then(Json::as_bool) == Some(true);
        let folders = params.get("workspaceFolders").and_then(Json::as_array);
        let folders = folders.into_iter().flatten().filter_map(|it| it.get("uri"));
        let root = params.get("rootUri").into_iter();
        let folders: Vec<PathBuf> = folders
            .chain(root)
            .filter_map(|it| uri::to_path(it.as_str()?))
            .collect();
        let answer = serde_json::to_value(initialized());
        self.respond(
            id,
            answer.map_err(|it| (ErrorCode::InternalError, it.to_string())),
        );
        for folder in folders {
            if let Some(root) = find_upwards(&folder, WORKSPACE) {
                self.open(&root);
            }
        }
    }

    /// Asks the editor to report changes of files on disk.
    fn watch(&self) {
        if !self.has_watcher {
            return;
        }
        let watchers = json!([{"globPattern": "**/*"}]);
        let registration = json!({
            "id": "files",
            "method": "workspace/didChangeWatchedFiles",
            "registerOptions": {"watchers": watchers},
        });
        self.send(json!({
            "jsonrpc": "2.0",
            "id": "register",
            "method": "client/registerCapability",
            "params": {"registrations": [registration]},
        }));
    }

    /// Opens a workspace, if it is not open, and starts a check.
    fn open(&mut self, root: &Path) {
        if self.opened.contains_key(root) {
            return;
        }
        let Ok(files) = Folder::open_checkout(root) else {
            return;
        };
        let cache = self.cache.clone();
        let workspace = self
            .workers
            .install(|| Workspace::new(Arc::new(files), cache));
        self.opened.insert(
            root.to_path_buf(),
            OpenWorkspace {
                workspace,
                versions: BTreeMap::new(),
                published: BTreeMap::new(),
                is_checking: false,
                is_stale: false,
                changed: BTreeSet::new(),
            },
        );
        self.check(root);
    }

    /// The workspace of a file, and the file's path in it.
    fn locate(&mut self, address: &str) -> Option<(PathBuf, TreePath)> {
        let file = uri::to_path(address)?;
        let known = self.opened.keys().filter(|it| file.starts_with(it));
        let known = known.max_by_key(|it| it.components().count()).cloned();
        let root = match find_upwards(file.parent()?, WORKSPACE) {
            Some(root) => root,
            None => known?,
        };
        self.open(&root);
        let path = file.strip_prefix(&root).ok()?;
        let path = TreePath::new(&path.to_str()?.replace('\\', "/"))?;
        self.current = Some(root.clone());
        Some((root, path))
    }

    /// Starts a check of a whole workspace; only one runs at a time.
    fn check(&mut self, root: &Path) {
        let Some(opened) = self.opened.get_mut(root) else {
            return;
        };
        if std::mem::replace(&mut opened.is_checking, true) {
            opened.is_stale = true;
            return;
        }
        opened.changed.clear();
        let (root, global, events) = (root.to_path_buf(), self.global.clone(), self.events.clone());
        workspace_check::start(root, &opened.workspace, global, move |root, found| {
            // The server may have ended.
            let _ = events.send(Event::Checked { root, found });
        });
    }

    fn finish_check(&mut self, root: &Path, found: workspace_check::FileDiagnostics) {
        let Some(opened) = self.opened.get_mut(root) else {
            return;
        };
        opened.is_checking = false;
        opened.workspace.workspace_diagnostics = found;
        // Diagnostics of texts that have not changed since are replaced by those of the check.
        let changed = &opened.changed;
        let edited = &mut opened.workspace.edited_diagnostics;
        edited.retain(|it, _| changed.contains(it));
        if std::mem::take(&mut opened.is_stale) {
            self.check(root);
        }
        self.publish(root);
    }

    fn start_request(&mut self, id: RequestId, method: &str, params: Json) {
        let file = file_of(&params).map(str::to_string);
        let located = file.and_then(|it| self.locate(&it));
        if method == "workspace/textDocumentContent" {
            return self.start_content_request(id, params);
        }
        let Some((root, path)) = located else {
            return self.respond(id, answer_outside_workspace(method));
        };
        if is_slow(method) {
            let method = method.to_string();
            return self.run(id, root, move |workspace, root| {
                let location = WorkspaceFile {
                    workspace,
                    root,
                    path: &path,
                };
                location.answer(&method, params)
            });
        }
        let Some(opened) = self.opened.get(&root) else {
            return self.respond(id, Ok(Json::Null));
        };
        let location = WorkspaceFile {
            workspace: &opened.workspace,
            root: &root,
            path: &path,
        };
        let answer = self.workers.install(|| location.answer(method, params));
        self.respond(id, answer);
    }

    /// Starts a request for the content of a virtual document, which belongs to no file.
    fn start_content_request(&mut self, id: RequestId, params: Json) {
        let first = || self.opened.keys().next().cloned();
        match self.current.clone().or_else(first) {
            Some(root) => self.run(id, root, move |workspace, root| {
                content(workspace, root, params)
            }),
            None => self.respond(id, Err(no_workspace())),
        }
    }

    /// Answers a request on a separate thread, from the current state.
    fn run(
        &mut self,
        id: RequestId,
        root: PathBuf,
        answer: impl FnOnce(&Workspace, &Path) -> Answer + Send + 'static,
    ) {
        let Some(workspace) = self.opened.get(&root).map(|it| it.workspace.fork()) else {
            return self.respond(id, Err(no_workspace()));
        };
        self.running.insert(id.clone());
        let (events, own) = (self.events.clone(), id.clone());
        let run = move || {
            let answer = answer(&workspace, &root);
            // The server may have ended.
            let _ = events.send(Event::Answered { id, answer });
        };
        let thread = std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(run);
        if thread.is_err() && self.running.remove(&own) {
            let message = "no thread can be started".to_string();
            self.respond(own, Err((ErrorCode::InternalError, message)));
        }
    }

    fn notification(&mut self, notification: Notification) {
        let Notification { method, params } = notification;
        match method.as_str() {
            _ if !self.is_initialized => {}
            "initialized" => self.watch(),
            "textDocument/didOpen" => self.did_open(params),
            "textDocument/didChange" => self.did_change(params),
            "textDocument/didSave" => self.did_save(&params),
            "textDocument/didClose" => self.did_close(&params),
            "workspace/didChangeWatchedFiles" => self.files_changed(params),
            // The protocol requires unknown notifications to be ignored.
            _ => {}
        }
    }

    fn did_open(&mut self, params: Json) {
        let Ok(params) = serde_json::from_value::<lsp::DidOpenTextDocumentParams>(params) else {
            return;
        };
        let document = params.text_document;
        self.set_text(&document.uri.0, document.version, &document.text);
    }

    fn set_text(&mut self, address: &str, version: i32, text: &str) {
        let Some((root, path)) = self.locate(address) else {
            return;
        };
        if let Some(opened) = self.opened.get_mut(&root) {
            opened.versions.insert(path.clone(), version);
            opened.changed.insert(path.clone());
            self.workers
                .install(|| opened.workspace.set_text(&path, Some(text)));
            self.typed.insert((root, path));
        }
    }

    fn did_change(&mut self, params: Json) {
        let Ok(params) = serde_json::from_value::<lsp::DidChangeTextDocumentParams>(params) else {
            return;
        };
        let document = params.text_document;
        let address = document.text_document_identifier.uri.0;
        let Some((root, path)) = self.locate(&address) else {
            return;
        };
        let before = self
            .opened
            .get(&root)
            .and_then(|it| it.workspace.text(&path));
        let mut text = before.unwrap_or_default();
        for change in params.content_changes {
            text = match change {
                lsp::TextDocumentContentChangeEvent::TextDocumentContentChangePartial(it) => {
                    let range = [position(it.range.start), position(it.range.end)];
                    text::replaced(&text, range, &it.text)
                }
                lsp::TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(it) => {
                    it.text
                }
            };
        }
        self.set_text(&address, document.version, &text);
    }

    fn did_save(&mut self, params: &Json) {
        let located = file_of(params).map(str::to_string);
        let Some((root, path)) = located.and_then(|it| self.locate(&it)) else {
            return;
        };
        if let Some(opened) = self.opened.get_mut(&root) {
            match self.has_watcher {
                true => self
                    .workers
                    .install(|| opened.workspace.file_changed(&path)),
                // Other changes on disk are unknown.
                false => self.workers.install(|| opened.workspace.reload()),
            }
        }
        self.check(&root);
    }

    fn did_close(&mut self, params: &Json) {
        let located = file_of(params).map(str::to_string);
        let Some((root, path)) = located.and_then(|it| self.locate(&it)) else {
            return;
        };
        self.typed.remove(&(root.clone(), path.clone()));
        if let Some(opened) = self.opened.get_mut(&root) {
            opened.versions.remove(&path);
            self.workers
                .install(|| opened.workspace.set_text(&path, None));
        }
        self.check(&root);
    }

    fn files_changed(&mut self, params: Json) {
        let Ok(params) = serde_json::from_value::<lsp::DidChangeWatchedFilesParams>(params) else {
            return;
        };
        let mut roots = BTreeSet::new();
        for change in params.changes {
            // Changes in the `.git` folder do not affect inputs.
            if change.uri.0.contains("/.git/") {
                continue;
            }
            let Some((root, path)) = self.locate(&change.uri.0) else {
                continue;
            };
            if let Some(opened) = self.opened.get_mut(&root) {
                self.workers
                    .install(|| opened.workspace.file_changed(&path));
                roots.insert(root);
            }
        }
        roots.iter().for_each(|it| self.check(it));
    }

    /// Checks the files that were changed since the last time.
    pub(super) fn check_edited_files(&mut self) {
        let typed = std::mem::take(&mut self.typed);
        let mut roots = BTreeSet::new();
        for (root, path) in typed {
            let Some(opened) = self.opened.get_mut(&root) else {
                continue;
            };
            let workspace = &mut opened.workspace;
            match self.workers.install(|| diagnostics(workspace, &path)) {
                Some(found) => drop(workspace.edited_diagnostics.insert(path, found)),
                None => drop(workspace.edited_diagnostics.remove(&path)),
            }
            roots.insert(root);
        }
        roots.iter().for_each(|it| self.publish(it));
    }

    /// Sends the diagnostics of each file if they differ from those sent before.
    fn publish(&mut self, root: &Path) {
        let Some(opened) = self.opened.get_mut(root) else {
            return;
        };
        let workspace = &opened.workspace;
        let converter = Converter { workspace, root };
        let checked = workspace.workspace_diagnostics.keys();
        let known = checked.chain(workspace.edited_diagnostics.keys());
        let paths: BTreeSet<TreePath> = known.chain(opened.published.keys()).cloned().collect();
        let mut messages = Vec::new();
        for path in paths {
            let found = workspace.diagnostics(&path).iter();
            let found: Vec<lsp::Diagnostic> = found.map(|it| converter.diagnostic(it)).collect();
            if opened.published.get(&path).map_or(&[][..], |it| it) == found.as_slice() {
                continue;
            }
            messages.push(json!({
                "jsonrpc": "2.0",
                "method": "textDocument/publishDiagnostics",
                "params": lsp::PublishDiagnosticsParams {
                    uri: converter.uri(&path),
                    version: opened.versions.get(&path).copied(),
                    diagnostics: found.clone(),
                },
            }));
            match found.is_empty() {
                true => drop(opened.published.remove(&path)),
                false => drop(opened.published.insert(path, found)),
            }
        }
        messages.into_iter().for_each(|it| self.send(it));
    }
}

fn cancelled() -> (ErrorCode, String) {
    (
        ErrorCode::RequestCanceled,
        "the request was cancelled".to_string(),
    )
}

fn no_workspace() -> (ErrorCode, String) {
    let message = format!("no `{WORKSPACE}` in the folder of the file or its parents");
    (ErrorCode::RequestFailed, message)
}

/// The answer to a request that belongs to no workspace.
fn answer_outside_workspace(method: &str) -> Answer {
    // Other files with the same language in the editor are ignored.
    if method.starts_with("textDocument/") {
        return Ok(Json::Null);
    }
    if method.starts_with("pleach/") || method == "workspace/executeCommand" {
        return Err(no_workspace());
    }
    let message = format!("unknown method `{method}`");
    Err((ErrorCode::MethodNotFound, message))
}
