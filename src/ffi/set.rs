//! The set: immutable, and shared between handles. See `hushlog.h`.

use std::ffi::{CString, c_char, c_int};
use std::sync::{Arc, OnceLock};

use super::boundary::{call, caught, put};
use super::code::{self, Code};
use crate::redact::mask::Mask;
use crate::redact::needle::NeedleSet;
use crate::redact::overlay::Overlay;

/// `hushlog_set`.
pub struct Set(Arc<Shared>);

struct Shared {
    needles: Arc<NeedleSet>,
    /// Built by the first call that masks in place: it takes time, and not every set has one.
    overlay: OnceLock<Option<Overlay>>,
    notices: Vec<(CString, c_int)>,
}

impl Set {
    /// `left`: the names of the values that are left as settings.
    pub(super) fn new(needles: NeedleSet, left: Vec<CString>) -> Set {
        let left = left.into_iter().map(|name| (name, code::SETTING));
        // Names arrived as C strings, so none contains a NUL.
        let notice = |(name, kind): (&str, _)| (CString::new(name).unwrap_or_default(), code::of_notice(kind));
        let notices = left.chain(needles.notices().iter().map(|known| notice((&known.name, known.kind)))).collect();
        Set(Arc::new(Shared { needles: Arc::new(needles), overlay: OnceLock::new(), notices }))
    }

    pub(super) fn needles(&self) -> &Arc<NeedleSet> {
        &self.0.needles
    }

    /// The masks that overwrite regions in place.
    pub(super) fn overlay(&self) -> Result<&Overlay, Code> {
        let made = || match *self.needles().mask() {
            Mask::Char(character) => Overlay::of_char(self.needles(), character).ok(),
            Mask::Template(_) => Overlay::named(self.needles()).ok(),
        };
        self.0.overlay.get_or_init(made).as_ref().ok_or(Code::Mask)
    }
}

/// Any number of threads may use a set at once.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Set>();
};

/// `hushlog_set_share`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_set_share(set: Option<&Set>) -> Option<Box<Set>> {
    caught("hushlog_set_share", || set.map(|set| Box::new(Set(Arc::clone(&set.0))))).flatten()
}

/// `hushlog_set_free`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_set_free(set: Option<Box<Set>>) {
    caught("hushlog_set_free", || drop(set));
}

/// `hushlog_set_needles`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_set_needles(set: Option<&Set>) -> usize {
    set.map_or(0, |set| set.needles().len())
}

/// `hushlog_set_notices`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_set_notices(set: Option<&Set>) -> usize {
    set.map_or(0, |set| set.0.notices.len())
}

/// `hushlog_set_notice`: see `hushlog.h`.
///
/// # Safety
///
/// A pointer can be written at `name`, unless it is `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_set_notice(set: Option<&Set>, index: usize, name: *mut *const c_char) -> c_int {
    call("hushlog_set_notice", || {
        let notice = set.ok_or(Code::Null)?.0.notices.get(index).ok_or(Code::Index);
        // SAFETY: as the caller promised.
        unsafe { put(name, notice.map_or(std::ptr::null(), |(name, _)| name.as_ptr()))? };
        notice.map(|&(_, kind)| kind)
    })
}
