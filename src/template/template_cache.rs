//! Shares compiled built-in templates and results of expressions between several runs of a process.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::Environment;

use super::memo::Memo;
use super::texts::Texts;

/// Keeps compiled templates for the next run. To compare two states of a workspace, both are rendered one after the other, and the
/// second run can reuse most of the work.
#[derive(Clone, Default)]
pub struct TemplateCache(Arc<Mutex<Option<CompiledTemplates>>>);

/// Compiled texts and results of their expressions.
#[derive(Clone)]
pub(super) struct CompiledTemplates {
    pub(super) texts: Vec<&'static Texts>,
    pub(super) environment: Environment<'static>,
    pub(super) memo: Arc<Memo>,
}

impl TemplateCache {
    pub(super) fn store(&self, compiled: CompiledTemplates) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *cache = Some(compiled);
    }

    /// The templates that were compiled from exactly these texts.
    pub(super) fn get(&self, texts: &[&'static Texts]) -> Option<CompiledTemplates> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let compiled = cache.as_ref()?;
        let mut pairs = compiled.texts.iter().zip(texts);
        let is_same =
            compiled.texts.len() == texts.len() && pairs.all(|(a, b)| std::ptr::eq(*a, *b));
        is_same.then(|| compiled.clone())
    }
}

impl fmt::Debug for TemplateCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TemplateCache")
    }
}
