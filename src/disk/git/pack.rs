//! A pack: many objects in one file, some as deltas of others, and an index with the offset of each object.
//!
//! If something cannot be read here, this is not an error: with [`None`], Git is used instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::id::Id;
use super::inflate::{SIZE_MAX, inflate};
use super::parts_file::PartsFile;

/// The size of a read. Most objects are smaller.
const CHUNK: usize = 4096;

/// The signature and version of an index, and a number for each first byte of a name.
const HEAD: usize = 8;
const TABLE: usize = 256 * 4;

/// The number of names read at once at the end of a search.
const NAMES: u64 = 64;

/// The kind of an object in a pack, and its bytes.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) kind: Kind,
    pub(super) bytes: Arc<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

pub(super) struct Pack {
    index: PartsFile,
    /// For each first byte, the number of IDs that begin with it or a smaller one.
    counts: Vec<u8>,
    data: PartsFile,
    /// Objects that were read, by offset, because they may be bases of deltas.
    known: Mutex<BTreeMap<u64, Object>>,
    has_cycle: AtomicBool,
}

/// An entry of a pack.
enum Entry {
    Whole(Kind, Vec<u8>),
    /// A delta of the object at another offset.
    Delta(u64, Vec<u8>),
}

impl Pack {
    /// Opens the pack that belongs to an index.
    pub(super) fn open(index: &Path) -> Option<Pack> {
        // Git writes a pack before its index: an index without a pack was left over when the pack
        // was removed, and has no objects.
        let data = PartsFile::new(File::open(index.with_extension("pack")).ok()?);
        let index = PartsFile::new(File::open(index).ok()?);
        let mut counts = index.read(0, HEAD + TABLE)?.into_owned();
        let head = counts.drain(..HEAD.min(counts.len()));
        // Version 2, which Git has written since 1.6. Version 1 has no signature and is left to Git.
        let is_known = head.as_slice() == b"\xfftOc\0\0\0\x02";
        drop(head);
        (is_known && counts.len() == TABLE).then(|| Pack {
            index,
            counts,
            data,
            known: Mutex::default(),
            has_cycle: AtomicBool::default(),
        })
    }

    /// An object by its ID.
    pub(super) fn object(&self, id: &Id) -> Option<Object> {
        self.at(self.find(id)?)
    }

    /// A fault of the pack that git would not detect: git follows cycles of deltas forever.
    pub(super) fn damage(&self) -> Option<&'static str> {
        let has_cycle = self.has_cycle.load(Ordering::Relaxed);
        has_cycle.then_some("a pack is corrupt: its objects are deltas of each other")
    }

    fn count(&self, byte: u8) -> Option<u64> {
        let at = usize::from(byte) * 4;
        Some(u64::from(number(self.counts.get(at..at + 4)?)?))
    }

    /// The offset of an object.
    fn find(&self, id: &Id) -> Option<u64> {
        // An index of SHA-256 has IDs and checksums of other lengths.
        let name = Some(id.digest()).filter(|it| it.len() == 20)?;
        let (first, size) = (*name.first()?, name.len() as u64);
        let names = (HEAD + TABLE) as u64;
        let mut start = first.checked_sub(1).map_or(Some(0), |it| self.count(it))?;
        let mut end = self.count(first)?;
        // Each step reads from the file, so the last IDs are read together and not bisected further.
        while end.checked_sub(start)? > NAMES {
            let middle = start + (end - start) / 2;
            let found = self.index.read(names + middle * size, name.len())?;
            // Keeps the ID between both ends, even if it is the one in the middle.
            match *found <= *name {
                true => start = middle,
                false => end = middle,
            }
        }
        let length = usize::try_from((end - start) * size).ok()?;
        let found = self.index.read(names + start * size, length)?;
        let at = found.chunks(name.len()).position(|it| it == name)?;
        self.offset(start + at as u64, size)
    }

    /// After the IDs follow checksums, then offsets; large offsets are in a separate table.
    fn offset(&self, at: u64, size: u64) -> Option<u64> {
        let count = self.count(u8::MAX)?;
        let offsets = (HEAD + TABLE) as u64 + count * (size + 4);
        let offset = number(&self.index.read(offsets + at * 4, 4)?)?;
        // The highest bit marks an offset of 2 GiB or more: the rest is its number in the table of 64-bit offsets.
        let Some(large) = offset.checked_sub(1 << 31) else {
            return Some(u64::from(offset));
        };
        let offset = offsets + count * 4 + u64::from(large) * 8;
        let bytes = self.index.read(offset, 8)?;
        Some(u64::from_be_bytes((*bytes).try_into().ok()?))
    }

    /// The object at an offset.
    fn at(&self, offset: u64) -> Option<Object> {
        // A loop instead of a recursion, because packs of other programs may contain delta chains of any length.
        let (mut deltas, mut seen) = (Vec::new(), BTreeSet::new());
        let mut base = offset;
        let mut object = loop {
            if let Some(known) = self.known(base) {
                break known;
            }
            match self.entry(base)? {
                Entry::Whole(kind, bytes) => {
                    let bytes = bytes.into();
                    break self.keep(base, Object { kind, bytes });
                }
                Entry::Delta(below, delta) => {
                    if !seen.insert(base) {
                        self.has_cycle.store(true, Ordering::Relaxed);
                        return None;
                    }
                    deltas.push((base, delta));
                    base = below;
                }
            }
        };
        while let Some((offset, delta)) = deltas.pop() {
            let bytes = applied(&object.bytes, &delta)?.into();
            object = self.keep(offset, Object { bytes, ..object });
        }
        Some(object)
    }

    fn known(&self, offset: u64) -> Option<Object> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&offset).cloned()
    }

    fn keep(&self, offset: u64, object: Object) -> Object {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(offset, object.clone());
        object
    }

    /// Reads the kind and the size (four bits, then seven bits per byte), the base of a delta, and the compressed data.
    fn entry(&self, offset: u64) -> Option<Entry> {
        let chunk = self.data.read(offset, CHUNK)?;
        let mut bytes = chunk.iter().copied();
        let first = bytes.next()?;
        let (mut size, mut byte, mut shift) = (usize::from(first & 15), first, 4);
        while byte & 0x80 != 0 {
            byte = bytes.next()?;
            size |= usize::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
        }
        let kind = first >> 4 & 7;
        let below = match kind {
            // OFS_DELTA: the base is earlier in the same pack.
            6 => Some(offset.checked_sub(distance(&mut bytes)?)?),
            // REF_DELTA: the base has a name. Git completes thin packs when it stores them, so the base is in this pack.
            7 => {
                let name: Vec<u8> = bytes.by_ref().take(20).collect();
                Some(self.find(&Id::new(&name)?)?)
            }
            _ => None,
        };
        let start = chunk.len() - bytes.len();
        let mut next = offset + chunk.len() as u64;
        let more = || {
            let more = self.data.read(next, CHUNK * 16)?;
            next += more.len() as u64;
            Some(more)
        };
        let content = inflate(chunk.get(start..)?, more, size)?;
        // A damaged entry: Git's message is better.
        if content.len() != size {
            return None;
        }
        Some(match (kind, below) {
            (1, _) => Entry::Whole(Kind::Commit, content),
            (2, _) => Entry::Whole(Kind::Tree, content),
            (3, _) => Entry::Whole(Kind::Blob, content),
            (4, _) => Entry::Whole(Kind::Tag, content),
            (_, Some(below)) => Entry::Delta(below, content),
            _ => return None,
        })
    }
}

/// The distance back to the base: seven bits per byte, plus one for each further byte.
fn distance(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut byte = bytes.next()?;
    let mut distance = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = bytes.next()?;
        // Git adds one for each further byte, so that no distance has two encodings.
        distance = (distance + 1).checked_mul(128)? | u64::from(byte & 0x7f);
    }
    (distance > 0).then_some(distance)
}

/// Applies a delta: the sizes of both objects, then instructions to copy a part of the base or to insert bytes.
fn applied(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let mut rest = delta.iter().copied();
    let (from, to) = (size(&mut rest)?, size(&mut rest)?);
    // A delta for another base would produce wrong bytes without an error.
    if from != base.len() || to > SIZE_MAX {
        return None;
    }
    let mut bytes = Vec::with_capacity(to);
    while let Some(order) = rest.next() {
        if order & 0x80 == 0 {
            let start = delta.len() - rest.len();
            let end = start + usize::from(order);
            bytes.extend_from_slice(delta.get(start..end)?);
            rest = delta.get(end..)?.iter().copied();
            continue;
        }
        let mut part = |bits: std::ops::Range<u32>| {
            let mut number = 0;
            for (at, bit) in bits.enumerate() {
                if order & 1 << bit != 0 {
                    number |= usize::from(rest.next()?) << (8 * at);
                }
            }
            Some(number)
        };
        let (start, length) = (part(0..4)?, part(4..7)?);
        // A copy of nothing is useless, so the format uses a length of 0 for 64 KiB.
        let length = if length == 0 { 1 << 16 } else { length };
        bytes.extend_from_slice(base.get(start..start.checked_add(length)?)?);
    }
    (bytes.len() == to).then_some(bytes)
}

fn size(bytes: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let (mut size, mut shift) = (0usize, 0);
    loop {
        let byte = bytes.next()?;
        size |= usize::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(size);
        }
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
