//! Which key exchange and cipher TLS agreed on, read from the ServerHello (RFC 8446 §4.1.3).
//!
//! quinn-proto keeps its rustls connection to itself, but both sides hand the ServerHello through
//! the session as plain bytes, and the handshake's Finished messages authenticate them.

/// Bytes after which a ServerHello is not waited for any more; a real one has about 1300.
const HELLO_MAX: usize = 4096;

/// `random` of a HelloRetryRequest (RFC 8446 §4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What TLS agreed on, as registered names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// The key exchange group, `X25519MLKEM768` or `X25519`.
    pub group: &'static str,
    /// The cipher suite that protects the control stream.
    pub cipher: &'static str,
}

/// Watches the plain part of the server's flight go by.
#[derive(Debug, Default)]
pub(super) struct HelloWatch {
    bytes: Vec<u8>,
    done: bool,
    found: Option<TlsInfo>,
}

impl HelloWatch {
    /// Takes the next bytes of the server's handshake stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.done {
            return;
        }
        let room = HELLO_MAX - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let mut rest = &self.bytes[..];
        while let Some((message, after)) = message(rest) {
            rest = after;
            if let Some(hello) = parse(message) {
                self.found = Some(hello);
                self.done = true;
            }
        }
        self.done |= self.bytes.len() >= HELLO_MAX;
        if self.done {
            self.bytes = Vec::new();
        }
    }

    pub(super) const fn found(&self) -> Option<TlsInfo> {
        self.found
    }
}

/// The body of the first handshake message if it is a whole ServerHello (empty for other types), and
/// what follows it.
fn message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(4)?;
    let length = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
    let (body, rest) = rest.split_at_checked(length)?;
    Some((if head[0] == 2 { body } else { &[] }, rest))
}

/// Group and cipher of a ServerHello that is not a HelloRetryRequest.
fn parse(body: &[u8]) -> Option<TlsInfo> {
    let (_version, rest) = body.split_at_checked(2)?;
    let (random, rest) = rest.split_at_checked(32)?;
    if random == RETRY_RANDOM {
        return None;
    }
    let (session_length, rest) = rest.split_first()?;
    let (_session, rest) = rest.split_at_checked(usize::from(*session_length))?;
    let (cipher, rest) = split_u16(rest)?;
    let (_compression, rest) = rest.split_at_checked(1)?;
    let (_length, mut rest) = split_u16(rest)?;
    loop {
        let (kind, after) = split_u16(rest)?;
        let (length, after) = split_u16(after)?;
        let (extension, after) = after.split_at_checked(usize::from(length))?;
        if kind == KEY_SHARE {
            let (group, _) = split_u16(extension)?;
            return Some(TlsInfo { group: group_name(group), cipher: cipher_name(cipher) });
        }
        rest = after;
    }
}

/// The `key_share` extension (RFC 8446 §4.2).
const KEY_SHARE: u16 = 51;

fn split_u16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*head), rest))
}

const fn group_name(group: u16) -> &'static str {
    match group {
        0x11ec => "X25519MLKEM768",
        0x001d => "X25519",
        _ => "unknown",
    }
}

const fn cipher_name(cipher: u16) -> &'static str {
    match cipher {
        0x1301 => "TLS13_AES_128_GCM_SHA256",
        0x1302 => "TLS13_AES_256_GCM_SHA384",
        0x1303 => "TLS13_CHACHA20_POLY1305_SHA256",
        _ => "unknown",
    }
}
