//! Random messages over a random network: every payload exact, every byte placed once, nothing kept.

use std::collections::BTreeMap;

use crate::event::Event;
use crate::ids::{BufferId, RecvId, SendId, Tag};
use crate::message::{RecvRequest, SendRequest};

use super::harness::{Dice, Side, Weather, for_seeds, step};

/// One message of a plan.
struct Plan {
    from: usize,
    tag: Tag,
    payload: Vec<u8>,
    slack: u64,
    gated: bool,
    any: bool,
    /// Turns after which it is sent, and its receive posted.
    send_at: u64,
    post_at: u64,
}

fn draw(dice: &mut Dice, tag: u64) -> Plan {
    let length = match dice.below(6) {
        0 => 0,
        1 => 1 + dice.below(130),
        2 => 64 * (1 + dice.below(4)) + dice.below(3) - 1,
        3 => dice.below(5_000),
        _ => dice.below(60_000),
    };
    let salt = dice.roll();
    let exact = dice.chance(50);
    Plan {
        from: dice.below(2) as usize,
        tag: Tag(tag),
        payload: (0..length).map(|i| (i.wrapping_mul(31) ^ salt) as u8).collect(),
        slack: if exact { 0 } else { 1 + dice.below(100) },
        gated: dice.chance(30),
        any: dice.chance(30),
        send_at: dice.below(400),
        post_at: dice.below(400),
    }
}

struct World {
    sides: [Side; 2],
    plans: Vec<Plan>,
    sends: BTreeMap<(usize, SendId), usize>,
    recvs: BTreeMap<(usize, RecvId), (usize, BufferId)>,
    /// Bytes of gated sends that were not released yet.
    gates: Vec<(usize, SendId, u64, u64)>,
}

impl World {
    fn start(&mut self, turn: u64) {
        for index in 0..self.plans.len() {
            let Plan { from, tag, gated, any, slack, .. } = self.plans[index];
            let length = self.plans[index].payload.len() as u64;
            if self.plans[index].send_at == turn {
                let buffer = self.sides[from].buffer(self.plans[index].payload.clone());
                let request =
                    SendRequest { tag, buffer, length, immediate: 7, gated, deferred_ack: false };
                let send = self.sides[from].send(request);
                self.sends.insert((from, send), index);
                if gated && length > 0 {
                    self.gates.push((from, send, 0, length));
                }
            }
            if self.plans[index].post_at == turn {
                let side = &mut self.sides[1 - from];
                let capacity = length + slack;
                let buffer = side.buffer(vec![0; capacity as usize]);
                let peer = (!any).then_some(side.peer);
                let exact = slack == 0;
                let progress = index % 2 == 0;
                let recv =
                    side.post(RecvRequest { from: peer, tag, buffer, capacity, exact, progress });
                self.recvs.insert((1 - from, recv), (index, buffer));
            }
        }
    }

    /// Releases some of a gated send, front to back.
    fn release(&mut self, dice: &mut Dice) {
        if self.gates.is_empty() {
            return;
        }
        let pick = dice.below(self.gates.len() as u64) as usize;
        let (side, send, at, length) = self.gates[pick];
        let end = (at + 64 * (1 + dice.below(100))).min(length);
        assert!(self.sides[side].outbox.release(send, at, end - at));
        self.gates[pick].2 = end;
        if end == length {
            self.gates.swap_remove(pick);
        }
    }

    /// Checks what has ended; returns how many.
    fn ended(&mut self) -> usize {
        let mut ended = 0;
        for index in 0..2 {
            while let Some(event) = self.sides[index].events.pop_front() {
                match event {
                    Event::Sent { send } => {
                        self.sends.remove(&(index, send)).expect("sent once");
                        ended += 1;
                    }
                    Event::Received { recv, length, immediate, tag, .. } => {
                        let (plan, buffer) = self.recvs.remove(&(index, recv)).expect("once");
                        let plan = &self.plans[plan];
                        assert_eq!(
                            (tag, immediate, length),
                            (plan.tag, 7, plan.payload.len() as u64)
                        );
                        let memory = &mut self.sides[index].memory;
                        let (bytes, counts) =
                            (memory.bytes.remove(&buffer).unwrap(), &memory.placed[&buffer]);
                        assert_eq!(bytes[..plan.payload.len()], plan.payload);
                        assert!(counts[..plan.payload.len()].iter().all(|count| *count == 1));
                        assert!(counts[plan.payload.len()..].iter().all(|count| *count == 0));
                        ended += 1;
                    }
                    Event::Placed { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        ended
    }
}

fn run(seed: u64, eager: u64, pool: u64) {
    let mut dice = Dice(seed);
    let weather = Weather {
        loss: [0, 5, 30][dice.below(3) as usize],
        spurious: [0, 10, 40][dice.below(3) as usize],
        capacity: 64 + dice.below(9_000),
    };
    let count = 1 + dice.below(30);
    let plans: Vec<Plan> = (0..count).map(|tag| draw(&mut dice, tag)).collect();
    let mut world = World {
        sides: [Side::new(0, eager, pool), Side::new(1, eager, pool)],
        plans,
        sends: BTreeMap::new(),
        recvs: BTreeMap::new(),
        gates: Vec::new(),
    };
    let (mut flight, mut ended) = (Vec::new(), 0);
    for turn in 0.. {
        world.start(turn);
        let moved = step(&mut world.sides, &mut flight, weather, &mut dice);
        if !moved || dice.chance(20) {
            world.release(&mut dice);
        }
        ended += world.ended();
        for side in &world.sides {
            assert!(side.inbox.buffered_bytes() <= eager, "stored beyond the budget");
        }
        if ended == 2 * world.plans.len() {
            break;
        }
        assert!(turn < 2_000_000, "stuck: {:?} {:?}", world.sends, world.recvs);
    }
    while step(&mut world.sides, &mut flight, weather, &mut dice) {}
    for side in &world.sides {
        assert!(side.outbox.is_idle() && !side.outbox.has_fragment());
        assert!(!side.inbox.expecting(side.peer) && side.inbox.buffered_bytes() == 0);
    }
}

#[test]
fn every_payload_is_exact_and_placed_once() {
    for_seeds("every_payload_is_exact_and_placed_once", 150, |seed| run(seed, 256 << 10, 1 << 20));
}

#[test]
fn tiny_budgets_slow_down_but_never_stop() {
    for_seeds("tiny_budgets_slow_down_but_never_stop", 60, |seed| run(seed, 256, 64));
    for_seeds("tiny_budgets_slow_down_but_never_stop", 30, |seed| run(seed, 0, 128));
}
