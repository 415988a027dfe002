//! A run in a form for other machines: identified by the content of files, not by their stat data.
//!
//! It contains every input with its bytes, and the digest of every output. A fresh clone has the same files with other inodes and
//! times: if they are equal to those of the run, the clone gets its own stamp.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::checksum::{Digest, add_checksum, digest, strip_checksum};
use super::inputs::{Found, Inputs, Reader, Writer};
use super::path_state::{PathState, path_state};
use super::stamp::{Difference, Stamp, StartTime, add_above, full_path};
use crate::tree::TreePath;
use crate::yaml::parallel;

/// The first bytes. Data of other versions is not read.
const HEAD: &[u8] = b"pleach run 1\n";

/// The maximum size of an unpacked run. Inputs are at most 64 MiB, and the rest are paths and digests.
const BYTES_MAX: u64 = 128 << 20;

/// From this number of files on, all processors read them.
const MANY: usize = 64;

/// The run ID of the inputs: they belong to the run that they are packed with.
const ID: &str = "portable";

/// The files that a run has read and written.
#[derive(Clone, Debug)]
pub struct Portable {
    /// The text stored with the stamp.
    pub summary: String,
    inputs: Inputs,
    /// Inputs whose bytes are not kept.
    large: BTreeMap<TreePath, Digest>,
    outputs: BTreeMap<TreePath, Digest>,
}

impl Portable {
    /// Makes a run from a stamp and its inputs. `None` if a file has changed since.
    pub fn from_stamp(
        stamp: &Stamp,
        inputs: &Inputs,
        root: &Path,
        out: &Path,
        summary: &str,
    ) -> Option<Portable> {
        // Files below the output folder count as output.
        if root.starts_with(out) {
            return None;
        }
        let files = inputs.files().into_iter();
        let large = files.filter(|it| matches!(it.1, Found::Large));
        let large = large.map(|it| path(it.0)).collect::<Option<Vec<_>>>()?;
        let folder = full_path(out, &TreePath::root())?;
        let below = stamp.entries.below(&folder).into_iter();
        let outputs = below.filter(|it| matches!(it.1, PathState::File(..)));
        let outputs = outputs.map(|it| path(it.0.get(folder.len() + 1..)?.as_bytes()));
        Some(Portable {
            summary: summary.to_string(),
            inputs: inputs.clone(),
            large: digests(stamp, root, large)?,
            outputs: digests(stamp, out, outputs.collect::<Option<_>>()?)?,
        })
    }

    /// Serializes the run. `key` represents everything else that it depends on. The same run has the same bytes on every machine.
    pub fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        let mut bytes = HEAD.to_vec();
        let mut writer = Writer(&mut bytes);
        writer.text(key.as_bytes())?;
        writer.text(self.summary.as_bytes())?;
        for files in [&self.large, &self.outputs] {
            writer.number(files.len())?;
            for path in files.keys() {
                writer.text(path.as_str().as_bytes())?;
            }
            files.values().for_each(|it| writer.0.extend(it));
        }
        bytes.extend(self.inputs.bytes(ID)?);
        if bytes.len() as u64 > BYTES_MAX {
            return None;
        }
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&bytes).ok()?;
        Some(add_checksum(packed.finish().ok()?))
    }

    /// Parses the output of [`Portable::bytes`]; `None` for other data, and for another key.
    pub fn read(packed: &[u8], key: &str) -> Option<Portable> {
        let mut bytes = Vec::new();
        let mut unpacked = ZlibDecoder::new(strip_checksum(packed)?).take(BYTES_MAX + 1);
        unpacked.read_to_end(&mut bytes).ok()?;
        if bytes.len() as u64 > BYTES_MAX || !bytes.starts_with(HEAD) {
            return None;
        }
        let mut reader = Reader {
            bytes: &bytes,
            at: HEAD.len(),
        };
        if reader.text()? != key.as_bytes() {
            return None;
        }
        let summary = str::from_utf8(reader.text()?).ok()?.to_string();
        let (large, outputs) = (read_digests(&mut reader)?, read_digests(&mut reader)?);
        let start = reader.at;
        let inputs = Inputs::decode(bytes.split_off(start), ID)?;
        Some(Portable {
            summary,
            inputs,
            large,
            outputs,
        })
    }

    /// The inputs of the run.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// The current differences, with the stamp of a run on this machine. Every listed folder counts as changed, because only its
    /// names show whether it is. `None` if this cannot be determined: for links, missing folders and unreadable files.
    pub fn difference(&self, root: &Path, out: &Path, begin: StartTime) -> Option<Difference> {
        let mut stamp = Stamp::default();
        let mut changed = Vec::new();
        for folder in self.inputs.folders() {
            let folder = path(folder)?;
            stamp.folders_to(root, &folder)?;
            let full_path = full_path(root, &folder)?;
            let PathState::Folder(stat, _) = path_state(Path::new(&full_path))? else {
                return None;
            };
            changed.push(full_path.clone());
            stamp
                .entries
                .insert(full_path, PathState::Folder(stat, false));
        }
        let mut expected = self.expected_inputs(root, &mut stamp)?;
        let mut folders = BTreeSet::from([TreePath::root()]);
        for (file, digest) in &self.outputs {
            add_above(file, &mut folders);
            expected.push((full_path(out, file)?, Expected::Digest(*digest)));
        }
        let looked = parallel::map(MANY, &expected, |(full_path, what)| {
            what.look(Path::new(full_path), begin)
        });
        for ((full_path, _), looked) in expected.into_iter().zip(looked) {
            let (seen, is_same) = looked?;
            if !is_same {
                changed.push(full_path.clone());
            }
            // The folder has already been added.
            stamp.entries.insert(full_path, seen);
        }
        changed.extend(output_folders(&mut stamp, out, &folders, begin)?);
        changed.sort();
        changed.dedup();
        Some(Difference {
            summary: self.summary.clone(),
            whole: None,
            changed_inputs: None,
            changed: changed.into_iter().map(Into::into).collect(),
            stamp,
        })
    }

    /// What each input file must be, by its full path. Adds the folders of the files to the stamp.
    fn expected_inputs(
        &self,
        root: &Path,
        stamp: &mut Stamp,
    ) -> Option<Vec<(String, Expected<'_>)>> {
        let mut expected = Vec::new();
        for (file, found) in self.inputs.files() {
            let file = path(file)?;
            stamp.folders_to(root, &file)?;
            let what = match found {
                Found::Nothing => Expected::Nothing,
                Found::Folder => Expected::Folder,
                Found::File(bytes) => Expected::Bytes(bytes),
                Found::Large => Expected::Digest(*self.large.get(&file)?),
            };
            expected.push((full_path(root, &file)?, what));
        }
        Some(expected)
    }
}

/// Adds the folders of the output to a stamp, and returns those that contain other names than the stamp.
fn output_folders(
    stamp: &mut Stamp,
    out: &Path,
    folders: &BTreeSet<TreePath>,
    begin: StartTime,
) -> Option<Vec<String>> {
    let mut full_paths = Vec::new();
    for folder in folders {
        let full_path = full_path(out, folder)?;
        let seen = match path_state(Path::new(&full_path))? {
            PathState::Folder(stat, _) => PathState::Folder(stat, begin.is_before(&stat)),
            PathState::Nothing => PathState::Nothing,
            PathState::File(..) => return None,
        };
        stamp.entries.insert(full_path.clone(), seen);
        full_paths.push(full_path);
    }
    full_paths.retain(|it| !stamp.has_names(it));
    Some(full_paths)
}

/// The expected entry at a path.
enum Expected<'a> {
    Nothing,
    Folder,
    Bytes(&'a [u8]),
    Digest(Digest),
}

impl Expected<'_> {
    /// The actual entry, and whether it is the expected one; `None` if this cannot be determined.
    fn look(&self, full_path: &Path, begin: StartTime) -> Option<(PathState, bool)> {
        let seen = path_state(full_path)?;
        let stat = match (self, seen) {
            (Expected::Nothing, PathState::Nothing) => return Some((seen, true)),
            (Expected::Folder, PathState::Folder(..)) => return Some((seen, true)),
            (Expected::Folder, _) | (_, PathState::Folder(..)) => return None,
            (_, PathState::Nothing) => return Some((seen, false)),
            (_, PathState::File(stat, _)) => stat,
        };
        let bytes = fs::read(full_path).ok()?;
        let is_same = match self {
            Expected::Bytes(expected) => bytes == *expected,
            Expected::Digest(expected) => digest(&bytes) == *expected,
            Expected::Nothing | Expected::Folder => false,
        };
        let known = begin.is_before(&stat).then(|| digest(&bytes));
        Some((PathState::File(stat, known), is_same))
    }
}

/// The digests of files that are unchanged according to a stamp.
fn digests(stamp: &Stamp, root: &Path, paths: Vec<TreePath>) -> Option<BTreeMap<TreePath, Digest>> {
    let read = parallel::map(MANY, &paths, |path| {
        let full_path = full_path(root, path)?;
        let Some(PathState::File(stat, known)) = stamp.entries.get(&full_path) else {
            return None;
        };
        let found = digest(&fs::read(&full_path).ok()?);
        let is_same = known.is_none_or(|it| it == found);
        let Some(PathState::File(now, _)) = path_state(Path::new(&full_path)) else {
            return None;
        };
        (is_same && now == *stat).then_some(found)
    });
    paths
        .into_iter()
        .zip(read)
        .map(|(path, digest)| Some((path, digest?)))
        .collect()
}

fn read_digests(reader: &mut Reader<'_>) -> Option<BTreeMap<TreePath, Digest>> {
    let mut paths = Vec::new();
    for _ in 0..reader.number()? {
        paths.push(path(reader.text()?)?);
    }
    let mut files = BTreeMap::new();
    for path in paths {
        let digest = reader.bytes.get(reader.at..)?.first_chunk()?;
        reader.at += digest.len();
        files.insert(path, *digest);
    }
    Some(files)
}

/// Parses a path below a folder; `None` if it leads outside.
fn path(bytes: &[u8]) -> Option<TreePath> {
    let text = str::from_utf8(bytes).ok()?;
    TreePath::new(text).filter(|it| it.as_str() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Folder;
    use crate::tree::ReadSet;

    const OUTPUT: &str = "x/out.yaml";

    /// Does something to a workspace.
    type Act = fn(&Path);

    fn tree_path(text: &str) -> TreePath {
        TreePath::new(text).unwrap()
    }

    /// A folder with inputs of each sort, and an output.
    fn workspace() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("in/below")).unwrap();
        fs::create_dir_all(root.join("deploy/x")).unwrap();
        fs::write(root.join("in/a.yaml"), "one").unwrap();
        fs::write(root.join("in/large"), vec![7; 300 << 10]).unwrap();
        fs::write(root.join("deploy").join(OUTPUT), "out").unwrap();
        folder
    }

    fn portable(root: &Path) -> Portable {
        let read = ReadSet {
            files: ["in/a.yaml", "in/large", "in/below", "missing.yaml"]
                .map(tree_path)
                .into(),
            folders: [tree_path("in")].into(),
        };
        let files = Folder::open(root).unwrap();
        let inputs = Inputs::read(&files, &read).unwrap();
        let mut stamp = Stamp::default();
        std::thread::sleep(std::time::Duration::from_millis(150));
        let begin = StartTime::now();
        let paths = read.files.into_iter().chain(read.folders);
        stamp.inputs(root, paths, begin).unwrap();
        let out = root.join("deploy");
        let output = tree_path(OUTPUT);
        stamp.output(&out, [(&output, &b"out"[..])], begin).unwrap();
        Portable::from_stamp(&stamp, &inputs, root, &out, "summary").unwrap()
    }

    /// What differs in another folder, below it.
    fn changed(run: &Portable, root: &Path) -> Option<Vec<String>> {
        let difference = run.difference(root, &root.join("deploy"), StartTime::now())?;
        let below = |it: std::path::PathBuf| it.strip_prefix(root).unwrap().display().to_string();
        Some(difference.changed.into_iter().map(below).collect())
    }

    #[test]
    fn other_folders_with_the_same_files_are_the_same() {
        let (one, other) = (workspace(), workspace());
        let bytes = portable(one.path()).bytes("key").unwrap();
        assert_eq!(portable(other.path()).bytes("key").unwrap(), bytes);
        let run = Portable::read(&bytes, "key").unwrap();
        assert_eq!(run.summary, "summary");
        // The names in a folder are for `Inputs` to compare.
        assert_eq!(changed(&run, other.path()).unwrap(), ["in"]);
    }

    #[test]
    fn every_change_is_seen() {
        let one = workspace();
        let run = portable(one.path());
        let changes: [(&str, Act); 8] = [
            ("in/a.yaml", |it| {
                fs::write(it.join("in/a.yaml"), "two").unwrap()
            }),
            ("in/a.yaml", |it| {
                fs::remove_file(it.join("in/a.yaml")).unwrap()
            }),
            ("in/large", |it| {
                fs::write(it.join("in/large"), vec![8; 300 << 10]).unwrap();
            }),
            ("missing.yaml", |it| {
                fs::write(it.join("missing.yaml"), "").unwrap()
            }),
            ("deploy/x/out.yaml", |it| {
                fs::write(it.join("deploy/x/out.yaml"), "other").unwrap();
            }),
            ("deploy/x/out.yaml", |it| {
                fs::remove_file(it.join("deploy/x/out.yaml")).unwrap();
            }),
            ("deploy/x", |it| {
                fs::write(it.join("deploy/x/more"), "").unwrap()
            }),
            ("deploy", |it| {
                fs::create_dir(it.join("deploy/more")).unwrap()
            }),
        ];
        for (path, change) in changes {
            let other = workspace();
            change(other.path());
            let changed = changed(&run, other.path()).unwrap();
            assert!(changed.iter().any(|it| it == path), "{path}: {changed:?}");
        }
    }

    #[test]
    fn a_folder_that_is_gone_or_another_thing_is_for_a_whole_run() {
        let one = workspace();
        let run = portable(one.path());
        let changes: [Act; 3] = [
            |it| fs::remove_dir(it.join("in/below")).unwrap(),
            |it| fs::remove_dir_all(it.join("in")).unwrap(),
            |it| {
                fs::remove_file(it.join("in/a.yaml")).unwrap();
                fs::create_dir(it.join("in/a.yaml")).unwrap();
            },
        ];
        for change in changes {
            let other = workspace();
            change(other.path());
            assert_eq!(changed(&run, other.path()), None);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_for_a_whole_run() {
        let one = workspace();
        let run = portable(one.path());
        for path in ["in/a.yaml", "deploy/x/out.yaml"] {
            let other = workspace();
            let file = other.path().join(path);
            fs::rename(&file, other.path().join("moved")).unwrap();
            std::os::unix::fs::symlink(other.path().join("moved"), file).unwrap();
            assert_eq!(changed(&run, other.path()), None, "{path}");
        }
    }

    #[test]
    fn what_is_damaged_or_of_another_run_is_not_read() {
        let one = workspace();
        let bytes = portable(one.path()).bytes("key").unwrap();
        assert!(Portable::read(&bytes, "other").is_none());
        for end in 0..bytes.len() {
            assert!(Portable::read(&bytes[..end], "key").is_none());
            let mut damaged = bytes.clone();
            damaged[end] ^= 4;
            assert!(Portable::read(&damaged, "key").is_none(), "{end}");
        }
    }

    /// Whoever can write to a store can store a run with any paths.
    #[test]
    fn no_path_leads_out_of_the_workspace() {
        let one = workspace();
        let packed = portable(one.path()).bytes("key").unwrap();
        let mut bytes = Vec::new();
        let mut unpacked = ZlibDecoder::new(strip_checksum(&packed).unwrap());
        unpacked.read_to_end(&mut bytes).unwrap();
        let reseal = |bytes: &[u8]| {
            let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(bytes).unwrap();
            add_checksum(packed.finish().unwrap())
        };
        assert!(Portable::read(&reseal(&bytes), "key").is_some());
        for (from, to) in [
            ("x/out.yaml", "../ut.yaml"),
            ("in/large", "../large"),
            ("in/a.yaml", "../a.yaml"),
            ("in/a.yaml", "/n/a.yaml"),
        ] {
            let text = |it: &str| it.as_bytes().to_vec();
            let (from, to) = (text(from), text(to));
            let mut changed = bytes.clone();
            while let Some(at) = memchr::memmem::find(&changed, &from) {
                changed[at..at + to.len()].copy_from_slice(&to);
            }
            let run = Portable::read(&reseal(&changed), "key");
            assert!(run.is_none_or(|it| super::tests::changed(&it, one.path()).is_none()));
        }
        // Any other bytes are read without harm.
        for at in 0..bytes.len().min(600) {
            let mut changed = bytes.clone();
            changed[at] = changed[at].wrapping_add(0x81);
            if let Some(run) = Portable::read(&reseal(&changed), "key") {
                let _ = super::tests::changed(&run, one.path());
            }
        }
        let bomb = reseal(&vec![0; usize::try_from(BYTES_MAX).unwrap() + 1]);
        assert!(Portable::read(&bomb, "key").is_none());
    }
}
