//! A pack: many objects in one file, some as deltas of others, and an index with the offset of each object.
//!
//! `None` is not an error here: what this module cannot read is read by git.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::chunked_file::ChunkedFile;
use super::id::Id;
use super::inflate::{SIZE_MAX, inflate};

/// The number of bytes read at once. Most objects are smaller.
const CHUNK_BYTES: usize = 4096;

/// The size of the signature and version of an index.
const HEADER_BYTES: usize = 8;
/// The size of the fan-out table of an index: for each first byte of an ID, a number of four bytes.
const FANOUT_BYTES: usize = 256 * 4;

/// The number of IDs that are read at once at the end of a search.
const IDS_PER_READ: u64 = 64;

/// The type of an object, and its content.
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
    index: ChunkedFile,
    /// The fan-out table: for each first byte, the number of IDs that begin with it or a smaller one.
    fanout: Vec<u8>,
    data: ChunkedFile,
    /// The objects read so far, by offset, because they may be bases of deltas.
    cache: Mutex<BTreeMap<u64, Object>>,
    /// Whether a chain of deltas was found that leads back to itself.
    has_cycle: AtomicBool,
}

/// An entry of a pack.
enum Entry {
    Object(Kind, Arc<[u8]>),
    /// The offset of the base, and the delta.
    Delta(u64, Arc<[u8]>),
}

impl Pack {
    /// Opens the pack that belongs to an index.
    pub(super) fn open(index: &Path) -> Option<Pack> {
        // Git writes a pack before its index: an index without a pack was left over when the pack
        // was removed, and has no objects.
        let data = ChunkedFile::new(File::open(index.with_extension("pack")).ok()?);
        let index = ChunkedFile::new(File::open(index).ok()?);
        let mut fanout = index.read(0, HEADER_BYTES + FANOUT_BYTES)?.into_owned();
        let header = fanout.drain(..HEADER_BYTES.min(fanout.len()));
        // Version 2, which Git has written since 1.6. Version 1 has no signature and is left to Git.
        let is_version_2 = header.as_slice() == b"\xfftOc\0\0\0\x02";
        drop(header);
        (is_version_2 && fanout.len() == FANOUT_BYTES).then(|| Pack {
            index,
            fanout,
            data,
            cache: Mutex::default(),
            has_cycle: AtomicBool::default(),
        })
    }

    /// An object by its ID.
    pub(super) fn object(&self, id: &Id) -> Option<Object> {
        self.object_at(self.find(id)?)
    }

    /// A fault of the pack that git would not detect: git follows cycles of deltas forever.
    pub(super) fn damage(&self) -> Option<&'static str> {
        let has_cycle = self.has_cycle.load(Ordering::Relaxed);
        has_cycle.then_some("a pack is corrupt: its objects are deltas of each other")
    }

    /// The number of IDs whose first byte is at most `byte`.
    fn count(&self, byte: u8) -> Option<u64> {
        let at = usize::from(byte) * 4;
        Some(u64::from(read_u32(self.fanout.get(at..at + 4)?)?))
    }

    /// The offset of an object.
    fn find(&self, id: &Id) -> Option<u64> {
        // The index of a SHA-256 repository has IDs and checksums of other lengths.
        let digest = Some(id.digest()).filter(|it| it.len() == 20)?;
        let (first, size) = (*digest.first()?, digest.len() as u64);
        let ids = (HEADER_BYTES + FANOUT_BYTES) as u64;
        let mut start = first.checked_sub(1).map_or(Some(0), |it| self.count(it))?;
        let mut end = self.count(first)?;
        // Each step reads from the file, so the last IDs are read together and not bisected further.
        while end.checked_sub(start)? > IDS_PER_READ {
            let middle = start + (end - start) / 2;
            let found = self.index.read(ids + middle * size, digest.len())?;
            // Keeps the ID between both ends, even if it is the one in the middle.
            match *found <= *digest {
                true => start = middle,
                false => end = middle,
            }
        }
        let length = usize::try_from((end - start) * size).ok()?;
        let found = self.index.read(ids + start * size, length)?;
        let at = found.chunks(digest.len()).position(|it| it == digest)?;
        self.offset_at(start + at as u64, size)
    }

    /// The offset of the object with the ID at position `at`. `size` is that of an ID. The IDs are followed by checksums, then by
    /// offsets; large offsets are in a separate table.
    fn offset_at(&self, at: u64, size: u64) -> Option<u64> {
        let count = self.count(u8::MAX)?;
        let offsets = (HEADER_BYTES + FANOUT_BYTES) as u64 + count * (size + 4);
        let offset = read_u32(&self.index.read(offsets + at * 4, 4)?)?;
        // The highest bit marks an offset of 2 GiB or more. The other bits are its position in the table of 64-bit offsets.
        let Some(large) = offset.checked_sub(1 << 31) else {
            return Some(u64::from(offset));
        };
        let offset = offsets + count * 4 + u64::from(large) * 8;
        let bytes = self.index.read(offset, 8)?;
        Some(u64::from_be_bytes((*bytes).try_into().ok()?))
    }

    /// The object at an offset.
    fn object_at(&self, offset: u64) -> Option<Object> {
        // A loop instead of a recursion, because packs of other programs may contain delta chains of any length.
        let (mut deltas, mut seen) = (Vec::new(), BTreeSet::new());
        let mut base = offset;
        let mut object = loop {
            if let Some(object) = self.cached(base) {
                break object;
            }
            match self.entry(base)? {
                Entry::Object(kind, bytes) => {
                    break self.store(base, Object { kind, bytes });
                }
                Entry::Delta(next, delta) => {
                    if !seen.insert(base) {
                        self.has_cycle.store(true, Ordering::Relaxed);
                        return None;
                    }
                    deltas.push((base, delta));
                    base = next;
                }
            }
        };
        while let Some((offset, delta)) = deltas.pop() {
            let bytes = apply_delta(&object.bytes, &delta)?.into();
            object = self.store(offset, Object { bytes, ..object });
        }
        Some(object)
    }

    fn cached(&self, offset: u64) -> Option<Object> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(&offset).cloned()
    }

    fn store(&self, offset: u64, object: Object) -> Object {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.insert(offset, object.clone());
        object
    }

    /// Reads the entry at an offset: the type and the size (four bits, then seven bits per byte), the base of a delta, and the
    /// compressed data.
    fn entry(&self, offset: u64) -> Option<Entry> {
        let chunk = self.data.read(offset, CHUNK_BYTES)?;
        let mut bytes = chunk.iter().copied();
        let first = bytes.next()?;
        let (mut size, mut byte, mut shift) = (usize::from(first & 15), first, 4);
        while byte & 0x80 != 0 {
            byte = bytes.next()?;
            size |= usize::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
        }
        let kind = first >> 4 & 7;
        let base = match kind {
            // OFS_DELTA: the base is earlier in the same pack.
            6 => Some(offset.checked_sub(read_distance(&mut bytes)?)?),
            // REF_DELTA: the base is given by its ID. Git completes thin packs when it stores them, so the base is in this pack.
            7 => {
                let digest: Vec<u8> = bytes.by_ref().take(20).collect();
                Some(self.find(&Id::new(&digest)?)?)
            }
            _ => None,
        };
        let start = chunk.len() - bytes.len();
        let mut next = offset + chunk.len() as u64;
        let more = || {
            let more = self.data.read(next, CHUNK_BYTES * 16)?;
            next += more.len() as u64;
            Some(more)
        };
        // If the size is wrong, the entry is damaged, and git has a better message.
        let content = inflate(chunk.get(start..)?, more, size, |content| {
            (content.len() == size).then(|| Arc::from(content))
        })?;
        Some(match (kind, base) {
            (1, _) => Entry::Object(Kind::Commit, content),
            (2, _) => Entry::Object(Kind::Tree, content),
            (3, _) => Entry::Object(Kind::Blob, content),
            (4, _) => Entry::Object(Kind::Tag, content),
            (_, Some(base)) => Entry::Delta(base, content),
            _ => return None,
        })
    }
}

/// Reads the distance from a delta back to its base: seven bits per byte.
fn read_distance(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut byte = bytes.next()?;
    let mut distance = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = bytes.next()?;
        // Git adds one for each further byte, so that no distance has two encodings.
        distance = (distance + 1).checked_mul(128)? | u64::from(byte & 0x7f);
    }
    (distance > 0).then_some(distance)
}

/// Applies a delta: the sizes of the base and the result, then instructions that copy a part of the base or insert bytes.
fn apply_delta(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let mut rest = delta.iter().copied();
    let (base_size, size) = (read_size(&mut rest)?, read_size(&mut rest)?);
    // A delta for another base would produce wrong bytes without an error.
    if base_size != base.len() || size > SIZE_MAX {
        return None;
    }
    let mut bytes = Vec::with_capacity(size);
    while let Some(instruction) = rest.next() {
        if instruction & 0x80 == 0 {
            let start = delta.len() - rest.len();
            let end = start + usize::from(instruction);
            bytes.extend_from_slice(delta.get(start..end)?);
            rest = delta.get(end..)?.iter().copied();
            continue;
        }
        // Each of these bits of the instruction means that one byte of the number follows.
        let mut operand = |bits: std::ops::Range<u32>| {
            let mut number = 0;
            for (at, bit) in bits.enumerate() {
                if instruction & 1 << bit != 0 {
                    number |= usize::from(rest.next()?) << (8 * at);
                }
            }
            Some(number)
        };
        let (start, length) = (operand(0..4)?, operand(4..7)?);
        // Copying nothing would be useless, so a length of 0 means 64 KiB.
        let length = if length == 0 { 1 << 16 } else { length };
        bytes.extend_from_slice(base.get(start..start.checked_add(length)?)?);
    }
    (bytes.len() == size).then_some(bytes)
}

fn read_size(bytes: &mut impl Iterator<Item = u8>) -> Option<usize> {
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

fn read_u32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
