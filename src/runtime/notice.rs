//! What ranks tell each other about the end (PROTOCOL §10.4), on the authenticated control streams.

use sealane_transport::Rank;

/// Frame kinds, in the application's space of the control stream, after those of the rendezvous.
pub(crate) mod kind {
    /// Why the sender's communicator broke.
    pub const NOTICE: u16 = 0x0004;
    /// The sender has finished, and needs nothing more of the receiver.
    pub const BYE: u16 = 0x0005;
}

/// The longest text: what a terminal shows in a few lines.
const TEXT_MAX: usize = 512;

/// NOTICE: code u8 | rank u32 | text UTF-8 to the end; before a text of what was called, sequence u32, and
/// of what is waited in, digest u32 too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// 1: a rank is gone.
    Lost { rank: Rank, text: String },
    /// 2: a rank, most often the sender, aborted.
    Aborted { rank: Rank, text: String },
    /// 3: the sender and a rank have called different things under one number; the sender's own.
    Mismatch { rank: Rank, sequence: u32, text: String },
    /// 4: the sender, which is that rank, has waited for a while in this call.
    Waiting { rank: Rank, sequence: u32, digest: u32, text: String },
    /// 5: what that rank has called under a number, as it told the sender, who called something else.
    Called { rank: Rank, sequence: u32, text: String },
}

impl Notice {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (code, rank, text) = match self {
            Self::Lost { rank, text } => (1, rank, text),
            Self::Aborted { rank, text } => (2, rank, text),
            Self::Mismatch { rank, text, .. } => (3, rank, text),
            Self::Waiting { rank, text, .. } => (4, rank, text),
            Self::Called { rank, text, .. } => (5, rank, text),
        };
        let mut out = vec![code];
        out.extend_from_slice(&rank.0.to_be_bytes());
        if let Self::Mismatch { sequence, .. }
        | Self::Waiting { sequence, .. }
        | Self::Called { sequence, .. } = self
        {
            out.extend_from_slice(&sequence.to_be_bytes());
        }
        if let Self::Waiting { digest, .. } = self {
            out.extend_from_slice(&digest.to_be_bytes());
        }
        let end = (0..=text.len().min(TEXT_MAX)).rev().find(|at| text.is_char_boundary(*at));
        out.extend_from_slice(&text.as_bytes()[..end.unwrap_or(0)]);
        out
    }

    /// `None` if it is no notice; it is then ignored.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (code, rest) = bytes.split_first()?;
        let (rank, rest) = rest.split_first_chunk::<4>()?;
        let rank = Rank(u32::from_be_bytes(*rank));
        let word = |bytes: &mut &[u8]| {
            let (word, after) = bytes.split_first_chunk::<4>()?;
            *bytes = after;
            Some(u32::from_be_bytes(*word))
        };
        let mut text = rest;
        let sequence = if matches!(code, 3..=5) { word(&mut text)? } else { 0 };
        let digest = if *code == 4 { word(&mut text)? } else { 0 };
        if text.len() > TEXT_MAX {
            return None;
        }
        // Text of another process goes to a terminal: nothing in it may move the cursor.
        let text = std::str::from_utf8(text).ok()?.replace(char::is_control, " ");
        match code {
            1 => Some(Self::Lost { rank, text }),
            2 => Some(Self::Aborted { rank, text }),
            3 => Some(Self::Mismatch { rank, sequence, text }),
            4 => Some(Self::Waiting { rank, sequence, digest, text }),
            5 => Some(Self::Called { rank, sequence, text }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn notices_come_back_and_are_bounded() {
        let notice = Notice::Lost { rank: Rank(3), text: "é".repeat(1000) };
        let bytes = notice.encode();
        assert!(bytes.len() <= 5 + TEXT_MAX);
        let Some(Notice::Lost { rank, text }) = Notice::decode(&bytes) else { panic!() };
        assert_eq!((rank, text.chars().count()), (Rank(3), 256));
        assert_eq!(Notice::decode(&bytes[..4]), None);
        assert_eq!(Notice::decode(&[9; 20]), None);
        assert_eq!(Notice::decode(&[1; 4000]), None);
        let notice = Notice::Mismatch { rank: Rank(1), sequence: 7, text: "barrier".to_owned() };
        assert_eq!(Notice::decode(&notice.encode()), Some(notice.clone()));
        assert_eq!(Notice::decode(&notice.encode()[..8]), None, "no sequence");
        let text = "barrier".to_owned();
        let notice = Notice::Waiting { rank: Rank(1), sequence: 7, digest: 9, text };
        assert_eq!(Notice::decode(&notice.encode()), Some(notice.clone()));
        assert_eq!(Notice::decode(&notice.encode()[..12]), None, "no digest");
        let notice = Notice::Called { rank: Rank(1), sequence: 7, text: "barrier".to_owned() };
        assert_eq!(Notice::decode(&notice.encode()), Some(notice.clone()));
        let escape = Notice::Aborted { rank: Rank(0), text: "\u{1b}[2J".to_owned() };
        let Some(Notice::Aborted { text, .. }) = Notice::decode(&escape.encode()) else { panic!() };
        assert_eq!(text, " [2J");
    }
}
