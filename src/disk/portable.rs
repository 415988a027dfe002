//! A run as another machine can know it: by what its files held, and not by their stat data.
//!
//! It says of every input what was there, with its bytes, and of every output the digest. A fresh clone has the same files with other
//! inodes and times: where they are still what the run has read and written, the clone gets a stamp of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::inputs::{Found, Inputs, Reader, Writer};
use super::sealed::{Digest, digest, opened, sealed};
use super::seen::{Seen, see};
use super::stamp::{Begin, Difference, Stamp, add_above, place};
use crate::tree::TreePath;
use crate::yaml::parallel;

/// What it begins with. Another version's is not read.
const HEAD: &[u8] = b"pleach run 1\n";

/// More than any run that is kept comes to, unpacked: inputs are at most 64 MiB, and the rest is paths and digests.
const BYTES_MAX: u64 = 128 << 20;

/// From so many files on, they are read on all processors.
const MANY: usize = 64;

/// The inputs are of the run that they are packed with.
const ID: &str = "portable";

/// What a run has read and written.
#[derive(Clone, Debug)]
pub struct Portable {
    /// What was kept with the stamp.
    pub words: String,
    inputs: Inputs,
    /// Inputs of which no bytes are kept.
    large: BTreeMap<TreePath, Digest>,
    outputs: BTreeMap<TreePath, Digest>,
}

impl Portable {
    /// What a stamp and its inputs say of a workspace and its output folder. `None` where a file is no longer what they say.
    pub fn of(
        stamp: &Stamp,
        inputs: &Inputs,
        root: &Path,
        out: &Path,
        words: &str,
    ) -> Option<Portable> {
        // What is below the output folder counts as output.
        if root.starts_with(out) {
            return None;
        }
        let files = inputs.files().into_iter();
        let large = files.filter(|it| matches!(it.1, Found::Large));
        let large = large.map(|it| path(it.0)).collect::<Option<Vec<_>>>()?;
        let folder = place(out, &TreePath::root())?;
        let below = stamp.entries.below(&folder).into_iter();
        let outputs = below.filter(|it| matches!(it.1, Seen::File(..)));
        let outputs = outputs.map(|it| path(it.0.get(folder.len() + 1..)?.as_bytes()));
        Some(Portable {
            words: words.to_string(),
            inputs: inputs.clone(),
            large: digests(stamp, root, large)?,
            outputs: digests(stamp, out, outputs.collect::<Option<_>>()?)?,
        })
    }

    /// As they are stored. `key` is what else the run depends on. The same run has the same bytes on every machine.
    pub fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        let mut bytes = HEAD.to_vec();
        let mut writer = Writer(&mut bytes);
        writer.text(key.as_bytes())?;
        writer.text(self.words.as_bytes())?;
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
        Some(sealed(packed.finish().ok()?))
    }

    /// Reads what [`Portable::bytes`] wrote; `None` for anything else, and for another key.
    pub fn read(packed: &[u8], key: &str) -> Option<Portable> {
        let mut bytes = Vec::new();
        let mut unpacked = ZlibDecoder::new(opened(packed)?).take(BYTES_MAX + 1);
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
        let words = str::from_utf8(reader.text()?).ok()?.to_string();
        let (large, outputs) = (read_digests(&mut reader)?, read_digests(&mut reader)?);
        let start = reader.at;
        let inputs = Inputs::read(bytes.split_off(start), ID)?;
        Some(Portable {
            words,
            inputs,
            large,
            outputs,
        })
    }

    /// The inputs of the run.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// What differs now, with the stamp of a run on this machine. Each folder that was listed counts as changed, for only its names say
    /// whether it is. `None` where that cannot be known: a link, a folder that is gone, what cannot be read.
    pub fn difference(&self, root: &Path, out: &Path, begin: Begin) -> Option<Difference> {
        let mut stamp = Stamp::default();
        let mut changed = Vec::new();
        for folder in self.inputs.folders() {
            let folder = path(folder)?;
            stamp.folders_to(root, &folder)?;
            let place = place(root, &folder)?;
            let Seen::Folder(stat, _) = see(Path::new(&place))? else {
                return None;
            };
            changed.push(place.clone());
            stamp.entries.insert(place, Seen::Folder(stat, false));
        }
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
            expected.push((place(root, &file)?, what));
        }
        let mut folders = BTreeSet::from([TreePath::root()]);
        for (file, digest) in &self.outputs {
            add_above(file, &mut folders);
            expected.push((place(out, file)?, Expected::Digest(*digest)));
        }
        let looked = parallel::map(MANY, &expected, |(place, what)| {
            what.look(Path::new(place), begin)
        });
        for ((place, _), looked) in expected.into_iter().zip(looked) {
            let (seen, is_same) = looked?;
            if !is_same {
                changed.push(place.clone());
            }
            // A folder that was both listed and looked at has been seen.
            stamp.entries.insert(place, seen);
        }
        changed.extend(output_folders(&mut stamp, out, &folders, begin)?);
        changed.sort();
        changed.dedup();
        Some(Difference {
            words: self.words.clone(),
            changed: changed.into_iter().map(Into::into).collect(),
            stamp,
        })
    }
}

/// Adds the folders of the output to a stamp, and gives those that hold other names than the stamp knows.
fn output_folders(
    stamp: &mut Stamp,
    out: &Path,
    folders: &BTreeSet<TreePath>,
    begin: Begin,
) -> Option<Vec<String>> {
    let mut places = Vec::new();
    for folder in folders {
        let place = place(out, folder)?;
        let seen = match see(Path::new(&place))? {
            Seen::Folder(stat, _) => Seen::Folder(stat, begin.is_before(&stat)),
            Seen::Nothing => Seen::Nothing,
            Seen::File(..) => return None,
        };
        stamp.entries.insert(place.clone(), seen);
        places.push(place);
    }
    places.retain(|it| !stamp.has_names(it));
    Some(places)
}

/// What is expected at a path.
enum Expected<'a> {
    Nothing,
    Folder,
    Bytes(&'a [u8]),
    Digest(Digest),
}

impl Expected<'_> {
    /// What is there, and whether it is that; `None` where it cannot be known.
    fn look(&self, place: &Path, begin: Begin) -> Option<(Seen, bool)> {
        let seen = see(place)?;
        let stat = match (self, seen) {
            (Expected::Nothing, Seen::Nothing) => return Some((seen, true)),
            (Expected::Folder, Seen::Folder(..)) => return Some((seen, true)),
            (Expected::Folder, _) | (_, Seen::Folder(..)) => return None,
            (_, Seen::Nothing) => return Some((seen, false)),
            (_, Seen::File(stat, _)) => stat,
        };
        let bytes = fs::read(place).ok()?;
        let is_same = match self {
            Expected::Bytes(expected) => bytes == *expected,
            Expected::Digest(expected) => digest(&bytes) == *expected,
            Expected::Nothing | Expected::Folder => false,
        };
        let known = begin.is_before(&stat).then(|| digest(&bytes));
        Some((Seen::File(stat, known), is_same))
    }
}

/// The digests of files that are as a stamp has seen them.
fn digests(stamp: &Stamp, root: &Path, paths: Vec<TreePath>) -> Option<BTreeMap<TreePath, Digest>> {
    let read = parallel::map(MANY, &paths, |path| {
        let place = place(root, path)?;
        let Some(Seen::File(stat, known)) = stamp.entries.get(&place) else {
            return None;
        };
        let found = digest(&fs::read(&place).ok()?);
        let is_same = known.is_none_or(|it| it == found);
        let Some(Seen::File(now, _)) = see(Path::new(&place)) else {
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

/// A path below a folder, as it is written: one that leads elsewhere is none.
fn path(bytes: &[u8]) -> Option<TreePath> {
    let text = str::from_utf8(bytes).ok()?;
    TreePath::new(text).filter(|it| it.as_str() == text)
}
