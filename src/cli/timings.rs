#![allow(
    clippy::disallowed_methods,
    reason = "how long a run takes only the clock knows, and no output but this depends on it"
)]
//! `--timings`: how long each stage of a run took, as a table, and as a trace that browsers' tracing pages read.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use super::output;
use crate::disk::store;

/// What is asked for. (Names of such structs are unique among the flags of a command.)
#[derive(Debug, Args)]
pub(super) struct TimingFlags {
    /// Print the time of each stage; with `=FILE`, also write a trace in Chrome's format
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    timings: Option<Option<PathBuf>>,
}

/// The stages of a run, by when they began.
pub(super) struct Timings {
    begin: Instant,
    stages: Mutex<Vec<(String, Duration)>>,
}

impl TimingFlags {
    /// Carries out a run with its stages counted, if that is asked for, and prints them. Errors: those of the run; the file can't be
    /// written.
    pub(super) fn count<T>(
        &self,
        run: impl FnOnce(Option<&Arc<Timings>>) -> Result<T>,
    ) -> Result<T> {
        let timings = self.start();
        let outcome = run(timings.as_ref())?;
        self.finish(timings.as_deref())?;
        Ok(outcome)
    }

    fn start(&self) -> Option<Arc<Timings>> {
        self.timings.as_ref().map(|_| {
            Arc::new(Timings {
                begin: Instant::now(),
                stages: Mutex::default(),
            })
        })
    }

    fn finish(&self, timings: Option<&Timings>) -> Result<()> {
        let (Some(timings), Some(file)) = (timings, &self.timings) else {
            return Ok(());
        };
        let stages = timings.stages();
        output::note(&table(&stages));
        match file {
            Some(file) => Ok(store(file, trace(&stages).as_bytes())?),
            None => Ok(()),
        }
    }
}

/// A stage that has ended.
struct Stage {
    words: String,
    begin: Duration,
    took: Duration,
}

impl Timings {
    /// A stage begins, and the one before it ends.
    pub(super) fn begins(&self, words: &str) {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.push((words.to_string(), self.begin.elapsed()));
    }

    fn stages(&self) -> Vec<Stage> {
        let now = self.begin.elapsed();
        let begun = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = begun.iter().skip(1).map(|it| it.1).chain([now]);
        let stages = begun.iter().zip(ends).map(|((words, begin), end)| Stage {
            words: words.clone(),
            begin: *begin,
            took: end.saturating_sub(*begin),
        });
        stages.collect()
    }
}

/// A line for each stage: milliseconds, the part of the whole, and words.
fn table(stages: &[Stage]) -> String {
    let milliseconds = |it: Duration| it.as_secs_f64() * 1000.0;
    let whole = milliseconds(stages.iter().map(|it| it.took).sum());
    let mut text = String::new();
    for stage in stages {
        let took = milliseconds(stage.took);
        let part = 100.0 * took / whole.max(f64::MIN_POSITIVE);
        _ = writeln!(text, "{took:>9.1} ms {part:>5.1} %  {}", stage.words);
    }
    _ = writeln!(text, "{whole:>9.1} ms 100.0 %  in all");
    text
}

/// The Trace Event Format: complete events (`X`) on one thread, in microseconds.
fn trace(stages: &[Stage]) -> String {
    let event = |stage: &Stage| {
        serde_json::json!({
            "name": stage.words, "cat": "stage", "ph": "X", "pid": 1, "tid": 1,
            "ts": stage.begin.as_micros() as u64, "dur": stage.took.as_micros() as u64,
        })
    };
    let events: Vec<_> = stages.iter().map(event).collect();
    serde_json::json!({"displayTimeUnit": "ms", "traceEvents": events}).to_string()
}
