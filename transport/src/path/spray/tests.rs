#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::*;
use crate::device::Route;

const NOW: Time = Time::from_nanos(1_000_000);

fn paths(count: u16) -> Vec<Path> {
    let remote = |port| std::net::SocketAddr::from(([10, 0, 0, 1], port));
    (0..count).map(|port| Path::new(Route { local: 0, remote: remote(port) })).collect()
}

fn spray(policy: SprayPolicy, ecn: bool, seed: u64, count: usize) -> Spray {
    let mut spray = Spray::new(policy, ecn, seed);
    spray.set_paths(count);
    spray
}

/// How often each path is chosen.
fn choices(spray: &mut Spray, paths: &mut [Path], count: usize) -> BTreeMap<PathId, usize> {
    let mut chosen = BTreeMap::new();
    for _ in 0..count {
        *chosen.entry(spray.choose(NOW, paths).unwrap()).or_insert(0) += 1;
    }
    chosen
}

const ALL: [(SprayPolicy, bool); 4] = [
    (SprayPolicy::Recycle, true),
    (SprayPolicy::Recycle, false),
    (SprayPolicy::Random, true),
    (SprayPolicy::Single, true),
];

#[test]
fn no_path_is_no_choice() {
    for (policy, ecn) in ALL {
        assert_eq!(spray(policy, ecn, 1, 0).choose(NOW, &mut []), None);
    }
}

#[test]
fn bad_paths_are_chosen_only_when_there_is_no_other() {
    for seed in 0..20 {
        for (policy, ecn) in ALL {
            let mut paths = paths(16);
            let mut spray = spray(policy, ecn, seed, 16);
            for (index, path) in paths.iter_mut().enumerate().skip(1) {
                path.health = [Health::Suspect, Health::Denied][index % 2];
            }
            let only = choices(&mut spray, &mut paths, 100);
            assert_eq!(only, BTreeMap::from([(PathId(0), 100)]), "{policy:?}, seed {seed}");
            paths[0].health = Health::Denied;
            for path in choices(&mut spray, &mut paths, 100).keys() {
                let health = paths[usize::from(path.0)].health;
                assert_eq!(health, Health::Suspect, "{policy:?}, seed {seed}");
            }
        }
    }
}

#[test]
fn an_asked_path_rests() {
    for (policy, ecn) in [(SprayPolicy::Recycle, true), (SprayPolicy::Recycle, false)] {
        let mut paths = paths(4);
        let mut spray = spray(policy, ecn, 3, 4);
        paths[2].asked = true;
        assert_eq!(choices(&mut spray, &mut paths, 200).get(&PathId(2)), None);
        paths[2].asked = false;
        assert!(choices(&mut spray, &mut paths, 200).contains_key(&PathId(2)));
    }
}

/// REPS: what came back clean is used again, in order; what was marked is not.
#[test]
fn clean_paths_are_recycled_and_marked_ones_are_not() {
    let mut paths = paths(64);
    let mut spray = spray(SprayPolicy::Recycle, true, 5, 64);
    for id in [7, 8, 9] {
        spray.on_clean(PathId(id));
    }
    spray.on_dirty(PathId(8));
    assert_eq!(spray.choose(NOW, &mut paths), Some(PathId(7)));
    assert_eq!(spray.choose(NOW, &mut paths), Some(PathId(9)));
}

/// REPS: after a timeout only paths known to be clean are used, again and again, and none is explored.
#[test]
fn frozen_after_a_timeout() {
    let mut paths = paths(64);
    let mut spray = spray(SprayPolicy::Recycle, true, 5, 64);
    spray.on_clean(PathId(7));
    spray.on_clean(PathId(9));
    spray.on_timeout(PathId(9), NOW + Duration::from_millis(1));
    assert_eq!(choices(&mut spray, &mut paths, 50), BTreeMap::from([(PathId(7), 50)]));
    let later = NOW + Duration::from_millis(2);
    let chosen: BTreeMap<_, _> =
        (0..50).map(|_| (spray.choose(later, &mut paths).unwrap(), ())).collect();
    assert!(chosen.len() > 8, "thawed: {}", chosen.len());
}

/// Even when a few paths come back clean all the time, all others get their turn.
#[test]
fn every_path_is_explored() {
    for ecn in [true, false] {
        let mut paths = paths(256);
        let mut spray = spray(SprayPolicy::Recycle, ecn, 11, 256);
        let mut chosen = BTreeMap::new();
        for _ in 0..256 * 8 {
            let path = spray.choose(NOW, &mut paths).unwrap();
            *chosen.entry(path).or_insert(0) += 1;
            spray.on_clean(path);
        }
        assert_eq!(chosen.len(), 256, "ecn {ecn}");
    }
}

/// The power of two choices: a path twice as slow as the others gets far less than its share.
#[test]
fn without_marks_slow_paths_get_less() {
    let mut paths = paths(16);
    for (index, path) in paths.iter_mut().enumerate() {
        let rtt = Duration::from_micros(if index < 4 { 200 } else { 100 });
        path.rtt.update(NOW, rtt, Duration::ZERO, Duration::ZERO);
    }
    let mut spray = spray(SprayPolicy::Recycle, false, 5, 16);
    let chosen = choices(&mut spray, &mut paths, 16_000);
    let slow: usize = (0..4).filter_map(|id| chosen.get(&PathId(id))).sum();
    assert!(slow < 4000 / 2, "{slow} of 16000 to a quarter of the paths");
    assert!(slow > 0, "explored nonetheless");
}

#[test]
fn a_marked_path_is_passed_over_once() {
    let mut paths = paths(2);
    let mut spray = spray(SprayPolicy::Random, true, 5, 2);
    paths[0].health = Health::Skip;
    let chosen = choices(&mut spray, &mut paths, 100);
    assert_eq!(paths[0].health, Health::Good);
    assert!((20..50).contains(&chosen[&PathId(0)]), "{chosen:?}");
}

/// Sessions with different seeds must not march in step over the same links.
#[test]
fn sessions_explore_in_different_order() {
    let order = |seed| {
        let mut paths = paths(256);
        let mut spray = spray(SprayPolicy::Recycle, true, seed, 256);
        (0..32).map(|_| spray.choose(NOW, &mut paths).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
}
