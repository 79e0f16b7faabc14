//! One-sided operations over the core end to end, in virtual time (PROTOCOL §12).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Net, NetOptions, WireModel, net};
use sealane_transport::rma::{
    Atomic, Audience, Exposure, Grant, Permissions, Refusal, RemoteAddress, RemoteKey, Segment,
};
use sealane_transport::{
    BufferId, Config, Event, LossCause, OperationError, Rank, RecvRequest, RmaId, SendRequest, Tag,
};

/// The target's memory.
const MEMORY: BufferId = BufferId(900);

const MINUTE: Duration = Duration::from_secs(60);

fn pattern(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|i| (i as u8).wrapping_mul(31).wrapping_add((i >> 8) as u8) ^ salt).collect()
}

fn rough() -> WireModel {
    WireModel {
        jitter: Duration::from_micros(200),
        loss: 0.1,
        duplicate: 0.1,
        corrupt: 0.05,
        ..WireModel::default()
    }
}

/// Memory at node `at`, all of it granted.
fn expose(net: &mut Net, at: usize, bytes: Vec<u8>, permissions: Permissions) -> Grant {
    let length = bytes.len() as u64;
    expose_range(net, at, bytes, (0, length), permissions, Audience::Anyone)
}

fn expose_range(
    net: &mut Net,
    at: usize,
    bytes: Vec<u8>,
    (offset, length): (u64, u64),
    permissions: Permissions,
    audience: Audience,
) -> Grant {
    let node = &mut net.nodes[at];
    node.memory.buffers.insert(MEMORY, bytes);
    node.memory.copied.insert(MEMORY);
    let exposure = Exposure { buffer: MEMORY, offset, length, permissions, audience };
    node.endpoint.grant(exposure).unwrap()
}

fn local(net: &mut Net, at: usize, buffer: u64, bytes: Vec<u8>) -> Segment {
    let (id, length) = (BufferId(buffer), bytes.len() as u64);
    net.nodes[at].memory.buffers.insert(id, bytes);
    net.nodes[at].memory.copied.insert(id);
    Segment { buffer: id, offset: 0, length }
}

fn write(net: &mut Net, grant: &Grant, at: u64, source: &[Segment], say: Option<u32>) -> RmaId {
    let now = net.now;
    net.nodes[0].endpoint.write(now, grant.owner, grant.at(at), source, say).unwrap()
}

fn read(net: &mut Net, grant: &Grant, at: u64, target: &[Segment]) -> RmaId {
    let now = net.now;
    net.nodes[0].endpoint.read(now, grant.owner, grant.at(at), target).unwrap()
}

fn atomic(net: &mut Net, grant: &Grant, at: u64, operation: Atomic) -> RmaId {
    let now = net.now;
    net.nodes[0].endpoint.atomic(now, grant.owner, grant.at(at), operation).unwrap()
}

/// How an operation of node `at` ended, if it has; panics if it did twice.
fn ended(net: &Net, at: usize, rma: RmaId) -> Option<Result<u64, OperationError>> {
    let mut ends = net.nodes[at].events.iter().filter_map(|event| match event {
        Event::RmaDone { rma: of, value } if *of == rma => Some(Ok(*value)),
        Event::RmaFailed { rma: of, error } if *of == rma => Some(Err(error.clone())),
        _ => None,
    });
    let end = ends.next();
    assert_eq!(ends.next(), None, "{rma} ended twice");
    end
}

/// Operations of node `at` that were carried out.
fn done(net: &Net, at: usize) -> usize {
    net.nodes[at].events.iter().filter(|event| matches!(event, Event::RmaDone { .. })).count()
}

fn wait(net: &mut Net, rma: RmaId) -> Result<u64, OperationError> {
    let done = net.run(MINUTE, |net| ended(net, 0, rma).is_some());
    assert!(
        done,
        "{rma} never ends: {:?}",
        net.nodes.iter().map(|node| &node.events).collect::<Vec<_>>()
    );
    ended(net, 0, rma).unwrap()
}

fn refused(refusal: Refusal) -> Result<u64, OperationError> {
    Err(OperationError::RemoteAccess(refusal))
}

fn told(net: &Net, at: usize) -> Vec<(u32, u64, u64, u32)> {
    let events = net.nodes[at].events.iter();
    events
        .filter_map(|event| match event {
            Event::RmaWritten { peer, offset, length, immediate, .. } => {
                Some((peer.0, *offset, *length, *immediate))
            }
            _ => None,
        })
        .collect()
}

const SIZES: [usize; 11] = [0, 1, 7, 63, 64, 65, 1500, 4096, 300_001, 1 << 20, 6_000_000];

fn writes_and_reads(options: NetOptions) {
    let mut net = net(options);
    for size in SIZES {
        let bytes = pattern(size, 3);
        let grant = expose_range(
            &mut net,
            1,
            vec![0xee; size + 20],
            (5, size as u64 + 9),
            Permissions::ALL,
            Audience::only(Rank(0)),
        );
        let source = local(&mut net, 0, 1, bytes.clone());
        let rma = write(&mut net, &grant, 9, &[source], Some(size as u32));
        assert_eq!(wait(&mut net, rma), Ok(0));
        let memory = &net.nodes[1].memory.buffers[&MEMORY];
        assert!(memory[..14].iter().all(|byte| *byte == 0xee), "before it");
        assert!(memory[14..14 + size] == bytes, "a write of {size}");
        assert!(memory[14 + size..].iter().all(|byte| *byte == 0xee), "behind it");
        assert_eq!(told(&net, 1).last(), Some(&(0, 9, size as u64, size as u32)));
        assert!(net.nodes[1].endpoint.immediate_taken(Rank(0)));

        let target = local(&mut net, 0, 2, vec![0; size]);
        let rma = read(&mut net, &grant, 9, &[target]);
        assert_eq!(wait(&mut net, rma), Ok(0));
        assert!(net.nodes[0].memory.buffers[&BufferId(2)] == bytes, "a read of {size}");
    }
    assert_eq!(told(&net, 1).len(), SIZES.len());
    for node in &net.nodes {
        assert_eq!(node.endpoint.stats().dropped.violations, 0);
    }
}

#[test]
fn writes_and_reads_of_many_sizes() {
    writes_and_reads(NetOptions::default());
    writes_and_reads(NetOptions { mtu: 65_000, ..NetOptions::default() });
}

#[test]
fn writes_and_reads_survive_a_rough_network_and_new_keys() {
    let config = Config { rekey_packets: Some(64), ..Config::default() };
    let patient = Config { peer_timeout: MINUTE, handshake_timeout: MINUTE, ..config };
    writes_and_reads(NetOptions { model: rough(), config: patient, ..NetOptions::default() });
}

#[test]
fn lists_are_gathered_and_scattered() {
    let mut net = net(NetOptions::default());
    let grant = expose(&mut net, 1, vec![0; 20_000], Permissions::ALL);
    let buffer = local(&mut net, 0, 1, pattern(10_000, 1));
    let part = |offset, length| Segment { offset, length, ..buffer };
    let list = [part(9_000, 1_000), part(3, 5_001), part(0, 0), part(77, 1), part(1_000, 3_333)];
    let whole: Vec<u8> = list
        .iter()
        .flat_map(|part| {
            let bytes = pattern(10_000, 1);
            bytes[part.offset as usize..(part.offset + part.length) as usize].to_vec()
        })
        .collect();
    let rma = write(&mut net, &grant, 11, &list, None);
    assert_eq!(wait(&mut net, rma), Ok(0));
    assert!(net.nodes[1].memory.buffers[&MEMORY][11..11 + whole.len()] == whole);

    let target = local(&mut net, 0, 2, vec![0; 12_000]);
    let part = |offset, length| Segment { offset, length, ..target };
    let rest = whole.len() as u64 - 1_234 - 5_000;
    let rma = read(&mut net, &grant, 11, &[part(10_000, 1_234), part(1, 5_000), part(5_001, rest)]);
    assert_eq!(wait(&mut net, rma), Ok(0));
    let got = &net.nodes[0].memory.buffers[&BufferId(2)];
    assert!(got[10_000..11_234] == whole[..1_234] && got[1..5_001] == whole[1_234..6_234]);
    assert!(got[5_001..5_001 + rest as usize] == whole[6_234..]);
    assert_eq!(got[0], 0);
}

#[test]
fn atomics_are_executed_once_however_often_they_arrive() {
    let config = Config { peer_timeout: MINUTE, handshake_timeout: MINUTE, ..Config::default() };
    let model = WireModel { loss: 0.3, duplicate: 0.5, ..rough() };
    let mut net = net(NetOptions { model, config, ..NetOptions::default() });
    let grant = expose(&mut net, 1, vec![0; 24], Permissions::ATOMIC);
    let adds: Vec<RmaId> =
        (0..1500).map(|_| atomic(&mut net, &grant, 8, Atomic::FetchAdd { add: 1 })).collect();
    assert!(net.run(MINUTE * 10, |net| done(net, 0) == adds.len()));
    let mut found: Vec<u64> =
        adds.iter().map(|add| ended(&net, 0, *add).unwrap().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, (0..1500).collect::<Vec<u64>>(), "each value was found once");
    let word = |net: &Net| {
        let bytes = &net.nodes[1].memory.buffers[&MEMORY];
        assert!(bytes[..8] == [0; 8] && bytes[16..] == [0; 8]);
        u64::from_ne_bytes(bytes[8..16].try_into().unwrap())
    };
    assert_eq!(word(&net), 1500);
    let swap = |compare, swap| Atomic::CompareSwap { compare, swap };
    let rma = atomic(&mut net, &grant, 8, swap(1501, 5));
    assert_eq!((wait(&mut net, rma), word(&net)), (Ok(1500), 1500));
    let rma = atomic(&mut net, &grant, 8, swap(1500, u64::MAX));
    assert_eq!((wait(&mut net, rma), word(&net)), (Ok(1500), u64::MAX));
    let rma = atomic(&mut net, &grant, 8, Atomic::FetchAdd { add: 2 });
    assert_eq!((wait(&mut net, rma), word(&net)), (Ok(u64::MAX), 1));
}

#[test]
fn what_is_not_allowed_is_refused_and_touches_nothing() {
    let mut net = net(NetOptions { nodes: 3, ..NetOptions::default() });
    let all = Permissions::ALL;
    let mine =
        expose_range(&mut net, 1, pattern(4096, 9), (64, 1024), all, Audience::only(Rank(0)));
    let exposure = |permissions, audience| Exposure {
        buffer: MEMORY,
        offset: 0,
        length: 4096,
        permissions,
        audience,
    };
    let owner = &mut net.nodes[1].endpoint;
    let theirs = owner.grant(exposure(all, Audience::only(Rank(2)))).unwrap();
    let revoked = owner.grant(exposure(all, Audience::only(Rank(0)))).unwrap();
    owner.revoke(revoked.key).unwrap();
    let only = |endpoint: &mut sealane_transport::Endpoint, permissions| {
        endpoint.grant(exposure(permissions, Audience::Anyone)).unwrap()
    };
    let readable = only(owner, Permissions::READ | Permissions::ATOMIC);
    let writable = only(owner, Permissions::WRITE | Permissions::READ);
    let written = only(owner, Permissions::WRITE | Permissions::ATOMIC);
    let wrong = Grant { key: RemoteKey(mine.key.0 ^ 1 << 40), ..mine };
    let old = Grant { epoch: mine.epoch.wrapping_sub(1), ..mine };
    let source = local(&mut net, 0, 1, vec![0xff; 5000]);
    let target = local(&mut net, 0, 2, vec![0x77; 5000]);
    let cut = |segment: Segment, length| Segment { length, ..segment };
    let add = Atomic::FetchAdd { add: 1 };

    let mut expect = Vec::new();
    for (grant, refusal) in [
        (wrong, Refusal::UnknownKey),
        (theirs, Refusal::UnknownKey),
        (revoked, Refusal::Revoked),
        (old, Refusal::EpochOver),
    ] {
        for length in [0, 8, 5000] {
            expect.push((write(&mut net, &grant, 0, &[cut(source, length)], Some(1)), refusal));
            expect.push((read(&mut net, &grant, 0, &[cut(target, length)]), refusal));
        }
        expect.push((atomic(&mut net, &grant, 0, add), refusal));
    }
    for (offset, length) in [(1, 1024), (1024, 1), (u64::MAX, 1), (u64::MAX - 7, 8), (1 << 40, 0)] {
        let refusal = Refusal::OutOfBounds;
        expect.push((write(&mut net, &mine, offset, &[cut(source, length)], None), refusal));
        expect.push((read(&mut net, &mine, offset, &[cut(target, length)]), refusal));
    }
    expect.push((atomic(&mut net, &mine, 1017, add), Refusal::OutOfBounds));
    expect.push((atomic(&mut net, &mine, u64::MAX, add), Refusal::OutOfBounds));
    expect.push((atomic(&mut net, &mine, 1012, add), Refusal::Misaligned));
    let refusal = Refusal::NotPermitted;
    expect.push((write(&mut net, &readable, 0, &[source], None), refusal));
    expect.push((atomic(&mut net, &writable, 0, add), refusal));
    expect.push((read(&mut net, &written, 0, &[cut(target, 8)]), refusal));

    for (rma, refusal) in expect {
        assert_eq!(wait(&mut net, rma), refused(refusal));
    }
    assert!(net.nodes[1].memory.buffers[&MEMORY] == pattern(4096, 9), "untouched");
    assert!(net.nodes[0].memory.buffers[&BufferId(2)].iter().all(|byte| *byte == 0x77));
    assert_eq!(told(&net, 1), []);
    // The edges themselves are within.
    let edge = write(&mut net, &mine, 0, &[cut(source, 1024)], None);
    let last = atomic(&mut net, &mine, 1016, add);
    assert_eq!(wait(&mut net, edge), Ok(0));
    assert!(wait(&mut net, last).is_ok());
    for node in &net.nodes {
        assert_eq!(node.endpoint.stats().dropped.violations, 0);
    }
}

/// Refused writes give back what they charged to the eager budget; otherwise a few would use it up and
/// the next write would need a grant, which costs a round trip.
#[test]
fn refusals_leave_the_eager_budget_as_it_was() {
    let mut net = net(NetOptions::default());
    let grant = expose(&mut net, 1, vec![0; 1 << 20], Permissions::WRITE);
    let wrong = Grant { key: RemoteKey(!grant.key.0), ..grant };
    let source = local(&mut net, 0, 1, pattern(200_000, 1));
    let first = write(&mut net, &grant, 0, &[source], None);
    assert_eq!(wait(&mut net, first), Ok(0));
    let time = |net: &mut Net, grant: &Grant| {
        let start = net.now;
        let rma = write(net, grant, 0, &[source], None);
        let end = wait(net, rma);
        (net.now.since(start), end)
    };
    let (before, _) = time(&mut net, &grant);
    for _ in 0..50 {
        assert_eq!(time(&mut net, &wrong).1, refused(Refusal::UnknownKey));
    }
    let (after, end) = time(&mut net, &grant);
    assert_eq!(end, Ok(0));
    assert!(after < before * 2, "{before:?} became {after:?}");
}

#[test]
fn revoking_stops_what_is_under_way_at_once() {
    let mut net = net(NetOptions::default());
    let grant = expose(&mut net, 1, vec![0; 32 << 20], Permissions::ALL);
    let source = local(&mut net, 0, 1, vec![1; 32 << 20]);
    let target = local(&mut net, 0, 2, vec![0; 32 << 20]);
    let rmas =
        [write(&mut net, &grant, 0, &[source], Some(7)), read(&mut net, &grant, 0, &[target])];
    let begun = |net: &Net| net.nodes[1].memory.buffers[&MEMORY][..1 << 20].iter().all(|b| *b == 1);
    assert!(net.run(MINUTE, |net| begun(net)));
    net.nodes[1].endpoint.revoke(grant.key).unwrap();
    // The memory is the owner's again: whatever came now would meet no buffer.
    let memory = net.nodes[1].memory.buffers.remove(&MEMORY).unwrap();
    assert!(memory.contains(&0), "it was under way");
    for rma in rmas {
        assert_eq!(wait(&mut net, rma), refused(Refusal::Revoked));
    }
    assert_eq!(told(&net, 1), []);
    assert!(net.nodes[1].endpoint.revoke(grant.key).is_err());
    // What was granted of the receive budget is free again: others are not starved.
    let grant = expose(&mut net, 1, vec![0; 32 << 20], Permissions::ALL);
    let rma = write(&mut net, &grant, 0, &[source], None);
    assert_eq!(wait(&mut net, rma), Ok(0));
}

#[test]
fn a_new_epoch_ends_all_grants() {
    let mut net = net(NetOptions::default());
    let grant = expose(&mut net, 1, vec![0; 64], Permissions::ALL);
    assert_eq!(net.nodes[1].endpoint.advance_epoch(), grant.epoch + 1);
    assert!(!net.nodes[1].endpoint.is_exposed());
    let rma = atomic(&mut net, &grant, 0, Atomic::FetchAdd { add: 1 });
    assert_eq!(wait(&mut net, rma), refused(Refusal::EpochOver));
    let guess = Grant { epoch: grant.epoch + 1, ..grant };
    let rma = atomic(&mut net, &guess, 0, Atomic::FetchAdd { add: 1 });
    assert_eq!(wait(&mut net, rma), refused(Refusal::UnknownKey));
}

#[test]
fn memory_that_is_gone_is_an_error_and_no_more() {
    let mut net = net(NetOptions::default());
    let grant = expose(&mut net, 1, vec![0; 4096], Permissions::ALL);
    net.nodes[1].memory.buffers.remove(&MEMORY);
    let source = local(&mut net, 0, 1, vec![1; 4096]);
    let target = local(&mut net, 0, 2, vec![0; 4096]);
    let rmas = [
        write(&mut net, &grant, 0, &[source], None),
        read(&mut net, &grant, 0, &[target]),
        atomic(&mut net, &grant, 0, Atomic::FetchAdd { add: 1 }),
    ];
    for rma in rmas {
        assert_eq!(wait(&mut net, rma), refused(Refusal::Gone));
    }
    // Ours gone: the operation fails here, and the peer forgets it.
    let grant = expose(&mut net, 1, vec![0; 4096], Permissions::ALL);
    let gone = Segment { buffer: BufferId(77), offset: 0, length: 4096 };
    let rmas = [write(&mut net, &grant, 0, &[gone], None), read(&mut net, &grant, 0, &[gone])];
    for rma in rmas {
        assert_eq!(wait(&mut net, rma), Err(OperationError::BufferGone));
    }
    let rma = write(&mut net, &grant, 0, &[source], None);
    assert_eq!(wait(&mut net, rma), Ok(0));
}

#[test]
fn the_death_of_the_target_ends_everything_once() {
    let mut net = net(NetOptions::default());
    let grant = expose(&mut net, 1, vec![0; 1 << 20], Permissions::ALL);
    let source = local(&mut net, 0, 1, vec![1; 1 << 20]);
    let target = local(&mut net, 0, 2, vec![0; 1 << 20]);
    let first = write(&mut net, &grant, 0, &[source], None);
    assert_eq!(wait(&mut net, first), Ok(0));
    net.nodes[1].paused = true;
    let mut rmas = Vec::new();
    for _ in 0..700 {
        rmas.push(write(&mut net, &grant, 0, &[source], None));
        rmas.push(read(&mut net, &grant, 0, &[target]));
        rmas.push(atomic(&mut net, &grant, 0, Atomic::FetchAdd { add: 1 }));
    }
    net.nodes[0].endpoint.fence(Rank(1)).unwrap();
    rmas.push(write(&mut net, &grant, 0, &[source], None));
    rmas.push(net.nodes[0].endpoint.flush(Rank(1)).unwrap());
    let start = net.now;
    assert!(net.run(MINUTE, |net| {
        net.nodes[0].events.iter().any(|event| matches!(event, Event::PeerLost { .. }))
    }));
    assert!(net.now.since(start) < Duration::from_secs(2));
    for rma in rmas {
        let Some(Err(OperationError::PeerLost { rank, cause })) = ended(&net, 0, rma) else {
            panic!("{rma}: {:?}", ended(&net, 0, rma));
        };
        assert!(rank == Rank(1) && matches!(cause, LossCause::Silent(_)));
    }
}

#[test]
fn fences_order_and_flushes_wait() {
    let mut net = net(NetOptions { model: rough(), ..NetOptions::default() });
    let grant = expose(&mut net, 1, vec![0; 1 << 20], Permissions::ALL);
    let source = local(&mut net, 0, 1, vec![1; 1 << 20]);
    let idle = net.nodes[0].endpoint.flush(Rank(1)).unwrap();
    let big = write(&mut net, &grant, 0, &[source], None);
    let flush = net.nodes[0].endpoint.flush(Rank(1)).unwrap();
    let free = atomic(&mut net, &grant, 0, Atomic::FetchAdd { add: 0 });
    net.nodes[0].endpoint.fence(Rank(1)).unwrap();
    net.nodes[0].endpoint.fence(Rank(1)).unwrap();
    let behind = write(&mut net, &grant, 0, &[Segment { length: 8, ..source }], None);
    net.nodes[0].endpoint.fence(Rank(1)).unwrap();
    let last = atomic(&mut net, &grant, 0, Atomic::FetchAdd { add: 1 });
    assert!(wait(&mut net, last).is_ok());
    net.run(Duration::from_secs(1), |_| false);
    let order = [idle, big, flush, free, behind, last].map(|rma| {
        let end = |event: &Event| matches!(event, Event::RmaDone { rma: of, .. } if *of == rma);
        net.nodes[0].events.iter().position(end).expect("every one ends")
    });
    let [idle, big, flush, free, behind, last] = order;
    assert!(idle < big && big < flush && big < behind && free < behind && behind < last);
    // The last one found what the fenced write before it left.
    assert_eq!(net.nodes[1].memory.buffers[&MEMORY][0], 2);
}

#[test]
fn cancelled_operations_give_their_memory_back_at_once() {
    let mut net = net(NetOptions::default());
    let grant = expose(&mut net, 1, vec![0; 4 << 20], Permissions::ALL);
    let source = local(&mut net, 0, 1, vec![1; 4 << 20]);
    let target = local(&mut net, 0, 2, vec![0; 4 << 20]);
    let rmas = [
        write(&mut net, &grant, 0, &[source], Some(1)),
        read(&mut net, &grant, 0, &[target]),
        atomic(&mut net, &grant, 0, Atomic::FetchAdd { add: 1 }),
        net.nodes[0].endpoint.flush(Rank(1)).unwrap(),
    ];
    let begun = |net: &Net| net.nodes[0].memory.buffers[&BufferId(2)].contains(&1);
    assert!(net.run(MINUTE, |net| begun(net)));
    for rma in rmas {
        // Withdrawing the others has ended the flush.
        let _ = net.nodes[0].endpoint.cancel_rma(rma);
    }
    net.nodes[0].memory.buffers.clear();
    net.run(Duration::from_secs(3), |_| false);
    for rma in rmas {
        assert!(ended(&net, 0, rma).is_some(), "{rma}");
        assert!(net.nodes[0].endpoint.cancel_rma(rma).is_err());
    }
    assert_eq!(told(&net, 1), [], "a write that was withdrawn is not told of");
    for node in &net.nodes {
        assert_eq!(node.endpoint.stats().dropped.violations, 0);
        let lost = node.events.iter().find(|event| matches!(event, Event::PeerLost { .. }));
        assert_eq!(lost, None);
    }
    let source = local(&mut net, 0, 1, vec![1; 4 << 20]);
    let rma = write(&mut net, &grant, 0, &[source], None);
    assert_eq!(wait(&mut net, rma), Ok(0));
}

/// Both read from each other, more at once than there are message ids: answers need none, else neither
/// side could answer the other.
#[test]
fn ranks_that_read_from_each_other_do_not_wait_for_each_other() {
    let mut net = net(NetOptions::default());
    let grants: Vec<Grant> = [1, 0]
        .into_iter()
        .map(|at| expose(&mut net, at, pattern(8192, at as u8), Permissions::ALL))
        .collect();
    let mut rmas = Vec::new();
    for (at, grant) in grants.iter().enumerate() {
        for index in 0..3000_u64 {
            let target = local(&mut net, at, 10_000 + index, vec![0; 8000]);
            let now = net.now;
            let endpoint = &mut net.nodes[at].endpoint;
            let address: RemoteAddress = grant.at(index % 100);
            rmas.push((at, endpoint.read(now, grant.owner, address, &[target]).unwrap()));
        }
    }
    assert!(net.run(MINUTE, |net| done(net, 0) + done(net, 1) == rmas.len()));
    for (at, other) in [(0, 1_u8), (1, 0)] {
        for index in 0..3000_usize {
            let got = &net.nodes[at].memory.buffers[&BufferId(10_000 + index as u64)];
            assert!(got[..] == pattern(8192, other)[index % 100..][..8000], "{at} {index}");
        }
    }
}

#[test]
fn untaken_immediates_are_bounded_by_refusal() {
    let mut net = net(NetOptions::default());
    let grant = expose(&mut net, 1, vec![0; 64], Permissions::WRITE);
    let source = local(&mut net, 0, 1, vec![1; 8]);
    let rmas: Vec<RmaId> =
        (0..1025).map(|say| write(&mut net, &grant, 0, &[source], Some(say))).collect();
    let ends: Vec<_> = rmas.iter().map(|rma| wait(&mut net, *rma)).collect();
    let refused = ends.iter().filter(|end| **end == refused(Refusal::NotReady)).count();
    assert_eq!((refused, told(&net, 1).len()), (1, 1024));
    let quiet = write(&mut net, &grant, 0, &[source], None);
    assert_eq!(wait(&mut net, quiet), Ok(0), "one that says nothing needs no place");
    assert!(net.nodes[1].endpoint.immediate_taken(Rank(0)));
    let rma = write(&mut net, &grant, 0, &[source], Some(9));
    assert_eq!(wait(&mut net, rma), Ok(0));
    for _ in 0..1024 {
        assert!(net.nodes[1].endpoint.immediate_taken(Rank(0)));
    }
    assert!(!net.nodes[1].endpoint.immediate_taken(Rank(0)));
}

#[test]
fn messages_and_one_sided_operations_mix() {
    let config = Config { peer_timeout: MINUTE, handshake_timeout: MINUTE, ..Config::default() };
    let mut net = net(NetOptions { model: rough(), config, ..NetOptions::default() });
    let grant = expose(&mut net, 1, vec![0; 400_000], Permissions::ALL);
    let source = local(&mut net, 0, 1, pattern(1000, 1));
    let mut rmas = Vec::new();
    for tag in 0..200_u64 {
        let now = net.now;
        let into = local(&mut net, 1, 100 + tag, vec![0; 1000]).buffer;
        let request = RecvRequest {
            from: Some(Rank(0)),
            tag: Tag(tag),
            buffer: into,
            capacity: 1000,
            exact: true,
            progress: false,
        };
        let node = &mut net.nodes[1];
        node.endpoint.post_recv(now, request, &mut node.memory).unwrap();
        let request = SendRequest {
            tag: Tag(tag),
            buffer: source.buffer,
            length: 1000,
            immediate: 0,
            gated: false,
            deferred_ack: false,
        };
        net.nodes[0].endpoint.send(now, Rank(1), request).unwrap();
        rmas.push(write(&mut net, &grant, tag * 1000, &[source], None));
        rmas.push(atomic(&mut net, &grant, 399_992, Atomic::FetchAdd { add: 1 }));
    }
    for rma in rmas {
        assert!(wait(&mut net, rma).is_ok());
    }
    let received = |event: &Event| matches!(event, Event::Received { .. });
    let all = |net: &Net| net.nodes[1].events.iter().filter(|e| received(e)).count() == 200;
    assert!(net.run(MINUTE, all));
    for tag in 0..200_usize {
        let node = &net.nodes[1].memory.buffers;
        assert!(node[&BufferId(100 + tag as u64)] == pattern(1000, 1));
        assert!(node[&MEMORY][tag * 1000..][..1000] == pattern(1000, 1));
    }
}
