//! Random bytes from the operating system.

use rand::TryRngCore;
use rand::rngs::OsRng;

use super::Failure;

/// Bytes of a generated job secret.
const SECRET_BYTES: usize = 32;

/// 32 random bytes.
pub fn seed() -> Result<[u8; SECRET_BYTES], Failure> {
    let mut bytes = [0; SECRET_BYTES];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| {
        Failure::Runtime(format!("no randomness from the operating system: {error}"))
    })?;
    Ok(bytes)
}

/// A job secret: 32 random bytes as 64 hexadecimal digits.
pub fn generate() -> Result<String, Failure> {
    Ok(seed()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
