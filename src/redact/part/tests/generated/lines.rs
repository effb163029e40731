//! Formats of lines and of pairs: INI, properties, netrc, pgpass, JAAS, connection strings.

use super::nested::quoted;
use super::values::{BARE, Maker, Node, QUOTED, Style, URL};

/// Settings and credentials without maps, each key once.
pub(super) fn flat(maker: &mut Maker) -> Vec<(String, String)> {
    let count = 4 + maker.below(6);
    let mut entries: Vec<(String, String)> = Vec::new();
    for _ in 0..count {
        let key = maker.credential_key();
        let is_new = entries.iter().all(|(other, _)| *other != key);
        let entry = match maker.below(5) {
            0 | 1 if is_new => (key, maker.plant()),
            2 if is_new => match maker.address() {
                (key, Node::Leaf(value)) if entries.iter().all(|(other, _)| *other != key) => (key, value),
                _ => {
                    maker.credentials.pop();
                    continue;
                }
            },
            _ => maker.plain(),
        };
        entries.push(entry);
    }
    entries
}

pub(super) fn ini(maker: &mut Maker) -> String {
    maker.pick_style(&[Style::Snake, Style::Kebab, Style::Dotted]);
    maker.punctuation = BARE;
    let equals = maker.pick(&["=", " = ", ": "]);
    let mut text = String::new();
    for section in ["server", "client", "login"] {
        let section = maker.setting(section);
        text += &format!("[{section}]\n");
        if maker.once_in(2) {
            let mark = maker.pick(&["#", ";"]);
            text += &format!("{mark} {}\n", maker.comment());
        }
        for (key, value) in flat(maker) {
            let comment = if maker.once_in(8) { format!(" ; {}", maker.comment()) } else { String::new() };
            let value = if maker.once_in(6) { quoted(&value) } else { value };
            text += &format!("{key}{equals}{value}{comment}\n");
        }
        text.push('\n');
    }
    text
}

pub(super) fn properties(maker: &mut Maker) -> String {
    maker.pick_style(&[Style::Dotted, Style::Kebab, Style::Camel]);
    let equals = maker.pick(&["=", " = ", ":"]);
    // Java escapes the separators of keys and values when it writes a file.
    let is_escaped = maker.once_in(2);
    maker.punctuation = if is_escaped { "!#+-./:;=@^_~" } else { BARE };
    let mut text = format!("# {}\n", maker.comment());
    for (key, value) in flat(maker) {
        let value = value.replace('\\', "\\\\");
        let value = if is_escaped {
            ["=", ":", "#", "!"].iter().fold(value, |value, mark| value.replace(mark, &format!("\\{mark}")))
        } else {
            value
        };
        text += &format!("{key}{equals}{value}\n");
    }
    text
}

/// The lines that a shell or a service reads: `export NAME='value'`.
pub(super) fn exports(maker: &mut Maker) -> String {
    maker.pick_style(&[Style::Upper]);
    let export = maker.pick(&["export ", ""]);
    let line = |(key, value): (String, String)| format!("{export}{key}='{}'\n", value.replace('\'', "'\\''"));
    flat(maker).into_iter().map(line).collect()
}

pub(super) fn netrc(maker: &mut Maker) -> String {
    maker.punctuation = "!#$%&*+-./:;<=>?@^_~";
    let mut text = String::new();
    for _ in 0..1 + maker.below(4) {
        let (host, login) = (maker.word(), maker.word());
        let host = maker.setting(format!("{host}.example.test"));
        let login = maker.setting(login);
        let password = maker.plant();
        text += &match maker.below(3) {
            0 => format!("machine {host} login {login} password {password}\n"),
            1 => format!("machine {host}\n  login {login}\n  password {password}\n\n"),
            _ => format!("machine {host}\n\tpassword {password}\n\tlogin {login}\n"),
        };
    }
    text
}

pub(super) fn pgpass(maker: &mut Maker) -> String {
    maker.punctuation = "!#$%&()*+-./:;<=>?@[]^_{|}~\\";
    let mut text = if maker.once_in(2) { format!("# {}\n", maker.comment()) } else { String::new() };
    for _ in 0..1 + maker.below(4) {
        let (host, base, user) = (maker.word(), maker.word(), maker.word());
        let host = maker.pick(&["*", "localhost", host]);
        let [host, base, user] = [host, base, user].map(|setting| maker.setting(setting));
        let port = maker.pick(&["*", "5432"]);
        let password = maker.plant().replace('\\', "\\\\").replace(':', "\\:");
        text += &format!("{host}:{port}:{base}:{user}:{password}\n");
    }
    text
}

pub(super) fn jaas(maker: &mut Maker) -> String {
    let (user, store) = (maker.word(), maker.word());
    let (user, store) = (maker.setting(user), maker.setting(format!("/etc/{store}/client.keytab")));
    let password = quoted(&maker.plant());
    let (module, options) = maker.pick(&[
        ("org.apache.kafka.common.security.plain.PlainLoginModule", ""),
        ("org.apache.kafka.common.security.scram.ScramLoginModule", "serviceName=\"kafka\" "),
        ("org.apache.zookeeper.server.auth.DigestLoginModule", "debug=true "),
    ]);
    maker.setting(module);
    if maker.once_in(3) {
        return format!("{module} required {options}username=\"{user}\" password={password};");
    }
    let context = maker.setting("KafkaClient");
    format!(
        "{context} {{\n  {module} required\n  {options}\n  username=\"{user}\"\n  keyTab=\"{store}\"\n  \
         password={password};\n}};\n"
    )
}

/// ODBC: braces around a value, and `}}` for `}`.
pub(super) fn odbc(maker: &mut Maker) -> String {
    let (server, base, user) = (maker.word(), maker.word(), maker.word());
    let server = maker.setting(format!("{server}.database.example.test"));
    let (base, user) = (maker.setting(base), maker.setting(user));
    let driver = maker.setting("ODBC Driver 18 for SQL Server");
    let key = maker.pick(&["PWD", "Password", "pwd"]);
    let key = maker.setting(key);
    let password = maker.plant();
    let password = if password.contains([';', '{', '}', ' ', '=', '\'', '"']) || maker.once_in(2) {
        format!("{{{}}}", password.replace('}', "}}"))
    } else {
        password
    };
    format!("Driver={{{driver}}};Server=tcp:{server},1433;Database={base};UID={user};{key}={password};Encrypt=yes;")
}

/// ADO.NET: quotes around a value, doubled within it.
pub(super) fn ado(maker: &mut Maker) -> String {
    let (server, base, user) = (maker.word(), maker.word(), maker.word());
    let server = maker.setting(format!("{server}.example.test,1433"));
    let (base, user) = (maker.setting(base), maker.setting(user));
    let password = maker.plant();
    let is_plain = password.chars().all(|c| c.is_ascii_alphanumeric() || "-._+/!".contains(c));
    let password = match maker.below(3) {
        0 if is_plain => password,
        1 => format!("'{}'", password.replace('\'', "''")),
        _ => format!("\"{}\"", password.replace('"', "\"\"")),
    };
    let mut pairs = vec![
        format!("Server={server}"),
        format!("Initial Catalog={base}"),
        format!("User ID={user}"),
        "TrustServerCertificate=True".to_owned(),
    ];
    pairs.insert(maker.below(4) + 1, format!("Password={password}"));
    pairs.join(";") + maker.pick(&["", ";"])
}

/// libpq: blanks between the pairs, and backslashes in quotes.
pub(super) fn libpq(maker: &mut Maker) -> String {
    let (host, base, user) = (maker.word(), maker.word(), maker.word());
    let host = maker.setting(format!("{host}.internal"));
    let (base, user) = (maker.setting(base), maker.setting(user));
    let password = maker.plant().replace('\\', "\\\\").replace('\'', "\\'");
    format!("host={host} port=5432 dbname={base} user={user} password='{password}' sslmode=require")
}

/// Amazon, Azure and Google store keys in strings such as this one.
pub(super) fn account_key(maker: &mut Maker) -> String {
    maker.punctuation = "+/=";
    let name = maker.word();
    let name = maker.setting(format!("{name}store"));
    let key = maker.plant();
    format!("DefaultEndpointsProtocol=https;AccountName={name};AccountKey={key};EndpointSuffix=core.windows.net")
}

/// A line for each host, with the password percent-encoded.
pub(super) fn git_credentials(maker: &mut Maker) -> String {
    maker.punctuation = QUOTED;
    let mut text = String::new();
    for _ in 0..1 + maker.below(4) {
        let (user, host) = (maker.word(), maker.word());
        let (user, host) = (maker.setting(user), maker.setting(format!("git.{host}.test")));
        let password = percent_encoded(&maker.plant());
        text += &format!("https://{user}:{password}@{host}\n");
    }
    text
}

fn percent_encoded(text: &str) -> String {
    let encode = |c: char| {
        if c.is_ascii_alphanumeric() || URL.contains(c) { c.to_string() } else { format!("%{:02x}", u32::from(c)) }
    };
    text.chars().map(encode).collect()
}
