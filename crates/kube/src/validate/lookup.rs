//! A fixed map from names to values.

/// Values by name, sorted by length and then by name. A lookup usually compares one name.
#[derive(Debug)]
pub(super) struct Lookup<T> {
    entries: Box<[(Box<str>, T)]>,
    /// For each remainder of a digest, one more than the index of an entry; 0 if there is none. If two have the same remainder, the
    /// later one is in the next free slot.
    slots: Box<[u16]>,
}

impl<T> Default for Lookup<T> {
    fn default() -> Lookup<T> {
        Lookup {
            entries: Box::default(),
            slots: Box::default(),
        }
    }
}

impl<T> Lookup<T> {
    /// Creates the map. Of equal names, the first one is used.
    pub(super) fn new(mut list: Vec<(Box<str>, T)>) -> Lookup<T> {
        list.sort_by(|a, b| a.0.len().cmp(&b.0.len()).then_with(|| a.0.cmp(&b.0)));
        list.dedup_by(|later, first| later.0 == first.0);
        // Definitions of the maximum size that the server accepts have fewer names.
        list.truncate(usize::from(u16::MAX) - 1);
        let mut slots = match list.len() {
            0 => Vec::new(),
            count => vec![0; (count * 2).next_power_of_two()],
        };
        for (name, number) in list.iter().map(|it| &it.0).zip(1_u16..) {
            let mut at = digest(name);
            while let Some(taken) = slot(&slots, at).filter(|it| *it != 0) {
                debug_assert_ne!(taken, number);
                at = at.wrapping_add(1);
            }
            let mask = slots.len() - 1;
            if let Some(free) = slots.get_mut(at & mask) {
                *free = number;
            }
        }
        Lookup {
            entries: list.into(),
            slots: slots.into(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        let mut at = digest(name);
        loop {
            let number = usize::from(slot(&self.slots, at)?);
            let entry = self.entries.get(number.checked_sub(1)?)?;
            if *entry.0 == *name {
                return Some(&entry.1);
            }
            at = at.wrapping_add(1);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.entries.iter().map(|it| (&*it.0, &it.1))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|it| &*it.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The slot of a digest: the number of slots is a power of two.
fn slot(slots: &[u16], digest: usize) -> Option<u16> {
    let mask = slots.len().wrapping_sub(1);
    slots.get(digest & mask).copied()
}

/// A number from the length, the first and the last bytes of a name.
fn digest(name: &str) -> usize {
    let bytes = name.as_bytes();
    let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(first), Some(last)) => (
                u64::from(u32::from_le_bytes(*first)),
                u64::from(u32::from_le_bytes(*last)),
            ),
            _ => (bytes.iter().fold(0, |sum, it| sum << 8 | u64::from(*it)), 0),
        },
    };
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = (first ^ last.rotate_left(29) ^ bytes.len() as u64).wrapping_mul(ODD);
    (mixed >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let names: Vec<String> = (0..500)
            .map(|it| "x".repeat(it % 23) + &it.to_string())
            .collect();
        let list = names.iter().enumerate();
        let lookup = Lookup::new(list.map(|(at, it)| (it.as_str().into(), at)).collect());
        for (at, name) in names.iter().enumerate() {
            assert_eq!(lookup.get(name), Some(&at), "{name}");
            assert_eq!(lookup.get(&format!("{name}y")), None);
        }
        assert_eq!(lookup.get(""), None);
        assert_eq!(Lookup::<()>::default().get("a"), None);
    }

    #[test]
    fn the_first_of_two_equal_names_counts() {
        let lookup = Lookup::new(vec![("a".into(), 1), ("b".into(), 2), ("a".into(), 3)]);
        assert_eq!(lookup.get("a"), Some(&1));
        assert_eq!(lookup.names().collect::<Vec<_>>(), ["a", "b"]);
    }
}
