#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hushlog_fuzz::target::readings(bytes));
