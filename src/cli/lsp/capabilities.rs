//! The capabilities that the server announces to the editor.

use gen_lsp_types as lsp;

use pleach::lsp::SCHEME;

/// Shows the rendered form of a claim. Arguments: the file's address and a position, or an environment and a claim.
pub(super) const SHOW_RENDERED: &str = "pleach.showRendered";
/// Shows how its rendered form has changed since HEAD.
pub(super) const SHOW_DIFF: &str = "pleach.showDiff";

/// The answer to `initialize`.
pub(super) fn initialized() -> lsp::InitializeResult {
    lsp::InitializeResult {
        capabilities: capabilities(),
        server_info: Some(lsp::ServerInfo {
            name: "pleach".to_string(),
            version: Some(env!("CARGO_PKG_VERSION").to_string()),
        }),
    }
}

fn capabilities() -> lsp::ServerCapabilities {
    let sync = lsp::TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(lsp::TextDocumentSyncKind::Incremental),
        save: Some(true.into()),
        ..lsp::TextDocumentSyncOptions::default()
    };
    let triggers = [":", " ", "-", "/", "{", ","];
    lsp::ServerCapabilities {
        position_encoding: Some(lsp::PositionEncodingKind::UTF16),
        text_document_sync: Some(sync.into()),
        completion_provider: Some(lsp::CompletionOptions {
            trigger_characters: Some(triggers.map(str::to_string).to_vec()),
            ..lsp::CompletionOptions::default()
        }),
        hover_provider: Some(true.into()),
        definition_provider: Some(true.into()),
        implementation_provider: Some(true.into()),
        references_provider: Some(true.into()),
        code_action_provider: Some(
            lsp::CodeActionOptions {
                code_action_kinds: Some(vec![lsp::CodeActionKind::QuickFix]),
                ..lsp::CodeActionOptions::default()
            }
            .into(),
        ),
        code_lens_provider: Some(lsp::CodeLensOptions::default()),
        rename_provider: Some(
            lsp::RenameOptions {
                prepare_provider: Some(true),
                ..lsp::RenameOptions::default()
            }
            .into(),
        ),
        execute_command_provider: Some(lsp::ExecuteCommandOptions {
            commands: [SHOW_RENDERED, SHOW_DIFF].map(str::to_string).to_vec(),
            ..lsp::ExecuteCommandOptions::default()
        }),
        workspace: Some(lsp::WorkspaceOptions {
            text_document_content: Some(
                lsp::TextDocumentContentOptions {
                    schemes: vec![SCHEME.to_string()],
                }
                .into(),
            ),
            ..lsp::WorkspaceOptions::default()
        }),
        ..lsp::ServerCapabilities::default()
    }
}
