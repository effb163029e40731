//! Lines in the manner of the systems of Loghub: a file system, a batch engine, a login daemon, a
//! web server, a kernel, a coordinator, a health application, a telephone.

use crate::harness::rng::Rng;

/// Makes a line of a log, in which values of settings may occur.
type Line = fn(&mut Rng, Vec<&'static str>) -> String;

pub(super) const SYSTEMS: [(&str, Line); 8] = [
    ("file system", file_system),
    ("batch engine", batch_engine),
    ("login daemon", login_daemon),
    ("web server", web_server),
    ("kernel", kernel),
    ("coordinator", coordinator),
    ("health application", health_application),
    ("telephone", telephone),
];

const WORDS: [&str; 16] = [
    "orders",
    "info",
    "production",
    "require",
    "admin",
    "session",
    "token",
    "password",
    "secret",
    "cache",
    "worker",
    "backup",
    "master",
    "user",
    "test",
    "default",
];

fn pick<T: Copy>(random: &mut Rng, items: &[T]) -> T {
    items[random.below(items.len())]
}

fn address(random: &mut Rng) -> String {
    format!("10.{}.{}.{}", random.below(256), random.below(256), 1 + random.below(254))
}

fn clock(random: &mut Rng) -> String {
    format!("{:02}:{:02}:{:02}", random.below(24), random.below(60), random.below(60))
}

fn number(random: &mut Rng, digits: usize) -> String {
    (0..digits).map(|_| char::from(b'0' + random.below(10) as u8)).collect()
}

fn hex(random: &mut Rng, digits: usize) -> String {
    (0..digits).map(|_| pick(random, &['0', '1', '4', '7', '9', 'a', 'b', 'c', 'd', 'f'])).collect()
}

fn file_system(random: &mut Rng, settings: Vec<&'static str>) -> String {
    let (day, time, process) = (number(random, 6), clock(random).replace(':', ""), number(random, 3));
    let (block, source, size) = (number(random, 19), address(random), number(random, 8));
    let text = match random.below(4) {
        0 => format!("DataWriter: receiving part blk_{block} from /{source}:50010 to {}:50010", address(random)),
        1 => format!("BlockTable: added blk_{block} of size {size} to {source}:50010"),
        2 => format!("BlockTable: allocated {}/part-{size} blk_-{block}", pick(random, &settings)),
        _ => format!("Reporter: blk_{block} is served by {}, replicas {}", pick(random, &settings), random.below(4)),
    };
    format!("{day} {time} {process} {} node.{text}", pick(random, &["INFO", "WARN"]))
}

fn batch_engine(random: &mut Rng, settings: Vec<&'static str>) -> String {
    let (time, stage, task) = (clock(random), random.below(90), random.below(400));
    let text = match random.below(5) {
        0 => format!(
            "Executor: finished task {task}.0 in stage {stage}.0 (TID {}), {} bytes",
            number(random, 4),
            number(random, 4)
        ),
        1 => format!(
            "MemoryPool: block broadcast_{stage} stored as values (estimated size {}.{} KB)",
            random.below(90),
            random.below(9)
        ),
        2 => format!("Configuration: app.setting.{}={}", pick(random, &WORDS), pick(random, &settings)),
        3 => format!("Launcher: command: java {} -Dapp.port={}", pick(random, &settings), number(random, 4)),
        _ => format!("Security: users with view permissions: Set({}); authentication disabled", pick(random, &WORDS)),
    };
    format!("26/11/{:02} {time} INFO {text}", 1 + random.below(28))
}

fn login_daemon(random: &mut Rng, settings: Vec<&'static str>) -> String {
    let (time, process, source, port) = (clock(random), number(random, 5), address(random), number(random, 5));
    let user = pick(random, &WORDS);
    let text = match random.below(5) {
        0 => format!("Failed password for invalid user {user} from {source} port {port} ssh2"),
        1 => {
            format!("Accepted publickey for {user} from {source} port {port} ssh2: ED25519 SHA256:{}", hex(random, 12))
        }
        2 => format!("Received disconnect from {source}: 11: Bye [preauth]"),
        3 => format!("reverse mapping for {} [{source}] failed", pick(random, &settings)),
        _ => format!("pam: authentication failure; logname= uid=0 tty=ssh rhost={source} user={user}"),
    };
    format!("Dec {:2} {time} gate sshd[{process}]: {text}", 1 + random.below(28))
}

fn web_server(random: &mut Rng, settings: Vec<&'static str>) -> String {
    let (time, source) = (clock(random), address(random));
    let level = pick(random, &["notice", "error", "info"]);
    let text = match random.below(4) {
        0 => format!(
            "\"GET /api/v2/{}?limit={}&token_type=Bearer HTTP/1.1\" 200 {}",
            pick(random, &WORDS),
            random.below(99),
            number(random, 5)
        ),
        1 => format!("worker scoreboard slot {} in child {}", random.below(9), number(random, 4)),
        2 => format!("directory index forbidden by rule: {}/", pick(random, &settings)),
        _ => format!(
            "proxy: {} answers {} in {} ms",
            pick(random, &settings),
            pick(random, &["200", "404", "502"]),
            number(random, 3)
        ),
    };
    format!("[Sun Dec {:02} {time} 2026] [{level}] [client {source}] {text}", 1 + random.below(28))
}

fn kernel(random: &mut Rng, settings: Vec<&'static str>) -> String {
    let time = clock(random);
    let text = match random.below(5) {
        0 => format!("kernel: usb 1-{}: new full-speed device number {}", random.below(8), random.below(90)),
        1 => format!("systemd[1]: Started {} on {}.", pick(random, &WORDS), pick(random, &settings)),
        2 => {
            format!("su(pam_unix)[{}]: session opened for user {} by (uid=0)", number(random, 5), pick(random, &WORDS))
        }
        3 => format!("cron[{}]: (root) CMD ({} >/dev/null)", number(random, 4), pick(random, &settings)),
        _ => format!("kernel: Out of memory: killed process {} (java), score {}", number(random, 5), random.below(999)),
    };
    format!("Dec {:2} {time} combo {text}", 1 + random.below(28))
}

fn coordinator(random: &mut Rng, settings: Vec<&'static str>) -> String {
    let (time, source) = (clock(random), address(random));
    let session = format!("0x{}", hex(random, 15));
    let text = match random.below(4) {
        0 => format!("accepted socket connection from /{source}:{}", number(random, 5)),
        1 => format!("expiring session {session}, timeout of {}ms exceeded", number(random, 5)),
        2 => format!(
            "{} = {}",
            pick(random, &["dataDir", "clientPort", "tickTime", "server.1"]),
            pick(random, &settings)
        ),
        _ => format!("notification: {} (n.leader), {} (n.round), LOOKING (n.state)", random.below(9), session),
    };
    let place = format!("[Worker:{}@{}]", pick(random, &["0:0:0:0:0:0:0:0:2181", "/2888"]), 100 + random.below(900));
    format!(
        "2026-12-{:02} {time},{} - {} {place} - {text}",
        1 + random.below(28),
        number(random, 3),
        pick(random, &["INFO ", "WARN "])
    )
}

fn health_application(random: &mut Rng, settings: Vec<&'static str>) -> String {
    let (time, process) = (clock(random), number(random, 8));
    let text = match random.below(4) {
        0 => format!("Step_Counter|{process}|onStep: {} steps, {} calories", number(random, 4), number(random, 6)),
        1 => format!("Step_Store|{process}|insert {}#{}", number(random, 13), number(random, 5)),
        2 => format!("Step_Report|{process}|report to {} at level {}", pick(random, &settings), pick(random, &WORDS)),
        _ => format!("Step_Screen|{process}|action screen_on, user {}", pick(random, &WORDS)),
    };
    format!("202612{:02}-{time}:{}|{text}", 1 + random.below(28), number(random, 3))
}

fn telephone(random: &mut Rng, settings: Vec<&'static str>) -> String {
    let (time, process, thread) = (clock(random), number(random, 4), number(random, 4));
    let text = match random.below(5) {
        0 => format!("D PowerManager: release lock={} flg=0x0, tag=\"{}\"", number(random, 9), pick(random, &WORDS)),
        1 => format!("I WindowManager: focus to Window{{{} u0 {}}}", hex(random, 7), pick(random, &settings)),
        2 => format!("W Network: {} unreachable, retry in {}s", pick(random, &settings), random.below(60)),
        3 => format!("V Settings: put {}={} for user 0", pick(random, &WORDS), pick(random, &settings)),
        _ => format!("E Account: token of {} is null, password=null", pick(random, &WORDS)),
    };
    format!("12-{:02} {time}.{}  {process}  {thread} {text}", 1 + random.below(28), number(random, 3))
}
