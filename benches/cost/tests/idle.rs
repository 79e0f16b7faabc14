//! What a communicator that nobody uses costs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::thread::sleep;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

const IDLE: Duration = Duration::from_secs(3);
/// The most that each of two ranks may take of a core.
const SHARE_MAX: f64 = 0.005;

/// Processor time of this process, which no other load moves.
fn processor_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

#[test]
fn an_idle_communicator_takes_no_processor_time() {
    let shares = sealane::local::run(2, |communicator| {
        communicator.barrier()?;
        let before = processor_seconds();
        sleep(IDLE);
        let share = (processor_seconds() - before) / IDLE.as_secs_f64();
        communicator.barrier()?;
        Ok(share)
    });
    // Each saw the time of both.
    let share = shares.unwrap().into_iter().fold(f64::INFINITY, f64::min) / 2.0;
    assert!(share < SHARE_MAX, "an idle communicator takes {:.2} % of a core", share * 100.0);
}
