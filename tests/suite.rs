//! All integration tests, one binary.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests read case files, say why they are skipped, and fail by panic"
)]

mod affected;
mod book;
mod api_verdicts;
mod cases;
mod charts;
mod ci;
mod check;
mod chronik;
mod claims;
mod cli;
mod danger;
mod deploy;
mod diff;
mod disk;
mod edit;
mod emit;
mod engines;
mod examples;
mod forms;
mod golden;
mod hook;
mod hostile;
mod kubectl;
mod kustomize;
mod infraforge;
mod interrupted;
mod hostile_text;
mod layers;
mod output_place;
mod links;
mod html_report;
mod explain_pages;
mod readme;
mod matrix;
mod cli_errors;
mod fuzz;
mod patch;
mod promotion;
mod rebase;
mod schema_validation;
mod silent_fields;
mod report;
mod repository_faults;
mod revisions;
mod schema;
mod secret_leaks;
mod vendor;
mod workspaces;
mod yaml_conformance;
mod yaml_faults;
mod yaml_laws;
mod yaml_peers;
