//! Times, rates and sizes as people write them: `12us`, `100Gbps`, `2MiB`.

/// Splits a number from its unit.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end =
        text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.replace('_', "").parse().ok()?;
    Some((number, unit.trim()))
}

fn scaled(number: f64, scale: u64) -> Option<u64> {
    let value = number * scale as f64;
    (value.is_finite() && value >= 0.0 && value < u64::MAX as f64).then(|| value.round() as u64)
}

/// A time in picoseconds: `ps`, `ns`, `us` or `µs`, `ms`, `s`.
///
/// # Errors
///
/// Names what it takes.
pub fn time(text: &str) -> Result<u64, String> {
    let unit = |unit| match unit {
        "ps" => Some(1),
        "ns" => Some(1_000),
        "us" | "µs" => Some(1_000_000),
        "ms" => Some(1_000_000_000),
        "s" => Some(1_000_000_000_000),
        _ => None,
    };
    let value = split(text).and_then(|(number, name)| scaled(number, unit(name)?));
    value.ok_or_else(|| format!("`{text}` is no time: write a number with ps, ns, us, ms or s"))
}

/// A rate in bits per second: `bps`, `Kbps`, `Mbps`, `Gbps`, `Tbps`.
///
/// # Errors
///
/// Names what it takes.
pub fn rate(text: &str) -> Result<u64, String> {
    let unit = |unit| match unit {
        "bps" => Some(1),
        "Kbps" => Some(1_000),
        "Mbps" => Some(1_000_000),
        "Gbps" => Some(1_000_000_000),
        "Tbps" => Some(1_000_000_000_000),
        _ => None,
    };
    let value = split(text).and_then(|(number, name)| scaled(number, unit(name)?));
    value.filter(|bps| *bps > 0).ok_or_else(|| {
        format!("`{text}` is no rate: write a number above 0 with bps, Kbps, Mbps, Gbps or Tbps")
    })
}

/// A size in bytes: `B` or nothing, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`.
///
/// # Errors
///
/// Names what it takes.
pub fn size(text: &str) -> Result<u64, String> {
    let unit = |unit| match unit {
        "" | "B" => Some(1),
        "KB" | "kB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let value = split(text).and_then(|(number, name)| scaled(number, unit(name)?));
    value.ok_or_else(|| {
        format!("`{text}` is no size: write a number with B, KB, MB, GB, KiB, MiB or GiB")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_as_people_write_them() {
        assert_eq!(time("12us"), Ok(12_000_000));
        assert_eq!(time("1.5 ns"), Ok(1500));
        assert_eq!(rate("100Gbps"), Ok(100_000_000_000));
        assert_eq!(size("2MiB"), Ok(2 << 20));
        assert_eq!(size("4096"), Ok(4096));
        for wrong in ["", "12", "12 parsecs", "-1us", "1e3us", "us"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert!(rate("0Gbps").is_err() && rate("100").is_err() && size("2Mb").is_err());
    }
}
