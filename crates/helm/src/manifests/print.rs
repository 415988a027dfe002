//! The output of `helm template`.

use std::fmt::Write;

use super::Rendered;
use super::split::split;
use crate::HelmVersion;
use crate::error::HelmError;
use crate::go::path_match::path_match;

/// Options of the output.
#[derive(Clone, Debug, Default)]
pub struct PrintOptions {
    /// `--include-crds`: print the files of `crds/` first.
    pub include_crds: bool,
    /// `--no-hooks`: leave out every hook.
    pub no_hooks: bool,
    /// `--skip-tests`: leave out hooks of `helm test`.
    pub skip_tests: bool,
    /// `--show-only`: patterns of paths within the chart.
    pub show_only: Vec<String>,
}

/// The text of `helm template`. Errors: a pattern of `show_only` that nothing matches.
pub fn print(
    rendered: &Rendered,
    options: &PrintOptions,
    version: HelmVersion,
) -> Result<String, HelmError> {
    let mut manifests = String::new();
    if options.include_crds {
        for crd in &rendered.crds {
            write_document(&mut manifests, &crd.path, &crd.text);
        }
    }
    for object in &rendered.objects {
        write_document(&mut manifests, &object.path, &object.text);
    }
    let mut text = format!("{}\n", manifests.trim());
    if !options.no_hooks {
        for hook in &rendered.hooks {
            let is_test = hook.hook.as_ref().is_some_and(super::Hook::is_test);
            if !(options.skip_tests && is_test) {
                write_document(&mut text, &hook.path, &hook.text);
            }
        }
    }
    match &*options.show_only {
        [] => Ok(text),
        patterns => show_only(&text, patterns, version),
    }
}

fn write_document(out: &mut String, path: &str, text: &str) {
    // Writing to a string cannot fail.
    let _ = write!(out, "---\n# Source: {path}\n{text}\n");
}

/// The documents of the files that match the patterns, in the order of the patterns.
fn show_only(text: &str, patterns: &[String], version: HelmVersion) -> Result<String, HelmError> {
    let documents = split(text, version);
    let mut found = String::new();
    for pattern in patterns {
        let mut missing = true;
        for document in &documents {
            let matches =
                source_path(document.text).is_some_and(|it| path_match(pattern, it) == Ok(true));
            if matches {
                missing = false;
                let _ = writeln!(found, "---\n{}", document.text);
            }
        }
        if missing {
            let message = format!("could not find template {pattern} in chart");
            return Err(HelmError::new(message));
        }
    }
    Ok(found)
}

/// The path within the chart in the source comment, which Helm finds by `# Source: [^/]+/(.+)`.
fn source_path(document: &str) -> Option<&str> {
    document.split("# Source: ").skip(1).find_map(|rest| {
        let line = rest.split('\n').next()?;
        let (chart, path) = line.split_once('/')?;
        (!chart.is_empty() && !path.is_empty()).then_some(path)
    })
}
