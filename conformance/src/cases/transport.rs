//! The transport over a device: delivery, loss, new keys, silence.

use std::time::Duration;

use sealane_transport::device::Device;
use sealane_transport::{Config, Event, LossCause};

use crate::factory::Options;
use crate::stage::{Cast, Stage, pattern};
use crate::{Case, Outcome, Verdict, ensure};

pub(crate) const CASES: &[Case] = &[
    ("transport/messages_of_every_size", messages_of_every_size),
    ("transport/messages_in_small_packets", messages_in_small_packets),
    ("transport/bad_weather_changes_nothing", bad_weather_changes_nothing),
    ("transport/new_keys_change_nothing", new_keys_change_nothing),
    ("transport/many_ranks_send_to_one", many_ranks_send_to_one),
    ("transport/a_silent_rank_is_lost_and_no_other", a_silent_rank_is_lost_and_no_other),
];

const SIZES: [usize; 12] =
    [0, 1, 63, 64, 65, 1199, 4096, 9000, 65_537, 300_001, 1 << 20, 5_000_000];

/// Messages both ways at once, each byte checked.
fn exchange(stage: &mut Stage<'_>, sizes: &[usize]) -> Result<(), String> {
    let mut posted = Vec::new();
    for (tag, size) in sizes.iter().enumerate() {
        for pair in [(0, 1), (1, 0)] {
            let bytes = pattern(*size, (tag * 2 + pair.0) as u8);
            let target = stage.send(pair, tag as u64, bytes.clone())?;
            posted.push((pair.1, target, bytes));
        }
    }
    let wanted = sizes.len();
    let received = |event: &Event| matches!(event, Event::Received { .. });
    let sent = |event: &Event| matches!(event, Event::Sent { .. });
    stage.until("messages", |stage| {
        (0..2)
            .all(|rank| stage.count(rank, received) == wanted && stage.count(rank, sent) == wanted)
    })?;
    for (rank, target, bytes) in posted {
        ensure!(stage.bytes(rank, target) == bytes, "a message of {} bytes differs", bytes.len());
    }
    stage.in_order()
}

fn messages_of_every_size(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::default())?;
    exchange(stage, &SIZES)?;
    Ok(Verdict::Passed)
}

fn messages_in_small_packets(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast { options: Options { ports: 1, mtu: Some(1200) }, ..Cast::default() })?;
    exchange(stage, &SIZES[..11])?;
    Ok(Verdict::Passed)
}

fn bad_weather_changes_nothing(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast::in_bad_weather())?;
    exchange(stage, &SIZES)?;
    let bad = stage.nodes.iter().map(|node| node.device.received());
    let lost: u64 = bad.map(|counters| counters.lost + counters.corrupted).sum();
    ensure!(lost > 0, "the weather was good");
    Ok(Verdict::Passed)
}

fn new_keys_change_nothing(stage: &mut Stage<'_>) -> Outcome {
    let cast = Cast::default();
    let config = Config { rekey_packets: Some(256), ..cast.config.clone() };
    let options = Options { ports: 2, mtu: Some(1472) };
    stage.enter(&Cast { config, options, ..cast })?;
    exchange(stage, &SIZES)?;
    exchange_again(stage)?;
    let updates: u64 = stage.nodes.iter().map(|node| node.endpoint.stats().keys_updated).sum();
    ensure!(updates > 0, "no key was replaced");
    Ok(Verdict::Passed)
}

/// More of the same: a key is replaced only when its predecessor's packets are gone.
fn exchange_again(stage: &mut Stage<'_>) -> Result<(), String> {
    stage.rest(Duration::from_millis(200))?;
    for node in &mut stage.nodes {
        node.events.clear();
    }
    exchange(stage, &SIZES)
}

fn many_ranks_send_to_one(stage: &mut Stage<'_>) -> Outcome {
    stage.enter(&Cast { ranks: 4, ..Cast::default() })?;
    let bytes = pattern(1_500_000, 7);
    let targets: Vec<_> = (1..4)
        .map(|from| stage.send((from, 0), from as u64, bytes.clone()))
        .collect::<Result<_, _>>()?;
    let received = |event: &Event| matches!(event, Event::Received { .. });
    stage.until("an incast", |stage| stage.count(0, received) == 3)?;
    for target in targets {
        ensure!(stage.bytes(0, target) == bytes, "a message differs");
    }
    stage.in_order()?;
    Ok(Verdict::Passed)
}

fn a_silent_rank_is_lost_and_no_other(stage: &mut Stage<'_>) -> Outcome {
    let config = Config { peer_timeout: Duration::from_millis(1500), ..Config::default() };
    stage.enter(&Cast { ranks: 3, config, ..Cast::default() })?;
    let bytes = pattern(10_000, 1);
    for to in [1, 2] {
        stage.send((0, to), 1, bytes.clone())?;
    }
    let sent = |event: &Event| matches!(event, Event::Sent { .. });
    stage.until("first messages", |stage| stage.count(0, sent) == 2)?;
    stage.nodes[1].stopped = true;
    for to in [1, 2] {
        stage.send((0, to), 2, bytes.clone())?;
    }
    let lost = |event: &Event| matches!(event, Event::PeerLost { .. });
    stage.until("the loss", |stage| stage.count(0, lost) > 0 && stage.count(0, sent) >= 3)?;
    let silent = |event: &Event| {
        let cause =
            |cause: &LossCause| matches!(cause, LossCause::Silent(_) | LossCause::Unreachable);
        matches!(event, Event::PeerLost { peer, cause: why } if peer.0 == 1 && cause(why))
    };
    ensure!(stage.count(0, silent) == 1, "{:?}", stage.nodes[0].events);
    ensure!(stage.count(0, lost) == 1, "another rank was lost too");
    ensure!(!stage.nodes[0].device.local_addresses().is_empty(), "the device is gone");
    Ok(Verdict::Passed)
}
