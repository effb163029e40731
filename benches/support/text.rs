//! Log text to search. It is generated in real formats, with numbers, addresses and identifiers as
//! real logs have them. The environment may name a directory of real logs instead.

use std::fs;
use std::path::Path;

use super::random::Random;

/// The directory with `*.log` files to search in place of generated text.
pub(crate) const CORPUS_VARIABLE: &str = "HUSHLOG_CORPUS";

/// The kinds of logs alternate in stretches of about this many bytes, so that a short text has them
/// all.
const STRETCH_LEN: usize = 4 << 10;

/// The text and its source.
pub(crate) struct Corpus {
    pub(crate) source: String,
    text: Vec<u8>,
}

impl Corpus {
    /// The text of the directory that the environment names, or else generated text.
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

    /// The length of the text before it repeats, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The first `len` bytes of the text, repeated as needed.
    pub(crate) fn text(&self, len: usize) -> Vec<u8> {
        repeated(&self.text, len)
    }
}

/// `unit` repeated, cut at `len` bytes.
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

/// Generated logs of `len` bytes, some lines more.
pub(crate) fn made_up(len: usize) -> Vec<u8> {
    let mut world = World::new();
    let mut text = String::with_capacity(len + STRETCH_LEN);
    while text.len() < len {
        for log in LOGS {
            let end = text.len() + STRETCH_LEN;
            while text.len() < end {
                let line = world.random.pick(log);
                world.write(line, &mut text);
                text.push('\n');
            }
        }
    }
    text.into_bytes()
}

/// The lines of each kind of log; [`World::write_word`] replaces each `{word}`.
const LOGS: &[&[&str]] = &[
    &[
        "Dec 10 {time} web-{digit} sshd[{n5}]: Failed password for invalid user {user} from {ip} port {n5} ssh2",
        "Dec 10 {time} web-{digit} sshd[{n5}]: Invalid user {user} from {ip}",
        "Dec 10 {time} web-{digit} sshd[{n5}]: Received disconnect from {ip}: 11: Bye Bye [preauth]",
        "Dec 10 {time} web-{digit} sshd[{n5}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 \
         tty=ssh ruser= rhost={ip}  user={user}",
        "Dec 10 {time} web-{digit} sshd[{n5}]: reverse mapping checking getaddrinfo for host-{n5}.example.net [{ip}] \
         failed - POSSIBLE BREAK-IN ATTEMPT!",
    ],
    &[
        "{ip} - - [10/Dec/2025:{time} +0000] \"GET {path} HTTP/1.1\" 200 {n5} \"-\" \"{agent}\"",
        "{ip} - - [10/Dec/2025:{time} +0000] \"GET {path}?page={digit}&q={user} HTTP/1.1\" 304 0 \"-\" \"{agent}\"",
        "{ip} - {user} [10/Dec/2025:{time} +0000] \"POST {path} HTTP/2.0\" 500 {n3} \"https://example.com/\" \
         \"{agent}\"",
    ],
    &[
        "081109 {n6} {n3} INFO dfs.DataNode$PacketResponder: PacketResponder {digit} for block blk_{n18} terminating",
        "081109 {n6} {n2} INFO dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: {ip}:50010 is \
         added to blk_-{n18} size 67108864",
        "081109 {n6} {n3} INFO dfs.DataNode$DataXceiver: Receiving block blk_{n18} src: /{ip}:{n5} dest: /{ip}:50010",
    ],
    &[
        "2025-07-29 {time},{n3} - WARN  [SendWorker:{n12}:QuorumCnxManager$SendWorker@688] - Send worker leaving \
         thread",
        "2025-07-29 {time},{n3} - INFO  [main] {class} - Finished task {n2}.0 in stage {n2}.0 (TID {n4}). {n4} bytes \
         result sent to driver",
        "2025-07-29 {time},{n3} - INFO  [/{ip}:3888:{class}$Listener@493] - Received connection request /{ip}:{n5}",
        "2025-07-29 {time},{n3} - ERROR [http-nio-8080-exec-{n2}] {class} - request failed\n\
         java.lang.IllegalStateException: connection reset by peer\n\
         \tat com.example.orders.OrderService.place(OrderService.java:{n3})\n\
         \tat java.base/java.lang.reflect.Method.invoke(Method.java:580)\n\
         \tat org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1089)",
    ],
    &[
        "{\"ts\":\"2025-07-29T{time}.{n3}Z\",\"level\":\"info\",\"logger\":\"controller\",\
         \"pod\":\"orders-7d9f8b6c5-{hex5}\",\"trace_id\":\"{hex32}\",\"msg\":\"request completed\",\
         \"duration_ms\":{n4},\"path\":\"{path}\"}",
        "{\"ts\":\"2025-07-29T{time}.{n3}Z\",\"level\":\"warn\",\"logger\":\"controller\",\
         \"pod\":\"orders-7d9f8b6c5-{hex5}\",\"trace_id\":\"{hex32}\",\"msg\":\"lease renewed\",\
         \"user\":\"{user}\",\"uid\":\"{uuid}\"}",
    ],
    &[
        "nova-compute.log.1.2017-05-16_13:55:31 2017-05-16 {time}.{n3} 2931 INFO nova.virt.libvirt.imagecache \
         [req-{uuid} - - - - -] image {uuid} at (/var/lib/nova/instances/_base/{hex40}): checking",
        "nova-compute.log.1.2017-05-16_13:55:31 2017-05-16 {time}.{n3} 2931 INFO nova.compute.manager \
         [req-{uuid} {tenant} {tenant} - - -] [instance: {uuid}] VM Started (Lifecycle Event)",
        "nova-api.log.1.2017-05-16_13:53:08 2017-05-16 {time}.{n3} 25746 INFO nova.osapi_compute.wsgi.server \
         [req-{uuid} {tenant} {tenant} - - -] {ip} \"GET /v2/{tenant}/servers/detail HTTP/1.1\" status: 200 len: {n4} \
         time: 0.{n7}",
    ],
    &[
        "03-17 {time}.{n3}  {n4}  {n4} D PowerManagerService: acquire lock={n9}, flags=0x1, tag=\"View Lock\", \
         name=com.android.systemui, ws=null, uid=10037, pid=2227",
        "03-17 {time}.{n3}  {n4}  {n4} D WindowManager: printFreezingDisplayLogsopening app wtoken = \
         AppWindowToken{{hex7} token=Token{{hex7} ActivityRecord{{hex7} u0 com.example.app/.activity.DetailActivity \
         t761}}}, allDrawn= false, startingDisplayed =  false, startingMoved =  false",
        "03-17 {time}.{n3}  {n4}  {n4} D PowerManagerService: ready=true,policy={digit},wakefulness=1,\
         wksummary=0x{hex2},uasummary=0x1,bootcompleted=true,boostinprogress=false",
    ],
    &[
        "[Sun Dec 04 {time} 2005] [notice] workerEnv.init() ok /etc/httpd/conf/workers2.properties",
        "[Sun Dec 04 {time} 2005] [error] mod_jk child workerEnv in error state {digit}",
        "[Sun Dec 04 {time} 2005] [notice] jk2_init() Found child {n5} in scoreboard slot {n2}",
    ],
];

const USERS: &[&str] = &["root", "admin", "webmaster", "test", "oracle", "postgres", "deploy", "ubuntu", "git", "uucp"];
const CLASSES: &[&str] = &["FastLeaderElection", "c.e.orders.OrderService", "o.s.w.s.DispatcherServlet", "Executor"];
const PATHS: &[&str] = &["/", "/index.html", "/api/v1/orders", "/static/js/app.js", "/health", "/login"];
const AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "kube-probe/1.29",
    "curl/8.5.0",
];

/// The subjects of the logs: the same hosts and tenants throughout, and a clock that advances.
struct World {
    random: Random,
    clock_ms: usize,
    addresses: Vec<String>,
    tenants: Vec<String>,
}

impl World {
    fn new() -> World {
        let mut random = Random::new(7);
        let mut address = || [(); 4].map(|()| random.between(1, 254).to_string()).join(".");
        let addresses = (0..200).map(|_| address()).collect();
        let tenants = (0..20).map(|_| random.hex(32)).collect();
        World { random, clock_ms: 0, addresses, tenants }
    }

    /// Writes a line. A brace without a known word is literal.
    fn write(&mut self, line: &str, text: &mut String) {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let word = after.split_once('}').filter(|(word, _)| self.write_word(word, text));
            rest = word.map_or(after, |(_, after)| after);
            if word.is_none() {
                text.push('{');
            }
        }
        text.push_str(rest);
    }

    /// Writes the replacement of a word; `false` if it has none.
    fn write_word(&mut self, word: &str, text: &mut String) -> bool {
        let random = &mut self.random;
        let digits = |random: &mut Random, len| random.word("123456789", 1) + &random.word("0123456789", len - 1);
        let number = |prefix| word.strip_prefix(prefix).and_then(|len: &str| len.parse().ok());
        let written = match word {
            "digit" => digits(random, 1),
            "user" => random.pick(USERS).to_owned(),
            "class" => random.pick(CLASSES).to_owned(),
            "path" => random.pick(PATHS).to_owned(),
            "agent" => random.pick(AGENTS).to_owned(),
            "ip" => self.addresses[random.below(self.addresses.len())].clone(),
            "tenant" => self.tenants[random.below(self.tenants.len())].clone(),
            "uuid" => [8, 4, 4, 4, 12].map(|len| random.hex(len)).join("-"),
            "time" => self.time(),
            _ => match (number("hex"), number("n")) {
                (Some(len), _) => random.hex(len),
                (_, Some(len)) => digits(random, len),
                _ => return false,
            },
        };
        text.push_str(&written);
        true
    }

    /// Advances the clock by up to half a second for each line.
    fn time(&mut self) -> String {
        self.clock_ms += self.random.below(500);
        let seconds = self.clock_ms / 1000;
        format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
    }
}
