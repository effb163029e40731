//! The active set shared by the sidecar's streams and its reload thread, under every possible
//! interleaving of their threads. It runs the code of `src/sidecar/current.rs` itself, on loom's
//! lock and atomics, with real redactors.

#![cfg(test)]

#[path = "../../../src/sidecar/current.rs"]
#[allow(dead_code)]
mod current;

use std::sync::Arc;

use current::Current;
use hushlog::{Mask, NeedleSet, Redactor, Secret};
use loom::sync::Mutex;
use loom::thread;

const OLD: &str = "marlin-prod-77";
const NEW: &str = "hunter2-prod-key";

fn set(values: &[&str]) -> Arc<NeedleSet> {
    let secrets = values.iter().map(|value| Secret::new("S", value.as_bytes().to_vec())).collect();
    Arc::new(NeedleSet::exactly(secrets, Mask::default()).expect("the mask fits"))
}

/// The sets before and after the change.
fn sets() -> [Arc<NeedleSet>; 2] {
    [set(&[OLD]), set(&[OLD, NEW])]
}

/// A stream of the sidecar: it reads, then checks for a newer set, then pushes.
struct Stream {
    redactor: Redactor,
    version: u64,
    out: Vec<u8>,
}

impl Stream {
    fn new(current: &Current<Arc<NeedleSet>>) -> Stream {
        let (version, set) = current.take();
        Stream { redactor: Redactor::new(Arc::clone(&*set)), version, out: Vec::new() }
    }

    fn look(&mut self, current: &Current<Arc<NeedleSet>>) {
        if self.version != current.version() {
            let (version, set) = current.take();
            // The same one, if it was taken before its version was published.
            assert!(version >= self.version, "an older set was taken");
            self.version = version;
            self.out.extend(self.redactor.swap(Arc::clone(&*set)).to_vec());
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.out.extend(self.redactor.push(bytes).to_vec());
    }

    fn finish(mut self) -> String {
        self.out.extend(self.redactor.finish().to_vec());
        String::from_utf8(self.out).expect("text")
    }
}

/// A program writes the old secret and, after the acknowledgement, the new one; a stream reads
/// both, with any interleaving between two of its reads.
fn print_after_the_acknowledgement(looks_first: bool) {
    let sets = sets();
    loom::model(move || {
        let current = loom::sync::Arc::new(Current::new(loom::sync::Arc::new(Arc::clone(&sets[0]))));
        let wire = loom::sync::Arc::new(Mutex::new(format!("{OLD} ")));
        let program = {
            let (current, wire, next) = (current.clone(), wire.clone(), Arc::clone(&sets[1]));
            thread::spawn(move || {
                let before = current.publish(loom::sync::Arc::new(next));
                assert_eq!(before.len(), 1);
                // `publish` has returned: this is the acknowledgement.
                wire.lock().unwrap().push_str(NEW);
            })
        };
        let mut stream = Stream::new(&current);
        for _ in 0..2 {
            if looks_first {
                stream.look(&current);
            }
            let bytes = std::mem::take(&mut *wire.lock().unwrap());
            if !looks_first {
                stream.look(&current);
            }
            stream.push(bytes.as_bytes());
        }
        program.join().unwrap();
        let rest = std::mem::take(&mut *wire.lock().unwrap());
        stream.look(&current);
        stream.push(rest.as_bytes());
        assert_eq!(stream.finish(), "[REDACTED:S] [REDACTED:S]");
    });
}

/// D01: no secret written after the acknowledgement is emitted.
#[test]
fn d01_what_is_printed_after_the_acknowledgement_is_masked() {
    print_after_the_acknowledgement(false);
}

/// A positive control: a stream that checks before it reads emits a secret, and loom finds the
/// interleaving.
#[test]
#[should_panic]
fn a_stream_that_looks_before_it_reads_is_caught() {
    print_after_the_acknowledgement(true);
}

/// Two threads publish at once while another takes: versions only grow, belong to their sets, and
/// the last one is the newest.
#[test]
fn versions_only_grow() {
    loom::model(|| {
        let current = loom::sync::Arc::new(Current::new(loom::sync::Arc::new(0)));
        let publishers = [1, 2].map(|value| {
            let current = current.clone();
            thread::spawn(move || {
                current.publish(loom::sync::Arc::new(value));
                assert!(current.version() >= 2, "who has published does not see it");
            })
        });
        let (version, (taken, value)) = (current.version(), current.take());
        assert!(taken >= version, "the version was told before there was what it stands for");
        assert_eq!(taken == 1, *value == 0);
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
        assert_eq!((current.version(), current.take().0), (3, 3));
    });
}

/// The reload thread drops an old set once no stream uses it; a stream never does, because it would
/// have to wait for it.
#[test]
fn an_old_set_is_the_keepers_to_drop() {
    loom::model(|| {
        let current = loom::sync::Arc::new(Current::new(loom::sync::Arc::new(1)));
        let stream = {
            let current = current.clone();
            thread::spawn(move || *current.take().1)
        };
        let old = current.publish(loom::sync::Arc::new(2));
        let taken = stream.join().unwrap();
        assert!(taken == 1 || taken == 2);
        assert_eq!(loom::sync::Arc::strong_count(&old), 1, "nobody else has it");
    });
}
