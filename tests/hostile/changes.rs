//! Changes that could slow down the comparison of objects, or the rules for pairs of objects.

use super::{Case, hostile, repeat};

/// A comparison of two folders, each with one file of objects.
fn change(before: &str, after: &str) -> Case {
    let files = [("old/all.yaml", before), ("new/all.yaml", after)];
    let files = files.map(|(path, text)| (path.to_string(), text.into()));
    // The differences are printed; half a megabyte of them is not a fault.
    Case::new(&["diff", "old", "new", "-o", "github"], files.into()).harmless()
}

fn object(api: &str, kind: &str, name: usize, rest: &str) -> String {
    format!(
        "---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: x{name}, namespace: n}}\n{rest}\n"
    )
}

/// As many budgets as workloads. Each budget selects all workloads.
fn budgets(count: usize) -> String {
    repeat(count, |at| {
        let budget = format!(
            "spec: {{minAvailable: 1, selector: {{matchLabels: {{b{}: b, a: a}}}}}}",
            at % 40
        );
        let labels = repeat(40, |at| format!("b{at}: b, "));
        let pods = format!("spec: {{template: {{metadata: {{labels: {{a: a, {labels}}}}}}}}}");
        object("policy/v1", "PodDisruptionBudget", at, &budget)
            + &object("apps/v1", "Deployment", at, &pods)
    })
}

fn list(count: usize, word: &str) -> String {
    format!("[{}]", repeat(count, |at| format!("{word}{at}, ")))
}

fn role(count: usize, verb: &str) -> String {
    let [verbs, resources, groups] = [verb, "r", "g"].map(|it| list(count, it));
    let rule = format!("rules: [{{verbs: {verbs}, resources: {resources}, apiGroups: {groups}}}]");
    object("rbac.authorization.k8s.io/v1", "ClusterRole", 0, &rule)
}

/// A role with many rules, each of which has a wildcard.
fn wildcards(count: usize, verb: &str) -> String {
    let rules = repeat(count, |at| {
        format!("- {{verbs: [{verb}{at}], resources: ['*'], apiGroups: ['']}}\n")
    });
    object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        0,
        &format!("rules:\n{rules}"),
    )
}

fn clusters(count: usize, shards: usize) -> String {
    let one = |at| {
        format!("    - {{name: c{at}, layout: {{shardsCount: {shards}, replicasCount: 256}}}}\n")
    };
    let clusters = repeat(count, one);
    let spec = format!("spec:\n  configuration:\n    clusters:\n{clusters}");
    object(
        "clickhouse.altinity.com/v1",
        "ClickHouseInstallation",
        0,
        &spec,
    )
}

/// Operators, and objects that they manage.
fn operators(count: usize) -> String {
    repeat(count, |at| {
        let chart = "spec: {chart: {spec: {chart: cert-manager, sourceRef: {kind: HelmRepository, name: a}}}}";
        object("helm.toolkit.fluxcd.io/v2", "HelmRelease", at, chart)
            + &object("cert-manager.io/v1", "Certificate", at, "spec: {}")
    })
}

/// Units that delete objects as their own ServiceAccount, the bindings of these accounts, and Applications of one AppProject.
fn permissions(count: usize) -> String {
    let project = object("argoproj.io/v1alpha1", "AppProject", 0, "spec: {}");
    let units = repeat(count, |at| {
        let unit = format!("spec: {{serviceAccountName: other{at}, path: ./a}}");
        let binding = format!("subjects: [{{kind: ServiceAccount, name: x{at}, namespace: n}}]");
        object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", at, &unit)
            + &object("rbac.authorization.k8s.io/v1", "RoleBinding", at, &binding)
            + &object(
                "argoproj.io/v1alpha1",
                "Application",
                at,
                "spec: {project: x0}",
            )
    });
    // The project comes last.
    units + &project
}

/// ApplicationSets that read files from Git.
fn application_sets(count: usize, path: &str) -> String {
    repeat(count, |at| {
        let spec = format!(
            "spec: {{generators: [{{git: {{repoURL: a, files: [{{path: '{path}{at}.yaml'}}]}}}}], template: {{metadata: {{name: '{{{{a}}}}'}}}}}}"
        );
        object("argoproj.io/v1alpha1", "ApplicationSet", at, &spec)
    })
}

fn definitions(count: usize, version: &str) -> String {
    repeat(count, |at| {
        let spec = format!(
            "spec: {{group: g{at}.example.org, names: {{kind: K}}, versions: [{{name: {version}, served: true}}]}}"
        );
        object(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            at,
            &spec,
        ) + &object(&format!("g{at}.example.org/v1"), "K", at, "")
    })
}

fn sources(count: usize, version: &str) -> String {
    repeat(count, |at| {
        let source = format!("spec: {{url: 'oci://a/b', ref: {{tag: {version}}}}}");
        let release = format!("spec: {{chartRef: {{kind: OCIRepository, name: x{at}}}}}");
        object("source.toolkit.fluxcd.io/v1", "OCIRepository", at, &source)
            + &object("helm.toolkit.fluxcd.io/v2", "HelmRelease", at, &release)
    })
}

fn data(count: usize, key: &str, value: &str) -> String {
    let entries = repeat(count, |at| format!("  {key}{at}: {value}{at}\n"));
    object("v1", "ConfigMap", 0, &format!("data:\n{entries}"))
}

fn lines(count: usize, word: &str) -> String {
    let text = repeat(count, |at| format!("    {word} {at}\n"));
    object("v1", "ConfigMap", 0, &format!("data:\n  a: |\n{text}"))
}

fn items(count: usize, word: &str) -> String {
    let items = repeat(count, |at| format!("- {word}{at}\n"));
    object(
        "example.org/v1",
        "Thing",
        0,
        &format!("spec:\n  list:\n{}", items.replace("- ", "  - ")),
    )
}

/// Objects of one kind that all differ.
fn different(count: usize, name: &str) -> String {
    repeat(count, |at| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}{at}}}\ndata: {{a: same{at}}}\n"
        )
    })
}

hostile! {
    diff_of_budgets_over_all_workloads: change("", &budgets(1_500));
    diff_of_a_rule_of_many_rights: change(&role(8_000, "v"), &role(8_000, "w"));
    diff_of_many_rules_with_wildcards: change(&wildcards(15_000, "v"), &wildcards(15_000, "w"));
    diff_of_clusters_of_many_replicas: change(&clusters(2_000, 256), &clusters(2_000, 255));
    diff_of_many_removed_operators: change(&operators(4_000), "");
    diff_of_many_removed_permissions: change(&permissions(4_000), "");
    diff_of_many_application_sets: change(&application_sets(6_000, "a"), &application_sets(6_000, "b"));
    diff_of_many_definitions: change(&definitions(4_000, "v1"), &definitions(4_000, "v2"));
    diff_of_many_sources: change(&sources(4_000, "1.0.0"), &sources(4_000, "2.0.0"));
    diff_of_many_keys: change(&data(25_000, "k", "a"), &data(25_000, "k", "b"));
    diff_of_other_keys: change(&data(25_000, "k", "a"), &data(25_000, "l", "a"));
    diff_of_other_lines: change(&lines(40_000, "a"), &lines(40_000, "b"));
    diff_of_other_items: change(&items(20_000, "a"), &items(20_000, "b"));
    diff_of_many_renames: change(&different(10_000, "a"), &different(10_000, "b"));
}
