//! The suite on UDP sockets of this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use sealane_conformance::{Factory, Options, Sleeper, run};
use sealane_transport::Time;
use sealane_transport::device::Device;
use sealane_udp::{UdpConfig, UdpDevice, Waiter, Wakeup};

struct Sockets {
    start: Instant,
    waiters: Vec<Waiter>,
    offload: bool,
}

struct Asleep(Waiter);

impl Sleeper for Asleep {
    fn wait(&self, timeout: Duration) -> bool {
        self.0.wait(Some(timeout)) != Wakeup::TimedOut
    }

    fn wake(&self) {
        self.0.wake();
    }

    fn twin(&self) -> Box<dyn Sleeper> {
        Box::new(Self(self.0.clone()))
    }
}

impl Factory for Sockets {
    fn name(&self) -> &str {
        if self.offload { "udp" } else { "udp without offload" }
    }

    fn open(&mut self, options: &Options) -> Result<Box<dyn Device>, String> {
        let config = UdpConfig {
            ports: options.ports.into(),
            mtu: options.mtu,
            gso: self.offload,
            gro: self.offload,
            ..UdpConfig::default()
        };
        let device = UdpDevice::bind(&config).map_err(|error| error.to_string())?;
        self.waiters.push(device.waiter());
        Ok(Box::new(device))
    }

    fn sleeper(&mut self) -> Option<Box<dyn Sleeper>> {
        self.waiters.last().map(|waiter| Box::new(Asleep(waiter.clone())) as Box<dyn Sleeper>)
    }

    fn now(&self) -> Time {
        Time::from_nanos(self.start.elapsed().as_nanos() as u64)
    }

    fn wait(&mut self, until: Time) {
        let most = until.since(self.now()).min(Duration::from_millis(1));
        // Any of the devices may be the one: they take turns at being slept on.
        if let Some(waiter) = self.waiters.first() {
            waiter.wait(Some(most.min(Duration::from_micros(200))));
            self.waiters.rotate_left(1);
        }
    }

    fn reset(&mut self) {
        self.waiters.clear();
    }
}

fn conforms(offload: bool) {
    let mut sockets = Sockets { start: Instant::now(), waiters: Vec::new(), offload };
    let report = run(&mut sockets, "", 1);
    assert!(report.failed.is_empty(), "{:#?}", report.failed);
    assert_eq!(report.skipped, []);
}

#[test]
fn with_segmentation_offload() {
    conforms(true);
}

#[test]
fn without_segmentation_offload() {
    conforms(false);
}
