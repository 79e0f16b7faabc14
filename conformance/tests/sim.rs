//! The suite on the simulator: virtual time, one fabric, several shapes of device.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sealane_conformance::{Factory, Options, run};
use sealane_sim::{DeviceSettings, LinkSettings, Network};
use sealane_transport::Time;
use sealane_transport::device::Device;

struct Simulated {
    network: Network,
    settings: DeviceSettings,
}

impl Factory for Simulated {
    fn name(&self) -> &str {
        "sim"
    }

    fn open(&mut self, options: &Options) -> Result<Box<dyn Device>, String> {
        let mut settings = self.settings;
        settings.ports = options.ports;
        settings.mtu = options.mtu.unwrap_or(settings.mtu);
        Ok(Box::new(self.network.attach(&settings)))
    }

    fn now(&self) -> Time {
        self.network.now()
    }

    fn wait(&mut self, until: Time) {
        let next = self.network.next_arrival().unwrap_or(Time::MAX).min(until);
        if next < Time::MAX {
            self.network.advance(next.max(self.network.now()));
        }
    }

    fn reset(&mut self) {
        self.network = Network::new(1, LinkSettings::default());
    }
}

fn conforms(settings: DeviceSettings) {
    let network = Network::new(1, LinkSettings::default());
    let report = run(&mut Simulated { network, settings }, "", 1);
    assert!(report.failed.is_empty(), "{:#?}", report.failed);
    assert_eq!(report.skipped.len(), 2, "nobody sleeps in virtual time");
    assert!(report.passed.len() >= 26, "{}", report.passed.len());
}

#[test]
fn jumbo_packets_in_trains() {
    conforms(DeviceSettings::default());
}

#[test]
fn small_packets_one_by_one_without_ecn() {
    conforms(DeviceSettings {
        mtu: 4056,
        train_packets: 1,
        ecn: false,
        coalesce: false,
        ..DeviceSettings::default()
    });
}
