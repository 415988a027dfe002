//! `slugify` of Argo CD and of the Flux operator: as github.com/gosimple/slug.

/// A name for an address: lower-case words joined by dashes. `max` is the maximum length in bytes (0: none, if the cut is smart), and
/// a smart cut keeps whole words. Errors: letters outside ASCII, which the original replaces by a table of transliterations.
pub(in crate::deploy) fn slug(name: &str, max: usize, is_smart: bool) -> Result<String, String> {
    if let Some(letter) = name.chars().find(|it| !it.is_ascii()) {
        return Err(format!("slugify: pleach does not transliterate `{letter}`"));
    }
    let mut plain = String::new();
    for letter in name.trim().chars() {
        match letter {
            '"' | '\'' => {}
            '&' => plain.push_str("and"),
            '@' => plain.push_str("at"),
            letter => plain.push(letter.to_ascii_lowercase()),
        }
    }
    if !is_smart {
        plain.truncate(max);
    }
    let mut slug = String::new();
    for letter in plain.chars() {
        match letter {
            'a'..='z' | '0'..='9' | '_' => slug.push(letter),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_matches(['-', '_']);
    if !is_smart || max == 0 || slug.len() <= max {
        return Ok(slug.to_string());
    }
    let (kept, rest) = slug.split_at(max);
    let end = match rest.starts_with('-') {
        true => max,
        false => kept.rfind('-').unwrap_or(max),
    };
    Ok(kept.get(..end).unwrap_or(kept).to_string())
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_slug_ends_with_a_whole_word() {
        let made = |name, max, is_smart| slug(name, max, is_smart).unwrap_or_default();
        assert_eq!(
            made("Feature/add_new things", 50, true),
            "feature-add_new-things"
        );
        assert_eq!(made("feature-add-new-things", 12, true), "feature-add");
        assert_eq!(made("feature-add-new-things", 11, true), "feature-add");
        assert_eq!(made("feature-add-new-things", 13, false), "feature-add-n");
        assert_eq!(made("R&D @ home", 0, true), "randd-at-home");
        assert!(slug("größe", 50, true).is_err());
    }
}
