//! CustomResourceDefinitions: rules in CEL, patterns and schemas for the objects beside them.

use super::{Case, repeat};
use super::{claims::workspace, hostile};

/// An overlay with a definition and objects of its kind, which is checked.
fn definition(schema: &str, objects: &str) -> Case {
    let mut case = workspace(&format!(
        "-- overlays/test/kustomization.yaml --\nresources: [crd.yaml, objects.yaml]\n\
         -- overlays/test/crd.yaml --\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
         metadata: {{name: things.example.com}}\nspec:\n  group: example.com\n  scope: Cluster\n\
         \x20 names: {{kind: Thing, plural: things, singular: thing}}\n  versions:\n  - name: v1\n    served: true\n    storage: true\n\
         \x20   schema:\n      openAPIV3Schema: {{type: object, properties: {{spec: {schema}}}}}\n\
         -- overlays/test/objects.yaml --\n{objects}"
    ));
    case.command = vec!["check".to_string()];
    case
}

fn object(name: usize, spec: &str) -> String {
    format!(
        "---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {{name: t{name}}}\nspec: {spec}\n"
    )
}

/// A rule about a list of numbers.
fn rule(rule: &str) -> Case {
    definition(&ruled(rule), &object(0, &numbers(300))).reports("could not be evaluated")
}

fn ruled(rule: &str) -> String {
    format!(
        "{{type: object, properties: {{a: {{type: array, items: {{type: integer}}}}}}, x-kubernetes-validations: [{{rule: \"{rule}\"}}]}}"
    )
}

fn numbers(count: usize) -> String {
    format!("{{a: [{}]}}", repeat(count, |at| format!("{at}, ")))
}

fn text(schema: &str) -> String {
    format!("{{type: object, properties: {{a: {{type: string, {schema}}}}}}}")
}

/// An overlay of objects, which is checked.
fn objects(text: &str) -> Case {
    let mut case = workspace(&format!(
        "-- overlays/test/kustomization.yaml --\nresources: [a.yaml]\n-- overlays/test/a.yaml --\n{text}"
    ));
    case.command = vec!["check".to_string()];
    case
}

hostile! {
    selectors_of_many_pods: objects(&repeat(3_000, |at| format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{at}, namespace: a}}\nspec: {{selector: {{app: x{at}}}, ports: [{{port: 80}}]}}\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d{at}, namespace: a}}\nspec: {{selector: {{matchLabels: {{app: y{at}}}}}, template: {{metadata: {{labels: {{app: y{at}}}}}, spec: {{containers: [{{name: a, image: a}}]}}}}}}\n"
    )));
    rule_of_loops_in_loops: rule("self.a.all(w, self.a.all(x, self.a.all(y, self.a.all(z, z >= 0))))");
    rule_of_maps_in_maps: rule("self.a.map(w, self.a.map(x, self.a.map(y, self.a.map(z, z)))).size() > 0");
    rule_of_brackets: rule(&format!("{}1{} == 1", "(".repeat(25_000), ")".repeat(25_000)));
    rule_of_nots: rule(&format!("{}true", "!".repeat(25_000)));
    rule_of_sums: rule(&format!("{}1 > 0", "1 + ".repeat(24_000)));
    rule_of_fields: rule(&format!("self{}", ".a".repeat(40_000)));
    rule_of_macros_that_repeat: rule(&format!("optional.of(1){}.hasValue()", ".optMap(x, x)".repeat(60)));
    rule_of_macros_in_macros: rule(&format!("{}{}true{}", "self.a.all(x, ".repeat(240), "true || ".repeat(200), ")".repeat(240)));
    rule_that_doubles_a_text: rule(&format!("['aaaaaaaa'].all(x0, {}x60.size() > 0{})", repeat(60, |at| format!("[x{at} + x{at}].all(x{}, ", at + 1)), ")".repeat(60)));
    rule_that_doubles_a_list: rule(&format!("['a'].all(x0, {}x60 == x60{})", repeat(60, |at| format!("[[x{at}, x{at}]].all(x{}, ", at + 1)), ")".repeat(60)));
    rule_of_a_precision: definition(&ruled("'%.999999999f'.format([1.0]).size() > 0"), &object(0, "{a: [1]}")).reports("the cost limit is exceeded");
    rule_of_patterns: rule("self.a.all(x, self.a.all(y, !'aaaa'.matches('(a|b){500}')))");
    long_rule_of_many_objects: definition(&ruled(&format!("false{}", " ".repeat(60_000))), &repeat(3_000, |at| object(at, "{a: [1]}"))).reports("violates a rule");
    long_pattern_of_many_objects: definition(&text(&format!("pattern: \"{}\"", "a".repeat(60_000))), &repeat(3_000, |at| object(at, "{a: x}"))).reports("must match");
    long_enum_of_many_objects: definition(&text(&format!("enum: [{}]", repeat(10_000, |at| format!("v{at}, ")))), &repeat(500, |at| object(at, "{a: x}"))).reports("v0");
    pattern_of_a_definition_that_grows: definition(&text("pattern: '(((a{1,1000}){1,1000}){1,1000}){1,1000}'"), &object(0, "{a: x}")).harmless().without_position();
}
