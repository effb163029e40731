//! The words of a name: of a variable, of a key in a settings file, of a parameter.
//!
//! A name is read as its words, since programs write one name as `DB_PASSWORD`, `db.password`,
//! `dbPassword` and `dbpassword`. Its last words decide: a `passwordField` is a field, and a
//! `max_tokens` is a number.

use super::word_list::{WordList, words};

/// The maximum length of a name, in bytes. Of a longer name, the end counts.
const LETTERS_MAX: usize = 128;
/// The maximum number of words of a name. Of a longer name, the end counts.
const WORDS_MAX: usize = 16;

/// The meaning of a name for its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The value is a credential.
    Credential,
    /// The values are credentials, each under a name of its own: `secrets`, `api_keys`.
    Collection,
    /// The value describes a credential: `token_uri`, `passwordField`.
    Description,
    /// The value identifies an account or a place: `username`, `host`.
    Place,
    /// The name has no meaning of its own, and that of the surrounding name applies: `value`.
    Neutral,
    /// None of these.
    Other,
}

/// Words that mean a credential wherever they occur in a word, since names are also written
/// without any separator: `PGPASSWORD`, `authtoken`.
const CONTAINED: WordList = words!(
    "\
    password passwd passwort passphrase passcode kennwort motdepasse contrasena secret token \
    credential apikey accesskey accountkey privatekey sharedkey signature webhook keydata authtok pswd \
    psswd passwrd \
    mnemonic"
);
/// Ends of longer words that begin as one of these, and mean none: `tokenizer`, `passwordless`.
const CONTINUED: [&[u8]; 6] = [b"iz", b"isation", b"iser", b"less", b"ariat", b"ary"];
/// Words that mean a credential at the end of a word: `requirepass`, `masterauth`, `sshkey`.
const ENDINGS: WordList = words!("pw pwd pass key keys auth jwt apikeys authorization");
/// Words that mean a credential by themselves only.
const WHOLE: WordList = words!(
    "psw passw pword mdp authz sig salt sas pin dsn pat otp totp psk cred creds seed cookie bearer senha clave passes"
);
/// Words before `key` that make it a column, a route or a public value.
const OTHER_KEYS: WordList = words!(
    "\
    public pub site publishable anon primary foreign sort partition cache routing index group row order unique \
    composite hash range registry object translation idempotency dedup"
);
/// Longer words that end as a credential does, and mean none.
const NO_CREDENTIALS: WordList = words!(
    "\
    monkey turkey hotkey hotkeys publickey publickeys primarykey whiskey hockey compass bypass \
    trespass underpass overpass encompass askpass"
);
/// Words behind a credential that make the name a description of it.
const DESCRIPTIONS: WordList = words!(
    "\
    account age alg algorithm algorithms alias aliases arn at audience budget callback check checking checks class cmd column command count \
    counts created date days description deserializer dir directory disabled domain duration enabled encoder eval \
    encoding encryption endpoint env exp expiration expire expires expiresin expiry field fields file guard broker \
    filename files fingerprint format header helper hint host hours httponly id identifier ids interval \
    issuer kind label left len length lifetime limit limits location management manager max maxage mechanism method mgmt min \
    minutes mode name names param parameter path pattern per placeholder policy prefix prompt \
    provider quota rate ref reference regex remaining required rotation samesite scope serializer second window scopes seconds size sock socket source status \
    store stores helpers options \
    strategy strength suffix timeout ttl type uri url usage used user username users version"
);
/// Words before a credential that make the name a limit or a public value.
const BEFORE: WordList = words!("existing max min num total public without maximum");
/// Words that identify an account or a place, and never a credential.
const PLACES: WordList = words!(
    "\
    account address addr algorithm comment created database db dbname description domain driver \
    email enabled encoding engine env environment expires file host hostname id kind login mode \
    alg kid kty name path port provider region registry schema server type uri url use user username version"
);
/// Names without a meaning of their own.
const NEUTRAL: WordList = words!(
    "\
    value values data content contents current previous default plain plaintext text raw string \
    stringvalue primary secondary old list users entries"
);
/// The plural words whose entries are credentials, each under its own name.
const COLLECTIONS: WordList =
    words!("passwords secrets tokens apikeys stringdata passphrases webhooks keys authorizations");

/// Words of these lists that are domains at the top level.
const TOP_LEVELS: WordList = words!("at broker date email host id management name store");

/// Words for a user and a password together.
const PAIRS: WordList = words!("auth basic credential credentials creds userpwd userpass userpassword login ident");

/// Words before `code` and `phrase` that make these a credential.
const BEFORE_CODES: WordList = words!("recovery backup access unlock security scratch seed");
const CODES: WordList = words!("code codes phrase phrases");
/// Words before `secret id`, which make it the credential of a role.
const ROLES: WordList = words!("vault role approle nomad consul");

/// Whether a list of words has this one.
fn is_in(list: WordList, word: &[u8]) -> bool {
    list.contains(&word)
}

/// Whether a word ends with one of these.
fn ends_in(list: WordList, word: &[u8]) -> bool {
    list.iter().any(|end| word.ends_with(end))
}

/// The words of a name, in lower case. On the stack: a name may come from a secret.
struct Words {
    letters: [u8; LETTERS_MAX],
    /// The words' ends, in order.
    ends: [u8; WORDS_MAX],
    count: usize,
}

impl Words {
    fn of(name: &[u8]) -> Words {
        let mut words = Words { letters: [0; LETTERS_MAX], ends: [0; WORDS_MAX], count: 0 };
        let name = &name[name.len().saturating_sub(LETTERS_MAX)..];
        let mut len = 0;
        let mut start = 0;
        for (at, &byte) in name.iter().enumerate() {
            let before = at.checked_sub(1).map_or(b'_', |before| name[before]);
            let after = name.get(at + 1).copied().unwrap_or(b'_');
            let begins_word = byte.is_ascii_uppercase()
                && (before.is_ascii_lowercase() || before.is_ascii_uppercase() && after.is_ascii_lowercase());
            if !byte.is_ascii_alphabetic() || begins_word {
                words.end(&mut start, len);
            }
            if byte.is_ascii_alphabetic() {
                words.letters[len] = byte.to_ascii_lowercase();
                len += 1;
            }
        }
        words.end(&mut start, len);
        words
    }

    fn end(&mut self, start: &mut usize, len: usize) {
        if len > *start {
            if self.count == WORDS_MAX {
                self.ends.copy_within(1.., 0);
                self.count -= 1;
            }
            self.ends[self.count] = len as u8;
            self.count += 1;
            *start = len;
        }
    }

    fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| usize::from(self.ends[before]));
        &self.letters[start..usize::from(self.ends[index])]
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        (0..self.count).map(|index| self.get(index))
    }
}

/// The meaning of a name.
pub(crate) fn meaning(name: &[u8]) -> Meaning {
    let words = Words::of(name);
    let Some(last) = words.count.checked_sub(1) else { return Meaning::Neutral };
    if is_secret_id(&words) {
        return Meaning::Credential;
    }
    if name == b"auth_basic" {
        // The name of a realm, in the configuration of nginx.
        return Meaning::Description;
    }
    let found = (0..words.count).rev().find_map(|index| Some((index, credential(&words, index)?)));
    let Some((index, rest)) = found else {
        let last = words.get(last);
        return match () {
            () if words.count == 1 && is_in(NEUTRAL, last) => Meaning::Neutral,
            () if words.count == 2 && words.iter().eq([&b"clear"[..], b"text"]) => Meaning::Credential,
            () if words.count <= 2 && is_string_data(&words) => Meaning::Collection,
            () if is_in(PLACES, last) => Meaning::Place,
            () => Meaning::Other,
        };
    };
    let describes = |word: &[u8]| is_in(DESCRIPTIONS, word);
    let is_description = describes(rest)
        || (index + 1..words.count).any(|after| describes(words.get(after)))
        || words.iter().take(index).any(|before| is_in(BEFORE, before));
    match () {
        () if is_description => Meaning::Description,
        () if index == last && is_collection(&words, last) => Meaning::Collection,
        () => Meaning::Credential,
    }
}

/// Whether a name is that of the secret id of a role: `VAULT_SECRET_ID`.
fn is_secret_id(words: &Words) -> bool {
    let count = words.count;
    count > 2
        && words.get(count - 1) == b"id"
        && words.get(count - 2) == b"secret"
        && (0..count - 2).any(|index| is_in(ROLES, words.get(index)))
}

fn is_string_data(words: &Words) -> bool {
    words.count == 2 && words.get(0) == b"string" && words.get(1) == b"data"
}

fn is_collection(words: &Words, last: usize) -> bool {
    ends_in(COLLECTIONS, words.get(last))
}

/// If this word means a credential: the rest of the word behind it.
fn credential(words: &Words, index: usize) -> Option<&[u8]> {
    let word = words.get(index);
    if word == b"key" || word == b"keys" {
        let before = index.checked_sub(1).map(|before| words.get(before));
        return before.is_none_or(|before| !is_in(OTHER_KEYS, before)).then_some(b"");
    }
    if is_in(CODES, word) {
        let before = index.checked_sub(1).map(|before| words.get(before));
        return before.is_some_and(|before| is_in(BEFORE_CODES, before)).then_some(b"");
    }
    if ends_in(NO_CREDENTIALS, word) {
        return None;
    }
    // The last occurrence in the word decides, as the last word does.
    let contained = CONTAINED.iter().filter_map(|stem| {
        let at = word.windows(stem.len()).rposition(|part| part == *stem)?;
        let rest = &word[at + stem.len()..];
        (!CONTINUED.iter().any(|end| rest.starts_with(end))).then_some(rest)
    });
    let is_whole = is_in(WHOLE, word) || word == b"oauth" && index + 1 == words.count;
    contained
        .min_by_key(|rest| rest.len())
        .or_else(|| (is_whole || ends_in(ENDINGS, word)).then_some(b""))
        .map(|rest| rest.strip_prefix(b"s").unwrap_or(rest))
}

/// Whether a name means a credential.
pub(crate) fn names_credential(name: &[u8]) -> bool {
    matches!(meaning(name), Meaning::Credential | Meaning::Collection)
}

/// Whether a name means a user and a password together.
pub(crate) fn names_pair(name: &[u8]) -> bool {
    let words = Words::of(name);
    words.count.checked_sub(1).is_some_and(|last| is_in(PAIRS, words.get(last)))
}

/// Whether a word means a setting beside a credential, and is no domain at the top level: `.name`
/// and `.email` are.
pub(crate) fn names_setting(word: &[u8]) -> bool {
    (is_in(PLACES, word) || is_in(DESCRIPTIONS, word)) && !is_in(TOP_LEVELS, word)
}

/// Whether a name is a plural: its number is a count, and no credential.
pub(crate) fn is_plural(name: &[u8]) -> bool {
    let words = Words::of(name);
    words.count.checked_sub(1).is_some_and(|last| words.get(last).ends_with(b"s") && !words.get(last).ends_with(b"ss"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials() {
        for name in [
            "password",
            "DB_PASSWORD",
            "db.password",
            "dbPassword",
            "dbpassword",
            "PGPASSWORD",
            "Pwd",
            "MYSQL_PWD",
            "client_secret",
            "AccountKey",
            "X-Amz-Signature",
            "API_KEY_2",
            "API_KEY",
            "SECRET_KEY_BASE",
            "REDIS_AUTH",
            "NPM_CONFIG__AUTH",
            "//registry.example.test/:_authToken",
            "_password",
            "requirepass",
            "masterauth",
            "BOT_TOKENS",
            "aws_secret_access_key",
            "private_key",
            "client-key-data",
            "sas",
            "pin",
            "Authorization",
            "passphrase",
            "DB_PASS",
            "password_old",
            "APIKey",
            "api-key",
            "userPasswort",
            "encryptionKey",
            "PASSWORD1",
            "spring.datasource.hikari.a-very-long-name-that-goes-on-and-on-and-on.password",
            "cookie",
            "token-prod",
        ] {
            assert!(names_credential(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn names_of_descriptions_and_others() {
        for name in [
            "max_tokens",
            "maxTokens",
            "passwordField",
            "passwordfield",
            "tokenTtl",
            "apiKeyHeader",
            "token_uri",
            "token_type",
            "private_key_id",
            "secretName",
            "secretKeyRef",
            "password_file",
            "tokenUrl",
            "public_key",
            "primaryKey",
            "publickey",
            "AWS_ACCESS_KEY_ID",
            "passwordEnv",
            "auth_provider_x509_cert_url",
            "total_tokens",
            "sort_key",
            "monkey",
            "KEYBOARD",
            "path",
            "compass_heading",
            "authors",
            "passage",
            "pinned",
            "tokenizer_path",
            "tokenizer",
            "tokenization",
            "passwordless",
            "secretary",
            "SSH_ASKPASS",
            "",
            "42",
            "user",
            "keyboardLayout",
            "SSH_AUTH_SOCK",
            "cookie_name",
            "signature_algorithm",
            "credentials_file",
        ] {
            assert!(!names_credential(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_meanings_of_other_names() {
        assert_eq!(meaning(b"value"), Meaning::Neutral);
        assert_eq!(meaning(b"0"), Meaning::Neutral);
        assert_eq!(meaning(b"username"), Meaning::Place);
        assert_eq!(meaning(b"alice"), Meaning::Other);
        assert_eq!(meaning(b"stringData"), Meaning::Collection);
        assert_eq!(meaning(b"api_keys"), Meaning::Collection);
        assert_eq!(meaning(b"token_uri"), Meaning::Description);
    }

    #[test]
    fn the_lists_are_of_lower_case_letters() {
        let lists =
            [CONTAINED, ENDINGS, WHOLE, OTHER_KEYS, NO_CREDENTIALS, DESCRIPTIONS, BEFORE, PLACES, NEUTRAL, COLLECTIONS];
        for word in lists.concat() {
            assert!(!word.is_empty() && word.iter().all(u8::is_ascii_lowercase), "{}", word.escape_ascii());
        }
    }
}
