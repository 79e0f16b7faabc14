//! What must be true of every run, watched on the wire.

mod canary;
mod nonce;

pub use canary::CanaryWatch;
pub use nonce::NonceWatch;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn a_number_used_twice_is_seen() {
        let mut watch = NonceWatch::default();
        let to = IpAddr::from(Ipv4Addr::LOCALHOST);
        let mut packet = [0_u8; 40];
        packet[7] = 9;
        packet[15] = 1;
        assert!(watch.observe(to, &packet).is_ok());
        packet[15] = 2;
        packet[3] = 2;
        assert!(watch.observe(to, &packet).is_ok());
        assert!(watch.observe(Ipv4Addr::UNSPECIFIED.into(), &packet).is_ok(), "another receiver");
        packet[3] = 1;
        packet[20] = 1;
        assert!(watch.observe(to, &packet).unwrap_err().contains("number 2"));
        packet[3] = 3;
        assert!(watch.observe(to, &packet).unwrap_err().contains("span 3"));
        packet[0] = 0x40;
        assert!(watch.observe(to, &packet).is_ok());
        assert_eq!(watch.packets(), 5);
    }

    #[test]
    fn a_canary_is_seen_anywhere() {
        let canary = *b"sixteen byte key";
        let watch = CanaryWatch::new(&canary);
        let mut packet = vec![0_u8; 100];
        assert!(!watch.is_visible(&packet));
        packet[33..49].copy_from_slice(&canary);
        assert!(watch.is_visible(&packet));
        assert!(watch.is_visible(&packet[40..]), "a part of 8 bytes is enough");
    }
}
