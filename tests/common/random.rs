//! How many inputs property tests generate.

/// `count` in a plain `cargo test`. `RANDOM_FACTOR` multiplies it: `.ci/run` tries more inputs than each run while editing.
pub(crate) fn cases(count: u32) -> u32 {
    let factor = std::env::var("RANDOM_FACTOR").ok();
    count * factor.and_then(|it| it.parse().ok()).unwrap_or(1)
}
