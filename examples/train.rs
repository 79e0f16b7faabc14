//! Data-parallel training on real data: `sealane launch -n 4 -- target/release/examples/train`, or alone.
//!
//! A network of one hidden layer learns from chemistry (UCI wine quality, 1599 red wines, 11 features)
//! whether a wine was rated 6 or better. Each rank computes the gradient of its share of the rows; one
//! all-reduce sums the gradients; all take the same step. So the model is that of one process, up to the
//! order of additions, and its bits are the same on all ranks.

use std::error::Error;

use sealane::bootstrap::{EnvironmentError, Launch};
use sealane::{Communicator, Rank, ReduceOp};

const FEATURES: usize = 11;
const HIDDEN: usize = 16;
/// Hidden weights and biases, output weights and bias.
const WEIGHTS: usize = HIDDEN * (FEATURES + 1) + HIDDEN + 1;
/// After the gradient: summed loss, correct answers.
const BUCKET: usize = WEIGHTS + 2;
const EPOCHS: usize = 60;
const RATE: f64 = 0.8;
const MOMENTUM: f64 = 0.9;

/// One rank's share of the data, standardised.
struct Shard {
    rows: Vec<([f64; FEATURES], f64)>,
    total: usize,
}

fn load(rank: u32, world: u32) -> Shard {
    let data = linfa_datasets::winequality();
    let records = data.records();
    let total = records.nrows();
    let mut rows: Vec<([f64; FEATURES], f64)> = Vec::with_capacity(total);
    for (row, quality) in records.rows().into_iter().zip(data.targets()) {
        let mut features = [0.0; FEATURES];
        features.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
        rows.push((features, if *quality >= 6 { 1.0 } else { 0.0 }));
    }
    for feature in 0..FEATURES {
        let mean = rows.iter().map(|(x, _)| x[feature]).sum::<f64>() / total as f64;
        let square = rows.iter().map(|(x, _)| (x[feature] - mean).powi(2)).sum::<f64>();
        let deviation = (square / total as f64).sqrt().max(1e-12);
        rows.iter_mut().for_each(|(x, _)| x[feature] = (x[feature] - mean) / deviation);
    }
    let mine = |(index, row)| (index as u32 % world == rank).then_some(row);
    Shard { rows: rows.into_iter().enumerate().filter_map(mine).collect(), total }
}

/// Small, different, and the same every time: SplitMix64.
fn initial_weights() -> Vec<f64> {
    let mut state = 0x5ea1_a4e5_u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..WEIGHTS).map(|_| next()).collect()
}

/// Adds the gradient, the loss and the hits of one row to `bucket`.
fn learn(weights: &[f64], (x, y): &([f64; FEATURES], f64), bucket: &mut [f64]) {
    let (hidden, output) = weights.split_at(HIDDEN * (FEATURES + 1));
    let mut activation = [0.0; HIDDEN];
    for (unit, out) in activation.iter_mut().enumerate() {
        let row = &hidden[unit * (FEATURES + 1)..(unit + 1) * (FEATURES + 1)];
        let sum: f64 = row[..FEATURES].iter().zip(x).map(|(w, x)| w * x).sum();
        *out = (sum + row[FEATURES]).tanh();
    }
    let score =
        output[HIDDEN] + output[..HIDDEN].iter().zip(&activation).map(|(w, a)| w * a).sum::<f64>();
    let probability = 1.0 / (1.0 + (-score).exp());
    let error = probability - y;
    let (hidden_gradient, rest) = bucket.split_at_mut(HIDDEN * (FEATURES + 1));
    for unit in 0..HIDDEN {
        rest[unit] += error * activation[unit];
        let back = error * output[unit] * (1.0 - activation[unit].powi(2));
        let row = &mut hidden_gradient[unit * (FEATURES + 1)..(unit + 1) * (FEATURES + 1)];
        row[..FEATURES].iter_mut().zip(x).for_each(|(g, x)| *g += back * x);
        row[FEATURES] += back;
    }
    rest[HIDDEN] += error;
    // ln(1 + e^score) − y·score, without overflow.
    rest[HIDDEN + 1] += score.max(0.0) + (-score.abs()).exp().ln_1p() - y * score;
    rest[HIDDEN + 2] += f64::from(u8::from((probability >= 0.5) == (*y > 0.5)));
}

/// FNV-1a over the bits of all weights.
fn checksum(weights: &[f64]) -> u64 {
    let bytes = weights.iter().flat_map(|weight| weight.to_bits().to_be_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The ranks of the job, or nobody but us.
fn join() -> Result<Option<Communicator>, sealane::Error> {
    match Launch::detect(&|name| std::env::var(name).ok()) {
        Err(EnvironmentError::NoLauncher) => Ok(None),
        _ => Communicator::from_env().map(Some),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let job = join()?;
    let (rank, world) = job.as_ref().map_or((0, 1), |job| (job.rank().0, job.size()));
    let shard = load(rank, world);
    let mut weights = initial_weights();
    if let Some(job) = &job {
        job.broadcast(&mut weights, Rank(0))?;
    }
    let mut velocity = vec![0.0; WEIGHTS];
    let mut last = (0.0, 0.0);
    for epoch in 1..=EPOCHS {
        let mut bucket = vec![0.0; BUCKET];
        for row in &shard.rows {
            learn(&weights, row, &mut bucket);
        }
        if let Some(job) = &job {
            bucket = job.all_reduce_start(bucket, ReduceOp::Sum)?.wait()?;
        }
        let rows = shard.total as f64;
        for ((weight, speed), gradient) in weights.iter_mut().zip(&mut velocity).zip(&bucket) {
            *speed = MOMENTUM * *speed - RATE * 0.1 * gradient / rows;
            *weight += *speed;
        }
        last = (bucket[WEIGHTS] / rows, bucket[WEIGHTS + 1] / rows);
        if rank == 0 && (epoch % 10 == 0 || epoch == 1) {
            println!("epoch {epoch:>3}  loss {:.6}  accuracy {:.4}", last.0, last.1);
        }
    }
    let mine = checksum(&weights);
    let (mut least, mut most) = ([mine], [mine]);
    if let Some(job) = &job {
        job.all_reduce(&mut least, ReduceOp::Min)?;
        job.all_reduce(&mut most, ReduceOp::Max)?;
    }
    if least != most {
        return Err("weights differ between ranks".into());
    }
    if rank == 0 {
        println!("final loss {:.12} accuracy {:.6} on {} rows", last.0, last.1, shard.total);
        println!("weights {mine:016x}, the same on {world} ranks");
    }
    Ok(())
}
