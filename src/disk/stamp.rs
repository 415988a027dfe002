//! What files and folders were, by their stat data: as long as these stay, nobody has to read them again.
//!
//! Git's index knows unchanged files in this way. A file that changes without a change of size, times and inode would be taken for
//! unchanged; the kernel sets the time of a change itself, so this needs a clock that was set back. What changed about the time at
//! which the stamp was made may change again within the same tick of the clock: such a file is identified by its bytes and such a folder
//! by its names, and an unknown one makes no stamp.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::error::DiskError;
use super::store;
use crate::tree::TreePath;

/// The first line of the file of a stamp. Another version's is not read.
const HEAD: &str = "pleach stamp 1";

/// What changed in so short a time before a run begins may change again with the same times. Clocks of file systems tick in
/// milliseconds; those that count whole seconds are known by it.
const TICK: Duration = Duration::from_millis(100);
const COARSE_TICK: Duration = Duration::from_secs(2);

/// The number of stamps kept, one for each workspace and output folder; the oldest are removed first.
const STAMPS_MAX: usize = 64;

/// What a run has read and written.
#[derive(Debug, Default)]
pub struct Stamp {
    /// Absolute paths and what is there.
    entries: BTreeMap<PathBuf, Seen>,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    File(Stat, Option<Bytes>),
    /// With whether it may have changed since; then its names are those of the entries below it.
    Folder(Stat, bool),
}

/// The digest of a file's bytes.
type Bytes = [u8; 32];

/// Device, inode, mode, size, and the times of the last change of the bytes and of the inode, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat([i128; 6]);

/// When a run began: what changed later may be newer than what the run has read.
#[derive(Clone, Copy, Debug)]
pub struct Begin(i128);

impl Begin {
    /// Marks the present moment as the beginning of a run.
    pub fn now() -> Begin {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Begin(nanoseconds(now.unwrap_or_default()))
    }

    /// Whether something may have changed since.
    fn is_before(self, stat: &Stat) -> bool {
        let Stat([.., modified, changed]) = *stat;
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
    /// Adds inputs below a folder: paths that were read or looked for, and folders that were listed. `None` where it cannot be known
    /// that they are what the run has read, or where a link leads to them.
    pub fn inputs(
        &mut self,
        root: &Path,
        paths: impl IntoIterator<Item = TreePath>,
        begin: Begin,
    ) -> Option<()> {
        let paths: BTreeSet<TreePath> = paths.into_iter().collect();
        for path in &paths {
            self.folders_to(root, path)?;
            let place = root.join(path.as_str());
            let seen = see(&place)?;
            if let Seen::File(stat, _) | Seen::Folder(stat, _) = &seen
                && begin.is_before(stat)
            {
                return None;
            }
            self.entries.insert(place, seen);
        }
        Some(())
    }

    /// The folders that lead to a path are no links.
    fn folders_to(&self, root: &Path, path: &TreePath) -> Option<()> {
        let above = std::iter::successors(path.parent(), TreePath::parent);
        for folder in above.filter(|it| *it != TreePath::root()) {
            let place = root.join(folder.as_str());
            if self.entries.contains_key(&place) {
                continue;
            }
            match see(&place)? {
                Seen::File(..) => return None,
                Seen::Folder(..) | Seen::Nothing => {}
            }
        }
        Some(())
    }

    /// Adds all of an output folder. `files` are those that it holds now, with their bytes; `None` where it holds others.
    pub fn output<'a>(
        &mut self,
        root: &Path,
        files: impl IntoIterator<Item = (&'a TreePath, &'a [u8])>,
        begin: Begin,
    ) -> Option<()> {
        let mut folders = BTreeSet::from([TreePath::root()]);
        for (path, bytes) in files {
            let place = root.join(path.as_str());
            let Seen::File(stat, _) = see(&place)? else {
                return None;
            };
            let digest = begin.is_before(&stat).then(|| digest(bytes));
            self.entries.insert(place, Seen::File(stat, digest));
            folders.extend(std::iter::successors(path.parent(), TreePath::parent));
        }
        for folder in folders {
            let place = root.join(folder.as_str());
            let Seen::Folder(stat, _) = see(&place)? else {
                return None;
            };
            let is_new = begin.is_before(&stat);
            self.entries.insert(place, Seen::Folder(stat, is_new));
        }
        let mut new = self
            .entries
            .iter()
            .filter(|it| matches!(it.1, Seen::Folder(_, true)));
        new.all(|it| self.has_names(it.0)).then_some(())
    }

    /// Whether a folder holds what is known of it, and nothing else.
    fn has_names(&self, folder: &Path) -> bool {
        let Ok(entries) = fs::read_dir(folder) else {
            return false;
        };
        let mut names = 0;
        for entry in entries {
            let known = entry.is_ok_and(|it| self.entries.contains_key(&it.path()));
            if !known {
                return false;
            }
            names += 1;
        }
        let below = self.entries.range(folder.to_path_buf()..).skip(1);
        let below = below.take_while(|it| it.0.starts_with(folder));
        let own = below.filter(|it| it.0.parent() == Some(folder) && *it.1 != Seen::Nothing);
        own.count() == names
    }

    /// The paths that are not as they were; `None` where that can't be known. What had to be looked at is from now on known by its stat
    /// data, if it is old enough by then; with whether there was such a thing.
    fn changed(&mut self, begin: Begin) -> Option<(Vec<PathBuf>, bool)> {
        let (mut changed, mut learned) = (Vec::new(), Vec::new());
        for (path, seen) in &self.entries {
            let now = see(path)?;
            if !self.is_same(path, seen, &now) {
                changed.push(path.clone());
                continue;
            }
            let stat = match seen {
                Seen::File(stat, Some(_)) | Seen::Folder(stat, true) => stat,
                _ => continue,
            };
            if !begin.is_before(stat) {
                learned.push((path.clone(), now));
            }
        }
        let has_learned = !learned.is_empty();
        self.entries.extend(learned);
        Some((changed, has_learned))
    }

    fn is_same(&self, path: &Path, seen: &Seen, now: &Seen) -> bool {
        match (seen, now) {
            (Seen::File(old, None), Seen::File(new, _)) => old == new,
            (Seen::File(old, Some(known)), Seen::File(new, _)) => {
                old == new && fs::read(path).is_ok_and(|it| digest(&it) == *known)
            }
            (Seen::Folder(old, false), Seen::Folder(new, _)) => old == new,
            (Seen::Folder(old, true), Seen::Folder(new, _)) => old == new && self.has_names(path),
            (Seen::Nothing, Seen::Nothing) => true,
            _ => false,
        }
    }

    /// Keeps the stamp, with words that come back with it. A stamp that cannot be kept costs time, and nothing else.
    pub fn keep(&self, file: &Path, key: &str, words: &str) {
        let Some(text) = self.text(key, words) else {
            return;
        };
        if let Some(folder) = file.parent() {
            remove_oldest(folder);
        }
        let _: Result<(), DiskError> = store(file, text.as_bytes());
    }

    fn text(&self, key: &str, words: &str) -> Option<String> {
        let mut text = format!("{HEAD}\n{key}\n{words}\n");
        for (path, seen) in &self.entries {
            let path = path.to_str().filter(|it| !it.contains('\n'))?;
            let (letter, stat) = match seen {
                Seen::Nothing => ('-', None),
                Seen::File(stat, None) => ('f', Some(stat)),
                Seen::File(stat, Some(_)) => ('b', Some(stat)),
                Seen::Folder(stat, false) => ('d', Some(stat)),
                Seen::Folder(stat, true) => ('n', Some(stat)),
            };
            text.push(letter);
            for number in stat.iter().flat_map(|it| it.0) {
                _ = write!(text, " {number}");
            }
            if let Seen::File(_, Some(bytes)) = seen {
                text.push(' ');
                bytes.iter().for_each(|it| _ = write!(text, "{it:02x}"));
            }
            _ = writeln!(text, "\t{path}");
        }
        let whole = hex(&digest(text.as_bytes()));
        _ = writeln!(text, "{whole}");
        Some(text)
    }

    fn read(file: &Path, key: &str) -> Option<(Stamp, String)> {
        let text = fs::read_to_string(file).ok()?;
        // The last line says that the file is whole.
        let (text, whole) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        let body = format!("{text}\n");
        if hex(&digest(body.as_bytes())) != whole {
            return None;
        }
        let mut lines = text.lines();
        if lines.next()? != HEAD || lines.next()? != key {
            return None;
        }
        let words = lines.next()?.to_string();
        let entries: Option<BTreeMap<PathBuf, Seen>> = lines.map(entry).collect();
        Some((Stamp { entries: entries? }, words))
    }
}

/// What a stamp has seen, looked at again.
#[derive(Debug)]
pub struct Difference {
    /// The words that were kept with the stamp.
    pub words: String,
    /// The paths that are not as they were: files, and folders that may hold other names.
    pub changed: Vec<PathBuf>,
    stamp: Stamp,
}

/// Looks again at what a stamp has seen; `None` where there is no stamp that can be used. `key` is what else the run depends on.
pub fn difference(file: &Path, key: &str, begin: Begin) -> Option<Difference> {
    let (mut stamp, words) = Stamp::read(file, key)?;
    let (changed, has_learned) = stamp.changed(begin)?;
    if changed.is_empty() && has_learned {
        stamp.keep(file, key, &words);
    }
    Some(Difference {
        words,
        changed,
        stamp,
    })
}

/// The words of a stamp, if all that it has seen is as it was.
pub fn unchanged(file: &Path, key: &str, begin: Begin) -> Option<String> {
    let found = difference(file, key, begin)?;
    found.changed.is_empty().then_some(found.words)
}

impl Difference {
    /// Whether the stamp has seen something at a path.
    pub fn has(&self, path: &Path) -> bool {
        let seen = self.stamp.entries.get(path);
        seen.is_some_and(|it| *it != Seen::Nothing)
    }

    /// The stamp, with other inputs below a folder, as [`Stamp::inputs`] adds them.
    pub fn inputs(
        &mut self,
        root: &Path,
        paths: impl IntoIterator<Item = TreePath>,
        begin: Begin,
    ) -> Option<()> {
        self.stamp.inputs(root, paths, begin)
    }

    /// Whether an input is known.
    pub fn has_input(&self, path: &Path) -> bool {
        self.stamp.entries.contains_key(path)
    }

    /// The stamp after some files of the output folder were written or removed. `None` where one of their folders holds what nobody
    /// knows.
    pub fn output(
        mut self,
        root: &Path,
        files: impl IntoIterator<Item = (TreePath, Option<Arc<[u8]>>)>,
        begin: Begin,
    ) -> Option<Stamp> {
        let mut folders = BTreeSet::from([TreePath::root()]);
        for (path, bytes) in files {
            let place = root.join(path.as_str());
            match (see(&place)?, bytes) {
                (Seen::File(stat, _), Some(bytes)) => {
                    let digest = begin.is_before(&stat).then(|| digest(&bytes));
                    self.stamp.entries.insert(place, Seen::File(stat, digest));
                }
                (Seen::Nothing, None) => drop(self.stamp.entries.remove(&place)),
                _ => return None,
            }
            folders.extend(std::iter::successors(path.parent(), TreePath::parent));
        }
        let mut new = Vec::new();
        for folder in folders {
            let place = root.join(folder.as_str());
            match see(&place)? {
                Seen::Folder(stat, _) => {
                    let is_new = begin.is_before(&stat);
                    let seen = Seen::Folder(stat, is_new);
                    self.stamp.entries.insert(place.clone(), seen);
                    new.extend(is_new.then_some(place));
                }
                Seen::Nothing => drop(self.stamp.entries.remove(&place)),
                Seen::File(..) => return None,
            }
        }
        let is_known = new.iter().all(|it| self.stamp.has_names(it));
        is_known.then_some(self.stamp)
    }
}

fn entry(line: &str) -> Option<(PathBuf, Seen)> {
    let (fields, path) = line.split_once('\t')?;
    let mut fields = fields.split(' ');
    let letter = fields.next()?;
    let mut numbers = [0; 6];
    if letter != "-" {
        for number in &mut numbers {
            *number = fields.next()?.parse().ok()?;
        }
    }
    let stat = Stat(numbers);
    let seen = match letter {
        "-" => Seen::Nothing,
        "f" => Seen::File(stat, None),
        "b" => Seen::File(stat, Some(bytes(fields.next()?)?)),
        "d" => Seen::Folder(stat, false),
        "n" => Seen::Folder(stat, true),
        _ => return None,
    };
    Some((PathBuf::from(path), seen))
}

fn bytes(hex: &str) -> Option<Bytes> {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    (hex.len() == 64).then_some(bytes)
}

fn hex(bytes: &Bytes) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

fn digest(bytes: &[u8]) -> Bytes {
    Sha256::digest(bytes).into()
}

/// What is at a path; `None` for a link, for what is neither file nor folder, and where it cannot be known.
fn see(path: &Path) -> Option<Seen> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(Seen::Nothing),
        Err(_) => return None,
    };
    let stat = stat(&metadata)?;
    match metadata.file_type() {
        it if it.is_file() => Some(Seen::File(stat, None)),
        it if it.is_dir() => Some(Seen::Folder(stat, false)),
        _ => None,
    }
}

#[cfg(unix)]
fn stat(metadata: &fs::Metadata) -> Option<Stat> {
    use std::os::unix::fs::MetadataExt;
    let nanoseconds =
        |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    Some(Stat([
        metadata.dev().into(),
        metadata.ino().into(),
        metadata.mode().into(),
        metadata.size().into(),
        nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
    ]))
}

/// Elsewhere nothing but the bytes says whether a file is the same.
#[cfg(not(unix))]
fn stat(_metadata: &fs::Metadata) -> Option<Stat> {
    None
}

/// Makes room for one more stamp.
fn remove_oldest(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut stamps: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|it| Some((it.metadata().ok()?.modified().ok()?, it.path())))
        .collect();
    stamps.sort();
    let excess = stamps.len().saturating_sub(STAMPS_MAX - 1);
    for (_, path) in stamps.into_iter().take(excess) {
        let _ = fs::remove_file(path);
    }
}
