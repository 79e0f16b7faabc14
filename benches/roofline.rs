//! The roof over Sealane on this machine: bare AEAD and bare UDP, without a protocol.
//!
//! Two threads on two cores. One way: core 0 seals and sends, core 1 receives and opens. Exchange:
//! both seal, send, receive, open and add `f32`s, which is what a two-rank ring all-reduce cannot do
//! without. No acknowledgement, loss handling or congestion control: a window kept in shared memory
//! stands in for them. The null rows copy instead of sealing, which prices encryption; they exist
//! nowhere but here. The `device` rows send through `sealane_udp::UdpDevice` instead of bare calls.
//!
//! Every round measures every case once, in turn, and the medians are printed, so that a busy
//! machine slows all of them alike. `cargo bench --bench roofline -- [ROUNDS [MIB]]`
#![allow(missing_docs, reason = "a bench has no users")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::expect_used, reason = "a bench that cannot open a socket has nothing to say")]

#[path = "roofline/bare.rs"]
mod bare;
#[path = "roofline/cipher.rs"]
mod cipher;
#[path = "roofline/exchange.rs"]
mod exchange;
#[path = "roofline/wire.rs"]
mod wire;

use cipher::Suite;
use exchange::{Case, Direction, measure};
use wire::Backend;

const PACKETS: [usize; 5] = [1400, 8192, 32_768, 61_440, 65_000];
const BACKENDS: [Backend; 2] = [Backend::Bare, Backend::Device];
const SUITES: [Suite; 2] = [Suite::Aes256Gcm, Suite::Null];
const DIRECTIONS: [Direction; 2] = [Direction::OneWay, Direction::Exchange];

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<usize>().ok());
    let rounds = numbers.next().unwrap_or(9).max(1);
    let bytes = numbers.next().unwrap_or(128).max(1) << 20;
    let cases = all_cases(bytes);
    let mut rates: Vec<Vec<f64>> = vec![Vec::with_capacity(rounds); cases.len()];
    for _ in 0..rounds {
        for (case, rates) in cases.iter().zip(&mut rates) {
            rates.extend(measure(case));
        }
    }
    println!("GB/s of payload, medians of {rounds} interleaved rounds of {} MiB", bytes >> 20);
    println!(
        "{:>7}  {:<12} {:>13} {:>13} {:>13} {:>13}",
        "packet", "suite", "one-way bare", "device", "exchange bare", "device"
    );
    let median_of = |wanted: &Case| {
        let found = cases.iter().position(|case| case == wanted);
        found.and_then(|i| median(&rates[i])).map_or("lost".to_owned(), |r| format!("{r:.2}"))
    };
    for packet in PACKETS {
        for suite in SUITES {
            print!("{packet:>7}  {:<12}", suite.name());
            for direction in DIRECTIONS {
                for backend in BACKENDS {
                    let case = Case { packet, suite, direction, backend, bytes };
                    print!(" {:>13}", median_of(&case));
                }
            }
            println!();
        }
    }
}

fn all_cases(bytes: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for packet in PACKETS {
        for direction in DIRECTIONS {
            for suite in SUITES {
                for backend in BACKENDS {
                    cases.push(Case { packet, suite, direction, backend, bytes });
                }
            }
        }
    }
    cases
}

fn median(rates: &[f64]) -> Option<f64> {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
