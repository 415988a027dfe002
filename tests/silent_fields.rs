//! No field of a built-in kind is silent: another value changes the output, or is reported.
//!
//! `tests/silence/` contains workspaces, each with a claim to test in `environments/test/claim.yaml`. Every field of the claim's schema
//! is changed or added there. Cases whose names begin with `charts-` also have the charts of `golden/infraforge-flux`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pleach::diag::{Diagnostics, Source};
use pleach::load::{self, ClaimKind};
use pleach::schema::{Schema, validate};
use pleach::tree::{Tree, TreePath};
use pleach::yaml::{FieldPath, Mapping, Node, Step, emit_canonical, parse_one};
use pleach::{Options, compile};

const CLAIM: &str = "environments/test/claim.yaml";

/// Fields that do not affect the rendering of the claim, each with the reason.
const EXEMPT: [(&str, &str); 8] = [
    // The owner of a service is information for people; with Flux it is also an annotation.
    ("PlatformApplicationClaim", "spec.owner.team"),
    ("PlatformApplicationClaim", "spec.owner.email"),
    ("PlatformApplicationClaim", "spec.owner.slack"),
    // Its two values are spellings of the same database.
    ("ChronikCluster", "spec.metastore.database"),
    // Without another claim that needs the CRD there is nothing to order: `tests/claims/crd-of-a-kind.txt`.
    ("OperatorInstall", "spec.provides"),
    // `diff` and its reports show the owner.
    ("", "metadata.annotations.pleach.dev/owner"),
    ("", "apiVersion"),
    ("", "kind"),
];

#[test]
fn no_field_of_a_built_in_kind_is_silent() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kinds = load::kinds(&Tree::new(), &mut Diagnostics::default());
    let mut cases: Vec<_> = std::fs::read_dir(root.join("tests/silence"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    cases.sort();
    let (mut silent, mut seen) = (Vec::new(), BTreeSet::new());
    for case in cases {
        let name = case.file_stem().unwrap().to_string_lossy().into_owned();
        let mut tree = Tree::from_text(&std::fs::read_to_string(&case).unwrap());
        if name.starts_with("charts-") {
            add_charts(&mut tree, &root.join("golden/infraforge-flux/input/charts"));
        }
        let case = Case::new(tree, &kinds);
        let found = case.compile(&case.claim);
        assert!(found.1.is_empty(), "{name}: {:?}", found.1);
        seen.insert(case.kind.name.clone());
        silent.extend(case.silent().into_iter().map(|it| format!("{name}: {it}")));
    }
    let all: BTreeSet<String> = kinds.iter().map(|it| it.name.clone()).collect();
    assert_eq!(seen, all, "each built-in kind has a case");
    assert!(silent.is_empty(), "silent:\n{}", silent.join("\n"));
}

fn add_charts(tree: &mut Tree, folder: &Path) {
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|it| it.unwrap().path()),
            );
            continue;
        }
        let below = path.strip_prefix(folder).unwrap().to_str().unwrap();
        let below = TreePath::new(&format!("charts/{below}")).unwrap();
        tree.insert(below, std::fs::read(&path).unwrap());
    }
}

struct Case<'a> {
    tree: Tree,
    kind: &'a ClaimKind,
    claim: Node,
    options: Options,
}

impl<'a> Case<'a> {
    fn new(tree: Tree, kinds: &'a [std::sync::Arc<ClaimKind>]) -> Case<'a> {
        let text = tree.get(&TreePath::new(CLAIM).unwrap()).unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let claim = parse_one(&Source::internal("claim", &text)).unwrap();
        let name = claim.get("kind").unwrap().as_str().unwrap().to_string();
        let kind = kinds.iter().find(|it| it.has_name(&name)).unwrap();
        let options = Options {
            skip_proof: true,
            ..Options::default()
        };
        Case {
            tree,
            kind,
            claim,
            options,
        }
    }

    /// The output and the diagnostics.
    fn compile(&self, claim: &Node) -> (Tree, BTreeSet<String>) {
        let mut tree = self.tree.clone();
        let text = emit_canonical(claim).into_bytes();
        tree.insert(TreePath::new(CLAIM).unwrap(), text);
        let compiled = compile(&tree, &self.options);
        let messages = compiled.diagnostics.iter();
        let messages = messages.filter(|it| it.code != "floating-version");
        (
            compiled.tree,
            messages
                .map(|it| format!("{} {}", it.code, it.message))
                .collect(),
        )
    }

    /// The fields that can be changed without an effect.
    fn silent(&self) -> Vec<String> {
        let mut fields = Vec::new();
        collect(
            &self.kind.schema,
            &self.claim,
            FieldPath::root(),
            &mut fields,
        );
        let mut compiled = BTreeMap::new();
        let mut silent = Vec::new();
        for (path, schema) in fields {
            let exempt = |it: &(&str, &str)| {
                path.to_string() == it.1 && (it.0.is_empty() || it.0 == self.kind.name)
            };
            if EXEMPT.iter().any(exempt) {
                continue;
            }
            // The maps and items around the field may change the output by themselves.
            let mut before = self.claim.clone();
            add_parents(&mut before, &self.kind.schema, path.steps());
            let all = changed(&before, &path, schema);
            if all.is_empty() {
                silent.push(format!("{path}: no other value is known"));
            }
            let key = emit_canonical(&before);
            let known = compiled.entry(key).or_insert_with(|| self.compile(&before));
            // The map around the field is refused, or is reported to have no effect.
            if known.0.is_empty() || names_parent(&known.1, &path) {
                continue;
            }
            if all.iter().all(|it| self.compile(it) == *known) {
                silent.push(path.to_string());
            }
        }
        silent
    }
}

/// Collects the scalars, lists of scalars and free-form maps of a schema, for all items and entries of the claim, or for a new one.
fn collect<'s>(
    schema: &'s Schema,
    node: &Node,
    path: FieldPath,
    fields: &mut Vec<(FieldPath, &'s Schema)>,
) {
    let nothing = Node::null();
    let below = |key: &str| node.get(key).unwrap_or(&nothing).clone();
    for (key, field) in schema.properties() {
        collect(field, &below(key), path.key(key), fields);
    }
    if let Some(inner) = schema.additional() {
        let keys = node.as_mapping().into_iter().flatten();
        let keys = keys.filter_map(|it| it.key.as_str().map(str::to_string));
        for key in keys.chain(["added".to_string()]) {
            collect(inner, &below(&key), path.key(&key), fields);
        }
    }
    if let Some(inner) = schema.items().filter(|it| it.properties().next().is_some()) {
        let items = node.as_sequence().unwrap_or_default();
        let keys: Vec<&str> = schema.list_map_keys().collect();
        for at in 0..items.len().max(1) {
            let item = items.get(at).unwrap_or(&nothing);
            let from = fields.len();
            collect(inner, item, path.index(at), fields);
            // With another key it would be another item.
            let is_key = |it: &FieldPath| {
                let last = it.steps().last();
                it.steps().len() == path.steps().len() + 2
                    && matches!(last, Some(Step::Key(key)) if keys.contains(&&**key))
            };
            let mut at = 0;
            fields.retain(|it| {
                at += 1;
                at <= from || !is_key(&it.0)
            });
        }
        return;
    }
    let has_parts = schema.properties().next().is_some() || schema.additional().is_some();
    let is_either = schema.alternatives().next().is_some();
    let is_empty = schema.type_name() == "object" && !has_parts && !schema.preserves_unknown();
    if !path.is_root() && !is_empty && (!has_parts || is_either || schema.preserves_unknown()) {
        fields.push((path, schema));
    }
}

/// Whether a message names a map that a field is in.
fn names_parent(messages: &BTreeSet<String>, path: &FieldPath) -> bool {
    let parents = path.steps().iter().rev().skip(1).filter_map(|it| match it {
        Step::Key(key) if **key != *"spec" => Some(format!("{key}`")),
        _ => None,
    });
    let parents: Vec<String> = parents.collect();
    messages
        .iter()
        .any(|it| parents.iter().any(|parent| it.contains(parent)))
}

/// Adds the missing maps and items around a field, with their required fields.
fn add_parents(node: &mut Node, schema: &Schema, steps: &[Step]) {
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    if rest.is_empty() {
        return;
    }
    let inner = match step {
        Step::Key(key) => schema.child(key).unwrap(),
        Step::Index(_) => schema.items().unwrap(),
    };
    match step {
        Step::Key(key) => {
            if node.get(key).is_none_or(|it| it.is_scalar()) {
                let added = match inner.items() {
                    Some(item) => Node::sequence(vec![minimal(item)]),
                    None => minimal(inner),
                };
                node.as_mapping_mut()
                    .unwrap()
                    .insert(Node::string(&**key), added);
            }
            add_parents(node.get_mut(key).unwrap(), inner, rest);
        }
        Step::Index(at) => add_parents(
            node.as_sequence_mut().unwrap().get_mut(*at).unwrap(),
            inner,
            rest,
        ),
    }
}

/// A value with only the required fields.
fn minimal(schema: &Schema) -> Node {
    if schema.properties().next().is_none() && schema.additional().is_none() {
        let value = values(schema, None).into_iter().next();
        return value.unwrap_or_else(|| Node::mapping(Mapping::new()));
    }
    let mut mapping = Mapping::new();
    for name in schema.required() {
        let field = schema.property(name).unwrap();
        mapping.insert(Node::string(name), minimal(field));
    }
    Node::mapping(mapping)
}

/// Copies of the claim with other values of a field: all values of an enumeration, else one.
fn changed(claim: &Node, path: &FieldPath, schema: &Schema) -> Vec<Node> {
    let values = values(schema, claim.at_path(path)).into_iter();
    let is_few =
        ["boolean", "array"].contains(&schema.type_name()) || !schema.allowed_values().is_empty();
    let values = values.take(if is_few { 10 } else { 1 });
    values
        .filter_map(|it| with_value(claim, path, it))
        .collect()
}

fn with_value(claim: &Node, path: &FieldPath, value: Node) -> Option<Node> {
    let mut claim = claim.clone();
    let mut parent = path.clone();
    let Step::Key(key) = parent.pop()? else {
        return None;
    };
    let mut node = &mut claim;
    for step in parent.steps() {
        node = match step {
            Step::Key(key) => node.get_mut(key)?,
            Step::Index(at) => node.as_sequence_mut()?.get_mut(*at)?,
        };
    }
    node.as_mapping_mut()?.insert(Node::string(&*key), value);
    Some(claim)
}

/// Valid values that differ from the current one, or from the default where there is none.
fn values(schema: &Schema, current: Option<&Node>) -> Vec<Node> {
    let same = |a: &Node, b: Option<&Node>| b.is_some_and(|b| a.same_data(b));
    let is_candidate = |it: &Node| {
        !same(it, current.or(schema.default())) && validate(it, schema, "value").is_empty()
    };
    if let Some(inner) = schema.items() {
        let mut items = current
            .and_then(Node::as_sequence)
            .unwrap_or_default()
            .to_vec();
        let item = values(inner, items.last()).into_iter().next();
        items.push(item.unwrap_or_else(|| Node::string("added")));
        let only: Vec<Node> = items.last().cloned().into_iter().collect();
        return vec![Node::sequence(items), Node::sequence(only)];
    }
    let allowed = schema.allowed_values().iter().cloned();
    let numbers = [1, 2, 3, 5, 15, 20, 30, 8081, 0].map(|it| it.to_string());
    let plain = numbers
        .iter()
        .map(String::as_str)
        .chain(["true", "false", "0.5"]);
    let plain = plain.map(|it| parse_one(&Source::internal("value", it)).unwrap());
    let texts = TEXTS.map(Node::string).into_iter();
    let map = Node::mapping(Mapping::from([("added", Node::string("x"))]));
    let empty = Node::mapping(Mapping::new());
    let candidates = allowed.chain(plain).chain(texts).chain([map, empty]);
    candidates.filter(is_candidate).collect()
}

/// Texts in all formats that fields require.
const TEXTS: [&str; 25] = [
    "prod",
    "changed",
    "changed.example.org",
    "3",
    "3Gi",
    "77Gi",
    "7m",
    "1.2.3",
    "0.25.5",
    "https://changed.example.org",
    "https://changed.example.org/x/",
    "https://changed.example.org/bucket/",
    "oci://changed.example.org/x",
    "changed.example.org:2181",
    "10.9.0.0/16",
    "/changed",
    "0 5 * * *",
    "0 6 * * *",
    "8m",
    "s3://changed",
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "Always",
    "s3",
    "config.d/changed.xml",
    "Changed",
];

#[test]
fn a_setting_that_the_kind_also_renders_is_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kinds = load::kinds(&Tree::new(), &mut Diagnostics::default());
    let text = std::fs::read_to_string(root.join("tests/silence/clickhouse-full.txt")).unwrap();
    let case = Case::new(Tree::from_text(&text), &kinds);
    let (tree, _) = case.compile(&case.claim);
    let path = TreePath::new("apps/test/events/clickhouseinstallation.yaml").unwrap();
    let text = String::from_utf8(tree.get(&path).unwrap().to_vec()).unwrap();
    let object = parse_one(&Source::internal("object", text)).unwrap();
    let configuration = object.at_keys(&["spec", "configuration"]).unwrap();
    let entries = |key: &str| configuration.get(key).unwrap().as_mapping().unwrap().iter();
    let mut paths: Vec<String> = entries("settings")
        .filter_map(|it| it.key.as_str().map(str::to_string))
        .collect();
    for file in entries("files") {
        paths.extend(elements(file.value.as_str().unwrap()));
    }
    paths.retain(|it| it != "max_concurrent_queries");
    assert!(paths.len() > 15, "{paths:?}");
    for path in paths {
        let mut claim = case.claim.clone();
        let settings = claim.at_keys_mut(&["spec", "settings"]).unwrap();
        let changed = Node::string("changed");
        settings
            .as_mapping_mut()
            .unwrap()
            .insert(Node::string(&*path), changed);
        let (tree, messages) = case.compile(&claim);
        assert!(tree.is_empty(), "`{path}` is rendered");
        assert!(
            messages.iter().any(|it| it.contains(&path)),
            "{path}: {messages:?}"
        );
    }
}

/// The paths, below the root, of the elements of an XML text that is indented by two spaces.
fn elements(text: &str) -> Vec<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut paths = Vec::new();
    for line in text.lines() {
        let Some(element) = line
            .trim()
            .strip_prefix('<')
            .filter(|it| !it.starts_with('/'))
        else {
            continue;
        };
        open.truncate((line.len() - line.trim_start().len()) / 2);
        open.push(element.split([' ', '>', '/']).next().unwrap());
        paths.extend((open.len() > 1).then(|| open[1..].join("/")));
    }
    paths
}
