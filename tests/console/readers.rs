//! Choosing and changing the readers of a secret in the page.

use hushlog::registry::Registry;

use crate::console::Console;
use crate::registry::Desk;

const VALUE: &[u8] = b"zulu-kite-4471-ops";
const EDIT: &str = "/secrets/edit?scope=shared&name=db-url";

type Fields<'a> = &'a [(&'a str, &'a [u8])];

/// Alice's directory, with the member bob, a group of bob, and a shared secret.
fn team() -> Desk {
    let desk = Desk::new();
    desk.hushlog(["keygen", "--output", "bob.txt"], b"").ends(0);
    let recipient = desk.identity("bob.txt").recipient().to_string();
    desk.hushlog(["member", "add", "bob", &recipient], b"").ends(0);
    desk.hushlog(["group", "add", "ops", "bob"], b"").ends(0);
    desk.hushlog(["secret", "add", "db-url", "--shared", "--no-install", "--value-file", "-"], VALUE).ends(0);
    desk
}

/// The values that alice and bob open, each with its name.
fn opened(desk: &Desk) -> [Vec<(String, Vec<u8>)>; 2] {
    ["alice.txt", "bob.txt"].map(|identity| {
        let registry = Registry::load(&desk.registry()).unwrap();
        let opened = registry.open(&desk.identity(identity), None, None).unwrap();
        opened.secrets.iter().map(|found| (found.secret.name().to_owned(), found.secret.expose().to_vec())).collect()
    })
}

/// The number of values that alice and bob open.
fn counts(desk: &Desk) -> [usize; 2] {
    opened(desk).map(|secrets| secrets.len())
}

/// Sends the form of the secret of this scope, and returns the status.
fn moved(console: &Console, from: &str, fields: Fields<'_>) -> crate::console::Answer {
    let path = format!("/secrets/edit?scope={from}&name=db-url");
    let named: Fields<'_> = &[("name", b"db-url"), ("scope", from.as_bytes())];
    console.submit(&path, &[named, fields].concat())
}

#[test]
fn r30_the_page_moves_a_secret_to_other_readers() {
    let desk = team();
    let console = Console::signed_in(&desk);
    let page = console.get(EDIT).is(200).says("Other readers are sealed with the value").says("The group ops");
    assert!(page.body.contains("value=\"shared\" checked"), "{}", page.body);
    let to_ops: Fields<'_> = &[("new-scope", b"shared"), ("group", b"ops")];
    // The console has no identity, so it cannot open the value to seal it again.
    let page = moved(&console, "shared", to_ops).is(422).says("Type it again.");
    assert!(page.body.contains("<option value=\"ops\" selected>"), "the choice is lost: {}", page.body);
    assert_eq!(counts(&desk), [1, 1]);

    let value: Fields<'_> = &[("value", VALUE)];
    let answer = moved(&console, "shared", &[to_ops, value].concat()).is(303);
    console.get(answer.header("location").unwrap()).is(200).says("Db-url has other readers").says("Shared with ops");
    console.says("note: alice moved db-url (shared with ops)");
    assert_eq!(opened(&desk), [vec![], vec![("db-url".to_owned(), VALUE.to_vec())]]);
    let page = console.get(EDIT).is(200);
    assert!(page.body.contains("<option value=\"ops\" selected>"), "{}", page.body);

    let mine: Fields<'_> =
        &[("new-scope", b"private"), ("group", b"ops"), ("value", b"another-value-1"), ("note", b"mine")];
    moved(&console, "shared", mine).is(303);
    assert_eq!(opened(&desk), [vec![("db-url".to_owned(), b"another-value-1".to_vec())], vec![]]);
    console.get("/").says("1 secret: 0 shared, 1 private").says("mine");
    console.get(EDIT).is(422);
    assert!(!desk.content().unwrap().1[0].3, "it is installed");
    moved(&console, "private", &[&[("new-scope", &b"shared"[..]), ("group", b"")], value].concat()).is(303);
    assert_eq!(counts(&desk), [1, 1]);
    assert!(!console.said().contains("zulu") && !desk.holds(VALUE));
}

#[test]
fn a_move_that_cannot_be_is_refused_beside_the_readers() {
    let desk = team();
    desk.hushlog(["group", "add", "empty"], b"").ends(0);
    let console = Console::signed_in(&desk);
    let refused = |from: &str, scope: &str, group: &str, place: &str, text: &str| {
        let to: Fields<'_> = &[("new-scope", scope.as_bytes()), ("group", group.as_bytes()), ("value", VALUE)];
        let before = desk.text();
        let page = moved(&console, from, to).is(422).says(text);
        assert!(page.body.contains(&format!("id=\"{place}-error\">")), "{place}: {}", page.body);
        assert!(!page.body.contains("zulu") && desk.text() == before);
    };
    refused("shared", "shared", "nowhere", "group", "The group nowhere does not exist");
    refused("shared", "shared", "a b", "group", "The group of that name does not exist");
    refused("shared", "shared", "empty", "group", "The group empty has no members");
    refused("shared", "shared", "all", "group", "consists of all members");
    moved(&console, "shared", &[("new-scope", b"private"), ("value", VALUE)]).is(303);
    let of_bob = |words: &[&str]| desk.hushlog([&["secret"], words, &["--private", "--as", "bob"]].concat(), VALUE);
    of_bob(&["add", "db.url", "--value-file", "-"]).ends(0);
    refused("private", "shared", "ops", "scope", "exported as DB_URL");
    of_bob(&["delete", "db.url"]).ends(0);
    // With a secret of this name in both scopes, neither replaces the other.
    desk.add("db-url", VALUE).ends(0);
    for (from, to, group) in [("private", "shared", ""), ("private", "shared", "ops"), ("shared", "private", "")] {
        refused(from, to, group, "scope", "exists already");
    }
}

#[test]
fn a_new_secret_and_an_import_go_to_a_group() {
    let desk = team();
    let console = Console::signed_in(&desk);
    let to_ops: Fields<'_> = &[("scope", b"shared"), ("group", b"ops")];
    let new: Fields<'_> = &[("name", b"ops-token"), ("value", VALUE)];
    console.submit("/secrets/new", &[new, to_ops].concat()).is(303);
    console.says("note: alice added ops-token (shared with ops)");
    assert_eq!(counts(&desk), [1, 2]);
    let lines: Fields<'_> = &[("lines", b"A_TOKEN=zulu-kite-4472\n")];
    let page = console.submit("/import", &[lines, to_ops].concat()).is(200).says("1 new");
    let hidden = ["mark", "plan"].map(|name| (name, page.value(name).unwrap().as_bytes()));
    console.send("/import", &hidden).is(303);
    assert_eq!(counts(&desk), [1, 3]);
    let nowhere: Fields<'_> = &[("scope", b"shared"), ("group", b"nowhere")];
    let other: Fields<'_> = &[("name", b"other-token"), ("value", VALUE)];
    console.submit("/secrets/new", &[other, nowhere].concat()).is(422).says("does not exist");
    let page = console.submit("/import", &[lines, nowhere].concat()).is(422).says("does not exist");
    // All members would be other readers than those that were meant.
    assert!(page.body.contains("<option value=\"nowhere\" selected>"), "{}", page.body);
    assert_eq!(counts(&desk), [1, 3]);
}

#[test]
fn a_page_without_groups_offers_none() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    for path in ["/secrets/new", "/import"] {
        let page = console.get(path).is(200).says("Sealed to all members.");
        assert!(!page.body.contains("name=\"group\""), "{path}");
    }
}
