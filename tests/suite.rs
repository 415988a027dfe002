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
mod charts;
mod ci;
#[path = "common/forms.rs"]
mod common_forms;
#[path = "common/compare.rs"]
mod compare;
#[path = "common/git_repository.rs"]
mod git_repository;
#[path = "common/program.rs"]
mod program;
#[path = "common/random.rs"]
mod common_random;
mod check;
mod check_paths;
mod chronik;
mod contributing;
mod cli;
mod clickhouse_config;
mod danger;
mod deploy;
mod diff;
mod disk;
mod emit;
mod engines;
mod examples;
mod forms;
mod helm_flags;
mod hook;
mod hostile;
mod real_kustomize;
mod kind_cases;
mod krm_function;
mod kustomize;
mod incremental;
mod infraforge;
mod json_schema;
mod interrupted;
mod hostile_text;
mod layers;
mod moved_units;
mod output_location;
mod lsp;
mod links;
mod sparse_checkout;
mod submodules;
mod git_links;
mod html_report;
mod explain_deployed;
mod explain_pages;
mod fix;
mod readme;
mod cli_errors;
mod fuzz;
mod patch;
mod rebase;
mod removed_claims;
mod schema_validation;
mod scale_examples;
mod shards;
mod shared_cache;
mod silent_fields;
mod report;
mod repository_faults;
mod revisions;
mod secret_leaks;
mod unchanged;
mod vendor;
mod why;
mod word_index;
mod workspaces;
mod yaml_conformance;
mod yaml_faults;
mod yaml_laws;
mod yaml_peers;
