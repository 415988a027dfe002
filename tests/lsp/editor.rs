//! The language server in a real editor, without a window.

use std::fs;
use std::process::Command;

use super::{WORKSPACE, website};
use pleach::tree::Tree;

use crate::program::write;

/// Opens a claim with a misspelled field, waits for the diagnostic, applies the code action, and asks for the hover text.
const SCRIPT: &str = r#"
local out = {}
local function wait(what) assert(vim.wait(60000, what, 50), 'the server does not answer') end
local config = { name = 'pleach', cmd = { vim.env.PLEACH, 'lsp' }, root_dir = vim.fn.getcwd() }
-- Before 0.8 a client is attached by hand.
local id = vim.lsp.start and vim.lsp.start(config) or vim.lsp.start_client(config)
vim.lsp.buf_attach_client(0, id)
wait(function() return #vim.diagnostic.get(0) > 0 end)
local found = vim.diagnostic.get(0)[1]
table.insert(out, found.code .. ' ' .. found.lnum .. ':' .. found.col)
local function ask(method, params)
  params.textDocument = vim.lsp.util.make_text_document_params(0)
  local answers = vim.lsp.buf_request_sync(0, method, params, 60000)
  return assert(answers and answers[id] and answers[id].result, method)
end
local range = { start = { line = found.lnum, character = found.col }, ['end'] = { line = found.end_lnum, character = found.end_col } }
local actions = ask('textDocument/codeAction', { range = range, context = { diagnostics = {} } })
table.insert(out, actions[1].title)
vim.lsp.util.apply_workspace_edit(actions[1].edit, 'utf-16')
table.insert(out, vim.api.nvim_buf_get_lines(0, 3, 4, false)[1])
wait(function() return #vim.diagnostic.get(0) == 0 end)
local hover = ask('textDocument/hover', { position = { line = 3, character = 9 } })
table.insert(out, vim.split(hover.contents.value, '\n')[1])
vim.fn.writefile(out, vim.env.OUT)
vim.cmd('qall!')
"#;

#[test_with::executable(nvim)]
#[test]
fn neovim_shows_and_fixes_a_misspelled_field() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &Tree::from_text(WORKSPACE));
    let claim = folder.path().join("environments/prod/shop.yaml");
    fs::write(&claim, website("spec: {replicaz: 4}\n")).unwrap();
    let (script, out) = (folder.path().join("script.lua"), folder.path().join("out"));
    fs::write(&script, SCRIPT).unwrap();
    let output = Command::new("nvim")
        .args(["--headless", "--clean", "-n"])
        .arg(&claim)
        .arg("-c")
        .arg(format!("luafile {}", script.display()))
        .args(["-c", "cquit"])
        .env("PLEACH", env!("CARGO_BIN_EXE_pleach"))
        .env("OUT", &out)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let found = fs::read_to_string(&out).unwrap_or_else(|_| panic!("{stderr}"));
    let lines: Vec<&str> = found.lines().collect();
    let expected = [
        "unknown-field 3:7",
        "write `replicas`",
        "spec: {replicas: 4}",
        "`replicas`: integer, default 2",
    ];
    assert_eq!(lines, expected, "{stderr}");
}
