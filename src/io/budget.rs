//! A memory budget that streams share: pending output of all of them together has a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The limit on the unfinished lines and pending records of all streams together, in bytes. Beyond
/// it a line is written as an overlong one is, except for an end of constant length: ten thousand
/// connections that each send an endless line do not fill the memory.
pub(crate) const BUDGET_LEN_MAX: usize = 256 << 20;

/// The pending bytes of all streams.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    lines: AtomicUsize,
    /// Records of streams with exact release. Their pending number shows how much of a guess
    /// matches, so lines ignore it. They have an equal limit of their own.
    exact: AtomicUsize,
}

/// The share of one stream in a budget, returned on drop.
pub(crate) struct BudgetShare {
    budget: Arc<Budget>,
    is_exact: bool,
    /// It depends on the input's length only, unless release is exact, so that other streams learn
    /// nothing from it.
    taken: usize,
}

impl BudgetShare {
    pub(crate) fn new(budget: Arc<Budget>, is_exact: bool) -> BudgetShare {
        BudgetShare { budget, is_exact, taken: 0 }
    }

    /// Whether the share may grow to this many bytes.
    pub(crate) fn fits(&self, len: usize) -> bool {
        self.sum().load(Relaxed) + len.saturating_sub(self.taken) <= BUDGET_LEN_MAX
    }

    /// Sets the share to this many bytes.
    pub(crate) fn take(&mut self, len: usize) {
        let before = std::mem::replace(&mut self.taken, len);
        if before != len {
            // Wraps around to the smaller sum, if it is less now.
            self.sum().fetch_add(len.wrapping_sub(before), Relaxed);
        }
    }

    fn sum(&self) -> &AtomicUsize {
        if self.is_exact { &self.budget.exact } else { &self.budget.lines }
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.take(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_returned_and_each_release_has_a_budget_of_its_own() {
        let budget = Arc::new(Budget::default());
        let mut one = BudgetShare::new(Arc::clone(&budget), false);
        one.take(BUDGET_LEN_MAX - 1);
        assert!(one.fits(BUDGET_LEN_MAX) && !one.fits(BUDGET_LEN_MAX + 1));
        let other = BudgetShare::new(Arc::clone(&budget), false);
        assert!(other.fits(1) && !other.fits(2));
        assert!(BudgetShare::new(Arc::clone(&budget), true).fits(BUDGET_LEN_MAX));
        one.take(3);
        assert!(other.fits(BUDGET_LEN_MAX - 3) && !other.fits(BUDGET_LEN_MAX - 2));
        drop(one);
        assert!(other.fits(BUDGET_LEN_MAX));
    }
}
