//! The device contract (`sealane_transport::device`), without a transport.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use sealane_transport::Time;
use sealane_transport::device::{Device, Ecn, Route, Train};

use crate::factory::{Factory, Options};
use crate::stage::{PATIENCE, Stage, pattern};
use crate::{Case, Outcome, Verdict, ensure};

pub(crate) const CASES: &[Case] = &[
    ("device/capabilities_make_sense", capabilities_make_sense),
    ("device/every_pair_of_ports_is_a_path", every_pair_of_ports_is_a_path),
    ("device/sizes_up_to_the_mtu", sizes_up_to_the_mtu),
    ("device/trains_arrive_as_packets", trains_arrive_as_packets),
    ("device/what_was_lent_is_lent_again", what_was_lent_is_lent_again),
    ("device/polling_respects_its_budget", polling_respects_its_budget),
    ("device/nothing_is_no_trouble", nothing_is_no_trouble),
    ("device/a_packet_ends_a_sleep", a_packet_ends_a_sleep),
    ("device/waking_ends_a_sleep", waking_ends_a_sleep),
];

/// A packet as it came in.
struct Arrived {
    route: Route,
    bytes: Vec<u8>,
}

type Opened = Box<dyn Device>;

fn two(stage: &mut Stage<'_>) -> Result<(Opened, Opened), String> {
    let options = Options::default();
    Ok((stage.factory.open(&options)?, stage.factory.open(&options)?))
}

/// Takes in what has come, packet by packet.
fn take(device: &mut dyn Device, budget: usize, into: &mut Vec<Arrived>) -> usize {
    let batches = device.poll(budget, &mut |received| {
        for packet in received.bytes.chunks(received.stride.max(1)) {
            into.push(Arrived { route: received.route, bytes: packet.to_vec() });
        }
    });
    while device.poll_event().is_some() {}
    batches
}

/// Posts one train, and waits for its packets; a network may lose some, so tries again.
fn deliver(
    factory: &mut dyn Factory,
    from: &mut dyn Device,
    to: &mut dyn Device,
    route: Route,
    (bytes, stride): (&[u8], usize),
) -> Result<Vec<Arrived>, String> {
    let wanted = bytes.chunks(stride.max(1)).count();
    for _ in 0..10 {
        post(from, route, bytes, stride)?;
        let mut arrived = Vec::new();
        let until = factory.now() + PATIENCE / 10;
        while arrived.len() < wanted && factory.now() < until {
            take(from, 8, &mut Vec::new());
            if take(to, 8, &mut arrived) == 0 {
                factory.wait(until);
            }
        }
        if arrived.len() >= wanted {
            return Ok(arrived);
        }
    }
    Err(format!("{} bytes in packets of {stride} never arrive over {route:?}", bytes.len()))
}

fn post(device: &mut dyn Device, route: Route, bytes: &[u8], stride: usize) -> Result<(), String> {
    let buffer = device.lend().ok_or("nothing to write to although nothing is under way")?;
    let room = buffer.get_mut(..bytes.len()).ok_or("a lent buffer is shorter than a train")?;
    room.copy_from_slice(bytes);
    device.post(Train { route, length: bytes.len(), stride, ecn: Ecn::NotEct });
    device.flush();
    Ok(())
}

/// From a port to a port.
fn route(local: usize, to: &dyn Device, remote: usize) -> Route {
    Route { local: local as u16, remote: to.local_addresses()[remote] }
}

fn capabilities_make_sense(stage: &mut Stage<'_>) -> Outcome {
    let (device, other) = two(stage)?;
    let capabilities = device.capabilities();
    let (base, mtu) = (capabilities.mtu_base, capabilities.mtu);
    ensure!(base >= 1200 && mtu >= base, "MTU {mtu}, base {base}");
    ensure!(capabilities.train_packets >= 1, "trains of no packets");
    ensure!(capabilities.train_bytes >= u32::from(mtu), "a train does not hold one packet");
    ensure!(capabilities.receive_budget >= u64::from(mtu), "no room to receive one packet");
    let addresses: BTreeSet<SocketAddr> =
        device.local_addresses().iter().chain(other.local_addresses()).copied().collect();
    let ports = device.local_addresses().len() + other.local_addresses().len();
    ensure!(addresses.len() == ports && ports >= 2, "ports share addresses: {addresses:?}");
    Ok(Verdict::Passed)
}

fn every_pair_of_ports_is_a_path(stage: &mut Stage<'_>) -> Outcome {
    let (mut a, mut b) = two(stage)?;
    for local in 0..a.local_addresses().len() {
        for remote in 0..b.local_addresses().len() {
            let path = route(local, &*b, remote);
            let salt = (local * 16 + remote) as u8;
            let bytes = pattern(200, salt);
            let arrived = deliver(stage.factory, &mut *a, &mut *b, path, (&bytes, 200))?;
            for packet in arrived.iter().filter(|packet| packet.bytes == bytes) {
                let back = Route { local: remote as u16, remote: a.local_addresses()[local] };
                ensure!(packet.route == back, "{:?} instead of {back:?}", packet.route);
            }
            let whole = arrived.iter().any(|packet| packet.bytes == bytes);
            ensure!(whole, "port {local} to port {remote} changes bytes");
        }
    }
    Ok(Verdict::Passed)
}

fn sizes_up_to_the_mtu(stage: &mut Stage<'_>) -> Outcome {
    let (mut a, mut b) = two(stage)?;
    let (mtu, base) = (a.capabilities().mtu.into(), a.capabilities().mtu_base.into());
    for size in [1, 2, 31, 63, 64, 65, 1199, base, mtu - 1, mtu] {
        let bytes = pattern(size, size as u8);
        let path = route(0, &*b, 0);
        let arrived = deliver(stage.factory, &mut *a, &mut *b, path, (&bytes, size))?;
        let whole = arrived.iter().any(|packet| packet.bytes == bytes);
        ensure!(whole, "{size} bytes arrive as {:?}", arrived.first().map(|p| p.bytes.len()));
    }
    // One byte more is a matter for an event, not for the network.
    if a.lend().is_some_and(|buffer| buffer.len() > mtu) {
        post(&mut *a, route(0, &*b, 0), &pattern(mtu + 1, 1), mtu + 1)?;
        let mut arrived = Vec::new();
        let until = stage.factory.now() + Duration::from_millis(50);
        while stage.factory.now() < until {
            take(&mut *a, 8, &mut Vec::new());
            take(&mut *b, 8, &mut arrived);
            stage.factory.wait(until);
        }
        let cut = arrived.iter().find(|packet| packet.bytes.len() <= mtu);
        ensure!(cut.is_none(), "{} bytes arrive cut short", mtu + 1);
    }
    let bytes = pattern(100, 9);
    let path = route(0, &*b, 0);
    let after = deliver(stage.factory, &mut *a, &mut *b, path, (&bytes, 100))?;
    ensure!(after.iter().any(|packet| packet.bytes == bytes), "nothing passes afterwards");
    Ok(Verdict::Passed)
}

fn trains_arrive_as_packets(stage: &mut Stage<'_>) -> Outcome {
    let (mut a, mut b) = two(stage)?;
    let most = a.capabilities().train_packets.into();
    let room = a.capabilities().train_bytes as usize;
    for packets in [1, 2, 3, most] {
        for (stride, last) in [(100, 100), (100, 1), (1200, 1199), (1200, 64)] {
            let length = stride * (packets - 1) + last;
            if packets > most || length > room {
                continue;
            }
            let bytes = pattern(length, packets as u8);
            let path = route(0, &*b, 0);
            let arrived = deliver(stage.factory, &mut *a, &mut *b, path, (&bytes, stride))?;
            for (at, wanted) in bytes.chunks(stride).enumerate() {
                let there = arrived.iter().any(|packet| packet.bytes == wanted);
                ensure!(there, "packet {at} of {packets} of {stride}, the last of {last}");
            }
        }
    }
    Ok(Verdict::Passed)
}

fn what_was_lent_is_lent_again(stage: &mut Stage<'_>) -> Outcome {
    let (mut a, mut b) = two(stage)?;
    let bytes = pattern(300, 5);
    a.lend().ok_or("nothing to write to")?[..300].copy_from_slice(&bytes);
    let again = a.lend().ok_or("nothing to write to")?;
    ensure!(again[..300] == bytes, "a buffer that was not posted came back changed");
    let train = Train { route: route(0, &*b, 0), length: 300, stride: 300, ecn: Ecn::NotEct };
    a.post(train);
    a.flush();
    let mut arrived = Vec::new();
    let until = stage.factory.now() + PATIENCE;
    while arrived.is_empty() && stage.factory.now() < until {
        take(&mut *a, 8, &mut Vec::new());
        take(&mut *b, 8, &mut arrived);
        stage.factory.wait(until);
    }
    ensure!(arrived.iter().any(|packet| packet.bytes == bytes), "what was lent twice is not sent");
    Ok(Verdict::Passed)
}

fn polling_respects_its_budget(stage: &mut Stage<'_>) -> Outcome {
    let (mut a, mut b) = two(stage)?;
    for salt in 0..16 {
        // Different lengths and ports, so that nothing is coalesced.
        let remote = usize::from(salt) % b.local_addresses().len();
        let bytes = pattern(100 + usize::from(salt), salt);
        post(&mut *a, route(0, &*b, remote), &bytes, bytes.len())?;
    }
    let mut arrived = Vec::new();
    let until = stage.factory.now() + PATIENCE / 6;
    while arrived.len() < 16 && stage.factory.now() < until {
        take(&mut *a, 8, &mut Vec::new());
        let batches = take(&mut *b, 1, &mut arrived);
        ensure!(batches <= 1, "{batches} batches for a budget of 1");
        if batches == 0 {
            stage.factory.wait(until);
        }
    }
    ensure!(!arrived.is_empty(), "nothing arrives");
    ensure!(b.poll(0, &mut |_| {}) == 0, "a budget of nothing passes something");
    Ok(Verdict::Passed)
}

fn nothing_is_no_trouble(stage: &mut Stage<'_>) -> Outcome {
    let (mut device, _other) = two(stage)?;
    for _ in 0..100 {
        device.flush();
        let mut arrived = Vec::new();
        take(&mut *device, 8, &mut arrived);
        ensure!(arrived.is_empty(), "packets that nobody sent");
    }
    Ok(Verdict::Passed)
}

fn a_packet_ends_a_sleep(stage: &mut Stage<'_>) -> Outcome {
    let mut a = stage.factory.open(&Options::default())?;
    let mut b = stage.factory.open(&Options::default())?;
    let Some(sleeper) = stage.factory.sleeper() else {
        return Ok(Verdict::Skipped("nobody sleeps in virtual time"));
    };
    // What opening caused is taken first.
    take(&mut *b, 64, &mut Vec::new());
    for _ in 0..20 {
        let twin = sleeper.twin();
        let asleep = thread::spawn(move || twin.wait(PATIENCE / 6));
        thread::sleep(Duration::from_millis(20));
        post(&mut *a, route(0, &*b, 0), &pattern(100, 1), 100)?;
        let woken = asleep.join().map_err(|_| "the sleeper panicked")?;
        let mut arrived = Vec::new();
        let until: Time = stage.factory.now() + Duration::from_millis(500);
        while arrived.is_empty() && stage.factory.now() < until {
            take(&mut *a, 8, &mut Vec::new());
            take(&mut *b, 8, &mut arrived);
        }
        if woken && !arrived.is_empty() {
            return Ok(Verdict::Passed);
        }
    }
    Err("packets arrive and nobody wakes".to_owned())
}

fn waking_ends_a_sleep(stage: &mut Stage<'_>) -> Outcome {
    let _device = stage.factory.open(&Options::default())?;
    let Some(sleeper) = stage.factory.sleeper() else {
        return Ok(Verdict::Skipped("nobody sleeps in virtual time"));
    };
    let twin = sleeper.twin();
    let asleep = thread::spawn(move || twin.wait(PATIENCE));
    thread::sleep(Duration::from_millis(20));
    sleeper.wake();
    ensure!(asleep.join().map_err(|_| "the sleeper panicked")?, "a wake-up looks like a timeout");
    sleeper.wake();
    ensure!(sleeper.wait(PATIENCE), "a wake-up before the sleep is forgotten");
    ensure!(
        !sleeper.wait(Duration::from_millis(5)) || !sleeper.wait(Duration::from_millis(5)),
        "sleep never lasts"
    );
    Ok(Verdict::Passed)
}
