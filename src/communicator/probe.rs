//! Whether a message waits.

use sealane_transport::{Rank, Tag};

use super::Communicator;
use crate::runtime::engine::messages::TAG_BIT;

impl Communicator {
    /// Whether a message of `from` under `tag` has come that no receive has taken, as `MPI_Iprobe`: for
    /// who receives from any rank, but under a tag that depends on the rank. Makes progress too.
    ///
    /// ```
    /// use sealane::{Rank, Tag, local};
    ///
    /// local::run(2, |communicator| {
    ///     if communicator.rank() == Rank(0) {
    ///         return communicator.send(&[1_u8], Rank(1), Tag(7));
    ///     }
    ///     while !communicator.has_arrived(Rank(0), Tag(7)) {
    ///         std::thread::yield_now();
    ///     }
    ///     let mut inbox = [0_u8];
    ///     communicator.recv(&mut inbox, Rank(0), Tag(7))?;
    ///     assert!(!communicator.has_arrived(Rank(0), Tag(7)));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    #[must_use]
    pub fn has_arrived(&self, from: Rank, tag: Tag) -> bool {
        self.driver.command(|engine| {
            engine.turn();
            engine.message_parts().1.has_unmatched(from, Tag(tag.0 | TAG_BIT))
        })
    }
}
