//! Log text to search: made up here, in formats and with numbers, addresses and identifiers as real logs have them; or
//! real, when the environment names a directory of it.

use std::fs;
use std::path::Path;

use super::random::Random;

/// The directory whose `*.log` files are searched in place of made-up text.
pub(crate) const CORPUS_VARIABLE: &str = "HUSHLOG_CORPUS";

/// The kinds of logs take turns in stretches of about this many bytes, so that a short text has them all.
const STRETCH_LEN: usize = 4 << 10;

/// Where the text came from, and the text.
pub(crate) struct Corpus {
    pub(crate) source: String,
    text: Vec<u8>,
}

impl Corpus {
    /// The text of the directory that the environment names, or else made-up text.
    pub(crate) fn open() -> Corpus {
        match std::env::var_os(CORPUS_VARIABLE) {
            Some(directory) => Corpus::read(Path::new(&directory)),
            None => Corpus { source: "made-up logs".to_owned(), text: made_up(16 << 20) },
        }
    }

    fn read(directory: &Path) -> Corpus {
        let entries = fs::read_dir(directory).expect("the corpus is a directory that can be read");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry of the corpus").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        paths.sort();
        let logs: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).expect("a log of the corpus")).collect();
        assert!(!logs.is_empty(), "the corpus has no *.log file");
        Corpus { source: format!("{} logs of {CORPUS_VARIABLE}", logs.len()), text: in_turn(&logs) }
    }

    /// How much text there is before it repeats, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The first `len` bytes of the text, which is repeated as often as that needs.
    pub(crate) fn text(&self, len: usize) -> Vec<u8> {
        repeated(&self.text, len)
    }
}

/// `unit` again and again, cut at `len` bytes.
pub(crate) fn repeated(unit: &[u8], len: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(len);
    while text.len() < len {
        let rest = len - text.len();
        text.extend_from_slice(&unit[..rest.min(unit.len())]);
    }
    text
}

/// A stretch of whole lines of each log in turn, until all are used up.
fn in_turn(logs: &[Vec<u8>]) -> Vec<u8> {
    let mut rests: Vec<&[u8]> = logs.iter().map(Vec::as_slice).collect();
    let mut text = Vec::with_capacity(logs.iter().map(Vec::len).sum());
    while rests.iter().any(|rest| !rest.is_empty()) {
        for rest in &mut rests {
            let least = STRETCH_LEN.min(rest.len());
            let line_end = rest[least..].iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| least + at + 1);
            let (stretch, after) = rest.split_at(line_end);
            text.extend_from_slice(stretch);
            *rest = after;
        }
    }
    text
}

/// Made-up logs of `len` bytes, a line more or less.
fn made_up(len: usize) -> Vec<u8> {
    let mut world = World::new();
    let formats = [
        World::sshd,
        World::access_log,
        World::hdfs,
        World::java,
        World::kubernetes,
        World::openstack,
        World::android,
        World::apache_error,
    ];
    let mut text = String::with_capacity(len + STRETCH_LEN);
    while text.len() < len {
        for format in formats {
            let end = text.len() + STRETCH_LEN;
            while text.len() < end {
                text.push_str(&format(&mut world));
                text.push('\n');
            }
        }
    }
    text.into_bytes()
}

/// What logs talk about: the same hosts, users and tenants over and over, with a clock that goes on.
struct World {
    random: Random,
    clock_ms: u64,
    addresses: Vec<String>,
    tenants: Vec<String>,
}

const USERS: &[&str] = &["root", "admin", "webmaster", "test", "oracle", "postgres", "deploy", "ubuntu", "git", "uucp"];
const CLASSES: &[&str] =
    &["o.a.z.s.q.FastLeaderElection", "c.e.orders.OrderService", "o.s.w.s.DispatcherServlet", "executor.Executor"];
const PATHS: &[&str] =
    &["/", "/index.html", "/api/v1/orders", "/static/js/app.js", "/health", "/login", "/favicon.ico"];
const AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "kube-probe/1.29",
    "curl/8.5.0",
];

impl World {
    fn new() -> World {
        let mut random = Random::new(7);
        let addresses = (0..200).map(|_| {
            format!("{}.{}.{}.{}", 10 + random.below(200), random.below(256), random.below(256), random.below(256))
        });
        let addresses = addresses.collect();
        let tenants = (0..20).map(|_| random.hex(32)).collect();
        World { random, clock_ms: 0, addresses, tenants }
    }

    /// Hours, minutes, seconds and milliseconds; a line takes up to half a second.
    fn tick(&mut self) -> (u64, u64, u64, u64) {
        self.clock_ms += self.random.below(500) as u64;
        let seconds = self.clock_ms / 1000;
        (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, self.clock_ms % 1000)
    }

    fn time(&mut self) -> String {
        let (h, m, s, _) = self.tick();
        format!("{h:02}:{m:02}:{s:02}")
    }

    fn time_ms(&mut self, point: char) -> String {
        let (h, m, s, ms) = self.tick();
        format!("{h:02}:{m:02}:{s:02}{point}{ms:03}")
    }

    fn address(&mut self) -> String {
        let n = self.random.below(self.addresses.len());
        self.addresses[n].clone()
    }

    fn tenant(&mut self) -> String {
        let n = self.random.below(self.tenants.len());
        self.tenants[n].clone()
    }

    fn number(&mut self, end: usize) -> usize {
        self.random.below(end)
    }

    fn uuid(&mut self) -> String {
        let r = &mut self.random;
        format!("{}-{}-4{}-a{}-{}", r.hex(8), r.hex(4), r.hex(3), r.hex(3), r.hex(12))
    }

    fn sshd(&mut self) -> String {
        let head = format!("Dec 10 {} web-{} sshd[{}]: ", self.time(), self.number(4), 20_000 + self.number(9_000));
        let (user, from, port) = (self.random.pick(USERS), self.address(), 1024 + self.number(60_000));
        head + &match self.number(5) {
            0 => format!("Failed password for invalid user {user} from {from} port {port} ssh2"),
            1 => format!("Invalid user {user} from {from}"),
            2 => format!("Received disconnect from {from}: 11: Bye Bye [preauth]"),
            3 => format!(
                "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={from}  user={user}"
            ),
            _ => format!(
                "reverse mapping checking getaddrinfo for host-{port}.example.net [{from}] failed - POSSIBLE BREAK-IN ATTEMPT!"
            ),
        }
    }

    fn access_log(&mut self) -> String {
        let (from, time, path) = (self.address(), self.time(), self.random.pick(PATHS));
        let (status, size) = (self.random.pick(&["200", "200", "200", "304", "404", "500"]), self.number(90_000));
        let agent = self.random.pick(AGENTS);
        format!(r#"{from} - - [10/Dec/2025:{time} +0000] "GET {path} HTTP/1.1" {status} {size} "-" "{agent}""#)
    }

    fn apache_error(&mut self) -> String {
        let time = self.time();
        match self.number(3) {
            0 => format!("[Sun Dec 04 {time} 2005] [notice] workerEnv.init() ok /etc/httpd/conf/workers2.properties"),
            1 => format!("[Sun Dec 04 {time} 2005] [error] mod_jk child workerEnv in error state {}", self.number(10)),
            _ => format!(
                "[Sun Dec 04 {time} 2005] [notice] jk2_init() Found child {} in scoreboard slot {}",
                self.number(30_000),
                self.number(12)
            ),
        }
    }

    fn hdfs(&mut self) -> String {
        let (h, m, s, _) = self.tick();
        let block = self.random.next() as i64;
        let head = format!("081109 {h:02}{m:02}{s:02} {} INFO dfs.", self.number(400));
        head + &match self.number(3) {
            0 => format!(
                "DataNode$PacketResponder: PacketResponder {} for block blk_{block} terminating",
                self.number(3)
            ),
            1 => format!(
                "FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: {}:50010 is added to blk_{block} size 67108864",
                self.address()
            ),
            _ => format!(
                "DataNode$DataXceiver: Receiving block blk_{block} src: /{}:{} dest: /{}:50010",
                self.address(),
                1024 + self.number(60_000),
                self.address()
            ),
        }
    }

    fn java(&mut self) -> String {
        let (time, class) = (self.time_ms(','), self.random.pick(CLASSES));
        let head = format!("2025-07-29 {time} - ");
        match self.number(8) {
            0 => format!(
                "{head}ERROR [http-nio-8080-exec-{}] {class} - request failed\njava.lang.IllegalStateException: connection reset by peer\n\tat com.example.orders.OrderService.place(OrderService.java:{})\n\tat java.base/java.lang.reflect.Method.invoke(Method.java:580)\n\tat org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1089)",
                self.number(64),
                self.number(900)
            ),
            1..4 => format!(
                "{head}WARN  [SendWorker:{}:QuorumCnxManager$SendWorker@688] - Send worker leaving thread",
                self.random.below(1 << 40)
            ),
            _ => format!(
                "{head}INFO  [main] {class} - Finished task {}.0 in stage {}.0 (TID {}). {} bytes result sent to driver",
                self.number(200),
                self.number(60),
                self.number(9_999),
                self.number(9_999)
            ),
        }
    }

    fn kubernetes(&mut self) -> String {
        let (time, pod, trace) =
            (self.time_ms('.'), self.random.word("bcdfghjklmnpqrstvwxz2456789", 5), self.random.hex(32));
        let level = self.random.pick(&["info", "info", "info", "warn", "error"]);
        let message = self.random.pick(&["request completed", "cache miss", "reconciling deployment", "lease renewed"]);
        format!(
            r#"{{"ts":"2025-07-29T{time}Z","level":"{level}","logger":"controller","pod":"orders-7d9f8b6c5-{pod}","trace_id":"{trace}","msg":"{message}","duration_ms":{},"path":"{}"}}"#,
            self.number(3_000),
            self.random.pick(PATHS)
        )
    }

    fn openstack(&mut self) -> String {
        let (time, request, user, tenant) = (self.time_ms('.'), self.uuid(), self.tenant(), self.tenant());
        let head = format!("nova-api.log.1.2017-05-16_13:53:08 2017-05-16 {time} 25746 INFO ");
        match self.number(3) {
            0 => format!(
                "{head}nova.virt.libvirt.imagecache [req-{request} - - - - -] image {} at (/var/lib/nova/instances/_base/{}): checking",
                self.uuid(),
                self.random.hex(40)
            ),
            1 => format!(
                "{head}nova.compute.manager [req-{request} {user} {tenant} - - -] [instance: {}] VM Started (Lifecycle Event)",
                self.uuid()
            ),
            _ => format!(
                "{head}nova.osapi_compute.wsgi.server [req-{request} {user} {tenant} - - -] {} \"GET /v2/{tenant}/servers/detail HTTP/1.1\" status: 200 len: {} time: 0.{:07}",
                self.address(),
                self.number(4_000),
                self.number(9_999_999)
            ),
        }
    }

    fn android(&mut self) -> String {
        let time = self.time_ms('.');
        let head = format!("03-17 {time}  {}  {} D ", 1_000 + self.number(900), 2_000 + self.number(7_000));
        match self.number(3) {
            0 => format!(
                "{head}PowerManagerService: acquire lock={}, flags=0x1, tag=\"View Lock\", name=com.android.systemui, ws=null, uid=10037, pid=2227",
                self.number(1 << 28)
            ),
            1 => format!(
                "{head}WindowManager: printFreezingDisplayLogsopening app wtoken = AppWindowToken{{{} token=Token{{{} ActivityRecord{{{} u0 com.example.app/.activity.DetailActivity t761}}}}}}, allDrawn= false",
                self.random.hex(7),
                self.random.hex(7),
                self.random.hex(7)
            ),
            _ => format!(
                "{head}PowerManagerService: ready=true,policy={},wakefulness=1,wksummary=0x{},uasummary=0x1,bootcompleted=true,boostinprogress=false",
                self.number(4),
                self.random.hex(2)
            ),
        }
    }
}
