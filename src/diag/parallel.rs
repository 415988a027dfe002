//! Work on independent items, on all cores.

use rayon::prelude::*;

use super::Diagnostics;

/// Runs a function on each item. The results, and what each run had to say, come in the order of the items.
pub fn each<T: Send, R: Send>(
    items: impl IntoParallelIterator<Iter: IndexedParallelIterator, Item = T>,
    diagnostics: &mut Diagnostics,
    run: impl Fn(T, &mut Diagnostics) -> R + Sync + Send,
) -> Vec<R> {
    let run = |item| {
        let mut said = Diagnostics::default();
        (run(item, &mut said), said)
    };
    let done: Vec<(R, Diagnostics)> = items.into_par_iter().map(run).collect();
    let keep = |(result, said)| {
        diagnostics.extend(said);
        result
    };
    done.into_iter().map(keep).collect()
}
