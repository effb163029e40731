//! `--credential-files`: the files of programs, in which only the credential is masked.

use crate::home::Home;

/// The credential in each file, in place of `VALUE`.
const VALUE: &str = "zulu-kite-4471-moon";

/// Files, each behind a line with its name and words of it that are no credentials.
const FILES: &str = include_str!("credential_formats.txt");

#[test]
fn only_the_credentials_in_files_of_programs_are_masked() {
    let mut count = 0;
    for file in FILES.strip_prefix("== ").unwrap().split("\n== ") {
        let (head, content) = file.split_once('\n').unwrap();
        let (name, plain) = head.split_once(" =").unwrap();
        let home = Home::new();
        home.write(name, &content.replace("VALUE", VALUE));
        let ran = home.ran(&["--credential-files"], &format!("a {VALUE} b{plain}")).ends(0);
        assert_eq!(ran.out(), format!("a [REDACTED:{name}] b{plain}"), "{name}: {content}");
        count += 1;
    }
    assert!(count > 80, "{count} files");
}
