//! Replaces every match in standard input: `replace PATTERN TEMPLATE`.

use std::io::{Read, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(pattern), Some(template)) = (arguments.next(), arguments.next()) else {
        return Err("usage: replace PATTERN TEMPLATE".into());
    };
    let pattern = pleach_re2::Regexp::new(&pattern)?;
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    std::io::stdout().write_all(&pattern.replace_all(&text, template.as_bytes()))?;
    Ok(())
}
