//! The parts of values, without their forms.

mod generated;
mod random;
mod reported;

use std::collections::BTreeSet;

use super::{PartKind, each};

/// All parts of a value.
fn parts(value: &[u8]) -> BTreeSet<Vec<u8>> {
    parts_of(b"", value)
}

/// All parts of a value with this name.
fn parts_of(name: &[u8], value: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut parts = BTreeSet::new();
    each(name, value, &mut |_, part, _| {
        parts.insert(part.to_vec());
    });
    parts
}

fn shown(parts: &BTreeSet<Vec<u8>>) -> Vec<String> {
    parts.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// Asserts that the credentials are parts, and that no part is without one of them.
fn assert_parts(cases: &[(&str, &[&str])]) {
    let mut wrong = String::new();
    for (value, credentials) in cases {
        let parts = parts(value.as_bytes());
        let missing = credentials.iter().filter(|credential| !parts.contains(credential.as_bytes()));
        let holds = |part: &[u8], credential: &str| memchr::memmem::find(part, credential.as_bytes()).is_some();
        let others = parts.iter().filter(|part| !credentials.iter().any(|credential| holds(part, credential)));
        let missing: Vec<_> = missing.collect();
        let others: Vec<_> = others.map(|part| String::from_utf8_lossy(part)).collect();
        if !missing.is_empty() || !others.is_empty() {
            wrong += &format!("{value}\n=> missing {missing:?}, besides {others:?}, of {:?}\n\n", shown(&parts));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn credentials_behind_a_scheme_or_a_name() {
    assert_parts(&[
        ("Bearer kx-5512-lamp-frog", &["kx-5512-lamp-frog"][..]),
        ("bearer kx-5512-lamp-frog", &["kx-5512-lamp-frog"]),
        ("Token kx-5512-lamp-frog", &["kx-5512-lamp-frog"]),
        ("Bearer kx5512lamp4frog=", &["kx5512lamp4frog="]),
        ("Authorization: Bearer kx5512lamp4frog==", &["kx5512lamp4frog=="]),
        ("kx5512lampA=,my7741boatB==", &["kx5512lampA=", "my7741boatB=="]),
        ("Authorization: Bearer kx-5512-lamp-frog", &["kx-5512-lamp-frog"]),
        ("X-Api-Key: kx-5512-lamp-frog", &["kx-5512-lamp-frog"]),
        ("X-Other: kx-5512-lamp-frog", &["kx-5512-lamp-frog"]),
        ("robot:kx-5512-lamp", &["kx-5512-lamp"]),
        ("robot:kx:5512:lamp", &["kx:5512:lamp"]),
        ("db.internal:5432:orders:robot:kx-5512-lamp", &["kx-5512-lamp"]),
        ("*:*:*:robot:kx-5512-lamp", &["kx-5512-lamp"]),
        ("robot/kx-5512-lamp@db.internal:1521/ORCL", &["kx-5512-lamp"]),
        ("robot/kx-5512-lamp@//db.internal:1521/ORCL", &["kx-5512-lamp"]),
        ("jdbc:oracle:thin:robot/kx-5512-lamp@db.internal:1521/ORCL", &["kx-5512-lamp"]),
        ("robot:kx-5512-lamp@db.internal:5432/orders", &["kx-5512-lamp"]),
        ("kx-5512-lamp,my-7741-boat", &["kx-5512-lamp", "my-7741-boat"]),
        ("kx-5512-lamp; my-7741-boat; zz-1188-tree", &["kx-5512-lamp", "my-7741-boat", "zz-1188-tree"]),
        ("api-key=kx-5512-lamp,x-tenant=blue-team", &["kx-5512-lamp"]),
        ("Driver={ODBC Driver 18};UID=robot;PWD={kx;55}}12-lamp};Server=db", &["kx;55}12-lamp"]),
        (
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"robot\" password=\"kx-5512-lamp\";",
            &["kx-5512-lamp"],
        ),
        ("--user robot --password kx-5512-lamp --host db", &["kx-5512-lamp"]),
        ("--user robot --password 'kx 5512 lamp' --host db", &["kx 5512 lamp"]),
        ("-Dapp.name=orders -Dapp.password=kx-5512-lamp -Xmx512m", &["kx-5512-lamp"]),
        ("curl -H 'X-Api-Key: kx-5512-lamp' --retry 5", &["kx-5512-lamp"]),
        ("curl -H 'Authorization: Bearer kx-5512-lamp-frog' -v", &["kx-5512-lamp-frog"]),
        ("machine api.internal login robot password kx-5512-lamp", &["kx-5512-lamp"]),
        ("CREATE USER robot WITH PASSWORD 'kx-5512-lamp'", &["kx-5512-lamp"]),
        ("kx-5512-lamp my-7741-boat", &["kx-5512-lamp", "my-7741-boat"]),
        ("[\"kx-5512-lamp\", \"my-7741-boat\"]", &["kx-5512-lamp", "my-7741-boat"]),
        ("alice:kx-5512-lamp,bob:my-7741-boat", &["kx-5512-lamp", "my-7741-boat"]),
        ("alice:kx-5512-lamp bob:my-7741-boat", &["kx-5512-lamp", "my-7741-boat"]),
        ("a.internal:9092,b.internal:9092", &[]),
        ("Bot kx-5512-lamp-frog", &["kx-5512-lamp-frog"]),
        ("two production-words", &[]),
        ("auth: \" kx-5512-lamp\"", &[" kx-5512-lamp"]),
        ("robot:pw1234567 robot:pw1234567", &["pw1234567"]),
        ("kx5512lamp4frog:x-oauth-basic", &["kx5512lamp4frog"]),
        ("https://kx-5512-lamp-frog@code.test/o/r.git", &["kx-5512-lamp-frog"]),
        ("https://kx-5512-lamp-frog:x-oauth-basic@code.test/o/r.git", &["kx-5512-lamp-frog"]),
        ("https://robot-user@code.test/o/r.git", &[]),
        ("ssh://kx-5512-user-name@code.test/o/r.git", &[]),
        ("redis://cache.test:6379,password=kx-5512-lamp,ssl=True", &["kx-5512-lamp"]),
        ("robot:kx-5512-lamp@account/db/schema?warehouse=w", &["kx-5512-lamp"]),
        ("Authorization: PVEAPIToken=robot@pam!ci=kx-5512-lamp", &["kx-5512-lamp"]),
        ("--header=Authorization: Bearer kx-5512-lamp", &["kx-5512-lamp"]),
        ("robot:8443", &[]),
        ("a plain sentence: with words", &[]),
        ("correct horse battery staple", &[]),
        ("hunter2,prod", &[]),
        ("a@b", &[]),
    ]);
}

#[test]
fn credentials_in_command_lines() {
    assert_parts(&[
        ("curl -u robot:kx-5512-lamp https://api.test", &["kx-5512-lamp"][..]),
        ("mysql -u robot -pkx-5512-lamp orders", &["kx-5512-lamp"]),
        ("sshpass -p kx-5512-lamp ssh robot@host", &["kx-5512-lamp"]),
        ("curl -u 'robot:kx 5512 lamp' https://api.test", &["kx 5512 lamp"]),
        ("curl --user=robot:kx-5512-lamp https://api.test", &["kx-5512-lamp"]),
        ("curl -urobot:kx-5512-lamp https://api.test", &["kx-5512-lamp"]),
        ("curl -u'robot:kx-5512-lamp' https://api.test", &["kx-5512-lamp"]),
        ("curl -u kx5512lamp4frog: https://api.test", &["kx5512lamp4frog"]),
        ("curl -u robot: https://api.test", &[]),
        ("curl -H\"X-Api-Key: kx-5512-lamp\" https://api.test", &["kx-5512-lamp"]),
        ("sudo docker login -u robot -p kx-5512-lamp code.test", &["kx-5512-lamp"]),
        ("/usr/bin/mysql -urobot -p'kx 5512 lamp' orders", &["kx 5512 lamp"]),
        ("docker exec db mysqldump -pkx-5512-lamp orders", &["kx-5512-lamp"]),
        ("redis-cli -h cache.test -a kx-5512-lamp ping", &["kx-5512-lamp"]),
        ("openssl pkcs12 -passin pass:kx-5512-lamp -in k.p12", &["kx-5512-lamp"]),
        ("ldapsearch -x -D cn=robot -w kx-5512-lamp -b dc=x", &["kx-5512-lamp"]),
        ("sqlplus -S robot/kx-5512-lamp@ORCL @x.sql", &["kx-5512-lamp"]),
        ("smbclient //host/share -U robot%kx-5512-lamp", &["kx-5512-lamp"]),
        ("7z x -pkx-5512-lamp a.7z", &["kx-5512-lamp"]),
        ("keytool -list -storepass kx-5512-lamp -keystore k.jks", &["kx-5512-lamp"]),
        ("echo kx-5512-lamp | docker login -u robot --password-stdin", &["kx-5512-lamp"]),
        ("printf '%s' kx-5512-lamp | gh auth login --with-token", &["kx-5512-lamp"]),
        ("echo \"robot:kx-5512-lamp\" | chpasswd", &["kx-5512-lamp"]),
        ("gpg --batch --passphrase-fd 0 -d a.gpg <<< kx-5512-lamp", &["kx-5512-lamp"]),
        ("docker run -p 8080:80 -u 1000:1000 image", &[]),
        ("ssh -p 2222 robot@host.test uptime", &[]),
        ("grep -w kx-5512-lamp notes.txt", &[]),
        ("echo kx-5512-lamp | tee notes.txt", &[]),
    ]);
}

/// The name of a value says how to read a list in it.
#[test]
fn lists_are_read_by_the_name_of_the_value() {
    for (name, value, wanted) in [
        ("API_KEYS", "v1=kx-5512-lamp;v2=my-7741-boat", &["kx-5512-lamp", "my-7741-boat"][..]),
        ("TOKENS", r#"["kx 5512 lamp","my&7741=boat"]"#, &["kx 5512 lamp", "my&7741=boat"]),
        ("SECRETS", r#"{"one":"kx-5512-lamp","region":"eu-north-1"}"#, &["kx-5512-lamp"]),
        ("SETTINGS", "v1=kx-5512-lamp;v2=my-7741-boat", &[]),
        ("OTLP_HEADERS", "x-team=kx-5512-lamp", &["kx-5512-lamp"]),
        ("SESSION_COOKIE", "sid=kx-5512-lamp; Path=/; HttpOnly", &["kx-5512-lamp"]),
        ("secrets", "mode=kx-5512-lamp\nlevel=my-7741-boat\n", &[]),
    ] {
        let parts = parts_of(name.as_bytes(), value.as_bytes());
        let is_missing = wanted.iter().any(|credential| !parts.contains(credential.as_bytes()));
        assert!(!is_missing && parts.is_empty() == wanted.is_empty(), "{name}={value}: {:?}", shown(&parts));
    }
}

#[test]
fn encoded_values_are_decoded() {
    assert_parts(&[
        ("a3gtNTUxMi1sYW1wLWZyb2c=", &["kx-5512-lamp-frog"][..]),
        ("a3gtNTUxMi1sYW1wLWZyb2c", &["kx-5512-lamp-frog"]),
        ("a3gtNTUxMi1sYW1w\nLWZyb2c=", &["kx-5512-lamp-frog", "a3gtNTUxMi1sYW1w", "LWZyb2c="]),
        ("Basic cm9ib3Q6a3gtNTUxMi1sYW1w", &["kx-5512-lamp", "cm9ib3Q6a3gtNTUxMi1sYW1w"]),
        ("base64:a3gtNTUxMi1sYW1wLWZyb2c=", &["kx-5512-lamp-frog", "a3gtNTUxMi1sYW1wLWZyb2c="]),
        ("YTNndE5UVXhNaTFzWVcxd0xXWnliMmM9", &["a3gtNTUxMi1sYW1wLWZyb2c=", "kx-5512-lamp-frog"]),
        ("6b782d353531322d6c616d702d66726f67", &["kx-5512-lamp-frog"]),
        ("6B782D353531322D6C616D702D66726F67", &["kx-5512-lamp-frog"]),
        ("kx%2D5512%2Flamp", &["kx-5512/lamp"]),
        ("kx\\u002d5512-lamp", &["kx-5512-lamp"]),
        ("eyJwYXNzd29yZCI6Imt4LTU1MTItbGFtcCIsIm1vZGUiOiJmYXN0In0=", &["kx-5512-lamp"]),
        ("7A-6B-2D-34-34-37-31-2D-6D-6F-6F-6E", &["zk-4471-moon"]),
        ("[122, 107, 45, 52, 52, 55, 49, 45, 109, 111]", &["zk-4471-mo"]),
        ("\\x6b782d353531322d6c616d702d66726f67", &["kx-5512-lamp-frog"]),
        ("kx%265512+lamp%21", &["kx&5512 lamp!", "kx&5512+lamp!"]),
        ("$'kx\\x2d5512\\x2dlamp'", &["kx-5512-lamp", "kx\\x2d5512\\x2dlamp"]),
        ("ewBrAHgALQA1ADUAMQAyAH0A", &["{kx-5512}"]),
        ("${API_KEY:-kx-5512-lamp}", &["kx-5512-lamp"]),
        // Base64 by chance.
        ("letmein1", &[]),
        ("correcthorsebatterystaple", &[]),
        ("cafebabe", &[]),
    ]);
}

/// PowerShell writes files in UTF-16.
#[test]
fn wide_files_are_decoded() {
    let text = "\u{feff}[a]\r\npassword=kx-5512-lamp\r\n";
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let wide: Vec<u8> = text.encode_utf16().flat_map(order).collect();
        let parts = parts(&wide);
        assert!(parts.contains(&b"kx-5512-lamp"[..]), "{:?}", shown(&parts));
    }
}

/// The settings of CI systems keep a key in one line.
#[test]
fn a_key_in_one_line_has_its_lines() {
    let lines = ["kx5512lampfrog+/".repeat(4), "my7741boattree+/".repeat(4), "zz1188=".to_owned()];
    let [head, end] = ["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"];
    let pem = format!("{head}\n{}\n{end}\n", lines.join("\n"));
    for between in [" ", ""] {
        let flat = [head, &lines[0], &lines[1], &lines[2], end].join(between);
        let parts = parts(flat.as_bytes());
        assert!(parts.contains(pem.as_bytes()), "{:?}", shown(&parts));
        assert!(lines[..2].iter().all(|line| parts.contains(line.as_bytes())), "{:?}", shown(&parts));
    }
}

#[test]
fn settings_of_any_format() {
    assert_parts(SETTINGS);
}

/// Values, and the credentials in them.
const SETTINGS: &[(&str, &[&str])] = &[
    ("user: robot\npassword: kx-5512-lamp  # rotate in May\nmode: fast\n", &["kx-5512-lamp"]),
    (
        "passwords:\n  - kx-5512-lamp\n  - my-7741-boat\ndb: {user: robot, password: zz-1188-tree}\n",
        &["kx-5512-lamp", "my-7741-boat", "zz-1188-tree"],
    ),
    ("passwords:\n- kx-5512-lamp\nusers:\n- robot\n", &["kx-5512-lamp"]),
    ("machine api.internal\n  login robot\n  password kx-5512-lamp\n", &["kx-5512-lamp"]),
    (
        "<?php\ndefine( 'DB_PASSWORD', 'kx-5512-lamp' );\ndefine('DB_NAME', 'orders');\nreturn [ 'password' => 'my-7741-boat',\n 'mode' => 'fast' ];\n",
        &["kx-5512-lamp", "my-7741-boat"],
    ),
    (
        r#"{"db_password":{"sensitive":true,"type":"string","value":"kx-5512-lamp"},"region":{"sensitive":false,"value":"eu-north-1"}}"#,
        &["kx-5512-lamp"],
    ),
    (r#"{"login":{"sensitive":true,"type":"string","value":"kx-5512-lamp"}}"#, &["kx-5512-lamp"]),
    (r#"{"config":"{\"user\":\"robot\",\"password\":\"kx-5512-lamp\"}"}"#, &["kx-5512-lamp"]),
    ("db.user robot\ndb.password kx-5512-lamp\n", &["kx-5512-lamp"]),
    ("db.user=robot\ndb.password:kx-5512-lamp\n", &["kx-5512-lamp"]),
    (
        "kind: Secret\ndata:\n  password: a3gtNTUxMi1sYW1w\n  username: cm9ib3Q=\n",
        &["a3gtNTUxMi1sYW1w", "kx-5512-lamp"],
    ),
    ("kind: Secret\ndata:\n  pg: c2hvcnR5\n", &["c2hvcnR5", "shorty"]),
    ("kind: ConfigMap\ndata:\n  mode: fast-and-loud\n", &[]),
    ("kind: Secret\nstringData:\n  pg: kx-5512-lamp\n", &["kx-5512-lamp"]),
    (
        "//registry.internal/:_password=a3gtNTUxMi1sYW1w\nregistry=https://registry.internal/\n",
        &["a3gtNTUxMi1sYW1w", "kx-5512-lamp"],
    ),
    ("//registry.internal/:_authToken=npm-kx-5512-lamp\n", &["npm-kx-5512-lamp"]),
    (r#"{"model":"m-large","api_key":"kx-5512-lamp","max_tokens":128000}"#, &["kx-5512-lamp"]),
    (
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\nusers:\n- name: robot\n  user:\n    token: kx-5512-lamp\n",
        &["kx-5512-lamp"],
    ),
    ("[client]\nuser = robot\npassword = kx 5512 lamp\n[mysqld]\nport = 3306\n", &["kx 5512 lamp"]),
    (
        "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = kx/5512+lamp\nregion = eu-north-1\n",
        &["kx/5512+lamp"],
    ),
    (
        "[passwords]\nalice = \"kx-5512-lamp\"\nbob = \"my-7741-boat\"\n[server]\nport = 8080\n",
        &["kx-5512-lamp", "my-7741-boat"],
    ),
    (
        "resource \"db\" \"main\" {\n  name = \"orders\"\n  password = \"kx-5512-lamp\"\n  tags = {\n    team = \"blue\"\n  }\n}\n",
        &["kx-5512-lamp"],
    ),
    ("db_password = <<EOT\nkx-5512-lamp\nEOT\nregion = \"eu-north-1\"\n", &["kx-5512-lamp"]),
    (
        "<settings>\n  <server><id>main</id><username>robot</username><password>kx&amp;5512-lamp</password></server>\n</settings>\n",
        &["kx&5512-lamp"],
    ),
    (
        "<configuration><appSettings><add key=\"ApiKey\" value=\"kx-5512-lamp\"/><add key=\"Mode\" value=\"fast\"/></appSettings></configuration>",
        &["kx-5512-lamp"],
    ),
    (
        "<configuration><property><name>fs.s3a.secret.key</name><value>kx-5512-lamp</value></property><property><name>fs.name</name><value>orders</value></property></configuration>",
        &["kx-5512-lamp"],
    ),
    (
        "<properties><entry key=\"db.password\">kx-5512-lamp</entry><entry key=\"db.user\">robot</entry></properties>",
        &["kx-5512-lamp"],
    ),
    (
        "<plist><dict><key>password</key><string>kx-5512-lamp</string><key>mode</key><string>fast</string></dict></plist>",
        &["kx-5512-lamp"],
    ),
    (r#"[{"name":"DB_PASSWORD","value":"kx-5512-lamp"},{"name":"MODE","value":"fast"}]"#, &["kx-5512-lamp"]),
    ("env:\n- name: DB_PASSWORD\n  value: kx-5512-lamp\n- name: MODE\n  value: fast\n", &["kx-5512-lamp"]),
    (
        "form:\n  passwordField: login_pw\n  apiKeyHeader: X-Custom\n  tokenTtl: 3600s\n  secretName: orders-secret\n",
        &[],
    ),
    ("# the settings of the service\n; more\nmode = fast\n", &[]),
    ("localhost:5432:orders:robot:kx-5512-lamp\n*:*:*:other:my-7741-boat\n", &["kx-5512-lamp", "my-7741-boat"]),
    ("robot:$apr1$kx5512$lamp\nother:{SHA}my7741boat=\n", &["$apr1$kx5512$lamp", "my7741boat="]),
    ("user:robot\nregion:eu-north-1\n", &[]),
    (
        r#"{"Parameters":[{"ParameterKey":"DbPassword","ParameterValue":"kx-5512-lamp"},{"ParameterKey":"Mode","ParameterValue":"fast"}]}"#,
        &["kx-5512-lamp"],
    ),
    (r#"{"Name":"/prod/db","Type":"SecureString","Value":"kx-5512-lamp"}"#, &["kx-5512-lamp"]),
    (
        r#"{"fields":[{"label":"code","value":"kx-5512-lamp","type":"CONCEALED"},{"label":"user","value":"robot","type":"STRING"}]}"#,
        &["kx-5512-lamp"],
    ),
    ("requirepass kx-5512-lamp\nmaxmemory 100mb\n", &["kx-5512-lamp"]),
    ("password = \"kx-5512-lamp\"; // old\nmode = \"fast\";\n", &["kx-5512-lamp"]),
    ("const config = {\n  user: 'robot',\n  password: 'kx-5512-lamp',\n};\n", &["kx-5512-lamp"]),
    ("export DB_PASSWORD='kx-5512-lamp'\nexport MODE=fast\n", &["kx-5512-lamp"]),
    ("password: |\n  kx-5512-lamp\nmode: fast\n", &["kx-5512-lamp"]),
    ("password: >-\n  kx-5512-lamp\nmode: fast\n", &["kx-5512-lamp"]),
    ("password: !!str kx-5512-lamp\nmode: &m fast\n", &["kx-5512-lamp"]),
    ("github.com:\n    user: robot\n    oauth_token: gho-kx-5512-lamp\n    git_protocol: ssh\n", &["gho-kx-5512-lamp"]),
    ("https://me:kx-5512-lamp@git.test\nhttps://it:my-7741-boat@git.test\n", &["kx-5512-lamp", "my-7741-boat"]),
    ("machine a.test login robot password kx=5512:lamp\n", &["kx=5512:lamp"]),
    ("requirepass kx=5512\nmaxmemory 100mb\n", &["kx=5512"]),
    ("db.password:kx\\=5512\\:lamp\ndb.mode=fast\n", &["kx=5512:lamp", "kx\\=5512\\:lamp"]),
    ("*:*:*:robot:kx\\:5512\n*:*:*:other:my-7741-boat\n", &["kx:5512", "kx\\:5512", "my-7741-boat"]),
    ("export A_TOKEN='kx'\\''5512'\nexport MODE=fast\n", &["kx'5512", "kx'''5512", "kx'\\''5512", "kx'\\'5512"]),
    (
        "tokens:\n- a3gtNTUxMi1sYW1wLWZyb2c=  # old\n- |\n  kx=5512\n",
        &["a3gtNTUxMi1sYW1wLWZyb2c=", "kx-5512-lamp-frog", "kx=5512"],
    ),
    (
        "{tokens: [kx(5512;lamp, my-7741=boat], url: [http://a.test/b, c], pin: 123456}",
        &["kx(5512;lamp", "my-7741=boat", "123456"],
    ),
    ("env:\n- name: API_KEY\n  value: kx=5512 lamp\n- name: MODE # of the token\n  value: fast\n", &["kx=5512 lamp"]),
    (
        "<?php\nreturn array(\n 'passwords' => array(\n  'kx-5512-lamp',\n  'my-7741-boat',\n ),\n 'use_password' => true,\n);\n",
        &["kx-5512-lamp", "my-7741-boat"],
    ),
    (
        "<plist><dict><key>db</key><dict><key>password</key><string>kx-5512-lamp</string></dict></dict></plist>",
        &["kx-5512-lamp"],
    ),
    (
        r#"{"auth":"cm9ib3Q6a3hANTUxMixsYW1w","credsStore":"secretservice"}"#,
        &["cm9ib3Q6a3hANTUxMixsYW1w", "kx@5512,lamp"],
    ),
    (
        r#"{"password":"kx\"5512","help":"password: at least eight letters","keyTab":"/etc/app/client.keytab"}"#,
        &["kx\"5512", "kx\\\"5512"],
    ),
    ("secretKeyRef:\n  name: orders\n  key: db-password\ntolerations:\n- key: node-role.kubernetes.io/master\n", &[]),
    (
        "app -u me --db-password kx-5512-lamp --api-key=my-7741-boat --url http://a:zz-1188@b\n",
        &["kx-5512-lamp", "my-7741-boat", "zz-1188"],
    ),
    ("password=${DB_PASSWORD}\nsecret={{ vault.secret }}\n", &[]),
    (
        r#"{"auths":{"https://index.docker.io/v1/":{"auth":"cm9ib3Q6a3gtNTUxMi1sYW1w"}}}"#,
        &["cm9ib3Q6a3gtNTUxMi1sYW1w", "kx-5512-lamp"],
    ),
    (
        "note: |\n  -----BEGIN PRIVATE KEY-----\n  MIGHAgEAMBMGByqGSM49\n  -----END PRIVATE KEY-----\nmode: fast\n",
        &["MIGHAgEAMBMGByqGSM49"],
    ),
    (
        "db:\n  host: db.internal\n  credentials:\n    username: robot\n    password: kx-5512-lamp\nscopes: [token, profile]\n",
        &["kx-5512-lamp"],
    ),
];

#[test]
fn lines_of_a_value_that_is_no_settings_file() {
    assert_parts(&[
        ("first code 1234\nsecond code 5678\n", &["first code 1234", "second code 5678"][..]),
        ("# created: 2026-11-29\n# public key: age1qqqq\nAGE-SECRET-KEY-1QQQQQQ\n", &["AGE-SECRET-KEY-1QQQQQQ"]),
    ]);
}

/// A value that decodes to itself, or is nested without end, has a bounded number of parts.
#[test]
fn no_value_has_parts_without_bound() {
    let base64_of_base64 = |len: usize| {
        let mut text = b"kx-5512-lamp".repeat(len / 12);
        for _ in 0..8 {
            let mut writer = Vec::new();
            text.chunks(3).for_each(|chunk| {
                let bits =
                    chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
                (0..=chunk.len()).for_each(|at| {
                    writer.push(
                        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                            [(bits >> (18 - 6 * at) & 63) as usize],
                    );
                });
            });
            text = writer;
        }
        text
    };
    for value in [
        base64_of_base64(6 << 10),
        b"password=".repeat(7_000),
        b"{\"a\":".repeat(13_000),
        b"[".repeat(64 << 10),
        b"\"\\".repeat(32 << 10),
        b"k: \"\\\n".repeat(10_000),
        b"a=<<E\n".repeat(10_000),
        b"<a \"\\\"".repeat(10_000),
        b"%25".repeat(20_000),
        b"a,b=c;".repeat(10_000),
        b"password 'a ".repeat(5_000),
        b"(\n".repeat(30_000),
        b"x@y/z:w@".repeat(8_000),
        b"Bearer ".repeat(9_000),
    ] {
        let (mut count, mut bytes) = (0, 0);
        each(b"", &value, &mut |_, part, kind| {
            assert!(part.len() >= 4 || kind != PartKind::Secret);
            count += 1;
            bytes += part.len();
        });
        assert!(bytes <= 64 * value.len() && count <= 8 * value.len(), "{count} parts of {bytes} bytes");
    }
}
