//! Stat data of files and folders: as long as they are unchanged, the files need not be read again.
//!
//! Git's index detects unchanged files in the same way. A change that affects neither size, times nor inode would not be detected;
//! because the kernel sets the change time, this is only possible if the clock was set back. A file that changed shortly before the
//! stamp was made may change again within the same tick of the clock: such files are identified by their bytes, such folders by
//! their names. If these are unknown, no stamp is made.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::checksum::{add_checksum, digest, make_room, strip_checksum};
use super::error::DiskError;
use super::path_state::{PathState, PathStates, Stat, path_state};
use super::{store, store_private};
use crate::tree::TreePath;

/// The first line of a stamp's file. Files of other versions are not read.
const HEAD: &str = "pleach stamp 2";

/// A file that changed within this time before a run may change again with the same times. Clocks of file systems tick in
/// milliseconds; those that only have whole seconds are detected.
const TICK: Duration = Duration::from_millis(100);
const COARSE_TICK: Duration = Duration::from_secs(2);

/// The number of files with stamps or their changes, at most two for each workspace and output folder.
const STAMPS_MAX: usize = 128;

/// The first line of a file with the changes since a stamp was stored. Other versions are not read.
const CHANGES_HEAD: &str = "pleach changes 1";

/// After more changes than this, the stamp and the inputs are stored as a whole again.
const CHANGES_MAX: usize = 1_000;
const INPUT_BYTES_MAX: usize = 1 << 20;

/// The files that a run has read and written.
#[derive(Debug, Default)]
pub struct Stamp {
    /// The entries by absolute path.
    pub(super) entries: PathStates,
}

/// The time when a run began. Files that changed later may be newer than what the run has read.
#[derive(Clone, Copy, Debug)]
pub struct StartTime(i128);

impl StartTime {
    /// A run that begins at this time.
    pub fn now() -> StartTime {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        StartTime(nanoseconds(now.unwrap_or_default()))
    }

    /// Whether an entry may have changed since then.
    pub(super) fn is_before(self, stat: &Stat) -> bool {
        let [modified, changed] = stat.times.map(i128::from);
        let is_coarse = |it: i128| it % nanoseconds(Duration::from_secs(1)) == 0;
        let tick = match is_coarse(modified) && is_coarse(changed) {
            true => COARSE_TICK,
            false => TICK,
        };
        modified.max(changed) >= self.0 - nanoseconds(tick)
    }
}

fn nanoseconds(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

impl Stamp {
    /// Adds inputs below a folder: paths that were read or requested, and folders that were listed. `None` if they may differ from
    /// what the run has read, or if they are reached through a link.
    pub fn inputs(
        &mut self,
        root: &Path,
        paths: impl IntoIterator<Item = TreePath>,
        begin: StartTime,
    ) -> Option<()> {
        let paths: BTreeSet<TreePath> = paths.into_iter().collect();
        for path in &paths {
            self.folders_to(root, path)?;
            let full_path = full_path(root, path)?;
            let seen = path_state(Path::new(&full_path))?;
            if let PathState::File(stat, _) | PathState::Folder(stat, _) = &seen
                && begin.is_before(stat)
            {
                return None;
            }
            self.entries.insert(full_path, seen);
        }
        Some(())
    }

    /// Ensures that the parent folders of a path are not links.
    pub(super) fn folders_to(&self, root: &Path, path: &TreePath) -> Option<()> {
        let above = std::iter::successors(path.parent(), TreePath::parent);
        for folder in above.filter(|it| *it != TreePath::root()) {
            let full_path = full_path(root, &folder)?;
            if self.entries.get(&full_path).is_some() {
                continue;
            }
            match path_state(Path::new(&full_path))? {
                PathState::File(..) => return None,
                PathState::Folder(..) | PathState::Nothing => {}
            }
        }
        Some(())
    }

    /// Adds an output folder. `files` are its current files with their bytes; `None` if it contains others.
    pub fn output<'a>(
        &mut self,
        root: &Path,
        files: impl IntoIterator<Item = (&'a TreePath, &'a [u8])>,
        begin: StartTime,
    ) -> Option<()> {
        let mut folders = BTreeSet::from([TreePath::root()]);
        for (path, bytes) in files {
            let full_path = full_path(root, path)?;
            let PathState::File(stat, _) = path_state(Path::new(&full_path))? else {
                return None;
            };
            let digest = begin.is_before(&stat).then(|| digest(bytes));
            self.entries
                .insert(full_path, PathState::File(stat, digest));
            add_above(path, &mut folders);
        }
        for folder in folders {
            let full_path = full_path(root, &folder)?;
            let PathState::Folder(stat, _) = path_state(Path::new(&full_path))? else {
                return None;
            };
            let is_new = begin.is_before(&stat);
            self.entries
                .insert(full_path, PathState::Folder(stat, is_new));
        }
        let all = self.entries.all();
        let mut new = all
            .iter()
            .filter(|it| matches!(it.1, PathState::Folder(_, true)));
        new.all(|it| self.has_names(it.0)).then_some(())
    }

    /// Whether a folder contains exactly the recorded names.
    pub(super) fn has_names(&self, folder: &str) -> bool {
        let Ok(entries) = fs::read_dir(folder) else {
            return false;
        };
        let mut names = 0;
        for entry in entries {
            let path = entry.map(|it| it.path());
            let known =
                path.is_ok_and(|it| it.to_str().is_some_and(|it| self.entries.get(it).is_some()));
            if !known {
                return false;
            }
            names += 1;
        }
        self.entries.children(folder) == names
    }

    /// The changed paths; `None` if unknown. Entries whose content had to be read are identified by stat data from now on, if they
    /// are old enough; the boolean says whether there were any.
    fn changed(&mut self, begin: StartTime) -> Option<(Vec<PathBuf>, bool)> {
        let (mut changed, mut learned) = (Vec::new(), Vec::new());
        for (path, seen) in self.entries.all() {
            let now = path_state(Path::new(path))?;
            if !self.is_same(path, seen, &now) {
                changed.push(PathBuf::from(path));
                continue;
            }
            let stat = match seen {
                PathState::File(stat, Some(_)) | PathState::Folder(stat, true) => stat,
                _ => continue,
            };
            if !begin.is_before(stat) {
                learned.push((path.to_string(), now));
            }
        }
        let has_learned = !learned.is_empty();
        for (path, seen) in learned {
            self.entries.insert(path, seen);
        }
        Some((changed, has_learned))
    }

    fn is_same(&self, path: &str, seen: &PathState, now: &PathState) -> bool {
        match (seen, now) {
            (PathState::File(old, None), PathState::File(new, _)) => old == new,
            (PathState::File(old, Some(known)), PathState::File(new, _)) => {
                old == new && fs::read(path).is_ok_and(|it| digest(&it) == *known)
            }
            (PathState::Folder(old, false), PathState::Folder(new, _)) => old == new,
            (PathState::Folder(old, true), PathState::Folder(new, _)) => {
                old == new && self.has_names(path)
            }
            (PathState::Nothing, PathState::Nothing) => true,
            _ => false,
        }
    }

    /// Stores the stamp together with a text. Failures are ignored, because they only cost time.
    pub fn keep(&self, file: &Path, key: &str, summary: &str) {
        let Some(bytes) = self.bytes(key, summary) else {
            return;
        };
        make_room(file, STAMPS_MAX);
        let _: Result<(), DiskError> = store(file, &bytes);
    }

    fn bytes(&self, key: &str, summary: &str) -> Option<Vec<u8>> {
        let mut bytes = format!("{HEAD}\n{key}\n{summary}\n").into_bytes();
        self.entries.write(&mut bytes)?;
        Some(add_checksum(bytes))
    }

    /// Stores what has changed since the stamp was stored as a whole with the text `whole`, together with a new text and the changed
    /// inputs. `false` if the stamp must be stored as a whole.
    pub fn store_changes(
        &self,
        file: &Path,
        key: &str,
        [whole, summary]: [&str; 2],
        inputs: &[u8],
    ) -> bool {
        let is_small = self.entries.changed() <= CHANGES_MAX && inputs.len() <= INPUT_BYTES_MAX;
        if !is_small || !self.entries.is_settled() {
            return false;
        }
        let head = format!(
            "{CHANGES_HEAD}\n{key}\n{whole}\n{summary}\n{}\n",
            inputs.len()
        );
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(inputs);
        let written = self.entries.write_changes(&mut bytes);
        written.is_some() && store_private(&changes_of(file), &add_checksum(bytes)).is_ok()
    }
}

/// The file with the changes since a stamp was stored.
fn changes_of(file: &Path) -> PathBuf {
    file.with_extension("changes")
}

/// A stamp from the disk.
struct Stored {
    stamp: Stamp,
    /// The text that was stored with the whole stamp.
    whole: String,
    /// The text that was stored last, and the inputs that changed in between.
    summary: String,
    inputs: Option<Vec<u8>>,
}

impl Stored {
    fn read(file: &Path, key: &str) -> Option<Stored> {
        let bytes = fs::read(file).ok()?;
        let mut lines = strip_checksum(&bytes)?.splitn(4, |it| *it == b'\n');
        if lines.next()? != HEAD.as_bytes() || lines.next()? != key.as_bytes() {
            return None;
        }
        let whole = str::from_utf8(lines.next()?).ok()?.to_string();
        let mut stored = Stored {
            stamp: Stamp {
                entries: PathStates::read(lines.next()?)?,
            },
            summary: whole.clone(),
            whole,
            inputs: None,
        };
        // Changes of another stamp remain until they are replaced.
        if let Ok(bytes) = fs::read(changes_of(file)) {
            let _: Option<()> = stored.read_changes(&bytes, key);
        }
        Some(stored)
    }

    fn read_changes(&mut self, bytes: &[u8], key: &str) -> Option<()> {
        let mut lines = strip_checksum(bytes)?.splitn(6, |it| *it == b'\n');
        let mut is_line = |text: &str| lines.next().is_some_and(|it| it == text.as_bytes());
        if !(is_line(CHANGES_HEAD) && is_line(key) && is_line(&self.whole)) {
            return None;
        }
        let mut text = || str::from_utf8(lines.next()?).ok();
        let (summary, length) = (text()?.to_string(), text()?.parse().ok()?);
        let (inputs, entries) = lines.next()?.split_at_checked(length)?;
        self.stamp.entries.read_changes(entries)?;
        self.summary = summary;
        self.inputs = Some(inputs.to_vec());
        Some(())
    }

    /// Stores the stamp again after entries were identified by their stat data.
    fn keep(&self, file: &Path, key: &str) {
        match &self.inputs {
            Some(inputs) => {
                self.stamp
                    .store_changes(file, key, [&self.whole, &self.summary], inputs);
            }
            None => self.stamp.keep(file, key, &self.summary),
        }
    }
}

/// The path of a file or folder below another one; `None` if it is not UTF-8.
pub(super) fn full_path(root: &Path, path: &TreePath) -> Option<String> {
    let root = root.to_str()?;
    match path.as_str() {
        "" => Some(root.to_string()),
        path => Some(format!("{root}/{path}")),
    }
}

/// Adds the parent folders of a path.
pub(super) fn add_above(path: &TreePath, folders: &mut BTreeSet<TreePath>) {
    for folder in std::iter::successors(path.parent(), TreePath::parent) {
        if !folders.insert(folder) {
            break;
        }
    }
}

/// The differences from a stamp.
#[derive(Debug)]
pub struct Difference {
    /// The text stored with the stamp.
    pub summary: String,
    /// The text stored with the whole stamp, if it is on this machine and later changes may refer to it.
    pub whole: Option<String>,
    /// The inputs that changed after the whole stamp was stored, as [`Inputs::changes`](super::Inputs::changes) gives them.
    pub changed_inputs: Option<Vec<u8>>,
    /// The changed paths: files, and folders that may contain other names.
    pub changed: Vec<PathBuf>,
    pub(super) stamp: Stamp,
}

/// Compares a stamp with the disk; `None` if there is no usable stamp. `key` represents everything else that the run depends on.
pub fn difference(file: &Path, key: &str, begin: StartTime) -> Option<Difference> {
    let mut stored = Stored::read(file, key)?;
    let (changed, has_learned) = stored.stamp.changed(begin)?;
    if changed.is_empty() && has_learned {
        stored.keep(file, key);
    }
    Some(Difference {
        summary: stored.summary,
        whole: Some(stored.whole),
        changed_inputs: stored.inputs,
        changed,
        stamp: stored.stamp,
    })
}

/// The text of a stamp, if nothing has changed.
pub fn unchanged(file: &Path, key: &str, begin: StartTime) -> Option<String> {
    let found = difference(file, key, begin)?;
    found.changed.is_empty().then_some(found.summary)
}

impl Difference {
    /// Whether the stamp contains a path.
    pub fn has(&self, path: &Path) -> bool {
        let seen = path.to_str().and_then(|it| self.stamp.entries.get(it));
        seen.is_some_and(|it| *it != PathState::Nothing)
    }

    /// Replaces the inputs below a folder, like [`Stamp::inputs`].
    pub fn inputs(
        &mut self,
        root: &Path,
        paths: impl IntoIterator<Item = TreePath>,
        begin: StartTime,
    ) -> Option<()> {
        self.stamp.inputs(root, paths, begin)
    }

    /// The stamp that was compared with the disk.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The stamp that was compared with the disk.
    pub fn into_stamp(self) -> Stamp {
        self.stamp
    }

    /// Whether an input is known.
    pub fn has_input(&self, path: &Path) -> bool {
        path.to_str()
            .is_some_and(|it| self.stamp.entries.get(it).is_some())
    }

    /// The stamp after some files of the output folder were written or removed. `None` if one of their folders contains unknown
    /// entries.
    pub fn output(
        mut self,
        root: &Path,
        files: impl IntoIterator<Item = (TreePath, Option<Arc<[u8]>>)>,
        begin: StartTime,
    ) -> Option<Stamp> {
        let mut folders = BTreeSet::from([TreePath::root()]);
        for (path, bytes) in files {
            let full_path = full_path(root, &path)?;
            match (path_state(Path::new(&full_path))?, bytes) {
                (PathState::File(stat, _), Some(bytes)) => {
                    let digest = begin.is_before(&stat).then(|| digest(&bytes));
                    self.stamp
                        .entries
                        .insert(full_path, PathState::File(stat, digest));
                }
                (PathState::Nothing, None) => self.stamp.entries.remove(&full_path),
                _ => return None,
            }
            add_above(&path, &mut folders);
        }
        let mut new = Vec::new();
        for folder in folders {
            let full_path = full_path(root, &folder)?;
            match path_state(Path::new(&full_path))? {
                PathState::Folder(stat, _) => {
                    let is_new = begin.is_before(&stat);
                    new.extend(is_new.then(|| full_path.clone()));
                    self.stamp
                        .entries
                        .insert(full_path, PathState::Folder(stat, is_new));
                }
                PathState::Nothing => self.stamp.entries.remove(&full_path),
                PathState::File(..) => return None,
            }
        }
        let is_known = new.iter().all(|it| self.stamp.has_names(it));
        is_known.then_some(self.stamp)
    }
}
