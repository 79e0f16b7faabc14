//! One-sided operations that are carried out (PROTOCOL §12).

use sealane_transport::rma::{Atomic, Audience, Exposure, Grant, Permissions, Segment};
use sealane_transport::{BufferId, Event, Rank, RmaId};

use crate::stage::{Cast, Stage, pattern};
use crate::{Case, Outcome, Verdict, ensure};

pub(crate) const CASES: &[Case] = &[
    ("rma/writes_and_reads", writes_and_reads),
    ("rma/writes_and_reads_in_bad_weather", writes_and_reads_in_bad_weather),
    ("rma/lists_are_gathered_and_scattered", lists_are_gathered_and_scattered),
    ("rma/many_are_in_flight", many_are_in_flight),
    ("rma/atomics_are_executed_once", atomics_are_executed_once),
    ("rma/immediates_come_after_the_last_byte", immediates_come_after_the_last_byte),
    ("rma/fences_order", fences_order),
    ("rma/both_read_from_each_other", both_read_from_each_other),
];

/// Grants all of a rank's new memory to rank 0, or to all from rank 0.
pub(super) fn expose(
    stage: &mut Stage<'_>,
    at: usize,
    bytes: Vec<u8>,
) -> Result<(Grant, BufferId), String> {
    let length = bytes.len() as u64;
    let buffer = stage.memory(at, bytes);
    let exposure = Exposure {
        buffer,
        offset: 0,
        length,
        permissions: Permissions::ALL,
        audience: Audience::Anyone,
    };
    let grant = stage.nodes[at].endpoint.grant(exposure).map_err(|error| error.to_string())?;
    Ok((grant, buffer))
}

/// All of a new buffer of rank 0.
pub(super) fn local(stage: &mut Stage<'_>, bytes: Vec<u8>) -> Segment {
    let length = bytes.len() as u64;
    Segment { buffer: stage.memory(0, bytes), offset: 0, length }
}

/// Rank 0 writes.
pub(super) fn write(
    stage: &mut Stage<'_>,
    (grant, at): (&Grant, u64),
    source: &[Segment],
    immediate: Option<u32>,
) -> Result<RmaId, String> {
    let now = stage.now();
    let endpoint = &mut stage.nodes[0].endpoint;
    let started = endpoint.write(now, grant.owner, grant.at(at), source, immediate);
    started.map_err(|error| error.to_string())
}

/// Rank 0 reads.
pub(super) fn read(
    stage: &mut Stage<'_>,
    (grant, at): (&Grant, u64),
    target: &[Segment],
) -> Result<RmaId, String> {
    let now = stage.now();
    let started = stage.nodes[0].endpoint.read(now, grant.owner, grant.at(at), target);
    started.map_err(|error| error.to_string())
}

/// Rank 0 changes eight bytes.
pub(super) fn atomic(
    stage: &mut Stage<'_>,
    (grant, at): (&Grant, u64),
    operation: Atomic,
) -> Result<RmaId, String> {
    let now = stage.now();
    let started = stage.nodes[0].endpoint.atomic(now, grant.owner, grant.at(at), operation);
    started.map_err(|error| error.to_string())
}

fn done(stage: &mut Stage<'_>, rmas: &[RmaId]) -> Result<Vec<u64>, String> {
    let ends = stage.finish(rmas)?;
    ends.into_iter().map(|end| end.map_err(|error| error.to_string())).collect()
}

fn there_and_back(stage: &mut Stage<'_>) -> Result<(), String> {
    for size in [0, 1, 63, 64, 65, 1199, 4096, 9000, 65_537, 1 << 20, 5_000_000] {
        let bytes = pattern(size, 3);
        let (grant, memory) = expose(stage, 1, vec![0xee; size + 20])?;
        let source = local(stage, bytes.clone());
        let rma = write(stage, (&grant, 9), &[source], None)?;
        done(stage, &[rma])?;
        let now = stage.bytes(1, memory);
        ensure!(now[9..9 + size] == bytes, "a write of {size} bytes differs");
        let around = now[..9].iter().chain(&now[9 + size..]).all(|byte| *byte == 0xee);
        ensure!(around, "a write of {size} bytes touches more than that");
        let target = local(stage, vec![0; size]);
        let rma = read(stage, (&grant, 9), &[target])?;
        done(stage, &[rma])?;
        ensure!(stage.bytes(0, target.buffer) == bytes, "a read of {size} bytes differs");
    }
    stage.in_order()
}

fn writes_and_reads(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::default())?;
    there_and_back(stage)?;
    Ok(Verdict::Passed)
}

fn writes_and_reads_in_bad_weather(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::in_bad_weather())?;
    there_and_back(stage)?;
    Ok(Verdict::Passed)
}

fn lists_are_gathered_and_scattered(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::in_bad_weather())?;
    let (grant, memory) = expose(stage, 1, vec![0; 20_000])?;
    let all = pattern(10_000, 1);
    let buffer = local(stage, all.clone());
    let part = |offset: u64, length: u64| Segment { offset, length, ..buffer };
    let list = [part(9_000, 1_000), part(3, 5_001), part(0, 0), part(77, 1), part(1_000, 3_333)];
    let whole: Vec<u8> = list
        .iter()
        .flat_map(|part| all[part.offset as usize..][..part.length as usize].to_vec())
        .collect();
    let rma = write(stage, (&grant, 11), &list, None)?;
    done(stage, &[rma])?;
    ensure!(stage.bytes(1, memory)[11..][..whole.len()] == whole, "gathered otherwise");
    let target = local(stage, vec![0; 12_000]);
    let part = |offset: u64, length: u64| Segment { offset, length, ..target };
    let rest = whole.len() as u64 - 1_234;
    let rma = read(stage, (&grant, 11), &[part(10_000, 1_234), part(1, rest)])?;
    done(stage, &[rma])?;
    let got = stage.bytes(0, target.buffer);
    let first = got[10_000..11_234] == whole[..1_234];
    ensure!(first && got[1..][..rest as usize] == whole[1_234..], "scattered otherwise");
    stage.in_order()?;
    Ok(Verdict::Passed)
}

fn many_are_in_flight(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::in_bad_weather())?;
    let (grant, memory) = expose(stage, 1, vec![0; 3000 * 40])?;
    let bytes = pattern(3000 * 40, 4);
    let source = local(stage, bytes.clone());
    let part = |index: u64| Segment { offset: index * 40, length: 40, ..source };
    let rmas: Vec<RmaId> = (0..3000)
        .map(|index| write(stage, (&grant, index * 40), &[part(index)], None))
        .collect::<Result<_, _>>()?;
    done(stage, &rmas)?;
    ensure!(stage.bytes(1, memory) == bytes, "3000 writes differ");
    stage.in_order()?;
    Ok(Verdict::Passed)
}

fn atomics_are_executed_once(stage: &mut Stage<'_>) -> Outcome {
    let mut cast = Cast::in_bad_weather();
    cast.faults.duplicate = 0.5;
    cast.faults.loss = 0.1;
    stage.enter(&cast)?;
    let (grant, memory) = expose(stage, 1, vec![0; 24])?;
    let rmas: Vec<RmaId> = (0..500)
        .map(|_| atomic(stage, (&grant, 8), Atomic::FetchAdd { add: 3 }))
        .collect::<Result<_, _>>()?;
    let mut found = done(stage, &rmas)?;
    found.sort_unstable();
    ensure!(found.iter().copied().eq((0..500).map(|turn| turn * 3)), "not once each: {found:?}");
    let swap = |compare, swap| Atomic::CompareSwap { compare, swap };
    for (operation, expected) in [(swap(1, 5), 1500), (swap(1500, 7), 1500), (swap(7, 9), 7)] {
        let rma = atomic(stage, (&grant, 8), operation)?;
        let found = done(stage, &[rma])?;
        ensure!(found == [expected], "{operation:?} found {found:?} for {expected}");
    }
    let now = stage.bytes(1, memory);
    ensure!(now[8..16] == 9_u64.to_ne_bytes(), "the word is {:?}", &now[8..16]);
    ensure!(now[..8] == [0; 8] && now[16..] == [0; 8], "its neighbours were touched");
    stage.in_order()?;
    Ok(Verdict::Passed)
}

fn immediates_come_after_the_last_byte(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::in_bad_weather())?;
    let size = 40_000_usize;
    let (grant, memory) = expose(stage, 1, vec![0; size * 20])?;
    let bytes = pattern(size * 20, 6);
    let source = local(stage, bytes.clone());
    let part =
        |index: usize| Segment { offset: (index * size) as u64, length: size as u64, ..source };
    for index in 0..20 {
        let at = (index * size) as u64;
        write(stage, (&grant, at), &[part(index)], Some(index as u32))?;
    }
    let mut told = 0;
    while told < 20 {
        let is_told = |event: &Event| matches!(event, Event::RmaWritten { .. });
        stage.until("an immediate", |stage| stage.count(1, is_told) > 0)?;
        let events = std::mem::take(&mut stage.nodes[1].events);
        for event in events {
            let Event::RmaWritten { peer, offset, length, immediate, .. } = event else { continue };
            let at = immediate as usize * size;
            let right = (peer, offset, length) == (Rank(0), at as u64, size as u64);
            ensure!(right, "told of {length} bytes at {offset} as {immediate}");
            let there = stage.bytes(1, memory)[at..at + size] == bytes[at..at + size];
            ensure!(there, "told of write {immediate} before all of it is there");
            stage.nodes[1].endpoint.immediate_taken(peer);
            told += 1;
        }
    }
    stage.in_order()?;
    Ok(Verdict::Passed)
}

fn fences_order(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::in_bad_weather())?;
    let (grant, memory) = expose(stage, 1, vec![0; 8])?;
    let sources: Vec<Segment> = (0..50).map(|turn| local(stage, vec![turn; 8])).collect();
    let mut rmas = Vec::new();
    for source in &sources {
        rmas.push(write(stage, (&grant, 0), &[*source], None)?);
        stage.nodes[0].endpoint.fence(Rank(1)).map_err(|error| error.to_string())?;
    }
    let flush = stage.nodes[0].endpoint.flush(Rank(1)).map_err(|error| error.to_string())?;
    done(stage, &[flush])?;
    ensure!(rmas.len() == 50 && stage.ends(0)?.len() == 51, "flushed before all have ended");
    ensure!(stage.bytes(1, memory) == [49; 8], "the last write is not the last");
    stage.in_order()?;
    Ok(Verdict::Passed)
}

fn both_read_from_each_other(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::default())?;
    let grants = [expose(stage, 1, pattern(8192, 1))?.0, expose(stage, 0, pattern(8192, 0))?.0];
    let mut targets = Vec::new();
    for (at, grant) in grants.iter().enumerate() {
        for index in 0..1500_u64 {
            let buffer = stage.memory(at, vec![0; 2000]);
            let segment = Segment { buffer, offset: 0, length: 2000 };
            let now = stage.now();
            let endpoint = &mut stage.nodes[at].endpoint;
            let started = endpoint.read(now, grant.owner, grant.at(index % 100), &[segment]);
            started.map_err(|error| error.to_string())?;
            targets.push((at, index as usize % 100, buffer));
        }
    }
    let is_done = |event: &Event| matches!(event, Event::RmaDone { .. });
    stage.until("reads of each other", |stage| {
        stage.count(0, is_done) + stage.count(1, is_done) == targets.len()
    })?;
    for (at, from, buffer) in targets {
        let expected = &pattern(8192, 1 - at as u8)[from..][..2000];
        ensure!(stage.bytes(at, buffer) == expected, "a read of rank {at} differs");
    }
    stage.in_order()?;
    Ok(Verdict::Passed)
}
