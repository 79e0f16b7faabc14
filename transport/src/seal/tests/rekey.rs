//! Generations: who goes first, who follows, and what is kept meanwhile.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::limits::KEY_LIFETIME;

const THREE_PTO: Duration = Duration::from_millis(30);
const SUITE: Suite = Suite::ChaCha20Poly1305;

#[test]
fn due_by_count_only_when_confirmed() {
    let mut pair = Pair::new(SUITE, Some(4096));
    for _ in 0..4096 {
        assert!(!pair.sealer.rekey_due(pair.now));
        pair.seal(b"frames", b"").unwrap();
    }
    let later = pair.now + THREE_PTO;
    assert!(pair.sealer.rekey_due(later));
    assert!(!pair.sealer.can_advance(later, THREE_PTO), "nothing acknowledged");
    pair.sealer.on_acked(4096);
    assert!(!pair.sealer.can_advance(later, THREE_PTO), "not a number of this generation yet");
    pair.sealer.on_acked(17);
    assert!(!pair.sealer.can_advance(pair.now, THREE_PTO), "too early");
    assert!(pair.sealer.can_advance(later, THREE_PTO));
    pair.sealer.advance(later);
    assert_eq!(pair.sealer.generation(), 1);
    assert!(!pair.sealer.rekey_due(later));
    pair.seal(b"frames", b"").unwrap();
    pair.sealer.on_acked(4095);
    let later = later + THREE_PTO;
    assert!(!pair.sealer.can_advance(later, THREE_PTO), "a number of the generation before");
    pair.sealer.on_acked(4096);
    assert!(pair.sealer.can_advance(later, THREE_PTO));
}

#[test]
fn due_by_age_but_only_if_used() {
    let mut pair = Pair::new(SUITE, None);
    let idle = pair.now + KEY_LIFETIME * 10;
    assert!(
        !pair.sealer.rekey_due(idle) && pair.sealer.due_at().is_none(),
        "unused keys do not age"
    );
    pair.seal(b"frames", b"").unwrap();
    assert_eq!(pair.sealer.due_at(), Some(idle + KEY_LIFETIME));
    assert!(!pair.sealer.rekey_due(idle + KEY_LIFETIME - Duration::from_nanos(1)));
    assert!(pair.sealer.rekey_due(idle + KEY_LIFETIME));
    pair.sealer.advance(idle + KEY_LIFETIME);
    assert!(!pair.sealer.rekey_due(idle + KEY_LIFETIME * 2) && pair.sealer.due_at().is_none());
}

#[test]
fn a_late_packet_opens_with_the_previous_key_until_it_is_retired() {
    let mut pair = Pair::new(SUITE, None);
    let (_, first) = pair.seal(b"first", b"").unwrap();
    let (_, late) = pair.seal(b"late", b"").unwrap();
    let (_, later) = pair.seal(b"later", b"").unwrap();
    pair.open(&first).unwrap();
    pair.sealer.advance(pair.now);
    let (_, new) = pair.seal(b"new", b"").unwrap();
    assert_eq!(pair.open(&new).unwrap(), b"new");
    assert_eq!(pair.open(&late).unwrap(), b"late");
    pair.opener.retire_previous(pair.now + THREE_PTO - Duration::from_nanos(1), THREE_PTO);
    assert!(pair.opener.keeps_previous());
    pair.opener.retire_previous(pair.now + THREE_PTO, THREE_PTO);
    assert_eq!(pair.open(&later), Err(OpenError::Generation));
    let (_, newer) = pair.seal(b"newer", b"").unwrap();
    assert_eq!(pair.open(&newer).unwrap(), b"newer");
}

#[test]
fn a_forged_generation_promotes_nothing() {
    let mut pair = Pair::new(SUITE, None);
    let (_, first) = pair.seal(b"first", b"").unwrap();
    pair.open(&first).unwrap();
    let (_, second) = pair.seal(b"second", b"").unwrap();
    let mut expected = [OpenError::Authentication; 3];
    expected[1..].fill(OpenError::Generation);
    for (generation, expected) in (1u8..4).zip(expected) {
        let mut forged = second.clone();
        forged[0] ^= generation << 2;
        assert_eq!(pair.open(&forged), Err(expected), "{generation}");
    }
    assert_eq!(pair.open(&second).unwrap(), b"second");
}

#[test]
fn numbers_must_grow_with_generations() {
    // A peer that seals an old number under a new key, or the reverse, is refused before any tag.
    let mut pair = Pair::new(SUITE, None);
    let (_, first) = pair.seal(b"first", b"").unwrap();
    pair.sealer.skip_to(100);
    let (_, hundred) = pair.seal(b"hundred", b"").unwrap();
    pair.open(&first).unwrap();
    pair.open(&hundred).unwrap();
    pair.sealer.skip_to(200);
    let (_, too_high) = pair.seal(b"too high", b"").unwrap();
    pair.sealer.skip_to(50);
    pair.sealer.advance(pair.now);
    let (_, too_low) = pair.seal(b"too low", b"").unwrap();
    assert_eq!(pair.open(&too_low), Err(OpenError::Generation));
    pair.sealer.skip_to(150);
    let (_, new) = pair.seal(b"new", b"").unwrap();
    pair.open(&new).unwrap();
    assert_eq!(pair.open(&too_high), Err(OpenError::Generation));
    assert_eq!(pair.opener.failed_opens(), 0);
}

/// A new key every 512 or 4096 packets, one packet in ten lost, all delayed by up to 600 places:
/// every packet that arrives opens, once.
#[test]
fn rekeys_under_loss_and_reordering() {
    for (rekey_packets, packets) in [(512, 10_000), (4096, 40_000)] {
        for (seed, &suite) in Suite::available().iter().enumerate() {
            let mut network = Network::new(suite, rekey_packets, seed as u64);
            for tick in 0..packets + DELAY_TICKS {
                network.tick(tick, tick < packets);
            }
            let generations = network.pair.sealer.generations();
            assert!(generations >= packets / rekey_packets / 2, "{suite}: {generations}");
            assert!(generations > 4, "the two bits wrap");
            assert!(network.opened > packets * 85 / 100, "{suite}: {}", network.opened);
            assert!(network.under_way.is_empty());
            assert_eq!(network.pair.opener.failed_opens(), 0);
        }
    }
}

/// A tick is a millisecond and a packet.
const DELAY_TICKS: u64 = 600;

/// One direction over a bad network.
struct Network {
    pair: Pair,
    rng: SmallRng,
    /// When each arrives, its number, and its bytes.
    under_way: Vec<(u64, u64, Vec<u8>)>,
    opened: u64,
}

impl Network {
    fn new(suite: Suite, rekey_packets: u64, seed: u64) -> Self {
        let pair = Pair::new(suite, Some(rekey_packets));
        let rng = SmallRng::seed_from_u64(seed);
        Self { pair, rng, under_way: Vec::new(), opened: 0 }
    }

    fn tick(&mut self, tick: u64, send: bool) {
        let (pair, rng) = (&mut self.pair, &mut self.rng);
        pair.now = Time::from_nanos(tick * 1_000_000);
        // Long enough for the slowest packet.
        let three_pto = Duration::from_millis(DELAY_TICKS + 1);
        if pair.sealer.rekey_due(pair.now) && pair.sealer.can_advance(pair.now, three_pto) {
            pair.sealer.advance(pair.now);
        }
        pair.opener.retire_previous(pair.now, three_pto);
        if send {
            let (number, packet) = pair.seal(b"frames", &pattern(64)).unwrap();
            if rng.random_range(0..10) != 0 {
                let arrival = tick + rng.random_range(0..DELAY_TICKS);
                self.under_way.push((arrival, number, packet));
            }
        }
        while let Some(index) = self.under_way.iter().position(|(at, ..)| *at <= tick) {
            let (_, number, packet) = self.under_way.swap_remove(index);
            pair.open(&packet).unwrap();
            assert_eq!(pair.open(&packet), Err(OpenError::Replay));
            self.opened += 1;
            pair.sealer.on_acked(number);
        }
    }
}
