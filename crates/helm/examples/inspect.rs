//! Prints a chart's metadata and its default values: `cargo run --example inspect -- CHART.tgz`.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use pleach_helm::chart::read_archive;
use pleach_yaml::to_claims_form;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: inspect CHART.tgz")?;
    let chart = read_archive(&std::fs::read(&path)?, &path).map_err(|it| it.message.to_string())?;
    print!(
        "{}---\n{}",
        to_claims_form(&chart.metadata),
        to_claims_form(&chart.values)
    );
    Ok(())
}
