//! What must not show in any datagram, and how often it did.

use std::collections::BTreeMap;

/// Byte strings to look for.
#[derive(Clone, Debug, Default)]
pub struct Needles(Vec<(String, Vec<u8>)>);

/// What was found in some datagrams.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub datagrams: u64,
    pub bytes: usize,
    /// QUIC packets with a long header: the handshake.
    pub handshakes: u64,
    /// Packets, or trains of them, of the data plane.
    pub sealed: u64,
    /// How often each needle was seen, those that were.
    pub seen: BTreeMap<String, usize>,
}

impl std::ops::AddAssign for Found {
    fn add_assign(&mut self, other: Self) {
        self.datagrams += other.datagrams;
        self.bytes += other.bytes;
        self.handshakes += other.handshakes;
        self.sealed += other.sealed;
        for (name, count) in other.seen {
            *self.seen.entry(name).or_default() += count;
        }
    }
}

impl Needles {
    /// Looks for `bytes`, at least 8 of them, so that chance finds nothing.
    pub fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        let (name, bytes) = (name.into(), bytes.into());
        assert!(bytes.len() >= 8, "{name} is too short to look for");
        self.0.push((name, bytes));
    }

    /// All of them in a row, and a byte before: a datagram that gives everything away.
    pub fn plaintext(&self) -> Vec<u8> {
        self.0.iter().fold(vec![0x5a], |mut all, (_, bytes)| {
            all.extend_from_slice(bytes);
            all
        })
    }

    pub fn look(&self, datagram: &[u8], found: &mut Found) {
        found.datagrams += 1;
        found.bytes += datagram.len();
        match datagram.first().map(|first| first >> 6) {
            Some(0b11) => found.handshakes += 1,
            Some(0b00) => found.sealed += 1,
            _ => {}
        }
        for (name, needle) in &self.0 {
            if contains(datagram, needle) {
                *found.seen.entry(name.clone()).or_default() += 1;
            }
        }
    }

    /// Asserts that every needle was seen: whoever looks can see.
    pub fn assert_all_in(&self, found: &Found) {
        for (name, _) in &self.0 {
            assert!(found.seen.contains_key(name), "{name} was sent in the clear but not seen");
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window[0] == needle[0] && window == needle)
}
