//! Seeds, as the command line takes them: `7`, `1..20` (both ends count), `1,5,9`.

/// Seeds of one command at most.
const SEEDS_MAX: u64 = 1_000_000;

/// A list of seeds, in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Vec<u64>);

/// Parses a list of seeds.
pub(super) fn parse(text: &str) -> Result<Seeds, String> {
    let wrong = || format!("`{text}` are no seeds: write 7, 1..20 (both ends count) or 1,5,9");
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    let mut seeds = Vec::new();
    for part in text.split(',') {
        let (first, last) = match part.split_once("..") {
            Some((first, last)) => (number(first)?, number(last.trim_start_matches('='))?),
            None => (number(part)?, number(part)?),
        };
        if last < first {
            return Err(format!("`{part}` is no range: it ends before it begins"));
        }
        if last - first >= SEEDS_MAX || seeds.len() as u64 + (last - first) >= SEEDS_MAX {
            return Err(format!("more than {SEEDS_MAX} seeds"));
        }
        seeds.extend(first..=last);
    }
    Ok(Seeds(seeds))
}

impl Seeds {
    /// As it was given, more or less: runs of seeds as ranges.
    pub(super) fn text(&self) -> String {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for seed in &self.0 {
            match runs.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(*seed) => *last = *seed,
                _ => runs.push((*seed, *seed)),
            }
        }
        let text = |(first, last): &(u64, u64)| match first == last {
            true => first.to_string(),
            false => format!("{first}..{last}"),
        };
        runs.iter().map(text).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn both_ends_of_a_range_count() {
        assert_eq!(parse("7").unwrap().0, [7]);
        assert_eq!(parse("1..4").unwrap().0, [1, 2, 3, 4]);
        assert_eq!(parse("1..=3, 9").unwrap().0, [1, 2, 3, 9]);
        assert_eq!(parse("1..3,9,10").unwrap().text(), "1..3, 9..10");
        let last = u64::MAX.to_string();
        assert_eq!(parse(&format!("{last}..{last}")).unwrap().0, [u64::MAX]);
    }

    #[test]
    fn what_is_no_seed_is_told_what_is() {
        for wrong in
            ["", "x", "1..", "..3", "-1", "1.5", "4..1", "1..99999999", "0..18446744073709551615"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse("one").unwrap_err().contains("1..20"));
    }
}
