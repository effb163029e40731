//! The page that imports a file.

use crate::console::{Answer, Console};
use crate::registry::Desk;

const OPENAI: &str = "sk-live-4f9QzXabc";
const DATABASE: &str = "postgres://app:pa55w0rd@db/app";

fn show(console: &Console, text: &str, more: &[(&str, &[u8])]) -> Answer {
    console.submit("/import", &[&[("lines", text.as_bytes())], more].concat())
}

fn confirm(console: &Console, page: &Answer) -> Answer {
    let hidden = ["mark", "plan"].map(|name| (name, page.value(name).unwrap().as_bytes()));
    console.send("/import", &hidden)
}

/// The names, values and installations of all secrets.
fn saved(desk: &Desk) -> Vec<(String, String, bool)> {
    let (_, secrets, _) = desk.content().unwrap();
    secrets.into_iter().map(|(name, _, value, is)| (name, String::from_utf8(value).unwrap(), is)).collect()
}

#[test]
fn a_file_is_shown_and_then_saved_as_a_whole() {
    let desk = Desk::new();
    desk.add("openai-api-key", b"sk-live-older1").ends(0);
    let console = Console::signed_in(&desk);
    let text = format!("OPENAI_API_KEY={OPENAI}\r\nDATABASE_URL=\"{DATABASE}\"\r\n");
    let page = show(&console, &text, &[("scope", b"shared"), ("install", b"on")]).is(200);
    let page = page.says("1 new, 1 rotated, 0 refused. Nothing is saved yet.").says("exported as $DATABASE_URL");
    assert!(!page.body.contains(OPENAI) && !page.body.contains("pa55"), "{}", page.body);
    assert_eq!(saved(&desk).len(), 1, "nothing is saved before it is confirmed");
    let answer = confirm(&console, &page).is(303);
    console
        .get(answer.header("location").unwrap())
        .is(200)
        .says("All entries are saved: available at the next VM boot");
    let expected = [("database-url", DATABASE, true), ("openai-api-key", OPENAI, true)];
    let expected = expected.map(|(name, value, is)| (name.to_owned(), value.to_owned(), is));
    assert_eq!(saved(&desk), expected);
    console.says("note: alice imported secrets: 1 new, 1 rotated");
    confirm(&console, &page).is(422).says("saved already");
}

#[test]
fn one_refused_entry_keeps_all_out() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    let before = desk.text();
    let page = show(&console, &format!("API_KEY={OPENAI}\nPATH=/bin:/sbin\nPIN=12\n"), &[]).is(422);
    let page = page.says("1 new, 0 rotated, 2 refused").says("reserved").says("shorter than 4 bytes");
    assert!(page.value("plan").is_none() && !page.body.contains(OPENAI), "{}", page.body);
    for (text, problem) in [("", "no entries"), ("{\"a\": ", "no valid JSON"), ("what is this", "in line 1")] {
        show(&console, text, &[]).is(422).says(problem);
    }
    show(&console, "A_KEY=abcdefgh", &[("file", b"B_KEY=abcdefgh")]).is(422).says("not both");
    assert_eq!(desk.text(), before);
}

#[test]
fn a_file_is_uploaded() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    let json = format!("{{\"openai\": {{\"key\": \"{OPENAI}\"}}}}");
    let page = console.submit("/import", &[("file", json.as_bytes())]).is(200).says("1 new");
    confirm(&console, &page).is(303);
    assert_eq!(saved(&desk), [("openai.key".to_owned(), OPENAI.to_owned(), false)]);
}

#[test]
fn an_import_on_top_of_a_newer_file_is_refused() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    let page = show(&console, &format!("API_KEY={OPENAI}"), &[]).is(200);
    desk.add("other-key", b"sk-live-other1").ends(0);
    confirm(&console, &page).is(409).says("other-key (shared) was added");
    assert_eq!(saved(&desk).len(), 1);
    confirm(&console, &page).is(422).says("wait no longer");
}
