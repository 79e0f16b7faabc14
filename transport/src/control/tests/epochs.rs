//! Who is not of an epoch gets no session, whatever else it holds.

use super::harness::*;
use crate::control::parameters::Parameters;
use crate::control::*;
use crate::epoch::Epoch;
use crate::ids::Rank;

fn epoch(byte: u8) -> Option<Epoch> {
    Some(Epoch::new(2, Zeroizing::new([byte; 32])))
}

fn member(rank: u32, membership: Option<Epoch>) -> ControlPlane {
    let settings = settings(identity(rank), u64::from(rank));
    ControlPlane::new(ControlSettings { membership, ..settings }).unwrap()
}

fn pair(weather: Weather, zero: Option<Epoch>, one: Option<Epoch>) -> Net {
    let mut net = Net::new(weather, 5);
    net.nodes.insert(address(0), member(0, zero));
    net.nodes.insert(address(1), member(1, one));
    net.connect(0, 1);
    net
}

#[test]
fn members_of_one_epoch_meet_and_have_keys_of_their_own() {
    let mut secrets = Vec::new();
    for membership in [epoch(1), epoch(1), epoch(2), None] {
        let mut net = pair(STORM, membership.clone(), membership);
        assert!(net.until(TIMEOUT, |net| net.connected(0, 1)));
        let (zero, one) = (net.take(0), net.take(1));
        let (zero, one) = (established(&zero)[0], established(&one)[0]);
        assert_eq!(*zero.path_secret, *one.path_secret);
        secrets.push(zero.path_secret.clone());
    }
    secrets.sort_unstable_by_key(|secret| **secret);
    secrets.dedup();
    assert_eq!(secrets.len(), 4, "each session has keys of its own");
}

#[test]
fn holders_of_the_job_secret_alone_are_refused_and_both_sides_say_so() {
    for (zero, one) in [(epoch(1), None), (None, epoch(1)), (epoch(1), epoch(2))] {
        for weather in [FAIR, STORM] {
            let mut net = pair(weather, zero.clone(), one.clone());
            net.run(2 * TIMEOUT);
            let (zero, one) = (net.take(0), net.take(1));
            assert!(
                matches!(
                    &zero[..],
                    [ControlEvent::Failed { peer: Rank(1), error: HandshakeError::OtherEpoch }]
                ),
                "{zero:?}"
            );
            assert!(
                matches!(
                    &one[..],
                    [ControlEvent::Refused {
                        claimed: Some(Rank(0)),
                        error: HandshakeError::OtherEpoch
                    }]
                ),
                "{one:?}"
            );
        }
    }
}

#[test]
fn the_extension_is_at_the_end_and_comes_once() {
    let proof = EpochProof { number: 0x0203, proof: [9; 32] };
    let sample = |epoch| parameters(3).to_peer(&job(), Rank(3), Rank(9), SessionId(7), epoch);
    let (without, with) = (sample(None).encode(), sample(Some(proof)).encode());
    let extension = with.strip_prefix(&without[..]).unwrap();
    assert_eq!(extension[..12], [0, 1, 0, 40, 0, 0, 0, 0, 0, 0, 2, 3]);
    assert_eq!(extension[12..], [9; 32]);
    assert_eq!(Parameters::decode(&with).unwrap().epoch, Some(proof));
    let twice = [&with[..], extension].concat();
    assert_eq!(Parameters::decode(&twice), Err(HandshakeError::BadParameters("two epochs")));
    let short = [&without[..], &[0, 1, 0, 2, 1, 1]].concat();
    assert_eq!(Parameters::decode(&short), Err(HandshakeError::BadParameters("epoch")));
}
