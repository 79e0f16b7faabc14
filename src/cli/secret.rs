//! Random bytes from the operating system.

use rand::TryRngCore;
use rand::rngs::OsRng;

use super::Failure;

/// Bytes of a generated job secret.
const SECRET_BYTES: usize = 32;

/// A job secret: 32 random bytes as 64 hexadecimal digits.
pub fn generate() -> Result<String, Failure> {
    let mut bytes = [0; SECRET_BYTES];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| {
        Failure::Runtime(format!("no randomness from the operating system: {error}"))
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
