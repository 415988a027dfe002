//! Words in texts, to find relevant files without parsing them as YAML.
//!
//! A word is a maximal run of letters, digits, `.`, `_` and `-`: a plain or quoted scalar that is one word is also a word of the
//! text, unless it is written with an escape.

use memchr::memmem::Finder;

/// The words of a text. Non-ASCII characters separate words.
pub fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = text.split(|it| !is_part(*it));
    parts.filter(|it| !it.is_empty())
}

/// Whether a text can be searched as a word.
pub fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_part)
}

/// Searches texts for a word; one that is not a single word is searched literally.
pub struct WordFinder<'w> {
    finder: Finder<'w>,
    is_word: bool,
}

impl<'w> WordFinder<'w> {
    /// Prepares the search for a word.
    pub fn new(word: &'w str) -> WordFinder<'w> {
        WordFinder {
            finder: Finder::new(word),
            is_word: is_word(word),
        }
    }

    /// Whether a text contains the word.
    pub fn is_in(&self, text: &[u8]) -> bool {
        let is_end = |it: Option<&u8>| !it.is_some_and(|it| is_part(*it));
        let length = self.finder.needle().len();
        let is_whole = |at: usize| {
            let before = at.checked_sub(1).and_then(|it| text.get(it));
            is_end(before) && is_end(text.get(at + length))
        };
        let mut matches = self.finder.find_iter(text);
        match self.is_word {
            true => matches.any(is_whole),
            false => matches.next().is_some(),
        }
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_other_characters() {
        let text = "name: 'web-1'\nkind: {Door}# a.b ü";
        let found: Vec<_> = words(text.as_bytes()).collect();
        assert_eq!(found, [&b"name"[..], b"web-1", b"kind", b"Door", b"a.b"]);
        for (word, is_there) in [
            ("web-1", true),
            ("web", false),
            ("Door}", true),
            ("b", false),
        ] {
            assert_eq!(
                WordFinder::new(word).is_in(text.as_bytes()),
                is_there,
                "{word}"
            );
        }
        assert!(WordFinder::new("web").is_in(b"webs web"));
    }
}
