//! The language server, tested with a client that speaks its protocol.

mod client;
mod editor;

use std::fs;
use std::process::Command;

use client::{Client, all_files, text_at};
use serde_json::{Value as Json, json};

use crate::git_repository::git;

const WORKSPACE: &str = "\
-- pleach.yaml --
apiVersion: pleach.dev/v1
kind: Workspace
metadata: {name: case}
spec:
  charts:
    sources: [{prefix: 'oci://charts.example.com', folder: charts}]
-- charts/web/Chart.yaml --
apiVersion: v2
name: web
version: 1.2.3
-- charts/web/values.yaml --
# How many pods there are.
replicas: 2
image:
  # The tag of the image.
  tag: latest
-- environments/prod/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: prod}
spec: {cluster: prod-1, kubernetesVersion: '1.33'}
-- environments/base/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: base}
-- environments/prod/operator.yaml --
apiVersion: pleach.dev/v1
kind: OperatorInstall
metadata: {name: widgets}
spec:
  namespace: widgets
  chart: {repository: 'oci://charts.example.com', name: web, version: 1.2.3}
  provides: [widgets.example.com]
  values: {replicas: 3}
-- environments/base/shop.yaml --
apiVersion: example.com/v1
kind: Website
metadata: {name: shop}
spec: {image: 'example/shop:1', database: data}
-- environments/base/data.yaml --
apiVersion: example.com/v1
kind: Database
metadata: {name: data}
spec: {size: 1}
-- environments/prod/shop.yaml --
apiVersion: example.com/v1
kind: Website
metadata: {name: shop}
spec: {replicas: 4, dependsOn: [data]}
-- templates/Website/kind.yaml --
apiVersion: pleach.dev/v1
kind: ClaimKind
metadata: {name: Website}
spec:
  apiVersions: [example.com/v1]
  group: apps
  description: A web server that serves one image.
  schema:
    type: object
    required: [spec]
    properties:
      spec:
        type: object
        required: [image]
        properties:
          image: {type: string, description: The image to run.}
          replicas: {type: integer, minimum: 1, default: 2, description: How many pods there are.}
          tier: {type: string, enum: [gold, silver]}
          database: {type: string}
          dependsOn: {type: array, items: {type: string}}
  dependsOn: spec.dependsOn or []
  requires: [{name: widgets.example.com}]
  let:
    size: claim(\"Database\", spec.database).outputs.size if spec.database else 0
  files: [{template: deployment.yaml.j2}]
-- templates/Website/deployment.yaml.j2 --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ metadata.name }}
  namespace: web
  labels: {tier: {{ spec.tier or \"none\" }}, size: {{ size | string }}}
spec:
  replicas: {{ spec.replicas }}
  selector:
    matchLabels: {app: {{ metadata.name }}}
  template:
    metadata:
      labels: {app: {{ metadata.name }}}
    spec:
      containers:
      - name: web
        image: {{ spec.image }}
-- templates/Database/kind.yaml --
apiVersion: pleach.dev/v1
kind: ClaimKind
metadata: {name: Database}
spec:
  apiVersions: [example.com/v1]
  group: infrastructure
  schema:
    type: object
    properties:
      spec: {type: object, properties: {size: {type: integer}}}
  outputs: {size: spec.size}
  files: [{template: configmap.yaml.j2}]
-- templates/Database/configmap.yaml.j2 --
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ metadata.name }}, namespace: web}
data: {size: {{ spec.size | string }}}
";

const SHOP: &str = "environments/prod/shop.yaml";

/// A Website claim in prod with `rest` after its metadata.
fn website(rest: &str) -> String {
    format!("apiVersion: example.com/v1\nkind: Website\nmetadata: {{name: shop}}\n{rest}")
}

fn labels(items: &Json) -> Vec<String> {
    let items = items.as_array().unwrap().iter();
    items
        .map(|it| it["label"].as_str().unwrap().to_string())
        .collect()
}

fn complete(client: &mut Client, file: &str, text: &str) -> Json {
    let place = client.put(file, text);
    client.request("textDocument/completion", place)
}

/// The files and lines (counted from 1) in an answer.
fn places(client: &Client, found: &Json) -> Vec<String> {
    let found = found.as_array().unwrap().iter();
    let place = |it: &Json| {
        let line = it["range"]["start"]["line"].as_u64().unwrap() + 1;
        format!("{}:{line}", client.file(it["uri"].as_str().unwrap()))
    };
    found.map(place).collect()
}

#[test]
fn requests_are_refused_before_initialize_and_after_shutdown() {
    let mut client = Client::new(WORKSPACE);
    let early = client.ask("textDocument/hover", json!({}));
    assert_eq!(client.answer(early)["error"]["code"], -32002);
    client.request(
        "initialize",
        json!({"processId": null, "rootUri": null, "capabilities": {}}),
    );
    client.notify("initialized", json!({}));
    let again = client.ask("initialize", json!({}));
    assert_eq!(client.answer(again)["error"]["code"], -32600);
    let unknown = client.ask("pleach/nothing", json!({}));
    assert!(client.answer(unknown)["error"].is_object());
    client.request("shutdown", Json::Null);
    let late = client.ask("textDocument/hover", json!({}));
    assert_eq!(client.answer(late)["error"]["code"], -32600);
    client.notify("exit", Json::Null);
    assert_eq!(client.end(), 0);
}

#[test]
fn the_server_ends_when_the_editor_closes_the_connection() {
    let mut client = Client::start(WORKSPACE);
    assert_eq!(client.end(), 1);
    let mut client = Client::start(WORKSPACE);
    client.notify("exit", Json::Null);
    assert_eq!(client.end(), 1);
}

#[test]
fn malformed_messages_do_not_end_the_server() {
    let mut client = Client::start(WORKSPACE);
    client.send_bytes(b"noise\r\nContent-Length: 9\r\n\r\n{not json");
    client.send_bytes(b"Content-Length: 2\r\n\r\n[]");
    client.send_bytes(b"Content-Length: 4\r\n\r\n\xff\xfe\xff\xfe");
    client.notify("textDocument/didOpen", json!({"textDocument": 1}));
    client.notify("textDocument/didChange", json!([]));
    client.notify("$/unknown", json!({"a": 1}));
    let wrong = client.ask(
        "textDocument/hover",
        json!({"textDocument": {"uri": client.uri(SHOP)}}),
    );
    assert_eq!(client.answer(wrong)["error"]["code"], -32602);
    let elsewhere =
        json!({"textDocument": {"uri": "untitled:1"}, "position": {"line": 0, "character": 0}});
    assert_eq!(client.request("textDocument/hover", elsewhere), Json::Null);
    // Positions after the end of the text and of a line.
    client.open(SHOP);
    for (line, character) in [
        (0, 99_999),
        (99_999, 0),
        (4_294_967_295_u32, 4_294_967_295_u32),
    ] {
        let place = json!({"textDocument": {"uri": client.uri(SHOP)}, "position": {"line": line, "character": character}});
        for method in [
            "hover",
            "completion",
            "definition",
            "implementation",
            "references",
            "prepareRename",
        ] {
            let method = format!("textDocument/{method}");
            let params = match &*method {
                "textDocument/references" => {
                    json!({"textDocument": place["textDocument"], "position": place["position"], "context": {"includeDeclaration": true}})
                }
                _ => place.clone(),
            };
            client.request(&method, params);
        }
    }
    client.shut_down();
}

#[test]
fn a_cancelled_request_is_reported_as_cancelled() {
    let mut client = Client::start(WORKSPACE);
    let document = json!({"uri": client.uri(SHOP)});
    // Both in one write, so that the server has read the second message when it processes the first.
    let request = json!({"jsonrpc": "2.0", "id": 77, "method": "pleach/diff", "params": {"textDocument": document}}).to_string();
    let cancel =
        json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 77}}).to_string();
    let framed = |it: &str| format!("Content-Length: {}\r\n\r\n{it}", it.len());
    client.send_bytes((framed(&request) + &framed(&cancel)).as_bytes());
    let answer = client.answer(77);
    assert_eq!(answer["error"]["code"], -32800, "{answer}");
    client.shut_down();
}

#[test]
fn diagnostics_appear_and_disappear_while_typing() {
    let mut client = Client::start(WORKSPACE);
    client.open(SHOP);
    client.change(SHOP, json!([{"text": website("spec: {replicaz: 4}\n")}]));
    let found = client.wait_for_code(SHOP, "unknown-field");
    assert_eq!(
        text_at(&website("spec: {replicaz: 4}\n"), &found["range"]),
        "replicaz"
    );
    assert!(
        found["message"]
            .as_str()
            .unwrap()
            .contains("help: did you mean `replicas`?"),
        "{found}"
    );
    // One letter, as an editor sends it.
    let range = json!({"start": {"line": 3, "character": 14}, "end": {"line": 3, "character": 15}});
    client.change(SHOP, json!([{"range": range, "text": "s"}]));
    client.wait_for(SHOP, <[Json]>::is_empty);
    // A value that the API server would refuse in the rendered object is reported at the line of the claim.
    client.change(
        SHOP,
        json!([{"text": website("spec:\n  replicas: 4\n  tier: 'no label!'\n")}]),
    );
    client.wait_for_code(SHOP, "invalid-value");
    client.change(SHOP, json!([{"text": website("spec: {\n")}]));
    client.wait_for_code(SHOP, "yaml-syntax");
    client.shut_down();
}

#[test]
fn positions_count_utf_16_units() {
    let mut client = Client::start(WORKSPACE);
    client.open(SHOP);
    let text = website("spec: {image: '😀é', replicaz: 4}\n");
    client.change(SHOP, json!([{"text": text}]));
    let found = client.wait_for_code(SHOP, "unknown-field");
    assert_eq!(text_at(&text, &found["range"]), "replicaz");
    assert_eq!(found["range"]["start"]["character"], 21);
    let range = json!({"start": {"line": 3, "character": 15}, "end": {"line": 3, "character": 18}});
    client.change(SHOP, json!([{"range": range, "text": "x"}]));
    let found = client.wait_for(SHOP, |it| {
        it.iter().any(|it| it["range"]["start"]["character"] == 19)
    });
    assert_eq!(found[0]["code"], "unknown-field");
    client.shut_down();
}

#[test]
fn a_full_check_reports_faults_in_other_files() {
    let mut client = Client::start(&WORKSPACE.replace("spec: {size: 1}", "spec: {siz: 1}"));
    client.wait_for_code("environments/base/data.yaml", "unknown-field");
    fs::write(
        client.path("environments/base/data.yaml"),
        "apiVersion: example.com/v1\nkind: Database\nmetadata: {name: data}\nspec: {size: 1}\n",
    )
    .unwrap();
    let changes = json!([{"uri": client.uri("environments/base/data.yaml"), "type": 2}]);
    client.notify(
        "workspace/didChangeWatchedFiles",
        json!({"changes": changes}),
    );
    client.wait_for("environments/base/data.yaml", <[Json]>::is_empty);
    client.shut_down();
}

#[test]
fn a_full_check_validates_the_chart_values_of_kustomizations() {
    let files = "\
-- manifests/charts/store/Chart.yaml --
apiVersion: v2
name: store
version: 1.0.0
-- manifests/charts/store/values.yaml --
level: info
-- manifests/kustomization.yaml --
helmCharts: [{name: store, releaseName: store, valuesInline: {levle: debug}}]
-- overlays/prod/kustomization.yaml --
resources: [application.yaml]
-- overlays/prod/application.yaml --
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: store, namespace: argocd}
spec:
  project: default
  source: {repoURL: 'https://github.com/example/fleet', path: manifests}
  destination: {name: in-cluster, namespace: default}
";
    let mut client = Client::start(&format!("{WORKSPACE}{files}"));
    client.wait_for_code("manifests/kustomization.yaml", "unknown-chart-value");
    client.shut_down();
}

#[test]
fn fields_kinds_and_values_are_completed() {
    let mut client = Client::start(WORKSPACE);
    let items = complete(&mut client, SHOP, &website("spec:\n  replicas: 1\n  |"));
    let found = labels(&items);
    assert!(
        found.contains(&"tier".to_string()) && !found.contains(&"replicas".to_string()),
        "{found:?}"
    );
    let image = items
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["label"] == "image")
        .unwrap();
    assert_eq!(image["documentation"], "The image to run.");
    assert_eq!(image["detail"], "string, required");
    assert_eq!(image["textEdit"]["newText"], "image: ");
    let items = complete(&mut client, SHOP, &website("spec:\n  dep|"));
    let depends = items
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["label"] == "dependsOn")
        .unwrap();
    assert_eq!(depends["textEdit"]["newText"], "dependsOn:\n    - ");
    assert_eq!(
        labels(&complete(&mut client, SHOP, &website("spec:\n  tier: |"))),
        ["gold", "silver"]
    );
    let kinds = labels(&complete(
        &mut client,
        SHOP,
        "apiVersion: example.com/v1\nkind: |\n",
    ));
    assert!(
        kinds.contains(&"Website".to_string()) && kinds.contains(&"OperatorInstall".to_string()),
        "{kinds:?}"
    );
    let versions = complete(&mut client, SHOP, "apiVersion: |\nkind: Website\n");
    assert_eq!(labels(&versions), ["example.com/v1"]);
    let own = complete(
        &mut client,
        "pleach.yaml",
        "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: case}\nspec:\n  layout: |\n",
    );
    assert_eq!(labels(&own), ["overlays", "flat"]);
    client.shut_down();
}

#[test]
fn names_of_claims_and_values_of_charts_are_completed() {
    let mut client = Client::start(WORKSPACE);
    assert_eq!(
        labels(&complete(
            &mut client,
            SHOP,
            &website("spec: {database: |}")
        )),
        ["data"]
    );
    let claims = labels(&complete(
        &mut client,
        SHOP,
        &website("spec:\n  dependsOn:\n  - |\n"),
    ));
    // Not `shop`: a claim cannot depend on itself.
    assert_eq!(claims, ["data", "widgets"]);
    let operator = |values: &str| {
        format!(
            "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {{name: widgets}}\nspec:\n  namespace: widgets\n  chart: {{repository: 'oci://charts.example.com', name: web}}\n  values:\n{values}"
        )
    };
    let file = "environments/prod/operator.yaml";
    let items = complete(&mut client, file, &operator("    |\n"));
    assert_eq!(labels(&items), ["image", "replicas"]);
    assert_eq!(items[1]["documentation"], "How many pods there are.");
    assert_eq!(
        labels(&complete(
            &mut client,
            file,
            &operator("    image:\n      t|\n")
        )),
        ["tag"]
    );
    let exclude = "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: prod}\nspec:\n  exclude: [|]\n";
    let items = complete(&mut client, "environments/prod/environment.yaml", exclude);
    assert_eq!(labels(&items), ["Database/data", "Website/shop"]);
    client.shut_down();
}

#[test]
fn versions_of_the_lock_are_completed() {
    let lock = "-- pleach.lock --\napiVersion: pleach.dev/v1\nkind: Lock\nmetadata: {name: pleach}\nspec:\n  charts:\n  - repository: oci://other.example.com\n    name: db\n    requested: 2.x\n    version: 2.1.0\n    digest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n    origin: oci://other.example.com/db\n";
    let mut client = Client::start(&format!("{WORKSPACE}{lock}"));
    let text = "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {name: db}\nspec:\n  chart:\n    name: db\n    version: |\n";
    let items = complete(&mut client, "environments/prod/db.yaml", text);
    assert_eq!(labels(&items), ["2.1.0"]);
    let text = text.replace("name: db\n    version: |", "name: |");
    assert_eq!(
        labels(&complete(&mut client, "environments/prod/db.yaml", &text)),
        ["db"]
    );
    client.shut_down();
}

#[test]
fn hover_describes_fields_kinds_claims_and_values() {
    let mut client = Client::start(WORKSPACE);
    let mut hover = |file: &str, text: &str| {
        let place = client.put(file, text);
        let found = client.request("textDocument/hover", place);
        found["contents"]["value"]
            .as_str()
            .unwrap_or("")
            .to_string()
    };
    let found = hover(SHOP, &website("spec: {repl|icas: 4}\n"));
    assert!(
        found.contains("`replicas`: integer, default 2") && found.contains("How many pods"),
        "{found}"
    );
    let found = hover(
        SHOP,
        "apiVersion: example.com/v1\nkind: Web|site\nmetadata: {name: shop}\n",
    );
    assert!(
        found.contains("A web server that serves one image."),
        "{found}"
    );
    let found = hover(SHOP, &website("spec: {dependsOn: [da|ta]}\n"));
    assert!(
        found.contains("`Database/data` in `environments/base/data.yaml`"),
        "{found}"
    );
    let operator = "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {name: widgets}\nspec:\n  namespace: widgets\n  chart: {repository: 'oci://charts.example.com', name: web}\n  values: {image: {ta|g: 1}}\n";
    let found = hover("environments/prod/operator.yaml", operator);
    assert!(
        found.contains("`tag` of chart web, default `\"latest\"`")
            && found.contains("The tag of the image."),
        "{found}"
    );
    client.shut_down();
}

#[test]
fn definitions_are_templates_claims_and_providers() {
    let mut client = Client::start(WORKSPACE);
    let mut go = |text: &str| {
        let place = client.put(SHOP, text);
        let found = client.request("textDocument/definition", place);
        places(&client, &found)
    };
    assert_eq!(
        go(&website("spec: {repl|icas: 4}\n")),
        ["templates/Website/deployment.yaml.j2:8"]
    );
    assert_eq!(
        go(&website("spec: {dependsOn: [da|ta]}\n")),
        ["environments/base/data.yaml:3"]
    );
    assert_eq!(
        go(&website("spec: {database: d|ata}\n")),
        ["environments/base/data.yaml:3"]
    );
    assert_eq!(
        go(&website("spec: {replicas: 1}\n").replace("name: shop", "name: sh|op")),
        ["environments/base/shop.yaml:3"]
    );
    let kind = go(
        "apiVersion: example.com/v1\nkind: Web|site\nmetadata: {name: shop}\nspec: {replicas: 4}\n",
    );
    assert_eq!(
        kind,
        [
            "templates/Website/kind.yaml:1",
            "environments/prod/operator.yaml:3"
        ]
    );
    let file = "environments/prod/operator.yaml";
    let place = client.put(
        file,
        "apiVersion: pleach.dev/v1\nkind: Operator|Install\nmetadata: {name: widgets}\n",
    );
    let found = client.request("textDocument/definition", place);
    let uri = found[0]["uri"].as_str().unwrap();
    assert_eq!(uri, "pleach:/builtin/OperatorInstall/kind.yaml");
    let content = client.request("workspace/textDocumentContent", json!({"uri": uri}));
    assert!(
        content["text"]
            .as_str()
            .unwrap()
            .contains("name: OperatorInstall")
    );
    client.shut_down();
}

#[test]
fn an_implementation_is_the_rendered_line() {
    let mut client = Client::start(WORKSPACE);
    let status = Command::new(env!("CARGO_BIN_EXE_pleach"))
        .args(["render", "-q"])
        .current_dir(client.folder.path())
        .status();
    assert!(status.unwrap().success());
    let place = client.put(SHOP, &website("spec: {replicas: |4, dependsOn: [data]}\n"));
    let found = client.request("textDocument/implementation", place);
    let found = places(&client, &found);
    let (file, line) = found[0].rsplit_once(':').unwrap();
    let text = fs::read_to_string(client.path(file)).unwrap();
    let line: usize = line.parse().unwrap();
    assert_eq!(
        text.lines().nth(line - 1).unwrap().trim(),
        "replicas: 4",
        "{found:?}"
    );
    let place = client.put(
        SHOP,
        &website("spec: {replicas: 4}\n").replace("name: shop", "name: sh|op"),
    );
    let found = client.request("textDocument/implementation", place);
    assert!(
        places(&client, &found)
            .iter()
            .all(|it| it.starts_with("deploy/apps/")),
        "{found}"
    );
    client.shut_down();
}

#[test]
fn a_suggested_replacement_is_a_code_action() {
    let mut client = Client::start(WORKSPACE);
    let text = website("spec: {replicaz: 4}\n");
    client.open_text(SHOP, &text);
    let found = client.wait_for_code(SHOP, "unknown-field");
    let params = json!({"textDocument": {"uri": client.uri(SHOP)}, "range": found["range"], "context": {"diagnostics": [found]}});
    let actions = client.request("textDocument/codeAction", params);
    assert_eq!(actions[0]["title"], "write `replicas`");
    assert_eq!(actions[0]["kind"], "quickfix");
    let edit = &actions[0]["edit"]["documentChanges"][0]["edits"][0];
    client.change(
        SHOP,
        json!([{"range": edit["range"], "text": edit["newText"]}]),
    );
    client.wait_for(SHOP, <[Json]>::is_empty);
    client.shut_down();
}

#[test]
fn renaming_a_claim_changes_all_references() {
    let mut client = Client::start(WORKSPACE);
    let place = client.put(SHOP, &website("spec: {replicas: 4, dependsOn: [d|ata]}\n"));
    let range = client.request("textDocument/prepareRename", place.clone());
    assert_eq!(range["start"]["character"], 32);
    let renamed_to = |name: &str| {
        let mut params = place.clone();
        params["newName"] = name.into();
        params
    };
    let change = client.request("textDocument/rename", renamed_to("store"));
    let changes = change["documentChanges"].as_array().unwrap().iter();
    let changed: Vec<(String, usize)> = changes
        .map(|it| {
            (
                client.file(it["textDocument"]["uri"].as_str().unwrap()),
                it["edits"].as_array().unwrap().len(),
            )
        })
        .collect();
    let expected = [
        ("environments/base/data.yaml", 1),
        ("environments/base/shop.yaml", 1),
        (SHOP, 1),
    ];
    assert_eq!(changed, expected.map(|it| (it.0.to_string(), it.1)));
    for (name, words) in [
        ("No", "lower-case"),
        ("base", "cannot be named"),
        ("shop", "already"),
    ] {
        let id = client.ask("textDocument/rename", renamed_to(name));
        let answer = client.answer(id);
        assert!(
            answer["error"]["message"].as_str().unwrap().contains(words),
            "{answer}"
        );
    }
    let mut params = place;
    params["context"] = json!({"includeDeclaration": true});
    let found = client.request("textDocument/references", params);
    assert_eq!(
        places(&client, &found),
        [
            "environments/base/data.yaml:3",
            "environments/base/shop.yaml:4",
            "environments/prod/shop.yaml:4"
        ]
    );
    client.shut_down();
}

#[test_with::executable(git)]
#[test]
fn the_rendered_output_and_its_diff_are_virtual_documents() {
    let mut client = Client::start(WORKSPACE);
    git(client.folder.path(), &["init", "-q"]);
    git(client.folder.path(), &["add", "-A"]);
    git(client.folder.path(), &["commit", "-qm", "one"]);
    let place = client.put(SHOP, &website("spec: {replicas: |7, dependsOn: [data]}\n"));
    let shown = client.request("pleach/rendered", place.clone());
    assert_eq!(shown["uri"], "pleach:/rendered/prod/shop.yaml");
    assert!(
        shown["text"].as_str().unwrap().contains("replicas: 7"),
        "{shown}"
    );
    let content = client.request(
        "workspace/textDocumentContent",
        json!({"uri": shown["uri"]}),
    );
    assert_eq!(content["text"], shown["text"]);
    let shown = client.request("pleach/diff", place);
    let text = shown["text"].as_str().unwrap();
    assert!(text.contains("-  replicas: 4\n+  replicas: 7\n"), "{text}");
    let document = json!({"textDocument": {"uri": client.uri(SHOP)}});
    let lenses = client.request("textDocument/codeLens", document);
    let command = lenses[1]["command"].clone();
    assert_eq!(command["title"], "changes in prod since HEAD");
    let params = json!({"command": command["command"], "arguments": command["arguments"]});
    assert_eq!(
        client.request("workspace/executeCommand", params)["text"],
        text
    );
    client.shut_down();
}

#[test]
fn the_server_writes_no_file() {
    let mut client = Client::start(WORKSPACE);
    let before = all_files(client.folder.path());
    let place = client.put(SHOP, &website("spec: {replicaz|: 4}\n"));
    client.wait_for_code(SHOP, "unknown-field");
    client.request("pleach/rendered", place.clone());
    client.request("textDocument/implementation", place);
    client.notify(
        "textDocument/didSave",
        json!({"textDocument": {"uri": client.uri(SHOP)}}),
    );
    client.request(
        "textDocument/codeLens",
        json!({"textDocument": {"uri": client.uri(SHOP)}}),
    );
    assert_eq!(all_files(client.folder.path()), before);
    client.shut_down();
}
