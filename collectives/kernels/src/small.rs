//! Elements of one byte that Rust has no type for.

/// A truth value as it travels. Rust's `bool` has two bit patterns, and a byte from another process may
/// have any: 0 is false, all else is true.
#[derive(Clone, Copy, Debug, Default)]
#[repr(transparent)]
pub struct Bool(u8);

impl Bool {
    /// Whether it is true.
    #[must_use]
    pub const fn get(self) -> bool {
        self.0 != 0
    }

    /// The byte as it came.
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        self.0
    }

    /// From a byte.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

impl PartialEq for Bool {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Bool {}

impl From<bool> for Bool {
    fn from(value: bool) -> Self {
        Self(u8::from(value))
    }
}

impl From<Bool> for bool {
    fn from(value: Bool) -> Self {
        value.get()
    }
}

macro_rules! opaque {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[repr(transparent)]
        pub struct $name(u8);

        impl $name {
            /// From its bits.
            #[must_use]
            pub const fn from_bits(bits: u8) -> Self {
                Self(bits)
            }

            /// Its bits.
            #[must_use]
            pub const fn to_bits(self) -> u8 {
                self.0
            }
        }
    )*};
}

opaque! {
    /// OCP OFP8 E4M3, as bits: it is moved, not reduced. Equality is that of bits.
    F8E4m3,
    /// OCP OFP8 E5M2, as bits: it is moved, not reduced. Equality is that of bits.
    F8E5m2
}
