//! Builds a kustomization in memory and prints it.
#![allow(clippy::print_stdout)]

use pleach_kustomize::{Options, build};
use pleach_yaml::diag::Diagnostics;
use pleach_yaml::tree::{Tree, TreePath};

const FILES: &str = "\
-- app/kustomization.yaml --
namePrefix: test-
resources: [config.yaml]
-- app/config.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: colours}
data: {sky: blue}
";

fn main() -> Result<(), Diagnostics> {
    let folder = TreePath::root().child("app");
    let built = build(&Tree::from_text(FILES), &folder, &Options::default());
    print!("{}", built.to_yaml()?);
    Ok(())
}
