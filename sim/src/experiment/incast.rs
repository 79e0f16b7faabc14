//! Many hosts send to one at once: the normal case of a collective.

use crate::scenario::{Policy, ScenarioError, Workload};

use super::common::{FLOW_BYTES, Times, bars, describe, fabric};
use super::measure::{Case, by_seed, measure, project};
use super::{Check, Figure, Options, Relation, Series, SeriesKind, Watch};

/// Senders, and htsim's last completion in µs with NSCC and with receiver credits.
const FULL: [(u32, f64, f64); 2] = [(15, 2479.0, 2464.0), (127, 21_029.0, 20_891.0)];

pub(super) fn run(options: &Options, watch: &dyn Watch) -> Result<Figure, ScenarioError> {
    let mut figure = Figure::begin();
    let radix = options.scaled(8, 4);
    let hosts = radix * radix * radix / 4;
    let senders = options.scaled(&FULL[..], &FULL[..1]);
    let cases: Vec<Case> = senders
        .iter()
        .map(|(senders, ..)| {
            let workload = Workload::Incast { senders: *senders, target: 0, bytes: FLOW_BYTES };
            Case::new(format!("{senders}:1"), fabric(radix, workload, Policy::Recycle))
        })
        .collect();
    describe(&mut figure, &cases[0].scenario, hosts);
    let samples = measure(&mut figure, &cases, options, watch, |_, run| Times::of(run))?;
    let mut last = Series::new("last completion ÷ ideal", SeriesKind::Measured);
    let mut first = Series::new("first completion ÷ ideal", SeriesKind::Measured);
    let mut ideal = Series::new("ideal", SeriesKind::Ideal);
    let mut published = Series::new("htsim NSCC, last ÷ ideal", SeriesKind::Published);
    for (index, ((case, samples), (senders, nscc, rccc))) in
        cases.iter().zip(&samples).zip(senders).enumerate()
    {
        let x = index as f64;
        last.push(x, &case.label, &project(samples, |times| times.last() / times.ideal));
        first.push(x, &case.label, &project(samples, |times| times.first() / times.ideal));
        ideal.set(x, &case.label, 1.0);
        let theirs = f64::from(*senders) * 162.7;
        published.set(x, &case.label, nscc / theirs);
        let ratios = by_seed(samples, samples, |times, _| times.last() / times.ideal);
        let check = Check::new(
            format!("{}: last completion ÷ ideal", case.label),
            &ratios,
            Relation::AtMost,
            1.05,
            "",
        );
        let text =
            format!("{:.3} and {:.3} (htsim, NSCC and credits)", nscc / theirs, rccc / theirs);
        figure.checks.push(check.published(&text));
        let fair = by_seed(samples, samples, |times, _| times.last() / times.first());
        figure.note(format!(
            "{}: fairness, last completion ÷ first, is {:.2} (htsim at 15:1: 1.95 with NSCC, 1.04 with \
             credits).",
            case.label,
            fair.iter().sum::<f64>() / fair.len().max(1) as f64
        ));
        // What lies between the last completion and the one before nine in ten would show a timeout.
        let gap = by_seed(samples, samples, |times, _| times.last() - times.at(0.9));
        let claim = format!("{}: last completion after the ninth tenth", case.label);
        let limit = times_limit(*senders);
        figure.checks.push(Check::new(claim, &gap, Relation::AtMost, limit, "µs"));
        let resent: Vec<(u64, f64)> = project(samples, |times| times.resent);
        let mean = resent.iter().map(|(_, n)| n).sum::<f64>() / resent.len().max(1) as f64;
        let silent = project(samples, |times| times.timeouts);
        let timeouts = silent.iter().map(|(_, n)| n).sum::<f64>() / silent.len().max(1) as f64;
        figure.note(format!(
            "{}: {mean:.0} fragments were sent again and {timeouts:.0} paths asked on average.",
            case.label
        ));
    }
    let series = vec![last, first, ideal, published];
    figure.panels.push(bars("Incast of 2 MB each", "senders", "completion ÷ ideal", "", series));
    figure.note(
        "The ideal is all bytes, headers and tags included, through the receiver's cable, and the \
         way of the last packet. htsim resends 72.6k packets at 127:1 with NSCC, 6.2k with credits; \
         its switches trim, ours drop.",
    );
    Ok(figure)
}

/// The last tenth of the flows may take its share of the whole, and less than a timeout besides.
fn times_limit(senders: u32) -> f64 {
    f64::from(senders) * 170.0 * 0.2 + 1000.0
}
