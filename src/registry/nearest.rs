//! Suggests a known name for a mistyped one: a key of a file, an option or a command.

/// The maximum distance of a suggested name: one typing error in a short name, two in a longer one.
const DISTANCE_MAX: usize = 2;

/// The name that this word may be a mistyped form of. Names are in lowercase.
pub fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let distance_max = DISTANCE_MAX.min(word.len() / 2);
    let near = names.map(|name| (strsim::osa_distance(&word, name), name));
    near.filter(|(distance, _)| *distance <= distance_max).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_mistyped_name_gets_the_nearest_one() {
        let near = |word| nearest(word, ["env", "dotenv", "secret-file", "registry", "as"].into_iter());
        assert_eq!(near("evn"), Some("env"));
        assert_eq!(near("dotnev"), Some("dotenv"));
        assert_eq!(near("secretfile"), Some("secret-file"));
        assert_eq!(near("x"), None);
        assert_eq!(near("is"), Some("as"));
        assert_eq!(near("SECRET_FILE"), Some("secret-file"));
        assert_eq!(near("nothing"), None);
    }
}
