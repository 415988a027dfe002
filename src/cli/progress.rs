//! Progress: one line on standard error, if that is a terminal, after a run has taken a while.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Global;
use super::output;
use super::timings::Timings;
use pleach::report::Format;
use pleach::{Event, Observer};

/// The interval for updates of the line.
const TICK: Duration = Duration::from_millis(250);

/// The number of ticks before the line appears: short runs need none.
const FIRST: usize = 3;

/// Shows the progress until it is dropped. Nothing is shown with `-q`, for CI services, or if standard error is not a terminal.
pub(super) struct Progress {
    stages: Option<Sender<String>>,
    writer: Option<JoinHandle<()>>,
    timings: Option<Arc<Timings>>,
}

impl Progress {
    /// Starts with this text.
    pub(super) fn start(global: &Global, activity: &str) -> Progress {
        Progress::timed(global, activity, None)
    }

    /// The same, with a record of when each stage began.
    pub(super) fn timed(
        global: &Global,
        activity: &str,
        timings: Option<&Arc<Timings>>,
    ) -> Progress {
        let timings = timings.cloned();
        timings.iter().for_each(|it| it.start_stage(activity));
        let is_enabled = !global.quiet && global.format == Format::Human;
        if !is_enabled || !std::io::stderr().is_terminal() {
            return Progress {
                stages: None,
                writer: None,
                timings,
            };
        }
        let (stages, received) = channel();
        let activity = activity.to_string();
        let write = move || run(activity, &received);
        let writer = std::thread::Builder::new().spawn(write).ok();
        Progress {
            stages: Some(stages),
            writer,
            timings,
        }
    }

    /// Sets the current text.
    pub(super) fn set(&self, activity: impl Into<String>) {
        let activity = activity.into();
        self.timings.iter().for_each(|it| it.start_stage(&activity));
        if let Some(stages) = &self.stages {
            // The thread that writes may have ended.
            let _ = stages.send(activity);
        }
    }

    /// An observer of a compilation that sets the text at each stage.
    pub(super) fn observer(&self) -> Observer {
        let (stages, timings) = (self.stages.clone(), self.timings.clone());
        if stages.is_none() && timings.is_none() {
            return Observer::default();
        }
        Observer::new(move |event| {
            timings.iter().for_each(|it| it.record(event));
            if let (Event::Stage(activity), Some(stages)) = (event, &stages) {
                let _ = stages.send(activity.to_string());
            }
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // The receiver ends when no sender is left, but an observer may live longer.
        if let Some(stages) = self.stages.take() {
            let _ = stages.send(String::new());
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Updates the line until the end, then removes it. An empty text ends it.
fn run(mut activity: String, received: &Receiver<String>) {
    let mut ticks = 0_usize;
    loop {
        match received.recv_timeout(TICK) {
            Ok(next) if next.is_empty() => break,
            Ok(next) => activity = next,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => ticks += 1,
        }
        if ticks >= FIRST {
            let seconds = TICK.as_millis() * ticks as u128 / 1000;
            output::show_line(&format!("{activity} … {seconds} s"));
        }
    }
    output::clear_line();
}
