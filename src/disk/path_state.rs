//! The recorded entries of thousands of paths, which are read and written at once, with few changes in between.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use super::checksum::Digest;

/// Written in place of an entry that was removed.
const REMOVED: u8 = b'x';

/// The entry at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathState {
    Nothing,
    /// A file, with the digest of its bytes if it may have changed since.
    File(Stat, Option<Digest>),
    /// A folder, and whether it may have changed since. In that case, its names are compared with the entries below it.
    Folder(Stat, bool),
}

/// Device, inode, mode and size, and the times of the last change of the bytes and of the inode, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    numbers: [u64; 4],
    pub(super) times: [i64; 2],
}

/// The entry at a path; `None` for links and special files, and if it cannot be read.
pub(super) fn path_state(path: &Path) -> Option<PathState> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Some(PathState::Nothing);
        }
        Err(_) => return None,
    };
    let stat = stat(&metadata)?;
    match metadata.file_type() {
        it if it.is_file() => Some(PathState::File(stat, None)),
        it if it.is_dir() => Some(PathState::Folder(stat, false)),
        _ => None,
    }
}

#[cfg(unix)]
fn stat(metadata: &fs::Metadata) -> Option<Stat> {
    use std::os::unix::fs::MetadataExt;
    let nanoseconds =
        |seconds: i64, rest: i64| seconds.checked_mul(1_000_000_000)?.checked_add(rest);
    Some(Stat {
        numbers: [
            metadata.dev(),
            metadata.ino(),
            metadata.mode().into(),
            metadata.size(),
        ],
        times: [
            nanoseconds(metadata.mtime(), metadata.mtime_nsec())?,
            nanoseconds(metadata.ctime(), metadata.ctime_nsec())?,
        ],
    })
}

/// On other systems, only the bytes show whether a file has changed.
#[cfg(not(unix))]
fn stat(_metadata: &fs::Metadata) -> Option<Stat> {
    None
}

/// The entries of absolute paths, sorted by the bytes of the paths.
#[derive(Clone, Debug, Default)]
pub(super) struct PathStates {
    /// The paths, one after the other. A separate string for each would take most of the time.
    text: String,
    read: Vec<(Range<u32>, PathState)>,
    /// Entries that were added or removed since.
    changed: BTreeMap<String, Option<PathState>>,
}

impl PathStates {
    pub(super) fn get(&self, path: &str) -> Option<&PathState> {
        match self.changed.get(path) {
            Some(changed) => changed.as_ref(),
            None => {
                let at = self.start(path);
                let (range, seen) = self.read.get(at)?;
                (self.path(range) == path).then_some(seen)
            }
        }
    }

    pub(super) fn insert(&mut self, path: String, seen: PathState) {
        self.changed.insert(path, Some(seen));
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.changed.insert(path.to_string(), None);
    }

    pub(super) fn all(&self) -> Vec<(&str, &PathState)> {
        self.merged(0, "")
    }

    /// The entries below a folder.
    pub(super) fn below(&self, folder: &str) -> Vec<(&str, &PathState)> {
        let prefix = format!("{folder}/");
        self.merged(self.start(&prefix), &prefix)
    }

    /// The number of existing entries directly in a folder. Entries below its subfolders are not visited.
    pub(super) fn children(&self, folder: &str) -> usize {
        let prefix = format!("{folder}/");
        let changed = self.changed.range(prefix.clone()..);
        let changed = changed.map_while(|(path, seen)| Some((path.strip_prefix(&prefix)?, seen)));
        let own = changed.filter(|(name, _)| !name.contains('/'));
        let exists =
            |seen: &&Option<PathState>| seen.as_ref().is_some_and(|it| *it != PathState::Nothing);
        let mut count = own.filter(|(_, seen)| exists(seen)).count();
        let mut at = self.start(&prefix);
        while let Some((range, seen)) = self.read.get(at) {
            let path = self.path(range);
            let Some(name) = path.strip_prefix(&prefix) else {
                break;
            };
            match name.split_once('/') {
                // `0` is the character after `/`.
                Some((subfolder, _)) => at = self.start(&format!("{prefix}{subfolder}0")),
                None => {
                    let exists = *seen != PathState::Nothing && !self.changed.contains_key(path);
                    count += usize::from(exists);
                    at += 1;
                }
            }
        }
        count
    }

    fn merged(&self, start: usize, prefix: &str) -> Vec<(&str, &PathState)> {
        let read = self.read.get(start..).unwrap_or_default().iter();
        let read = read.map(|(range, seen)| (self.path(range), seen));
        let read = read.take_while(|it| it.0.starts_with(prefix));
        let changed = self.changed.range(prefix.to_string()..);
        let mut changed = changed
            .take_while(|it| it.0.starts_with(prefix))
            .map(|(path, seen)| (path.as_str(), seen))
            .peekable();
        let mut all = Vec::with_capacity(self.read.len().saturating_sub(start));
        for entry in read {
            while let Some((path, seen)) = changed.next_if(|it| it.0 < entry.0) {
                all.extend(seen.as_ref().map(|it| (path, it)));
            }
            match changed.next_if(|it| it.0 == entry.0) {
                Some((path, seen)) => all.extend(seen.as_ref().map(|it| (path, it))),
                None => all.push(entry),
            }
        }
        all.extend(changed.filter_map(|(path, seen)| Some((path, seen.as_ref()?))));
        all
    }

    /// The position of a path among those that were read, or its insertion position.
    fn start(&self, path: &str) -> usize {
        self.read.partition_point(|it| self.path(&it.0) < path)
    }

    fn path(&self, range: &Range<u32>) -> &str {
        let range = range.start as usize..range.end as usize;
        self.text.get(range).unwrap_or("")
    }

    /// Appends all entries to bytes.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) -> Option<()> {
        let all = self.all().into_iter();
        write_entries(all.map(|(path, seen)| (path, Some(seen))), bytes)
    }

    /// Appends the entries that were added or removed since the others were read.
    pub(super) fn write_changes(&self, bytes: &mut Vec<u8>) -> Option<()> {
        let changed = self.changed.iter();
        write_entries(
            changed.map(|(path, seen)| (path.as_str(), seen.as_ref())),
            bytes,
        )
    }

    /// The number of entries that were added or removed since the others were read.
    pub(super) fn changed(&self) -> usize {
        self.changed.len()
    }

    /// Whether stat data identify all entries, apart from the changed ones.
    pub(super) fn is_settled(&self) -> bool {
        let mut read = self.read.iter();
        read.all(|(path, seen)| {
            let is_new = matches!(
                seen,
                PathState::File(_, Some(_)) | PathState::Folder(_, true)
            );
            !is_new || self.changed.contains_key(self.path(path))
        })
    }

    /// Reads entries that [`PathStates::write`] has written; `None` for invalid bytes.
    pub(super) fn read(bytes: &[u8]) -> Option<PathStates> {
        let (text, entries) = read_entries(bytes)?;
        let read = entries.into_iter();
        let read: Option<_> = read.map(|(path, seen)| Some((path, seen?))).collect();
        Some(PathStates {
            text,
            read: read?,
            changed: BTreeMap::new(),
        })
    }

    /// Applies changes that [`PathStates::write_changes`] has written; `None` for invalid bytes.
    pub(super) fn read_changes(&mut self, bytes: &[u8]) -> Option<()> {
        let (text, entries) = read_entries(bytes)?;
        for (path, seen) in entries {
            let path = text.get(path.start as usize..path.end as usize)?;
            self.changed.insert(path.to_string(), seen);
        }
        Some(())
    }
}

/// Appends entries to bytes: each path as the length of the prefix that it shares with the one before, and the rest. A removed entry
/// has no [`PathState`].
fn write_entries<'a>(
    entries: impl Iterator<Item = (&'a str, Option<&'a PathState>)>,
    bytes: &mut Vec<u8>,
) -> Option<()> {
    let mut last = "";
    for (path, seen) in entries {
        let pairs = path.bytes().zip(last.bytes());
        let shared = pairs.take_while(|(a, b)| a == b).count();
        let rest = path.as_bytes().get(shared..)?;
        bytes.extend(u16::try_from(shared).ok()?.to_le_bytes());
        bytes.extend(u16::try_from(rest.len()).ok()?.to_le_bytes());
        bytes.extend(rest);
        match seen {
            Some(seen) => seen.write(bytes),
            None => bytes.push(REMOVED),
        }
        last = path;
    }
    Some(())
}

type Entries = Vec<(Range<u32>, Option<PathState>)>;

/// The paths, one after the other, and the entries with the ranges of their paths.
fn read_entries(bytes: &[u8]) -> Option<(String, Entries)> {
    let (mut text, mut read) = (Vec::with_capacity(bytes.len()), Vec::new());
    let (mut rest, mut last) = (bytes, 0..0);
    while !rest.is_empty() {
        let shared = usize::from(u16::from_le_bytes(take(&mut rest)?));
        let own = usize::from(u16::from_le_bytes(take(&mut rest)?));
        let (own, next) = rest.split_at_checked(own)?;
        rest = next;
        let start = text.len();
        let prefix = last.start..last.start + shared;
        if prefix.end > last.end {
            return None;
        }
        text.extend_from_within(prefix);
        text.extend_from_slice(own);
        last = start..text.len();
        let range = u32::try_from(last.start).ok()?..u32::try_from(last.end).ok()?;
        read.push((range, PathState::read(&mut rest)?));
    }
    Some((String::from_utf8(text).ok()?, read))
}

impl PathState {
    fn write(&self, bytes: &mut Vec<u8>) {
        let (letter, stat, digest) = match self {
            PathState::Nothing => (b'-', None, None),
            PathState::File(stat, None) => (b'f', Some(stat), None),
            PathState::File(stat, Some(digest)) => (b'b', Some(stat), Some(digest)),
            PathState::Folder(stat, false) => (b'd', Some(stat), None),
            PathState::Folder(stat, true) => (b'n', Some(stat), None),
        };
        bytes.push(letter);
        if let Some(stat) = stat {
            bytes.extend(stat.numbers.iter().flat_map(|it| it.to_le_bytes()));
            bytes.extend(stat.times.iter().flat_map(|it| it.to_le_bytes()));
        }
        bytes.extend(digest.into_iter().flatten());
    }

    /// The inner `None` is a removed entry.
    fn read(rest: &mut &[u8]) -> Option<Option<PathState>> {
        let [letter] = take(rest)?;
        match letter {
            b'-' => return Some(Some(PathState::Nothing)),
            REMOVED => return Some(None),
            _ => {}
        }
        let mut stat = Stat {
            numbers: [0; 4],
            times: [0; 2],
        };
        for number in &mut stat.numbers {
            *number = u64::from_le_bytes(take(rest)?);
        }
        for time in &mut stat.times {
            *time = i64::from_le_bytes(take(rest)?);
        }
        Some(Some(match letter {
            b'f' => PathState::File(stat, None),
            b'b' => PathState::File(stat, Some(take(rest)?)),
            b'd' => PathState::Folder(stat, false),
            b'n' => PathState::Folder(stat, true),
            _ => return None,
        }))
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, next) = rest.split_first_chunk()?;
    *rest = next;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(number: u64) -> PathState {
        let stat = Stat {
            numbers: [number; 4],
            times: [-1, 1],
        };
        PathState::File(stat, number.is_multiple_of(2).then_some([7; 32]))
    }

    #[test]
    fn what_is_written_is_read() {
        let mut paths = PathStates::default();
        for (at, path) in ["/a", "/a/b", "/a-b", "/a/bé", "/a/bè", "/z"]
            .into_iter()
            .enumerate()
        {
            paths.insert(path.to_string(), seen(at as u64));
        }
        paths.insert("/n".to_string(), PathState::Nothing);
        let mut bytes = Vec::new();
        paths.write(&mut bytes).unwrap();
        let mut again = PathStates::read(&bytes).unwrap();
        assert_eq!(again.all(), paths.all());
        assert_eq!(again.get("/a/bé"), Some(&seen(3)));
        assert_eq!(again.get("/a/b/"), None);
        again.remove("/a/b");
        again.insert("/a/c".to_string(), seen(9));
        let mut changes = Vec::new();
        again.write_changes(&mut changes).unwrap();
        let mut changed = PathStates::read(&bytes).unwrap();
        changed.read_changes(&changes).unwrap();
        assert_eq!(changed.all(), again.all());
        assert_eq!(changed.changed(), 2);
        assert!(PathStates::read(&changes).is_none());
        for (folder, children) in [("", 3), ("/a", 3), ("/a-b", 0), ("/a/b", 0)] {
            assert_eq!(changed.children(folder), children, "{folder}");
            let below = changed.below(folder).into_iter();
            let names = below.map(|it| &it.0[folder.len() + 1..]);
            let own = names.filter(|it| !it.contains('/') && *it != "n");
            assert_eq!(own.count(), children, "{folder}");
        }
        let below: Vec<&str> = again.below("/a").into_iter().map(|it| it.0).collect();
        assert_eq!(below, ["/a/bè", "/a/bé", "/a/c"]);
        assert_eq!(again.get("/a/b"), None);
        for end in 0..bytes.len() {
            let part = PathStates::read(&bytes[..end]);
            assert!(part.is_none_or(|it| it.all().len() < paths.all().len()));
        }
    }
}
