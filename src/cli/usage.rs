//! Wrong arguments: exit code 2, with what to write instead.

use std::fmt;

use pleach::diag::{Diagnostics, nearest};
use pleach::load;

use super::session::Session;

/// The maximum number of names listed.
const NAMES_MAX: usize = 12;

/// An argument that names nothing.
#[derive(Debug)]
pub(super) struct UsageError {
    message: String,
    pub(super) helps: Vec<String>,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UsageError {}

impl UsageError {
    pub(super) fn new(message: String, help: &str) -> UsageError {
        UsageError {
            message,
            helps: vec![help.to_string()],
        }
    }

    /// The error about arguments among the errors of a command: it has no location in a file.
    pub(super) fn among(faults: &Diagnostics) -> Option<UsageError> {
        let mut faults = faults.iter();
        let first = faults.next().filter(|it| it.span.is_none())?;
        Some(UsageError {
            message: first.message.clone(),
            helps: first.help.clone(),
        })
    }
}

/// Checks that all requested names are known. `what` is `environment`, `claim` or the like.
pub(super) fn check_names<'a>(
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    requested: &[String],
) -> Result<(), UsageError> {
    let is_known = |name: &String| known.clone().any(|it| it == name);
    let Some(name) = requested.iter().find(|it| !is_known(it)) else {
        return Ok(());
    };
    let near = nearest(name, known.clone()).map(|it| format!("; did you mean `{it}`?"));
    let names: Vec<&str> = known.clone().take(NAMES_MAX).collect();
    let more = match known.count() - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let helps = match names.is_empty() {
        true => format!("there is no {what}"),
        false => format!("{what}s: {}{more}", names.join(", ")),
    };
    Err(UsageError {
        message: format!("unknown {what} `{name}`{}", near.unwrap_or_default()),
        helps: vec![helps],
    })
}

/// Checks that a workspace has all requested environments.
pub(super) fn check_environments(
    session: &Session<'_>,
    requested: &[String],
) -> Result<(), UsageError> {
    let known = load::environments_in_order(&session.files);
    // If the folder of the environments cannot be read, the command reports this.
    match known.is_empty() {
        true => Ok(()),
        false => check_names("environment", known.iter().map(String::as_str), requested),
    }
}
