// Starts `pleach lsp` and shows its documents.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function activate(context) {
  const command = vscode.workspace.getConfiguration("pleach").get("path");
  const selector = ["yaml", "jinja", "jinja-yaml"].map((language) => ({ scheme: "file", language }));
  client = new LanguageClient(
    "pleach",
    { command, args: ["lsp"] },
    {
      documentSelector: [...selector, { scheme: "file", pattern: "**/*.{yaml,yml,j2}" }],
      middleware: {
        // A code lens shows the result of its command.
        executeCommand: async (name, values, next) => show(await next(name, values)),
      },
    },
  );
  const provider = {
    provideTextDocumentContent: async (uri) =>
      (await client.sendRequest("workspace/textDocumentContent", { uri: uri.toString(true) })).text,
  };
  context.subscriptions.push(
    vscode.workspace.registerTextDocumentContentProvider("pleach", provider),
    vscode.commands.registerCommand("pleach.rendered", () => ask("pleach/rendered")),
    vscode.commands.registerCommand("pleach.diff", () => ask("pleach/diff")),
  );
  await client.start();
}

// Sends a request for the claim at the cursor.
async function ask(method) {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return;
  const textDocument = { uri: editor.document.uri.toString() };
  try {
    await show(await client.sendRequest(method, { textDocument, position: editor.selection.active }));
  } catch (error) {
    vscode.window.showErrorMessage(error.message);
  }
}

async function show(result) {
  if (result?.uri) {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(result.uri));
    await vscode.languages.setTextDocumentLanguage(document, result.languageId);
    await vscode.window.showTextDocument(document, { preview: true, viewColumn: vscode.ViewColumn.Beside });
  }
  return result;
}

exports.activate = activate;
exports.deactivate = () => client?.stop();
