//! `pleach explain`: the manual page of a code, or where a value comes from.

mod deployed_object;
mod page;
mod subject;
mod value;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;

use super::{Global, Outcome};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A code from the output (`clear-text-secret`), an environment, or a line of a file (`deploy/apps/prod/shop/deployment.yaml:17`)
    #[arg(value_name = "CODE|ENV|FILE:LINE", add = ArgValueCandidates::new(super::completions::subjects))]
    what: Option<String>,
    /// With an environment: one of its objects, including those of charts: `Deployment/shop`, or `Deployment/web/shop` with the namespace
    #[arg(value_name = "KIND/NAME")]
    object: Option<String>,
    /// A field of the object: `spec.replicas`, `spec.containers[name=web].image` [default: the whole object]
    #[arg(value_name = "FIELD")]
    field: Option<String>,
    /// Output format of values
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let Arguments {
        what,
        object,
        field,
        output,
    } = arguments;
    let what = what.as_deref();
    match (what, object, what.and_then(file_and_line)) {
        (Some(environment), Some(object), _) => {
            let field = field.as_deref().unwrap_or("");
            value::of_object(environment, object, field, *output, global)
        }
        (_, None, Some((file, line))) => value::at_line(file, line, *output, global),
        _ if *output != Form::Text => {
            bail!("`-o json` requires an object or a line of a file")
        }
        _ => page::print(what).map(|()| Outcome::Clean),
    }
}

/// `path:17`, or `path:17:5` as in the output. Codes do not contain colons.
fn file_and_line(text: &str) -> Option<(&str, usize)> {
    let (rest, last) = text.rsplit_once(':')?;
    let last: usize = last.parse().ok()?;
    let before = rest
        .rsplit_once(':')
        .and_then(|(file, line)| Some((file, line.parse().ok()?)));
    Some(before.unwrap_or((rest, last)))
}
