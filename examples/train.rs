//! Data-parallel training on real data: `sealane launch -n 4 -- target/release/examples/train`, or alone.
//!
//! A network of one hidden layer learns from chemistry (UCI wine quality, 1599 red wines, 11 features)
//! whether a wine was rated 6 or better; every fifth wine is kept apart to test with. Each rank computes
//! the gradient of its share of the rows; one all-reduce sums the gradients; all take the same step. So
//! the model is that of one process, up to the order of additions, and its bits are the same on all
//! ranks. `--check` fails unless that is so and the test goes well.

use std::error::Error;

use sealane::bootstrap::{EnvironmentError, Launch};
use sealane::{Communicator, Rank, ReduceOp};

const FEATURES: usize = 11;
const HIDDEN: usize = 16;
/// A hidden unit's weights and its bias.
const UNIT: usize = FEATURES + 1;
/// Hidden units, then output weights and bias.
const WEIGHTS: usize = HIDDEN * UNIT + HIDDEN + 1;
/// After the gradient, and summed with it: the loss, right answers, right answers of the test.
const LOSS: usize = WEIGHTS;
const HITS: usize = WEIGHTS + 1;
const TEST_HITS: usize = WEIGHTS + 2;
const BUCKET: usize = WEIGHTS + 3;
const EPOCHS: usize = 60;
const RATE: f64 = 0.08;
const MOMENTUM: f64 = 0.9;

/// Of test accuracy, for `--check`; always guessing the more common answer gives 0.53.
const FLOOR: f64 = 0.68;
/// Of the loss, for `--check`: what another order of additions may make.
const TOLERANCE: f64 = 1e-9;

/// The features of a wine, standardised, and whether it was rated 6 or better.
type Row = ([f64; FEATURES], f64);

/// One rank's share of the data.
struct Shard {
    /// To learn from.
    learn: Vec<Row>,
    /// Kept apart, to test with.
    test: Vec<Row>,
    /// Rows of both kinds on all ranks.
    learned: usize,
    apart: usize,
}

impl Shard {
    /// Every fifth row is kept apart; the rest are dealt out in turn.
    fn load(rank: u32, world: u32) -> Self {
        let (test, learn): (Vec<_>, Vec<_>) =
            rows().into_iter().enumerate().partition(|(index, _)| index % 5 == 4);
        let (learned, apart) = (learn.len(), test.len());
        let deal = |rows: Vec<(usize, Row)>| {
            let rows = rows.into_iter().map(|(_, row)| row).skip(rank as usize);
            rows.step_by(world as usize).collect()
        };
        Self { learn: deal(learn), test: deal(test), learned, apart }
    }
}

fn rows() -> Vec<Row> {
    let data = linfa_datasets::winequality();
    let records = data.records();
    let total = records.nrows() as f64;
    let mut rows: Vec<Row> = Vec::with_capacity(records.nrows());
    for (row, quality) in records.rows().into_iter().zip(data.targets()) {
        let mut features = [0.0; FEATURES];
        features.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
        rows.push((features, if *quality >= 6 { 1.0 } else { 0.0 }));
    }
    for feature in 0..FEATURES {
        let mean = rows.iter().map(|(x, _)| x[feature]).sum::<f64>() / total;
        let square = rows.iter().map(|(x, _)| (x[feature] - mean).powi(2)).sum::<f64>();
        let deviation = (square / total).sqrt().max(1e-12);
        rows.iter_mut().for_each(|(x, _)| x[feature] = (x[feature] - mean) / deviation);
    }
    rows
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

/// What the network makes of one row: hidden activations, and the probability of "6 or better".
fn predict(weights: &[f64], x: &[f64; FEATURES]) -> ([f64; HIDDEN], f64) {
    let (hidden, output) = weights.split_at(HIDDEN * UNIT);
    let mut activation = [0.0; HIDDEN];
    for (unit, out) in hidden.chunks_exact(UNIT).zip(&mut activation) {
        let sum: f64 = unit[..FEATURES].iter().zip(x).map(|(w, x)| w * x).sum();
        *out = (sum + unit[FEATURES]).tanh();
    }
    let sum: f64 = output[..HIDDEN].iter().zip(&activation).map(|(w, a)| w * a).sum();
    (activation, 1.0 / (1.0 + (-sum - output[HIDDEN]).exp()))
}

/// 1 if the guess is right, or else 0.
fn hit(weights: &[f64], (x, y): &Row) -> f64 {
    f64::from(u8::from((predict(weights, x).1 >= 0.5) == (*y > 0.5)))
}

/// Adds the gradient of the cross-entropy, the loss and the hit of one row to `bucket`.
fn learn(weights: &[f64], row: &Row, bucket: &mut [f64]) {
    let (x, y) = row;
    let (activation, probability) = predict(weights, x);
    let error = probability - y;
    let (hidden, output) = bucket.split_at_mut(HIDDEN * UNIT);
    let back = weights[HIDDEN * UNIT..].iter().zip(&activation);
    for (unit, (weight, a)) in hidden.chunks_exact_mut(UNIT).zip(back) {
        let back = error * weight * (1.0 - a * a);
        unit[..FEATURES].iter_mut().zip(x).for_each(|(g, x)| *g += back * x);
        unit[FEATURES] += back;
    }
    output[..HIDDEN].iter_mut().zip(&activation).for_each(|(g, a)| *g += error * a);
    output[HIDDEN] += error;
    let likelihood = if *y > 0.5 { probability } else { 1.0 - probability };
    bucket[LOSS] -= likelihood.max(f64::MIN_POSITIVE).ln();
    bucket[HITS] += f64::from(u8::from((probability >= 0.5) == (*y > 0.5)));
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

/// What training came to.
struct Trained {
    weights: Vec<f64>,
    /// Mean loss of the last epoch over the rows that are learned from.
    loss: f64,
    /// Of the rows that are learned from, and of those that are kept apart.
    accuracy: (f64, f64),
}

/// Trains on all ranks of `job`, or alone; rank 0 says how it goes if `aloud`.
fn train(job: Option<&Communicator>, aloud: bool) -> Result<Trained, sealane::Error> {
    let (rank, world) = job.map_or((0, 1), |job| (job.rank().0, job.size()));
    let shard = Shard::load(rank, world);
    let mut weights = initial_weights();
    if let Some(job) = job {
        job.broadcast(&mut weights, Rank(0))?;
    }
    let mut velocity = vec![0.0; WEIGHTS];
    let (learned, apart) = (shard.learned as f64, shard.apart as f64);
    let (mut loss, mut accuracy) = (0.0, (0.0, 0.0));
    for epoch in 1..=EPOCHS {
        let mut bucket = vec![0.0; BUCKET];
        for row in &shard.learn {
            learn(&weights, row, &mut bucket);
        }
        bucket[TEST_HITS] = shard.test.iter().map(|row| hit(&weights, row)).sum();
        if let Some(job) = job {
            bucket = job.all_reduce_start(bucket, ReduceOp::Sum)?.wait()?;
        }
        (loss, accuracy) =
            (bucket[LOSS] / learned, (bucket[HITS] / learned, bucket[TEST_HITS] / apart));
        for ((weight, speed), gradient) in weights.iter_mut().zip(&mut velocity).zip(&bucket) {
            *speed = MOMENTUM * *speed - RATE * gradient / learned;
            *weight += *speed;
        }
        if aloud && rank == 0 && (epoch % 10 == 0 || epoch == 1) {
            println!("epoch {epoch:>3}  loss {loss:.6}  test accuracy {:.4}", accuracy.1);
        }
    }
    Ok(Trained { weights, loss, accuracy })
}

/// What `--check` asks for, beyond equal weights: one process must come to the same.
fn check(trained: &Trained) -> Result<(), Box<dyn Error>> {
    let alone = train(None, false)?;
    let off = (alone.loss - trained.loss).abs();
    if off > TOLERANCE {
        return Err(format!("the loss is {off:e} off that of one process").into());
    }
    let least = trained.accuracy.1;
    if least < FLOOR {
        return Err(format!("test accuracy {least:.4} is below {FLOOR}").into());
    }
    println!(
        "checked: the loss is that of one process (off by {off:.1e}); accuracy is above {FLOOR}"
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let options: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = options.iter().find(|option| *option != "--check") {
        eprintln!("unknown option {unknown:?}; there is only --check");
        std::process::exit(2);
    }
    let job = join()?;
    let (rank, world) = job.as_ref().map_or((0, 1), |job| (job.rank().0, job.size()));
    let trained = train(job.as_ref(), true)?;
    let mine = checksum(&trained.weights);
    let (mut least, mut most) = ([mine], [mine]);
    if let Some(job) = &job {
        job.all_reduce(&mut least, ReduceOp::Min)?;
        job.all_reduce(&mut most, ReduceOp::Max)?;
    }
    if least != most {
        return Err("weights differ between ranks".into());
    }
    if rank == 0 {
        let (learned, apart) = trained.accuracy;
        println!("final loss {:.12} accuracy {learned:.6} test {apart:.6}", trained.loss);
        println!("weights {mine:016x}, the same on {world} ranks");
        if !options.is_empty() {
            check(&trained)?;
        }
    }
    Ok(())
}
