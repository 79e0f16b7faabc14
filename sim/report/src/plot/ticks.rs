//! Where an axis is labelled.

/// Round values that span `low..=high`, at most `most` + 1 of them; the range they reach is at least that.
pub(super) fn linear(low: f64, high: f64, most: usize) -> Vec<f64> {
    let span = (high - low).max(f64::MIN_POSITIVE);
    let rough = span / most.max(1) as f64;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let step = steps.iter().map(|step| step * magnitude).find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(10.0 * magnitude);
    let first = (low / step + 1e-9).floor() as i64;
    let last = (high / step - 1e-9).ceil() as i64;
    (first..=last.max(first + 1)).map(|index| index as f64 * step).collect()
}

/// Values of a logarithmic axis that lie within `low..=high`: 1, 2, 5 of each decade if there are few
/// decades, else the decades, or some of them.
pub(super) fn log(low: f64, high: f64, most: usize) -> Vec<f64> {
    let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let within = |value: &f64| (low * 0.999..=high * 1.001).contains(value);
    for digits in [&[1.0, 2.0, 3.0, 5.0, 7.0][..], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]] {
        let every =
            decades.clone().flat_map(|d| digits.iter().map(move |digit| digit * 10_f64.powi(d)));
        let ticks: Vec<f64> = every.filter(within).collect();
        if ticks.len() <= most {
            return ticks;
        }
    }
    let skip = ((high / low).log10() / most.max(1) as f64).ceil().max(1.0) as usize;
    decades.step_by(skip).map(|decade| 10_f64.powi(decade)).filter(within).collect()
}
