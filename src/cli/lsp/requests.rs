//! Each request: its parameters, the feature that answers it, and the answer in the protocol.

use std::collections::BTreeMap;
use std::path::Path;

use gen_lsp_types as lsp;
use lsp_server::ErrorCode;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::capabilities::{SHOW_DIFF, SHOW_RENDERED};
use super::convert::{Converter, position};
use super::head::difference_to_head;
use super::uri;
use pleach::layout::BASE;
use pleach::lsp::{self as feature, Target, Workspace, text};
use pleach::tree::TreePath;

/// An answer, or an error code and message.
pub(super) type Answer = Result<Json, (ErrorCode, String)>;

/// A file of a workspace.
pub(super) struct WorkspaceFile<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) root: &'a Path,
    pub(super) path: &'a TreePath,
}

/// Whether a request may take long and is answered in the background.
pub(super) fn is_slow(method: &str) -> bool {
    matches!(
        method,
        "textDocument/definition"
            | "textDocument/implementation"
            | "textDocument/references"
            | "workspace/executeCommand"
            | "workspace/textDocumentContent"
            | "pleach/rendered"
            | "pleach/diff"
    )
}

/// The address of the file that a request is about.
pub(super) fn file_of(params: &Json) -> Option<&str> {
    let of = |it: &Json| {
        it.pointer("/textDocument/uri")
            .and_then(Json::as_str)
            .map(str::len)
    };
    if of(params).is_some() {
        return params.pointer("/textDocument/uri").and_then(Json::as_str);
    }
    params
        .pointer("/arguments/0/textDocument/uri")
        .and_then(Json::as_str)
}

fn read<T: DeserializeOwned>(params: Json) -> Result<T, (ErrorCode, String)> {
    serde_json::from_value(params).map_err(|it| (ErrorCode::InvalidParams, it.to_string()))
}

fn answer(value: impl serde::Serialize) -> Answer {
    serde_json::to_value(value).map_err(|it| (ErrorCode::InternalError, it.to_string()))
}

impl WorkspaceFile<'_> {
    fn converter(&self) -> Converter<'_> {
        Converter {
            workspace: self.workspace,
            root: self.root,
        }
    }

    fn offset(&self, location: lsp::Position) -> usize {
        let text = self.workspace.text(self.path).unwrap_or_default();
        text::offset(&text, position(location))
    }

    /// Answers a request about the file.
    pub(super) fn answer(&self, method: &str, params: Json) -> Answer {
        match method {
            "textDocument/completion" => self.completion(params),
            "textDocument/hover" => self.hover(params),
            "textDocument/definition" => self.targets(params, feature::definition),
            "textDocument/implementation" => self.targets(params, feature::implementation),
            "textDocument/references" => self.targets(params, feature::references),
            "textDocument/codeAction" => self.code_action(params),
            "textDocument/codeLens" => self.code_lens(),
            "textDocument/prepareRename" => self.prepare_rename(params),
            "textDocument/rename" => self.rename(params),
            "pleach/rendered" | "pleach/diff" => self.show(method == "pleach/diff", &params),
            "workspace/executeCommand" => self.command(params),
            other => Err((
                ErrorCode::MethodNotFound,
                format!("unknown method `{other}`"),
            )),
        }
    }

    fn completion(&self, params: Json) -> Answer {
        let params: lsp::CompletionParams = read(params)?;
        let at = self.offset(params.text_document_position_params.position);
        let items = feature::completion(self.workspace, self.path, at).into_iter();
        let items: Vec<_> = items
            .map(|it| self.converter().item(self.path, it))
            .collect();
        answer(items)
    }

    fn hover(&self, params: Json) -> Answer {
        let params: lsp::HoverParams = read(params)?;
        let at = self.offset(params.text_document_position_params.position);
        let Some(hover) = feature::hover(self.workspace, self.path, at) else {
            return Ok(Json::Null);
        };
        answer(lsp::Hover {
            contents: lsp::Contents::MarkupContent(lsp::MarkupContent {
                kind: lsp::MarkupKind::Markdown,
                value: hover.text,
            }),
            range: Some(self.converter().range(self.path, hover.range)),
        })
    }

    fn targets(
        &self,
        params: Json,
        find: fn(&Workspace, &TreePath, usize) -> Vec<Target>,
    ) -> Answer {
        let params: lsp::TextDocumentPositionParams = read(params)?;
        let found = find(self.workspace, self.path, self.offset(params.position)).into_iter();
        let found: Vec<lsp::Location> = found.map(|it| self.converter().location(it)).collect();
        answer(found)
    }

    fn code_action(&self, params: Json) -> Answer {
        let params: lsp::CodeActionParams = read(params)?;
        let range = self.offset(params.range.start)..self.offset(params.range.end);
        let only = params.context.only.unwrap_or_default();
        let includes_fixes = |it: &lsp::CodeActionKind| {
            String::from(lsp::CodeActionKind::QuickFix).starts_with(&String::from(it.clone()))
        };
        if !only.is_empty() && !only.iter().any(includes_fixes) {
            return Ok(json!([]));
        }
        let actions = feature::actions(self.workspace, self.path, &range).into_iter();
        let actions: Vec<_> = actions.map(|it| self.converter().action(it)).collect();
        answer(actions)
    }

    fn code_lens(&self) -> Answer {
        let lenses = feature::lenses(self.workspace, self.path)
            .into_iter()
            .flat_map(|it| {
                let range = self.converter().range(self.path, it.range.clone());
                let about = json!({
                    "textDocument": {"uri": self.converter().uri(self.path)},
                    "environment": it.environment,
                    "claim": it.claim,
                });
                let environment = it.environment;
                [
                    (format!("rendered in {environment}"), SHOW_RENDERED),
                    (format!("changes in {environment} since HEAD"), SHOW_DIFF),
                ]
                .map(|(title, command)| lsp::CodeLens {
                    range,
                    command: Some(lsp::Command {
                        title,
                        tooltip: None,
                        command: command.to_string(),
                        arguments: Some(vec![about.clone()]),
                    }),
                    data: None,
                })
            });
        answer(lenses.collect::<Vec<_>>())
    }

    fn prepare_rename(&self, params: Json) -> Answer {
        let params: lsp::TextDocumentPositionParams = read(params)?;
        let at = self.offset(params.position);
        match feature::prepare_rename(self.workspace, self.path, at) {
            Some(range) => answer(self.converter().range(self.path, range)),
            None => Ok(Json::Null),
        }
    }

    fn rename(&self, params: Json) -> Answer {
        let params: lsp::RenameParams = read(params)?;
        let at = self.offset(params.text_document_position_params.position);
        let name = params.new_name;
        let change = feature::rename(self.workspace, self.path, at, &name);
        let change = change.map_err(|it| (ErrorCode::RequestFailed, it))?;
        let edits = change.into_iter().map(|(path, ranges)| {
            let edits = ranges
                .into_iter()
                .map(|(start, end)| (start..end, name.clone()));
            (path, edits.collect::<Vec<_>>())
        });
        answer(self.converter().edit(edits.collect::<BTreeMap<_, _>>()))
    }

    fn command(&self, params: Json) -> Answer {
        let params: lsp::ExecuteCommandParams = read(params)?;
        let is_diff = match params.command.as_str() {
            SHOW_RENDERED => false,
            SHOW_DIFF => true,
            other => {
                return Err((
                    ErrorCode::InvalidParams,
                    format!("unknown command `{other}`"),
                ));
            }
        };
        let arguments = params.arguments.unwrap_or_default();
        let about = arguments.first().map(serde_json::to_value);
        let about = about.and_then(Result::ok).unwrap_or(Json::Null);
        self.show(is_diff, &about)
    }

    /// The rendered text of a claim or of its changes, with the address of the text.
    fn show(&self, is_diff: bool, about: &Json) -> Answer {
        let text = |key: &str| about.get(key).and_then(Json::as_str);
        let location = about
            .get("position")
            .cloned()
            .map(serde_json::from_value::<lsp::Position>);
        let at = location
            .and_then(Result::ok)
            .map_or(0, |it| self.offset(it));
        let found = feature::claim_at(self.workspace, self.path, at);
        let claim = text("claim")
            .map(str::to_string)
            .or_else(|| found.as_ref().map(|it| it.name.clone()));
        let claim = claim.ok_or((
            ErrorCode::RequestFailed,
            "no claim at this position".to_string(),
        ))?;
        let first = found.and_then(|it| it.environments.into_iter().next());
        let environment = text("environment").map(str::to_string).or(first);
        let environment = environment.filter(|it| it != BASE).ok_or_else(|| {
            let message = format!("no environment has the claim `{claim}`");
            (ErrorCode::RequestFailed, message)
        })?;
        let (kind, language) = if is_diff {
            ("diff", "diff")
        } else {
            ("rendered", "yaml")
        };
        let path = format!("/{kind}/{environment}/{claim}.{language}");
        let text = match is_diff {
            true => difference_to_head(self.workspace, self.root, &environment, &claim)
                .map_err(|it| (ErrorCode::RequestFailed, it))?,
            false => feature::rendered(self.workspace, &environment, &claim),
        };
        Ok(json!({"uri": uri::virtual_text(&path), "languageId": language, "text": text}))
    }
}

/// The text at an address that is not a file.
pub(super) fn content(workspace: &Workspace, root: &Path, params: Json) -> Answer {
    let params: lsp::TextDocumentContentParams = read(params)?;
    let path = uri::of_virtual(&params.uri.0);
    let path = path.ok_or((
        ErrorCode::InvalidParams,
        format!("invalid pleach address `{}`", params.uri),
    ))?;
    let diff = path
        .strip_prefix("/diff/")
        .and_then(|it| it.strip_suffix(".diff")?.split_once('/'));
    let text = match diff {
        Some((environment, claim)) => difference_to_head(workspace, root, environment, claim)
            .map_err(|it| (ErrorCode::RequestFailed, it))?,
        None => feature::content(workspace, &path)
            .ok_or((ErrorCode::RequestFailed, format!("`{path}` does not exist")))?,
    };
    answer(lsp::TextDocumentContentResult { text })
}
