//! Watching over ranks while nothing is exchanged with them: a receive that is never filled makes a
//! peer owe signs of life (PROTOCOL §8.4), so that its death is noticed before the deadline.

use sealane_transport::{BufferId, Rank, RecvId, RecvRequest, Tag};

use crate::runtime::net::{Net, NoMemory};

/// A tag of neither collectives nor messages of the application.
const TAG: Tag = Tag(u64::MAX);

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Vigil {
    receives: Vec<RecvId>,
}

impl Vigil {
    /// Begins to watch over a peer that is known.
    pub(crate) fn watch(&mut self, net: &mut Net, peer: Rank) {
        let request = RecvRequest {
            from: Some(peer),
            tag: TAG,
            buffer: BufferId(0),
            capacity: 0,
            exact: true,
            progress: false,
        };
        // A peer that is gone already has an event of its own.
        let posted = net.endpoint.post_recv(net.clock.now(), request, &mut NoMemory);
        self.receives.extend(posted);
    }

    /// Ends the watch: from now on, collectives do it.
    pub(crate) fn end(self, net: &mut Net) {
        for recv in self.receives {
            // Failed with its peer, or filled by one that breaks the rules: nothing is left of it.
            let _ = net.endpoint.cancel_recv(recv);
        }
    }
}
