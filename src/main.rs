//! The `pleach` program.

fn main() -> std::process::ExitCode {
    pleach::cli::run()
}
