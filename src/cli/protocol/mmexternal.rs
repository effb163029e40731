//! rsyslog's module mmexternal: each message arrives as a line. The answer is one line of JSON,
//! with the new values of changed properties.
//!
//! The behavior of rsyslog (8.2302), found by experiment, and its consequences:
//!
//! - *It fails open*: when the helper ends, does not start or answers with nonsense, the message
//!   passes unchanged, whatever the action's `resumeRetryCount`. So a message never ends the
//!   helper. With a mark in each answer, a rule can stop messages without one.
//! - *Standard error shares the pipe of the answers*: a warning would count as the answer to the
//!   first message, and each later answer as that to the next message. So the helper writes no
//!   messages while it runs.
//! - `msg` is not a text of its own but a range within `rawmsg`. Setting `rawmsg` to another length
//!   moves it, so `rawmsg` is masked in place, and `msg` must be set after it. Setting `msg` alone
//!   sets that part of `rawmsg` as well.
//! - Its JSON is not UTF-8 throughout: it passes and accepts raw bytes.
//! - `$!` is merged: a new value replaces the old one, and existing names stay.

use std::sync::Arc;

use hushlog::{NeedleSet, Overlay, Redactor};
use zeroize::Zeroizing;

use super::json::{Json, write_text};

/// The value of `$!hushlog`, if marks are enabled.
const MARK: &[u8] = b"\"clean\"";
/// The answer for an invalid message.
const LEFT_OUT: &[u8] = b" [hushlog: this message was left out, because it could not be read]";

/// The properties that a helper may change, in the order that rsyslog needs. `msg` and `$!` follow.
const CHANGEABLE: &[&[u8]] =
    &[b"syslogtag", b"hostname", b"structured-data", b"procid", b"msgid", b"fromhost", b"fromhost-ip"];

/// Answers messages of one rsyslog.
pub(super) struct Mmexternal {
    set: Arc<NeedleSet>,
    pub(super) redactor: Redactor,
    overlay: Option<Overlay>,
    /// Whether lines are JSON objects of all properties (`interface.input="fulljson"`), rather than
    /// `msg` alone.
    whole: bool,
    mark: bool,
}

impl Mmexternal {
    pub(super) fn new(set: Arc<NeedleSet>, redactor: Redactor, whole: bool, mark: bool) -> Mmexternal {
        let overlay = Overlay::named(&set).ok();
        Mmexternal { set, redactor, overlay, whole, mark }
    }

    /// Appends the answer to a line, both without newlines. `None` is a line over the limit.
    pub(super) fn answer(&mut self, line: Option<&[u8]>, out: &mut Vec<u8>) {
        let mut answer = Answer { start: out.len(), out, variables: Vec::new() };
        let cleaned = match line {
            Some(line) if self.whole => self.answer_whole(line, &mut answer),
            Some(line) => {
                if let Some(text) = redact(&self.set, &mut self.redactor, line) {
                    answer.text(b"msg", &text);
                }
                Some(Cleaned::Whole)
            }
            None => None,
        };
        if cleaned.is_none() {
            answer.leave_out(self.whole);
        }
        if self.mark && cleaned == Some(Cleaned::Whole) {
            answer.variables.push((b"hushlog".to_vec(), Json::Plain(MARK.to_vec())));
        }
        answer.end();
    }

    /// Answers with all changes. `None` if the line is not a message.
    fn answer_whole(&mut self, line: &[u8], answer: &mut Answer<'_>) -> Option<Cleaned> {
        let mut message = Json::parse(line)?;
        let Json::Object(members) = &mut message else { return None };
        let text = |name: &[u8]| {
            members.iter().find_map(|(own, value)| match value {
                Json::Text(text) if own == name => Some(text.as_slice()),
                _ => None,
            })
        };
        let mut cleaned = self.answer_text(text(b"rawmsg")?, text(b"msg")?, answer);
        let (set, redactor) = (&self.set, &mut self.redactor);
        let change = &mut |text: &[u8]| redact(set, redactor, text);
        for (name, value) in members.iter_mut().filter(|(name, _)| name != b"msg" && name != b"rawmsg") {
            if let (b"$!", Json::Object(variables)) = (name.as_slice(), &mut *value) {
                // rsyslog keeps a name on this level beside its replacement.
                let stays = variables.iter().any(|(name, _)| set.is_match(name));
                cleaned = if stays { Cleaned::InPart } else { cleaned };
                variables.retain_mut(|(_, variable)| variable.change(change));
                answer.variables.append(variables);
            } else if value.change(change) {
                match CHANGEABLE.contains(&name.as_slice()) {
                    true => answer.value(name, value),
                    false => cleaned = Cleaned::InPart,
                }
            }
        }
        Some(cleaned)
    }

    /// Answers for the text of a message, and for its raw form.
    fn answer_text(&mut self, raw: &[u8], text: &[u8], answer: &mut Answer<'_>) -> Cleaned {
        let mut covered = Zeroizing::new(raw.to_vec());
        let overlay = self.overlay.as_ref().filter(|overlay| self.set.redact_in_place(&mut covered, overlay) > 0);
        let head_len = raw.len().checked_sub(text.len()).filter(|&len| &raw[len..] == text);
        let redacted = redact(&self.set, &mut self.redactor, text);
        match (overlay, head_len) {
            // Setting the text sets its part of the raw message too.
            (Some(_), Some(len)) if covered[..len] == raw[..len] => {}
            // A secret may begin in the head, and end in the text.
            (Some(_), Some(len)) => {
                answer.text(b"rawmsg", &covered);
                answer.text(b"msg", &covered[len..]);
                return Cleaned::Whole;
            }
            (Some(_), None) => {
                answer.text(b"rawmsg", &covered);
                answer.text(b"msg", redacted.as_deref().unwrap_or(text));
                return Cleaned::Whole;
            }
            (None, _) => {}
        }
        if let Some(redacted) = &redacted {
            answer.text(b"msg", redacted);
        }
        if self.overlay.is_none() && self.set.is_match(raw) { Cleaned::InPart } else { Cleaned::Whole }
    }
}

/// The state of a message after its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cleaned {
    /// No property holds a secret.
    Whole,
    /// A property that a helper cannot change holds a secret.
    InPart,
}

/// The text with every secret masked; `None` if there is none.
fn redact(set: &NeedleSet, redactor: &mut Redactor, text: &[u8]) -> Option<Vec<u8>> {
    if !set.is_match(text) {
        return None;
    }
    let mut redacted = redactor.push(text).to_vec();
    redacted.extend(redactor.finish().flatten());
    Some(redacted)
}

/// An object under construction.
struct Answer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    /// The members of `$!`.
    variables: Vec<(Vec<u8>, Json)>,
}

impl Answer<'_> {
    fn name(&mut self, name: &[u8]) {
        self.out.push(if self.out.len() == self.start { b'{' } else { b',' });
        write_text(name, self.out);
        self.out.push(b':');
    }

    fn text(&mut self, name: &[u8], text: &[u8]) {
        self.name(name);
        write_text(text, self.out);
    }

    fn value(&mut self, name: &[u8], value: &Json) {
        self.name(name);
        value.write(self.out);
    }

    /// Replaces every property that can be changed.
    fn leave_out(&mut self, whole: bool) {
        self.out.truncate(self.start);
        self.variables.clear();
        let others =
            [(&b"syslogtag"[..], &b"hushlog:"[..]), (b"structured-data", b"-"), (b"procid", b"-"), (b"msgid", b"-")];
        others.iter().filter(|_| whole).for_each(|(name, text)| self.text(name, text));
        self.text(b"msg", LEFT_OUT);
    }

    fn end(mut self) {
        if !self.variables.is_empty() {
            let variables = Json::Object(std::mem::take(&mut self.variables));
            self.value(b"$!", &variables);
        }
        if self.out.len() == self.start {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hushlog::Secret;

    const NAME: &str = "KEY";
    const VALUE: &str = "sk-live-4f9QzX";

    fn helper(whole: bool, mark: bool) -> Mmexternal {
        let set = Arc::new(NeedleSet::builder().secret(Secret::new(NAME, VALUE.into())).build().expect("a set"));
        let redactor = Redactor::new(Arc::clone(&set));
        Mmexternal::new(set, redactor, whole, mark)
    }

    /// The answer, after a check that it is one line of JSON.
    #[track_caller]
    fn answer(mut helper: Mmexternal, line: &[u8]) -> String {
        let mut out = Vec::new();
        helper.answer(Some(line), &mut out);
        assert!(!out.contains(&b'\n') && Json::parse(&out).is_some());
        String::from_utf8(out).expect("it is UTF-8 here")
    }

    #[test]
    fn a_text_without_a_secret_stays() {
        for line in [&b""[..], b" ", b"{", b"a \xff\"\\b"] {
            assert_eq!(answer(helper(false, false), line), "{}");
        }
        assert_eq!(answer(helper(false, true), b"x"), r#"{"$!":{"hushlog":"clean"}}"#);
        let whole = br#"{"msg":" x","rawmsg":"<13>a: x","syslogtag":"a:","uuid":null,"$!":{}}"#;
        assert_eq!(answer(helper(true, false), whole), "{}");
        assert_eq!(answer(helper(true, true), whole), r#"{"$!":{"hushlog":"clean"}}"#);
    }

    #[test]
    fn a_text_with_a_secret_is_answered_masked() {
        let line = format!(" \"a\\ {VALUE}#012{VALUE}");
        let masked = r#"{"msg":" \"a\\ [REDACTED:KEY]#012[REDACTED:KEY]"}"#;
        assert_eq!(answer(helper(false, false), line.as_bytes()), masked);
        // The text is a part of the raw message, which needs no change of its own.
        let line = format!(r#"{{"msg":" {VALUE}","rawmsg":"<13>a: {VALUE}"}}"#);
        assert_eq!(answer(helper(true, false), line.as_bytes()), r#"{"msg":" [REDACTED:KEY]"}"#);
    }

    #[test]
    fn a_secret_in_the_head_is_masked_in_place_before_the_text() {
        let line = format!(r#"{{"msg":" x {VALUE}","rawmsg":"<13>{VALUE}: x {VALUE}","syslogtag":"{VALUE}:"}}"#);
        let masked = r#"{"rawmsg":"<13>[KEY]*********: x [KEY]*********","msg":" x [KEY]*********","syslogtag":"[REDACTED:KEY]:"}"#;
        assert_eq!(answer(helper(true, false), line.as_bytes()), masked);
        // Begun in the head, ended in the text.
        let (a, b) = VALUE.split_at(5);
        let line = format!(r#"{{"msg":"{b} x","rawmsg":"<13>{a}{b} x"}}"#);
        let masked = r#"{"rawmsg":"<13>[KEY]********* x","msg":"********* x"}"#;
        assert_eq!(answer(helper(true, false), line.as_bytes()), masked);
    }

    #[test]
    fn changed_variables_are_in_the_answer() {
        let line = format!(r#"{{"msg":"m","rawmsg":"m","$!":{{"a":{{"b":["{VALUE}",1]}},"c":"d"}}}}"#);
        let masked = r#"{"$!":{"a":{"b":["[REDACTED:KEY]",1]},"hushlog":"clean"}}"#;
        assert_eq!(answer(helper(true, true), line.as_bytes()), masked);
    }

    #[test]
    fn a_secret_that_cannot_be_changed_removes_the_mark() {
        let of = |more: &str| format!(r#"{{"msg":"m {VALUE}","rawmsg":"m {VALUE}",{more}}}"#);
        let masked = r#"{"msg":"m [REDACTED:KEY]"}"#;
        assert_eq!(answer(helper(true, true), of(&format!(r#""programname":"{VALUE}""#)).as_bytes()), masked);
        assert_eq!(answer(helper(true, true), of(&format!(r#""$!":{{"{VALUE}":1}}"#)).as_bytes()), masked);
    }

    #[test]
    fn an_invalid_message_is_left_out_and_has_no_mark() {
        for line in ["", "{}", "[]", "x", r#"{"msg":"m"}"#, r#"{"msg":1,"rawmsg":"m"}"#, r#"{"msg":"m","rawmsg":"m""#] {
            let said = answer(helper(true, true), line.as_bytes());
            assert!(said.contains("left out") && !said.contains("clean") && !said.contains("\"m\""), "{line}: {said}");
        }
        let mut out = Vec::new();
        helper(false, true).answer(None, &mut out);
        assert_eq!(out, br#"{"msg":" [hushlog: this message was left out, because it could not be read]"}"#);
    }

    /// Building blocks of texts: everything that JSON and the redactor could trip over.
    const PIECES: [&[u8]; 9] = [b"\"", b"\\", b"{", b"}", b"\xff", b"\x01", b"sk-live-", b"4f9QzX", b"x"];

    /// All texts of up to four pieces.
    fn texts() -> impl Iterator<Item = Vec<u8>> {
        (0..=4).flat_map(|len| {
            let all = 0..PIECES.len().pow(len);
            all.map(move |number| {
                let digits = (0..len).map(|place| PIECES[number / PIECES.len().pow(place) % PIECES.len()]);
                digits.collect::<Vec<&[u8]>>().concat()
            })
        })
    }

    fn member<'a>(object: &'a Json, name: &[u8]) -> Option<&'a Json> {
        let Json::Object(members) = object else { panic!("no object") };
        members.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    fn text_of(value: Option<&Json>) -> Option<&[u8]> {
        value.map(|value| match value {
            Json::Text(text) => text.as_slice(),
            other => panic!("{other:?} is no text"),
        })
    }

    #[test]
    fn whatever_the_text_is_the_answer_is_the_redacted_text() {
        let mut helper = helper(false, false);
        let set = Arc::clone(&helper.set);
        for text in texts() {
            let mut out = Vec::new();
            helper.answer(Some(&text), &mut out);
            let answer = Json::parse(&out).expect("it is JSON");
            let told = text_of(member(&answer, b"msg")).unwrap_or(&text);
            assert_eq!(told, &*set.redact_cow(&text));
        }
    }

    #[test]
    fn whatever_the_message_is_nothing_of_a_secret_stays_in_it() {
        let mut helper = helper(true, true);
        let set = Arc::clone(&helper.set);
        for text in texts() {
            // The head of the raw message, its text, and a variable are the same text.
            let (raw, mut line) = ([&text[..], &text].concat(), Vec::new());
            let strings: [(&[u8], &[u8]); 3] = [(b"msg", &text), (b"rawmsg", &raw), (b"hostname", &text)];
            let mut members: Vec<(Vec<u8>, Json)> =
                strings.map(|(name, text)| (name.to_vec(), Json::Text(text.to_vec()))).into();
            let variables = Json::Object(vec![(b"v".to_vec(), Json::Array(vec![Json::Text(text.clone())]))]);
            members.push((b"$!".to_vec(), variables));
            Json::Object(members).write(&mut line);
            let mut out = Vec::new();
            helper.answer(Some(&line), &mut out);
            let answer = Json::parse(&out).expect("it is JSON");

            // Like rsyslog: the text is the range of the raw message from this place to the end.
            let place = raw.len() - text.len();
            let mut raw_now = text_of(member(&answer, b"rawmsg")).unwrap_or(&raw).to_vec();
            assert_eq!(raw_now.len(), raw.len(), "the text moves");
            if let Some(told) = text_of(member(&answer, b"msg")) {
                raw_now.truncate(place);
                raw_now.extend_from_slice(told);
            }
            assert!(!set.is_match(&raw_now), "{}", String::from_utf8_lossy(&raw_now));
            let host = text_of(member(&answer, b"hostname")).unwrap_or(&text);
            assert_eq!(host, &*set.redact_cow(&text));
            let variables = member(&answer, b"$!").expect("the mark is there");
            assert!(member(variables, b"hushlog").is_some());
            let variable = member(variables, b"v").map_or(text.clone(), |variable| {
                let Json::Array(values) = variable else { panic!("no array") };
                text_of(values.first()).expect("a text").to_vec()
            });
            assert_eq!(variable, *set.redact_cow(&text));
        }
    }

    #[test]
    fn a_secret_in_pieces_over_two_messages_does_not_join() {
        let mut helper = helper(false, false);
        let (a, b) = VALUE.split_at(5);
        let mut out = Vec::new();
        helper.answer(Some(a.as_bytes()), &mut out);
        helper.answer(Some(b.as_bytes()), &mut out);
        assert_eq!(out, b"{}{}");
    }
}
