//! The files in which well-known programs keep credentials.

use super::lines::flat;
use super::nested::{quoted, yaml_map, yaml_scalar};
use super::values::{BARE, Maker, Style};

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let sextet = (bits >> (18 - 6 * at)) & 63;
            text.push(if at > chunk.len() { '=' } else { char::from(BASE64[sextet as usize]) });
        }
    }
    text
}

/// A credential with a known beginning.
fn planted_behind(maker: &mut Maker, beginning: &str) -> String {
    let credential = format!("{beginning}{}", maker.plant());
    maker.credentials.pop();
    maker.credentials.push(credential.clone());
    credential
}

/// The base64 of a credential, which is a credential, too.
fn planted_base64(maker: &mut Maker, text: &str) -> String {
    let encoded = base64(text.as_bytes());
    maker.credentials.push(encoded.clone());
    encoded
}

pub(super) fn kubernetes_secret(maker: &mut Maker) -> String {
    let name = maker.word();
    let name = maker.setting(format!("{name}-credentials"));
    let mut entries = Vec::new();
    for _ in 0..1 + maker.below(4) {
        let key = maker.credential_key();
        let value = maker.plant();
        entries.push((key, value));
    }
    let is_plain = maker.once_in(3);
    let field = if is_plain { "stringData" } else { "data" };
    let mut values = Vec::new();
    for (key, value) in &entries {
        let value = if is_plain { value.clone() } else { planted_base64(maker, value) };
        values.push((key, value));
    }
    if maker.once_in(3) {
        let data: Vec<String> =
            values.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
        return format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"{name}\",\"namespace\":\"default\"}},\
             \"{field}\":{{{}}},\"type\":\"Opaque\"}}",
            data.join(",")
        );
    }
    let data: String = values.iter().map(|(key, value)| format!("  {key}: {}\n", yaml_scalar(value))).collect();
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: default\ntype: Opaque\n{field}:\n{data}"
    )
}

/// A deployment refers to secrets by names and keys that are none.
pub(super) fn kubernetes_deployment(maker: &mut Maker) -> String {
    let (name, image) = (maker.word(), maker.word());
    let (name, image) = (maker.setting(name), maker.setting(format!("registry.test/{image}:1.2.3")));
    let secret = maker.setting(format!("{name}-credentials"));
    let key = maker.credential_key();
    let (plain, credential) = (maker.plain(), maker.plant());
    let variable = maker.setting("DB_PASSWORD");
    let toleration = maker.setting("node-role.kubernetes.io/master");
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template:\n    spec:\n      \
         tolerations:\n      - key: {toleration}\n        operator: Exists\n      imagePullSecrets:\n      - name: regcred\n      \
         containers:\n      - name: {name}\n        image: {image}\n        env:\n        - name: {variable}\n          \
         valueFrom:\n            secretKeyRef:\n              name: {secret}\n              key: {key}\n        - name: {}\n          \
         value: {}\n        - name: API_TOKEN\n          value: {}\n        - name: MODE\n          value: fast\n",
        plain.0,
        yaml_scalar(&plain.1),
        yaml_scalar(&credential),
    )
}

pub(super) fn docker_config(maker: &mut Maker) -> String {
    let mut auths = Vec::new();
    for _ in 0..1 + maker.below(3) {
        let (host, user) = (maker.word(), maker.word());
        let (host, user) = (maker.setting(format!("registry.{host}.test")), maker.setting(user));
        let password = maker.plant();
        let auth = planted_base64(maker, &format!("{user}:{password}"));
        let token =
            if maker.once_in(3) { format!(", \"identitytoken\": {}", quoted(&maker.plant())) } else { String::new() };
        auths.push(format!("    \"{host}\": {{\n      \"auth\": \"{auth}\"{token}\n    }}"));
    }
    let store = maker.setting("secretservice");
    format!(
        "{{\n  \"auths\": {{\n{}\n  }},\n  \"credsStore\": \"{store}\",\n  \"detachKeys\": \"ctrl-e,e\"\n}}\n",
        auths.join(",\n")
    )
}

pub(super) fn npmrc(maker: &mut Maker) -> String {
    let host = maker.word();
    let registry = maker.setting(format!("https://npm.{host}.test/"));
    let user = maker.word();
    let user = maker.setting(user);
    maker.punctuation = BARE;
    let mut text = format!("registry={registry}\nsave-exact=true\n; {}\nfund=false\n", maker.comment());
    for _ in 0..1 + maker.below(3) {
        let name = maker.word();
        let credential = maker.plant();
        text += &match maker.below(3) {
            0 => format!("//npm.{name}.test/:_authToken={credential}\n"),
            1 => {
                let encoded = planted_base64(maker, &credential);
                format!(
                    "//npm.{name}.test/:username={user}\n\
                    //npm.{name}.test/:_password={encoded}\n"
                )
            }
            _ => {
                let encoded = planted_base64(maker, &format!("{user}:{credential}"));
                format!("//npm.{name}.test/:_auth={encoded}\n//npm.{name}.test/:always-auth=true\n")
            }
        };
    }
    text
}

pub(super) fn pypirc(maker: &mut Maker) -> String {
    maker.punctuation = BARE;
    let mut text = "[distutils]\nindex-servers =\n    pypi\n    internal\n\n".to_owned();
    for server in ["pypi", "internal"] {
        let host = maker.word();
        let repository = maker.setting(format!("https://{host}.test/legacy/"));
        let user = maker.setting("__token__");
        let password = planted_behind(maker, "pypi-");
        text += &format!("[{server}]\nrepository = {repository}\nusername = {user}\npassword = {password}\n\n");
    }
    text
}

pub(super) fn aws_credentials(maker: &mut Maker) -> String {
    maker.punctuation = "+/";
    let mut text = String::new();
    for _ in 0..1 + maker.below(3) {
        let profile = maker.word();
        let profile = maker.setting(profile);
        let region = maker.setting("eu-north-1");
        let secret = maker.plant();
        text += &format!("[{profile}]\naws_secret_access_key = {secret}\nregion = {region}\noutput = json\n");
        if maker.once_in(2) {
            text += &format!("aws_session_token = {}\n", maker.plant());
        }
        if maker.once_in(3) {
            let role = maker.setting("arn:aws:iam::123456789012:role/deploy");
            text += &format!("role_arn = {role}\nmfa_serial = arn:aws:iam::123456789012:mfa/alice\n");
        }
    }
    text
}

/// The lines of a private key, without its last one.
fn private_key(maker: &mut Maker) -> Vec<String> {
    let line = |maker: &mut Maker| base64(&(0..48).map(|_| maker.below(256) as u8).collect::<Vec<u8>>());
    let lines: Vec<String> = (0..3 + maker.below(3)).map(|_| line(maker)).collect();
    maker.credentials.extend(lines.iter().cloned());
    lines
}

fn pem(lines: &[String]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

pub(super) fn kubeconfig(maker: &mut Maker) -> String {
    let cluster = maker.word();
    let cluster = maker.setting(cluster);
    let server = maker.setting(format!("https://{cluster}.k8s.test:6443"));
    let user = maker.setting(format!("{cluster}-admin"));
    let credential = match maker.below(3) {
        0 => format!("    token: {}\n", yaml_scalar(&maker.plant())),
        1 => {
            let name = maker.setting("operator");
            format!("    username: {name}\n    password: {}\n", yaml_scalar(&maker.plant()))
        }
        _ => {
            let lines = private_key(maker);
            format!("    client-key-data: {}\n", planted_base64(maker, &pem(&lines)))
        }
    };
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    server: {server}\n  name: {cluster}\ncontexts:\n- context:\n    \
         cluster: {cluster}\n    user: {user}\n  name: {cluster}\ncurrent-context: {cluster}\nkind: Config\n\
         preferences: {{}}\nusers:\n- name: {user}\n  user:\n{credential}"
    )
}

pub(super) fn service_account(maker: &mut Maker) -> String {
    let lines = private_key(maker);
    let project = maker.word();
    let number = 100_000 + maker.below(900_000);
    let project = maker.setting(format!("{project}-{number}"));
    let email = maker.setting(format!("robot@{project}.iam.gserviceaccount.com"));
    let token_uri = maker.setting("https://oauth2.googleapis.com/token");
    let certificates = maker.setting("https://www.googleapis.com/oauth2/v1/certs");
    format!(
        "{{\n  \"type\": \"service_account\",\n  \"project_id\": \"{project}\",\n  \"private_key\": {},\n  \
         \"client_email\": \"{email}\",\n  \"client_id\": \"110248495921238986420\",\n  \
         \"auth_uri\": \"https://accounts.google.com/o/oauth2/auth\",\n  \
         \"token_uri\": \"{token_uri}\",\n  \
         \"auth_provider_x509_cert_url\": \"{certificates}\"\n}}\n",
        quoted(&pem(&lines)).replace('\n', "\\n")
    )
}

pub(super) fn gh_hosts(maker: &mut Maker) -> String {
    maker.punctuation = "_";
    let host = maker.setting("github.com");
    let user = maker.word();
    let user = maker.setting(user);
    let token = planted_behind(maker, "gho_");
    if maker.once_in(2) {
        return format!("{host}:\n    user: {user}\n    oauth_token: {token}\n    git_protocol: ssh\n");
    }
    format!(
        "{host}:\n    users:\n        {user}:\n            oauth_token: {token}\n    git_protocol: https\n    user: {user}\n    \
         oauth_token: {token}\n"
    )
}

pub(super) fn ansible_variables(maker: &mut Maker) -> String {
    maker.pick_style(&[Style::Snake]);
    let mut text = format!("---\n# {}\n", maker.comment());
    let (user, host) = (maker.word(), maker.word());
    let (user, host) = (maker.setting(user), maker.setting(format!("{host}.example.test")));
    text += &format!("ansible_user: {user}\nansible_host: {host}\nansible_connection: ssh\n");
    text += &format!("ansible_password: {}\n", yaml_scalar(&maker.plant()));
    text += &format!("ansible_become_pass: {}\n", quoted(&maker.plant()));
    text += "ansible_ssh_private_key_file: ~/.ssh/deploy\nvault_addr: https://vault.test:8200\n";
    text += &format!("db_password: \"{{{{ vault_db_password }}}}\"\nvault_db_password: {}\n", quoted(&maker.plant()));
    maker.setting("{{ vault_db_password }}");
    let map = maker.map(2);
    yaml_map(&map, 0, maker, &mut text);
    text
}

/// An inventory of Ansible: variables behind the hosts.
pub(super) fn ansible_inventory(maker: &mut Maker) -> String {
    maker.punctuation = "!%*+-./:@^_~";
    let mut text = "[web]\n".to_owned();
    for _ in 0..1 + maker.below(3) {
        let (host, user) = (maker.word(), maker.word());
        let (host, user) = (maker.setting(format!("{host}.example.test")), maker.setting(user));
        let password = maker.plant();
        text += &format!("{host} ansible_user={user} ansible_password={password} ansible_port=22\n");
    }
    text + "\n[web:vars]\nansible_connection=ssh\n"
}

/// The settings of a program of Java's in one line: `-Dname=value`.
pub(super) fn command_line(maker: &mut Maker) -> String {
    maker.punctuation = "!*+-./:@^_~";
    maker.pick_style(&[Style::Kebab]);
    let mut text = "/usr/bin/app --verbose".to_owned();
    for (key, value) in flat(maker) {
        if value.contains([' ', '"', '\'', '#', '&', ';', '(', '*', '|', '$']) {
            maker.credentials.retain(|credential| !value.contains(credential.as_str()));
            continue;
        }
        let equals = maker.pick(&[" ", "="]);
        text += &format!(" --{key}{equals}{value}");
    }
    text
}
