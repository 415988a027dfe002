//! The claims of InfraForge with the charts of this repository: both engines pass the same values to a chart, and its schema accepts
//! them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pleach::diag::Source;
use pleach::schema::validate;
use pleach::tree::{Tree, TreePath};
use pleach::yaml::{Node, parse, parse_one};
use pleach::{Options, compile};
use serde_json::Value;

#[test]
fn charts_accept_the_values_of_claims() {
    for claims in workspaces() {
        for (place, service) in by_argo(&claims) {
            let schema = crate::charts::schema(&service.chart);
            let faults = validate(&service.values, &schema, "values").into_iter();
            // A null removes a value; Helm does that before it validates against the schema.
            let faults: Vec<String> = faults
                .filter(|it| !it.message.contains("found null"))
                .map(|it| format!("{place}: [{}] {} {}", it.code, it.message, it.label))
                .collect();
            assert!(faults.is_empty(), "{}", faults.join("\n"));
        }
    }
}

#[test]
fn both_engines_pass_a_chart_the_same_values() {
    for claims in workspaces() {
        let (argo, flux) = (by_argo(&claims), by_flux(&claims));
        assert!(!argo.is_empty());
        let names = |it: &BTreeMap<String, Service>| it.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&argo), names(&flux));
        for (place, service) in &argo {
            let other = &flux[place];
            assert_eq!(
                (&service.chart, &service.version),
                (&other.chart, &other.version)
            );
            let mut whole = own_values(&service.chart);
            coalesce(&mut whole, &data(&service.values));
            let mut rest = own_values(&service.chart);
            coalesce(&mut rest, &data(&other.values));
            assert_eq!(whole, rest, "{place}");
        }
    }
}

#[test]
fn one_bound_of_autoscaling_moves_the_other() {
    let claim = "{apiVersion: platform.infraforge.io/v1, kind: ApplicationClaim, metadata: {name: shop}, spec: {environment: prod, \
        clusterType: prod, giteaURL: 'https://git.example.com', organization: org, applications: [\
        {name: large, image: {repository: a/b, tag: v1}, autoscaling: {enabled: true, minReplicas: 20}}, \
        {name: small, image: {repository: a/b, tag: v1}, autoscaling: {enabled: true, maxReplicas: 2}}, \
        {name: usual, image: {repository: a/b, tag: v1}, autoscaling: {enabled: true, minReplicas: 4}}]}}";
    let services = by_argo(&[("prod".to_string(), claim.to_string())]);
    let bounds = |name: &str| {
        let service = &services[&format!("prod/{name}")];
        ["minReplicas", "maxReplicas"].map(|it| {
            let bound = service.values.at_keys(&["autoscaling", it]);
            bound.and_then(Node::as_str).unwrap().to_string()
        })
    };
    assert_eq!(bounds("large"), ["20", "20"]);
    assert_eq!(bounds("small"), ["2", "2"]);
    assert_eq!(bounds("usual"), ["4", "10"]);
}

/// A chart as an engine installs it.
struct Service {
    chart: String,
    version: String,
    values: Node,
}

/// The services that Argo CD's ApplicationSets install, by namespace and name.
fn by_argo(claims: &[(String, String)]) -> BTreeMap<String, Service> {
    let tree = rendered(claims, "argo");
    let mut services = BTreeMap::new();
    for (path, bytes) in &tree {
        let parts: Vec<&str> = path.parts().collect();
        let ["environments", _, environment, tier, name, "values.yaml"] = *parts else {
            continue;
        };
        let config = match tier {
            "applications" => {
                let config = path.parent().unwrap().child("config.yaml");
                documents(tree.get(&config).unwrap()).remove(0)
            }
            _ => listed(&tree, parts[1], environment, name),
        };
        let word = |key: &str| config.get(key).and_then(Node::as_str).unwrap().to_string();
        let service = Service {
            chart: word("chart"),
            version: word("version"),
            values: documents(bytes).remove(0),
        };
        services.insert(format!("{environment}/{name}"), service);
    }
    services
}

/// The element of a service in the ApplicationSet of the platform.
fn listed(tree: &Tree, cluster_type: &str, environment: &str, name: &str) -> Node {
    let path = format!("appsets/{cluster_type}/platform/{environment}-platform-appset.yaml");
    let set = documents(tree.get(&TreePath::new(&path).unwrap()).unwrap()).remove(0);
    let generators = set.at_keys(&["spec", "generators"]).unwrap();
    let list = generators.as_sequence().unwrap()[0].at_keys(&["list", "elements"]);
    let elements = list.and_then(Node::as_sequence).unwrap();
    let has_name = |it: &&Node| it.get("name").and_then(Node::as_str) == Some(name);
    elements.iter().find(has_name).unwrap().clone()
}

/// The services that Flux's HelmReleases install from OCIRepositories, by namespace and name.
fn by_flux(claims: &[(String, String)]) -> BTreeMap<String, Service> {
    let tree = rendered(claims, "flux");
    let objects = tree.iter().flat_map(|it| documents(it.1));
    let mut by_kind: BTreeMap<(String, String), Node> = BTreeMap::new();
    for object in objects {
        let word = |keys: &[&str]| object.at_keys(keys).and_then(Node::as_str).unwrap_or("");
        let place = format!(
            "{}/{}",
            word(&["metadata", "namespace"]),
            word(&["metadata", "name"])
        );
        by_kind.insert((word(&["kind"]).to_string(), place), object.clone());
    }
    let releases = by_kind.iter().filter(|it| it.0.0 == "HelmRelease");
    let services = releases.map(|((_, place), release)| {
        let source = &by_kind[&("OCIRepository".to_string(), place.clone())];
        let word = |keys: &[&str]| source.at_keys(keys).and_then(Node::as_str).unwrap();
        let service = Service {
            chart: word(&["spec", "url"])
                .rsplit('/')
                .next()
                .unwrap()
                .to_string(),
            version: word(&["spec", "ref", "tag"]).to_string(),
            values: release.at_keys(&["spec", "values"]).unwrap().clone(),
        };
        (place.clone(), service)
    });
    services.collect()
}

/// Environments and texts of the claims in the golden case and, if available, in the examples.
fn workspaces() -> Vec<Vec<(String, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let input = root.join("golden/infraforge-argo/input/environments");
    let own = [
        "nonprod/bootstrap",
        "nonprod/shop",
        "nonprod/data",
        "prod/claims",
    ];
    let own = own.map(|it| {
        let environment = it.split('/').next().unwrap().to_string();
        (environment, read(input.join(format!("{it}.yaml"))))
    });
    let mut workspaces = vec![own.to_vec()];
    let examples = root.join("../shared/examples/claims/infraforge");
    if !examples.is_dir() {
        return workspaces;
    }
    let names = [
        ("nonprod", "bootstrap-nonprod"),
        ("nonprod", "apps-dev"),
        ("nonprod", "platform-dev"),
        ("prod", "bootstrap-prod"),
        ("prod", "apps-prod"),
        ("prod", "platform-prod"),
    ];
    let examples = names.map(|(environment, name)| {
        let text = read(examples.join(format!("{name}.yaml")));
        (environment.to_string(), text)
    });
    workspaces.push(examples.to_vec());
    workspaces
}

/// The tree of claims in two environments of one engine, with the project's own charts.
fn rendered(claims: &[(String, String)], engine: &str) -> Tree {
    let mut tree = Tree::new();
    let mut put = |path: &str, text: &str| {
        tree.insert(TreePath::new(path).unwrap(), text.as_bytes());
    };
    put(
        "pleach.yaml",
        "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: infraforge}\nspec:\n\
         \x20 sync: {url: 'https://git.example.com/platform/voltran'}\n\
         \x20 charts: {repository: 'oci://ghcr.io/nimbusprotch', sources: [{prefix: 'oci://ghcr.io/nimbusprotch', folder: charts}]}\n",
    );
    for environment in ["nonprod", "prod"] {
        let text = format!(
            "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {{name: {environment}}}\nspec: {{engine: {engine}}}\n"
        );
        put(
            &format!("environments/{environment}/environment.yaml"),
            &text,
        );
    }
    for (at, (environment, text)) in claims.iter().enumerate() {
        put(
            &format!("environments/{environment}/claims-{at}.yaml"),
            text,
        );
    }
    for chart in std::fs::read_dir(charts()).unwrap() {
        let chart = chart.unwrap().path();
        let files = [
            "Chart.yaml",
            "values.yaml",
            "values-production.yaml",
            "values.schema.json",
        ];
        for file in files {
            let text = std::fs::read_to_string(chart.join(file)).unwrap();
            let name = chart.file_name().unwrap().to_string_lossy();
            put(&format!("charts/{name}/{file}"), &text);
        }
    }
    let compiled = compile(&tree, &Options::default());
    let messages: Vec<String> = compiled
        .diagnostics
        .iter()
        .filter(|it| it.severity == pleach::diag::Severity::Error)
        .map(|it| format!("[{}] {}", it.code, it.message))
        .collect();
    assert!(messages.is_empty(), "{messages:?}");
    compiled.tree
}

fn charts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts")
}

fn own_values(chart: &str) -> Value {
    let text = std::fs::read_to_string(charts().join(chart).join("values.yaml")).unwrap();
    data(&parse_one(&Source::internal("values.yaml", text)).unwrap())
}

fn documents(bytes: &[u8]) -> Vec<Node> {
    let text = std::str::from_utf8(bytes).unwrap();
    parse(&Source::internal("file", text)).unwrap()
}

fn data(node: &Node) -> Value {
    crate::examples::json(node)
}

/// Merges values as Helm merges those of a release into those of its chart.
fn coalesce(base: &mut Value, over: &Value) {
    let (Value::Object(entries), Value::Object(over)) = (base, over) else {
        return;
    };
    for (key, value) in over {
        match entries.get_mut(key) {
            _ if value.is_null() => drop(entries.remove(key)),
            Some(inner) if inner.is_object() && value.is_object() => coalesce(inner, value),
            _ => drop(entries.insert(key.clone(), value.clone())),
        }
    }
}
