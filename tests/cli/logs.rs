//! A realistic dotenv file over logs of several systems: nothing is masked but planted secrets.

mod systems;

use std::fs;

use crate::harness::rng::Rng;
use crate::program::{hushlog, run};

/// The number of lines of a log.
const LINES: usize = 2_000;

/// Settings that occur in logs, and are no secrets.
const SETTINGS: &str = "\
HOST=0.0.0.0
PORT=8080
APP_NAME=orders-api
NODE_ENV=staging
DEBUG=false
LOG_LEVEL=info
LOG_FORMAT='%(asctime)s %(levelname)s %(message)s'
LOG_FILE=/var/log/orders/app.log
DATA_DIR=/srv/orders/data
TZ=Europe/Berlin
LANG=en_US.UTF-8
AWS_REGION=eu-north-1
S3_BUCKET=orders-uploads
DB_HOST=db.internal
DB_PORT=5432
DB_NAME=orders
DB_USER=orders_rw
DB_SSLMODE=require
DB_POOL_SIZE=20
REDIS_URL=redis://cache.internal:6379/0
QUEUE_URL=amqp://queue.internal:5672/orders
BASE_URL=https://shop.example.test
OAUTH_TOKEN_URL=https://auth.example.test/oauth/token
ALLOWED_ORIGINS=https://shop.example.test,https://admin.example.test
SMTP_HOST=mail.example.test
SMTP_PORT=587
MAIL_FROM=orders@example.test
MODEL=m-large-2
EMBEDDING_MODEL=text-embedding-3-small
MAX_TOKENS=4096
TEMPERATURE=0.2
REQUEST_TIMEOUT=30s
CACHE_TTL=3600
SESSION_COOKIE_NAME=orders_sid
PASSWORD_MIN_LENGTH=12
FEATURES=new-checkout,fast-search
TENANT_ID=0d5c1f6e-3b7a-4c2e-9f10-8a6b5c4d3e2f
APP_VERSION=1.14.2
CLEANUP_SCHEDULE='*/15 * * * *'
JAVA_OPTS='-Xmx512m -XX:+UseG1GC'
";

/// Secrets: the variable, its value, and the part of it that programs write into logs.
const SECRETS: &[(&str, &str, &str)] = &[
    ("DB_PASSWORD", "kx-5512-lamp", "kx-5512-lamp"),
    ("DATABASE_URL", "postgres://orders_rw:my-7741-boat@db.internal:5432/orders", "my-7741-boat"),
    ("API_KEY", "zz1188treeQ4vB9", "zz1188treeQ4vB9"),
    ("PAYMENT_SECRET", "live-9Qm2xT7rVb4Kc8Lw", "live-9Qm2xT7rVb4Kc8Lw"),
    ("JWT_SECRET", "correct horse battery staple", "correct horse battery staple"),
    ("SECRET_KEY_BASE", "4f1c9a07be62d835c0aa71fe93b6245d", "4f1c9a07be62d835c0aa71fe93b6245d"),
    ("AWS_SECRET_ACCESS_KEY", "Hq3/7dLx+Zk9Wp2Rt5Yv8Bn1Mc4Sf6Gj0Ea2Ku7T", "Hq3/7dLx+Zk9Wp2Rt5Yv8Bn1Mc4Sf6Gj0Ea2Ku7T"),
    ("GIT_TOKEN", "tok_R7vQ2mX9cL4bT1kW6sZ", "tok_R7vQ2mX9cL4bT1kW6sZ"),
    ("SMTP_PASSWORD", "p@ss;word=77", "p@ss;word=77"),
    ("WEBHOOK_URL", "https://hooks.example.test/in/T3x9Qa7Lm2Vb8Kc4Rw", "T3x9Qa7Lm2Vb8Kc4Rw"),
    ("UPSTREAM_AUTH", "Bearer 77aQx-09zLm-41kVt", "77aQx-09zLm-41kVt"),
    (
        "SERVICE_ACCOUNT",
        r#"{"type":"robot","client_email":"robot@orders.example.test","private_key":"k9-2231-moon"}"#,
        "k9-2231-moon",
    ),
];

/// The dotenv file of all settings and secrets.
fn dotenv() -> String {
    let lines = SECRETS.iter().map(|(name, value, _)| format!("{name}='{value}'\n"));
    SETTINGS.to_owned() + &lines.collect::<String>()
}

/// The values of the settings.
fn values() -> Vec<&'static str> {
    SETTINGS.lines().map(|line| line.split_once('=').expect("a setting").1.trim_matches('\'')).collect()
}

#[test]
fn logs_of_eight_systems_lose_planted_secrets_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".env"), dotenv()).unwrap();
    assert_eq!((values().len(), SECRETS.len()), (40, 12));
    let mut random = Rng(16);
    for (system, line) in systems::SYSTEMS {
        let (mut log, mut expected) = (String::new(), String::new());
        let mut planted = 0;
        for number in 0..LINES {
            let text = line(&mut random, values());
            log += &text;
            expected += &text;
            if number % 100 == 99 {
                let (name, _, seen) = SECRETS[random.below(SECRETS.len())];
                log += &format!(" (with {seen})");
                expected += &format!(" (with [REDACTED:{name}])");
                planted += 1;
            }
            log.push('\n');
            expected.push('\n');
        }
        let mut command = hushlog(["--dotenv", ".env", "--quiet"]);
        let out = run(command.current_dir(&dir), log.as_bytes()).ends(0).out();
        let different = out.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
        assert_eq!(different, None, "{system}");
        assert_eq!((out.len(), planted), (expected.len(), LINES / 100), "{system}");
    }
}

/// All values of the settings together, each alone on its line.
#[test]
fn no_value_of_a_setting_is_masked() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".env"), dotenv()).unwrap();
    let text = SETTINGS.replace('\'', "") + &values().join("\n");
    let mut command = hushlog(["--dotenv", ".env", "--quiet"]);
    let out = run(command.current_dir(&dir), text.as_bytes()).ends(0).out();
    let masked: Vec<&str> = out.lines().filter(|line| line.contains("REDACTED")).collect();
    assert_eq!(masked, Vec::<&str>::new());
    assert_eq!(out, text);
}
