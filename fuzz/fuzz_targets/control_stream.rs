//! See `sealane_fuzz_harness::control_stream`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealane_fuzz_harness::control_stream(bytes));
