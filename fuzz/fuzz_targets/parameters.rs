//! See `sealane_fuzz_harness::parameters_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealane_fuzz_harness::parameters_body(bytes));
