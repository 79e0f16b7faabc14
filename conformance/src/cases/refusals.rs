//! One-sided operations that are refused or cut short (PROTOCOL §12.6).

use std::time::Duration;

use sealane_transport::rma::{
    Atomic, Audience, Exposure, Grant, Permissions, Refusal, RemoteKey, Segment,
};
use sealane_transport::{Config, Event, OperationError, Rank};

use super::rma::{atomic, expose, local, read, write};
use crate::stage::{Cast, Stage, pattern};
use crate::{Case, Outcome, Verdict, ensure};

pub(crate) const CASES: &[Case] = &[
    ("rma/refusals_touch_nothing", refusals_touch_nothing),
    ("rma/revoking_stops_what_is_under_way", revoking_stops_what_is_under_way),
    ("rma/a_new_epoch_ends_all_grants", a_new_epoch_ends_all_grants),
    ("rma/untaken_immediates_are_bounded", untaken_immediates_are_bounded),
    ("rma/death_ends_everything_once", death_ends_everything_once),
];

const ADD: Atomic = Atomic::FetchAdd { add: 1 };

fn refused(refusal: Refusal) -> Result<u64, OperationError> {
    Err(OperationError::RemoteAccess(refusal))
}

fn refusals_touch_nothing(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::in_bad_weather())?;
    let buffer = stage.memory(1, pattern(4096, 9));
    let endpoint = &mut stage.nodes[1].endpoint;
    let mut grant = |permissions, audience| {
        let exposure = Exposure { buffer, offset: 64, length: 1024, permissions, audience };
        endpoint.grant(exposure).map_err(|error| error.to_string())
    };
    let mine = grant(Permissions::ALL, Audience::only(Rank(0)))?;
    let theirs = grant(Permissions::ALL, Audience::only(Rank(2)))?;
    let revoked = grant(Permissions::ALL, Audience::Anyone)?;
    let readable = grant(Permissions::READ, Audience::Anyone)?;
    let writable = grant(Permissions::WRITE, Audience::Anyone)?;
    endpoint.revoke(revoked.key).map_err(|error| error.to_string())?;
    let wrong = Grant { key: RemoteKey(mine.key.0 ^ 1 << 40), ..mine };
    let old = Grant { epoch: mine.epoch.wrapping_sub(1), ..mine };
    let source = local(stage, vec![0xff; 2000]);
    let target = local(stage, vec![0x77; 2000]);
    let cut = |segment: Segment, length| Segment { length, ..segment };
    let (mut rmas, mut expected) = (Vec::new(), Vec::new());
    let mut expect = |rma, refusal| {
        rmas.push(rma);
        expected.push(refused(refusal));
    };
    for (grant, refusal) in [
        (wrong, Refusal::UnknownKey),
        (theirs, Refusal::UnknownKey),
        (revoked, Refusal::Revoked),
        (old, Refusal::EpochOver),
    ] {
        for length in [0, 8, 2000] {
            expect(write(stage, (&grant, 0), &[cut(source, length)], Some(1))?, refusal);
            expect(read(stage, (&grant, 0), &[cut(target, length)])?, refusal);
        }
        expect(atomic(stage, (&grant, 0), ADD)?, refusal);
    }
    for (at, length) in [(1, 1024), (1024, 1), (u64::MAX, 1), (u64::MAX - 7, 8), (1 << 40, 0)] {
        let refusal = Refusal::OutOfBounds;
        expect(write(stage, (&mine, at), &[cut(source, length)], None)?, refusal);
        expect(read(stage, (&mine, at), &[cut(target, length)])?, refusal);
    }
    expect(atomic(stage, (&mine, 1017), ADD)?, Refusal::OutOfBounds);
    expect(atomic(stage, (&mine, 1012), ADD)?, Refusal::Misaligned);
    expect(write(stage, (&readable, 0), &[cut(source, 8)], None)?, Refusal::NotPermitted);
    expect(read(stage, (&writable, 0), &[cut(target, 8)])?, Refusal::NotPermitted);
    expect(atomic(stage, (&writable, 0), ADD)?, Refusal::NotPermitted);
    let ends = stage.finish(&rmas)?;
    for (at, (end, expected)) in ends.iter().zip(&expected).enumerate() {
        ensure!(end == expected, "operation {at} ended with {end:?}, not {expected:?}");
    }
    ensure!(stage.bytes(1, buffer) == pattern(4096, 9), "memory was touched");
    ensure!(stage.bytes(0, target.buffer) == vec![0x77; 2000], "something was read");
    let told = |event: &Event| matches!(event, Event::RmaWritten { .. });
    ensure!(stage.count(1, told) == 0, "told of a refused write");
    stage.in_order()?;
    Ok(Verdict::Passed)
}

fn revoking_stops_what_is_under_way(stage: &mut Stage<'_>) -> Outcome {
    const SIZE: usize = 24 << 20;
    stage.enter(&Cast::default())?;
    let (grant, memory) = expose(stage, 1, vec![0; SIZE])?;
    let source = local(stage, vec![1; SIZE]);
    let target = local(stage, vec![9; SIZE]);
    let rmas =
        [write(stage, (&grant, 0), &[source], Some(7))?, read(stage, (&grant, 0), &[target])?];
    stage.until("a write that begins", |stage| stage.bytes(1, memory)[..65_536] == [1; 65_536])?;
    stage.nodes[1].endpoint.revoke(grant.key).map_err(|error| error.to_string())?;
    // The memory is its owner's again: what came now would meet no buffer.
    let bytes = stage.nodes[1].memory.remove(memory).ok_or("the memory is gone")?;
    ensure!(bytes.contains(&0), "the write was through before it could be stopped");
    let ends = stage.finish(&rmas)?;
    ensure!(ends.iter().all(|end| *end == refused(Refusal::Revoked)), "{ends:?}");
    let told = |event: &Event| matches!(event, Event::RmaWritten { .. });
    ensure!(stage.count(1, told) == 0, "told of a write that was stopped");
    let (grant, memory) = expose(stage, 1, vec![0; SIZE])?;
    let again = write(stage, (&grant, 0), &[source], None)?;
    let ends = stage.finish(&[again])?;
    let whole = stage.bytes(1, memory) == vec![1; SIZE];
    ensure!(ends == [Ok(0)] && whole, "the next write: {ends:?}");
    stage.in_order()?;
    Ok(Verdict::Passed)
}

fn a_new_epoch_ends_all_grants(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::default())?;
    let (grant, memory) = expose(stage, 1, vec![0; 64])?;
    let first = atomic(stage, (&grant, 0), ADD)?;
    ensure!(stage.finish(&[first])? == [Ok(0)], "before");
    let epoch = stage.nodes[1].endpoint.advance_epoch();
    let late = atomic(stage, (&grant, 0), ADD)?;
    let forged = atomic(stage, (&Grant { epoch, ..grant }, 0), ADD)?;
    let ends = stage.finish(&[late, forged])?;
    let expected = [refused(Refusal::EpochOver), refused(Refusal::UnknownKey)];
    ensure!(ends == expected, "{ends:?}");
    ensure!(stage.bytes(1, memory)[..8] == 1_u64.to_ne_bytes(), "memory was touched");
    stage.in_order()?;
    Ok(Verdict::Passed)
}

fn untaken_immediates_are_bounded(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::default())?;
    let (grant, _) = expose(stage, 1, vec![0; 64])?;
    let source = local(stage, vec![1; 8]);
    let rmas = (0..1025)
        .map(|say| write(stage, (&grant, 0), &[source], Some(say)))
        .collect::<Result<Vec<_>, _>>()?;
    let ends = stage.finish(&rmas)?;
    let refusals = ends.iter().filter(|end| **end == refused(Refusal::NotReady)).count();
    ensure!(refusals == 1, "{refusals} of 1025 were refused");
    ensure!(stage.nodes[1].endpoint.immediate_taken(Rank(0)), "none is owed");
    let rma = write(stage, (&grant, 0), &[source], Some(9))?;
    let ends = stage.finish(&[rma])?;
    ensure!(ends == [Ok(0)], "after one was taken: {ends:?}");
    stage.in_order()?;
    Ok(Verdict::Passed)
}

fn death_ends_everything_once(stage: &mut Stage<'_>) -> Outcome {
    let config = Config { peer_timeout: Duration::from_millis(1500), ..Config::default() };
    stage.enter(&Cast { config, ..Cast::default() })?;
    let (grant, _) = expose(stage, 1, vec![0; 1 << 20])?;
    let source = local(stage, vec![1; 1 << 20]);
    let target = local(stage, vec![0; 1 << 20]);
    let first = write(stage, (&grant, 0), &[source], None)?;
    ensure!(stage.finish(&[first])? == [Ok(0)], "before");
    stage.nodes[1].stopped = true;
    let mut rmas = Vec::new();
    for _ in 0..400 {
        rmas.push(write(stage, (&grant, 0), &[source], None)?);
        rmas.push(read(stage, (&grant, 0), &[target])?);
        rmas.push(atomic(stage, (&grant, 0), ADD)?);
    }
    stage.nodes[0].endpoint.fence(Rank(1)).map_err(|error| error.to_string())?;
    rmas.push(write(stage, (&grant, 0), &[source], None)?);
    rmas.push(stage.nodes[0].endpoint.flush(Rank(1)).map_err(|error| error.to_string())?);
    let lost = |event: &Event| matches!(event, Event::PeerLost { .. });
    stage.until("the loss", |stage| stage.count(0, lost) == 1)?;
    for end in stage.finish(&rmas)? {
        let right = matches!(end, Err(OperationError::PeerLost { rank: Rank(1), .. }));
        ensure!(right, "{end:?}");
    }
    Ok(Verdict::Passed)
}
