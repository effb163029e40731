//! CPU time of this thread: the cost of a search, however many others share the machine.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment on the clock that runs only while this thread does.
#[derive(Clone, Copy)]
pub(crate) struct CpuTime(Duration);

impl CpuTime {
    pub(crate) fn now() -> CpuTime {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        CpuTime(Duration::new(now.tv_sec as u64, now.tv_nsec as u32))
    }

    pub(crate) fn elapsed(self) -> Duration {
        CpuTime::now().0 - self.0
    }
}
