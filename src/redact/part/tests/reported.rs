//! Files whose credentials a reader of one format after the other missed, as users reported them:
//! each has a rule of its own.

use super::assert_parts;

#[test]
fn settings_that_were_reported() {
    assert_parts(REPORTED);
}

/// Texts, and the credentials in them.
const REPORTED: &[(&str, &[&str])] = &[
    ("[auth]\nx.prefix = h.test\nx.username = joey1\nx.password = kx-5512-lamp\n", &["kx-5512-lamp"]),
    (
        "[{rabbit, [{default_user, <<\"joey1\">>}, {default_pass, <<\"kx-5512-lamp\">>}, {port, 5672}]}].\n",
        &["kx-5512-lamp"],
    ),
    ("{password, \"kx-5512-lamp\"}.\n{hostname, \"db.test\"}.\n", &["kx-5512-lamp"]),
    ("{\"bearer\":{\"repo.test\":\"kx-5512-lamp\"}}", &["kx-5512-lamp"]),
    ("\"kind\": \"Secret\"\n\"data\":\n  \"pg\": \"a3gtNTUxMi1sYW1w\"\n", &["a3gtNTUxMi1sYW1w", "kx-5512-lamp"]),
    (
        "kind: Secret\ntype: kubernetes.io/dockerconfigjson\ndata:\n  .dockerconfigjson: eyJhdXRocyI6eyJyLnRlc3QiOnsiYXV0aCI6IlltOTBPbXQ0TFRVMU1USXRiR0Z0Y0E9PSJ9fX0=\n",
        &[
            "eyJhdXRocyI6eyJyLnRlc3QiOnsiYXV0aCI6IlltOTBPbXQ0TFRVMU1USXRiR0Z0Y0E9PSJ9fX0=",
            "Ym90Omt4LTU1MTItbGFtcA==",
            "kx-5512-lamp",
        ],
    ),
    (
        "{\"version\":4,\"resources\":[{\"mode\":\"managed\",\"type\":\"random_password\",\"name\":\"pw\",\"instances\":[{\"attributes\":{\"length\":17,\"result\":\"kx-5512-lamp\"},\"sensitive_attributes\":[[{\"type\":\"get_attr\",\"value\":\"result\"}]]}]}]}",
        &["kx-5512-lamp"],
    ),
    (
        "{\"values\":{\"root_module\":{\"resources\":[{\"type\":\"x_licence\",\"values\":{\"body\":\"kx-5512-lamp\"},\"sensitive_values\":{\"body\":true}}]}}}",
        &["kx-5512-lamp"],
    ),
    ("Parameters:\n  Licence:\n    Type: String\n    NoEcho: true\n    Default: kx-5512-lamp\n", &["kx-5512-lamp"]),
    ("spring:\n  security:\n    user:\n      name: bot\n      password: \"{noop}kx-5512-lamp\"\n", &["kx-5512-lamp"]),
    (
        "<datasource><security user-name=\"bot\"><credential-reference clear-text=\"kx-5512-lamp\"/></security></datasource>",
        &["kx-5512-lamp"],
    ),
    (
        "<web-app><context-param><param-name>apiKey</param-name><param-value>kx-5512-lamp</param-value></context-param></web-app>",
        &["kx-5512-lamp"],
    ),
    (
        "Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n  user_super=\"kx-5512-lamp\"\n  user_bob=\"my-7741-boat\";\n};\n",
        &["kx-5512-lamp", "my-7741-boat"],
    ),
    ("c.ServerApp.token = u'kx-5512-lamp'\n", &["kx-5512-lamp"]),
    ("<?php\n$CFG->dbpass    = 'kx-5512-lamp';\n$CFG->dbname    = 'moodle';\n", &["kx-5512-lamp"]),
    (
        "<?php\nclass JConfig {\n\tpublic $password = 'kx-5512-lamp';\n\tpublic $host = 'db.test';\n}\n",
        &["kx-5512-lamp"],
    ),
    (
        "<?php\nreturn ['connections' => ['mysql' => ['password' => env('DB_PASSWORD', 'kx-5512-lamp')]]];\n",
        &["kx-5512-lamp"],
    ),
    ("module.exports = {\n  password: process.env.DB_PASSWORD || 'kx-5512-lamp',\n};\n", &["kx-5512-lamp"]),
    ("DB_PASSWORD=\"${DB_PASSWORD:-kx-5512-lamp}\"\nMODE=fast\n", &["kx-5512-lamp"]),
    (
        "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:-kx-5512-lamp}\n",
        &["kx-5512-lamp"],
    ),
    ("spring:\n  datasource:\n    password: ${DB_PASSWORD:kx-5512-lamp}\n", &["kx-5512-lamp"]),
    ("export const password: string = 'kx-5512-lamp';\n", &["kx-5512-lamp"]),
    ("#define WIFI_SSID \"home\"\n#define WIFI_PASSWORD \"kx-5512-lamp\"\n", &["kx-5512-lamp"]),
    ("CREATE USER 'bot'@'h' IDENTIFIED BY 'kx-5512-lamp';\n", &["kx-5512-lamp"]),
    ("name,url,username,password\nmain,https://h.test,bot,kx-5512-lamp\n", &["kx-5512-lamp"]),
    ("[smtp.test]:587 bot:kx-5512-lamp\n", &["kx-5512-lamp"]),
    ("# client server secret IP\nbot pptpd \"kx-5512-lamp\" *\n", &["kx-5512-lamp"]),
    ("https://dav.test/ bot kx-5512-lamp\n", &["kx-5512-lamp"]),
    ("binddn cn=bot,dc=test\nbindpw kx-5512-lamp\n", &["kx-5512-lamp"]),
    ("[domain/x]\nldap_default_bind_dn = cn=bot\nldap_default_authtok = kx-5512-lamp\n", &["kx-5512-lamp"]),
    ("user bot on >kx-5512-lamp ~* +@all\n", &["kx-5512-lamp"]),
    (
        "#cloud-config\nchpasswd:\n  expire: false\n  list: |\n    root:kx-5512-lamp\n    bot:my-7741-boat\n",
        &["kx-5512-lamp", "my-7741-boat"],
    ),
    (
        "http:\n  middlewares:\n    a:\n      basicAuth:\n        users:\n        - \"bot:kx-5512-lamp\"\n",
        &["kx-5512-lamp"],
    ),
    ("npmRegistries:\n  \"r.test\":\n    npmAuthIdent: \"bot:kx-5512-lamp\"\n", &["kx-5512-lamp"]),
    ("FROM alpine\nENV DB_PASSWORD kx-5512-lamp\nENV MODE fast\n", &["kx-5512-lamp"]),
    ("set -gx DB_PASSWORD kx-5512-lamp\nset -gx MODE fast\n", &["kx-5512-lamp"]),
    ("db { user = bot, password = \"kx-5512-lamp\" }\n", &["kx-5512-lamp"]),
    ("DB_PASSWORD ?= kx-5512-lamp\nMODE ?= fast\n", &["kx-5512-lamp"]),
    ("password <- \"kx-5512-lamp\"\n", &["kx-5512-lamp"]),
    ("[url \"ssh://bot:kx-5512-lamp@h.test\"]\n\tinsteadOf = h.test\n", &["kx-5512-lamp"]),
    ("K 8\npassword\nV 17\nkx-5512-lamp\nK 8\nusername\nV 3\nbot\nEND\n", &["kx-5512-lamp"]),
    (
        "hostname r1\nenable secret 0 kx-5512-lamp\nusername bot privilege 15 password 0 my-7741-boat\n",
        &["kx-5512-lamp", "my-7741-boat"],
    ),
    ("userlist u\n  user bot insecure-password kx-5512-lamp\n", &["kx-5512-lamp"]),
    (
        "d-i passwd/root-password password kx-5512-lamp\nd-i passwd/root-password-again password kx-5512-lamp\n",
        &["kx-5512-lamp"],
    ),
    ("\"DefaultPassword\"=\"kx-5512-lamp\"\n\"DefaultUserName\"=\"bot\"\n", &["kx-5512-lamp"]),
    ("credentials += Credentials(\"Realm\", \"h.test\", \"bot\", \"kx-5512-lamp\")\n", &["kx-5512-lamp"]),
    (
        "root:$6$Qz81aB$Kd93hXq2LPwQz81uKd93hXq2LPwQz81u:19000:0:99999:7:::\n",
        &["$6$Qz81aB$Kd93hXq2LPwQz81uKd93hXq2LPwQz81u"],
    ),
    ("db.user=bot\ndb.password=`zk`^44~|moon\n", &["`zk`^44~|moon"]),
    ("<?php\ndefine('NONCE_SALT', 'kx-5512-lamp');\ndefine('DB_NAME', 'app');\n", &["kx-5512-lamp"]),
    ("db.user=bot\ndb.password=<<kx44-lamp\ndb.mode=fast\n", &["<<kx44-lamp"]),
    ("<?php\nreturn ['user' => 'bot', 'password' => 'kx44,lamp-frog', 'mode' => 'fast'];\n", &["kx44,lamp-frog"]),
    ("<db user=\"bot\" password=\"kx44-lamp\\\"/>", &["kx44-lamp\\"]),
    ("db.user=bot\ndb.password=>kx44-lamp\ndb.mode=fast\n", &["kx44-lamp", ">kx44-lamp"]),
    ("passwords:\n- )kx44-lamp\n- kx44= frog\n", &[")kx44-lamp", "kx44= frog", "frog"]),
    ("[github]\n\tuser = bot\n\ttoken = kx44-lamp-frog#old\n", &["kx44-lamp-frog"]),
    ("user = \"bot:kx-5512-lamp\"\nurl = \"https://h.test\"\n", &["kx-5512-lamp"]),
    ("[db]\nuser = bot\npassword = Kd93hXq2LPw(\nmode = fast\n", &["Kd93hXq2LPw("]),
    ("kx-5512-lamp\nusername: bot\nurl: https://h.test\n", &["kx-5512-lamp"]),
    ("machine h.test\nlogin bot\npassword\nkx-5512-lamp\n", &["kx-5512-lamp"]),
    ("codes:\n1. kx55-lamp-1234\n2. my77-boat-5678\n", &["kx55-lamp-1234", "my77-boat-5678"]),
    ("A=1\nB=2\nkx-5512-lamp\n", &["kx-5512-lamp"]),
    ("key.serializer=org.apache.kafka.StringSerializer\nssl.key.password=kx-5512-lamp\n", &["kx-5512-lamp"]),
    ("password = var.db_password\ntoken    = data.vault.app.token_of_app\n", &[]),
    ("production:\n  adapter: postgresql\n  password: <%= ENV[\"APP_DATABASE_PASSWORD\"] %>\n", &[]),
    ("db:\n  password: $DB_PASSWORD\n  other_password: \"%(ENV_DB_PASSWORD)s\"\n", &[]),
    (
        "{\"containers\":[{\"name\":\"app\",\"args\":[\"--user\",\"bot\",\"--password\",\"kx-5512-lamp\"]}]}",
        &["kx-5512-lamp"],
    ),
    ("command:\n- app\n- --password\n- kx-5512-lamp\n- --verbose\n", &["kx-5512-lamp"]),
    ("['--password', 'kx-5512-lamp']", &["kx-5512-lamp"]),
    ("---\nBUNDLE_GEMS__EXAMPLE__COM: \"bot:kx-5512-lamp\"\nBUNDLE_PATH: \"vendor\"\n", &["kx-5512-lamp"]),
    ("{\"api_key\":\"kx-5512-lamp\",\"usage\":{\"tokens\":{\"input\":456789,\"output\":567890}}}", &["kx-5512-lamp"]),
];
