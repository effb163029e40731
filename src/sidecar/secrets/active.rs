//! The active set: a watch channel from the reload thread to every stream.
//!
//! A stream reads bytes, then takes the newest set, then searches the bytes. Bytes that are written
//! after a set was published are thus searched with that set, or with a newer one. The other order
//! leaks: a set can be published, acknowledged and its secret printed between the look and the
//! read.

use std::sync::Arc;

use tokio::sync::watch::{Receiver, Sender};

use crate::redact::needle::NeedleSet;

/// A set, and its position in the order of publication.
#[derive(Clone)]
pub(crate) struct Active {
    /// From 1.
    pub(crate) version: u64,
    pub(crate) set: Arc<NeedleSet>,
}

/// Makes the channel with its first set.
pub(crate) fn channel(first: Arc<NeedleSet>) -> Sender<Active> {
    Sender::new(Active { version: 1, set: first })
}

/// Replaces the set and returns the previous one. Every look that begins after this returns sees
/// the new set.
pub(crate) fn publish(sender: &Sender<Active>, set: Arc<NeedleSet>) -> Arc<NeedleSet> {
    let mut previous = set;
    // The closure only swaps, so that streams wait for the lock no longer than that takes.
    sender.send_modify(|active| {
        active.version += 1;
        std::mem::swap(&mut active.set, &mut previous);
    });
    previous
}

/// Takes the newest set if it is newer than the one this receiver took last. Without one it costs
/// one atomic load, so that every push can ask.
#[inline]
pub(crate) fn take_newer(receiver: &mut Receiver<Active>) -> Option<Arc<NeedleSet>> {
    // An error means that the sender is gone, perhaps after a last set.
    if matches!(receiver.has_changed(), Ok(false)) {
        return None;
    }
    let newest = receiver.borrow_and_update();
    newest.has_changed().then(|| Arc::clone(&newest.set))
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};
    use std::path::Path;
    use std::sync::Arc;

    use tokio::sync::{Notify, watch};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::io::Release;
    use crate::redact::secret::Secret;
    use crate::sidecar::config::{Format, OnAway, Outlet, SinkPlan, Way};
    use crate::sidecar::sink::Sink;
    use crate::sidecar::source::{ReadOutcome, Source};
    use crate::sidecar::stream::lines::WaitsFor;
    use crate::sidecar::stream::{Stream, StreamContext};

    const OLD: &str = "marlin-prod-77";
    const NEW: &str = "hunter2-prod-key";

    fn set(values: &[&str]) -> Arc<NeedleSet> {
        let secrets = values.iter().map(|value| Secret::new("S", value.as_bytes().to_vec()));
        Arc::new(secrets.fold(NeedleSet::builder(), |builder, secret| builder.secret(secret)).build().expect("a set"))
    }

    #[test]
    fn a_look_after_publication_sees_the_set() {
        let sender = channel(set(&[OLD]));
        let mut receiver = sender.subscribe();
        assert!(take_newer(&mut receiver).is_none(), "the first set is no newer one");
        for version in 2..10 {
            let (next, before) = (set(&[NEW]), Arc::clone(&sender.borrow().set));
            assert!(Arc::ptr_eq(&publish(&sender, Arc::clone(&next)), &before));
            assert_eq!(receiver.borrow().version, version);
            assert!(take_newer(&mut receiver).is_some_and(|newest| Arc::ptr_eq(&newest, &next)));
            assert!(take_newer(&mut receiver).is_none());
        }
    }

    #[test]
    fn the_last_set_of_a_sender_that_is_gone_is_taken_once() {
        let sender = channel(set(&[OLD]));
        let mut receiver = sender.subscribe();
        publish(&sender, set(&[NEW]));
        drop(sender);
        assert!(take_newer(&mut receiver).is_some());
        assert!(take_newer(&mut receiver).is_none());
    }

    /// The moments of a round in which the new set may be published and its secret printed.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum When {
        WhileItWaits,
        BeforeTheBytes,
        BehindTheBytes,
    }

    /// Publishes the new set in one of its rounds, and gives its secret afterwards.
    struct Publishing {
        sender: Arc<watch::Sender<Active>>,
        at: (usize, When),
        round: usize,
        is_read: bool,
        is_published: bool,
    }

    impl Publishing {
        const ROUNDS: usize = 4;

        fn pass(&mut self, when: When) {
            if (self.round, when) == self.at {
                publish(&self.sender, set(&[OLD, NEW]));
                self.is_published = true;
            }
        }
    }

    impl Source for Publishing {
        async fn ready(&mut self) -> io::Result<()> {
            self.pass(When::WhileItWaits);
            Ok(())
        }

        fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<ReadOutcome> {
            if std::mem::take(&mut self.is_read) {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.pass(When::BeforeTheBytes);
            buffer.extend(format!("{OLD}\n").bytes());
            self.pass(When::BehindTheBytes);
            if self.is_published {
                buffer.extend(format!("{NEW}\n").bytes());
            }
            (self.is_read, self.round) = (true, self.round + 1);
            Ok(if self.round == Publishing::ROUNDS { ReadOutcome::Eof } else { ReadOutcome::Data })
        }
    }

    async fn written(at: (usize, When), release: Release, log: &Path) -> String {
        let sender = Arc::new(channel(set(&[OLD])));
        let outlet = Outlet::File { path: log.to_owned(), mode: 0o600, rotate_size: None, rotate_keep: 0 };
        let plan = SinkPlan { outlet, away: OnAway::Wait };
        let context = StreamContext {
            active: sender.subscribe(),
            sink: Arc::new(Sink::new(Arc::new(plan), Arc::new(drop), &Arc::default())),
            way: Way { release, line_max: 1 << 10, format: Format::Raw, mask_partial: true },
            waits_for: if release == Release::Line { WaitsFor::Line } else { WaitsFor::Nothing },
            separates_messages: true,
            metrics: Arc::default(),
            budget: Arc::default(),
            on_notice: std::sync::Mutex::default(),
            stop: CancellationToken::new(),
        };
        let source = Publishing { sender, at, round: 0, is_read: false, is_published: false };
        Stream::new(Arc::new(context)).run(source, Arc::new(Notify::new())).await.expect("it runs to its end");
        std::fs::read_to_string(log).expect("the log")
    }

    /// D01: nothing that is written after the acknowledgement comes out.
    #[test]
    fn d01_bytes_written_after_publication_are_masked() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let directory = tempfile::tempdir().expect("a directory");
        for release in [Release::Line, Release::Exact] {
            for round in 0..Publishing::ROUNDS {
                for when in [When::WhileItWaits, When::BeforeTheBytes, When::BehindTheBytes] {
                    let log = directory.path().join(format!("{release:?}-{round}-{when:?}"));
                    let out = runtime.block_on(written((round, when), release, &log));
                    let masks = 2 * Publishing::ROUNDS - round;
                    assert_eq!(out, "[REDACTED:S]\n".repeat(masks), "{round} {when:?}");
                }
            }
        }
    }
}
