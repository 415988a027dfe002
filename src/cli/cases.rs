//! Cases of a workspace's own kinds: `templates/<Kind>/cases/<name>/claim.yaml`, and beside it what it must render to.
//!
//! A case is rendered alone, in an environment `case` of its own, which `environment.yaml` beside the claim can describe.

use std::sync::Arc;

use crate::diag::{Diagnostic, Diagnostics, Severity, Source, Span};
use crate::load::Workspace;
use crate::tree::{EntryKind, Files, Tree, TreePath};
use crate::{Options, compile};

const CLAIM: &str = "claim.yaml";
const ENVIRONMENT: &str = "environment.yaml";
const EXPECTED: &str = "expected.yaml";
const DEFAULT_ENVIRONMENT: &str = "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata:\n  name: case\nspec:\n  cluster: case\n";

/// A case and what it renders to.
pub(super) struct Case {
    folder: TreePath,
    rendered: String,
}

impl Case {
    /// Where what it must render to stands.
    pub(super) fn expected(&self) -> TreePath {
        self.folder.child(EXPECTED)
    }

    /// What it renders to: its objects, in the order of their files.
    pub(super) fn rendered(&self) -> &str {
        &self.rendered
    }

    /// Errors: `changed-case`.
    pub(super) fn check(&self, files: &dyn Files) -> Option<Diagnostic> {
        let path = self.expected();
        let standing = files.read(&path).unwrap_or_default();
        let standing = String::from_utf8_lossy(&standing);
        if *standing == self.rendered {
            return None;
        }
        let (mut wanted, mut start) = (self.rendered.lines(), 0);
        let mut found = "";
        for line in standing.split_inclusive('\n') {
            found = line.trim_end_matches('\n');
            if wanted.next() != Some(found) {
                break;
            }
            start += line.len();
            found = "";
        }
        let source = Source::new(path, &*standing);
        let fault = Diagnostic::error("changed-case", "the case renders to something else")
            .at(Span::new(&source, start..start + found.len()));
        Some(fault.help("`pleach render --cases` accepts it; look at what changed before"))
    }
}

/// Renders all cases. Those with faults are left out.
pub(super) fn cases(files: &dyn Files, diagnostics: &mut Diagnostics) -> Vec<Case> {
    let Ok(workspace) = Workspace::read(files) else {
        return Vec::new();
    };
    let mut input = Tree::new();
    for name in ["pleach.yaml", "pleach.lock"] {
        copy(files, &TreePath::root().child(name), &mut input);
    }
    for folder in &workspace.templates {
        collect(files, folder, &mut input);
    }
    let folders = input.iter().map(|it| it.0).filter(|it| is_claim(it));
    let folders: Vec<TreePath> = folders.filter_map(TreePath::parent).collect();
    let cases = folders.into_iter().filter_map(|folder| {
        let rendered = render(&input, &folder, diagnostics)?;
        Some(Case { folder, rendered })
    });
    cases.collect()
}

/// Whether it is `…/<Kind>/cases/<name>/claim.yaml`.
fn is_claim(path: &TreePath) -> bool {
    let parts: Vec<&str> = path.parts().collect();
    matches!(parts.as_slice(), [.., "cases", _, CLAIM])
}

fn render(input: &Tree, folder: &TreePath, diagnostics: &mut Diagnostics) -> Option<String> {
    let claim = folder.child(CLAIM);
    let mut input = input.clone();
    let place = TreePath::root().child("environments").child("case");
    let environment = input.get(&folder.child(ENVIRONMENT)).cloned();
    let environment = environment.unwrap_or_else(|| DEFAULT_ENVIRONMENT.as_bytes().into());
    input.insert(place.child(ENVIRONMENT), environment);
    input.insert(place.child(CLAIM), input.get(&claim).cloned()?);
    let compiled = compile(&input, &Options::default());
    let is_error = |it: &Diagnostic| it.severity == Severity::Error;
    if compiled.diagnostics.has_errors() {
        let faults = compiled.diagnostics.into_iter().filter(is_error);
        let written = source(&input, &claim);
        let told = faults.map(|it| in_file(it, &place.child(CLAIM), &written));
        diagnostics.extend(told);
        return None;
    }
    let own = compiled.tree.iter().filter(|(path, _)| {
        let parts: Vec<&str> = path.parts().collect();
        matches!(parts.as_slice(), ["apps" | "infrastructure", "case", ..])
            && path.name() != "kustomization.yaml"
    });
    let texts = own.map(|(_, bytes)| {
        let text = String::from_utf8_lossy(bytes);
        let body = text.split_once('\n').map_or("", |it| it.1);
        body.to_string()
    });
    Some(texts.collect::<Vec<_>>().join("---\n"))
}

fn source(input: &Tree, path: &TreePath) -> Arc<Source> {
    let text = input
        .get(path)
        .map_or("".into(), |it| String::from_utf8_lossy(it));
    Source::new(path.clone(), &*text)
}

/// A fault of the claim where it was rendered, told where it is written.
fn in_file(fault: Diagnostic, rendered: &TreePath, written: &Arc<Source>) -> Diagnostic {
    let span = fault.span.map(|it| match it.path() == rendered {
        true => Span::new(written, it.range()),
        false => it,
    });
    Diagnostic { span, ..fault }
}

fn collect(files: &dyn Files, folder: &TreePath, into: &mut Tree) {
    for entry in files.list(folder).unwrap_or_default() {
        let path = folder.child(&entry.name);
        match entry.kind {
            EntryKind::Folder => collect(files, &path, into),
            EntryKind::File => copy(files, &path, into),
        }
    }
}

fn copy(files: &dyn Files, path: &TreePath, into: &mut Tree) {
    if let Ok(bytes) = files.read(path) {
        into.insert(path.clone(), bytes);
    }
}
