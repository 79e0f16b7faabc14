//! See `sealane_fuzz_harness::membership_frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealane_fuzz_harness::membership_frames(bytes));
