#![allow(
    clippy::disallowed_methods,
    reason = "paths are relative to the working directory; the rest of the program gets paths"
)]
//! A run on a workspace: its path, and the display of paths.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::usage::UsageError;
use super::{Global, Outcome, output};
use pleach::diag::{Diagnostic, Diagnostics, Severity};
use pleach::disk::{Folder, Lock, Repository, find_upwards, refuse_links};
use pleach::kustomize::remote;
use pleach::layout::WORKSPACE;
use pleach::load::{OTHER_OUTPUT, WorkspaceConfig};
use pleach::report::{self, View};
use pleach::tree::{Files, TreePath};

/// Git's own folder.
const GIT: &str = ".git";

/// With more levels, `../..` is less readable than the absolute path.
const UP_MAX: usize = 3;

/// The first part of the error for a missing workspace.
pub(super) fn no_workspace(global: &Global) -> Result<String> {
    let folder = directory(global)?;
    Ok(format!(
        "no `{WORKSPACE}` in `{}` or its parent folders",
        folder.display()
    ))
}

/// The folder where the program was started, or `-C`.
pub(super) fn directory(global: &Global) -> Result<PathBuf> {
    let current = std::env::current_dir().context("cannot read the working directory")?;
    match &global.directory {
        None => Ok(current),
        Some(directory) => {
            let directory = current.join(directory);
            match directory.metadata() {
                Ok(found) if found.is_dir() => {}
                Ok(_) => bail!("`{}` is not a directory", directory.display()),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    bail!("the folder `{}` does not exist", directory.display())
                }
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("cannot read `{}`", directory.display()));
                }
            }
            Ok(directory)
        }
    }
}

/// A workspace and its path.
pub(super) struct Session<'a> {
    pub(super) global: &'a Global,
    pub(super) root: PathBuf,
    pub(super) files: Folder,
    start: PathBuf,
    current: PathBuf,
    out: Option<OutFolder>,
}

/// The folder of `--out`.
struct OutFolder {
    /// As the user wrote it.
    given: PathBuf,
    /// Its absolute path.
    real: PathBuf,
    /// The output folder of the workspace, which it replaces in reports.
    output: TreePath,
}

impl Session<'_> {
    /// Looks for `pleach.yaml` in the current folder and those above it.
    pub(super) fn open(global: &Global) -> Result<Session<'_>> {
        match Session::find(global)? {
            Some(session) => Ok(session),
            None => bail!(
                "{}; create a workspace with `pleach init`",
                no_workspace(global)?
            ),
        }
    }

    /// The workspace, otherwise the repository that contains the folder, otherwise the folder itself.
    pub(super) fn open_any(global: &Global) -> Result<Session<'_>> {
        if let Some(session) = Session::find(global)? {
            return Ok(session);
        }
        let start = directory(global)?;
        let repository = Repository::find(&start).ok();
        let root = repository.map_or_else(|| start.clone(), |it| it.root().to_path_buf());
        Ok(Session {
            global,
            files: Folder::open_checkout(&root)?,
            root,
            current: std::env::current_dir().unwrap_or_default(),
            start,
            out: None,
        })
    }

    pub(super) fn is_workspace(&self) -> bool {
        self.root.join(WORKSPACE).is_file()
    }

    /// Like [`Session::open`], but `None` if there is no workspace.
    pub(super) fn find(global: &Global) -> Result<Option<Session<'_>>> {
        Session::find_from(global, &directory(global)?)
    }

    /// Like [`Session::find`], from a folder that need not be the current one.
    pub(super) fn find_from<'g>(global: &'g Global, start: &Path) -> Result<Option<Session<'g>>> {
        let start = start.to_path_buf();
        let Some(root) = find_upwards(&start, WORKSPACE) else {
            return Ok(None);
        };
        let files = Folder::open_checkout(&root)?;
        if let Err(error) = files.kind(&TreePath::root().child(WORKSPACE)) {
            bail!("cannot read `{WORKSPACE}`: {error}");
        }
        let file = root.join(WORKSPACE);
        if file.is_file()
            && let Err(error) = File::open(&file)
        {
            bail!("cannot read `{WORKSPACE}`: {error}");
        }
        Ok(Some(Session {
            global,
            root,
            files,
            current: std::env::current_dir().unwrap_or_default(),
            start,
            out: None,
        }))
    }

    /// The workspace's path below a folder above it.
    pub(super) fn below(&self, folder: &Path) -> Result<TreePath> {
        let below = self.files.root().strip_prefix(folder).ok();
        let below = below.and_then(Path::to_str).and_then(TreePath::new);
        below.with_context(|| {
            format!(
                "`{}` is not below `{}`",
                self.root.display(),
                folder.display()
            )
        })
    }

    /// The path in the workspace of a file that is given relative to a folder.
    pub(super) fn below_start(&self, folder: &Path, file: &str) -> Option<TreePath> {
        let path = folder.join(file);
        let real = path.canonicalize().unwrap_or(path);
        let root = self.root.canonicalize().unwrap_or(self.root.clone());
        TreePath::new(real.strip_prefix(root).ok()?.to_str()?)
    }

    /// Locks the workspace, so that other runs do not write to it.
    pub(super) fn lock(&self) -> Result<Lock> {
        let waiting = || output::status("waiting for another pleach process to finish\n");
        let held = match self.is_workspace() {
            true => self.root.join(WORKSPACE),
            false => self.root.clone(),
        };
        Ok(Lock::acquire(&held, &waiting)?)
    }

    /// The folder of the tree: `--out`, relative to the current folder or `-C`, or the output folder of the workspace. `--out` may be a
    /// link; a link in the workspace is an error.
    pub(super) fn output(&self, out: Option<&Path>, output: &TreePath) -> Result<PathBuf> {
        if let Some(out) = out {
            return Ok(self.start.join(out));
        }
        refuse_links(&self.root, output)?;
        Ok(self.root.join(output.as_str()))
    }

    /// Uses the folder of `--out` in reports. Errors: it cannot be the output folder of the workspace. An invalid workspace is reported
    /// later.
    pub(super) fn use_out(&mut self, out: Option<&Path>) -> Result<(), UsageError> {
        let Some(given) = out else {
            return Ok(());
        };
        let out = real_path(&self.start.join(given));
        let in_git = out
            .iter()
            .any(|it| it.to_str().is_some_and(|it| it.eq_ignore_ascii_case(GIT)));
        let below = out.strip_prefix(self.files.root()).ok();
        let below = match in_git {
            true => Some(TreePath::root().child(GIT)),
            false => below.and_then(Path::to_str).and_then(TreePath::new),
        };
        let Ok(workspace) = WorkspaceConfig::read(&self.files) else {
            return Ok(());
        };
        let own = below.and_then(|it| workspace.refused_output(&it));
        match own.or_else(|| self.refused_outside(&out)) {
            Some(reason) => Err(UsageError::new(reason, OTHER_OUTPUT)),
            None => {
                self.out = Some(OutFolder {
                    given: given.to_path_buf(),
                    real: out,
                    output: workspace.output,
                });
                Ok(())
            }
        }
    }

    /// The reason why the tree cannot be written to a folder that is not in this workspace: it contains this workspace, or another one
    /// has its inputs there.
    fn refused_outside(&self, out: &Path) -> Option<String> {
        if self.files.root().starts_with(out) {
            let reason = "the tree cannot be written to a folder that contains the workspace";
            return Some(reason.to_string());
        }
        let other = find_upwards(out, WORKSPACE)?.canonicalize().ok()?;
        if other == self.files.root() {
            return None;
        }
        let config = WorkspaceConfig::read(&Folder::open_checkout(&other).ok()?).ok()?;
        let reason =
            config.refused_output(&TreePath::new(out.strip_prefix(&other).ok()?.to_str()?)?)?;
        Some(format!("{reason}, in the workspace `{}`", other.display()))
    }

    /// The path on disk of a path in a report.
    fn file(&self, path: &TreePath) -> PathBuf {
        let out = self.out.as_ref();
        let moved = out.and_then(|it| Some(it.real.join(path.below(&it.output)?.as_str())));
        moved.unwrap_or_else(|| self.root.join(path.as_str()))
    }

    /// A command that works on the same tree as this run, such as `render --out DIR`.
    pub(super) fn command(&self, name: &str) -> String {
        match &self.out {
            None => format!("pleach {name}"),
            Some(out) => {
                let given = report::shell_word(&out.given.display().to_string());
                format!("pleach {name} --out {given}")
            }
        }
    }

    /// A path of the workspace, relative to the current folder.
    pub(super) fn display(&self, path: &TreePath) -> String {
        relative_path(&self.file(path), &self.current, path)
    }

    /// Like `display`, with unprintable characters escaped.
    pub(super) fn printable_path(&self, path: &TreePath) -> String {
        report::printable(&self.display(path))
    }

    /// The path of the workspace below the top of its Git repository; `None` outside of a repository.
    pub(super) fn path_in_repository(&self) -> Option<TreePath> {
        self.below(repository_top(self.files.root())?).ok()
    }

    /// A path for services: relative to the top of the repository, or else to the workspace.
    fn display_in_repository(&self, path: &TreePath) -> String {
        let top = repository_top(&self.root);
        let file = self.file(path);
        let below = file.strip_prefix(top.unwrap_or(&self.root)).ok();
        match below.and_then(Path::to_str) {
            Some(below) if !path.as_str().starts_with('<') => below.to_string(),
            None if self
                .out
                .as_ref()
                .is_some_and(|it| path.below(&it.output).is_some()) =>
            {
                file.display().to_string()
            }
            _ => virtual_path(path),
        }
    }

    pub(super) fn report(&self, diagnostics: &Diagnostics) -> Outcome {
        match self.global.format.is_for_services() {
            true => report(diagnostics, self.global, &|path| {
                self.display_in_repository(path)
            }),
            false => report(diagnostics, self.global, &|path| self.display(path)),
        }
    }
}

/// An absolute path without links and `..`. The last folders need not exist.
pub(super) fn real_path(path: &Path) -> PathBuf {
    let existing = path
        .ancestors()
        .find_map(|it| Some((it, it.canonicalize().ok()?)));
    let Some((above, mut real)) = existing else {
        return path.to_path_buf();
    };
    let rest = path.strip_prefix(above).unwrap_or(Path::new(""));
    for part in rest.components() {
        match part {
            Component::ParentDir => _ = real.pop(),
            part => real.push(part),
        }
    }
    real
}

/// The top folder of the Git repository that contains a folder.
pub(super) fn repository_top(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|it| it.join(".git").exists())
}

/// A path that is not a file on disk; a path in a remote base is shown with its address.
pub(super) fn virtual_path(path: &TreePath) -> String {
    remote::display_path(path.as_str()).unwrap_or_else(|| path.to_string())
}

/// The path of a file relative to the working directory, up to [`UP_MAX`] folders above it.
pub(super) fn relative_path(file: &Path, current: &Path, path: &TreePath) -> String {
    // Built-in content has no path.
    if path.as_str().starts_with('<') {
        return virtual_path(path);
    }
    let mut above = current;
    for up in 0..=UP_MAX {
        // A relative path through the root of the file system is not useful.
        if above.parent().is_none() {
            break;
        }
        if let Ok(below) = file.strip_prefix(above) {
            if up == 0 && below.as_os_str().is_empty() {
                return ".".to_string();
            }
            return format!("{}{}", "../".repeat(up), below.display());
        }
        above = above.parent().unwrap_or(above);
    }
    file.display().to_string()
}

/// Reports diagnostics: to standard error or, in a format for programs, in the document of the run. With `--strict`, warnings become
/// errors; with `-q`, only errors are printed.
pub(super) fn report(
    diagnostics: &Diagnostics,
    global: &Global,
    display: &dyn Fn(&TreePath) -> String,
) -> Outcome {
    let is_quiet = output::is_quiet() && !global.format.is_for_programs();
    report_where(diagnostics, global, display, &|it| {
        !is_quiet || it.severity == Severity::Error
    })
}

/// Reports notes on a result, which are a part of it, also with `-q`.
pub(super) fn report_notes(
    diagnostics: &Diagnostics,
    global: &Global,
    display: &dyn Fn(&TreePath) -> String,
) -> Outcome {
    report_where(diagnostics, global, display, &|_| true)
}

fn report_where(
    diagnostics: &Diagnostics,
    global: &Global,
    display: &dyn Fn(&TreePath) -> String,
    is_shown: &dyn Fn(&Diagnostic) -> bool,
) -> Outcome {
    let raised = diagnostics.iter().cloned();
    let raised = raised.map(|it| match global.strict {
        Some(_) => warning_as_error(it),
        None => it,
    });
    let shown: Diagnostics = raised.filter(is_shown).collect();
    let view = View {
        display,
        color: true,
    };
    let format = global.format;
    if format.is_for_programs() {
        global.document.add(&shown, format, display);
    } else if !shown.is_empty() {
        output::note(&report::report(&shown, format, &view));
    }
    if shown.has_errors() {
        Outcome::Findings
    } else {
        Outcome::Clean
    }
}

/// A warning as an error.
pub(super) fn warning_as_error(diagnostic: Diagnostic) -> Diagnostic {
    let severity = if diagnostic.severity == Severity::Warning {
        Severity::Error
    } else {
        diagnostic.severity
    };
    Diagnostic {
        severity,
        ..diagnostic
    }
}
