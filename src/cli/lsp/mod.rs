//! `pleach lsp`: a language server over standard input and output.
//!
//! One thread reads messages, one writes them, and one owns the state. Long requests run in the background on a copy of the state.

mod capabilities;
mod convert;
mod head;
mod requests;
mod server;
mod transport;
mod uri;
mod workspace_check;

use std::io;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use crossbeam_channel::{Receiver, Sender, unbounded};

use super::{Global, Outcome, cache};
use server::{Event, Server};
use transport::{Received, receive, start_writer};

/// The stack size of threads that process values of users, as on the main thread.
const STACK_BYTES: usize = 8 << 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Accepted because many editors pass it; the server always uses standard input and output
    #[arg(long, hide = true)]
    stdio: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let _ = arguments.stdio;
    let (sender, writer) = start_writer();
    let (events, received) = unbounded();
    let reader = events.clone();
    std::thread::spawn(move || read_all(&reader));
    let server = Server::new(
        sender,
        events,
        cache::open(global),
        Arc::new(global.clone()),
    );
    let mut server = server.context("no thread can be started")?;
    let outcome = serve(&mut server, &received);
    drop(server);
    // The last answers must still be written.
    let _ = writer.join();
    Ok(outcome)
}

fn read_all(events: &Sender<Event>) {
    let mut input = io::stdin().lock();
    loop {
        let event = match receive(&mut input) {
            Ok(Some(Received::Message(message))) => Event::Message(message),
            Ok(Some(Received::Malformed(answer))) => Event::Malformed(answer),
            Ok(None) | Err(_) => Event::Closed,
        };
        let is_last = matches!(event, Event::Closed);
        if events.send(event).is_err() || is_last {
            return;
        }
    }
}

/// Answers requests until the editor sends `exit` or disconnects. According to the protocol, it is an error if there was no
/// `shutdown` before.
fn serve(server: &mut Server, events: &Receiver<Event>) -> Outcome {
    while let Ok(first) = events.recv() {
        // All pending messages are read before any is answered, so that cancelled requests are not started.
        let mut batch = vec![first];
        batch.extend(events.try_iter());
        server.note_cancelled(&batch);
        for event in batch {
            if let Some(outcome) = server.handle(event) {
                return outcome;
            }
        }
        if events.is_empty() {
            server.check_edited_files();
        }
    }
    Outcome::Findings
}
