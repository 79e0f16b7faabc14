//! Replays every committed corpus file through its target, and holds the corpora to the seeds.
//!
//! `SEALANE_WRITE_CORPUS=1 cargo test -p sealane-fuzz-harness` writes seeds that are missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use sealane_fuzz_harness::{TARGETS, seeds};

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target)
}

#[test]
fn every_seed_is_committed() {
    let write = std::env::var_os("SEALANE_WRITE_CORPUS").is_some();
    for (target, name, bytes) in seeds::all() {
        let path = corpus(target).join(&name);
        if write {
            std::fs::create_dir_all(corpus(target)).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let stored = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(stored, bytes, "{target}/{name} is not what seeds.rs says");
    }
}

#[test]
fn every_corpus_file_passes() {
    for (target, entry) in TARGETS {
        let files = std::fs::read_dir(corpus(target)).unwrap();
        let mut count = 0;
        for file in files {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            eprintln!("{target}: {}", path.display());
            entry(&bytes);
            count += 1;
        }
        assert!(count > 0, "no corpus for {target}");
    }
}

#[test]
fn every_target_has_a_fuzzer() {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    for (target, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
    }
}

/// A poor man's fuzzer, for machines without one: damaged seeds.
#[test]
fn damaged_seeds_pass() {
    for (target, entry) in TARGETS {
        let mut rng = sealane_sim::rng::Rng::new(1, 2);
        let rounds = if *target == "endpoint" { 4 } else { 100 };
        for (_, _, bytes) in seeds::all().into_iter().filter(|(of, _, _)| of == target) {
            for _ in 0..rounds {
                let mut bytes = bytes.clone();
                for _ in 0..=rng.below(3) {
                    if !bytes.is_empty() {
                        let at = rng.index(bytes.len());
                        bytes[at] = rng.next_u64() as u8;
                    }
                }
                bytes.truncate(rng.index(bytes.len() + 1).max(bytes.len() / 2));
                entry(&bytes);
            }
        }
    }
}
