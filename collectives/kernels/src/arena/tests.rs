#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{Arena, Placement};
use crate::dtype::Dtype;
use crate::op::ReduceOp;

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_ne_bytes()).collect()
}

#[test]
fn placing_copies_or_reduces_and_nothing_leaves_the_view() {
    let mut memory = f32s(&[1.0, 2.0, 3.0, 4.0]);
    let mut arena = Arena::new();
    // SAFETY: `memory` outlives the arena's use of it and is not touched meanwhile.
    let region = unsafe { arena.lend_mut(memory.as_mut_ptr(), memory.len()) };
    let add =
        Placement::Reduce { dtype: Dtype::F32, op: ReduceOp::Sum, base: None, average: Some(2) };
    let view = arena.view(region, 4, 8, add).unwrap();
    assert!(arena.place(view, 4, &f32s(&[10.0])));
    assert!(!arena.place(view, 8, &[0]));
    assert!(!arena.place(view, u64::MAX, &[0]));
    assert_eq!(arena.source(view, 0, 8).unwrap(), f32s(&[2.0, 6.5]));
    assert_eq!(arena.source(view, 4, 5), None);
    arena.remove(region);
    assert!(!arena.place(view, 0, &[0]));
    assert_eq!(arena.source(view, 0, 1), None);
    assert_eq!(memory, f32s(&[1.0, 2.0, 6.5, 4.0]));
}

#[test]
fn memory_lent_for_reading_is_never_written() {
    let memory = [1_u8; 8];
    let mut arena = Arena::new();
    // SAFETY: `memory` outlives the arena's use of it.
    let region = unsafe { arena.lend(memory.as_ptr(), memory.len()) };
    let view = arena.view(region, 0, 8, Placement::Copy).unwrap();
    assert!(!arena.place(view, 0, &[9]));
    assert!(arena.bytes_mut(region, 0, 1).is_none());
    let own = arena.own(8);
    assert!(!arena.copy((region, 0), (own, 0), 1));
    assert!(arena.copy((own, 0), (region, 0), 8));
    assert_eq!(arena.bytes(own, 0, 8).unwrap(), [1; 8]);
    assert!(!arena.copy((own, 1), (region, 0), 8));
}

#[test]
fn out_of_place_reduction_takes_its_other_operand_from_elsewhere() {
    let mut arena = Arena::new();
    let (input, output) = (arena.own(8), arena.own(8));
    arena.bytes_mut(input, 0, 8).unwrap().copy_from_slice(&f32s(&[1.0, 2.0]));
    let placement = Placement::Reduce {
        dtype: Dtype::F32,
        op: ReduceOp::Product,
        base: Some((input, 0)),
        average: None,
    };
    let view = arena.view(output, 0, 8, placement).unwrap();
    assert!(arena.place(view, 4, &f32s(&[21.0])));
    assert_eq!(arena.bytes(output, 4, 4).unwrap(), f32s(&[42.0]));
    let sum = (Dtype::F32, ReduceOp::Sum);
    assert!(arena.combine((output, 0), ((input, 0), (input, 0)), 8, sum));
    assert_eq!(arena.bytes(output, 0, 8).unwrap(), f32s(&[2.0, 4.0]));
}

#[test]
fn combining_may_put_its_result_in_the_place_of_an_operand_but_not_across_one() {
    let sum = (Dtype::U8, ReduceOp::Sum);
    let mut arena = Arena::new();
    let (a, b) = (arena.own(8), arena.own(4));
    arena.bytes_mut(a, 0, 8).unwrap().copy_from_slice(&[1, 2, 3, 4, 10, 20, 30, 40]);
    arena.bytes_mut(b, 0, 4).unwrap().copy_from_slice(&[100; 4]);
    assert!(arena.combine((a, 0), ((a, 0), (b, 0)), 4, sum));
    assert!(arena.combine((a, 4), ((b, 0), (a, 4)), 4, sum));
    assert_eq!(arena.bytes(a, 0, 8).unwrap(), [101, 102, 103, 104, 110, 120, 130, 140]);
    assert!(arena.combine((a, 0), ((a, 4), (b, 0)), 4, sum));
    assert_eq!(arena.bytes(a, 0, 4).unwrap(), [210, 220, 230, 240]);
    for (x, y) in [((a, 2), (b, 0)), ((b, 0), (a, 2)), ((a, 0), (a, 3))] {
        assert!(!arena.combine((a, 0), (x, y), 4, sum), "{x:?} {y:?}");
    }
    assert!(!arena.combine((b, 0), ((a, 5), (b, 0)), 4, sum), "out of range");
    assert_eq!(arena.bytes(a, 0, 4).unwrap(), [210, 220, 230, 240]);
    // A range onto itself: both operands are the result.
    assert!(!arena.combine((b, 0), ((b, 0), (b, 0)), 4, sum));
}

#[test]
fn keys_of_what_is_gone_find_nothing_even_when_their_slots_are_in_use_again() {
    let mut arena = Arena::new();
    let first = arena.own(8);
    let view = arena.view(first, 0, 8, Placement::Copy).unwrap();
    arena.remove(first);
    let second = arena.own(8);
    let other = arena.view(second, 0, 8, Placement::Copy).unwrap();
    assert!(arena.bytes(first, 0, 1).is_none() && !arena.place(view, 0, &[1]));
    arena.end_view(view);
    assert!(arena.place(other, 0, &[1]));
    arena.end_view(other);
    arena.end_view(other);
    assert!(!arena.place(other, 0, &[1]));
    assert_eq!(arena.regions(), 1);
    arena.remove(second);
    arena.remove(second);
    assert_eq!(arena.regions(), 0);
}

#[test]
fn a_reduction_takes_whole_elements_or_nothing() {
    let mut arena = Arena::new();
    let region = arena.own(16);
    let add = Placement::Reduce { dtype: Dtype::I32, op: ReduceOp::Sum, base: None, average: None };
    let view = arena.view(region, 0, 16, add).unwrap();
    assert!(!arena.place(view, 0, &[1; 6]));
    assert!(!arena.place(view, 2, &[1; 4]));
    assert_eq!(arena.bytes(region, 0, 16).unwrap(), [0; 16]);
    assert!(arena.place(view, 4, &[1; 8]) && arena.place(view, 4, &[]));
    assert_eq!(arena.bytes(region, 4, 8).unwrap(), [1; 8]);
}

#[test]
fn a_base_must_reach_as_far_as_the_view_and_lie_elsewhere() {
    let mut arena = Arena::new();
    let (input, output) = (arena.own(8), arena.own(16));
    for (region, offset) in [(input, 4), (input, u64::MAX), (output, 0)] {
        let placement = Placement::Reduce {
            dtype: Dtype::U8,
            op: ReduceOp::Sum,
            base: Some((region, offset)),
            average: None,
        };
        let view = arena.view(output, 0, 16, placement).unwrap();
        assert!(!arena.place(view, 1, &[1; 8]));
    }
    assert_eq!(arena.bytes(output, 0, 16).unwrap(), [0; 16]);
}

#[test]
fn copies_within_a_region_may_overlap() {
    let mut arena = Arena::new();
    let region = arena.own(8);
    arena.bytes_mut(region, 0, 8).unwrap().copy_from_slice(&[0, 1, 2, 3, 4, 5, 6, 7]);
    assert!(arena.copy((region, 2), (region, 0), 6));
    assert_eq!(arena.bytes(region, 0, 8).unwrap(), [0, 1, 0, 1, 2, 3, 4, 5]);
    assert!(!arena.copy((region, 3), (region, 0), 6));
}

#[test]
fn empty_regions_and_views_are_fine() {
    let mut arena = Arena::new();
    let region = arena.own(0);
    let view = arena.view(region, 0, 0, Placement::Copy).unwrap();
    assert!(arena.place(view, 0, &[]) && !arena.place(view, 0, &[1]));
    assert_eq!(arena.source(view, 0, 0).unwrap(), []);
}
