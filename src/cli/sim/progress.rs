//! How far it is: a bar on the terminal, nothing where there is none.

use indicatif::{ProgressBar, ProgressStyle};
use sealane::runtime::clock::Clock;

/// The resolution of the bar.
const STEPS: u64 = 10_000;

/// A bar that counts up to `all`, and how fast things go. It may be told from several threads.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    clock: Clock,
}

impl Bar {
    pub fn new() -> Self {
        let bar = ProgressBar::new(STEPS);
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {elapsed}  {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self { bar, clock: Clock::start() }
    }

    /// `done` of `all`, and what that is.
    pub fn set(&self, done: u64, all: u64, what: &str) {
        let step = u128::from(done.min(all)) * u128::from(STEPS) / u128::from(all.max(1));
        self.bar.set_position(step as u64);
        self.bar.set_message(what.to_owned());
    }

    /// Says something above the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Takes the bar away and says how fast `events` were, on standard error: results do not depend on
    /// it.
    pub fn finish(&self, events: u64) {
        self.bar.finish_and_clear();
        let seconds = self.clock.now().as_nanos() as f64 / 1e9;
        if events > 0 && seconds > 0.0 {
            let rate = events as f64 / seconds / 1e6;
            eprintln!("{events} events in {seconds:.2} s: {rate:.2} million a second");
        }
    }
}
