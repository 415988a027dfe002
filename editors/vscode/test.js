// Runs the extension without an editor: `npm install && PLEACH=/path/to/pleach node --test test.js`.
//
// A stub takes the place of the module `vscode`: what the extension and its client use is written out, all else is an empty class,
// function or number. The server is the real one.
const assert = require("node:assert");
const fs = require("node:fs");
const Module = require("node:module");
const os = require("node:os");
const path = require("node:path");
const test = require("node:test");
const { fileURLToPath, pathToFileURL } = require("node:url");

const CLAIM = `apiVersion: pleach.dev/v1
kind: OperatorInstall
metadata: {name: widgets}
spec:
  namespace: widgets
  chart: {repository: 'oci://charts.example.com', name: web, version: 1.2.3}
`;
const WITH_SLIP = `${CLAIM.replace("name: widgets", "name: gadgets")}  value: {replicas: 3}\n`;
const FILES = {
  "pleach.yaml": "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: test}\n",
  "environments/prod/environment.yaml": `apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: prod}
spec: {cluster: prod-1, kubernetesVersion: '1.33'}
`,
  "environments/prod/widgets.yaml": CLAIM,
  "environments/prod/gadgets.yaml": WITH_SLIP,
};
const nothing = { dispose() {} };

// Anything else of the editor.
function empty(known = {}) {
  return new Proxy(class {}, {
    get: (target, key) => known[key] ?? (key in target ? target[key] : key === Symbol.toPrimitive ? () => 0 : empty()),
    has: (target, key) => key in known || key in target,
    apply: () => nothing,
  });
}

class EventEmitter {
  listeners = new Set();
  event = (listener) => {
    this.listeners.add(listener);
    return { dispose: () => this.listeners.delete(listener) };
  };
  fire = (value) => this.listeners.forEach((it) => it(value));
  dispose() {}
}

class CancellationTokenSource {
  token = { isCancellationRequested: false, onCancellationRequested: () => nothing };
  cancel() {}
  dispose() {}
}

class Uri {
  constructor(text) {
    this.text = text;
    const { protocol, pathname } = new URL(text);
    this.scheme = protocol.slice(0, -1);
    this.path = decodeURIComponent(pathname);
    this.fsPath = this.scheme === "file" ? fileURLToPath(text) : this.path;
  }
  toString() {
    return this.text;
  }
  static parse = (text) => new Uri(text);
  static file = (file) => new Uri(pathToFileURL(file).href);
}

class Position {
  constructor(line, character) {
    Object.assign(this, { line, character });
  }
}

class Range {
  constructor(a, b, c, d) {
    Object.assign(this, typeof a === "number" ? { start: new Position(a, b), end: new Position(c, d) } : { start: a, end: b });
  }
}

class Diagnostic {
  constructor(range, message, severity) {
    Object.assign(this, { range, message, severity });
  }
}

// An editor with one open file, and the cursor in another one.
function editor(file, active, program) {
  const found = new EventEmitter();
  const commands = new Map();
  const providers = new Map();
  const shown = [];
  const text = fs.readFileSync(file, "utf8");
  const document = { uri: Uri.file(file), languageId: "yaml", version: 1, lineCount: 5, isClosed: false, getText: () => text };
  const collection = { set: (uri, list) => list?.length && found.fire({ uri, list }), delete() {}, clear() {}, dispose() {} };
  const channel = { ...nothing, append() {}, appendLine() {}, show() {}, clear() {} };
  const stub = {
    version: "1.91.0",
    EventEmitter,
    CancellationTokenSource,
    Uri,
    Position,
    Range,
    Diagnostic,
    Disposable: Object.assign(class { dispose() {} }, { from: () => nothing }),
    env: { appName: "stub", language: "en" },
    commands: empty({ registerCommand: (name, run) => (commands.set(name, run), nothing) }),
    languages: empty({
      createDiagnosticCollection: () => collection,
      match: () => 10,
      setTextDocumentLanguage: async (it, language) => Object.assign(it, { languageId: language }),
    }),
    window: empty({
      activeTextEditor: { document: { uri: Uri.file(active) }, selection: { active: new Position(2, 18) } },
      visibleTextEditors: [],
      tabGroups: empty({ all: [] }),
      createOutputChannel: () => channel,
      showErrorMessage: async (message) => shown.push(message),
      showTextDocument: async (it) => shown.push(it),
    }),
    workspace: empty({
      textDocuments: [document],
      notebookDocuments: [],
      workspaceFolders: undefined,
      getConfiguration: () => ({ get: (key) => (key === "path" ? program : undefined) }),
      registerTextDocumentContentProvider: (scheme, provider) => (providers.set(scheme, provider), nothing),
      openTextDocument: async (uri) => ({ uri, text: await providers.get(uri.scheme).provideTextDocumentContent(uri) }),
    }),
  };
  return { stub: empty(stub), commands, found, shown };
}

function workspace() {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "pleach-")));
  for (const [file, text] of Object.entries(FILES)) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), text);
  }
  return folder;
}

test("the extension starts the server and shows what it finds and renders", { timeout: 60_000 }, async () => {
  const folder = workspace();
  const [wrong, right] = ["gadgets", "widgets"].map((it) => path.join(folder, `environments/prod/${it}.yaml`));
  const { stub, commands, found, shown } = editor(wrong, right, process.env.PLEACH ?? "pleach");
  const load = Module._load;
  Module._load = (name, ...rest) => (name === "vscode" ? stub : load(name, ...rest));
  const first = new Promise((resolve) => found.event((it) => it.uri.fsPath === wrong && resolve(it.list)));
  const extension = require("./extension.js");
  await extension.activate({ subscriptions: [] });
  try {
    const [slip] = await first;
    assert.deepStrictEqual([slip.code, slip.range.start.line], ["unknown-field", 6]);
    await commands.get("pleach.rendered")();
    const [{ uri, text, languageId }] = shown;
    assert.deepStrictEqual([uri.toString(), languageId], ["pleach:/rendered/prod/widgets.yaml", "yaml"]);
    assert.match(text, /^kind: HelmRelease$/m);
  } finally {
    await extension.deactivate();
    fs.rmSync(folder, { recursive: true });
  }
});
