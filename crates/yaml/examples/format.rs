//! Prints a document in the styles of claims and of `kustomize build`, and the location of a value.
#![allow(clippy::print_stdout)]

use pleach_yaml::diag::{Diagnostics, Source};
use pleach_yaml::{emit_canonical, emit_kustomize, parse_one};

fn main() -> Result<(), Diagnostics> {
    let source = Source::internal("deployment.yaml", "spec: {replicas: 3}\nkind: Deployment\n");
    let node = parse_one(&source)?;
    print!("{}\n{}\n", emit_canonical(&node), emit_kustomize(&node)?);
    if let Some(replicas) = node.at_keys(&["spec", "replicas"]) {
        println!("replicas: {:?}", replicas.span().range());
    }
    Ok(())
}
