//! A fuzz target for the C ABI. The input decides the calls, their order and their mistakes; the
//! Rust API gives the expected results. Shared by `tests/engine/corpus_abi.rs` and `fuzz/`, which
//! runs it under AddressSanitizer.

#![allow(unreachable_pub, reason = "used by another crate as well")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::{Arc, Once};

use hushlog::ffi::builder::*;
use hushlog::ffi::record::*;
use hushlog::ffi::set::*;
use hushlog::ffi::stream::*;
use hushlog::{BuildError, Mask, NeedleSet, NeedleSetBuilder, NoticeKind, Overlay, Redactor, Secret};

use super::harness::scenario::{Limits, SWAPS, Scenario, Step};

// As in `hushlog.h`.
const ENULL: c_int = -1;
const ETEXT: c_int = -3;
const EUSED: c_int = -4;
const EFLAG: c_int = -5;
const EROOM: c_int = -10;
const EINDEX: c_int = -11;

/// Laid out as in `hushlog.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Lent {
    data: *const u8,
    len: usize,
}

/// Restores panic messages, which the library suppresses.
fn keep_panics_loud() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        hushlog_builder_free(hushlog_builder_new());
        std::panic::set_hook(hook);
    });
}

/// A complete lifetime of builders, sets, streams and records.
pub fn abi(bytes: &[u8]) {
    keep_panics_loud();
    let (&[flags, room], rest) = bytes.split_first_chunk().unwrap_or((&[0, 0], &[]));
    let scenario = Scenario::decode(rest, Limits { needles: 5, text_len: 400, ..SWAPS });
    let sets: Vec<Both> = scenario.sets.iter().map(|values| Both::build(values, flags)).collect();
    let Some(sets) = sets.into_iter().map(Both::checked).collect::<Option<Vec<_>>>() else { return };
    for (set, expected) in &sets {
        check_record(set, expected, &scenario.text(), usize::from(room), flags);
    }
    check_stream(&scenario, &sets, flags);
    for (set, _) in sets {
        hushlog_set_free(Some(set));
    }
}

type CSet = Box<Set>;

/// One set, built through both interfaces.
struct Both {
    code: c_int,
    failed: Option<String>,
    set: Option<CSet>,
    expected: Result<NeedleSet, BuildError>,
}

impl Both {
    fn build(values: &[Vec<u8>], flags: u8) -> Both {
        let mut builder = hushlog_builder_new();
        let mut expected = NeedleSet::builder();
        for (n, value) in values.iter().enumerate() {
            let name = CString::new(format!("<{n}>")).expect("no NUL");
            // SAFETY: the name ends with a NUL, and the value has the stated length.
            let code = unsafe {
                hushlog_builder_add(builder.as_deref_mut(), name.as_ptr(), value.as_ptr().cast(), value.len())
            };
            assert_eq!(code, 0);
            expected = expected.secret(Secret::new(format!("<{n}>"), value.clone()));
        }
        poisoned();
        expected = options(builder.as_deref_mut(), expected, flags);
        let (mut set, mut no_set) = (None, None);
        // SAFETY: the first call gets a writable pointer to a set; the second gets a null pointer,
        // which it reports.
        let (code, again) = unsafe {
            (
                hushlog_builder_build(builder.as_deref_mut(), &mut set),
                hushlog_builder_build(
                    builder.as_deref_mut(),
                    if flags & 64 == 0 { &mut no_set } else { ptr::null_mut() },
                ),
            )
        };
        let used = if code < 0 { code } else { EUSED };
        assert_eq!(again, if flags & 64 == 0 { used } else { ENULL });
        let failed = text(hushlog_builder_failed(builder.as_deref()));
        hushlog_builder_free(builder);
        Both { code, failed, set, expected: expected.build() }
    }

    /// The set from both interfaces, if both have one. Otherwise asserts that both failed for the
    /// same reason.
    fn checked(self) -> Option<(CSet, Arc<NeedleSet>)> {
        let code = match &self.expected {
            Ok(_) => 0,
            Err(BuildError::TooLarge) => -6,
            Err(BuildError::MaskConflict { .. }) => -7,
            Err(BuildError::MaskEmpty) => -8,
            Err(BuildError::MaskChar) => -9,
            Err(error) => unreachable!("{error}"),
        };
        assert_eq!((self.code, self.set.is_some()), (code, code == 0));
        if let Err(BuildError::MaskConflict { name }) = &self.expected {
            assert_eq!(self.failed.as_ref(), Some(name));
        }
        let (set, expected) = (self.set?, self.expected.ok()?);
        check_notices(&set, &expected);
        Some((set, Arc::new(expected)))
    }
}

/// A builder keeps its first error, so that no set lacks a secret.
fn poisoned() {
    let mut builder = hushlog_builder_new();
    let mut set = None;
    // SAFETY: the name, which is not UTF-8, ends with a NUL, the value is empty, and the pointer to
    // a set is writable.
    let codes = unsafe {
        [
            hushlog_builder_add(builder.as_deref_mut(), c"\xff".as_ptr(), ptr::null(), 0),
            hushlog_builder_build(builder.as_deref_mut(), &mut set),
        ]
    };
    assert_eq!((codes, set.is_some()), ([ETEXT; 2], false));
    hushlog_builder_free(builder);
}

/// Sets some of the options, and the same in Rust.
fn options(mut builder: Option<&mut Builder>, mut expected: NeedleSetBuilder, flags: u8) -> NeedleSetBuilder {
    let mut done = vec![hushlog_builder_encodings(builder.as_deref_mut(), c_int::from(flags & 1))];
    expected = expected.encodings(flags & 1 == 1);
    match flags >> 1 & 3 {
        0 => {}
        1 => {
            done.push(hushlog_builder_mask_char(builder.as_deref_mut(), b'*' as c_char));
            expected = expected.mask(Mask::Char(b'*'));
        }
        kind => {
            let mask = if kind == 2 { c"<{name}>" } else { c"" };
            // SAFETY: a NUL ends it.
            done.push(unsafe { hushlog_builder_mask(builder.as_deref_mut(), mask.as_ptr()) });
            expected = expected.mask(Mask::Template(mask.to_str().expect("ASCII").to_owned()));
        }
    }
    if let readings @ (1 | 2) = flags >> 6 {
        done.push(hushlog_builder_readings(builder.as_deref_mut(), c_int::from(readings & 1)));
        expected = expected.readings(readings == 1);
    }
    let len_min = usize::from(flags >> 3 & 7);
    done.push(hushlog_builder_min_length(builder, len_min));
    assert!(done.iter().all(|&code| code == 0), "{done:?}");
    expected.min_length(len_min)
}

fn check_notices(set: &Set, expected: &NeedleSet) {
    assert_eq!(hushlog_set_needles(Some(set)), expected.len());
    let notices = expected.notices();
    assert_eq!(hushlog_set_notices(Some(set)), notices.len());
    let mut name = ptr::null();
    for (index, notice) in notices.iter().enumerate() {
        // SAFETY: the pointer to a pointer is writable.
        let kind = unsafe { hushlog_set_notice(Some(set), index, &mut name) };
        let number = match notice.kind {
            NoticeKind::Blank => 1,
            NoticeKind::TooShort => 2,
            NoticeKind::Short => 3,
            NoticeKind::OrdinaryWord => 4,
            NoticeKind::MaskReplaced => 5,
            _ => unreachable!("a notice that the header does not know"),
        };
        assert_eq!((kind, text(name).as_ref()), (number, Some(&notice.name)));
    }
    // SAFETY: as above.
    assert_eq!(unsafe { hushlog_set_notice(Some(set), notices.len(), &mut name) }, EINDEX);
}

fn check_record(set: &Set, expected: &NeedleSet, record: &[u8], room: usize, flags: u8) {
    let masked = expected.redact_cow(record);
    // A buffer that is too short by `room + 1`, or has `room` bytes to spare.
    let room = if flags & 128 == 0 { masked.len() + room } else { masked.len().saturating_sub(room + 1) };
    let mut buffer = vec![0_u8; room];
    let mut lent = Lent { data: ptr::null(), len: 0 };
    // SAFETY: record and buffer have the stated lengths, and `Lent` has the layout of a slice.
    let code = unsafe {
        let (buffer, lent): (*mut c_void, *mut Lent) = (buffer.as_mut_ptr().cast(), &mut lent);
        hushlog_redact(Some(set), record.as_ptr().cast(), record.len(), buffer, room, lent.cast())
    };
    let changed = expected.is_match(record);
    if changed && room < masked.len() {
        assert_eq!((code, lent.data, lent.len), (EROOM, ptr::null(), masked.len()));
    } else {
        assert_eq!(code, c_int::from(changed));
        assert_eq!(bytes(lent), &*masked);
    }
    let mut in_place = record.to_vec();
    // SAFETY: as above.
    let regions = unsafe { hushlog_redact_in_place(Some(set), in_place.as_mut_ptr().cast(), in_place.len()) };
    let overlay = match expected.mask() {
        &Mask::Char(c) => Overlay::of_char(expected, c),
        Mask::Template(_) => Overlay::named(expected),
    };
    let mut there = record.to_vec();
    match overlay {
        Ok(overlay) => assert_eq!(regions as usize, expected.redact_in_place(&mut there, &overlay)),
        Err(_) => assert!(regions < 0),
    }
    assert_eq!(in_place, there);
}

fn check_stream(scenario: &Scenario, sets: &[(CSet, Arc<NeedleSet>)], flags: u8) {
    let mut stream = None;
    let keep_partial = u32::from(!scenario.mask_partial);
    // SAFETY: the pointer to a stream is writable.
    let codes = unsafe {
        let unknown = hushlog_stream_new(Some(&sets[0].0), 2 | keep_partial, &mut stream);
        (unknown, hushlog_stream_new(Some(&sets[0].0), keep_partial, &mut stream))
    };
    assert_eq!(codes, (EFLAG, 0));
    let mut redactor = Redactor::new(Arc::clone(&sets[0].1)).mask_partial(scenario.mask_partial);
    for step in scenario.steps.iter().chain([&Step::Finish]) {
        let (mut slices, mut count) = (ptr::null(), 0);
        // In C, a piece lives no longer than its call.
        let piece = if let Step::Push(piece) = step { piece.clone() } else { Vec::new() };
        // SAFETY: the piece has the stated length, and the output pointers are writable.
        let (code, expected) = unsafe {
            let stream = stream.as_deref_mut();
            match step {
                Step::Push(_) if piece.is_empty() && flags & 64 != 0 => {
                    (hushlog_stream_push(stream, ptr::null(), 0, &mut slices, &mut count), redactor.push(b"").to_vec())
                }
                Step::Push(_) => (
                    hushlog_stream_push(stream, piece.as_ptr().cast(), piece.len(), &mut slices, &mut count),
                    redactor.push(&piece).to_vec(),
                ),
                Step::Swap(set) => (
                    hushlog_stream_swap(stream, Some(&sets[*set].0), &mut slices, &mut count),
                    redactor.swap(Arc::clone(&sets[*set].1)).to_vec(),
                ),
                Step::Finish => (hushlog_stream_finish(stream, &mut slices, &mut count), redactor.finish().to_vec()),
                Step::ReleasePartial(len_max) => (
                    hushlog_stream_release_partial(stream, *len_max, &mut slices, &mut count),
                    redactor.release_partial(*len_max).to_vec(),
                ),
            }
        };
        assert_eq!((code, given(slices, count)), (0, expected));
        assert_eq!(hushlog_stream_held(stream.as_deref()), redactor.held());
    }
    check_counts(stream.as_deref(), &redactor);
    hushlog_stream_free(stream);
}

fn check_counts(stream: Option<&Stream>, redactor: &Redactor) {
    type Counts = BTreeMap<(String, String), u64>;
    extern "C" fn each(context: *mut c_void, name: *const c_char, form: *const c_char, count: u64) {
        // SAFETY: this is the pointer passed below, and nothing else uses it during the call.
        let counts = unsafe { &mut *context.cast::<Counts>() };
        counts.insert((text(name).expect("a name"), text(form).expect("a form")), count);
    }
    let mut counts = Counts::new();
    let stream = stream.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the stream is one of the library's, and outlives the call.
    assert_eq!(unsafe { hushlog_stream_counts(stream, Some(each), (&raw mut counts).cast()) }, 0);
    let expected = redactor.counts().into_iter().map(|((name, form), count)| ((name, form.name().to_owned()), count));
    assert_eq!(counts, expected.collect());
}

/// The bytes of all lent slices, none of which is empty.
fn given(slices: *const Slice, count: usize) -> Vec<u8> {
    let slices: *const Lent = slices.cast();
    // SAFETY: `count` slices are valid until the next call, which comes later.
    let slices = (0..count).map(|n| unsafe { *slices.add(n) });
    slices.flat_map(|lent| if lent.len > 0 { bytes(lent) } else { panic!("an empty slice") }.to_vec()).collect()
}

fn bytes<'a>(lent: Lent) -> &'a [u8] {
    // SAFETY: the slice is lent until the next call on the stream, and is not kept longer.
    if lent.len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(lent.data, lent.len) } }
}

fn text(text: *const c_char) -> Option<String> {
    // SAFETY: strings from the library end with a NUL.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().expect("UTF-8").to_owned())
}
