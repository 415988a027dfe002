//! The same work on many resources: on all processors where there are many, in the same order of faults either way.

use rayon::prelude::*;

use crate::diag::Diagnostic;

/// From here on it pays to share the work.
pub(super) const MANY: usize = 256;

/// Works on each item, and fails with the first fault.
pub(super) fn each<T: Send>(
    items: &mut [T],
    work: impl Fn(&mut T) -> Result<(), Diagnostic> + Sync + Send,
) -> Result<(), Diagnostic> {
    faults(items, work).into_iter().next().map_or(Ok(()), Err)
}

/// Works on each item, and gives all faults in order.
pub(super) fn faults<T: Send>(
    items: &mut [T],
    work: impl Fn(&mut T) -> Result<(), Diagnostic> + Sync + Send,
) -> Vec<Diagnostic> {
    if items.len() < MANY {
        return items.iter_mut().filter_map(|it| work(it).err()).collect();
    }
    let faults = items.par_iter_mut().filter_map(|it| work(it).err());
    faults.collect()
}

/// Makes something of each item, in order; on all processors from `many` items on.
pub(super) fn map<T: Sync, R: Send>(
    many: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync + Send,
) -> Vec<R> {
    if items.len() < many {
        return items.iter().map(work).collect();
    }
    items.par_iter().map(work).collect()
}

/// Makes something of each item that it may change on the way, and fails with the first fault.
pub(super) fn collect<T: Send, R: Send>(
    items: &mut [T],
    work: impl Fn(&mut T) -> Result<R, Diagnostic> + Sync + Send,
) -> Result<Vec<R>, Diagnostic> {
    if items.len() < MANY {
        return items.iter_mut().map(work).collect();
    }
    let done: Vec<Result<R, Diagnostic>> = items.par_iter_mut().map(work).collect();
    done.into_iter().collect()
}
