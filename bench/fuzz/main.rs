//! Fuzzes all parsers with mutated texts: `cargo run --release --example fuzz -- [SECONDS [SEED]]`.
//!
//! Each input is a small seed text with a few mutations, which one target in this process parses. A panic or a stack overflow ends the
//! run, after the input is printed; a target that takes longer than a second is reported. `bench/fuzz.sh` runs it.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that measures time and prints what it found"
)]

mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use targets::{TARGETS, Target};

/// Strings that mutations insert.
const PARTS: &[&str] = &[
    "\n",
    "  ",
    "- ",
    ": ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    "\"",
    "&x ",
    "*x",
    "<<: ",
    "|\n",
    "#",
    "---\n",
    "!!str ",
    "? ",
    "~",
    "null",
    "0",
    "-1",
    "9999999999999999999",
    "1e400",
    "/",
    "..",
    "~1",
    "*",
    "$(A)",
    "{{ ",
    " }}",
    "{% if ",
    "{% for i in ",
    "{% endif %}",
    "{% endfor %}",
    "{% set x = ",
    " %}",
    "-%}",
    "+%}",
    "{# ",
    " | ",
    " ~ ",
    " + ",
    " * ",
    " not ",
    " in ",
    " is ",
    "(",
    ")",
    "x[1:]",
    ".a",
    "\u{85}",
    "é",
    "\u{feff}",
    "\t",
    "\r\n",
    "\0",
    "$patch: delete",
    "metadata:",
    "name: a",
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|it| it.parse::<u64>());
    let seconds = arguments.next().and_then(Result::ok).unwrap_or(10);
    let seed = arguments.next().and_then(Result::ok).unwrap_or(1);
    let mut random = Random(seed);
    let (start, end) = (Instant::now(), Duration::from_secs(seconds));
    let mut counts = vec![0_u64; TARGETS.len()];
    let mut slowest = Duration::ZERO;
    // The target of each turn in a round.
    let turns = TARGETS.iter().enumerate();
    let turns: Vec<usize> = turns
        .flat_map(|(at, target)| std::iter::repeat_n(at, target.turns))
        .collect();
    while start.elapsed() < end {
        // A whole round, so that the clock is read rarely.
        for at in turns.iter().copied() {
            let Some(Target {
                name, seeds, run, ..
            }) = TARGETS.get(at)
            else {
                continue;
            };
            let input = random.text(seeds);
            let before = Instant::now();
            if catch_unwind(AssertUnwindSafe(|| run(&input))).is_err() {
                println!("{name} panics with seed {seed}:\n{input}");
                return ExitCode::FAILURE;
            }
            let took = before.elapsed();
            if took > Duration::from_secs(1) {
                println!("{name} takes {took:?}:\n{input}");
            }
            slowest = slowest.max(took);
            if let Some(count) = counts.get_mut(at) {
                *count += 1;
            }
        }
    }
    for (Target { name, .. }, count) in TARGETS.iter().zip(&counts) {
        println!("{name}: {count} inputs");
    }
    let total: u64 = counts.iter().sum();
    println!(
        "{total} inputs in {:?}, seed {seed}, the slowest took {slowest:?}",
        start.elapsed()
    );
    ExitCode::SUCCESS
}

/// The random number generator SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit.max(1) as u64).unwrap_or(0)
    }

    fn one<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        let at = self.below(texts.len());
        texts.get(at).copied().unwrap_or("")
    }

    /// A seed text with up to six mutations.
    fn text(&mut self, seeds: &[&str]) -> String {
        let mut text = self.one(seeds).to_string();
        for _ in 0..=self.below(6) {
            let from = text.floor_char_boundary(self.below(text.len() + 1));
            let to = text
                .floor_char_boundary((from + self.below(12)).min(text.len()))
                .max(from);
            match self.below(5) {
                0 => text.insert_str(from, self.one(PARTS)),
                1 => text.replace_range(from..to, self.one(PARTS)),
                2 => text.replace_range(from..to, ""),
                3 => text.truncate(from),
                _ => {
                    let copy = text.get(from..to).unwrap_or("").repeat(1 + self.below(40));
                    text.insert_str(from, &copy);
                }
            }
        }
        text
    }
}
