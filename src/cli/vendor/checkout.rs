//! A fetched repository, with the submodules that contain requested files.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use pleach::diag::{Class, Diagnostic};
use pleach::disk::{DiskError, Repository, Revision, fetch, submodule_commit, submodules};
use pleach::kustomize::remote::RemoteBase;
use pleach::tree::{Entry, EntryKind, Files, FilesError, TreePath};

/// The maximum number of submodules fetched for a repository, including nested ones.
const SUBMODULES_MAX: usize = 32;

/// The files of a repository at a commit.
pub(super) struct Checkout {
    pub(super) commit: String,
    has_submodules: bool,
    timeout: Option<Duration>,
    /// The repository itself, and the submodules fetched so far.
    modules: Mutex<Vec<Arc<Module>>>,
}

/// A fetched repository: that of the checkout, or a submodule.
struct Module {
    /// Its folder in the checkout.
    path: TreePath,
    address: String,
    commit: String,
    files: Revision,
    /// Where it was fetched to.
    folder: TempDir,
}

impl Checkout {
    /// Fetches the repository of an address, at the pinned commit if there is one.
    pub(super) fn fetch(base: &RemoteBase, pinned: Option<&str>) -> Result<Checkout, Diagnostic> {
        let root = TreePath::root();
        let module = match pinned {
            None => Module::fetch(root, &base.repository, &base.reference, base.timeout),
            Some(commit) => Checkout::fetch_pinned(base, commit),
        }?;
        Ok(Checkout {
            commit: module.commit.clone(),
            has_submodules: base.submodules,
            timeout: base.timeout,
            modules: Mutex::new(vec![Arc::new(module)]),
        })
    }

    /// Fetches a pinned commit. If the server does not serve commits by ID, fetches the reference, which must still point to the
    /// commit.
    fn fetch_pinned(base: &RemoteBase, commit: &str) -> Result<Module, Diagnostic> {
        let fetch =
            |reference| Module::fetch(TreePath::root(), &base.repository, reference, base.timeout);
        let fault = match fetch(commit) {
            Ok(module) => return Ok(module),
            Err(fault) => fault,
        };
        let module = fetch(&base.reference)?;
        match module.commit == commit {
            true => Ok(module),
            false => Err(fault.help(
                "the reference points to another commit now; pin that one with `pleach vendor --update`",
            )),
        }
    }

    fn modules(&self) -> Vec<Arc<Module>> {
        let modules = self.modules.lock();
        modules.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The innermost module that contains a path, and the path in it.
    fn module(&self, path: &TreePath) -> Option<(Arc<Module>, TreePath)> {
        let with_path = |it: Arc<Module>| match *path == it.path {
            true => Some((it, TreePath::root())),
            false => path.below(&it.path).map(|below| (it, below)),
        };
        let containing = self.modules().into_iter().filter_map(with_path);
        containing.max_by_key(|it| it.0.path.as_str().len())
    }

    /// The submodule that contains a path and was not fetched yet: its parent module, its path in the parent, and its commit.
    fn next_submodule(
        &self,
        path: &TreePath,
    ) -> Result<Option<(Arc<Module>, TreePath, String)>, DiskError> {
        let Some((module, below)) = self.module(path).filter(|_| self.has_submodules) else {
            return Ok(None);
        };
        let mut at = TreePath::root();
        for part in below.parts() {
            at = at.child(part);
            match module.files.kind(&at) {
                Ok(None) => {}
                _ => continue,
            }
            let commit = submodule_commit(module.folder.path(), &module.commit, at.as_str())?;
            return Ok(commit.map(|it| (module, at, it)));
        }
        Ok(None)
    }

    /// Whether a folder may be in a submodule that was not fetched yet.
    pub(super) fn may_be_in_submodule(&self, folder: &str) -> bool {
        let path = TreePath::new(folder.trim_start_matches('/'));
        path.is_some_and(|it| matches!(self.next_submodule(&it), Ok(Some(_))))
    }

    /// Fetches the submodule that contains a path. Returns whether there was one.
    pub(super) fn add_submodule(&self, path: &TreePath) -> Result<bool, Diagnostic> {
        let next = self.next_submodule(path).map_err(fault)?;
        let Some((module, at, commit)) = next else {
            return Ok(false);
        };
        if self.modules().len() > SUBMODULES_MAX {
            let message = format!(
                "`{}` uses more than {SUBMODULES_MAX} submodules",
                module.address
            );
            return Err(Diagnostic::error("missing-remote", message));
        }
        let listed = submodules(module.folder.path(), &module.commit).map_err(fault)?;
        let url = listed.into_iter().find(|it| it.0 == at.as_str());
        let url = url.and_then(|it| submodule_address(&module.address, &it.1));
        let url = url.ok_or_else(|| {
            let message = format!(
                "submodule `{at}` of `{}` has no remote address",
                module.address
            );
            Diagnostic::error("missing-remote", message)
        })?;
        let module = Module::fetch(module.path.join(&at), &url, &commit, self.timeout)?;
        let modules = self.modules.lock();
        let mut modules = modules.unwrap_or_else(PoisonError::into_inner);
        modules.push(Arc::new(module));
        Ok(true)
    }
}

impl Module {
    fn fetch(
        path: TreePath,
        address: &str,
        reference: &str,
        timeout: Option<Duration>,
    ) -> Result<Module, Diagnostic> {
        let folder = tempfile::tempdir().map_err(|error| {
            Diagnostic::error(
                "unwritable-cache",
                format!("cannot create a folder for `{address}`: {error}"),
            )
            .class(Class::Unreachable)
        })?;
        let commit = fetch(folder.path(), address, reference, timeout).map_err(fault)?;
        let files = revision(folder.path(), &commit).map_err(fault)?;
        let files = files.ok_or_else(|| {
            Diagnostic::error("missing-remote", format!("commit not found in `{address}`"))
        })?;
        Ok(Module {
            path,
            address: address.to_string(),
            commit,
            files,
            folder,
        })
    }
}

fn revision(folder: &Path, commit: &str) -> Result<Option<Revision>, DiskError> {
    let revision = Repository::find(folder)?.revision(commit)?;
    Ok(revision.map(Revision::without_submodules))
}

/// The diagnostic for an error of the disk or git during a fetch.
fn fault(error: DiskError) -> Diagnostic {
    let fault = Diagnostic::error("missing-remote", error.to_string());
    match error.help {
        Some(help) => fault.help(help),
        None => fault,
    }
}

/// The address of a submodule. `url` may be relative to the address of the repository. `None` for a local path, which is not part
/// of the fetched content.
fn submodule_address(repository: &str, url: &str) -> Option<String> {
    if !url.starts_with("./") && !url.starts_with("../") {
        let base = RemoteBase::parse(url).filter(|it| !it.is_local());
        return base.map(|_| url.to_string());
    }
    let (mut parent, mut rest) = (repository.trim_end_matches('/'), url);
    let mut separator = "/";
    loop {
        if let Some(next) = rest.strip_prefix("./") {
            rest = next;
        } else if let Some(next) = rest.strip_prefix("../") {
            let end = parent.rfind(['/', ':'])?;
            separator = parent.get(end..=end)?;
            parent = parent.get(..end)?;
            rest = next;
        } else {
            break;
        }
    }
    let address = format!("{parent}{separator}{rest}");
    RemoteBase::parse(&address).map(|_| address)
}

impl Files for Checkout {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        let (module, below) = self.module(path).ok_or(FilesError::NotFound)?;
        module.files.read(&below)
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let (module, below) = self.module(folder).ok_or(FilesError::NotFound)?;
        module.files.list(&below)
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        let (module, below) = self.module(path).ok_or(FilesError::NotFound)?;
        Ok(module.path.join(&module.files.real(&below)?))
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        let (module, below) = self.module(path).ok_or(FilesError::NotFound)?;
        module.files.kind(&below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_submodules_are_resolved_as_git_does() {
        let of = |url: &str| submodule_address("https://example.org/acme/web", url);
        assert_eq!(of("../lib").unwrap(), "https://example.org/acme/lib");
        assert_eq!(
            of("../../other/lib.git").unwrap(),
            "https://example.org/other/lib.git"
        );
        assert_eq!(
            of("https://example.org/a/b").unwrap(),
            "https://example.org/a/b"
        );
        assert_eq!(
            submodule_address("git@h:web", "../lib.git").unwrap(),
            "git@h:lib.git"
        );
        for url in [
            "/srv/lib",
            "file:///srv/lib",
            "ext::sh -c x",
            "--upload-pack=x",
            "lib",
        ] {
            assert_eq!(of(url), None, "{url}");
        }
    }
}
