//! See `sealane_fuzz_harness::rendezvous_frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealane_fuzz_harness::rendezvous_frames(bytes));
