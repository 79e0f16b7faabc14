//! The conformance suite over verbs, unchanged: queue pairs of one host that reach each other.

use std::time::{Duration, Instant};

use sealane_conformance::{Factory, Options, Sleeper, cases, run};
use sealane_transport::Time;
use sealane_transport::device::Device;
use sealane_verbs::{VerbsConfig, VerbsDevice, Waiter, Wakeup};

struct QueuePairs {
    start: Instant,
    waiters: Vec<Waiter>,
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

impl Factory for QueuePairs {
    fn name(&self) -> &str {
        "verbs"
    }

    fn open(&mut self, options: &Options) -> Result<Box<dyn Device>, String> {
        let config = VerbsConfig {
            queue_pairs: options.ports.into(),
            mtu: options.mtu,
            ..VerbsConfig::default()
        };
        let device = VerbsDevice::open(&config).map_err(|error| error.to_string())?;
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
        let most = until.since(self.now()).min(Duration::from_micros(200));
        // Any of the devices may be the one: they take turns at being slept on.
        if let Some(waiter) = self.waiters.first() {
            waiter.wait(Some(most));
            self.waiters.rotate_left(1);
        }
    }

    fn reset(&mut self) {
        self.waiters.clear();
    }
}

#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn conforms() {
    let report = run(&mut QueuePairs { start: Instant::now(), waiters: Vec::new() }, "", 1);
    assert!(report.failed.is_empty(), "{:#?}", report.failed);
    assert_eq!(report.skipped, []);
    assert_eq!(report.passed.len(), cases().count());
}
