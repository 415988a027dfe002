//! Converts results of features to the protocol.

use std::collections::BTreeMap;
use std::ops::Range as Bytes;
use std::path::Path;

use gen_lsp_types as lsp;

use super::uri;
use pleach::diag::{Class, Diagnostic, Severity, Span};
use pleach::lsp::text::{Utf16Position, range, span_in};
use pleach::lsp::{Action, Item, ItemKind, Target, Workspace};
use pleach::template::{BUILTIN, builtin};
use pleach::tree::{Files, TreePath};

/// A workspace and its path.
pub(super) struct Converter<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) root: &'a Path,
}

pub(super) fn position(location: lsp::Position) -> Utf16Position {
    Utf16Position {
        line: location.line,
        unit: location.character,
    }
}

fn range_of(text: &str, bytes: Bytes<usize>) -> lsp::Range {
    let [start, end] = range(text, bytes).map(|it| lsp::Position {
        line: it.line,
        character: it.unit,
    });
    lsp::Range { start, end }
}

impl Converter<'_> {
    pub(super) fn uri(&self, path: &TreePath) -> lsp::Uri {
        uri::of_file(self.root, path).into()
    }

    fn text(&self, path: &TreePath) -> String {
        let bytes = match path.parts().next() {
            Some(BUILTIN) => builtin().read(path).ok(),
            _ => return self.workspace.text(path).unwrap_or_default(),
        };
        bytes.map_or_else(String::new, |it| String::from_utf8_lossy(&it).into_owned())
    }

    pub(super) fn range(&self, path: &TreePath, bytes: Bytes<usize>) -> lsp::Range {
        range_of(&self.text(path), bytes)
    }

    fn span(&self, span: &Span) -> lsp::Range {
        let text = self.text(span.path());
        let bytes = span_in(&text, span);
        range_of(&text, bytes)
    }

    pub(super) fn location(&self, target: Target) -> lsp::Location {
        lsp::Location {
            uri: self.uri(&target.path),
            range: self.range(&target.path, target.range),
        }
    }

    pub(super) fn diagnostic(&self, found: &Diagnostic) -> lsp::Diagnostic {
        let mut message = found.message.clone();
        if !found.label.is_empty() {
            message.push_str(&format!("\n{}", found.label));
        }
        for help in &found.help {
            message.push_str(&format!("\nhelp: {help}"));
        }
        let related =
            found
                .related
                .iter()
                .map(|(span, message)| lsp::DiagnosticRelatedInformation {
                    location: lsp::Location {
                        uri: self.uri(span.path()),
                        range: self.span(span),
                    },
                    message: message.clone(),
                });
        let related: Vec<_> = related.collect();
        let severity = match found.severity {
            Severity::Error => lsp::DiagnosticSeverity::Error,
            Severity::Warning => lsp::DiagnosticSeverity::Warning,
            Severity::Note => lsp::DiagnosticSeverity::Information,
        };
        let is_idle = found.class == Class::NoEffect;
        lsp::Diagnostic {
            range: found
                .span
                .as_ref()
                .map(|it| self.span(it))
                .unwrap_or_default(),
            severity: Some(severity),
            code: Some(lsp::Code::String(found.code.to_string())),
            code_description: None,
            source: Some("pleach".to_string()),
            message: message.into(),
            tags: is_idle.then(|| vec![lsp::DiagnosticTag::Unnecessary]),
            related_information: (!related.is_empty()).then_some(related),
            data: None,
        }
    }

    pub(super) fn item(&self, path: &TreePath, item: Item) -> lsp::CompletionItem {
        let kind = match item.kind {
            ItemKind::Field => lsp::CompletionItemKind::Field,
            ItemKind::Value => lsp::CompletionItemKind::Value,
            ItemKind::Name => lsp::CompletionItemKind::Reference,
            ItemKind::Kind => lsp::CompletionItemKind::Class,
        };
        let non_empty = |text: String| (!text.is_empty()).then_some(text);
        let edit = lsp::TextEdit {
            range: self.range(path, item.range),
            new_text: item.text,
        };
        lsp::CompletionItem {
            kind: Some(kind),
            detail: non_empty(item.detail),
            documentation: non_empty(item.documentation).map(lsp::Documentation::String),
            sort_text: item.is_first.then(|| format!("0{}", item.label)),
            text_edit: Some(edit.into()),
            label: item.label,
            ..lsp::CompletionItem::default()
        }
    }

    pub(super) fn action(&self, action: Action) -> lsp::CodeAction {
        lsp::CodeAction {
            title: action.title,
            kind: Some(lsp::CodeActionKind::QuickFix),
            diagnostics: Some(vec![self.diagnostic(&action.diagnostic)]),
            is_preferred: Some(true),
            edit: Some(self.edit(action.edits)),
            ..lsp::CodeAction::default()
        }
    }

    pub(super) fn edit(
        &self,
        edits: BTreeMap<TreePath, Vec<(Bytes<usize>, String)>>,
    ) -> lsp::WorkspaceEdit {
        let changes = edits.into_iter().map(|(path, edits)| {
            let text = self.text(&path);
            let edits = edits.into_iter().map(|(bytes, new_text)| {
                lsp::Edit::TextEdit(lsp::TextEdit {
                    range: range_of(&text, bytes),
                    new_text,
                })
            });
            lsp::DocumentChange::TextDocumentEdit(lsp::TextDocumentEdit {
                text_document: lsp::OptionalVersionedTextDocumentIdentifier {
                    version: None,
                    text_document_identifier: lsp::TextDocumentIdentifier {
                        uri: self.uri(&path),
                    },
                },
                edits: edits.collect(),
            })
        });
        lsp::WorkspaceEdit {
            document_changes: Some(changes.collect()),
            ..lsp::WorkspaceEdit::default()
        }
    }
}
