//! What holds whatever the network does.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::model::{Model, Weather};
use super::*;
use crate::path::Health;

/// Runs `property` with `count` seeds, or with the one in `SEALANE_SEED`, and says how to replay a
/// failure.
fn for_seeds(count: u64, property: impl Fn(u64)) {
    struct Replay(u64);
    impl Drop for Replay {
        fn drop(&mut self) {
            if std::thread::panicking() {
                let test = "cargo test -p sealane-transport recovery::tests::properties";
                println!("replay: SEALANE_SEED={} {test}", self.0);
            }
        }
    }
    let only = std::env::var("SEALANE_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..count, |seed: u64| seed..seed + 1) {
        let _replay = Replay(seed);
        property(seed);
    }
}

fn draw(seed: u64) -> (SmallRng, Weather) {
    let mut rng = SmallRng::seed_from_u64(seed ^ 0x5ea1);
    let weather = Weather {
        paths: rng.random_range(1..40),
        loss: rng.random_range(0.0..0.6),
        jitter: rng.random_range(0..2_000_000),
        ack_loss: rng.random_range(0.0..0.5),
        ack_repeat: rng.random_range(0.0..0.5),
        ecn: rng.random_bool(0.5),
    };
    (rng, weather)
}

/// Every content is reported once, acked or lost, and nothing stays outstanding for ever: under loss,
/// reordering, repeated and late acknowledgements, dead paths, and a receiver that sleeps.
#[test]
fn nothing_is_forgotten_and_nothing_said_twice() {
    for_seeds(32, |seed| {
        let (mut rng, weather) = draw(seed);
        let mut model = Model::new(seed, weather);
        for _ in 0..8 {
            model.dead = (0..rng.random_range(0..8)).map(|_| rng.random_range(0..60)).collect();
            if rng.random_bool(0.3) {
                let nap = Duration::from_micros(rng.random_range(100..20_000));
                model.receiver_sleeps = model.rig.now + nap;
            }
            model.steps(200);
        }
        model.dead.clear();
        model.finish();
        assert!(!model.acked.is_empty());
    });
}

/// Reordering between paths alone never makes anything lost.
#[test]
fn spraying_alone_loses_nothing() {
    for_seeds(16, |seed| {
        let paths = 1 + (seed as u16 * 13) % 200;
        let mut model = Model::new(seed, Weather { paths, ecn: seed % 2 == 0, ..Weather::FAIR });
        model.steps(1500);
        assert!(model.lost.is_empty(), "{} lost", model.lost.len());
        assert_eq!(model.rig.recovery.mtu(), 9000);
    });
}

/// Only what arrived can have been given up too early, and where nothing is lost all of it was. Paths
/// that reorder are given more time.
#[test]
fn spurious_losses_are_counted_and_learnt_from() {
    for_seeds(16, |seed| {
        let mut model = Model::new(seed, Weather { jitter: 3_000_000, ..Weather::FAIR });
        model.steps(1500);
        let early = model.lost.len();
        model.steps(1500);
        let late = model.lost.len() - early;
        assert!(late * 2 < early, "{early} early, {late} late");
        model.finish();
        for _ in 0..300 {
            model.step(false);
        }
        let spurious = model.rig.recovery.stats().spurious;
        let given_up = model.rig.recovery.stats().lost;
        assert!(given_up > 0 && spurious <= given_up, "{spurious} of {given_up}");
        // Some are beyond telling: their receiver was told that they were given up before it had
        // them, or they are too many to remember.
        assert!(spurious * 2 > given_up, "{spurious} of {given_up}");
    });
}

#[test]
fn no_loss_is_called_spurious_that_was_none() {
    for_seeds(16, |seed| {
        let mut model = Model::new(seed, Weather { loss: 0.3, jitter: 0, ..Weather::FAIR });
        model.steps(2000);
        model.finish();
        let lost = &model.lost - &model.arrived;
        assert!(!lost.is_empty());
        let late = model.lost.len() - lost.len();
        assert!(model.rig.recovery.stats().spurious <= late as u64);
    });
}

/// A path that dies carries nothing new after one probe timeout and is given up after two; when it
/// heals, it is used again.
#[test]
fn a_path_that_dies_is_left_and_taken_again_when_it_heals() {
    for_seeds(16, |seed| {
        let weather = Weather { paths: 8, ecn: seed % 2 == 0, ..Weather::FAIR };
        let mut model = Model::new(seed, weather);
        model.steps(500);
        let dead = (seed % 8) as u16;
        let pto = model.rig.pto(dead);
        model.dead.insert(dead);
        let died = model.rig.now;
        while model.rig.health(dead).is_usable() {
            model.step(true);
            assert!(model.rig.now.since(died) < pto * 40, "not left");
        }
        let left = model.rig.now;
        // It may be a while until the dead path is first chosen; from then on two timeouts.
        let last = model.used[&dead];
        assert!(left.since(last) < pto * 3, "{:?}, {pto:?}", left.since(last));
        model.steps(500);
        assert_eq!(model.used[&dead], last, "no new content on a dead path");
        let lost = model.lost.len();
        model.dead.clear();
        let healed = model.rig.now;
        while model.used[&dead] == last {
            model.step(true);
            assert!(model.rig.now.since(healed) < Duration::from_millis(150), "not used again");
        }
        assert_eq!(model.rig.health(dead), Health::Good);
        assert_eq!(model.lost.len(), lost, "the others lost nothing");
    });
}

/// A receiver without a processor for 20 ms: hardly anything is sent again, and few questions asked.
#[test]
fn a_receiver_that_sleeps_causes_no_storm() {
    for_seeds(16, |seed| {
        let paths = [4, 16, 64, 256][seed as usize % 4];
        let mut model = Model::new(seed, Weather { paths, ..Weather::FAIR });
        model.steps(1000);
        let (lost, pings) = (model.lost.len(), model.pings);
        model.receiver_sleeps = model.rig.now + Duration::from_millis(20);
        model.steps(1000);
        model.finish();
        // What was overtaken on its path just before the sleep cannot be told from lost.
        assert!(model.lost.len() - lost <= 2, "{} lost", model.lost.len() - lost);
        assert!(model.pings - pings < 40, "{} questions", model.pings - pings);
    });
}

/// All that arrives within a millisecond after a silence of everything is nothing but late.
#[test]
fn a_sender_that_sleeps_loses_nothing() {
    for_seeds(16, |seed| {
        let mut model = Model::new(seed, Weather { paths: 64, ..Weather::FAIR });
        model.steps(1000);
        let lost = model.lost.len();
        model.rig.pass(Duration::from_millis(20));
        model.steps(200);
        model.finish();
        assert_eq!(model.lost.len(), lost);
    });
}

#[test]
fn many_of_many_paths_are_explored() {
    for_seeds(8, |seed| {
        let mut model =
            Model::new(seed, Weather { paths: 256, ecn: seed % 2 == 0, ..Weather::FAIR });
        model.steps(2000);
        assert!(model.used.len() >= 16, "{} paths", model.used.len());
    });
}
