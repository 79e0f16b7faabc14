//! The simulator's own generator, pinned: a seed printed today replays on every later version.

/// xoshiro256** (Blackman and Vigna, 2018), seeded by SplitMix64. Not for cryptography.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

/// One step of SplitMix64 over `value`: a cheap avalanche for deriving streams from seeds.
#[must_use]
pub const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// The generator of component `stream` under `seed`. Components draw from streams of their own, so
    /// that an extra draw in one never disturbs another.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut word = mix(seed ^ mix(stream));
        let state = std::array::from_fn(|_| {
            word = mix(word);
            word
        });
        Self { state }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number in `0..bound`, 0 if `bound` is 0. Bias is below 2^-64 × `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next_u64()) * u128::from(bound);
        (product >> 64) as u64
    }

    /// [`below`](Self::below) for indices.
    pub fn index(&mut self, bound: usize) -> usize {
        self.below(bound as u64) as usize
    }

    /// True with `probability` (0..=1). Certain outcomes draw nothing.
    pub fn chance(&mut self, probability: f64) -> bool {
        if probability <= 0.0 {
            return false;
        }
        if probability >= 1.0 {
            return true;
        }
        unit(self.next_u64()) < probability
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    /// 32 bytes of seed for a component that keeps a generator of its own.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.fill(&mut seed);
        seed
    }
}

/// The top 53 bits of `word` as a fraction in `0.0..1.0`.
#[must_use]
pub fn unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned_and_independent() {
        let mut first = Rng::new(1, 1);
        let words = [first.next_u64(), first.next_u64()];
        assert_eq!(words, {
            let mut again = Rng::new(1, 1);
            [again.next_u64(), again.next_u64()]
        });
        assert_ne!(words[0], Rng::new(1, 2).next_u64());
        assert_ne!(words[0], Rng::new(2, 1).next_u64());
    }

    #[test]
    fn chances_come_out_as_asked() {
        let mut rng = Rng::new(7, 0);
        let hits = (0..100_000).filter(|_| rng.chance(0.3)).count();
        assert!((29_000..31_000).contains(&hits), "{hits}");
        assert!(!rng.chance(0.0) && rng.chance(1.0));
        assert!((0..1000).all(|_| rng.below(10) < 10));
    }
}
