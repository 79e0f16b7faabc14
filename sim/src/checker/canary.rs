//! No payload in the clear: a pattern that fills every payload never shows on the wire.

/// Looks for any 8 consecutive bytes of a repeated pattern.
#[derive(Clone, Debug)]
pub struct CanaryWatch {
    windows: Vec<[u8; 8]>,
}

impl CanaryWatch {
    /// Looks for `canary` repeated end to end. It has at least 8 bytes.
    #[must_use]
    pub fn new(canary: &[u8]) -> Self {
        let cycle: Vec<u8> = canary.iter().chain(canary).copied().collect();
        let windows = cycle.windows(8).take(canary.len());
        let mut windows: Vec<[u8; 8]> =
            windows.filter_map(|window| window.try_into().ok()).collect();
        windows.sort_unstable();
        windows.dedup();
        Self { windows }
    }

    /// Whether part of the pattern stands in `datagram`.
    #[must_use]
    pub fn is_visible(&self, datagram: &[u8]) -> bool {
        let matches = |window: &[u8]| {
            <[u8; 8]>::try_from(window).is_ok_and(|word| self.windows.binary_search(&word).is_ok())
        };
        datagram.windows(8).any(matches)
    }
}
