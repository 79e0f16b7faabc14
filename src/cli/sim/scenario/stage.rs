//! What a bad cable does, in netem's words: `loss random 1%`, `loss gemodel 1% 10% 70% 0.1%`,
//! `corrupt 0.1%`, `duplicate 1%`, `delay 10us 5us`, `reorder 25% gap 5 by 20us`, `rate 10Gbps`.

use sealane_sim::engine::{Bandwidth, Picos};
use sealane_sim::fabric::Stage;
use sealane_sim::units;

use super::section::share;

/// What may stand there.
const FORMS: &str = "loss [random] P, loss gemodel P R [BAD [GOOD]], corrupt P, duplicate P, \
                     delay TIME [JITTER], reorder P [gap N] by TIME, rate RATE";

/// A stage by its text.
pub(super) fn parse(text: &str) -> Result<Stage, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let time = |text| units::time(text).map(Picos);
    match words.as_slice() {
        ["loss", "gemodel", p, r, rest @ ..] if rest.len() <= 2 => {
            let or = |index: usize, usual| rest.get(index).map_or(Ok(usual), |text| share(text));
            // netem's defaults: all is lost in the bad state, nothing in the good one.
            Ok(Stage::Gemodel { p: share(p)?, r: share(r)?, bad: or(0, 1.0)?, good: or(1, 0.0)? })
        }
        ["loss", "random", p] | ["loss", p] => share(p).map(Stage::Loss),
        ["corrupt", p] => share(p).map(Stage::Corrupt),
        ["duplicate", p] => share(p).map(Stage::Duplicate),
        ["delay", constant] => Ok(Stage::Delay { constant: time(constant)?, jitter: Picos::ZERO }),
        ["delay", constant, jitter] => {
            Ok(Stage::Delay { constant: time(constant)?, jitter: time(jitter)? })
        }
        ["reorder", p, "by", by] => {
            Ok(Stage::Reorder { probability: share(p)?, gap: 1, by: time(by)? })
        }
        ["reorder", p, "gap", gap, "by", by] => {
            let gap = gap.parse().ok().filter(|gap| *gap > 0);
            let gap = gap.ok_or_else(|| format!("`{text}`: a gap is a whole number from 1"))?;
            Ok(Stage::Reorder { probability: share(p)?, gap, by: time(by)? })
        }
        ["rate", rate] => units::rate(rate).map(|bps| Stage::Rate(Bandwidth::from_bps(bps))),
        _ => Err(format!("`{text}` is none of: {FORMS}")),
    }
}
