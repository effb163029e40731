//! Exponential backoff.

use std::time::Duration;

/// A delay that doubles with each attempt, from a minimum up to a maximum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    delay: Duration,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration) -> Backoff {
        Backoff { min, max, delay: min }
    }

    /// The delay before the next attempt. The one after it is twice as long.
    pub(crate) fn next(&mut self) -> Duration {
        let delay = self.delay;
        self.delay = (delay * 2).min(self.max);
        delay
    }

    /// Whether the delay has reached the maximum.
    pub(crate) fn is_longest(&self) -> bool {
        self.delay == self.max
    }

    /// Starts again at the minimum, after a success.
    pub(crate) fn reset(&mut self) {
        self.delay = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_the_maximum() {
        let (min, max) = (Duration::from_millis(50), Duration::from_millis(300));
        let mut backoff = Backoff::new(min, max);
        let delays = |backoff: &mut Backoff| [(); 5].map(|()| backoff.next().as_millis());
        assert_eq!(delays(&mut backoff), [50, 100, 200, 300, 300]);
        assert!(backoff.is_longest());
        backoff.reset();
        assert!(!backoff.is_longest());
        assert_eq!(delays(&mut backoff), [50, 100, 200, 300, 300]);
    }
}
