#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sealane_kernels::{Dtype, ReduceOp};
use sealane_transport::Rank;

use super::{Algorithm, Overrides, plan};
use crate::blocks::Counts;
use crate::call::{Call, Collective};
use crate::shape::Shape;

fn choice(collective: Collective, count: u64, rules: &str) -> Algorithm {
    let call = Call { collective, dtype: Dtype::U8, count };
    let shape = Shape::new(call, &Counts::Even, (Rank(0), 4), false).unwrap();
    plan(&shape, &rules.parse().unwrap())
}

#[test]
fn size_decides_unless_overridden() {
    let all_reduce = |count, rules| choice(Collective::AllReduce(ReduceOp::Sum), count, rules);
    assert_eq!(all_reduce(8, ""), Algorithm::RecursiveDoubling);
    assert_eq!(all_reduce(1 << 20, ""), Algorithm::Ring);
    let rules = "allreduce:0-100:ring, broadcast:-:chain,allreduce:200-:double_tree";
    assert_eq!(all_reduce(100, rules), Algorithm::Ring);
    assert_eq!(all_reduce(101, rules), Algorithm::RecursiveDoubling);
    assert_eq!(all_reduce(1 << 30, rules), Algorithm::DoubleTree);
    assert_eq!(all_reduce(8, "allreduce:-:chain"), Algorithm::RecursiveDoubling, "does not fit");
    assert_eq!(all_reduce(8, "all_reduce:-:ring"), Algorithm::Ring);
}

#[test]
fn sizes_are_of_the_longest_buffer() {
    // Four blocks of 5000 bytes: over 16 KiB.
    assert_eq!(choice(Collective::AllGather, 4000, ""), Algorithm::Bruck);
    assert_eq!(choice(Collective::AllGather, 5000, ""), Algorithm::Ring);
    assert_eq!(
        choice(Collective::AllGather, 5000, "allgather:20000-20000:bruck"),
        Algorithm::Bruck
    );
    assert_eq!(choice(Collective::AllToAll, 256, ""), Algorithm::Bruck);
    assert_eq!(choice(Collective::AllToAll, 257, ""), Algorithm::Pairwise);
}

#[test]
fn bruck_is_not_asked_to_carry_unequal_blocks() {
    let call = Call { collective: Collective::AllToAll, dtype: Dtype::U8, count: 0 };
    let list = || vec![1, 2].into();
    let counts = Counts::Pairs { to: list(), from: list() };
    let shape = Shape::new(call, &counts, (Rank(0), 2), false).unwrap();
    let rules: Overrides = "alltoall:-:bruck".parse().unwrap();
    assert_eq!(plan(&shape, &rules), Algorithm::Pairwise);
}

#[test]
fn malformed_overrides_are_refused() {
    for text in [
        "ring",
        "allreduce:1:ring",
        "allreduce:1-2:tree",
        "x:-:ring",
        "allreduce:a-b:ring",
        "allreduce:-:ring:",
    ] {
        let error = text.parse::<Overrides>().unwrap_err().to_string();
        assert!(error.contains("alltoall") && error.contains("halving_doubling"), "{error}");
    }
}
