//! Sizes as nccl-tests takes them: `8`, `64K`, `128M`, `1G`, in powers of 1024.

/// The largest size: a message's limit.
const SIZE_MAX: u64 = 1 << 40;

/// Parses a size in bytes.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let wrong =
        || "not a size: give bytes, or K, M or G of 1024, such as 8, 64K or 128M".to_owned();
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    match number.checked_mul(1 << shift) {
        Some(size) if size <= SIZE_MAX => Ok(size),
        _ => Err("more than 1024G (2^40 bytes, the longest message)".to_owned()),
    }
}

/// How sizes grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// By a factor, at least 2.
    Factor(u64),
    /// By so many bytes, at least 1.
    Bytes(u64),
}

/// More lines than this are a slip of the pen.
pub(super) const LINES_MAX: usize = 100_000;

/// The sizes to measure, `from` first, none above `to`; one more than [`LINES_MAX`] at most.
pub(super) fn range(from: u64, to: u64, step: Step) -> Vec<u64> {
    let mut sizes = Vec::new();
    let mut size = from;
    while size <= to && sizes.len() <= LINES_MAX {
        sizes.push(size);
        let next = match step {
            // A factor of nothing stays nothing: zero is followed by one.
            Step::Factor(factor) => size.saturating_mul(factor).max(1),
            Step::Bytes(bytes) => size.saturating_add(bytes),
        };
        if next <= size {
            break;
        }
        size = next;
    }
    sizes
}
