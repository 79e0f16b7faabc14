#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sealane_kernels::{Dtype, ReduceOp};
use sealane_transport::Rank;

use super::{Algorithm, Overrides, Topology, plan};
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
    assert_eq!(all_reduce(8192, ""), Algorithm::RecursiveDoubling);
    assert_eq!(all_reduce(8193, ""), Algorithm::DoubleTree);
    assert_eq!(all_reduce(65_537, ""), Algorithm::Ring);
    let rules = "allreduce:0-100:ring, broadcast:-:chain,allreduce:200-:halving_doubling";
    assert_eq!(all_reduce(100, rules), Algorithm::Ring);
    assert_eq!(all_reduce(101, rules), Algorithm::RecursiveDoubling);
    assert_eq!(all_reduce(1 << 30, rules), Algorithm::HalvingDoubling);
    assert_eq!(all_reduce(8, "all_reduce:-:ring"), Algorithm::Ring);
}

#[test]
fn sizes_are_of_the_longest_buffer() {
    // Four blocks: 16 KiB together, or four bytes more.
    assert_eq!(choice(Collective::AllGather, 4096, ""), Algorithm::Bruck);
    assert_eq!(choice(Collective::AllGather, 4097, ""), Algorithm::Ring);
    assert_eq!(
        choice(Collective::AllGather, 5000, "allgather:20000-20000:bruck"),
        Algorithm::Bruck
    );
    assert_eq!(choice(Collective::AllToAll, 512, ""), Algorithm::Bruck);
    assert_eq!(choice(Collective::AllToAll, 513, ""), Algorithm::Pairwise);
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
fn deterministic_takes_only_what_adds_every_element_in_the_same_order() {
    let sum = ReduceOp::Sum;
    for count in [1, 20_000, 1 << 30] {
        for rules in ["deterministic", "allreduce:-:ring,reduce:-:chain,deterministic"] {
            let of = |collective| choice(collective, count, rules);
            assert!(matches!(
                of(Collective::AllReduce(sum)),
                Algorithm::RecursiveDoubling | Algorithm::HalvingDoubling
            ));
            assert_eq!(of(Collective::Reduce(sum, Rank(1))), Algorithm::HalvingDoubling);
            assert_eq!(of(Collective::ReduceScatter(sum)), Algorithm::DirectTree);
            assert_eq!(of(Collective::AllGather), choice(Collective::AllGather, count, ""));
        }
    }
    let rules = "deterministic,allreduce:-:halving_doubling";
    assert_eq!(choice(Collective::AllReduce(sum), 1, rules), Algorithm::HalvingDoubling);
    assert_eq!(rules.parse(), Ok::<Overrides, _>(rules.parse().unwrap()));
    assert!(Overrides::deterministic().is_deterministic());
}

#[test]
fn hosts_go_before_ranks_where_several_of_them_have_several() {
    let sum = Collective::AllReduce(ReduceOp::Sum);
    let of = |collective, hosts: [u32; 4], count| {
        let call = Call { collective, dtype: Dtype::U8, count };
        let mut shape = Shape::new(call, &Counts::Even, (Rank(0), 4), false).unwrap();
        shape.topology = Some(Topology::new(hosts));
        plan(&shape, &Overrides::default())
    };
    let (host_by_host, mixed) = ([0, 0, 1, 1], [7, 3, 7, 3]);
    assert_eq!(of(sum, host_by_host, 1000), Algorithm::Hierarchical);
    assert_eq!(of(sum, host_by_host, 1 << 20), Algorithm::Ring);
    assert_eq!(of(sum, mixed, 1 << 20), Algorithm::Hierarchical);
    assert_eq!(of(Collective::AllGather, mixed, 1 << 20), Algorithm::Ring);
    assert_eq!(of(Collective::AllGather, mixed, 1000), Algorithm::Hierarchical);
    assert_eq!(of(sum, [0, 0, 0, 0], 1 << 20), Algorithm::Ring, "one host");
    assert_eq!(of(sum, [3, 2, 1, 0], 1 << 20), Algorithm::Ring, "a rank for each");
    assert_eq!(choice(sum, 1 << 20, "allreduce:-:hierarchical"), Algorithm::Ring, "unknown");
}

#[test]
fn malformed_overrides_are_refused() {
    for text in ["ring", "allreduce:1:ring", "x:-:ring", "allreduce:a-b:ring", "allreduce:-:ring:"]
    {
        let error = text.parse::<Overrides>().unwrap_err().to_string();
        assert!(error.contains("alltoall") && error.contains(text), "{error}");
    }
    for (text, known) in [
        ("allreduce:1-2:tree", "ring recursive_doubling halving_doubling double_tree hierarchical"),
        ("broadcast:-:ring", "chain binomial hierarchical"),
    ] {
        let error = text.parse::<Overrides>().unwrap_err().to_string();
        assert!(error.contains(known), "{error}");
    }
}
