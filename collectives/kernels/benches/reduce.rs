//! How fast packets are reduced: `cargo bench -p sealane-kernels`.
//!
//! 8 KiB is a packet in cache, as the ring reduces it; 16 MiB is memory. Throughput counts the bytes of
//! one operand.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sealane_kernels::{Dtype, ReduceOp, reduce};

fn reductions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("reduce/{}", reduce::kernel_name()));
    for (size, name) in [(8 << 10, "8KiB"), (16 << 20, "16MiB")] {
        group.throughput(Throughput::Bytes(size as u64));
        for dtype in Dtype::ALL {
            let ops = [ReduceOp::Sum, ReduceOp::Max].into_iter();
            for op in ops.filter(|op| op.check(dtype).is_ok()) {
                // Halves and ones in any float type stay finite under both operations.
                let mut target = vec![0x3c; size];
                let source = vec![0x1c; size];
                let id = BenchmarkId::new(format!("{dtype}/{op}"), name);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        let target = black_box(&mut target);
                        reduce::reduce(dtype, op, target, &source)
                    });
                });
            }
        }
    }
    group.finish();
}

/// What the vectors are worth: the same by the scalar reference, out of place.
fn reference(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reduce/scalar");
    let size = 8 << 10;
    group.throughput(Throughput::Bytes(size as u64));
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
        let (mut out, a, b) = (vec![0; size], vec![0x3c; size], vec![0x1c; size]);
        group.bench_function(BenchmarkId::new(format!("{dtype}/sum"), "8KiB"), |bencher| {
            bencher
                .iter(|| reduce::combine_scalar(dtype, ReduceOp::Sum, black_box(&mut out), &a, &b));
        });
    }
    group.finish();
}

criterion_group!(benches, reductions, reference);
criterion_main!(benches);
