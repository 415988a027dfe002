//! Work on many things at once. The order of the results is that of the things, so nothing shows that it was at once.

use rayon::prelude::*;

use crate::diag::Diagnostic;

/// Below this number, starting threads costs more than it saves.
const MANY: usize = 200;

/// What `make` gives for each thing.
pub(super) fn map<'a, T: Sync, U: Send>(
    things: &'a [T],
    make: impl Fn(&'a T) -> U + Sync + Send,
) -> std::vec::IntoIter<U> {
    let made: Vec<U> = if things.len() < MANY {
        things.iter().map(make).collect()
    } else {
        things.par_iter().map(make).collect()
    };
    made.into_iter()
}

/// What `change` gives for each thing.
pub(super) fn each<T: Send, U: Send>(
    things: &mut [T],
    change: impl Fn(&mut T) -> U + Sync + Send,
) -> Vec<U> {
    if things.len() < MANY {
        things.iter_mut().map(change).collect()
    } else {
        things.par_iter_mut().map(change).collect()
    }
}

/// What `change` gives for each thing, or its first fault.
pub(super) fn change<T: Send, U: Send>(
    things: &mut [T],
    change: impl Fn(&mut T) -> Result<U, Diagnostic> + Sync + Send,
) -> Result<Vec<U>, Diagnostic> {
    each(things, change).into_iter().collect()
}
