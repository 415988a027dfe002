//! Speed of the YAML reader compared with the events of two other parsers: `cargo bench --bench yaml_read [-- FILE…]`.
//!
//! Without files, it reads generated text similar to CustomResourceDefinitions. Prints megabytes per second, the best of five runs.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench measures, prints and reads files"
)]
#![allow(missing_docs, reason = "a bench has no users")]

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use pleach::diag::Source;
use pleach::yaml::{emit_canonical, emit_kustomize, emit_kyaml, parse};

const SIZE: usize = 20_000_000;

fn main() {
    let files: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    let mut text = files
        .iter()
        .map(|it| std::fs::read_to_string(it).unwrap() + "\n---\n")
        .collect::<String>();
    if text.is_empty() {
        text = definition(0);
    }
    let mut all = String::new();
    while all.len() < SIZE {
        all.push_str(&text);
        if files.is_empty() {
            all.push_str("---\n");
        }
    }
    let source = Source::internal("bench.yaml", all);
    let text = &source.text;
    println!(
        "{:.1} MB, {} lines",
        text.len() as f64 / 1e6,
        text.lines().count()
    );
    measure("ours: tree with spans", text.len(), || {
        parse(&source).unwrap().len()
    });
    let documents = parse(&source).unwrap();
    measure("ours: claims form", text.len(), || {
        documents.iter().map(|it| emit_canonical(it).len()).sum()
    });
    measure("ours: build form", text.len(), || {
        documents
            .iter()
            .filter_map(|it| emit_kustomize(it).ok())
            .map(|it| it.len())
            .sum()
    });
    measure("ours: kyaml form", text.len(), || {
        documents.iter().map(|it| emit_kyaml(it).len()).sum()
    });
    measure("granit-parser: events", text.len(), || {
        granit_parser::Parser::new_from_str(text).count()
    });
    measure("libyaml-safer: events", text.len(), || libyaml_events(text));
}

fn measure(name: &str, bytes: usize, run: impl Fn() -> usize) {
    let best = (0..5).map(|_| {
        let start = Instant::now();
        black_box(run());
        start.elapsed().as_secs_f64()
    });
    let best = best.fold(f64::INFINITY, f64::min);
    println!("{name:24} {:7.1} MB/s", bytes as f64 / best / 1e6);
}

fn libyaml_events(text: &str) -> usize {
    let mut bytes = text.as_bytes();
    let mut parser = libyaml_safer::Parser::new();
    parser.set_input_string(&mut bytes);
    let mut events = 0;
    loop {
        events += 1;
        if parser.parse().unwrap().data == libyaml_safer::EventData::StreamEnd {
            return events;
        }
    }
}

/// A document with the string lengths, depths and styles of real definitions.
fn definition(number: usize) -> String {
    let mut out = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  annotations:\n    controller-gen.kubebuilder.io/version: v0.19.0\n  name: things{number}.example.org\nspec:\n  group: example.org\n  versions:\n  - name: v1\n    served: true\n    schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n"
    );
    for at in 0..40 {
        property(&mut out, at, 10, 4);
    }
    out
}

fn property(out: &mut String, number: usize, indent: usize, depth: usize) {
    let pad = " ".repeat(indent);
    let texts = [
        "description: Name of the object that is referred to, in the same namespace.".to_string(),
        format!(
            "description: |-\n{pad}    The label query over a set of resources that this field selects.\n{pad}    It is joined with the other requirements, so that an empty one selects all.\n\n{pad}    More info: https://example.org/docs/selectors"
        ),
        format!(
            "description: If the value is not given it is taken from the defaults of the\n{pad}    namespace, and from those of the cluster where the namespace has none"
        ),
        "description: 'The policy: one of those that are listed.'".to_string(),
    ];
    let _ = writeln!(
        out,
        "{pad}propertyNumber{number}:\n{pad}  {}",
        texts[number % 4]
    );
    if depth == 0 || number % 5 > 2 {
        let _ = writeln!(
            out,
            "{pad}  enum:\n{pad}  - Always\n{pad}  - IfNotPresent\n{pad}  - \"\"\n{pad}  format: int32\n{pad}  minimum: 0\n{pad}  type: string"
        );
        return;
    }
    let _ = writeln!(
        out,
        "{pad}  type: object\n{pad}  x-kubernetes-map-type: atomic\n{pad}  properties:"
    );
    for at in 0..4 {
        property(out, number + at, indent + 4, depth - 1);
    }
    let _ = writeln!(out, "{pad}  required:\n{pad}  - propertyNumber{number}");
}
