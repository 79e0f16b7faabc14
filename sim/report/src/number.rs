//! Numbers as people read them.

/// Significant digits of what people read.
const DIGITS: i32 = 4;

/// `value` with four significant digits, or all of its whole part: `176.2`, `0.05`, `21029`.
#[must_use]
pub fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return if value.is_nan() { "–".to_owned() } else { format!("{value}") };
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..15).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    let decimals = (DIGITS - 1 - magnitude).max(0) as usize;
    trimmed(format!("{value:.decimals$}"))
}

/// A tick's label: as [`short`], with thousands apart.
#[must_use]
pub fn tick(value: f64) -> String {
    let text = short(value);
    if text.contains('e') {
        return text;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        // Four digits are read at a glance; longer numbers are not.
        if index > 0 && digits.len() > 4 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

fn trimmed(text: String) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_and_no_more_noise() {
        for (value, text) in [
            (0.0, "0"),
            (176.2049, "176.2"),
            (21029.0, "21029"),
            (0.05, "0.05"),
            (1.25, "1.25"),
            (-2.71954, "-2.72"),
            (1e-7, "1.00e-7"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn thousands_stand_apart_from_five_digits_on() {
        assert_eq!(tick(9999.0), "9999");
        assert_eq!(tick(21029.0), "21\u{202f}029");
        assert_eq!(tick(-1_234_567.0), "-1\u{202f}234\u{202f}567");
        assert_eq!(tick(0.25), "0.25");
    }
}
