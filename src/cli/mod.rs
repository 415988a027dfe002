//! The command line: flags, one file per subcommand, exit codes.
//!
//! Exit codes: 0 for success, 1 for findings or differences, 2 if the command failed (flags, files, the system).

mod affected;
mod build;
mod cache;
mod check;
mod compare;
mod comparison_flags;
mod completions;
mod diff;
mod document;
mod earlier;
mod examples;
mod explain;
mod function;
mod hook;
mod init;
mod kinds;
mod lsp;
mod man;
mod matrix;
mod new;
mod output;
mod progress;
mod promote;
mod publish;
mod removed;
mod render;
mod repository_files;
mod revision;
mod schema;
mod selection;
mod session;
mod stream;
mod template;
mod test;
mod tree;
mod timings;
mod tree_slices;
mod unchanged;
mod usage;
mod vendor;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::ArgValueCandidates;

use document::Document;
use pleach::disk::DiskError;
use pleach::report::Format;
use pleach::yaml::parallel;

const EXIT_CODES: &str =
    "Exit codes: 0 for success, 1 for findings or differences, 2 if the command failed.";

/// Scripts read the short form of `-V`. A test checks that the number equals the engine's `KUSTOMIZE_VERSION`.
const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\nbuilds like kustomize 5.8.2");

/// Renders short claims in Git to the YAML that Flux or Argo CD syncs.
#[derive(Debug, Parser)]
#[command(name = "pleach", version, long_version = LONG_VERSION, after_help = EXIT_CODES, styles = STYLES, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Flags of every subcommand.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of all commands")]
struct Global {
    /// Run in this folder instead of the current one
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true)]
    directory: Option<PathBuf>,
    /// Format of errors and warnings: human or short on standard error; json, github, gitlab, sarif or junit as one document, on
    /// standard output if the command has no other output
    #[arg(long, value_name = "FORMAT", default_value = "human", global = true, add = ArgValueCandidates::new(completions::formats))]
    format: Format,
    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    color: Color,
    /// Treat warnings as errors; with `=files`, also report files in a kustomization's folder that nothing refers to
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "warnings", global = true)]
    strict: Option<Strict>,
    /// Print only errors and requested output: no warnings, no progress, no summary
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Folder for pulled charts, remote bases and records of runs [default: `pleach` in the user's cache folder]
    #[arg(
        long,
        value_name = "DIR",
        env = "PLEACH_CACHE",
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        value_hint = ValueHint::DirPath,
        hide_env_values = true,
        global = true
    )]
    cache: Option<PathBuf>,
    /// What the command reports in a format for programs.
    #[arg(skip)]
    document: Document,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Strict {
    Warnings,
    Files,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a starter workspace
    Init(init::Arguments),
    /// Render all claims of the workspace and write the resulting tree of YAML
    Render(render::Arguments),
    /// Check that the committed tree matches the claims, and check the objects that it applies; or check objects in files
    Check(check::Arguments),
    /// Show the effect of a change on each cluster, by object and field, and its dangers
    Diff(diff::Arguments),
    /// Show what Flux and Argo CD deploy: each Kustomization, HelmRelease and Application, with its objects
    Tree(tree::Arguments),
    /// Show versions, images, replicas and resources of each claim in each environment, and mark differences
    Matrix(matrix::Arguments),
    /// Show the differences between two environments
    Compare(compare::Arguments),
    /// Copy versions or other fields from the claims of one environment to those of another, and show the effect
    Promote(promote::Arguments),
    /// List the environments, claims and kustomizations that a change affects
    Affected(affected::Arguments),
    /// Check staged changes before they are committed
    Hook(hook::Arguments),
    /// Build a kustomization, with the same output as `kustomize build`
    Build(build::Arguments),
    /// Render a chart, with the same output as `helm template`
    #[command(disable_version_flag = true)]
    Template(Box<template::Arguments>),
    /// Compare `pleach build` with an installed kustomize, on your own kustomizations
    Verify(verify::Arguments),
    /// Fetch the charts and remote bases that the repository refers to, and pin them in pleach.lock
    Vendor(vendor::Arguments),
    /// Pack charts and push them to a registry
    Publish(publish::Arguments),
    /// Add a claim kind of your own to the workspace
    New(new::Arguments),
    /// Run the test cases of your own claim kinds
    Test(test::Arguments),
    /// List all claim kinds, or the fields of one
    Kinds(kinds::Arguments),
    /// Print JSON Schema for the files of the workspace, for completion and checks in editors
    Schema(schema::Arguments),
    /// Run as a KRM function of kustomize or kpt: add the objects of an environment to a ResourceList
    ///
    /// Standard input is the ResourceList. Its functionConfig contains, in `spec` or in `data` of a ConfigMap, `environment` and
    /// optionally `workspace`, a folder relative to the working directory. The printed list has all items of the input; items that
    /// are rendered again are replaced. Errors and warnings are also its `results`.
    Function(function::Arguments),
    /// Run the language server for editors, over standard input and output
    Lsp(lsp::Arguments),
    /// Show where a value comes from, or explain a diagnostic code
    Explain(explain::Arguments),
    /// Print a completion script for a shell: commands, flags, environments, claims, kinds and codes
    Completions(completions::Arguments),
    /// Write the manual pages for `man`
    Man(man::Arguments),
}

impl Command {
    /// Whether standard output is for something else than the report of errors and warnings.
    fn has_output(&self) -> bool {
        !matches!(
            self,
            Command::Render(_)
                | Command::Check(_)
                | Command::Hook(_)
                | Command::Vendor(_)
                | Command::Test(_)
        )
    }
}

/// The result of a subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Clean,
    Findings,
}

/// Runs the program with the process's own arguments.
pub(super) fn run() -> ExitCode {
    completions::answer();
    if let Some(version) = requested_version() {
        return exit_code(output::data(version.as_bytes()).map(|()| Outcome::Clean));
    }
    let Cli {
        mut global,
        command,
    } = match read_arguments() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    // An empty variable counts as unset.
    global.cache.take_if(|it| it.as_os_str().is_empty());
    // The thread with the server's state must not wait for work of other threads.
    if !matches!(command, Command::Lsp(_)) {
        parallel::use_current_thread();
    }
    if global.quiet {
        output::be_quiet();
    }
    match global.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let has_output = command.has_output();
    let is_for_programs = global.format.is_for_programs();
    if !has_output && is_for_programs {
        output::reserve_for_document();
    }
    let is_server = matches!(command, Command::Lsp(_));
    if has_output && is_for_programs && !is_server {
        output::hold_text();
    }
    let outcome = match command {
        Command::Render(arguments) => render::run(&arguments, &global),
        Command::Check(arguments) => check::run(&arguments, &global),
        Command::Diff(arguments) => diff::run(&arguments, &global),
        Command::Tree(arguments) => tree::run(&arguments, &global),
        Command::Matrix(arguments) => matrix::run(&arguments, &global),
        Command::Compare(arguments) => compare::run(&arguments, &global),
        Command::Promote(arguments) => promote::run(&arguments, &global),
        Command::Build(arguments) => build::run(&arguments, &global),
        Command::Template(arguments) => template::run(&arguments, &global),
        Command::Verify(arguments) => verify::run(&arguments, &global),
        Command::Vendor(arguments) => vendor::run(&arguments, &global),
        Command::Publish(arguments) => publish::run(&arguments, &global),
        Command::Affected(arguments) => affected::run(&arguments, &global),
        Command::Hook(arguments) => hook::run(&arguments, &global),
        Command::Init(arguments) => init::run(&arguments, &global),
        Command::New(arguments) => new::run(&arguments, &global),
        Command::Test(arguments) => test::run(&arguments, &global),
        Command::Kinds(arguments) => kinds::run(&arguments, &global),
        Command::Schema(arguments) => schema::run(&arguments, &global),
        Command::Function(arguments) => function::run(&arguments, &global),
        Command::Lsp(arguments) => lsp::run(&arguments, &global),
        Command::Explain(arguments) => explain::run(&arguments, &global),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    };
    match has_output {
        _ if !is_for_programs => {}
        true if is_server => {}
        true => {
            let (format, has_failed) = (global.format, outcome.is_err());
            global.document.print_beside_output(format, has_failed);
            output::release_text();
        }
        false => global.document.print(global.format, outcome.is_err()),
    }
    exit_code(outcome)
}

/// Adds the flags of a subcommand to a parser.
type AddFlags = fn(clap::Command) -> clap::Command;

/// The flags of each subcommand.
const SUBCOMMANDS: [(&str, AddFlags); 24] = [
    ("init", init::Arguments::augment_args),
    ("render", render::Arguments::augment_args),
    ("check", check::Arguments::augment_args),
    ("diff", diff::Arguments::augment_args),
    ("tree", tree::Arguments::augment_args),
    ("matrix", matrix::Arguments::augment_args),
    ("compare", compare::Arguments::augment_args),
    ("promote", promote::Arguments::augment_args),
    ("affected", affected::Arguments::augment_args),
    ("hook", hook::Arguments::augment_args),
    ("build", build::Arguments::augment_args),
    ("template", |it| {
        let command = template::Arguments::augment_args(it);
        // As in Helm, the last value of a flag applies.
        command.disable_version_flag(true).args_override_self(true)
    }),
    ("verify", verify::Arguments::augment_args),
    ("vendor", vendor::Arguments::augment_args),
    ("publish", publish::Arguments::augment_args),
    ("new", new::Arguments::augment_args),
    ("test", test::Arguments::augment_args),
    ("kinds", kinds::Arguments::augment_args),
    ("schema", schema::Arguments::augment_args),
    ("function", function::Arguments::augment_args),
    ("lsp", lsp::Arguments::augment_args),
    ("explain", explain::Arguments::augment_args),
    ("completions", completions::Arguments::augment_args),
    ("man", man::Arguments::augment_args),
];

/// A parser for one subcommand only: creating the one for all takes longer than a small build.
fn parser_of(name: &str) -> Option<clap::Command> {
    let (name, add_flags) = SUBCOMMANDS.iter().find(|it| it.0 == name)?;
    let subcommand = add_flags(clap::Command::new(*name));
    Some(Global::augment_args(clap::Command::new("pleach")).subcommand(subcommand))
}

/// The arguments, if they begin with a subcommand and are valid.
fn quickly_read_arguments() -> Option<Cli> {
    let name = std::env::args_os().nth(1)?;
    let matches = parser_of(name.to_str()?)?.try_get_matches().ok()?;
    Cli::from_arg_matches(&matches).ok()
}

/// The output of `--version` or `-V` alone. Scripts may call it before each run, and it takes half as long without the parser for
/// all flags.
fn requested_version() -> Option<String> {
    let mut arguments = std::env::args_os().skip(1);
    let (flag, None) = (arguments.next()?, arguments.next()) else {
        return None;
    };
    let version = match flag.to_str()? {
        "--version" => LONG_VERSION,
        "-V" => env!("CARGO_PKG_VERSION"),
        _ => return None,
    };
    Some(format!("pleach {version}\n"))
}

/// The value of `--color` for help and errors, which are printed before the arguments are read.
fn requested_color() -> clap::ColorChoice {
    let arguments: Vec<_> = std::env::args_os().collect();
    let before = arguments.iter().take_while(|it| *it != "--");
    let next = arguments.iter().skip(1).map(Some).chain([None]);
    let values = before.zip(next).filter_map(|(it, next)| {
        let value = it.to_str()?.strip_prefix("--color")?;
        match value.strip_prefix('=') {
            Some(value) => Some(value),
            None if value.is_empty() => next?.to_str(),
            None => None,
        }
    });
    match values.last() {
        Some("never") => clap::ColorChoice::Never,
        Some("always") => clap::ColorChoice::Always,
        _ => clap::ColorChoice::Auto,
    }
}

/// Parses the arguments; prints help or errors instead of running, if requested.
fn read_arguments() -> Result<Cli, ExitCode> {
    if let Some(cli) = quickly_read_arguments() {
        return Ok(cli);
    }
    // Examples are only needed if help is shown.
    let command = || Cli::command().color(requested_color());
    let matches = command().try_get_matches();
    let matches = matches.or_else(|_| {
        let error = match examples::add(command()).try_get_matches() {
            Err(error) if error.use_stderr() => error,
            other => return other,
        };
        // Usage lines show values of environment variables as if they were required.
        let plain = examples::add(command()).mut_arg("cache", |it| it.env(""));
        Err(plain.try_get_matches().err().unwrap_or(error))
    });
    let read = matches.and_then(|it| Cli::from_arg_matches(&it));
    read.map_err(|it| match output::printed(it.print()) {
        Ok(()) => ExitCode::from(u8::try_from(it.exit_code()).unwrap_or(2)),
        Err(error) => exit_code(Err(error)),
    })
}

fn exit_code(outcome: anyhow::Result<Outcome>) -> ExitCode {
    match outcome {
        // If output for services is incomplete, no other line shows it.
        Ok(_) if output::has_failed() => {
            output::error("cannot write to standard output");
            ExitCode::from(2)
        }
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(1),
        Err(error) => {
            output::error(&format!("{error:#}"));
            let failed = error.chain().find_map(|it| it.downcast_ref::<DiskError>());
            let usage = error
                .chain()
                .find_map(|it| it.downcast_ref::<usage::UsageError>());
            let helps = usage.into_iter().flat_map(|it| &it.helps);
            let help = failed.and_then(|it| it.help.as_ref());
            helps.chain(help).for_each(|it| output::help(it));
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, SUBCOMMANDS, parser_of};

    fn flags(command: &clap::Command) -> Vec<String> {
        let own = command.get_arguments().map(|it| format!("{it:?}"));
        let below = command.get_subcommands().flat_map(flags);
        own.chain(below).collect()
    }

    #[test]
    fn a_parser_of_one_subcommand_has_all_its_flags() {
        let all = Cli::command();
        assert_eq!(all.get_subcommands().count(), SUBCOMMANDS.len());
        for whole in all.get_subcommands() {
            let alone = parser_of(whole.get_name()).unwrap();
            let alone = alone.get_subcommands().next().unwrap();
            assert_eq!(flags(alone), flags(whole), "{}", whole.get_name());
            let flag = |it: &clap::Command| it.is_disable_version_flag_set();
            assert_eq!(flag(alone), flag(whole));
        }
    }
}
