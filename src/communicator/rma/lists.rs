//! Scatter/gather lists: several slices of ours, one range of the owner's.

use sealane_kernels::{Element, RegionId, lend};
use sealane_transport::rma::Grant;

use super::{Access, Communicator, Part, whole};
use crate::error::Error;
use crate::runtime::driver::Driver;

impl Communicator {
    /// Writes slices, end to end, as one [`write`](Self::write). At most 1024.
    ///
    /// ```
    /// use sealane::{Permissions, Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let region = communicator.register(vec![0_u8; 9]);
    ///     if communicator.rank() == Rank(1) {
    ///         let grant = region.grant(Permissions::ALL, Some(Rank(0)))?;
    ///         communicator.offer(&grant, Rank(0), 0)?;
    ///         return communicator.barrier();
    ///     }
    ///     let grant = communicator.accept(Rank(1), 0)?;
    ///     communicator.write_gathered(&[b"scatter", b"", b"ed"], &grant, 0)?;
    ///     let (mut head, mut tail) = ([0; 4], [0; 5]);
    ///     communicator.read_scattered(&mut [&mut head, &mut tail], &grant, 0)?;
    ///     assert_eq!((&head, &tail), (b"scat", b"tered"));
    ///     communicator.barrier()
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_gathered<T: Element>(
        &self,
        parts: &[&[T]],
        grant: &Grant,
        offset: u64,
    ) -> Result<(), Error> {
        lend_all(&self.driver, parts, Vec::with_capacity(parts.len()), |from| {
            let access = Access::Write { from, immediate: None };
            self.perform("write_gathered", grant, offset, &access)
        })?;
        Ok(())
    }

    /// Reads into slices, one after the other until all are full, as one [`read`](Self::read). At most 1024.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_scattered<T: Element>(
        &self,
        parts: &mut [&mut [T]],
        grant: &Grant,
        offset: u64,
    ) -> Result<(), Error> {
        lend_all_mut(&self.driver, parts, Vec::new(), |into| {
            let access = Access::Read { into };
            self.perform("read_scattered", grant, offset, &access)
        })?;
        Ok(())
    }
}

/// Lends every slice for the time of `body`.
fn lend_all<T: Element, R>(
    driver: &Driver,
    parts: &[&[T]],
    mut lent: Vec<Part>,
    body: impl FnOnce(Vec<Part>) -> R,
) -> R {
    let Some((first, rest)) = parts.split_first() else { return body(lent) };
    // Not deeper than a list may be long: what is longer is refused, and needs no memory for that.
    if lent.len() > sealane_transport::limits::SEGMENTS_MAX {
        return body(lent);
    }
    lend::lend(driver, first, |region| {
        lent.push(whole(region, first));
        let body: Box<dyn FnOnce(Vec<Part>) -> R + '_> = Box::new(body);
        lend_all(driver, rest, lent, body)
    })
}

/// The same to write to.
fn lend_all_mut<T: Element, R>(
    driver: &Driver,
    parts: &mut [&mut [T]],
    mut lent: Vec<Part>,
    body: impl FnOnce(Vec<Part>) -> R,
) -> R {
    let Some((first, rest)) = parts.split_first_mut() else { return body(lent) };
    if lent.len() > sealane_transport::limits::SEGMENTS_MAX {
        return body(lent);
    }
    let length = size_of_val(*first) as u64;
    lend::lend_mut(driver, first, |region: RegionId| {
        lent.push((region, 0, length));
        let body: Box<dyn FnOnce(Vec<Part>) -> R + '_> = Box::new(body);
        lend_all_mut(driver, rest, lent, body)
    })
}
