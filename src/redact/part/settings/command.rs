//! Credentials in command lines: the options of programs that take one, and the text that a shell
//! writes to the standard input of a program that reads one.
//!
//! A long option, such as `--password`, says by its name that it takes a credential. The tables
//! here are for those that do not.

use crate::redact::credential::is_no_password;
use crate::redact::credential::setting::is_setting;
use crate::redact::part::written::{Style, Written};

/// Options with a user and a password of any program, and the bytes between these two.
const PAIR_OPTIONS: [&[u8]; 4] = [b"-u", b"-U", b"--user", b"--proxy-user"];
/// Programs whose options have another byte than a colon between a user and a password.
const OTHER_PAIRS: &[(u8, &str)] =
    &[(b'%', "smbclient rpcclient smbget smbcacls wbinfo winexe net ntlm_auth"), (b',', "lftp")];
/// Options with a password behind them, and the programs that have them. `login` is the second word
/// of `docker login`, `helm registry login`, `az login`, `oc login`.
const OPTIONS: &[(&str, &str)] = &[
    (
        "-p",
        "sshpass login mongo mongosh mongodump mongorestore mongoexport mongoimport cqlsh rdesktop ncftpget ncftpput",
    ),
    ("-P", "sqlcmd bcp tsql osql isql mosquitto_pub mosquitto_sub mosquitto_rr ipmitool zip unzip zipcloak"),
    ("-a", "redis-cli valkey-cli keydb-cli"),
    ("-w", "ldapsearch ldapadd ldapmodify ldapdelete ldapcompare ldapmodrdn ldapwhoami ldappasswd kadmin"),
    ("-s", "ldappasswd"),
    ("-A", SNMP),
    ("-X", SNMP),
    ("-c", SNMP),
];
const SNMP: &str = "snmpget snmpwalk snmpset snmpbulkwalk snmptrap";
/// Programs with the password in the same word as the option, and these options.
const JOINED: &[(&str, &str)] = &[
    (
        "-p",
        "mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mariadb mariadb-dump mariadb-admin sshpass 7z 7za 7zr rar unrar",
    ),
    ("-hp", "rar unrar"),
    ("/p:", "xfreerdp wlfreerdp"),
];
/// Programs that are called with `user/password@base`.
const CONNECTING: &str = "sqlplus rman exp imp expdp impdp sqlldr sql sqlcl";
/// The word before `BY` and a password in SQL.
const SQL: &[u8] = b"identified ";
/// Words of a program that reads a password from its standard input.
const READERS: [&[u8]; 5] = [b"stdin", b"--with-token", b"--passphrase-fd", b"chpasswd", b"sudo -S"];

/// The words before one.
pub(super) struct Before<'t> {
    /// The program, without its directory.
    program: &'t [u8],
    /// The last word, or an empty one if that was quoted.
    pub(super) word: &'t [u8],
    /// Whether the next word is joined to the option before it.
    is_joined: bool,
    /// Whether the words are those of `echo` before a program that reads a password.
    is_written: bool,
    reads_stdin: bool,
    /// Whether the line creates a user in SQL.
    is_identified: bool,
    /// Whether the line is a user of Redis.
    is_acl: bool,
}

impl<'t> Before<'t> {
    /// The state before the first word of a line.
    pub(super) fn first(line: &[u8]) -> Before<'t> {
        let reads_stdin = READERS.iter().any(|word| memchr::memmem::find(line, word).is_some());
        let is_identified = line.windows(SQL.len()).any(|word| word.eq_ignore_ascii_case(SQL));
        let is_acl = line.starts_with(b"user ") || memchr::memmem::find(line, b"SETUSER ").is_some();
        Before { program: b"", word: b"", is_joined: false, is_written: false, reads_stdin, is_identified, is_acl }
    }

    /// Goes on behind a word.
    pub(super) fn pass(&mut self, word: &'t [u8], is_quoted: bool) {
        let name = word.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let has = |programs: &str| is_in(programs, name);
        let is_program = OPTIONS.iter().any(|(_, programs)| has(programs))
            || JOINED.iter().any(|(_, programs)| has(programs))
            || OTHER_PAIRS.iter().any(|(_, programs)| has(programs))
            || has(CONNECTING)
            || name == b"curl";
        if is_program && !is_quoted {
            self.program = name;
        }
        self.is_written = match word {
            b"echo" | b"printf" => true,
            b"|" => false,
            _ => self.is_written,
        };
        (self.word, self.is_joined) = (if is_quoted { b"" } else { word }, false);
    }

    /// Whether the last word may be a keyword in the middle of a line: letters, and a colon at most
    /// behind these.
    pub(super) fn is_keyword(&self) -> bool {
        let word = self.word.strip_suffix(b":").unwrap_or(self.word);
        word.iter().all(|byte| byte.is_ascii_alphabetic() || b"-_/.".contains(byte))
    }

    /// Goes on behind an option of one letter with a quoted value joined to it.
    pub(super) fn join(&mut self, option: &'t [u8]) {
        (self.word, self.is_joined) = (option, true);
    }

    /// Whether the next word may be the value of an option.
    pub(super) fn is_option(&self) -> bool {
        self.word.starts_with(b"-") && !self.word.contains(&b'=')
    }

    /// The credential in a word, if its place in the command says that it has one.
    pub(super) fn credential(&self, written: Written<'t>) -> Option<Written<'t>> {
        let word = written.text;
        let part = |text: &'t [u8]| Written { text, style: written.style };
        let is_bare = written.style == Style::Word;
        if self.is_identified && self.word.eq_ignore_ascii_case(b"by") {
            return Some(written);
        }
        if self.is_acl
            && let [b'>', password @ ..] = word
            && !password.is_empty()
        {
            return Some(part(password));
        }
        if PAIR_OPTIONS.contains(&self.word) {
            return Some(part(self.of_pair(word)?));
        }
        let takes = |options: &str, programs: &str| options.as_bytes() == self.word && is_in(programs, self.program);
        let is_value = !word.starts_with(b"-") && OPTIONS.iter().any(|(option, programs)| takes(option, programs));
        if is_value || self.is_joined && JOINED.iter().any(|(option, programs)| takes(option, programs)) {
            return Some(written);
        }
        if self.reads_stdin && (self.is_written && !b"-%|".contains(word.first()?) || self.word == b"<<<") {
            return Some(part(self.of_pair(word).unwrap_or(word)));
        }
        if is_bare && let Some((option, value)) = split_option(word) {
            let inner = Before { word: option, is_joined: false, is_written: false, reads_stdin: false, ..*self };
            return inner.credential(part(value));
        }
        let joined = || {
            let (option, _) = JOINED
                .iter()
                .find(|(option, programs)| word.starts_with(option.as_bytes()) && is_in(programs, self.program))?;
            Some(&word[option.len()..])
        };
        let of_curl = || if self.program == b"curl" { self.of_pair(word.strip_prefix(b"-u")?) } else { None };
        let of_openssl = || if self.word.starts_with(b"-pass") { word.strip_prefix(b"pass:") } else { None };
        let of_connect = || if is_in(CONNECTING, self.program) { connected(word) } else { None };
        let found = joined().or_else(of_curl).or_else(of_openssl).or_else(of_connect)?;
        (!found.is_empty()).then_some(part(found))
    }

    /// The credential in `user:password`, as this program writes it. With an empty password, or one
    /// that says so, the user name is the credential: `curl -u KEY:`.
    fn of_pair(&self, word: &'t [u8]) -> Option<&'t [u8]> {
        let other = OTHER_PAIRS.iter().find(|(_, programs)| is_in(programs, self.program));
        let separator = other.map_or(b':', |(separator, _)| *separator);
        let at = memchr::memchr(separator, word)?;
        let (user, password) = (&word[..at], &word[at + 1..]);
        let is_user_secret = password.is_empty() || is_no_password(password);
        match is_user_secret {
            false => Some(password),
            true => (!is_setting(b"user", user)).then_some(user),
        }
    }
}

/// `--user=bot:password`: an option and its value in one word.
fn split_option(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', word)?;
    word.starts_with(b"--").then_some((&word[..at], &word[at + 1..]))
}

/// The password in `user/password@base`.
fn connected(word: &[u8]) -> Option<&[u8]> {
    let slash = memchr::memchr(b'/', word).filter(|slash| *slash > 0 && word[0] != b'@')?;
    let end = memchr::memrchr(b'@', word).filter(|at| *at > slash).unwrap_or(word.len());
    Some(&word[slash + 1..end])
}

fn is_in(words: &str, word: &[u8]) -> bool {
    !word.is_empty() && words.split(' ').any(|other| other.as_bytes() == word)
}
