#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sealane_kernels::{Dtype, ReduceOp};

use super::{Algorithm, Overrides, plan};
use crate::call::{Call, Collective};

fn all_reduce(count: u64) -> Call {
    Call { collective: Collective::AllReduce(ReduceOp::Sum), dtype: Dtype::U8, count }
}

#[test]
fn size_decides_unless_overridden() {
    let none = Overrides::default();
    assert_eq!(plan(&all_reduce(8), &none), Algorithm::RecursiveDoubling);
    assert_eq!(plan(&all_reduce(1 << 20), &none), Algorithm::Ring);
    let ring: Overrides = "allreduce:0-100:ring, broadcast:-:chain".parse().unwrap();
    assert_eq!(plan(&all_reduce(100), &ring), Algorithm::Ring);
    assert_eq!(plan(&all_reduce(101), &ring), Algorithm::RecursiveDoubling);
    let unfit: Overrides = "allreduce:-:chain".parse().unwrap();
    assert_eq!(plan(&all_reduce(8), &unfit), Algorithm::RecursiveDoubling);
}

#[test]
fn malformed_overrides_are_refused() {
    for text in ["ring", "allreduce:1:ring", "allreduce:1-2:tree", "x:-:ring", "allreduce:a-b:ring"]
    {
        assert!(text.parse::<Overrides>().is_err(), "{text}");
    }
}
