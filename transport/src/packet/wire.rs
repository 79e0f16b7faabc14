//! Big-endian fields at fixed offsets.
//!
//! Callers pass a slice whose length they have checked against the layout's length, so that the
//! bounds checks fold away and none can fail.

/// Exclusive bound of a 48-bit field.
pub(super) const U48_END: u64 = 1 << 48;

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn u48_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u16_at(bytes, at)) << 32 | u64::from(u32_at(bytes, at + 2))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) << 32 | u64::from(u32_at(bytes, at + 4))
}

pub(super) fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

/// Writes the low 48 bits of `value`, which the caller keeps below [`U48_END`].
pub(super) fn put_u48(bytes: &mut [u8], at: usize, value: u64) {
    debug_assert!(value < U48_END, "{value} does not fit 48 bits");
    bytes[at..at + 6].copy_from_slice(&value.to_be_bytes()[2..]);
}
