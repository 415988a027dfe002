//! The `pleach` program.

/// A build makes and drops many small nodes on all cores: with the system's allocator that takes a third longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    pleach::cli::run()
}
