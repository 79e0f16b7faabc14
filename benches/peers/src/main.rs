//! Sealane beside what people use instead, measured in turns on one machine.
//!
//! ```sh
//! cargo run --release -p sealane-peers -- --ranks 2
//! ```
//!
//! Every peer stays up during the whole run and waits, asleep, for orders over a Unix socket. A round gives
//! each peer the same order in turn, so that what else the machine does slows all of them alike; a
//! figure is the median over rounds of one figure a round, and a ratio is the median of each round's.
//! What is not installed is named as skipped.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

#[path = "../../roofline/bare.rs"]
#[allow(dead_code, clippy::expect_used, missing_docs, reason = "shared with the roofline bench")]
mod bare;
#[path = "../../roofline/cipher.rs"]
#[allow(dead_code, clippy::expect_used, missing_docs, reason = "shared with the roofline bench")]
mod cipher;
mod contender;
mod control;
#[path = "../../roofline/exchange.rs"]
#[allow(dead_code, missing_docs, reason = "shared with the roofline bench")]
mod exchange;
mod options;
mod peer;
mod place;
mod rank;
mod report;
mod roof;
mod rounds;
mod summary;
mod table;
#[path = "../../roofline/wire.rs"]
#[allow(dead_code, clippy::expect_used, missing_docs, reason = "shared with the roofline bench")]
mod wire;

use std::process::ExitCode;

use clap::Parser;

/// Whatever ends the run early; it is printed and not acted upon.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let outcome = match options::Options::parse().command {
        Some(options::Command::Rank(rank)) => rank::run(&rank),
        None => rounds::run(&options::Options::parse()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("sealane-peers: {failure}");
            ExitCode::FAILURE
        }
    }
}
