//! Prints a chart's metadata and its default values: `cargo run --example inspect -- CHART.tgz`.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use pleach_helm::chart::read_archive;
use pleach_yaml::emit_canonical;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: inspect CHART.tgz")?;
    let chart = read_archive(&std::fs::read(&path)?, &path).map_err(|it| it.message.to_string())?;
    print!(
        "{}---\n{}",
        emit_canonical(&chart.metadata),
        emit_canonical(&chart.values)
    );
    Ok(())
}
