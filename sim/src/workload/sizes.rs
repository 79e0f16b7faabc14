//! Flow sizes from a file: a cumulative distribution, as the literature publishes them.

use std::fmt::Write;

use crate::rng::Rng;

/// Points of a distribution at most.
const POINTS_MAX: usize = 10_000;

/// Parts of the whole.
const WHOLE: u64 = 1 << 32;

/// A cumulative distribution of sizes, linear between its points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeDistribution {
    /// Bytes, and the share of flows that are no larger in parts of [`WHOLE`].
    points: Vec<(u64, u64)>,
}

/// What is wrong with a file of sizes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SizesError {
    /// The line, from 1; 0 for what concerns the whole file.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

impl SizeDistribution {
    /// All flows of one size.
    #[must_use]
    pub fn constant(bytes: u64) -> Self {
        Self { points: vec![(bytes, WHOLE)] }
    }

    /// Reads lines of `BYTES SHARE`, the share of flows that are no larger: a fraction that ends at 1,
    /// or per cent that end at 100. `#` begins a comment.
    ///
    /// # Errors
    ///
    /// Says which line is wrong, and how.
    pub fn parse(text: &str) -> Result<Self, SizesError> {
        let mut read: Vec<(usize, u64, f64)> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let words: Vec<&str> =
                text.split('#').next().unwrap_or_default().split_whitespace().collect();
            let wrong = |problem: &str| SizesError { line, problem: problem.to_owned() };
            let [bytes, share] = words.as_slice() else {
                if words.is_empty() {
                    continue;
                }
                return Err(wrong("a line is `BYTES SHARE`"));
            };
            let bytes = bytes.parse().map_err(|_| wrong("the first number is whole bytes"))?;
            let share: f64 = share.parse().map_err(|_| wrong("the second number is a share"))?;
            if !(0.0..=100.0).contains(&share) {
                return Err(wrong("a share is 0 to 1, or 0 to 100 per cent"));
            }
            if read.last().is_some_and(|(_, before, low)| bytes < *before || share < *low) {
                return Err(wrong("bytes and shares only grow"));
            }
            read.push((line, bytes, share));
        }
        Self::of(&read)
    }

    fn of(read: &[(usize, u64, f64)]) -> Result<Self, SizesError> {
        let whole = |problem: &str| SizesError { line: 0, problem: problem.to_owned() };
        let Some((line, largest, last)) = read.last().copied() else {
            return Err(whole("there is no line `BYTES SHARE`"));
        };
        if read.len() > POINTS_MAX {
            return Err(whole("there are more than 10000 points"));
        }
        if largest == 0 {
            return Err(whole("all flows are empty"));
        }
        let scale = if last == 100.0 {
            100.0
        } else if last == 1.0 {
            1.0
        } else {
            let problem = format!("the last share is 1 or 100, not {last}");
            return Err(SizesError { line, problem });
        };
        let part = |share: f64| (share / scale * WHOLE as f64) as u64;
        Ok(Self { points: read.iter().map(|(_, bytes, share)| (*bytes, part(*share))).collect() })
    }

    /// A size; empty flows are drawn as one byte.
    pub fn draw(&self, rng: &mut Rng) -> u64 {
        let at = rng.below(WHOLE);
        let next = self.points.partition_point(|(_, share)| *share <= at);
        let Some((bytes, share)) = self.points.get(next).copied() else { return 1 };
        let (low_bytes, low) =
            next.checked_sub(1).and_then(|i| self.points.get(i)).copied().unwrap_or((bytes, 0));
        let along = u128::from(bytes - low_bytes) * u128::from(at - low) / u128::from(share - low);
        (low_bytes + along as u64).max(1)
    }

    /// The mean size in bytes, rounded up.
    #[must_use]
    pub fn mean(&self) -> u64 {
        let first = self.points.first().copied().unwrap_or((1, WHOLE));
        let mut sum = u128::from(first.0) * u128::from(first.1) * 2;
        for pair in self.points.windows(2) {
            let (low, high) = (pair[0], pair[1]);
            sum += u128::from(low.0 + high.0) * u128::from(high.1 - low.1);
        }
        u64::try_from(sum.div_ceil(2 * u128::from(WHOLE))).unwrap_or(u64::MAX).max(1)
    }

    /// The distribution as [`parse`](Self::parse) reads it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (bytes, share) in &self.points {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{bytes} {}", *share as f64 / WHOLE as f64);
        }
        text
    }
}
