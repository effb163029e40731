//! Requests for another address of a console on loopback.

use std::sync::Arc;

use tokio::sync::Notify;

/// Requests another address with a new token, for a browser that has lost its cookie. The console
/// reports it as [`Event::Renewed`](super::Event::Renewed).
///
/// SIGUSR1 does the same. A clone belongs to the same console. On a Unix socket, requests have no
/// effect.
#[derive(Clone, Debug, Default)]
pub struct Renewals(Arc<Notify>);

impl Renewals {
    /// Requests an address. Several requests at once make one.
    pub fn request(&self) {
        self.0.notify_one();
    }

    pub(super) async fn requested(&self) {
        self.0.notified().await;
    }
}
