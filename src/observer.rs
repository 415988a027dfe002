//! The progress of a run, for displaying or timing it. It has no effect on the result.

use std::sync::Arc;

/// The beginning or end of some work. Events come from all worker threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A stage of the whole run begins, with a text for users. The previous stage ends.
    Stage(&'a str),
    /// This thread begins a part of the work on one environment.
    Begin {
        /// The name of the environment.
        environment: &'a str,
        /// The part, as a text for users.
        work: &'static str,
    },
    /// The part that this thread began last ends.
    End,
}

/// Receives the events of a run.
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
