//! The whole way of each page, over HTTP and without JavaScript.

use crate::console::Console;
use crate::registry::Desk;

const VALUE: &[u8] = b"sk-live-4f9QzXabc";

#[test]
fn a_secret_is_added_changed_and_deleted() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    console.get("/").is(200).says("There is no secret yet.");
    let fields: &[(&str, &[u8])] =
        &[("name", b"openai-api-key"), ("value", VALUE), ("scope", b"shared"), ("install", b"on")];
    let answer = console.submit("/secrets/new", fields).is(303);
    let list = console.get(answer.header("location").unwrap()).is(200);
    let list =
        list.says("Openai-api-key is saved: available at the next VM boot.").says("1 secret: 1 shared, 0 private");
    assert!(list.says("$OPENAI_API_KEY").body.contains("/secrets/edit?scope=shared&amp;name=openai-api-key"));
    let (_, secrets, _) = desk.content().unwrap();
    assert_eq!((secrets.len(), &*secrets[0].2, secrets[0].3), (1, VALUE, true));

    // Without a new value, the value stays.
    let wrong: &[(&str, &[u8])] = &[("file-path", b"/etc/ld.so.preload"), ("file-mode", b"0600")];
    let edit = "/secrets/edit?scope=shared&name=openai-api-key";
    let named: &[(&str, &[u8])] = &[("name", b"openai-api-key"), ("scope", b"shared")];
    console.submit(edit, &[named, wrong].concat()).is(422).says("reserved, because programs read code");
    let file: &[(&str, &[u8])] = &[("file-path", b"/srv/app/key"), ("file-mode", b"0640")];
    let again: &[(&str, &[u8])] = &[("value", VALUE)];
    // Variable and file are sealed with the value.
    let page = console.submit(edit, &[named, file].concat()).is(422).says("Type it again.");
    assert_eq!(page.value("file-path"), Some("/srv/app/key"));
    console.submit(edit, &[named, file, again].concat()).is(303);
    let page = console.get(edit).is(200);
    assert_eq!(page.value("file-path"), Some("/srv/app/key"));
    assert!(page.body.contains("<option value=\"0640\" selected>") && desk.text().contains("/srv/app/key"));
    console.submit(edit, &[named, file, &[("file-only", b"on")], again].concat()).is(303);
    console.get("/").is(200).says("(file only)");
    let page = console.get(edit).says("In files only");
    assert!(page.body.contains("name=\"file-only\" type=\"checkbox\" value=\"on\" checked"));
    assert!(desk.text().contains("file_only: true"));
    console.submit(edit, &[named, again].concat()).is(303);
    console.submit(edit, &[named, &[("note", b"the team's key"), ("expires", b"2099-01-31")]].concat()).is(303);
    console.get("/?q=team").is(200).says("the team's key").says("2099-01-31");
    let (_, secrets, _) = desk.content().unwrap();
    assert_eq!((&*secrets[0].2, secrets[0].3), (VALUE, false));
    let answer = console.submit(edit, &[named, &[("install", b"on"), ("value", b"sk-live-other1")]].concat()).is(303);
    let list = console.get(answer.header("location").unwrap()).is(200);
    let list = list.says("available at the next VM boot; running sessions keep the value, and keep it masked.");
    assert!(!list.text().contains("the team's key"), "an empty note is removed");
    assert_eq!(desk.content().unwrap().1[0].2, b"sk-live-other1");

    let delete = "/secrets/delete?scope=shared&name=openai-api-key";
    console.get(delete).is(200).says("Running sessions keep the value, and keep it masked.");
    console.submit(delete, &[named, &[("confirm", b"openai")]].concat()).is(422).says("Nothing was deleted.");
    let answer = console.submit(delete, &[named, &[("confirm", b"openai-api-key")]].concat()).is(303);
    console.get(answer.header("location").unwrap()).is(200).says("is deleted: the next VM boot is without it");
    assert!(desk.content().unwrap().1.is_empty());
    console.says("note: alice deleted openai-api-key (shared)");
}

#[test]
fn keys_and_files_are_values_too() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n";
    let sent = pem.replace('\n', "\r\n");
    let add = |name: &str, field: (&str, &[u8]), more: &[(&str, &[u8])]| {
        let fields = [&[("name", name.as_bytes()), field][..], more].concat();
        console.submit("/secrets/new", &fields)
    };
    add("a-pem", ("lines", sent.as_bytes()), &[]).is(303);
    add("b-kept", ("lines", sent.as_bytes()), &[("keep-newline", b"on")]).is(303);
    add("c-file", ("file", b"\xff\r\nbytes\r\n"), &[]).is(303);
    let (_, secrets, _) = desk.content().unwrap();
    let values: Vec<&[u8]> = secrets.iter().map(|secret| &*secret.2).collect();
    assert_eq!(values, [pem.trim_end().as_bytes(), pem.as_bytes(), b"\xff\r\nbytes"]);
    let twice = add("d-both", ("file", b"bytes"), &[("value", VALUE)]).is(422);
    assert!(!twice.says("in one way").body.contains("sk-live"));
}

#[test]
fn errors_stand_beside_their_fields_and_only_the_value_is_lost() {
    let desk = Desk::new();
    desk.add("openai-api-key", VALUE).ends(0);
    let console = Console::signed_in(&desk);
    let wrong = |fields: &[(&str, &[u8])]| console.submit("/secrets/new", fields).is(422);
    let page = wrong(&[
        ("name", b"1password"),
        ("value", b"abc"),
        ("scope", b"shared"),
        ("note", b"a note"),
        ("expires", b"soon"),
    ]);
    for (field, text) in [("name", "begins with a digit"), ("value", "shorter than 4 bytes"), ("expires", "")] {
        let place = format!("id=\"{field}-error\">");
        let (_, rest) = page.body.split_once(&place).unwrap_or_else(|| panic!("{field}: {}", page.body));
        assert!(rest.split('<').next().unwrap().to_lowercase().contains(text), "{rest}");
    }
    assert_eq!(
        (page.value("name"), page.value("note"), page.value("expires")),
        (Some("1password"), Some("a note"), Some("soon"))
    );
    assert!(!page.body.contains("abc"), "the value came back");
    assert!(page.body.contains("value=\"shared\" checked"), "{}", page.body);
    for (name, value, text) in [
        ("openai-api-key", VALUE, "exists already"),
        ("OPENAI.API.KEY", VALUE, "would both be exported as OPENAI_API_KEY"),
        ("path", VALUE, "reserved"),
        ("", VALUE, "empty"),
        ("new-key", b"", "The value is empty"),
        ("new-key", b"with\0nul", "NUL"),
    ] {
        let page = wrong(&[("name", name.as_bytes()), ("value", value), ("scope", b"shared")]).says(text);
        assert!(!page.body.contains("sk-live"), "the value came back");
    }
    // What looks like a credential goes to the field for values.
    let page = wrong(&[("name", b"new-key"), ("value", VALUE), ("note", b"ghp_abcdefghijklmnop")]);
    assert!(!page.body.contains("ghp_"), "{}", page.body);
    console.get("/secrets/new?name=openai-api-key").is(200).says("$OPENAI_API_KEY");
    assert_eq!(desk.content().unwrap().1.len(), 1);
}

#[test]
fn the_list_is_searched_filtered_and_sorted() {
    let desk = Desk::new();
    desk.add("b-token", VALUE).ends(0);
    desk.hushlog(["secret", "add", "a-token", "--value-file", "-", "--no-install"], VALUE).ends(0);
    desk.add("c-key", VALUE).ends(0);
    let console = Console::signed_in(&desk);
    let names = |query: &str| {
        let page = console.get(&format!("/?{query}")).is(200);
        let rows = page.body.split("scope=\"row\">").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
        rows.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(""), "a-token b-token c-key");
    assert_eq!(names("sort=-name"), "c-key b-token a-token");
    assert_eq!(names("sort=scope"), "a-token b-token c-key");
    assert_eq!(names("sort=install"), "a-token b-token c-key");
    assert_eq!(names("q=TOKEN"), "a-token b-token");
    assert_eq!(names("q=token&scope=shared"), "b-token");
    assert_eq!(names("scope=private"), "a-token");
    assert_eq!(names("q=%3Cb%3E"), "");
    let page = console.get("/?q=%3Cb%3E%22").is(200).says("3 secrets: 2 shared, 1 private; 0 shown");
    assert!(page.body.contains("value=\"&lt;b&gt;&quot;\"") && !page.body.contains("<b>"), "{}", page.body);
}

#[test]
fn defaults_are_set_unset_and_listed() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    let set = |variable: &str, setting: &str| {
        let fields: &[(&str, &[u8])] =
            &[("environment", b"production"), ("variable", variable.as_bytes()), ("setting", setting.as_bytes())];
        console.submit("/environments", fields)
    };
    let answer = set("NODE_ENV", "development").is(303);
    console.get(answer.header("location").unwrap()).is(200).says("available at the next VM boot");
    set("NODE_ENV", "<production>").is(303);
    let page =
        set("API_TOKEN", "abcdefgh12345").is(422).says("looks like a credential").says("Save it as a secret instead");
    assert!(page.body.contains("/secrets/new?scope=shared&amp;name=API%5FTOKEN") && !page.body.contains("abcdefgh"));
    set("PATH", "/bin").is(422).says("reserved");
    set("A-B", "x").is(422);
    let page = console.get("/environments").is(200).says("2 changes");
    assert!(page.body.contains("<code>&lt;production&gt;</code>"));
    let fields: &[(&str, &[u8])] = &[("environment", b"production"), ("variable", b"NODE_ENV"), ("unset", b"on")];
    console.submit("/environments", fields).is(303);
    console.submit("/environments", fields).is(422).says("not set");
    console.get("/history").is(200).says("NODE_ENV in production").says("set to &lt;production&gt;").says("unset");
    let page = console.get("/members").is(200).says("alice (you)").says("age1");
    assert!(!page.body.contains("Groups"));
    desk.hushlog(["group", "add", "ops", "alice"], b"").ends(0);
    desk.hushlog(["secret", "add", "ops-token", "--group", "ops", "--value-file", "-"], VALUE).ends(0);
    console.get("/members").is(200).says("Groups").says("ops");
    console.get("/").is(200).says("Shared with ops");
}

#[test]
fn it_answers_whether_a_variable_is_set() {
    let desk = Desk::new();
    desk.add("api-token", VALUE).ends(0);
    let mut command = desk.command(crate::program::HUSHLOG);
    let console = Console::start_by(command.args(["console", "--no-open"]).env("API_TOKEN", "sk-live-4f9QzXabc"));
    console.sign_in();
    console.submit("/check", &[("name", b"API_TOKEN")]).is(200).says("API_TOKEN: set, masked.");
    console.submit("/check", &[("name", b"$api-token")]).is(200).says("set, masked.");
    console.submit("/check", &[("name", b"OTHER_TOKEN")]).is(200).says("Not set, not masked.");
    console.submit("/check", &[("name", b"")]).is(422);
}

#[test]
fn the_page_stops_the_console() {
    let desk = Desk::new();
    let mut console = Console::signed_in(&desk);
    console.get("/stop").is(404);
    console.submit_of(&console.get("/"), "/stop", &[]).is(200).says("has ended");
    assert_eq!(console.ended(), Some(0));
    let mut console = Console::signed_in(&desk);
    assert_eq!(console.stop(), Some(0));
}

#[test]
fn a_registry_that_cannot_be_read_is_no_page() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    let text = desk.text();
    std::fs::write(desk.registry(), "format: 2\nx").unwrap();
    console.get("/").is(500).says("The registry cannot be shown");
    std::fs::write(desk.registry(), text).unwrap();
    console.get("/").is(200);
    desk.hushlog(["console", "--no-open", "--registry", "missing.yaml"], b"")
        .ends(2)
        .says("the registry does not exist");
}
