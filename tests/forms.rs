//! Every format of the change report: no secrets, JSON that matches its schema, and Markdown within its size limit.

use pleach::compare::{CodeOwners, Comparison};
use pleach::report::{MarkdownOptions, annotations, changes_json, markdown};
use pleach::tree::{Tree, TreePath};
use serde_json::{Value, json};

use crate::common_forms::{VIEW, comparison, forms};
use crate::compare::compare_trees;
use crate::json_schema::Validator;

/// Whether an object schema is complete, or one of several alternatives to which the surrounding schema adds fields.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Whole,
    Alternative,
}

/// The schema allows fields that it does not name, because later versions may add some. This version must name all fields that it writes.
fn refuse_unnamed_fields(schema: &mut Value, role: Role) {
    match schema {
        Value::Object(words) => {
            for (word, rule) in words.iter_mut() {
                match &**word {
                    "oneOf" | "anyOf" | "allOf" => {
                        let rules = rule.as_array_mut().unwrap().iter_mut();
                        rules.for_each(|it| refuse_unnamed_fields(it, Role::Alternative));
                    }
                    _ => refuse_unnamed_fields(rule, Role::Whole),
                }
            }
            let is_object = words.get("type").is_some_and(|it| it == "object");
            if is_object && role == Role::Whole {
                words.insert("unevaluatedProperties".to_string(), false.into());
            }
        }
        Value::Array(items) => {
            for item in items {
                refuse_unnamed_fields(item, role);
            }
        }
        _ => {}
    }
}

fn published() -> Value {
    let file = format!("{}/schemas/changes.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn compare_case(text: &str) -> Comparison {
    let case = Tree::from_text(text);
    let folder = |name: &str| case.folder(&TreePath::new(name).unwrap());
    compare_trees(&folder("before"), &folder("after"))
}

/// A workspace, and all cases of differences and dangers.
fn all_cases() -> Vec<(String, Comparison)> {
    let mut all = vec![("a workspace".to_string(), comparison())];
    for folder in ["tests/diff", "tests/danger"] {
        let folder = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            all.push((path.display().to_string(), compare_case(&text)));
        }
    }
    all
}

#[test]
fn the_json_matches_its_published_schema() {
    let mut schema = published();
    refuse_unnamed_fields(&mut schema, Role::Whole);
    let schema = Validator::new(schema);
    for (name, comparison) in all_cases() {
        let json = changes_json(&comparison, ["before", "after"], &VIEW, &|_, path| {
            Some((path.to_string(), true))
        });
        let json: Value = serde_json::from_str(&json).unwrap();
        if let Some(fault) = schema.fault_of(&json) {
            panic!("{name}: {fault}");
        }
    }
}

#[test]
fn reports_with_other_fields_or_values_violate_the_schema() {
    let mut schema = published();
    refuse_unnamed_fields(&mut schema, Role::Whole);
    let schema = Validator::new(schema);
    let id = json!({"group": "", "kind": "Pod", "namespace": "a", "name": "b", "environment": "c"});
    let report = json!({
        "schema": 1, "before": "a", "after": "b", "claims": [], "dangers": [], "disclaimer": "", "clusters": [], "rollout": [],
        "notes": [{"code": "a", "message": "b", "path": "c", "line": 1}],
        "groups": [{"change": "added", "objects": [id], "exceptions": [], "variants": [], "fields": [
            {"path": "a", "change": "changed", "before": null, "after": [1]},
        ]}],
    });
    assert_eq!(schema.fault_of(&report), None);
    let changes = [
        ("/schema", json!(2)),
        ("/claims", json!([{}])),
        ("/other", json!(1)),
        ("/notes/0/line", json!(0)),
        ("/notes/0/other", json!(0)),
        ("/groups/0/change", json!("gone")),
        ("/groups/0/objects/0/other", json!("")),
        ("/groups/0/objects/0/namespace", json!(null)),
        ("/groups/0/fields/0/change", json!("added")),
        ("/groups/0/fields/0/lines", json!([])),
    ];
    for (place, value) in changes {
        let mut report = report.clone();
        let (parent, field) = place.rsplit_once('/').unwrap();
        report.pointer_mut(parent).unwrap()[field] = value;
        assert!(schema.fault_of(&report).is_some(), "{place}");
    }
}

/// Every format with a grammar is valid, whatever the objects contain.
#[test]
fn every_form_is_well_formed() {
    for (name, comparison) in all_cases() {
        let forms = forms(&comparison);
        check_sarif(&forms["sarif"], &name);
        check_gitlab(&forms["gitlab"], &name);
        check_markdown(&forms["md"], &name);
        check_markup(&forms["html"], &name);
        check_markup(forms["junit"].split_once("?>\n").unwrap().1, &name);
        for line in forms["github"].lines() {
            let level = ["::error ", "::warning ", "::notice "];
            assert!(
                level.iter().any(|it| line.starts_with(it)),
                "{name}: {line}"
            );
        }
        for line in forms["narrow"].lines() {
            assert!(line.chars().count() <= 70, "{name}: {line}");
        }
    }
}

/// Checks the parts that pleach writes against the schema of SARIF 2.1.0.
fn check_sarif(text: &str, name: &str) {
    let sarif: Value = serde_json::from_str(text).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(
        sarif["$schema"]
            .as_str()
            .unwrap()
            .ends_with("sarif-2.1.0.json")
    );
    let run = &sarif["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "pleach");
    let rules = driver["rules"].as_array().unwrap();
    let ids: Vec<&str> = rules.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "rules are unique: {ids:?}");
    for result in run["results"].as_array().unwrap() {
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(result["ruleId"].as_str(), Some(ids[index]), "{name}");
        assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
        assert!(result["message"]["text"].is_string());
        for location in result["locations"].as_array().unwrap() {
            let place = &location["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(
                uri.is_ascii() && !uri.contains([' ', ':', '\\']) && !uri.starts_with('/'),
                "{uri}"
            );
            let region = |field: &str| place["region"][field].as_u64().unwrap();
            let start = (region("startLine"), region("startColumn"));
            assert!(
                start.0 >= 1 && start.1 >= 1 && start <= (region("endLine"), region("endColumn"))
            );
        }
    }
}

fn check_gitlab(text: &str, name: &str) {
    let list: Value = serde_json::from_str(text).unwrap();
    let mut fingerprints = std::collections::BTreeSet::new();
    for it in list.as_array().unwrap() {
        assert!(it["description"].is_string() && it["check_name"].is_string());
        assert!(
            ["info", "minor", "major", "critical", "blocker"]
                .contains(&it["severity"].as_str().unwrap())
        );
        assert!(
            fingerprints.insert(it["fingerprint"].as_str().unwrap().to_string()),
            "{name}"
        );
        assert!(it["location"]["lines"]["begin"].as_u64().unwrap() >= 1);
        assert!(it["location"]["path"].is_string());
    }
}

/// Checks that fences and folds are closed in order, and that texts from objects are code or escaped.
fn check_markdown(text: &str, name: &str) {
    assert!(text.len() <= 65_536, "{name}: {} bytes", text.len());
    let (mut fence, mut folds) = (None::<String>, 0);
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|it| *it == '`').collect();
        match &fence {
            Some(open) if line == open => fence = None,
            Some(open) => assert!(!line.contains(open.as_str()), "{name}: {line}"),
            None if ticks.len() >= 3 && line.ends_with("diff") => fence = Some(ticks),
            None => {
                folds += line.matches("<details>").count();
                folds -= line.matches("</details>").count();
                let rest = line
                    .replace("<details><summary><code>", "")
                    .replace("</code>", "");
                let rest = rest
                    .replace("</summary>", "")
                    .replace("</details>", "")
                    .replace("<br>", "");
                let rest = rest.replace("<!-- pleach diff -->", "");
                let bare: String = without_code(&rest);
                assert!(
                    !bare.contains('<') && !bare.contains("](") && !bare.contains('@'),
                    "{name}: {line}"
                );
                if line.starts_with('|') {
                    let cells = rest.replace("\\|", "").matches('|').count();
                    assert_eq!(cells, 5, "{name}: {line}");
                }
            }
        }
    }
    assert_eq!((fence, folds), (None, 0), "{name}");
}

/// A line without its inline code.
fn without_code(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some(at) = rest.find('`') {
        out.push_str(&rest[..at]);
        let run = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        let ticks = "`".repeat(run);
        rest = &rest[at + run..];
        let mut end = 0;
        // The closing run of backticks has exactly the same length.
        while let Some(found) = rest[end..].find(&ticks) {
            let from = end + found;
            let length = rest[from..].len() - rest[from..].trim_start_matches('`').len();
            if length == run {
                end = from + run;
                break;
            }
            end = from + length;
        }
        rest = &rest[end..];
    }
    out + rest
}

/// Checks that elements are closed in order and that no text has a bare `<`. Scripts and styles are skipped.
fn check_markup(text: &str, name: &str) {
    const VOID: [&str; 4] = ["meta", "input", "!DOCTYPE", "br"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest
            .find('>')
            .unwrap_or_else(|| panic!("{name}: {rest:.80}"));
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        let word = tag
            .trim_start_matches('/')
            .split([' ', '\n', '/'])
            .next()
            .unwrap();
        assert!(
            !word.is_empty()
                && word
                    .chars()
                    .all(|it| it.is_alphanumeric() || "!-".contains(it)),
            "{name}: <{tag}>"
        );
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(word), "{name}: </{word}>");
        } else if !VOID.contains(&word) && !tag.ends_with('/') {
            open.push(word);
        }
        if ["script", "style"].contains(&word) && !tag.starts_with('/') {
            rest = &rest[rest.find(&format!("</{word}>")).unwrap()..];
        }
    }
    assert_eq!(open, [""; 0], "{name}");
}

/// In the case, every value that must be hidden contains the word `plaintext`, in clear text or in base64. No format shows it.
#[test]
fn no_form_shows_a_secret() {
    let text = std::fs::read_to_string(format!(
        "{}/tests/secrets/forms.txt",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap();
    let comparison = compare_case(&text);
    assert!(
        comparison
            .environments
            .iter()
            .any(|it| !it.findings.is_empty())
    );
    let case = Tree::from_text(&text);
    let folder = |name: &str| case.folder(&TreePath::new(name).unwrap());
    let reversed = compare_trees(&folder("after"), &folder("before"));
    for comparison in [comparison, reversed] {
        for (form, text) in forms(&comparison) {
            // `cGxhaW50ZXh0` is the word in base64; the two others are what it becomes within a longer text.
            for shape in [
                "plaintext",
                "PLAINTEXT",
                "cGxhaW50ZXh0",
                "BsYWludGV4d",
                "wbGFpbnRleH",
            ] {
                let at = text.find(shape);
                assert_eq!(
                    at,
                    None,
                    "{form}: …{}…",
                    &text[at.unwrap_or(0).saturating_sub(200)..]
                );
            }
        }
        let forms = forms(&comparison);
        for form in ["text", "json", "md", "html", "patch"] {
            assert!(
                forms[form].contains("(hidden "),
                "{form} shows that the values differ"
            );
        }
    }
}

#[test]
fn the_markdown_of_ten_thousand_objects_stays_within_its_limit() {
    let mut sides = [String::new(), String::new()];
    for (side, text) in sides.iter_mut().enumerate() {
        for at in 0..10_000 {
            text.push_str(&format!(
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: \"config-{at}\", namespace: \"<b>|`{}\"}}\ndata: {{a: \"{side}-{at} ```` </details> | <script>\", long: \"{}\"}}\n",
                at % 7,
                format!("{side}`").repeat(at % 90)
            ));
        }
    }
    let tree = |text: &str| Tree::from_text(&format!("-- app/all.yaml --\n{text}"));
    let found = compare_trees(&tree(&sides[0]), &tree(&sides[1]));
    assert_eq!(found.environments[0].objects.len(), 10_000);
    for bytes_max in [2048, 5000, 65_536, 1_000_000] {
        let options = MarkdownOptions {
            bytes_max,
            full_report: "https://ci.example.org/page?a=b",
        };
        let text = markdown(&found, ["before", "after"], &VIEW, &options);
        assert!(text.len() <= bytes_max, "{} of {bytes_max}", text.len());
        assert!(text.len() * 2 > bytes_max, "{} of {bytes_max}", text.len());
        assert!(
            text.contains("10000 objects changed") && text.contains("more** omitted"),
            "{text:.300}"
        );
        assert!(text.contains("<https://ci.example.org/page?a=b>"));
        let checked = text.replace("<https://ci.example.org/page?a=b>", "");
        if bytes_max <= 65_536 {
            check_markdown(&checked, "ten thousand");
        }
    }
}

#[test]
fn annotations_are_placed_at_lines_of_claims() {
    let file = format!("{}/tests/forms/workspace.txt", env!("CARGO_MANIFEST_DIR"));
    let case = Tree::from_text(&std::fs::read_to_string(file).unwrap());
    let noted = annotations(&comparison());
    assert!(noted.iter().count() > 6);
    for it in &noted {
        let span = it.span.as_ref().unwrap();
        let path = span.path().as_str();
        assert!(path.starts_with("environments/"), "{path}");
        let side = |name: &str| case.get(&TreePath::new(&format!("{name}/{path}")).unwrap());
        // The line of a removed claim is in the file before the change.
        let text = side("after")
            .filter(|it| !it.is_empty())
            .or_else(|| side("before"));
        let text = str::from_utf8(text.unwrap()).unwrap();
        let line = text.lines().nth(span.position().line - 1).unwrap();
        assert!(
            line.contains(span.text()) && !line.trim().is_empty(),
            "{path}: {line}"
        );
    }
    let place = |code: &str| {
        let found = noted.iter().find(|it| it.code == code).unwrap();
        found.span.as_ref().unwrap().to_string()
    };
    assert_eq!(
        place("shrinking-volume"),
        "environments/base/databases.yaml:18:15"
    );
    assert_eq!(
        place("major-upgrade"),
        "environments/base/databases.yaml:8:12"
    );
    assert_eq!(place("pruned-object"), "environments/test/redis.yaml:4:9");
}

#[test]
fn code_owners_are_read_as_git_services_read_them() {
    let owners = CodeOwners::parse(
        "# everybody\n* @all\n*.md @docs @writers # words\n/environments/ @platform\nenvironments/prod/ @sre\napps/*/secret.yaml @security\ndocs/* @docs\n**/legacy/** @nobody\n/environments/prod/free.yaml\n\n^[Database][2] @data\n/db/\n",
    );
    let of = |path: &str| owners.owners(&TreePath::new(path).unwrap());
    for (path, owner) in [
        ("a.yaml", Some("@all")),
        ("deep/er/README.md", Some("@docs @writers")),
        ("environments/test/a.yaml", Some("@platform")),
        ("other/environments/test/a.yaml", Some("@all")),
        ("environments/prod/deep/a.yaml", Some("@sre")),
        ("environments/prod/free.yaml", None),
        ("apps/web/secret.yaml", Some("@security")),
        ("apps/web/deep/secret.yaml", Some("@all")),
        ("docs/a.yaml", Some("@docs")),
        ("docs/deep/a.yaml", Some("@all")),
        ("x/legacy/y/z.yaml", Some("@nobody")),
        ("db/a.yaml", Some("@data")),
    ] {
        assert_eq!(of(path), owner, "{path}");
    }
    assert_eq!(
        CodeOwners::parse("").owners(&TreePath::new("a").unwrap()),
        None
    );
}

/// Each command prints one document, although `render` and `check` report in several steps; with other output, to standard error.
#[test]
fn reports_for_programs_are_one_document() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let pleach = |arguments: &[&str]| crate::program::pleach(root, arguments);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let one = |format: &str, text: &str| match format {
        "junit" => check_markup(text.split_once("?>\n").unwrap().1, "junit"),
        "github" => assert!(text.starts_with("::warning "), "{text}"),
        _ => drop(serde_json::from_str::<Value>(text).expect(text)),
    };
    assert!(pleach(&["init"]).status.success());
    assert!(pleach(&["render"]).status.success());
    let claims = root.join("environments/base/external-secrets.yaml");
    let claims_text = std::fs::read_to_string(&claims).unwrap();
    let built = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels:\n    a: b\n  name: c\n";
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "k/kustomization.yaml",
        "commonLabels: {a: b}\nresources: [c.yaml]\n",
    );
    write(
        "k/c.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
    );
    for format in ["json", "github", "gitlab", "sarif", "junit"] {
        // Warnings about the CRDs, and one about the removed claim.
        std::fs::write(&claims, &claims_text).unwrap();
        assert!(pleach(&["render"]).status.success());
        std::fs::remove_file(&claims).unwrap();
        for arguments in [&["check"][..], &["render"], &["check", "--fix"]] {
            let output = pleach(&[arguments, &["--format", format]].concat());
            one(format, &text(&output.stdout));
            let rest = text(&output.stderr);
            assert!(
                !rest.contains("crd-not-provided"),
                "{arguments:?} {format}: {rest}"
            );
        }
        let output = pleach(&["test", "--format", format]);
        assert!(format == "github" || !output.stdout.is_empty());
        assert!(text(&output.stderr).starts_with("0 cases"));
        let output = pleach(&["build", "k", "--format", format]);
        assert_eq!(text(&output.stdout), built);
        one(format, &text(&output.stderr));
        for arguments in [
            &["matrix", "-o", "json"][..],
            &["tree", "-o", "json"],
            &["schema"],
        ] {
            let output = pleach(&[arguments, &["--format", format]].concat());
            serde_json::from_str::<Value>(&text(&output.stdout)).unwrap();
        }
    }
}

/// CI services read one document from standard output, with or without findings.
#[test]
fn check_prints_one_document_for_services() {
    let folder = tempfile::tempdir().unwrap();
    let pleach = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pleach"));
        command
            .arg("-C")
            .arg(folder.path())
            .args(arguments)
            .output()
            .unwrap()
    };
    assert!(pleach(&["init"]).status.success());
    assert!(pleach(&["render"]).status.success());
    let sarif = |code: i32| -> usize {
        let output = pleach(&["check", "--format", "sarif"]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        check_sarif(&text, "check");
        let sarif: Value = serde_json::from_str(&text).unwrap();
        sarif["runs"][0]["results"].as_array().unwrap().len()
    };
    let before = sarif(0);
    let claims = folder.path().join("environments/base/databases.yaml");
    let text = std::fs::read_to_string(&claims).unwrap();
    std::fs::write(&claims, text.replace("diskSize: 50Gi", "diskSize: 70Gi")).unwrap();
    assert!(sarif(1) > before);
    std::fs::write(&claims, "a: {").unwrap();
    assert!(sarif(1) > 0);
    let output = pleach(&["check", "--format", "junit"]);
    check_markup(
        str::from_utf8(&output.stdout)
            .unwrap()
            .split_once("?>\n")
            .unwrap()
            .1,
        "check",
    );
}
