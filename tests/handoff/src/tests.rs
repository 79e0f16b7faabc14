use std::sync::Arc;
use std::time::Duration;

use loom::thread::{self, JoinHandle};
use sealane_transport::Time;

use super::clock::Clock;
use super::driver::Driver;
use super::engine::{Bell, Engine};
use super::wire::Device;

/// Preemptions that are tried in all places: two find what is found at all, as a rule.
const PREEMPTIONS: usize = 2;

/// More ranks than cores: a driver yields between looks, and looks once per round.
const CROWDED: usize = usize::MAX;

/// Longer than a driver spins and than a thread that left may take to come back.
const LONG: Duration = Duration::from_millis(10);

/// Longer than a driver spins, but not long enough to count as gone for good.
const SHORT: Duration = Duration::from_micros(500);

struct Rank {
    driver: Arc<Driver>,
    device: Arc<Device>,
    background: JoinHandle<()>,
}

impl Rank {
    fn start(step: Duration) -> Self {
        let device = Device::new();
        let engine = Engine::new(&device, Clock::stepping(step));
        let driver = Arc::new(Driver::new(engine, CROWDED));
        let background = driver.spawn_background().unwrap();
        Self { driver, device, background }
    }

    /// A thread of the user that starts an operation and waits for it.
    fn waiting(&self, operation: u32) -> JoinHandle<()> {
        let driver = self.driver.clone();
        thread::spawn(move || wait(&driver, operation))
    }

    fn end(self) {
        self.driver.stop();
        self.background.join().unwrap();
    }
}

fn wait(driver: &Driver, operation: u32) {
    let ended =
        driver.run(Time::MAX, |engine| engine.start(operation), |engine| engine.ended(operation));
    assert_eq!(ended, Some(()));
}

/// Checks a model in all orders, with threads that come back soon and with those that do not.
fn check(model: fn(Rank)) {
    for step in [LONG, SHORT] {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound.get_or_insert(PREEMPTIONS);
        builder.check(move || model(Rank::start(step)));
    }
}

#[test]
fn a_thread_that_waits_is_never_left_asleep() {
    check(|rank| {
        let device = rank.device.clone();
        let network = thread::spawn(move || device.deliver(1));
        wait(&rank.driver, 1);
        network.join().unwrap();
        rank.end();
    });
}

#[test]
fn threads_that_wait_at_once_all_return_whoever_drives() {
    check(|rank| {
        let other = rank.waiting(2);
        rank.device.deliver(2);
        rank.device.deliver(1);
        wait(&rank.driver, 1);
        other.join().unwrap();
        rank.end();
    });
}

#[test]
fn what_nobody_waits_for_is_driven_by_the_background() {
    check(|rank| {
        let bell = Bell::new();
        rank.driver.command(|engine| engine.start_telling(1, &bell));
        rank.device.deliver(1);
        bell.wait();
        rank.end();
    });
}

#[test]
fn what_a_thread_leaves_under_way_the_background_takes_over() {
    check(|rank| {
        let bell = Bell::new();
        rank.driver.command(|engine| engine.start_telling(1, &bell));
        rank.device.deliver(2);
        wait(&rank.driver, 2);
        rank.device.deliver(1);
        bell.wait();
        rank.end();
    });
}

/// A thread that was offered the role and found its own operation ended left without passing the offer
/// on: what was still under way waited until the background thread looked by itself.
#[test]
fn regression_the_last_of_several_threads_left_operations_to_nobody() {
    check(|rank| {
        let bell = Bell::new();
        rank.driver.command(|engine| engine.start_telling(1, &bell));
        let other = rank.waiting(2);
        rank.device.deliver(2);
        wait(&rank.driver, 2);
        other.join().unwrap();
        rank.device.deliver(1);
        bell.wait();
        rank.end();
    });
}

/// A thread that drove took the wake-up that was meant to end the background thread, which then slept on.
#[test]
fn regression_the_background_slept_through_its_end_beside_a_thread_that_waits() {
    check(|rank| {
        let waiting = rank.waiting(1);
        rank.driver.command(Engine::close);
        // Who comes later finds the end of all there.
        rank.device.deliver(1);
        rank.driver.stop();
        waiting.join().unwrap();
        rank.background.join().unwrap();
    });
}

#[test]
fn a_callback_may_use_the_driver() {
    check(|rank| {
        let bell = Bell::new();
        let driver = rank.driver.clone();
        let asking = thread::spawn(move || driver.inspect(|engine| engine.is_awaited()));
        rank.driver.command(|engine| engine.start_telling(1, &bell));
        rank.device.deliver(1);
        wait(&rank.driver, 1);
        bell.wait();
        asking.join().unwrap();
        rank.end();
    });
}
