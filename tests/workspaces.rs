//! Random workspaces: each is refused with its faults or gives a proven output, and nothing panics.

use std::fmt::Write;
use std::sync::OnceLock;

use pleach::tree::{Tree, TreePath};
use pleach::{Compiled, Options, compile};
use proptest::prelude::*;

use crate::common_random::cases;

/// The fields below `spec:` of a claim, each with its possible values. A complete claim requires the first field.
type Fields = &'static [(&'static str, &'static [&'static str])];

const OPERATOR: Fields = &[
    ("namespace", &["one", "two", "{value: one}"]),
    (
        "chart",
        &[
            "{repository: 'https://charts.example.com', name: a, version: 1.0.0}",
            "{repository: 'oci://charts.example.com/x', name: a}",
            "{repository: 'oci://charts.example.com/x', name: a, version: '>=1.0.0'}",
        ],
    ),
    ("createNamespace", &["true", "false"]),
    (
        "source",
        &["HelmRepository", "HelmRepository", "OCIRepository"],
    ),
    ("releaseName", &["other", "third"]),
    (
        "values",
        &[
            "{}",
            "{a: 1, b: {c: null, d: [1, 2]}}",
            "{a: '1', b: {c: {}, d: []}}",
            "{a: {e: x}, b: null, f: [{name: x, v: 1}, {name: y}]}",
            "{a: false, f: [{name: y, v: 2}, {name: x}], '<<': 1}",
            "{big: 9223372036854775807, float: 1e3, text: \"on\", $patch: delete}",
        ],
    ),
    ("crds", &["Skip", "Create", "CreateReplace"]),
    ("retries", &["0", "-1", "5"]),
    ("suspend", &["true", "false"]),
    ("drift", &["enabled", "warn"]),
    ("dependsOn", &["[]", "[operator]", "[database]"]),
];

const ALTINITY: Fields = &[
    (
        "container",
        &[
            "{}",
            "{resources: {limits: {cpu: '2'}}}",
            "{resources: {requests: {memory: 1Gi}}}",
        ],
    ),
    (
        "namespace",
        &[
            "ch",
            "\"\"",
            "{value: ch}",
            "{valueFrom: {kind: OperatorInstall, name: install}}",
        ],
    ),
    ("create_namespace", &["true", "false"]),
    (
        "targetCluster",
        &[
            "{clusterName: test-1}",
            "{clusterKind: AwsEksCluster}",
            "{credential_id: x}",
        ],
    ),
];

const CLICKHOUSE: Fields = &[
    (
        "container",
        &[
            "{}",
            "{diskSize: 5Gi}",
            "{persistenceEnabled: false}",
            "{isPersistenceEnabled: true, diskSize: 7Gi}",
            "{replicas: '2', storageClass: fast}",
            "{resources: {requests: {cpu: 1500m}, limits: {cpu: '4'}}}",
            "{diskSize: null, persistenceEnabled: false}",
        ],
    ),
    (
        "namespace",
        &[
            "db",
            "{valueFrom: {kind: OperatorInstall, name: install, fieldPath: outputs.namespace}}",
        ],
    ),
    ("clusterName", &["short", "other"]),
    ("version", &["\"25.3\"", "latest"]),
    (
        "cluster",
        &[
            "{isEnabled: true, shardCount: 2, replicaCount: 2}",
            "{is_enabled: true, shard_count: '1', replica_count: 3}",
            "{isEnabled: false}",
            "{isEnabled: true, shardCount: 0}",
        ],
    ),
    (
        "coordination",
        &[
            "{type: keeper, keeperConfig: {replicas: 3}}",
            "{type: external_keeper, externalConfig: {nodes: ['a:1', b]}}",
            "{type: 3, externalConfig: {nodes: ['a:1']}}",
            "{type: 0}",
        ],
    ),
    ("zookeeper", &["{useExternal: true, nodes: [z]}", "{}"]),
    ("logging", &["{level: debug}", "{level: 2}", "{}"]),
    (
        "ingress",
        &[
            "{enabled: true, hostname: a.example.com}",
            "{enabled: true, dnsDomain: example.com}",
            "{enabled: false}",
        ],
    ),
    (
        "password",
        &["{existing: {name: s}}", "{generated: {length: 12}}", "{}"],
    ),
    (
        "scheduling",
        &[
            "{zoneSpread: required}",
            "{nodeSelector: {a: b}, tolerations: [{key: k, operator: Exists}]}",
            "{affinity: {nodeAffinity: {}}}",
        ],
    ),
];

const CHRONIK: Fields = &[
    (
        "storage",
        &[
            "{backend: local, size: 1Gi}",
            "{backend: {local: {}}, size: 1Gi}",
            "{backend: {s3: {bucket: a, region: b, endpoint: null}}, size: 2Gi, storageClass: fast}",
            "{backend: gcs, gcs: {bucket: a}, size: 3Gi}",
            "{backend: {azure: {container: a, account: b}}, azure: null, size: 3Gi}",
            "{backend: null, size: 3Gi}",
            "{backend: azure, size: 3Gi}",
        ],
    ),
    (
        "metastore",
        &[
            "{database: Postgres, connection: {host: h, port: 5432, database: d, credentialsSecret: s}}",
            "{database: postgres, connection: {host: h2, port: 5432, database: d, credentialsSecret: s}}",
        ],
    ),
    ("searchNodes", &["0", "2", "4"]),
    ("controllers", &["1", "3"]),
    (
        "resources",
        &[
            "{controller: {cpu: 1, memory: 1Gi}, ingest: {cpu: 500m, memory: 1Gi, cpuLimit: 2}}",
            "{controller: {cpu: '1', memory: 1Gi}, ingest: {cpu: 0.5, memory: 1Gi}, search: {cpu: 1, memory: 1G}}",
        ],
    ),
    (
        "autoscaling",
        &[
            "{controllers: {minReplicas: 1, maxReplicas: 3, targetCpuUtilizationPercentage: 80}}",
            "{searchNodes: {minReplicas: 3, maxReplicas: 2}, ingestNodes: {minReplicas: 1, maxReplicas: 2}}",
            "{}",
        ],
    ),
    (
        "image",
        &[
            "{controller: a, ingest: b}",
            "{controller: a, ingest: b, pullSecrets: [c]}",
        ],
    ),
    (
        "security",
        &[
            "{tlsEnabled: true}",
            "{tlsEnabled: true, tlsSecret: t, podSecurityContext: {}}",
        ],
    ),
    (
        "podDisruptionBudget",
        &["{minAvailable: 2}", "{maxUnavailable: 50%}", "{}"],
    ),
    ("affinity", &["{}", "{nodeAffinity: {}}"]),
    (
        "network",
        &[
            "{}",
            "{serviceType: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8]}",
        ],
    ),
    (
        "podLabels",
        &["{}", "{a: b, chronik.stream/cluster: other}"],
    ),
];

/// The last two have the same kind: one renders the resource of its operator, the other the objects that the operator would create.
const CLAIMS: [(&str, &str, &str, Fields); 5] = [
    ("pleach.dev/v1", "OperatorInstall", "install", OPERATOR),
    (
        "kubernetes.project-planton.org/v1",
        "KubernetesAltinityOperator",
        "operator",
        ALTINITY,
    ),
    (
        "kubernetes.project-planton.org/v1",
        "ClickHouseKubernetes",
        "database",
        CLICKHOUSE,
    ),
    (
        "chronik.stream/v1alpha1",
        "ChronikCluster",
        "streams",
        CHRONIK,
    ),
    (
        "chronik.stream/v1alpha1",
        "ChronikCluster",
        "objects, annotations: {pleach.dev/delivery: objects}",
        CHRONIK,
    ),
];

/// Engines and layouts.
const FORMS: [&str; 4] = [
    "engine: flux",
    "layout: flat",
    "engine: argo, source: {url: 'https://git.example.com/a.git'}",
    "engine: argo, layout: flat, source: {url: 'https://git.example.com/a.git'}",
];

/// For each field: unset, null, or one of its values.
type Choice = Vec<Option<usize>>;

/// Most fields are unset, so that many workspaces are valid.
fn choice() -> impl Strategy<Value = Choice> {
    proptest::collection::vec(
        prop_oneof![8 => Just(None), 2 => (1..8usize).prop_map(Some), 1 => Just(Some(0))],
        12,
    )
}

fn workspace(base: &[Choice], own: &[Choice], shared: &[bool], labels: bool, form: usize) -> Tree {
    let mut tree = Tree::new();
    let mut put = |path: &str, text: String| {
        tree.insert(TreePath::new(path).unwrap(), text.into_bytes());
    };
    put(
        "pleach.yaml",
        "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: any}\n".to_string(),
    );
    let labels = if labels { "{environment: test}" } else { "{}" };
    put(
        "environments/test/environment.yaml",
        format!(
            "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {{name: test}}\nspec: {{cluster: test-1, labels: {labels}, {}}}\n",
            FORMS[form]
        ),
    );
    for (at, claim) in CLAIMS.iter().enumerate() {
        if shared[at] {
            let file = format!("environments/base/{at}.yaml");
            put(&file, document(claim, &base[at], true));
        }
        if !shared[at] || own[at].iter().any(Option::is_some) {
            let file = format!("environments/test/{at}.yaml");
            put(&file, document(claim, &own[at], !shared[at]));
        }
    }
    tree
}

fn document(claim: &(&str, &str, &str, Fields), choice: &Choice, complete: bool) -> String {
    let (api_version, kind, name, fields) = claim;
    let mut text =
        format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n");
    for (at, ((field, values), chosen)) in fields.iter().zip(choice).enumerate() {
        // Required fields are first in the lists.
        let required = complete
            && (at == 0 || at == 1 && ["OperatorInstall", "ChronikCluster"].contains(kind));
        match chosen {
            Some(0) if !required => drop(writeln!(text, "  {field}: null")),
            Some(value) => drop(writeln!(
                text,
                "  {field}: {}",
                values[value % values.len()]
            )),
            None if required => drop(writeln!(text, "  {field}: {}", values[0])),
            None => {}
        }
    }
    if text.ends_with("spec:\n") {
        text.push_str("  {}\n");
    }
    text
}

/// Checks that no diagnostic is a fault of the program itself, and that a refused workspace has no output.
fn check(tree: &Tree) -> Compiled {
    let (compiled, again) = (
        compile(tree, &Options::default()),
        compile(tree, &Options::default()),
    );
    assert_eq!(compiled.tree, again.tree);
    for it in &compiled.diagnostics {
        assert!(
            !matches!(
                it.code,
                "overlay-not-proven" | "template-output" | "template-error"
            ),
            "[{}] {}\n{}",
            it.code,
            it.message,
            tree.to_text()
        );
    }
    assert_eq!(
        compiled.tree.is_empty(),
        compiled.diagnostics.has_errors(),
        "{}",
        tree.to_text()
    );
    compiled
}

fn starter() -> &'static Tree {
    static STARTER: OnceLock<Tree> = OnceLock::new();
    STARTER.get_or_init(crate::engines::starter)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(48)) })]

    #[test]
    fn a_workspace_is_refused_or_proven(
        base in proptest::collection::vec(choice(), CLAIMS.len()),
        own in proptest::collection::vec(choice(), CLAIMS.len()),
        shared in proptest::collection::vec(proptest::bool::weighted(0.8), CLAIMS.len()),
        labels in any::<bool>(),
        form in 0..FORMS.len(),
    ) {
        check(&workspace(&base, &own, &shared, labels, form));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(48)) })]

    #[test]
    fn changed_bytes_cause_no_panic(
        file in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 1..4),
    ) {
        let mut tree = starter().clone();
        let paths: Vec<TreePath> = tree.iter().map(|it| it.0.clone()).collect();
        let path = file.get(&paths).clone();
        let mut bytes = tree.get(&path).unwrap().to_vec();
        for (at, what, byte) in changes {
            let at = at.index(bytes.len().max(1));
            match what {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                _ if at < bytes.len() => bytes[at] = byte,
                _ => {}
            }
        }
        tree.insert(path, bytes);
        compile(&tree, &Options::default());
    }
}
