//! The overhead of the C ABI: pushes and records through the shared library, next to the same calls
//! in Rust.
//!
//! `bindings/c/install` builds the library, unless `HUSHLOG_LIBRARY` names one. Both sides have
//! the same optimization. They differ in the boundary: argument checks, catching panics, the list
//! of slices, and no inlining.

mod support;

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use hushlog::{NeedleSet, Overlay, Redactor};
use libloading::Library;

use support::cases::all_forms;
use support::clock::CpuTime;
use support::secrets::keys;
use support::text::Corpus;

const SECRETS: usize = 100;
const TEXT_LEN: usize = 1 << 20;
const PIECES: [usize; 4] = [64 << 10, 4 << 10, 1_000, 200];
const RECORD_LEN: usize = 200;
const ROUNDS: usize = 15;

#[repr(C)]
struct Slice {
    data: *const u8,
    len: usize,
}

type Handle = *mut c_void;
type Push = unsafe extern "C" fn(Handle, *const u8, usize, *mut *const Slice, *mut usize) -> c_int;
type Finish = unsafe extern "C" fn(Handle, *mut *const Slice, *mut usize) -> c_int;
type Redact = unsafe extern "C" fn(Handle, *const u8, usize, *mut u8, usize, *mut Slice) -> c_int;
type InPlace = unsafe extern "C" fn(Handle, *mut u8, usize) -> c_int;

/// The library with a set of the same secrets, and a stream.
struct Foreign {
    push: Push,
    finish: Finish,
    redact: Redact,
    in_place: InPlace,
    set: Handle,
    stream: Handle,
}

fn main() {
    let values = keys(SECRETS);
    let set = Arc::new(all_forms(values.clone()));
    let foreign = Foreign::new(&set, &values);
    let text = Corpus::open().text(TEXT_LEN);
    println!("\n## {SECRETS} secrets in all forms, clean logs, {ROUNDS} rounds in turn: median CPU time a call\n");
    println!("| call | Rust | over the ABI | ratio |\n| --- | ---: | ---: | ---: |");
    for piece in PIECES {
        pushes(&set, &foreign, &text, piece);
    }
    records(&set, &foreign, text, &values[0]);
}

fn pushes(set: &Arc<NeedleSet>, foreign: &Foreign, text: &[u8], piece_len: usize) {
    // Both begin without held-back bytes.
    let mut redactor = Redactor::new(Arc::clone(set));
    foreign.finish();
    let own = text.chunks(piece_len).map(|piece| redactor.push(piece).map(<[u8]>::len).sum::<usize>()).sum::<usize>();
    let theirs = text.chunks(piece_len).map(|piece| foreign.push(piece)).sum::<usize>();
    assert_eq!((own, redactor.held()), (theirs, text.len() - theirs), "both give out the same");
    let calls = text.len().div_ceil(piece_len);
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(time(calls, || {
            text.chunks(piece_len).map(|piece| redactor.push(piece).map(<[u8]>::len).sum::<usize>()).sum()
        }));
        times[1].push(time(calls, || text.chunks(piece_len).map(|piece| foreign.push(piece)).sum()));
    }
    row(&format!("push of {piece_len} bytes"), times);
}

fn records(set: &NeedleSet, foreign: &Foreign, mut text: Vec<u8>, value: &[u8]) {
    let overlay = Overlay::named(set).expect("there is a byte that no key has");
    let mut record = [[b"key=", value, b";"].concat(), [b"key=", value, b";"].concat()];
    assert_eq!(set.redact_in_place(&mut record[0], &overlay), 1);
    assert_eq!(foreign.in_place(&mut record[1]), 1);
    assert_eq!(record[0], record[1]);
    let calls = text.len() / RECORD_LEN;
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let records = text.chunks_exact_mut(RECORD_LEN);
        times[0].push(time(calls, || records.map(|record| set.redact_in_place(record, &overlay)).sum()));
        let records = text.chunks_exact_mut(RECORD_LEN);
        times[1].push(time(calls, || records.map(|record| foreign.in_place(record) as usize).sum()));
        let records = text.chunks_exact(RECORD_LEN);
        times[2].push(time(calls, || records.map(|record| set.redact_cow(record).len()).sum()));
        let records = text.chunks_exact(RECORD_LEN);
        times[3].push(time(calls, || records.map(|record| foreign.redact(record)).sum()));
    }
    let [in_place, foreign_in_place, cow, foreign_cow] = times;
    row(&format!("record of {RECORD_LEN} bytes, in place"), [in_place, foreign_in_place]);
    row(&format!("record of {RECORD_LEN} bytes, `redact_cow` and `hushlog_redact`"), [cow, foreign_cow]);
}

/// Nanoseconds a call.
fn time(calls: usize, work: impl FnOnce() -> usize) -> f64 {
    let start = CpuTime::now();
    std::hint::black_box(work());
    start.elapsed().as_secs_f64() * 1e9 / calls as f64
}

fn row(call: &str, times: [Vec<f64>; 2]) {
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let ratio = median(times[0].iter().zip(&times[1]).map(|(own, theirs)| theirs / own).collect());
    let [own, theirs] = times.map(median);
    println!("| {call} | {own:.0} ns | {theirs:.0} ns | {ratio:.2} |");
}

/// The library, built as its documentation says.
fn library() -> PathBuf {
    if let Some(path) = std::env::var_os("HUSHLOG_LIBRARY") {
        return path.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let prefix = root.join("target/ffi/prefix");
    let install = Command::new(root.join("bindings/c/install")).arg("--prefix").arg(&prefix).status();
    assert!(install.expect("it can be run").success(), "the library cannot be built");
    prefix.join("lib/libhushlog.so.0")
}

impl Foreign {
    fn new(set: &NeedleSet, values: &[Vec<u8>]) -> Foreign {
        // SAFETY: loading the library runs no code. It stays loaded to the end.
        let library: &'static Library = Box::leak(Box::new(unsafe { Library::new(library()) }.expect("a library")));
        fn get<F: Copy>(library: &Library, name: &str) -> F {
            // SAFETY: the types are those of the header.
            *unsafe { library.get::<F>(name) }.expect("it is exported")
        }
        let add: unsafe extern "C" fn(Handle, *const c_char, *const u8, usize) -> c_int =
            get(library, "hushlog_builder_add");
        let build: unsafe extern "C" fn(Handle, *mut Handle) -> c_int = get(library, "hushlog_builder_build");
        let stream_new: unsafe extern "C" fn(Handle, c_uint, *mut Handle) -> c_int = get(library, "hushlog_stream_new");
        let needles: unsafe extern "C" fn(Handle) -> usize = get(library, "hushlog_set_needles");
        let (mut made, mut stream) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the builder and the set live to the end, and the texts during each call.
        unsafe {
            let builder = get::<unsafe extern "C" fn() -> Handle>(library, "hushlog_builder_new")();
            for value in values {
                assert_eq!(add(builder, c"BENCH".as_ptr(), value.as_ptr(), value.len()), 0);
            }
            assert_eq!(build(builder, &mut made), 0);
            assert_eq!(needles(made), set.len());
            assert_eq!(stream_new(made, 0, &mut stream), 0);
        }
        let name = |name| format!("hushlog_{name}");
        Foreign {
            push: get(library, &name("stream_push")),
            finish: get(library, &name("stream_finish")),
            redact: get(library, &name("redact")),
            in_place: get(library, &name("redact_in_place")),
            set: made,
            stream,
        }
    }

    /// The number of returned bytes.
    fn push(&self, piece: &[u8]) -> usize {
        let (mut slices, mut count) = (std::ptr::null(), 0);
        // SAFETY: the stream lives, and the slices are read before the next call.
        unsafe {
            assert_eq!((self.push)(self.stream, piece.as_ptr(), piece.len(), &mut slices, &mut count), 0);
            (0..count).map(|n| (*slices.add(n)).len).sum()
        }
    }

    /// Ends the stream; the next push begins another.
    fn finish(&self) {
        let (mut slices, mut count) = (std::ptr::null(), 0);
        // SAFETY: the stream lives, and the slices are not read.
        assert_eq!(unsafe { (self.finish)(self.stream, &mut slices, &mut count) }, 0);
    }

    fn in_place(&self, record: &mut [u8]) -> c_int {
        // SAFETY: the set lives, and so does the record.
        unsafe { (self.in_place)(self.set, record.as_mut_ptr(), record.len()) }
    }

    fn redact(&self, record: &[u8]) -> usize {
        let mut redacted = Slice { data: std::ptr::null(), len: 0 };
        // SAFETY: the set lives, and so does the record; there is no buffer.
        let code =
            unsafe { (self.redact)(self.set, record.as_ptr(), record.len(), std::ptr::null_mut(), 0, &mut redacted) };
        assert!(code == 0 && redacted.data == record.as_ptr(), "the text is clean");
        redacted.len
    }
}
