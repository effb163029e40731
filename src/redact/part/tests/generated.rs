//! Random files of every format of settings: exactly the planted credentials are parts.

mod lines;
mod nested;
mod tools;
mod values;

use values::Maker;

use super::{parts, shown};

/// The number of files of a format.
const FILES: u64 = 300;
/// The number of files with faults that are shown.
const SHOWN: usize = 4;

/// Asserts for files of one format that each planted credential is a part, and that no part occurs
/// in a key, a value or a comment that was planted as a setting.
fn assert_files(make: fn(&mut Maker) -> String) {
    let mut wrong = Vec::new();
    for seed in 0..FILES {
        let mut maker = Maker::new(seed);
        let text = make(&mut maker);
        let parts = parts(text.as_bytes());
        let missing = maker.credentials.iter().filter(|credential| !parts.contains(credential.as_bytes()));
        let mut faults: Vec<String> = missing.map(|credential| format!("`{credential}` is no part")).collect();
        for setting in &maker.settings {
            let is_in = |part: &&Vec<u8>| memchr::memmem::find(setting.as_bytes(), part).is_some();
            if let Some(part) = parts.iter().find(is_in) {
                faults.push(format!("`{}` is a part of `{setting}`", String::from_utf8_lossy(part)));
            }
        }
        if !faults.is_empty() {
            wrong.push(format!("seed {seed}:\n{text}\n=> {}\n{:?}\n", faults.join("\n=> "), shown(&parts)));
        }
    }
    let count = wrong.len();
    wrong.sort_by_key(String::len);
    wrong.truncate(SHOWN);
    assert!(count == 0, "{count} of {FILES} files:\n{}", wrong.join("\n"));
}

macro_rules! formats {
    ($($module:ident::$format:ident)*) => {
        $(#[test]
        fn $format() {
            assert_files($module::$format);
        })*
    };
}

formats! {
    nested::json nested::yaml_block nested::yaml_flow nested::toml nested::hcl nested::php nested::plist
    nested::xml_elements nested::xml_properties
    lines::ini lines::properties lines::exports lines::netrc lines::pgpass lines::jaas lines::odbc lines::ado
    lines::libpq lines::account_key lines::git_credentials
    tools::kubernetes_secret tools::kubernetes_deployment tools::docker_config tools::npmrc tools::pypirc
    tools::aws_credentials tools::kubeconfig tools::service_account tools::gh_hosts tools::ansible_variables
    tools::ansible_inventory tools::command_line
}
