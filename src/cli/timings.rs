#![allow(
    clippy::disallowed_methods,
    reason = "timings need the clock, and no other output depends on it"
)]
//! `--timings`: the time of each stage of a run, as a table and as a trace for the tracing pages of browsers.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use super::{Global, output, session};
use pleach::Event;
use pleach::disk::store;

/// The flags. (The name must be unique among the structs of flags of a command.)
#[derive(Debug, Args)]
pub(super) struct TimingFlags {
    /// Print the time of each stage; with `=FILE`, also write a trace in Chrome's format
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    timings: Option<Option<PathBuf>>,
}

/// The recorded stages of a run.
pub(super) struct Timings {
    begin: Instant,
    /// The stages with the times at which they began.
    stages: Mutex<Vec<(String, Duration)>>,
    work: Mutex<Work>,
}

/// The work on environments.
#[derive(Default)]
struct Work {
    /// The unfinished work of each thread, innermost last.
    begun: BTreeMap<usize, Vec<RunningWork>>,
    ended: Vec<Part>,
}

struct RunningWork {
    environment: String,
    work: &'static str,
    begin: Duration,
    /// The time of nested work: while a thread waits for others, it may work on another environment.
    within: Duration,
}

/// A finished part of the work on one environment.
struct Part {
    environment: String,
    work: &'static str,
    thread: usize,
    begin: Duration,
    took: Duration,
    /// The time without nested work.
    own: Duration,
}

impl TimingFlags {
    /// Runs a command and, if requested, prints the time of its stages. An error if the command fails or the file cannot be written.
    pub(super) fn count<T>(
        &self,
        global: &Global,
        run: impl FnOnce(Option<&Arc<Timings>>) -> Result<T>,
    ) -> Result<T> {
        let timings = self.start();
        let outcome = run(timings.as_ref())?;
        self.finish(timings.as_deref(), global)?;
        Ok(outcome)
    }

    fn start(&self) -> Option<Arc<Timings>> {
        self.timings.as_ref().map(|_| {
            Arc::new(Timings {
                begin: Instant::now(),
                stages: Mutex::default(),
                work: Mutex::default(),
            })
        })
    }

    fn finish(&self, timings: Option<&Timings>, global: &Global) -> Result<()> {
        let (Some(timings), Some(file)) = (timings, &self.timings) else {
            return Ok(());
        };
        let stages = timings.stages();
        let work = timings.work.lock().unwrap_or_else(PoisonError::into_inner);
        output::note(&table(&stages, &work.ended));
        match file {
            Some(file) => {
                let file = session::directory(global)?.join(file);
                Ok(store(&file, trace(&stages, &work.ended).as_bytes())?)
            }
            None => Ok(()),
        }
    }
}

struct Stage {
    name: String,
    begin: Duration,
    took: Duration,
}

impl Timings {
    /// Records that a stage begins, which ends the previous one.
    pub(super) fn start_stage(&self, name: &str) {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.push((name.to_string(), self.begin.elapsed()));
    }

    /// Records an event of a compilation.
    pub(super) fn record(&self, event: Event<'_>) {
        if let Event::Stage(name) = event {
            return self.start_stage(name);
        }
        let (now, thread) = (self.begin.elapsed(), thread_number());
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.record(event, now, thread);
    }

    fn stages(&self) -> Vec<Stage> {
        let now = self.begin.elapsed();
        let begun = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = begun.iter().skip(1).map(|it| it.1).chain([now]);
        let stages = begun.iter().zip(ends).map(|((name, begin), end)| Stage {
            name: name.clone(),
            begin: *begin,
            took: end.saturating_sub(*begin),
        });
        stages.collect()
    }
}

impl Work {
    fn record(&mut self, event: Event<'_>, now: Duration, thread: usize) {
        let begun = self.begun.entry(thread).or_default();
        if let Event::Begin { environment, work } = event {
            begun.push(RunningWork {
                environment: environment.to_string(),
                work,
                begin: now,
                within: Duration::ZERO,
            });
            return;
        }
        let Some(it) = begun.pop() else {
            return;
        };
        let took = now.saturating_sub(it.begin);
        if let Some(outer) = begun.last_mut() {
            outer.within += took;
        }
        self.ended.push(Part {
            environment: it.environment,
            work: it.work,
            thread,
            begin: it.begin,
            took,
            own: took.saturating_sub(it.within),
        });
    }
}

/// A number for the current thread, from 1 on.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|it| *it)
}

fn milliseconds(it: Duration) -> f64 {
    it.as_secs_f64() * 1000.0
}

/// One line per stage: milliseconds, percentage and name. Then the work on environments, summed over all threads.
fn table(stages: &[Stage], work: &[Part]) -> String {
    let whole = milliseconds(stages.iter().map(|it| it.took).sum());
    let mut text = String::new();
    for stage in stages {
        let took = milliseconds(stage.took);
        let part = 100.0 * took / whole.max(f64::MIN_POSITIVE);
        _ = writeln!(text, "{took:>9.1} ms {part:>5.1} %  {}", stage.name);
    }
    _ = writeln!(text, "{whole:>9.1} ms 100.0 %  total");
    if work.is_empty() {
        return text;
    }
    let mut sums: BTreeMap<&str, Duration> = BTreeMap::new();
    for part in work {
        *sums.entry(part.work).or_default() += part.own;
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|it| Reverse(it.1));
    _ = writeln!(text, "work on environments, summed over all threads:");
    for (work, took) in sums {
        _ = writeln!(text, "{:>9.1} ms          {work}", milliseconds(took));
    }
    text
}

/// The Trace Event Format: complete events (`X`) in microseconds. The stages are thread 0.
fn trace(stages: &[Stage], work: &[Part]) -> String {
    let event = |name: &str, category: &str, thread: usize, begin: Duration, took: Duration| {
        serde_json::json!({
            "name": name, "cat": category, "ph": "X", "pid": 1, "tid": thread,
            "ts": begin.as_micros() as u64, "dur": took.as_micros() as u64,
        })
    };
    let stages = stages
        .iter()
        .map(|it| event(&it.name, "stage", 0, it.begin, it.took));
    let work = work.iter().map(|it| {
        let name = format!("{}: {}", it.environment, it.work);
        event(&name, "environment", it.thread, it.begin, it.took)
    });
    let events: Vec<_> = stages.chain(work).collect();
    serde_json::json!({"displayTimeUnit": "ms", "traceEvents": events}).to_string()
}
