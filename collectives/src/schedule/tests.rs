#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;

use sealane_kernels::{Dtype, ReduceOp};
use sealane_transport::Rank;

use super::double_tree::links;
use super::{Action, Into, Schedule, Slot, Span, Step, build, peers};
use crate::blocks::Counts;
use crate::call::{Call, Collective};
use crate::plan::{Algorithm, Topology};
use crate::shape::Shape;

const WORLDS: [u32; 14] = [2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 31, 33, 64, 100];

fn collectives(root: Rank) -> [Collective; 9] {
    let sum = ReduceOp::Sum;
    [
        Collective::Barrier,
        Collective::AllReduce(sum),
        Collective::Broadcast(root),
        Collective::Reduce(sum, root),
        Collective::ReduceScatter(sum),
        Collective::AllGather,
        Collective::Gather(root),
        Collective::Scatter(root),
        Collective::AllToAll,
    ]
}

/// The schedules of all ranks, with their shapes.
fn all(collective: Collective, algorithm: Algorithm, world: u32) -> Vec<(Shape, Schedule)> {
    let counts: Vec<u64> = (0..u64::from(world)).map(|rank| rank * 37 % 50).collect();
    let uneven = world % 3 == 1 && !matches!(collective, Collective::AllToAll);
    let blocks = matches!(
        collective,
        Collective::ReduceScatter(_)
            | Collective::AllGather
            | Collective::Gather(_)
            | Collective::Scatter(_)
    );
    let counts = if uneven && blocks { Counts::Uneven(counts.into()) } else { Counts::Even };
    let call = Call { collective, dtype: Dtype::F32, count: if blocks { 50 } else { 1001 } };
    (0..world)
        .map(|rank| {
            let mut shape = Shape::new(call, &counts, (Rank(rank), world), rank % 2 == 0).unwrap();
            shape.topology =
                Some(Topology::new((0..world).map(|rank| rank * 5 / 3 % (1 + world / 4))));
            let schedule = build(&shape, algorithm).unwrap();
            (shape, schedule)
        })
        .collect()
}

/// Runs `check` on every collective, algorithm and world.
fn everywhere(check: impl Fn(&[(Shape, Schedule)], &str)) {
    for world in WORLDS {
        for collective in collectives(Rank(world / 3)) {
            for algorithm in Algorithm::of(collective) {
                let name = format!("{} by {algorithm} in a world of {world}", collective.name());
                check(&all(collective, *algorithm, world), &name);
            }
        }
    }
}

#[test]
fn every_message_has_one_sender_and_one_receiver_who_agree_on_its_length() {
    everywhere(|ranks, name| {
        let mut messages: HashMap<(Rank, Rank, u16), u64> = HashMap::new();
        for (shape, schedule) in ranks {
            for step in &schedule.steps {
                if let Action::Send { to, tag, from, .. } = step.action {
                    assert_ne!(to, shape.rank, "{name}");
                    let before = messages.insert((shape.rank, to, tag), from.length);
                    assert_eq!(before, None, "{name}: two messages under one tag");
                }
            }
        }
        for (shape, schedule) in ranks {
            for step in &schedule.steps {
                if let Action::Recv { from, tag, into, .. } = step.action {
                    let sent = messages.remove(&(from, shape.rank, tag));
                    assert_eq!(sent, Some(into.length), "{name}: {from} to {}", shape.rank);
                }
            }
        }
        assert!(messages.is_empty(), "{name}: nobody receives {messages:?}");
    });
}

#[test]
fn spans_lie_within_their_memory() {
    everywhere(|ranks, name| {
        for (shape, schedule) in ranks {
            let inside = |span: Span| {
                let length = match span.slot {
                    Slot::Input => shape.input_length(),
                    Slot::Output => shape.output_length(),
                    Slot::Scratch(index) => schedule.scratch[index],
                };
                assert!(span.end() <= length, "{name}: {span:?} of {length}");
            };
            for step in &schedule.steps {
                match step.action {
                    Action::Send { from, .. } => inside(from),
                    Action::Recv { into, how, .. } => {
                        inside(into);
                        if let Into::Reduce { with: (slot, offset), .. } = how {
                            inside(Span { slot, offset, length: into.length });
                        }
                    }
                    Action::Combine { out, a, b, .. } => [out, a, b].into_iter().for_each(inside),
                    Action::Copy { to, from, .. } => {
                        assert_eq!(to.length, from.length, "{name}");
                        [to, from].into_iter().for_each(inside);
                    }
                }
            }
        }
    });
}

/// Otherwise bytes could be placed before there is a send to release.
#[test]
fn gated_sends_start_with_their_receives_and_lie_within_them() {
    everywhere(|ranks, name| {
        for (_, schedule) in ranks {
            for (index, step) in schedule.steps.iter().enumerate() {
                assert!(step.after.iter().all(|before| *before < index), "{name}: a cycle");
                let Action::Send { gate: Some(gate), from, .. } = step.action else { continue };
                let Step { action: Action::Recv { into, .. }, after } = &schedule.steps[gate.recv]
                else {
                    panic!("{name}: gated by what is no receive");
                };
                let no_later = step.after.iter().all(|before| after.contains(before));
                assert!(no_later, "{name}: {:?} but {after:?}", step.after);
                assert!(gate.skip % 64 == 0 && gate.skip + from.length <= into.length, "{name}");
                assert_eq!(
                    (from.slot, from.offset),
                    (into.slot, into.offset + gate.skip),
                    "{name}"
                );
            }
        }
    });
}

#[test]
fn peers_are_whom_a_rank_exchanges_messages_with() {
    let of = |collective, rank, rules: &str| {
        let call = Call { collective, dtype: Dtype::U8, count: 1_000_000 };
        peers(call, (Rank(rank), 5), &rules.parse().unwrap())
    };
    let sum = Collective::AllReduce(ReduceOp::Sum);
    assert_eq!(of(sum, 0, "").unwrap(), [Rank(1), Rank(4)]);
    assert_eq!(of(sum, 3, "allreduce:-:recursive_doubling").unwrap(), [Rank(1), Rank(2)]);
    assert_eq!(of(Collective::AllToAll, 2, "").unwrap(), [Rank(0), Rank(1), Rank(3), Rank(4)]);
    assert!(of(Collective::Gather(Rank(5)), 0, "").is_err());
}

#[test]
fn the_two_trees_span_all_ranks_and_nobody_is_inner_in_both() {
    for world in 2..=130 {
        for second in [false, true] {
            let of = |rank| links(rank, world, second);
            let roots = (0..world).filter(|rank| of(*rank).parent.is_none()).count();
            assert_eq!(roots, 1, "of {world}");
            for rank in 0..world {
                let mut hops = 0;
                let mut at = rank;
                while let Some(parent) = of(at).parent {
                    assert!(of(parent).children.contains(&at), "{at} of {world}");
                    (at, hops) = (parent, hops + 1);
                    assert!(hops <= 2 * world.ilog2() + 2, "{rank} of {world} is too deep");
                }
                assert!(of(rank).children.len() <= 2);
                for child in of(rank).children {
                    assert_eq!(of(child).parent, Some(rank), "{rank} of {world}");
                }
            }
        }
        let inner = |rank, second| {
            let links = links(rank, world, second);
            !links.children.is_empty() && links.parent.is_some()
        };
        assert!((0..world).all(|rank| !inner(rank, false) || !inner(rank, true)), "{world}");
    }
}
