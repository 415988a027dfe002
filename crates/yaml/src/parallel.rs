//! Processes independent items, on all processors if there are many of them. Results and errors are in the order of the items.

use std::sync::{Once, OnceLock};
use std::thread::ThreadId;

use rayon::prelude::*;

use crate::diag::{Diagnostic, Diagnostics};

/// The number of small items from which on parallel work is faster.
// Waking a worker takes a few microseconds, about as long as writing a small object.
pub const MANY: usize = 256;

/// The stack size of workers, which process values of any depth that the reader permits; that of a main thread.
// Rust's default of 2 MiB may be too small for a document with a thousand levels.
const STACK_BYTES: usize = 8 << 20;

/// The thread that is also a worker.
static OWN: OnceLock<ThreadId> = OnceLock::new();

/// Makes the calling thread one of the workers, instead of an additional thread that waits for them. Only this thread may start
/// work.
pub fn use_current_thread() {
    // If this is called twice, the first thread is kept, because the pool was built with it.
    let _ = OWN.set(std::thread::current().id());
}

/// Starts the workers on first use. If the program has already built a global pool, that is used.
fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let workers = rayon::ThreadPoolBuilder::new().stack_size(STACK_BYTES);
        let is_own = OWN.get() == Some(&std::thread::current().id());
        let workers = match is_own {
            true => workers.use_current_thread(),
            false => workers,
        };
        // This fails if the embedding program has built the global pool, which is then used.
        let _ = workers.build_global();
    });
}

/// Runs a function on each of a few large items. The results and the diagnostics of each run are in the order of the items.
pub fn each<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    diagnostics: &mut Diagnostics,
    run: impl Fn(T, &mut Diagnostics) -> R + Sync + Send,
) -> Vec<R> {
    each_of_many(2, items, diagnostics, run)
}

/// Like [`each`], in parallel if there are at least `many` items.
pub fn each_of_many<T: Send, R: Send>(
    many: usize,
    items: impl IntoIterator<Item = T>,
    diagnostics: &mut Diagnostics,
    run: impl Fn(T, &mut Diagnostics) -> R + Sync + Send,
) -> Vec<R> {
    let items: Vec<T> = items.into_iter().collect();
    if items.len() < many {
        return items.into_iter().map(|it| run(it, diagnostics)).collect();
    }
    let run = |item| {
        // Each call collects separately: a shared list would need a lock, and its order would depend on timing.
        let mut found = Diagnostics::default();
        (run(item, &mut found), found)
    };
    start();
    let done: Vec<(R, Diagnostics)> = items.into_par_iter().map(run).collect();
    let keep = |(result, found)| {
        diagnostics.extend(found);
        result
    };
    done.into_iter().map(keep).collect()
}

/// Runs two functions in parallel.
pub fn join<A: Send, B: Send>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    start();
    rayon::join(one, other)
}

/// Maps each item, in parallel if there are at least `many` items.
pub fn map<T: Sync, R: Send>(
    many: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync + Send,
) -> Vec<R> {
    if items.len() < many {
        return items.iter().map(work).collect();
    }
    start();
    items.par_iter().map(work).collect()
}

/// Maps each item mutably, and fails with the first error.
pub fn try_map<T: Send, R: Send>(
    items: &mut [T],
    work: impl Fn(&mut T) -> Result<R, Diagnostic> + Sync + Send,
) -> Result<Vec<R>, Diagnostic> {
    if items.len() < MANY {
        return items.iter_mut().map(work).collect();
    }
    start();
    // The first error in the order of items, not of time.
    let done: Vec<Result<R, Diagnostic>> = items.par_iter_mut().map(work).collect();
    done.into_iter().collect()
}

/// Processes each item, and returns all errors.
pub fn faults<T: Send>(
    items: &mut [T],
    work: impl Fn(&mut T) -> Result<(), Diagnostic> + Sync + Send,
) -> Vec<Diagnostic> {
    if items.len() < MANY {
        return items.iter_mut().filter_map(|it| work(it).err()).collect();
    }
    start();
    let faults = items.par_iter_mut().filter_map(|it| work(it).err());
    faults.collect()
}
