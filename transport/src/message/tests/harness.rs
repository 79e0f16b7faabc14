//! Two message layers and a network between them that does whatever a seed says.

use std::collections::{BTreeMap, VecDeque};

use crate::event::Event;
use crate::ids::{BufferId, Rank, RecvId, SendId};
use crate::memory::Memory;
use crate::message::{
    ControlFrame, FRAGMENT_ROOM_MIN, FragmentHeader, FragmentRef, Inbox, Outbox, Owner,
    RecvRequest, SendRequest,
};
use crate::packet::DataHeader;

/// SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Runs `body` for `SEALANE_SEED`, or for `count` seeds; a failure prints how to replay it.
pub fn for_seeds(test: &str, count: u64, body: impl Fn(u64)) {
    struct Replay<'a>(&'a str, u64);
    impl Drop for Replay<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                let Self(test, seed) = self;
                eprintln!(
                    "replay: SEALANE_SEED={seed} cargo test -p sealane-transport --lib {test}"
                );
            }
        }
    }
    let given = std::env::var("SEALANE_SEED").ok().and_then(|text| text.parse().ok());
    let seeds = given.map_or(0..count, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let _replay = Replay(test, seed);
        body(seed);
    }
}

/// Buffers that count how often each byte was placed, and add instead of copying if told to.
#[derive(Default)]
pub struct Buffers {
    pub bytes: BTreeMap<BufferId, Vec<u8>>,
    pub placed: BTreeMap<BufferId, Vec<u8>>,
    pub gone: Option<BufferId>,
}

impl Memory for Buffers {
    fn source(&self, buffer: BufferId, offset: u64, length: usize) -> Option<&[u8]> {
        self.bytes.get(&buffer)?.get(offset as usize..offset as usize + length)
    }

    fn place(&mut self, buffer: BufferId, offset: u64, payload: &[u8]) -> bool {
        if self.gone == Some(buffer) {
            return false;
        }
        let range = offset as usize..offset as usize + payload.len();
        let Some(target) = self.bytes.get_mut(&buffer).and_then(|b| b.get_mut(range.clone()))
        else {
            return false;
        };
        for (to, from) in target.iter_mut().zip(payload) {
            *to = to.wrapping_add(*from);
        }
        let counts = self.placed.get_mut(&buffer).unwrap();
        counts[range].iter_mut().for_each(|count| *count += 1);
        true
    }
}

#[derive(Clone, Debug)]
pub enum Packet {
    Data(DataHeader, Vec<u8>, FragmentRef),
    Frame(ControlFrame),
}

/// One side.
pub struct Side {
    pub peer: Rank,
    pub outbox: Outbox,
    pub inbox: Inbox,
    pub memory: Buffers,
    pub events: VecDeque<Event>,
    next: u64,
}

impl Side {
    pub fn new(rank: u32, eager: u64, pool: u64) -> Self {
        let peer = Rank(1 - rank);
        let mut inbox = Inbox::new(eager, pool);
        inbox.add_peer(peer);
        let mut outbox = Outbox::new();
        outbox.on_credit(eager, crate::limits::MESSAGE_WINDOW);
        let (memory, events) = (Buffers::default(), VecDeque::new());
        Self { peer, outbox, inbox, memory, events, next: 0 }
    }

    pub fn buffer(&mut self, bytes: Vec<u8>) -> BufferId {
        self.next += 1;
        let buffer = BufferId(self.next);
        self.memory.placed.insert(buffer, vec![0; bytes.len()]);
        self.memory.bytes.insert(buffer, bytes);
        buffer
    }

    pub fn send(&mut self, request: SendRequest) -> SendId {
        self.next += 1;
        let send = SendId(self.next);
        self.outbox.open(send, request);
        send
    }

    pub fn post(&mut self, request: RecvRequest) -> RecvId {
        self.next += 1;
        let recv = RecvId(self.next);
        self.inbox.post(recv, request, &mut self.memory, &mut self.events);
        recv
    }

    /// The next packet, of at most `capacity` bytes of payload.
    pub fn packet(&mut self, capacity: usize) -> Option<Packet> {
        let frame = self.inbox.next_control(self.peer).or_else(|| self.outbox.next_control());
        if let Some(frame) = frame {
            return Some(Packet::Frame(frame));
        }
        let fragment = self.outbox.next_fragment(capacity)?;
        let payload = self.memory.source(fragment.buffer, fragment.offset, fragment.length);
        let FragmentHeader::Data(header) = fragment.header else { return None };
        Some(Packet::Data(header, payload.unwrap().to_vec(), fragment.reference))
    }

    /// A packet of the peer's.
    pub fn receive(&mut self, packet: &Packet) -> Result<(), &'static str> {
        let (peer, events) = (self.peer, &mut self.events);
        match packet {
            Packet::Data(header, payload, _) => {
                self.inbox.on_data(peer, header, payload, &mut self.memory, events)?;
            }
            Packet::Frame(ControlFrame::Cancel { message }) => {
                self.inbox.on_cancel(peer, *message, events)?;
            }
            Packet::Frame(ControlFrame::Credit { eager_limit, message_limit }) => {
                self.outbox.on_credit(*eager_limit, *message_limit);
            }
            Packet::Frame(ControlFrame::Grant { message, limit }) => {
                self.outbox.on_grant(*message, *limit);
            }
            Packet::Frame(ControlFrame::Result { .. }) => return Err("no one asked"),
            Packet::Frame(ControlFrame::Refuse { message, code }) => {
                if let Some(Owner::Send(send)) = self.outbox.on_refuse(*message) {
                    let error = crate::error::OperationError::Refused(*code);
                    events.push_back(Event::SendFailed { send, error });
                }
            }
        }
        Ok(())
    }

    /// A packet of ours was acknowledged.
    pub fn acked(&mut self, packet: &Packet) {
        if let Packet::Data(_, _, reference) = packet
            && let Some(Owner::Send(send)) = self.outbox.on_acked(*reference)
        {
            self.events.push_back(Event::Sent { send });
        }
    }

    /// A packet of ours was lost.
    pub fn lost(&mut self, packet: &Packet) {
        match packet {
            Packet::Data(_, _, reference) => self.outbox.on_lost(*reference),
            Packet::Frame(ControlFrame::Cancel { message }) => self.outbox.on_cancel_lost(*message),
            Packet::Frame(frame) => self.inbox.on_control_lost(self.peer, *frame),
        }
    }
}

/// What the network does, in per cent.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Lost, and known to be.
    pub loss: u64,
    /// Arrived, but taken for lost, so that its content comes again.
    pub spurious: u64,
    /// Largest payload of a packet.
    pub capacity: u64,
}

/// Moves one packet: makes one, or delivers one of those in flight, in any order.
pub fn step(
    sides: &mut [Side; 2],
    flight: &mut Vec<(usize, Packet)>,
    weather: Weather,
    dice: &mut Dice,
) -> bool {
    let from = dice.below(2) as usize;
    if flight.is_empty() || flight.len() < 64 && dice.chance(60) {
        for from in [from, 1 - from] {
            let capacity = FRAGMENT_ROOM_MIN + dice.below(weather.capacity) as usize;
            if let Some(packet) = sides[from].packet(capacity) {
                flight.push((from, packet));
                return true;
            }
        }
    }
    if flight.is_empty() {
        return false;
    }
    let (from, packet) = flight.swap_remove(dice.below(flight.len() as u64) as usize);
    if dice.chance(weather.loss) {
        sides[from].lost(&packet);
        return true;
    }
    sides[1 - from].receive(&packet).expect("an honest peer breaks no rule");
    if dice.chance(weather.spurious) {
        sides[from].lost(&packet);
    } else {
        sides[from].acked(&packet);
    }
    true
}
