//! Shares compiled built-in templates and results of expressions between several runs of a process.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::Environment;

use super::memo::Memo;
use super::texts::Texts;

/// Keeps compiled templates for the next run. Two states of a workspace are rendered one after the other, and the second one can
/// reuse most of the work.
#[derive(Clone, Default)]
pub struct Shelf(Arc<Mutex<Option<Kept>>>);

/// Compiled texts and results of their expressions.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) texts: Vec<&'static Texts>,
    pub(super) environment: Environment<'static>,
    pub(super) memo: Arc<Memo>,
}

impl Shelf {
    pub(super) fn put(&self, kept: Kept) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *shelf = Some(kept);
    }

    /// The templates that were compiled from exactly these texts.
    pub(super) fn take(&self, texts: &[&'static Texts]) -> Option<Kept> {
        let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = shelf.as_ref()?;
        let mut pairs = kept.texts.iter().zip(texts);
        let is_same = kept.texts.len() == texts.len() && pairs.all(|(a, b)| std::ptr::eq(*a, *b));
        is_same.then(|| kept.clone())
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}
