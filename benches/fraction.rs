//! What is left of the roof: 64 MiB messages one way (a two-rank broadcast in place; out of place it
//! would also copy them on rank 0) and a two-rank 64 MiB all-reduce by the `sealane` command, beside bare
//! AEAD and UDP without a protocol. The roof adds to its own memory, as the all-reduce in place does; out
//! of place, memory carries a third more.
//!
//! Every round measures all of them, in turn, and the medians of rates and of each round's ratio are
//! printed. `cargo bench --bench fraction -- [ROUNDS]`
#![allow(missing_docs, reason = "a bench has no users")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::expect_used, reason = "a bench that cannot open a socket has nothing to say")]
#![allow(dead_code, reason = "the roofline bench uses the rest of its modules")]

#[path = "roofline/bare.rs"]
mod bare;
#[path = "roofline/cipher.rs"]
mod cipher;
#[path = "roofline/exchange.rs"]
mod exchange;
#[path = "roofline/wire.rs"]
mod wire;

use std::process::{Command, Stdio};

use cipher::Suite;
use exchange::{Case, Direction, measure};
use wire::Backend;

/// Payload of the roof's packets: what Sealane's are on loopback.
const PACKET: usize = 65_000;
const BYTES: usize = 64 << 20;

/// A collective, by the buffers that it uses, and the roof that it is held against.
const PAIRS: [(&str, [&str; 2], Direction); 3] = [
    ("one-way stream of 64 MiB messages", ["broadcast", "in_place"], Direction::OneWay),
    ("two-rank all-reduce of 64 MiB", ["all_reduce", "in_place"], Direction::Exchange),
    ("the same, out of place", ["all_reduce", "out_of_place"], Direction::Exchange),
];

fn main() {
    let rounds = std::env::args().skip(1).find_map(|a| a.parse::<usize>().ok()).unwrap_or(9).max(1);
    let mut samples: [Vec<(f64, f64)>; 3] = Default::default();
    for _ in 0..rounds {
        for ((_, collective, direction), samples) in PAIRS.iter().zip(&mut samples) {
            samples.extend(roof(*direction).zip(sealane(*collective)));
        }
    }
    println!("GB/s of payload, AES-256-GCM, medians of {rounds} interleaved rounds");
    println!("{:<36} {:>8} {:>8} {:>8}", "", "sealane", "roof", "ratio");
    for ((name, ..), samples) in PAIRS.iter().zip(&samples) {
        let column = |of: fn(&(f64, f64)) -> f64| median(samples.iter().map(of).collect());
        let (roof, ours) = (column(|pair| pair.0), column(|pair| pair.1));
        println!("{name:<36} {ours:>8.2} {roof:>8.2} {:>8.2}", column(|pair| pair.1 / pair.0));
    }
}

fn roof(direction: Direction) -> Option<f64> {
    let (suite, backend) = (Suite::Aes256Gcm, Backend::Bare);
    measure(&Case { packet: PACKET, suite, direction, backend, bytes: 2 * BYTES })
}

/// The bus bandwidth that `sealane perf` reports.
fn sealane([collective, buffers]: [&str; 2]) -> Option<f64> {
    let json = std::env::temp_dir().join(format!("sealane-fraction-{}.json", std::process::id()));
    let status = Command::new(env!("CARGO_BIN_EXE_sealane"))
        .args(["perf", collective, "-n", "2", "-b", "64M", "-e", "64M", "--iters", "10"])
        .args(["-w", "2", "-c", "0", "--json"])
        .arg(&json)
        .stdout(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "sealane perf {collective} failed");
    let text = std::fs::read(&json).expect("the report was written");
    std::fs::remove_file(&json).expect("the report can be removed");
    let report: serde_json::Value = serde_json::from_slice(&text).expect("the report is JSON");
    report["rows"][0][buffers]["busbw_gbps"].as_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}
