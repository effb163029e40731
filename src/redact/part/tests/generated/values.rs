//! Random credentials, random settings, and trees of both.

/// Punctuation that a value in quotes may have, once it is escaped.
pub(super) const QUOTED: &str = " !#$%&()*+,-./:;<=>?@[]^_{|}~'\"\\";
/// Punctuation of a value that stands without quotes in most formats.
pub(super) const BARE: &str = "!%*+-./:=@^_~";
/// Punctuation that needs no escape in a URL.
pub(super) const URL: &str = "-._~!*";

/// The names of credentials, as words.
const CREDENTIALS: [&str; 28] = [
    "password",
    "db password",
    "api key",
    "client secret",
    "auth token",
    "access token",
    "secret key",
    "passphrase",
    "redis auth",
    "encryption key",
    "webhook secret",
    "aws secret access key",
    "smtp pass",
    "session secret",
    "bot token",
    "token",
    "secret",
    "license key",
    "signing key",
    "refresh token",
    "db pwd",
    "master key",
    "secret key base",
    "shared access key",
    "admin password",
    "account key",
    "service token",
    "jwt secret",
];
/// The names of lists and maps of credentials.
const COLLECTIONS: [&str; 5] = ["passwords", "api keys", "tokens", "secrets", "access tokens"];
/// The names of lists of settings.
const LISTS: [&str; 7] = ["hosts", "tags", "scopes", "allowed origins", "features", "groups", "columns"];
/// The names of maps of settings.
const SECTIONS: [&str; 12] = [
    "server",
    "database",
    "logging",
    "cache",
    "queue",
    "mail",
    "storage",
    "metrics",
    "http",
    "worker",
    "auth options",
    "login form",
];

/// Settings: the words of a key, and its values. `{w}` stands for a word, `{n}` for a number, `{p}`
/// for a port, `{u}` for a UUID.
const SETTINGS: &[(&str, &[&str])] = &[
    ("host", &["{w}.internal", "localhost", "10.{n}.{n}.{n}", "{w}-{n}.{w}.example.test"]),
    ("port", &["{p}"]),
    ("bind address", &["0.0.0.0:{p}", "[::1]:{p}", "127.0.0.1"]),
    ("debug", &["true", "false"]),
    ("log level", &["info", "debug", "warn", "ERROR"]),
    ("log format", &["%(asctime)s %(levelname)s %(message)s", "{w} level=%l at=%t", "json"]),
    ("log file", &["/var/log/{w}/{w}.log", "./logs/{w}.log"]),
    ("data directory", &["/srv/{w}/data", "~/{w}"]),
    ("region", &["eu-north-1", "us-east-1a", "westeurope"]),
    ("time zone", &["Europe/Berlin", "UTC", "America/New_York"]),
    ("locale", &["en_US.UTF-8", "de_DE"]),
    ("model", &["{w}-large-{n}b", "m-{n}-instruct", "text-embedding-3-small"]),
    ("base url", &["https://api.{w}.test/v{n}", "http://localhost:{p}/{w}/"]),
    ("database url", &["postgres://db.{w}.lan:5432/{w}?sslmode=require", "redis://cache:6379/0"]),
    ("image", &["registry.{w}.test/team/{w}:1.{n}.3-rc1", "{w}:latest"]),
    ("version", &["1.{n}.0", "v{n}.2", "2026-11-{n}"]),
    ("timeout", &["30s", "{n}", "1m30s"]),
    ("memory", &["512MiB", "{n}Gi", "2g"]),
    ("ratio", &["0.{n}", "1e-3"]),
    ("schedule", &["*/{n} * * * *", "0 3 * * 1-5"]),
    ("user", &["{w}", "svc-{w}", "{w}@{w}.test"]),
    ("username", &["{w}_rw", "{w}"]),
    ("email", &["{w}@example.test"]),
    ("bucket", &["{w}-{w}-{n}", "{w}.backups"]),
    ("tenant id", &["{u}", "{w}"]),
    ("description", &["The {w} service, and its {w}.", "{w}: {w} and {w} (old)", "it's for {w}"]),
    ("note", &["see the wiki of {w}", "# {n} is for {w}", "a = b; c & d"]),
    ("labels", &["team={w},tier=web", "app:{w}"]),
    ("jvm options", &["-Xmx512m -XX:+UseG1GC -Dfile.encoding=UTF-8", "-Dapp.name={w} -Dapp.mode=fast"]),
    ("command", &["/usr/bin/{w} --port {p} --verbose", "npm run {w}"]),
    ("query", &["SELECT * FROM {w} WHERE id = ?", "status = 'open' AND {w} > {n}"]),
    ("pattern", &["^[a-z]+-{n}$", "*.{w}.test", "**/{w}/*.rs"]),
    ("content type", &["application/json; charset=utf-8", "text/html"]),
    ("user agent", &["{w}/1.{n} (+https://{w}.test/bot)"]),
    ("cipher suites", &["TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384"]),
    ("color", &["#ff88{n}", "red"]),
    ("currency", &["EUR"]),
    ("driver", &["ODBC Driver 18 for SQL Server", "org.postgresql.Driver"]),
    ("max tokens", &["4096", "128000"]),
    ("password field", &["login_pw", "{w}_field"]),
    ("token ttl", &["3600s", "15m", "86400"]),
    ("api key header", &["X-Api-Key", "X-{w}-Key"]),
    ("secret name", &["{w}-credentials", "prod/{w}/db"]),
    ("token url", &["https://auth.{w}.test/oauth/token"]),
    ("password file", &["/run/secrets/{w}", "./{w}.pw"]),
    ("auth type", &["oauth2", "basic"]),
    ("access key id", &["{w}-{n}"]),
    ("password min length", &["12"]),
    ("token type", &["Bearer"]),
    ("sort key", &["created_at", "{w}_id"]),
    ("partition key", &["customer_id", "{w}Id"]),
    ("primary key", &["{w}_id"]),
    ("cookie name", &["session_id", "{w}_sid"]),
    ("auth enabled", &["true", "false"]),
    ("password policy", &["strong", "{w} only"]),
    ("secret ref", &["{w}/db"]),
    ("api key env", &["{w}_API_KEY"]),
    ("keyboard layout", &["dvorak"]),
    ("ssh key file", &["~/.ssh/id_ed25519"]),
    ("public key", &["age1{w}qqqq"]),
    ("key algorithm", &["ed25519", "RS256"]),
    ("token bucket size", &["{n}00"]),
    ("tokenizer", &["{w}_base_{n}", "byte-pair"]),
    ("use password", &["true"]),
    ("password rotation days", &["{n}"]),
    ("total tokens", &["{n}1234"]),
    ("author", &["{w} {w}"]),
    ("passwordless", &["no", "yes"]),
    ("login message", &["Enter your password to continue", "The token of {w} has expired"]),
    ("error text", &["invalid password: try again", "token: {w} expected"]),
];
const WORDS: [&str; 24] = [
    "orders", "billing", "lamp", "frog", "boat", "tree", "river", "stone", "cloud", "amber", "copper", "harbor",
    "meadow", "pepper", "saddle", "timber", "velvet", "walnut", "yellow", "zephyr", "candle", "dragon", "falcon",
    "garden",
];
const ALPHANUMERICS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A random tree of settings.
pub(super) enum Node {
    Leaf(String),
    /// A number or a boolean, which stands without quotes.
    Bare(String),
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
}

/// How the words of a key are written.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Snake,
    Kebab,
    Camel,
    Upper,
    Dotted,
}

/// Makes a file, and remembers the credentials and settings planted in it.
pub(super) struct Maker {
    random: u64,
    pub style: Style,
    /// The text that a value may have between letters and digits.
    pub punctuation: &'static str,
    /// Each has to be covered by needles when it occurs alone.
    pub credentials: Vec<String>,
    /// Keys, values and comments, none of which may be masked.
    pub settings: Vec<String>,
}

impl Maker {
    pub(super) fn new(seed: u64) -> Maker {
        Maker { random: seed, style: Style::Snake, punctuation: QUOTED, credentials: Vec::new(), settings: Vec::new() }
    }

    /// A number below `end`, by SplitMix64 (Steele, Lea and Flood, 2014).
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    /// True once in `count` calls.
    pub(super) fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    pub(super) fn pick_style(&mut self, styles: &[Style]) {
        self.style = self.pick(styles);
    }

    pub(super) fn word(&mut self) -> &'static str {
        self.pick(&WORDS)
    }

    pub(super) fn text_of(&mut self, characters: &str, len: usize) -> String {
        let characters: Vec<char> = characters.chars().collect();
        (0..len).map(|_| self.pick(&characters)).collect()
    }

    /// A new credential.
    pub(super) fn plant(&mut self) -> String {
        let len = self.below(24);
        let punctuation = self.punctuation;
        let credential = match self.below(10) {
            0 => {
                let (word, other) = (self.word(), self.word());
                format!("{word}-{}-{other}", self.text_of("0123456789", 4))
            }
            1 | 2 => self.text_of(ALPHANUMERICS, 10 + len),
            3 => self.text_of("0123456789abcdef", 32),
            4 => self.text_of("abcdefghijklmnopqrstuvwxyz", 10 + len / 4),
            5 => self.text_of("0123456789", 9 + len / 6),
            6 => format!("sk-live-{}", self.text_of(ALPHANUMERICS, 24)),
            7 if punctuation.contains('/') && punctuation.contains('=') => {
                self.text_of(&(ALPHANUMERICS.to_owned() + "+/"), 43) + "="
            }
            _ => {
                let mixed = self.text_of(&(ALPHANUMERICS.to_owned() + punctuation), 8 + len / 2);
                let (first, last) = (self.text_of(ALPHANUMERICS, 1), self.text_of(ALPHANUMERICS, 2));
                // An address, and a text between blanks that begins a comment, are none.
                let mixed = mixed.replace("://", ":").replace(" #", "#");
                let mixed = mixed.replace(" ;", ";").replace(" /", "/");
                format!("{first}{mixed}{last}")
            }
        };
        self.credentials.push(credential.clone());
        credential
    }

    /// A key in the style of the file. It must not be masked.
    pub(super) fn key(&mut self, words: &str) -> String {
        let capitalized = |word: &str| word[..1].to_uppercase() + &word[1..];
        let key = match self.style {
            Style::Snake => words.replace(' ', "_"),
            Style::Kebab => words.replace(' ', "-"),
            Style::Dotted => words.replace(' ', "."),
            Style::Upper => words.replace(' ', "_").to_uppercase(),
            Style::Camel => {
                let mut words = words.split(' ');
                let first = words.next().unwrap_or_default().to_owned();
                words.fold(first, |key, word| key + &capitalized(word))
            }
        };
        self.setting(key)
    }

    /// Remembers a text that must not be masked.
    pub(super) fn setting(&mut self, text: impl Into<String>) -> String {
        let text = text.into();
        self.settings.push(text.clone());
        text
    }

    pub(super) fn credential_key(&mut self) -> String {
        let words = self.pick(&CREDENTIALS);
        self.key(words)
    }

    /// A setting: its key and its value.
    pub(super) fn plain(&mut self) -> (String, String) {
        let (words, values) = self.pick(SETTINGS);
        let value = self.pick(values);
        (self.key(words), self.filled(value))
    }

    /// A value of a setting, without the punctuation that the format lacks.
    pub(super) fn value(&mut self) -> String {
        self.plain().1
    }

    fn filled(&mut self, pattern: &str) -> String {
        let mut text = String::new();
        let mut rest = pattern;
        while let Some(at) = rest.find('{') {
            text += &rest[..at];
            match rest.as_bytes()[at + 1] {
                b'w' => text += self.word(),
                b'n' => text += &(10 + self.below(90)).to_string(),
                b'p' => text += &(1_024 + self.below(60_000)).to_string(),
                _ => {
                    let groups = [8, 4, 4, 4, 12].map(|len| self.text_of("0123456789abcdef", len));
                    text += &groups.join("-");
                }
            }
            rest = &rest[at + 3..];
        }
        self.setting(text + rest)
    }

    /// A comment, without the mark at its beginning.
    pub(super) fn comment(&mut self) -> String {
        let (word, other) = (self.word(), self.word());
        let comment = match self.below(4) {
            0 => format!("settings of {word}"),
            1 => format!("the password of {word} is in the vault of {other}"),
            2 => format!("{word} = {other}"),
            _ => format!("rotated {word} in May; ask {other}"),
        };
        self.setting(comment)
    }

    /// A map with settings and credentials, `depth` maps deep.
    pub(super) fn map(&mut self, depth: usize) -> Vec<(String, Node)> {
        let count = 3 + self.below(6);
        let mut entries: Vec<(String, Node)> = Vec::new();
        while entries.len() < count {
            let entry = self.entry(depth);
            // A key stands once in a map. The value of a left entry occurs nowhere.
            if entries.iter().all(|(key, _)| *key != entry.0) {
                entries.push(entry);
            } else {
                self.forget(&entry.1);
            }
        }
        entries
    }

    fn forget(&mut self, node: &Node) {
        match node {
            Node::Leaf(value) | Node::Bare(value) => {
                self.credentials.retain(|credential| !value.contains(credential.as_str()));
            }
            Node::Map(entries) => entries.iter().for_each(|(_, node)| self.forget(node)),
            Node::List(items) => items.iter().for_each(|node| self.forget(node)),
        }
    }

    fn entry(&mut self, depth: usize) -> (String, Node) {
        match self.below(if depth > 0 { 13 } else { 8 }) {
            0..=3 => {
                let (key, value) = self.plain();
                (key, leaf(value))
            }
            4 | 5 => (self.credential_key(), Node::Leaf(self.plant())),
            6 => {
                let words = self.pick(&LISTS);
                let items = (0..2 + self.below(2)).map(|_| Node::Leaf(self.value())).collect();
                (self.key(words), Node::List(items))
            }
            7 => self.address(),
            8 | 9 => {
                let words = self.pick(&SECTIONS);
                (self.key(words), Node::Map(self.map(depth - 1)))
            }
            10 => {
                let words = self.pick(&COLLECTIONS);
                let key = self.key(words);
                // Digits in a list of tokens are a number of these.
                let credentials = (0..2).map(|_| Node::Leaf(self.plant())).collect::<Vec<_>>();
                if self.once_in(2) {
                    return (key, Node::List(credentials));
                }
                let users = ["alice", "bob"].map(|user| self.setting(user));
                (key, Node::Map(users.into_iter().zip(credentials).collect()))
            }
            11 => {
                let (name, value) = ("name".to_owned(), "value".to_owned());
                let pair = |key: String, item| Node::Map(vec![(name.clone(), Node::Leaf(key)), (value.clone(), item)]);
                let plain = self.plain();
                let secret = pair(self.credential_key(), Node::Leaf(self.plant()));
                let mut items = vec![pair(plain.0, leaf(plain.1)), secret];
                if self.once_in(2) {
                    items.swap(0, 1);
                }
                (self.setting("env"), Node::List(items))
            }
            _ => {
                let mut inner = vec![(self.setting("value"), Node::Leaf(self.plant()))];
                let sensitive = (self.setting("sensitive"), Node::Bare("true".to_owned()));
                inner.insert(self.below(2), sensitive);
                (self.credential_key(), Node::Map(inner))
            }
        }
    }

    /// An address with a password in it.
    pub(super) fn address(&mut self) -> (String, Node) {
        let punctuation = std::mem::replace(&mut self.punctuation, URL);
        let password = self.plant();
        self.punctuation = punctuation;
        let (user, host, base) = (self.word(), self.word(), self.word());
        let host = self.setting(format!("{host}.internal:5432"));
        let key = self.key("primary url");
        (key, Node::Leaf(format!("postgres://{user}:{password}@{host}/{base}")))
    }
}

/// A leaf of a setting.
fn leaf(value: String) -> Node {
    let is_bare = value.parse::<u32>().is_ok() || matches!(&*value, "true" | "false");
    if is_bare { Node::Bare(value) } else { Node::Leaf(value) }
}
