//! The builder: collects secrets and options. See `hushlog.h`.

use std::ffi::{CString, c_char, c_int, c_void};

use super::boundary::{be_quiet, bytes, call, caught, put, text};
use super::code::Code;
use super::selection::{Choice, Selection, pattern};
use super::set::Set;
use crate::redact::build::{BuildError, NeedleSetBuilder};
use crate::redact::mask::Mask;
use crate::redact::needle::NeedleSet;
use crate::redact::secret::Secret;

/// `hushlog_builder`.
pub struct Builder {
    /// `None` after the set is built.
    collected: Option<Collected>,
    /// The first error, which every later call returns. No set can then lack a secret whose error
    /// was ignored.
    poisoned: Option<c_int>,
    /// The name of the secret for which building failed.
    failed: Option<CString>,
}

/// The secrets and options of a builder.
#[derive(Default)]
struct Collected {
    options: NeedleSetBuilder,
    secrets: Vec<Secret>,
    selection: Selection,
}

impl Collected {
    fn option(self, set: impl FnOnce(NeedleSetBuilder) -> NeedleSetBuilder) -> Collected {
        Collected { options: set(self.options), ..self }
    }

    /// Builds the set of the chosen secrets. Also returns the names of those that are left as
    /// settings.
    fn build(self) -> Result<(NeedleSet, Vec<CString>), BuildError> {
        let Collected { mut options, secrets, selection } = self;
        let mut left = Vec::new();
        for secret in secrets {
            match selection.of(&secret) {
                Choice::Masked => options = options.secret(secret),
                // It arrived as a C string.
                Choice::Setting => left.extend(CString::new(secret.name())),
                Choice::Excluded => {}
            }
        }
        Ok((options.build()?, left))
    }
}

/// `hushlog_builder_new`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_builder_new() -> Option<Box<Builder>> {
    be_quiet();
    caught("hushlog_builder_new", || {
        Box::new(Builder { collected: Some(Collected::default()), poisoned: None, failed: None })
    })
}

/// `hushlog_builder_free`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_builder_free(builder: Option<Box<Builder>>) {
    caught("hushlog_builder_free", || drop(builder));
}

/// `hushlog_builder_add`: see `hushlog.h`.
///
/// # Safety
///
/// The name ends with a NUL, and `len` bytes are readable at the value, unless they are `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_builder_add(
    builder: Option<&mut Builder>,
    name: *const c_char,
    value: *const c_void,
    len: usize,
) -> c_int {
    change("hushlog_builder_add", builder, |mut collected| {
        // SAFETY: as the caller promised, for as long as this call lasts.
        let (name, value) = unsafe { (text(name)?, bytes(value, len)?) };
        // An exact-size copy, so that growth leaves no copies behind.
        collected.secrets.push(Secret::new(name, value.to_vec()));
        Ok(collected)
    })
}

/// `hushlog_builder_mask`: see `hushlog.h`.
///
/// # Safety
///
/// The mask ends with a NUL, unless it is `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_builder_mask(builder: Option<&mut Builder>, mask: *const c_char) -> c_int {
    change("hushlog_builder_mask", builder, |collected| {
        // SAFETY: as the caller promised, for as long as this call lasts.
        let mask = unsafe { text(mask)? };
        Ok(collected.option(|options| options.mask(Mask::Template(mask.to_owned()))))
    })
}

/// `hushlog_builder_mask_char`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_builder_mask_char(builder: Option<&mut Builder>, character: c_char) -> c_int {
    // `char` has a sign on some targets and none on others.
    #[allow(clippy::unnecessary_cast, reason = "it is unnecessary on half of the targets")]
    let character = character as u8;
    change("hushlog_builder_mask_char", builder, |collected| {
        Ok(collected.option(|options| options.mask(Mask::Char(character))))
    })
}

/// `hushlog_builder_encodings`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_builder_encodings(builder: Option<&mut Builder>, yes: c_int) -> c_int {
    change(
        "hushlog_builder_encodings",
        builder,
        |collected| Ok(collected.option(|options| options.encodings(yes != 0))),
    )
}

/// `hushlog_builder_readings`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_builder_readings(builder: Option<&mut Builder>, yes: c_int) -> c_int {
    change("hushlog_builder_readings", builder, |collected| Ok(collected.option(|options| options.readings(yes != 0))))
}

/// `hushlog_builder_min_length`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_builder_min_length(builder: Option<&mut Builder>, len: usize) -> c_int {
    change("hushlog_builder_min_length", builder, |collected| Ok(collected.option(|options| options.min_length(len))))
}

/// `hushlog_builder_exactly`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_builder_exactly(builder: Option<&mut Builder>) -> c_int {
    change("hushlog_builder_exactly", builder, |collected| Ok(collected.option(NeedleSetBuilder::exactly)))
}

/// `hushlog_builder_only`: see `hushlog.h`.
///
/// # Safety
///
/// The pattern ends with a NUL, unless it is `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_builder_only(builder: Option<&mut Builder>, names: *const c_char) -> c_int {
    change("hushlog_builder_only", builder, |mut collected| {
        // SAFETY: as the caller promised, for as long as this call lasts.
        collected.selection.only.push(pattern(unsafe { text(names)? })?);
        Ok(collected)
    })
}

/// `hushlog_builder_except`: see `hushlog.h`.
///
/// # Safety
///
/// The pattern ends with a NUL, unless it is `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_builder_except(builder: Option<&mut Builder>, names: *const c_char) -> c_int {
    change("hushlog_builder_except", builder, |mut collected| {
        // SAFETY: as the caller promised, for as long as this call lasts.
        collected.selection.except.push(pattern(unsafe { text(names)? })?);
        Ok(collected)
    })
}

/// `hushlog_builder_all`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_builder_all(builder: Option<&mut Builder>, yes: c_int) -> c_int {
    change("hushlog_builder_all", builder, |mut collected| {
        collected.selection.leaves_settings = yes == 0;
        Ok(collected)
    })
}

fn change(name: &str, builder: Option<&mut Builder>, with: impl FnOnce(Collected) -> Result<Collected, Code>) -> c_int {
    let Some(changed) = builder else { return Code::Null as c_int };
    if let Some(code) = changed.poisoned {
        return code;
    }
    let code = call(name, || {
        changed.collected = Some(with(changed.collected.take().ok_or(Code::Used)?)?);
        Ok(0)
    });
    changed.poisoned = (code < 0).then_some(code);
    code
}

/// `hushlog_builder_build`: see `hushlog.h`.
///
/// # Safety
///
/// A pointer can be written at `set`, unless it is `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_builder_build(builder: Option<&mut Builder>, set: *mut Option<Box<Set>>) -> c_int {
    // SAFETY: as the caller promised.
    let (Some(builder), Ok(())) = (builder, unsafe { put(set, None) }) else { return Code::Null as c_int };
    let collected = builder.collected.take();
    if let Some(code) = builder.poisoned {
        return code;
    }
    let code = call("hushlog_builder_build", || {
        let (built, left) = collected.ok_or(Code::Used)?.build().inspect_err(|error| {
            if let BuildError::MaskConflict { name } = error {
                builder.failed = CString::new(name.as_str()).ok();
            }
        })?;
        // SAFETY: as above.
        unsafe { put(set, Some(Box::new(Set::new(built, left))))? };
        Ok(0)
    });
    builder.poisoned = Some(if code < 0 { code } else { Code::Used as c_int });
    code
}

/// `hushlog_builder_failed`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_builder_failed(builder: Option<&Builder>) -> *const c_char {
    builder.and_then(|builder| builder.failed.as_ref()).map_or(std::ptr::null(), |name| name.as_ptr())
}
