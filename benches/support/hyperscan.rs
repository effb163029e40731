//! Hyperscan's literal streaming mode, through the C interface of a library loaded at run time.
//! Building the benches needs no part of it.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use libloading::{Library, Symbol};

use super::contestants::Contestant;
use super::oracle::Oracle;

/// Paths of libraries to race against each other, separated by colons.
pub(crate) const LIBRARIES_VARIABLE: &str = "HUSHLOG_HYPERSCAN";
const LIBRARIES_DEFAULT: &str = "libhs.so.5";

const HS_SUCCESS: c_int = 0;
const HS_MODE_STREAM: c_uint = 2;

/// The CPU that the search is compiled for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// This machine's CPU.
    Host,
    /// Any CPU that Hyperscan supports. With few needles it then chooses another algorithm, which
    /// was more than twice as fast on an AVX-512 machine. From a hundred needles there was no
    /// difference.
    Any,
}

/// `hs_platform_info_t`: all zero stands for any CPU.
#[repr(C)]
struct Platform {
    tune: c_uint,
    cpu_features: u64,
    reserved: [u64; 2],
}

/// `hs_compile_error_t`
#[repr(C)]
struct CompileError {
    message: *const c_char,
    expression: c_int,
}

type OnMatch = extern "C" fn(c_uint, u64, u64, c_uint, *mut c_void) -> c_int;
type ValidPlatform = unsafe extern "C" fn() -> c_int;
type CompileLiterals = unsafe extern "C" fn(
    *const *const c_char,
    *const c_uint,
    *const c_uint,
    *const usize,
    c_uint,
    c_uint,
    *const Platform,
    *mut *mut c_void,
    *mut *mut CompileError,
) -> c_int;
type FreeCompileError = unsafe extern "C" fn(*mut CompileError) -> c_int;
type DatabaseInfo = unsafe extern "C" fn(*const c_void, *mut *mut c_char) -> c_int;
type AllocScratch = unsafe extern "C" fn(*const c_void, *mut *mut c_void) -> c_int;
type Free = unsafe extern "C" fn(*mut c_void) -> c_int;
type OpenStream = unsafe extern "C" fn(*const c_void, c_uint, *mut *mut c_void) -> c_int;
type ScanStream =
    unsafe extern "C" fn(*mut c_void, *const c_char, c_uint, c_uint, *mut c_void, OnMatch, *mut c_void) -> c_int;
type ResetStream = unsafe extern "C" fn(*mut c_void, c_uint, *mut c_void, Option<OnMatch>, *mut c_void) -> c_int;
type CloseStream = unsafe extern "C" fn(*mut c_void, *mut c_void, Option<OnMatch>, *mut c_void) -> c_int;

/// The libraries that could be loaded; failures are reported on stderr.
pub(crate) fn libraries() -> Vec<Arc<Library>> {
    let paths = std::env::var(LIBRARIES_VARIABLE).unwrap_or_else(|_| LIBRARIES_DEFAULT.to_owned());
    paths.split(':').filter(|path| !path.is_empty()).filter_map(load).map(Arc::new).collect()
}

fn load(path: &str) -> Option<Library> {
    // SAFETY: loading runs the constructors of a library named by the user of the bench, who trusts
    // it.
    match unsafe { Library::new(path) } {
        Ok(library) => Some(library),
        Err(_) => {
            let name = Path::new(path).display();
            eprintln!("no Hyperscan at {name}: its rows are left out (install it, or set {LIBRARIES_VARIABLE})");
            None
        }
    }
}

/// A compiled set of needles, and one open stream.
pub(crate) struct Hyperscan {
    library: Arc<Library>,
    name: String,
    database: *mut c_void,
    scratch: *mut c_void,
    stream: *mut c_void,
}

impl Hyperscan {
    /// Compiles the needles. Returns the reason if the library refuses.
    pub(crate) fn new(library: &Arc<Library>, needles: &[&[u8]], target: Target) -> Result<Hyperscan, String> {
        // SAFETY: the symbol has this type in hs_compile.h of all versions 5, and takes no
        // argument.
        succeeded("hs_valid_platform", unsafe { symbol::<ValidPlatform>(library, "hs_valid_platform")() })?;
        let mut hyperscan = Hyperscan {
            library: Arc::clone(library),
            name: String::new(),
            database: ptr::null_mut(),
            scratch: ptr::null_mut(),
            stream: ptr::null_mut(),
        };
        hyperscan.compile(needles, target)?;
        hyperscan.open()?;
        hyperscan.name = hyperscan.info()?;
        Ok(hyperscan)
    }

    fn compile(&mut self, needles: &[&[u8]], target: Target) -> Result<(), String> {
        let compile: Symbol<'_, CompileLiterals> = symbol(&self.library, "hs_compile_lit_multi");
        let literals: Vec<*const c_char> = needles.iter().map(|needle| needle.as_ptr().cast()).collect();
        let lens: Vec<usize> = needles.iter().map(|needle| needle.len()).collect();
        let ids: Vec<c_uint> = (0..needles.len() as c_uint).collect();
        let flags = vec![0; needles.len()];
        let (count, mut error) = (needles.len() as c_uint, ptr::null_mut());
        let (mode, any, database) =
            (HS_MODE_STREAM, Platform { tune: 0, cpu_features: 0, reserved: [0; 2] }, &raw mut self.database);
        let platform = if target == Target::Any { &raw const any } else { ptr::null() };
        // SAFETY: the four arrays have `count` elements, each literal has the length given for it,
        // and a null platform stands for this machine's.
        let code = unsafe {
            compile(
                literals.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                lens.as_ptr(),
                count,
                mode,
                platform,
                database,
                &raw mut error,
            )
        };
        if error.is_null() { succeeded("hs_compile_lit_multi", code) } else { Err(self.told(error)) }
    }

    /// The text of a compile error, which is freed.
    fn told(&self, error: *mut CompileError) -> String {
        // SAFETY: the library has set the pointer, and the message is a string until the error is
        // freed.
        let message = unsafe { CStr::from_ptr((*error).message) }.to_string_lossy().into_owned();
        // SAFETY: as above; the error is used no more.
        let freed = unsafe { symbol::<FreeCompileError>(&self.library, "hs_free_compile_error")(error) };
        succeeded("hs_free_compile_error", freed).map_or_else(|also| also, |()| message)
    }

    fn open(&mut self) -> Result<(), String> {
        let alloc: Symbol<'_, AllocScratch> = symbol(&self.library, "hs_alloc_scratch");
        // SAFETY: the database was compiled, and the scratch pointer is null, which asks for a new
        // one.
        succeeded("hs_alloc_scratch", unsafe { alloc(self.database, &raw mut self.scratch) })?;
        let open: Symbol<'_, OpenStream> = symbol(&self.library, "hs_open_stream");
        // SAFETY: the database was compiled for streaming; flags must be 0.
        succeeded("hs_open_stream", unsafe { open(self.database, 0, &raw mut self.stream) })
    }

    /// The version and CPU features of the database, as the library reports them.
    fn info(&self) -> Result<String, String> {
        let info: Symbol<'_, DatabaseInfo> = symbol(&self.library, "hs_database_info");
        let mut text = ptr::null_mut();
        // SAFETY: the database was compiled; the library allocates the string with malloc.
        succeeded("hs_database_info", unsafe { info(self.database, &raw mut text) })?;
        // SAFETY: on success the library has set the pointer to a string, which is kept: once for
        // each case is no leak.
        let text = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
        let word_after = |word: &str| text.split_once(word).and_then(|(_, rest)| rest.split_whitespace().next());
        let version = word_after("Version:").unwrap_or("?");
        let features = word_after("Features:").filter(|word| *word != "Mode:").unwrap_or("for any CPU");
        Ok(format!("hyperscan {version} {features}"))
    }

    /// Scans the text as a new stream; returns the number of matches.
    fn count(&mut self, text: &[u8], piece_len: usize) -> Result<u64, String> {
        let mut found = 0u64;
        let context = (&raw mut found).cast();
        let reset: Symbol<'_, ResetStream> = symbol(&self.library, "hs_reset_stream");
        let scan: Symbol<'_, ScanStream> = symbol(&self.library, "hs_scan_stream");
        // SAFETY: stream and scratch are open and belong to the database; without a handler,
        // matches at the old stream's end are not reported.
        succeeded("hs_reset_stream", unsafe { reset(self.stream, 0, self.scratch, None, ptr::null_mut()) })?;
        for piece in text.chunks(piece_len) {
            let (data, len) = (piece.as_ptr().cast(), piece.len() as c_uint);
            // SAFETY: as above, and the piece and the counter live until the call returns.
            let code = unsafe { scan(self.stream, data, len, 0, self.scratch, count_match, context) };
            succeeded("hs_scan_stream", code)?;
        }
        Ok(found)
    }
}

extern "C" fn count_match(_id: c_uint, _from: u64, _to: u64, _flags: c_uint, context: *mut c_void) -> c_int {
    // SAFETY: the context of each scan is its counter, which nothing else uses during the call.
    unsafe { *context.cast::<u64>() += 1 };
    0
}

fn succeeded(call: &str, code: c_int) -> Result<(), String> {
    if code == HS_SUCCESS { Ok(()) } else { Err(format!("{call} returned {code}")) }
}

/// The function of this name. The caller names its type, as hs_compile.h and hs_runtime.h give it.
fn symbol<'a, T>(library: &'a Library, name: &str) -> Symbol<'a, T> {
    // SAFETY: the types above are those of the headers of Hyperscan 5.
    unsafe { library.get(name.as_bytes()) }.expect("a function of Hyperscan 5")
}

impl Contestant for Hyperscan {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn scan(&mut self, text: &[u8], piece_len: usize) -> u64 {
        self.count(text, piece_len).expect("a scan that has worked once")
    }

    fn check(&mut self, oracle: &Oracle<'_>, piece_len: usize) -> Result<(), String> {
        assert_eq!(self.count(oracle.text, piece_len)?, oracle.occurrences(), "{}", self.name);
        Ok(())
    }
}

impl Drop for Hyperscan {
    fn drop(&mut self) {
        let library = &self.library;
        // SAFETY: a stream that is not null is open, and is used no more; without a handler,
        // matches at its end are not reported.
        let close = |stream| unsafe {
            symbol::<CloseStream>(library, "hs_close_stream")(stream, self.scratch, None, ptr::null_mut())
        };
        // SAFETY: these calls take a null pointer, or one that the library allocated, which is used
        // no more.
        let free = |call, what| succeeded(call, unsafe { symbol::<Free>(library, call)(what) });
        let closed = if self.stream.is_null() { Ok(()) } else { succeeded("hs_close_stream", close(self.stream)) };
        let freed = [closed, free("hs_free_scratch", self.scratch), free("hs_free_database", self.database)];
        freed.into_iter().filter_map(Result::err).for_each(|why| eprintln!("{}: {why}", self.name));
    }
}
