//! Prints which fields differ between two versions of an object.
#![allow(clippy::print_stdout)]

use pleach_kube::diff::{Options, Salt, diff};
use pleach_kube::object::Object;
use pleach_kube::schema::Schemas;
use pleach_yaml::diag::{Diagnostics, Source};
use pleach_yaml::parse_one;

fn main() -> Result<(), Diagnostics> {
    let version = |replicas: u8| {
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: shop}}\nspec: {{replicas: {replicas}}}\n"
        );
        parse_one(&Source::internal("deployment.yaml", text)).map(Object::new)
    };
    let (before, after) = ([version(2)?], [version(3)?]);
    let salt = Salt::new(b"example");
    for change in diff(&before, &after, Schemas::builtin(), &Options::new(&salt)) {
        for field in &change.fields {
            println!("{} {}: {:?}", change.id, field.path, field.difference);
        }
    }
    Ok(())
}
