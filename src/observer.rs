//! What a run is at, for who shows or times it. It changes nothing.

use std::sync::Arc;

/// Something that begins or ends. Events come from all threads that work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A stage of the whole run begins, in words for a person. The stage before it ends.
    Stage(&'a str),
    /// This thread begins a part of the work on one environment.
    Begin {
        /// The name of the environment.
        environment: &'a str,
        /// The part, in words for a person.
        work: &'static str,
    },
    /// The part that this thread began last, and has not ended yet, ends.
    End,
}

/// Hears of everything that begins in a run.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<Call>>);

type Call = dyn Fn(Event<'_>) + Send + Sync;

impl Observer {
    /// Calls a function for each event.
    pub fn new(call: impl Fn(Event<'_>) + Send + Sync + 'static) -> Observer {
        Observer(Some(Arc::new(call)))
    }

    pub(crate) fn begins(&self, stage: &str) {
        if let Some(call) = &self.0 {
            call(Event::Stage(stage));
        }
    }

    /// Does a part of the work on one environment.
    pub(crate) fn during<T>(
        &self,
        environment: &str,
        work: &'static str,
        run: impl FnOnce() -> T,
    ) -> T {
        let Some(call) = &self.0 else {
            return run();
        };
        call(Event::Begin { environment, work });
        let result = run();
        call(Event::End);
        result
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}
