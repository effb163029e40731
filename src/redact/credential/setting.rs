//! Recognizes values that cannot be secrets: switches, small numbers, words, addresses and paths
//! without credentials.
//!
//! Masking such a value shreds logs that have it for another reason. A value is taken for a secret
//! in doubt: of 8 random letters and digits, one in 1,000 passes for a word.

use super::name::{self, Meaning};
use super::url_path::path_tokens;
use super::word_list::{WordList, words};
use super::{SWITCHES, is_uuid, looks_random};
use crate::redact::encoding::core;
use crate::redact::ordinary::is_ordinary;
use crate::redact::secret::VALUE_LEN_MIN;

/// The most words of letters in a value. A passphrase has more.
const WORDS_MAX: usize = 3;
/// The longest word, in bytes.
const WORD_LEN_MAX: usize = 20;
/// The most digits of a number beside words: `eu-north-1`. A random password has more.
const DIGITS_MAX: usize = 2;
/// The least fields of a schedule, as in a crontab.
const FIELDS_MIN: usize = 5;
/// The most digits of a number by itself.
const NUMBER_LEN_MAX: usize = 5;

/// Whether a value cannot be a secret, and its name does not say that it is a credential.
pub(crate) fn is_setting(name: &[u8], value: &[u8]) -> bool {
    // An item of a list of values has a number for its name.
    if name::names_credential(name) || !name.iter().any(u8::is_ascii_alphabetic) {
        return false;
    }
    // Some programs read a value with its quotes.
    let value = core(value);
    let is_switch = SWITCHES.iter().any(|word| value.eq_ignore_ascii_case(word));
    is_switch
        || is_ordinary(value)
        || is_number(value)
        || is_path(value)
        || is_url(value)
        || is_host_list(value)
        || are_words(value)
        || is_list(value)
        || is_address(value)
        || is_schedule(value)
        || is_time(value)
        || are_networks(value)
        || is_version(value)
        || is_locale(value)
        || is_image(value)
        || is_file(value)
        || are_options(value)
        || is_pattern(value)
        || is_uuid(value) && name::meaning(name) == Meaning::Place
}

/// `10.0.0.0/8,192.168.0.0/16`.
fn are_networks(value: &[u8]) -> bool {
    let is_network = |item: &[u8]| {
        let Some(slash) = memchr::memchr(b'/', item) else { return false };
        let is_address = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let bits = &item[slash + 1..];
        item[..slash].iter().all(is_address) && matches!(bits.len(), 1 | 2) && bits.iter().all(u8::is_ascii_digit)
    };
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).all(is_network)
}

/// `8080`, `0.75`, `1.2.3`, `v2.1`, `30s`, `512MiB`, `10.0.0.1`, `50%`.
fn is_number(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"v").or(value.strip_prefix(b"-")).unwrap_or(value);
    let len = value.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let (number, unit) = value.split_at(len);
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    let has_point = number.contains(&b'.');
    digits > 0
        && (digits <= NUMBER_LEN_MAX || has_point && digits <= 12)
        && (unit.len() <= 3 && unit.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'%'))
}

/// A path none of whose segments looks random.
pub(crate) fn is_path(value: &[u8]) -> bool {
    let begins = [&b"/"[..], b"./", b"../", b"~/"].iter().any(|start| value.starts_with(start));
    // A password may begin with a slash, but has not another one and only the characters of paths.
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-~@+,:".contains(byte);
    begins
        && value[1..].contains(&b'/')
        && value.iter().all(is_plain)
        && !value.split(|byte| *byte == b'/').any(looks_random)
}

/// The first directories of paths.
const ROOTS: [&[u8]; 17] = [
    b".", b"..", b"~", b"etc", b"var", b"run", b"home", b"root", b"usr", b"opt", b"srv", b"mnt", b"tmp", b"data",
    b"app", b"secrets", b"dev",
];

/// A path that a credential hardly is: below a usual directory, without capitals.
pub(crate) fn is_usual_path(value: &[u8]) -> bool {
    let first = value.strip_prefix(b"/").unwrap_or(value).split(|byte| *byte == b'/').next().unwrap_or_default();
    is_path(value) && ROOTS.contains(&first) && !value.iter().any(u8::is_ascii_uppercase)
}

/// A URL without a user, and without credentials in its path and its query.
fn is_url(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"jdbc:").unwrap_or(value);
    let scheme = value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-".contains(byte)).count();
    let Some(rest) = value[scheme..].strip_prefix(b"://") else { return false };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-~:,[]*{}".contains(byte);
    let query = memchr::memchr(b'?', rest).unwrap_or(rest.len());
    let (rest, query) = (&rest[..query], rest.get(query + 1..).unwrap_or_default());
    scheme > 0
        && is_query(query)
        && rest.iter().all(is_plain)
        && !rest.split(|byte| b"/:".contains(byte)).any(looks_random)
        && !has_token(rest)
}

/// Whether there is a credential in the path of a URL, which comes without its scheme.
fn has_token(url: &[u8]) -> bool {
    let (host, path) = url.split_at(memchr::memchr(b'/', url).unwrap_or(url.len()));
    let mut has_token = false;
    path_tokens(host, path, &mut |_| has_token = true);
    has_token
}

/// The parameters of a URL, if none of them can be a credential.
fn is_query(query: &[u8]) -> bool {
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).all(|pair| {
        let at = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let (key, value) = (&pair[..at], pair.get(at + 1..).unwrap_or_default());
        let is_plain = value.len() < VALUE_LEN_MIN && value.iter().all(u8::is_ascii_alphanumeric);
        !name::names_credential(key) && (is_plain || is_number(value) || are_words(value))
    })
}

/// `db.internal`, `localhost:5432`, `a.internal:9092,b.internal:9092`, `*.example.test`.
fn is_host_list(value: &[u8]) -> bool {
    !value.is_empty() && value.split(|byte| *byte == b',').all(|host| is_host(host.trim_ascii()))
}

pub(crate) fn is_host(host: &[u8]) -> bool {
    let colon = memchr::memrchr(b':', host).unwrap_or(host.len());
    let (name, port) = (&host[..colon], host.get(colon + 1..).unwrap_or_default());
    let is_port = port.len() <= NUMBER_LEN_MAX && port.iter().all(u8::is_ascii_digit);
    // `0.0.0.0:8080`, `:9090`.
    let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    if is_port && !port.is_empty() && name.iter().all(is_number) && matches!(name.len(), 0 | 7..=15) {
        return true;
    }
    let labels = || name.split(|byte| *byte == b'.');
    let last = labels().next_back().unwrap_or_default();
    let is_label = |label: &[u8]| {
        let is_plain = label.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-');
        label == b"*" || !label.is_empty() && is_plain && !looks_random(label)
    };
    is_port
        && labels().all(is_label)
        && (name == b"localhost"
            || labels().nth(1).is_some() && last.len() >= 2 && last.iter().all(u8::is_ascii_lowercase))
}

/// A few words of letters, and short numbers between them: `orders-api`, `eu-north-1`,
/// `en_US.UTF-8`, `Europe/Berlin`.
fn are_words(value: &[u8]) -> bool {
    // `my-secret-value` is what a first trial of the program masks.
    if value.len() < VALUE_LEN_MIN || name::names_credential(value) {
        return false;
    }
    let is_capital = |word: &[u8]| word.iter().all(u8::is_ascii_uppercase);
    let (mut words, mut groups, mut capitals) = (0, 0, 0);
    for group in value.split(|byte| b"-_./".contains(byte)) {
        let letters = group.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
        let digits = group.iter().filter(|byte| byte.is_ascii_digit()).count();
        if letters + digits != group.len() || group.is_empty() {
            return false;
        }
        let is_word = digits == 0 && is_one_case(group) && letters <= WORD_LEN_MAX;
        let is_short = digits <= DIGITS_MAX && letters <= 2 || is_direction(group);
        if !is_word && !is_short {
            return false;
        }
        words += usize::from(letters > 2);
        capitals += usize::from(letters > 2 && is_capital(group));
        groups += 1;
    }
    words > 0 && words <= WORDS_MAX && groups <= 2 * WORDS_MAX && (capitals == 0 || capitals == words)
}

/// The directions in the names of regions.
const DIRECTIONS: [&[u8]; 9] =
    [b"central", b"east", b"west", b"north", b"south", b"northeast", b"southeast", b"northwest", b"southwest"];

/// `central1`, as in `us-central1`.
fn is_direction(group: &[u8]) -> bool {
    group.split_last().is_some_and(|(digit, word)| digit.is_ascii_digit() && DIRECTIONS.contains(&word))
}

/// `2026-11-30`, `2026-11-30T10:00:00Z`.
fn is_time(value: &[u8]) -> bool {
    const DATE: &[u8] = b"dddd-dd-dd";
    let fits = |byte: &u8, kind: &u8| if *kind == b'd' { byte.is_ascii_digit() } else { byte == kind };
    let Some((date, time)) = value.split_at_checked(DATE.len()) else { return false };
    let is_date = date.iter().zip(DATE).all(|(byte, kind)| fits(byte, kind));
    let is_time = |time: &[u8]| time.len() >= 5 && time.len() <= 24 && time.contains(&b':');
    let is_plain = |byte: &u8| byte.is_ascii_digit() || b"T :.+-Z".contains(byte);
    is_date && (time.is_empty() || b"T ".contains(&time[0]) && time.iter().all(is_plain) && is_time(time))
}

/// The kinds of versions that are no releases.
const RELEASES: [&[u8]; 11] =
    [b"rc", b"alpha", b"beta", b"dev", b"snapshot", b"pre", b"post", b"build", b"final", b"ga", b"release"];

/// `1.24.3-rc1`: a number with points, and a word with a number.
fn is_version(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"v").unwrap_or(value);
    let number = value.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let rest = without(&value[number..], b"-+._");
    let word = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let is_word = RELEASES.iter().any(|release| rest[..word].eq_ignore_ascii_case(release));
    let digits = without(&rest[word..], b".-");
    is_number(&value[..number])
        && value[..number].contains(&b'.')
        && (rest.is_empty() || is_word && digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit))
}

/// A text without these bytes at its beginning.
fn without<'t>(text: &'t [u8], bytes: &[u8]) -> &'t [u8] {
    &text[text.iter().take_while(|byte| bytes.contains(byte)).count()..]
}

/// `de_DE`, `pt-BR`.
fn is_locale(value: &[u8]) -> bool {
    matches!(value, [a, b, b'_' | b'-', c, d] if [a, b].iter().all(|byte| byte.is_ascii_lowercase())
        && [c, d].iter().all(|byte| byte.is_ascii_uppercase()))
}

/// `registry.example.test/team/app:1.2.3`, `linux/amd64`: an image with a version, or a platform.
fn is_image(value: &[u8]) -> bool {
    let colon = memchr::memrchr(b':', value).unwrap_or(value.len());
    let (path, tag) = (&value[..colon], value.get(colon + 1..).unwrap_or_default());
    let is_platform = [&b"linux/"[..], b"darwin/", b"windows/"].iter().any(|system| path.starts_with(system));
    let is_segment = |segment: &[u8]| are_words(segment) || is_host(segment) || segment.len() < VALUE_LEN_MIN;
    path.contains(&b'/')
        && path.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/._-".contains(byte))
        && !path.split(|byte| *byte == b'/').any(looks_random)
        && (is_platform && tag.is_empty()
            || path.split(|byte| *byte == b'/').all(is_segment)
                && (is_version(tag) || is_number(tag) || is_ordinary(tag)))
}

/// The endings of the names of files with settings, code or logs.
const FILE_ENDINGS: WordList =
    words!("yml yaml json toml conf cfg ini xml log txt sql py js ts sh properties crt pem csv md html");

/// `config/app.prod.yml`: a relative path of a usual file, without capitals.
fn is_file(value: &[u8]) -> bool {
    let Some(point) = memchr::memrchr(b'.', value) else { return false };
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/._-".contains(byte);
    let letters = |segment: &[u8]| segment.iter().filter(|byte| byte.is_ascii_lowercase()).count();
    FILE_ENDINGS.contains(&&value[point + 1..])
        && value.iter().all(is_plain)
        && value
            .split(|byte| *byte == b'/')
            .all(|segment| !looks_random(segment) && letters(segment) * 2 >= segment.len())
}

/// `new-checkout,fast-search`, `en,de,fra`: words, a few of them, or some with a separator of their
/// own.
fn is_list(value: &[u8]) -> bool {
    let items = || value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let is_joined = |item: &[u8]| item.iter().any(|byte| b"-_.".contains(byte));
    items().nth(1).is_some()
        && items().all(|item| are_words(item) || is_number(item))
        && (items().count() <= WORDS_MAX || items().any(is_joined))
}

/// `orders@example.test`.
fn is_address(value: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', value) else { return false };
    let (user, host) = (&value[..at], &value[at + 1..]);
    let is_short = !user.is_empty() && user.len() < VALUE_LEN_MIN && user.iter().all(u8::is_ascii_lowercase);
    (is_short || are_words(user)) && is_host(host) && !host.contains(&b':')
}

/// `*/15 * * * *`.
fn is_schedule(value: &[u8]) -> bool {
    let is_field = |byte: &u8| byte.is_ascii_digit() || b"*/,- ".contains(byte);
    value.contains(&b'*')
        && value.iter().all(is_field)
        && value.split(|byte| *byte == b' ').filter(|field| !field.is_empty()).count() >= FIELDS_MIN
}

/// `-Xmx512m -XX:+UseG1GC`, `--workers 4`: options without values, or with numbers and hosts.
fn are_options(value: &[u8]) -> bool {
    let words = || value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-+:._/".contains(byte);
    let is_value = |word: &[u8]| is_number(word) || is_host_list(word);
    let is_option = |word: &[u8]| match memchr::memchr(b'=', word) {
        Some(equals) => {
            word.starts_with(b"--") && !name::names_credential(&word[..equals]) && is_value(&word[equals + 1..])
        }
        None => word[0] == b'-' && word.iter().all(is_plain) && !looks_random(word) && !name::names_credential(word),
    };
    let has_value = value.contains(&b'=') || words().any(is_value);
    words().next().is_some_and(|first| first[0] == b'-')
        && (words().nth(1).is_some() || has_value)
        && words().all(|word| is_option(word) || is_value(word))
}

/// `%(asctime)s %(message)s`, `%h %l %t`: two fields and a blank.
fn is_pattern(value: &[u8]) -> bool {
    // `50%off` has none.
    let is_field = |at: &usize| {
        let (before, after) = (at.checked_sub(1).map(|before| value[before]), value.get(at + 1));
        !before.is_some_and(|before| before.is_ascii_alphanumeric())
            && after.is_some_and(|after| after.is_ascii_lowercase() || b"({-".contains(after))
    };
    value.contains(&b' ') && memchr::memchr_iter(b'%', value).filter(is_field).count() > 1
}

/// Whether all letters are of one case, but for the first.
fn is_one_case(word: &[u8]) -> bool {
    word.iter().skip(1).all(u8::is_ascii_lowercase) || word.iter().all(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_cannot_be_secrets() {
        for value in [
            "true",
            "off",
            "production",
            "debug",
            "8080",
            "0.75",
            "1.2.3",
            "v2.1",
            "30s",
            "512MiB",
            "10.0.0.1",
            "50%",
            "orders-api",
            "eu-north-1",
            "us-east-1a",
            "en_US.UTF-8",
            "Europe/Berlin",
            "localhost:5432",
            "db.internal",
            "a.internal:9092,b.internal:9092",
            "https://api.example.test",
            "http://localhost:3000/v1/",
            "/var/log/app.log",
            "./data/cache",
            "~/src/app",
            "postgres",
            "my-bucket",
            "INFO",
            "redis://cache.internal:6379/0",
            "*.example.test",
            "application/json",
            "new-checkout,fast-search",
            "read, write",
            "orders@example.test",
            "*/15 * * * *",
            "0 3 * * 1-5",
            "-Xmx512m -XX:+UseG1GC",
            "%(asctime)s %(levelname)s %(message)s",
            "0.0.0.0:8080",
            ":9090",
            "10.0.0.5:6379",
            "us-central1",
            "europe-west1-b",
            "jdbc:postgresql://db.example.test:5432/orders",
            "ops@orders.test",
            "https://api.example.test/v2/items?limit=10&sort=asc",
            "10.0.0.0/8,192.168.0.0/16",
            "2026-11-30",
            "2026-11-30T10:00:00Z",
            "registry.example.test/team/app:1.2.3",
            "linux/amd64",
            "de_DE",
            "config/app.prod.yml",
            "--max-old-space-size=4096",
            "--workers 4 --bind 0.0.0.0:8000",
            "1.24.3-rc1",
            "http://catalog.test/v1/services/payment-gateway",
            "https://forum.test/t/how-to-mask-secrets-2024/1234",
        ] {
            assert!(is_setting(b"X", value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn values_that_may_be_secrets() {
        for value in [
            "kx-5512-lamp",
            "hunter2-prod",
            "correct horse battery staple",
            "a1B2c3D4e5F6",
            "pa55word",
            "884422",
            "robot:lamp",
            "postgres://app:pw@db/app",
            "https://x.test/?sig=abc",
            "lamp!",
            "TzPassX",
            "kx5512",
            "AKIDEXAMPLE7",
            "{\"api_key\":\"x\"}",
            "1234-5678",
            "-----BEGIN",
            "it's",
            "/kx/5512!lamp",
            "a,b",
            "",
            "lamp-frog-boat-tree",
            "my-secret-value",
            "lamp-FROG",
            "two words",
            "https://hooks.test/a1B2c3D4e5F6g7H8i9J0k1L2",
            "lamp,frog,boat,tree",
            "hunter2,prod",
            "robot:lamp@db.internal",
            "kx55@lamp",
            "* * *",
            "-kx-5512-lamp",
            "-u -p=lamp",
            "50%off 20%off",
            "0d5c1f6e-3b7a-4c2e-9f10-8a6b5c4d3e2f",
            "hunter2.yml2",
            "1.24.3-kx55",
            "2026-11-30kx",
            "--password=8844",
            "https://api.test/?q=kx-5512-lamp",
            "kx/55/12.kx",
            "10.0.0.0/kx",
            "https://conda.test/t/zz-0d5c1f6e-3b7a-4c2e-9f10-8a6b5c4d3e2f/team",
            "https://hooks.test/hooks/catch/1234567/abc12de/",
        ] {
            assert!(!is_setting(b"X", value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn the_name_of_a_credential_decides() {
        assert!(!is_setting(b"DB_PASSWORD", b"production"));
        assert!(!is_setting(b"api_key", b"8080") && !is_setting(b"0", b"orders-api"));
        assert!(is_setting(b"TOKEN_URL", b"https://auth.example.test/token"));
        let uuid = b"0d5c1f6e-3b7a-4c2e-9f10-8a6b5c4d3e2f";
        assert!(is_setting(b"TENANT_ID", uuid) && !is_setting(b"API_KEY", uuid));
    }
}
