//! Executes a plan.
//!
//! Each file is written to a temporary file and renamed, so a run that is interrupted at any point, including by Ctrl-C, leaves
//! every file either old or new, and needs no signal handler. A new folder is written as a temporary folder, with everything below
//! it, and renamed once. Temporary files are in the output folder, named `.pleach-??????.tmp`; the next run removes them and
//! completes the work.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::emit::{Change, Plan, Step};
use crate::tree::TreePath;
use crate::yaml::parallel::{self, MANY};

use super::error::DiskError;
use super::output::{TEMPORARY, full_path, is_leftover};

/// The numbers of files that a plan has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of created or updated files.
    pub written: usize,
    /// The number of removed files.
    pub removed: usize,
}

/// Excludes other runs until it is dropped or its process ends. Held from before the output folder is read until the plan is
/// executed.
pub struct Lock {
    _file: Option<File>,
}

impl Lock {
    /// Shares a folder with other runs, each of which only adds files. A run that is alone removes leftovers of interrupted ones.
    pub fn share(folder: &Path) -> Lock {
        // Not every system opens a folder or locks it: then leftovers stay.
        let Ok(file) = File::open(folder) else {
            return Lock { _file: None };
        };
        if file.try_lock().is_ok() {
            remove_leftovers(folder);
            let _ = file.unlock();
        }
        let _ = file.lock_shared();
        Lock { _file: Some(file) }
    }

    /// Waits for the lock; if another run holds it, `waiting` is called first. The lock is on an open file that exists anyway
    /// (`pleach.yaml`), so nothing is left in the tree.
    pub fn acquire(path: &Path, waiting: &dyn Fn()) -> Result<Lock, DiskError> {
        let file = File::open(path).map_err(DiskError::when("open", path))?;
        let locked = match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::Error(error)) => Err(error),
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock()
            }
        };
        match locked {
            Ok(()) => Ok(Lock { _file: Some(file) }),
            // Some network file systems have no locks; two runs at once then write the same bytes twice at worst.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Lock { _file: None }),
            Err(error) => Err(DiskError::when("lock", path)(error)),
        }
    }
}

/// Executes a plan below `root`, in order.
///
/// Folders that a removal leaves empty are removed too, but never `root` itself.
pub fn apply(plan: &Plan, root: &Path) -> Result<Summary, DiskError> {
    let mut summary = Summary::default();
    if !plan.steps.is_empty() {
        fs::create_dir_all(root).map_err(DiskError::when("create", root))?;
    }
    remove_leftovers(root);
    let mut output = Output {
        root: root.to_path_buf(),
        folders: BTreeSet::new(),
    };
    let mut steps = &*plan.steps;
    while let Some((step, rest)) = steps.split_first() {
        if step.change == Change::Delete {
            output.remove(&step.path)?;
            summary.removed += 1;
            steps = rest;
            continue;
        }
        // The file to be replaced existed a moment ago.
        let is_new = step.change == Change::Create;
        let folder = is_new.then(|| output.new_folder(&step.path));
        let written = match folder.flatten() {
            Some(folder) => {
                let is_below =
                    |it: &&Step| it.change == Change::Create && it.path.below(&folder).is_some();
                let together = steps.iter().take_while(is_below).count();
                output.write_folder(&folder, steps.get(..together).unwrap_or_default())?;
                together
            }
            None => {
                output.write(step)?;
                1
            }
        };
        summary.written += written;
        steps = steps.get(written..).unwrap_or_default();
    }
    Ok(summary)
}

/// Writes one file atomically; missing folders are created. A pipe or a device, such as `/dev/null`, is written to directly and not
/// replaced.
pub fn store(file: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    if fs::metadata(file).is_ok_and(|it| !it.is_file() && !it.is_dir()) {
        return fs::write(file, bytes).map_err(DiskError::when("write", file));
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    replace(folder, file, bytes).map_err(DiskError::when("write", file))
}

/// Creates a folder and those above it, unless they exist.
pub fn make_folder(folder: &Path) -> Result<(), DiskError> {
    fs::create_dir_all(folder).map_err(DiskError::when("create", folder))
}

/// Removes one file, if it exists.
pub fn remove(file: &Path) -> Result<(), DiskError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(DiskError::when("remove", file)),
    }
}

/// Writes one file like [`store`], with access for the owner only.
pub fn store_private(file: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let written = replace_by(folder, file, bytes, PRIVATE_MODE);
    written.map_err(DiskError::when("write", file))
}

/// Writes one file like [`store`], as an executable program.
pub fn store_executable(file: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    remove_leftovers(folder);
    let written = replace_by(folder, file, bytes, EXECUTABLE_MODE);
    written.map_err(DiskError::when("write", file))
}

/// Removes the temporary files of interrupted runs in a folder. The caller must exclude other runs that write there. Leftovers that
/// cannot be removed do no harm.
pub fn remove_leftovers(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        if !entry.file_name().to_str().is_some_and(is_leftover) {
            continue;
        }
        let _ = match entry.file_type() {
            Ok(kind) if kind.is_file() => fs::remove_file(entry.path()),
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(entry.path()),
            _ => Ok(()),
        };
    }
}

struct Output {
    root: PathBuf,
    /// Folders that are known to exist and not to be links.
    folders: BTreeSet<TreePath>,
}

impl Output {
    /// The outermost missing folder of the path of a new file.
    fn new_folder(&self, path: &TreePath) -> Option<TreePath> {
        let above = |it: &TreePath| it.parent().filter(|it| *it != TreePath::root());
        let is_missing = |it: &TreePath| {
            let missing = |it: io::Error| it.kind() == io::ErrorKind::NotFound;
            !self.folders.contains(it)
                && fs::symlink_metadata(full_path(&self.root, it)).is_err_and(missing)
        };
        let missing = std::iter::successors(above(path), above).take_while(is_missing);
        missing.last()
    }

    /// Writes all files (at least one) of a new folder, and moves the folder into place.
    fn write_folder(&mut self, folder: &TreePath, steps: &[Step]) -> Result<(), DiskError> {
        self.make_folder(&folder.parent().unwrap_or_else(TreePath::root))?;
        let mut builder = tempfile::Builder::new();
        builder
            .prefix(TEMPORARY.0)
            .suffix(TEMPORARY.1)
            .rand_bytes(6);
        if let Some(permissions) = permissions(FOLDER_MODE) {
            builder.permissions(permissions);
        }
        let temporary = builder.tempdir_in(&self.root);
        let temporary =
            temporary.map_err(DiskError::when("create", &full_path(&self.root, folder)))?;
        let subfolder = |it: &Step| Some(it.path.below(folder)?.parts().next()?.to_string());
        let mut sorted: Vec<&Step> = steps.iter().collect();
        sorted.sort_by(|a, b| a.path.cmp(&b.path));
        let groups: Vec<&[&Step]> = sorted
            .chunk_by(|a, b| subfolder(a) == subfolder(b))
            .collect();
        let many = match steps.len() < MANY {
            true => usize::MAX,
            false => 2,
        };
        let made = parallel::map(many, &groups, |it| {
            self.write_below(temporary.path(), folder, it)
        });
        let made: Vec<BTreeSet<TreePath>> = made.into_iter().collect::<Result<_, _>>()?;
        let target = full_path(&self.root, folder);
        fs::rename(temporary.path(), &target).map_err(DiskError::when("create", &target))?;
        // The folder was moved, so there is nothing to remove.
        let _ = temporary.keep();
        let below = made.iter().flatten().map(|it| folder.join(it));
        self.folders.extend(below);
        Ok(())
    }

    /// Writes the files of a new folder to a temporary one, and returns the folders in it that were created.
    fn write_below(
        &self,
        temporary: &Path,
        folder: &TreePath,
        steps: &[&Step],
    ) -> Result<BTreeSet<TreePath>, DiskError> {
        let mut made = BTreeSet::from([TreePath::root()]);
        for step in steps {
            let Some(path) = step.path.below(folder) else {
                continue;
            };
            let target = full_path(&self.root, &step.path);
            let bytes = step.after.as_deref().unwrap_or_default();
            make_below(temporary, &path, &mut made)
                .and_then(|()| create(&full_path(temporary, &path), bytes))
                .map_err(DiskError::when("write", &target))?;
        }
        Ok(made)
    }

    fn write(&mut self, step: &Step) -> Result<(), DiskError> {
        let target = full_path(&self.root, &step.path);
        self.make_folder(&step.path.parent().unwrap_or_else(TreePath::root))?;
        // An empty folder holds nothing that could be lost; one that holds something stays, and the rename fails.
        if target.is_dir() && !target.is_symlink() {
            let _ = fs::remove_dir(&target);
        }
        let bytes = step.after.as_deref().unwrap_or_default();
        replace(&self.root, &target, bytes).map_err(DiskError::when("write", &target))
    }

    fn make_folder(&mut self, folder: &TreePath) -> Result<(), DiskError> {
        if *folder == TreePath::root() || self.folders.contains(folder) {
            return Ok(());
        }
        self.make_folder(&folder.parent().unwrap_or_else(TreePath::root))?;
        let target = full_path(&self.root, folder);
        match fs::create_dir(&target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // A link could lead anywhere.
                if !fs::symlink_metadata(&target).is_ok_and(|it| it.is_dir()) {
                    let error = io::ErrorKind::NotADirectory.into();
                    return Err(DiskError::when("create", &target)(error));
                }
            }
            made => made.map_err(DiskError::when("create", &target))?,
        }
        self.folders.insert(folder.clone());
        Ok(())
    }

    fn remove(&mut self, path: &TreePath) -> Result<(), DiskError> {
        let target = full_path(&self.root, path);
        remove(&target)?;
        let mut folder = path.parent().filter(|it| *it != TreePath::root());
        while let Some(empty) = folder {
            if fs::remove_dir(full_path(&self.root, &empty)).is_err() {
                break;
            }
            self.folders.remove(&empty);
            folder = empty.parent().filter(|it| *it != TreePath::root());
        }
        Ok(())
    }
}

/// Creates the folders above a file, except those in `made`.
fn make_below(root: &Path, file: &TreePath, made: &mut BTreeSet<TreePath>) -> io::Result<()> {
    let Some(folder) = file.parent().filter(|it| !made.contains(it)) else {
        return Ok(());
    };
    make_below(root, &folder, made)?;
    fs::create_dir(full_path(root, &folder))?;
    made.insert(folder);
    Ok(())
}

/// Writes a file that does not exist yet.
fn create(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, FILE_MODE);
    options.open(file)?.write_all(bytes)
}

/// The permissions of a new file, of a new program, and of a new folder, before the umask.
const FILE_MODE: u32 = 0o644;
const EXECUTABLE_MODE: u32 = 0o755;
const PRIVATE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o777;

/// Writes a temporary file, in the root so that leftovers are in one folder, and renames it. Keeps the permissions of the replaced
/// file.
fn replace(root: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(root, target, bytes, FILE_MODE)
}

fn replace_by(root: &Path, target: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(TEMPORARY.0)
        .suffix(TEMPORARY.1)
        .rand_bytes(6);
    if let Some(permissions) = permissions(mode) {
        builder.permissions(permissions);
    }
    let mut file = builder.tempfile_in(root)?;
    file.write_all(bytes)?;
    if let Ok(old) = fs::symlink_metadata(target)
        && old.is_file()
        && mode == FILE_MODE
    {
        // The creation above is subject to the umask.
        file.as_file().set_permissions(old.permissions())?;
    }
    file.persist(target).map_err(|it| it.error)?;
    Ok(())
}

#[cfg(unix)]
fn permissions(mode: u32) -> Option<fs::Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn permissions(_mode: u32) -> Option<fs::Permissions> {
    None
}
