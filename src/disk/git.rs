//! A Git revision as [`Files`], read from the object database by one `git cat-file --batch`: no checkout, no worktree.
//!
//! Git itself is asked, and not a library: who compares revisions has it, it knows every form a repository may have (packs,
//! alternates, partial clones, worktrees), and a read takes no longer. A tree is read when somebody lists it, a file when
//! somebody reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use crate::tree::{Entry, EntryKind, Files, FilesError, TreePath};

use super::error::DiskError;

/// Links that lead to links are followed so often.
const LINKS_MAX: usize = 40;

/// A Git repository.
pub struct Repository {
    /// The work tree's top folder.
    root: PathBuf,
}

impl Repository {
    /// The repository that a folder lies in.
    pub fn find(folder: &Path) -> Result<Repository, DiskError> {
        let root = git(folder, &["rev-parse", "--show-toplevel"])?.map_err(|words| {
            let failed = DiskError::when("find the Git repository of", folder);
            failed(io::Error::other(words))
        })?;
        Ok(Repository { root: root.into() })
    }

    /// The work tree's top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The commit that two revisions last had in common, if there is one.
    pub fn merge_base(&self, a: &str, b: &str) -> Result<Option<String>, DiskError> {
        Ok(git(&self.root, &["merge-base", "--", a, b])?.ok())
    }

    /// Files and folders of the work tree that Git is told to ignore.
    pub(super) fn ignored(&self) -> Result<BTreeSet<TreePath>, DiskError> {
        let arguments = ["--others", "--ignored", "--exclude-standard", "--directory"];
        let paths = git(&self.root, &[&["ls-files", "-z"], &arguments[..]].concat())?;
        let paths = paths.unwrap_or_default();
        Ok(paths.split('\0').filter_map(TreePath::new).collect())
    }

    /// Opens a revision: a commit by any of its names, or a tree. `None` where there is none of that name.
    pub fn revision(&self, name: &str) -> Result<Option<Revision>, DiskError> {
        let tree = format!("{name}^{{tree}}");
        let arguments = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &tree,
        ];
        let Ok(tree) = git(&self.root, &arguments)? else {
            return Ok(None);
        };
        Ok(Some(Revision {
            objects: Mutex::new(Objects::open(&self.root)?),
            folders: Mutex::new(BTreeMap::from([(TreePath::root(), Id(tree.into()))])),
            trees: Mutex::default(),
        }))
    }
}

/// What a git command prints, without the line end, or its words where it says no.
fn git(folder: &Path, arguments: &[&str]) -> Result<Result<String, String>, DiskError> {
    let output = command(folder).args(arguments).output();
    let output = output.map_err(DiskError::when("run", Path::new("git")))?;
    let text = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes)
            .trim_end_matches(['\r', '\n'])
            .to_string()
    };
    Ok(match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)
            .trim_start_matches("fatal: ")
            .to_string()),
    })
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder);
    // Reading never dials out, not even for what a partial clone left away.
    command.env("GIT_NO_LAZY_FETCH", "1");
    command
}

/// The files of one revision. Links are followed where they stay inside; submodules are not listed.
pub struct Revision {
    objects: Mutex<Objects>,
    folders: Mutex<BTreeMap<TreePath, Id>>,
    trees: Mutex<BTreeMap<Id, Arc<[Item]>>>,
}

/// The name of an object, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id(Box<str>);

/// A name in a tree.
#[derive(Clone, Debug)]
struct Item {
    name: Box<str>,
    mode: Mode,
    id: Id,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    File,
    Folder,
    Link,
}

impl Revision {
    fn object(&self, id: &Id) -> Result<Vec<u8>, FilesError> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects
            .read(id)
            .map_err(|it| FilesError::Other(it.to_string()))
    }

    /// What a folder holds, links as they are.
    fn tree(&self, id: &Id) -> Result<Arc<[Item]>, FilesError> {
        let known = |trees: &BTreeMap<Id, Arc<[Item]>>| trees.get(id).cloned();
        if let Some(items) = known(&self.trees.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(items);
        }
        let items: Arc<[Item]> = items(&self.object(id)?, id.0.len() / 2).into();
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        trees.insert(id.clone(), items.clone());
        Ok(items)
    }

    /// The tree of a folder.
    fn folder(&self, path: &TreePath, links: usize) -> Result<Id, FilesError> {
        let known = |folders: &BTreeMap<TreePath, Id>| folders.get(path).cloned();
        if let Some(id) = known(&self.folders.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(id);
        }
        match self.find(path, links)? {
            (EntryKind::Folder, id) => {
                let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
                folders.insert(path.clone(), id.clone());
                Ok(id)
            }
            (EntryKind::File, _) => Err(FilesError::NotAFolder),
        }
    }

    /// What stands at a path, with links followed.
    fn find(&self, path: &TreePath, links: usize) -> Result<(EntryKind, Id), FilesError> {
        let Some(parent) = path.parent() else {
            return Ok((EntryKind::Folder, self.folder(path, links)?));
        };
        let folder = match self.folder(&parent, links) {
            Err(FilesError::NotAFolder) => return Err(FilesError::NotFound),
            folder => self.tree(&folder?)?,
        };
        let item = folder.iter().find(|it| *it.name == *path.name());
        let item = item.ok_or(FilesError::NotFound)?;
        match item.mode {
            Mode::File => Ok((EntryKind::File, item.id.clone())),
            Mode::Folder => Ok((EntryKind::Folder, item.id.clone())),
            Mode::Link if links == LINKS_MAX => Err(FilesError::NotFound),
            Mode::Link => {
                let target = self.object(&item.id)?;
                let target = str::from_utf8(&target)
                    .ok()
                    .and_then(|it| parent.resolve(it));
                self.find(&target.ok_or(FilesError::Outside)?, links + 1)
            }
        }
    }

    /// What a name in a folder is; `None` for a link that leads back to a folder on the way to it, so a walk always ends.
    fn listed(&self, folder: &TreePath, item: &Item) -> Option<Entry> {
        let kind = match item.mode {
            Mode::File => EntryKind::File,
            Mode::Folder => EntryKind::Folder,
            Mode::Link => match self.find(&folder.child(&item.name), 0) {
                Ok((EntryKind::Folder, id)) => {
                    let mut on_the_way =
                        std::iter::successors(Some(folder.clone()), TreePath::parent);
                    if on_the_way.any(|it| self.folder(&it, 0).is_ok_and(|it| it == id)) {
                        return None;
                    }
                    EntryKind::Folder
                }
                // A broken link is listed too: reading it says what is wrong.
                _ => EntryKind::File,
            },
        };
        Some(Entry {
            name: item.name.clone(),
            kind,
        })
    }
}

impl Files for Revision {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        match self.find(path, 0)? {
            (EntryKind::File, id) => Ok(self.object(&id)?.into()),
            (EntryKind::Folder, _) => Err(FilesError::NotAFile),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let items = self.tree(&self.folder(folder, 0)?)?;
        let mut entries: Vec<Entry> = items
            .iter()
            .filter_map(|it| self.listed(folder, it))
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        match self.find(path, 0) {
            Ok((kind, _)) => Ok(Some(kind)),
            Err(FilesError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Reads a tree object: `<mode> <name>\0<id>` again and again. Names that are no UTF-8 and submodules are passed over.
fn items(bytes: &[u8], id_bytes: usize) -> Vec<Item> {
    let mut items = Vec::new();
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let (head, tail) = rest.split_at(end);
        let Some((id, next)) = tail.get(1..).and_then(|it| it.split_at_checked(id_bytes)) else {
            break;
        };
        rest = next;
        let Some((mode, name)) = str::from_utf8(head).ok().and_then(|it| it.split_once(' ')) else {
            continue;
        };
        let mode = match mode {
            "40000" => Mode::Folder,
            "120000" => Mode::Link,
            "160000" => continue,
            _ => Mode::File,
        };
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        items.push(Item {
            name: name.into(),
            mode,
            id: Id(id.into()),
        });
    }
    items
}

/// A running `git cat-file --batch`.
struct Objects {
    child: Child,
    /// `None` once it is told to end.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Objects {
    fn open(root: &Path) -> Result<Objects, DiskError> {
        let failed = DiskError::when("run", Path::new("git"));
        let mut batch = command(root);
        batch.args(["cat-file", "--batch"]);
        batch.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut start = || {
            let mut child = batch.spawn()?;
            let missing = || io::Error::other("git has no input or output");
            let questions = Some(child.stdin.take().ok_or_else(missing)?);
            let answers = BufReader::new(child.stdout.take().ok_or_else(missing)?);
            Ok(Objects {
                child,
                questions,
                answers,
            })
        };
        start().map_err(failed)
    }

    /// One question, `<id>`; the answer is `<id> <type> <size>`, the bytes and a line end, or `<id> missing`.
    fn read(&mut self, id: &Id) -> io::Result<Vec<u8>> {
        let unreadable = || io::Error::other(format!("git can't read the object {}", id.0));
        let questions = self.questions.as_mut().ok_or_else(unreadable)?;
        questions.write_all(format!("{}\n", id.0).as_bytes())?;
        questions.flush()?;
        let mut head = String::new();
        self.answers.read_line(&mut head)?;
        let size = head
            .trim_end()
            .rsplit(' ')
            .next()
            .and_then(|it| it.parse().ok());
        let mut bytes = vec![0; size.ok_or_else(unreadable)?];
        self.answers.read_exact(&mut bytes)?;
        self.answers.read_exact(&mut [0])?;
        Ok(bytes)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // Git ends when there is nothing more to ask.
        self.questions = None;
        let _ = self.child.wait();
    }
}
