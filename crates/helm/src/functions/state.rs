//! State of functions between calls in one rendering.

use std::collections::BTreeMap;

use pleach_re2::Regexp;
use sha2::{Digest, Sha256};

use crate::value::Str;

/// The maximum number of compiled patterns kept.
const PATTERNS_MAX: usize = 100;

/// The state of functions, for all templates of a rendering.
#[derive(Debug, Default)]
pub struct State {
    /// The identity of the rendering, so that other releases get other random values.
    identity: String,
    /// The number of calls with random results, by call.
    calls: BTreeMap<Vec<u8>, u64>,
    not_deterministic: Vec<NotDeterministic>,
    patterns: BTreeMap<Str, Result<Regexp, String>>,
}

/// A value that would differ in each rendering of Helm: a password, a certificate, the time. Here, it is derived from the identity
/// of the release, so that the same input gives the same output. Diffs ignore it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDeterministic {
    /// The function that created it.
    pub function: &'static str,
    /// The text that templates print.
    pub value: Str,
}

impl State {
    /// The state of a rendering. `identity` consists of the namespace and name of the release, and the chart.
    pub fn new(identity: impl Into<String>) -> State {
        State {
            identity: identity.into(),
            ..State::default()
        }
    }

    /// The current time for templates, in seconds since 1970. The clock is not an input, so it is constant.
    pub(super) fn time(&self) -> i64 {
        // 1 January 2000.
        946_684_800
    }

    /// The values so far that would differ in each rendering of Helm.
    pub fn not_deterministic(&self) -> &[NotDeterministic] {
        &self.not_deterministic
    }

    /// A generator for a call. It depends on the release, the call and how often it was repeated, but not on other calls.
    pub(super) fn generator(&mut self, call: &[u8]) -> Generator {
        let count = self.calls.entry(call.to_vec()).or_insert(0);
        *count += 1;
        let mut hash = Sha256::new();
        for part in [self.identity.as_bytes(), call, &count.to_be_bytes()] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        Generator {
            seed: hash.finalize().into(),
            block: [0; 32],
            used: 32,
            count: 0,
        }
    }

    /// Records a value that would differ in each rendering of Helm.
    pub(super) fn record(&mut self, function: &'static str, value: Str) {
        self.not_deterministic
            .push(NotDeterministic { function, value });
    }

    /// The compiled pattern of a text. Errors: Go's message.
    pub(super) fn pattern(&mut self, text: &Str) -> &Result<Regexp, String> {
        if self.patterns.len() >= PATTERNS_MAX && !self.patterns.contains_key(text) {
            self.patterns.clear();
        }
        self.patterns
            .entry(text.clone())
            .or_insert_with(|| match text.to_str() {
                Some(pattern) => Regexp::new(pattern).map_err(|it| it.to_string()),
                None => {
                    let pattern = text.to_lossy();
                    Err(format!("error parsing regexp: invalid UTF-8: `{pattern}`"))
                }
            })
    }
}

/// Random bytes from a seed: SHA-256 of the seed and a counter.
#[derive(Clone, Debug)]
pub(super) struct Generator {
    seed: [u8; 32],
    block: [u8; 32],
    used: usize,
    count: u64,
}

impl Generator {
    pub(super) fn fill(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = self.byte();
        }
    }

    fn byte(&mut self) -> u8 {
        if self.used >= self.block.len() {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.count.to_be_bytes());
            self.block = hash.finalize().into();
            self.count += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block.get(self.used - 1).copied().unwrap_or(0)
    }

    /// A number below `limit`, which is not 0; all are equally likely.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        let zone = u64::MAX - u64::MAX % limit.max(1);
        loop {
            let mut bytes = [0; 8];
            self.fill(&mut bytes);
            let number = u64::from_be_bytes(bytes);
            if number < zone {
                return number % limit.max(1);
            }
        }
    }
}
