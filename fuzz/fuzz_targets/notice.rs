//! See `sealane_fuzz_harness::notice_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealane_fuzz_harness::notice_frame(bytes));
