//! The charts in `charts/`: their values match their own schemas, and their output matches the operators' schemas.
//!
//! `golden/charts/<chart>/` contains Helm's output: `default.yaml`, `production.yaml`, and `<case>.yaml` for `<case>.values.yaml`.
//! Helm refuses a `<case>.refused.yaml` with the message in its first line. If `helm` is on the PATH, its current output is
//! compared too (`GOLDEN=update` accepts it); the other tests do not need Helm.

use std::path::{Path, PathBuf};
use std::process::Command;

use pleach::diag::{Diagnostic, Source};
use pleach::object::Object;
use pleach::schema::{Schema, validate};
use pleach::yaml::{Node, emit_canonical, parse, parse_one};

const CHARTS: [&str; 6] = [
    "kafka",
    "microservice",
    "mongodb",
    "postgresql",
    "rabbitmq",
    "redis",
];

/// The chart values that claims set. If a chart dropped one of these keys, the claim's setting would silently have no effect.
const CLAIMED: [(&str, &[&str]); 6] = [
    (
        "microservice",
        &[
            "replicaCount",
            "image.repository",
            "image.tag",
            "image.pullPolicy",
            "imagePullSecrets",
            "resources.requests.cpu",
            "resources.requests.memory",
            "resources.limits.cpu",
            "resources.limits.memory",
            "service.port",
            "service.targetPort",
            "ingress.enabled",
            "ingress.host",
            "ingress.path",
            "ingress.annotations",
            "ingress.tls.enabled",
            "ingress.tls.secretName",
            "autoscaling.enabled",
            "autoscaling.minReplicas",
            "autoscaling.maxReplicas",
            "autoscaling.targetCPUUtilizationPercentage",
            "autoscaling.targetMemoryUtilizationPercentage",
            "healthCheck.liveness.path",
            "healthCheck.liveness.port",
            "healthCheck.readiness.initialDelaySeconds",
            "healthCheck.readiness.periodSeconds",
            "env",
            "envFrom",
            "podDisruptionBudget.minAvailable",
        ],
    ),
    (
        "postgresql",
        &[
            "postgresql.instances",
            "postgresql.imageName",
            "postgresql.storage.size",
            "postgresql.storage.storageClass",
            "postgresql.highAvailability.enabled",
            "postgresql.backup.enabled",
            "postgresql.backup.retentionPolicy",
            "postgresql.backup.barmanObjectStore.destinationPath",
            "postgresql.monitoring.enablePodMonitor",
            "postgresql.pooler.instances",
            "postgresql.postgresql.parameters.max_connections",
        ],
    ),
    (
        "redis",
        &[
            "redis.clusterSize",
            "redis.image",
            "redis.storage.size",
            "redis.storage.storageClassName",
            "redis.storage.storageClass",
        ],
    ),
    (
        "mongodb",
        &[
            "mongodb.members",
            "mongodb.version",
            "mongodb.storage.size",
            "mongodb.storage.storageClassName",
        ],
    ),
    (
        "rabbitmq",
        &[
            "rabbitmq.replicas",
            "rabbitmq.image",
            "rabbitmq.persistence.storage",
            "rabbitmq.persistence.storageClassName",
        ],
    ),
    (
        "kafka",
        &[
            "kafka.replicas",
            "kafka.version",
            "kafka.storage.size",
            "kafka.storage.class",
        ],
    ),
];

#[test]
fn each_chart_has_a_name_a_version_and_a_description() {
    for chart in CHARTS {
        let about = read_node(&folder(chart).join("Chart.yaml"));
        let word = |key: &str| about.get(key).and_then(Node::as_str).unwrap_or_default();
        assert_eq!((word("apiVersion"), word("name")), ("v2", chart));
        let numbers: Vec<Option<u32>> = word("version")
            .split('.')
            .map(|it| it.parse().ok())
            .collect();
        assert!(
            numbers.len() == 3 && !numbers.contains(&None),
            "{chart} has no plain version"
        );
        assert!(
            !word("description").is_empty(),
            "{chart} has no description"
        );
    }
}

#[test]
fn values_match_their_schema() {
    for chart in CHARTS {
        let schema = schema(chart);
        let own = ["values.yaml", "values-production.yaml"].map(|it| folder(chart).join(it));
        for file in own.into_iter().chain(cases(chart, ".values.yaml")) {
            let faults = validate(&read_node(&file), &schema, "values");
            assert!(
                faults.is_empty(),
                "{}\n{}",
                file.display(),
                printed(&faults)
            );
        }
    }
}

#[test]
fn schemas_allow_only_fields_that_values_yaml_shows() {
    for chart in CHARTS {
        let values = read_node(&folder(chart).join("values.yaml"));
        let mut hidden = Vec::new();
        compare(&schema(chart), &values, chart, &mut hidden);
        assert!(hidden.is_empty(), "{}", hidden.join("\n"));
    }
}

/// Every named field is in the values, and every map with named fields is closed.
fn compare(schema: &Schema, values: &Node, path: &str, hidden: &mut Vec<String>) {
    if schema.properties().next().is_some()
        && (schema.preserves_unknown() || schema.additional().is_some())
    {
        hidden.push(format!("{path} is open"));
    }
    for (key, below) in schema.properties().filter(|it| it.0 != "global") {
        let path = format!("{path}.{key}");
        match values.get(key) {
            Some(value) if value.as_mapping().is_some() => compare(below, value, &path, hidden),
            // An empty list shows no fields, and neither do the claims of a resource.
            Some(_) => {}
            None if key == "claims" => {}
            None => hidden.push(format!("{path} is in the schema and not in values.yaml")),
        }
    }
}

#[test]
fn production_values_set_only_existing_keys() {
    for chart in CHARTS {
        let values = read_node(&folder(chart).join("values.yaml"));
        let production = read_node(&folder(chart).join("values-production.yaml"));
        let mut unknown_keys = Vec::new();
        collect_unknown_keys(&production, &values, chart, &mut unknown_keys);
        assert!(unknown_keys.is_empty(), "{}", unknown_keys.join("\n"));
    }
}

fn collect_unknown_keys(over: &Node, base: &Node, path: &str, unknown_keys: &mut Vec<String>) {
    for entry in over.as_mapping().into_iter().flatten() {
        let key = entry.key.as_str().unwrap_or_default();
        match base.get(key) {
            Some(below) => {
                collect_unknown_keys(&entry.value, below, &format!("{path}.{key}"), unknown_keys)
            }
            None => unknown_keys.push(format!("{path}.{key} is not in values.yaml")),
        }
    }
}

#[test]
fn charts_have_the_keys_that_claims_set() {
    for (chart, paths) in CLAIMED {
        let values = read_node(&folder(chart).join("values.yaml"));
        for path in paths {
            assert!(at(&values, path).is_some(), "{chart} has no value {path}");
        }
    }
}

#[test]
fn the_readmes_list_existing_values() {
    for chart in CHARTS {
        let values = read_node(&folder(chart).join("values.yaml"));
        let text = std::fs::read_to_string(folder(chart).join("README.md")).unwrap();
        let rows = text.lines().filter_map(|it| it.strip_prefix("| `"));
        let names: Vec<&str> = rows.filter_map(|it| it.split('`').next()).collect();
        assert!(!names.is_empty(), "{chart} documents no value");
        for name in names {
            assert!(at(&values, name).is_some(), "{chart} has no value {name}");
        }
    }
}

#[test]
fn committed_renderings_match_the_schemas() {
    for chart in CHARTS {
        let objects: Vec<Object> = renderings(chart)
            .iter()
            .flat_map(|it| objects(it))
            .collect();
        assert!(!objects.is_empty(), "{chart} has no rendering");
        assert!(
            objects.iter().all(|it| it.kind() != "Secret"),
            "{chart} renders a Secret"
        );
        // There is no schema for the plugin's own kind; the next test checks its content.
        let faults = crate::schema_validation::validate_objects(&objects);
        assert!(faults.is_empty(), "{chart}\n{}", printed(&faults));
    }
}

/// Parts of objects for which their own schema accepts anything: a StatefulSet's spec, a cluster's object store.
#[test]
fn embedded_specs_match_the_schema_of_their_kind() {
    let every = CHARTS.iter().flat_map(|it| renderings(it));
    let embedded: Vec<Object> = every
        .flat_map(|it| objects(&it))
        .filter_map(|it| embedded(&it))
        .collect();
    assert!(embedded.len() > 3, "no embedded specs are rendered");
    let faults = crate::schema_validation::validate_objects(&embedded);
    let faults = faults.into_iter().filter(|it| it.code != "missing-field");
    let faults: Vec<Diagnostic> = faults.collect();
    assert!(faults.is_empty(), "{}", printed(&faults));
}

fn embedded(object: &Object) -> Option<Object> {
    let (path, head) = match object.kind() {
        "MongoDBCommunity" => (
            "spec.statefulSet.spec",
            "apiVersion: apps/v1\nkind: StatefulSet\nspec:\n",
        ),
        "ObjectStore" => (
            "spec.configuration",
            "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nspec:\n  backup:\n    barmanObjectStore:\n",
        ),
        _ => return None,
    };
    let body = emit_canonical(at(&object.node, path)?);
    let lines = body.lines().map(|it| format!("      {it}\n"));
    let text = head.to_string() + &lines.collect::<String>();
    Some(Object::new(
        parse_one(&Source::internal("embedded", text)).unwrap(),
    ))
}

/// Checks the requirements of the Pod Security Standard `restricted` for the pods that a chart defines itself.
#[test]
fn pods_meet_the_restricted_standard() {
    let all = renderings("microservice");
    let deployments: Vec<Object> = all
        .iter()
        .flat_map(|it| objects(it))
        .filter(|it| it.kind() == "Deployment")
        .collect();
    assert!(!deployments.is_empty());
    let is = |node: &Node, path: &str, word: &str| {
        let found = at(node, path).unwrap_or_else(|| panic!("no {path}"));
        assert_eq!(emit_canonical(found).trim(), word, "{path}");
    };
    for deployment in deployments {
        let pod = at(&deployment.node, "spec.template.spec").unwrap();
        is(pod, "securityContext.runAsNonRoot", "true");
        is(pod, "securityContext.seccompProfile.type", "RuntimeDefault");
        for container in pod.get("containers").and_then(Node::as_sequence).unwrap() {
            is(
                container,
                "securityContext.allowPrivilegeEscalation",
                "false",
            );
            is(container, "securityContext.readOnlyRootFilesystem", "true");
            is(container, "securityContext.capabilities.drop", "- ALL");
        }
    }
}

#[test_with::executable(helm)]
#[test]
fn helm_output_equals_the_committed_renderings() {
    let every = CHARTS.iter().flat_map(|chart| {
        let renderings = renderings(chart).into_iter();
        renderings.filter_map(|it| outdated(chart, &it).err())
    });
    let wrong: Vec<String> = every.collect();
    assert!(
        wrong.is_empty(),
        "{}\n`GOLDEN=update cargo test charts` accepts the new output",
        wrong.join("\n")
    );
}

fn outdated(chart: &str, rendering: &Path) -> Result<(), String> {
    let values = values_of(chart, rendering);
    helm(&["lint", "--strict"], chart, &values)?;
    let text = helm(&["template", chart, "--namespace", "shop"], chart, &values)?;
    if std::env::var("GOLDEN").is_ok_and(|it| it == "update") {
        std::fs::write(rendering, &text).unwrap();
    }
    let committed = std::fs::read_to_string(rendering).unwrap_or_default();
    // Helm 4 puts a blank line between documents, Helm 3 none.
    let same = non_empty_lines(&text).eq(non_empty_lines(&committed));
    same.then_some(())
        .ok_or_else(|| format!("{} differs", rendering.display()))
}

fn non_empty_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|it| !it.is_empty())
}

#[test_with::executable(helm)]
#[test]
fn helm_refuses_invalid_values_with_the_expected_message() {
    for chart in CHARTS {
        for file in cases(chart, ".refused.yaml") {
            let text = std::fs::read_to_string(&file).unwrap();
            let words = text
                .lines()
                .next()
                .unwrap_or_default()
                .trim_start_matches("# ");
            let output = helm(&["template", chart], chart, std::slice::from_ref(&file));
            let output = output.expect_err("these values are refused");
            assert!(output.contains(words), "{}: {output}", file.display());
        }
    }
}

fn helm(words: &[&str], chart: &str, values: &[PathBuf]) -> Result<String, String> {
    let mut command = Command::new("helm");
    command.args(words).arg(folder(chart));
    for file in values {
        command.arg("--values").arg(file);
    }
    let output = command.output().map_err(|it| it.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stdout) + &text(&output.stderr)),
    }
}

fn folder(chart: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("charts")
        .join(chart)
}

fn golden(chart: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden/charts")
        .join(chart)
}

fn cases(chart: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(golden(chart)).unwrap();
    let paths = entries.map(|it| it.unwrap().path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|it| it.to_string_lossy().ends_with(ending))
        .collect();
    paths.sort();
    paths
}

/// The files with Helm's output.
fn renderings(chart: &str) -> Vec<PathBuf> {
    let own = ["default.yaml", "production.yaml"].map(|it| golden(chart).join(it));
    let cases = cases(chart, ".values.yaml").into_iter();
    let cases =
        cases.map(|it| PathBuf::from(it.to_string_lossy().replace(".values.yaml", ".yaml")));
    own.into_iter().chain(cases).collect()
}

/// The values files that a rendering is made from.
fn values_of(chart: &str, rendering: &Path) -> Vec<PathBuf> {
    let name = rendering.file_stem().unwrap_or_default().to_string_lossy();
    match &*name {
        "default" => Vec::new(),
        "production" => vec![folder(chart).join("values-production.yaml")],
        case => vec![golden(chart).join(format!("{case}.values.yaml"))],
    }
}

fn objects(file: &Path) -> Vec<Object> {
    let text = std::fs::read_to_string(file).unwrap();
    let nodes = parse(&Source::internal(&file.to_string_lossy(), text)).unwrap();
    nodes.into_iter().map(Object::new).collect()
}

pub(crate) fn schema(chart: &str) -> Schema {
    let node = read_node(&folder(chart).join("values.schema.json"));
    Schema::parse(&node).unwrap_or_else(|faults| {
        let faults: Vec<Diagnostic> = faults.iter().cloned().collect();
        panic!("{chart}: {}", printed(&faults))
    })
}

fn read_node(file: &Path) -> Node {
    let text =
        std::fs::read_to_string(file).unwrap_or_else(|it| panic!("{}: {it}", file.display()));
    parse_one(&Source::internal(&file.to_string_lossy(), text)).unwrap()
}

fn at<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    path.split('.').try_fold(node, |node, key| node.get(key))
}

fn printed(faults: &[Diagnostic]) -> String {
    let lines = faults.iter().map(|it| {
        let place = it
            .span
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        format!("{place}: [{}] {} ({})\n", it.code, it.message, it.label)
    });
    lines.collect()
}

/// A chart's own values are never reported as unknown, but a misspelled key is.
#[test_with::path("../shared/conformance/helm/charts")]
#[test]
fn charts_know_their_own_values() {
    use pleach::inflate::load_folder;
    use pleach_helm::HelmVersion;
    use pleach_helm::values::{KnownValues, Values};
    let folder = Path::new("../shared/conformance/helm/charts");
    let own = CHARTS.map(|it| Path::new("charts").join(it));
    let others = std::fs::read_dir(folder).unwrap();
    let others = others.map(|it| it.unwrap().path().join("chart"));
    let (mut checked, mut closed) = (0, 0);
    for path in own.into_iter().chain(others) {
        let files = pleach::disk::Folder::open(&path).unwrap();
        let root = pleach::tree::TreePath::root();
        let mut warnings = pleach_helm::Warnings::default();
        // Some cases are charts that cannot be loaded.
        let Ok(chart) = load_folder(&files, &root, HelmVersion::V4, &mut warnings) else {
            continue;
        };
        let known = KnownValues::new(&chart, &Values::new());
        let read = |text: String| parse_one(&Source::internal("values", text)).unwrap();
        let values = read(chart.values_text());
        let unknown: Vec<_> = known
            .unknown(&values)
            .iter()
            .map(|it| it.path.join("."))
            .collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
        checked += 1;
        closed += usize::from(!known.unknown(&read("misspelled-key: 1".into())).is_empty());
    }
    assert!(
        checked > 60 && closed > 30,
        "{checked} charts, {closed} with closed values"
    );
}
