//! What encryption costs: sealing from user memory, opening in place, the replay window, a new key.
//!
//! `plain` is the price of the same packet without a cipher: one copy from user memory.
#![allow(clippy::expect_used, missing_docs)]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sealane_transport::packet::{CLEAR_HEADER_LEN, ClearHeader};
use sealane_transport::seal::{Opener, ReplayWindow, Sealer, SessionKeys, TAG_LEN};
use sealane_transport::{Lane, Rank, SessionId, Suite, Time};

/// Payloads: Ethernet, a page, jumbo in whole lines, the largest on loopback.
const PAYLOADS: [usize; 4] = [1344, 4096, 8832, 65_408];
/// Clear header and DATA header.
const HEAD: usize = CLEAR_HEADER_LEN + 32;
const SECRET: [u8; 32] = [7; 32];

fn sealer(suite: Suite) -> Sealer {
    let (tx, _) = SessionKeys::derive(&SECRET, suite, Rank(0), Rank(1));
    Sealer::new(tx, suite, Lane(0), u16::MAX, None, Time::ZERO)
}

fn opener(suite: Suite) -> Opener {
    let (_, rx) = SessionKeys::derive(&SECRET, suite, Rank(1), Rank(0));
    Opener::new(rx, suite, Lane(0), Time::ZERO)
}

/// Seals one packet, with fresh keys in time.
fn seal(sealer: &mut Sealer, packet: &mut [u8], payload: &[u8]) -> ClearHeader {
    if sealer.rekey_due(Time::ZERO) {
        sealer.advance(Time::ZERO);
    }
    let number = sealer.mint().expect("a number");
    let header = ClearHeader {
        generation: sealer.generation(),
        lane: Lane(0),
        span: 0,
        session: SessionId(1),
        number: number.value(),
    };
    header.encode(packet);
    sealer.seal(number, packet, HEAD, payload).expect("sealed");
    header
}

fn sealing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal");
    for length in PAYLOADS {
        group.throughput(Throughput::Bytes(length as u64));
        let payload = vec![1; length];
        let mut packet = vec![0; HEAD + length + TAG_LEN];
        for &suite in Suite::available() {
            let mut sealer = sealer(suite);
            group.bench_function(BenchmarkId::new(suite.name(), length), |bencher| {
                bencher.iter(|| seal(&mut sealer, black_box(&mut packet), black_box(&payload)));
            });
        }
        group.bench_function(BenchmarkId::new("plain", length), |bencher| {
            bencher.iter(|| {
                let packet = black_box(&mut packet);
                packet[HEAD..HEAD + length].copy_from_slice(black_box(&payload));
            });
        });
    }
    group.finish();
}

fn opening(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    for length in PAYLOADS {
        group.throughput(Throughput::Bytes(length as u64));
        let payload = vec![1; length];
        for &suite in Suite::available() {
            let (mut sealer, mut opener) = (sealer(suite), opener(suite));
            group.bench_function(BenchmarkId::new(suite.name(), length), |bencher| {
                bencher.iter_batched_ref(
                    || {
                        let mut packet = vec![0; HEAD + length + TAG_LEN];
                        let header = seal(&mut sealer, &mut packet, &payload);
                        (header, packet)
                    },
                    |(header, packet)| opener.open(Time::ZERO, header, packet).map(|text| text[0]),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

fn replay_window(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("window");
    let mut window = ReplayWindow::new();
    let mut number = 0;
    group.bench_function("mark in order", |bencher| {
        bencher.iter(|| {
            number += 1;
            window.mark(black_box(number))
        });
    });
    let mut window = ReplayWindow::new();
    for number in (0..4096u64).filter(|number| number % 7 != 0) {
        window.mark(number).expect("new");
    }
    let mut words = [0; 64];
    group.bench_function("first missing and 64 words", |bencher| {
        bencher.iter(|| {
            let base = window.first_missing(black_box(1));
            window.fill(base, black_box(&mut words))
        });
    });
    group.finish();
}

fn rekeying(criterion: &mut Criterion) {
    for &suite in Suite::available() {
        let mut sealer = sealer(suite);
        criterion.bench_function(&format!("advance/{suite}"), |bencher| {
            bencher.iter(|| sealer.advance(black_box(Time::ZERO)));
        });
    }
}

criterion_group!(benches, sealing, opening, replay_window, rekeying);
criterion_main!(benches);
