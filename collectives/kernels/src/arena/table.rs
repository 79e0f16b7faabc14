//! A table whose keys outlive what they name: a key is a slot and the generation of its use, so a key
//! of something that is gone finds nothing, even when the slot is in use again.

/// See the module's text.
#[derive(Debug)]
pub(super) struct Table<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Table<T> {
    /// Keys are generation and slot, from high bits to low; none is used twice before 2^32 others of
    /// its slot.
    pub(super) fn insert(&mut self, value: T) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, value: None });
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        slot.value = Some(value);
        u64::from(slot.generation) << 32 | u64::from(index)
    }

    pub(super) fn get(&self, key: u64) -> Option<&T> {
        let slot = self.slots.get(key as u32 as usize)?;
        if u64::from(slot.generation) == key >> 32 { slot.value.as_ref() } else { None }
    }

    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        let slot = self.slots.get_mut(key as u32 as usize)?;
        if u64::from(slot.generation) == key >> 32 { slot.value.as_mut() } else { None }
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<T> {
        let slot = self.slots.get_mut(key as u32 as usize)?;
        if u64::from(slot.generation) != key >> 32 {
            return None;
        }
        let value = slot.value.take()?;
        self.free.push(key as u32);
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether anything satisfies a condition.
    pub(super) fn any(&self, wanted: impl FnMut(&T) -> bool) -> bool {
        self.slots.iter().filter_map(|slot| slot.value.as_ref()).any(wanted)
    }

    /// The keys of what satisfies a condition.
    pub(super) fn find(&self, mut wanted: impl FnMut(&T) -> bool) -> Vec<u64> {
        let keyed = self.slots.iter().zip(0_u64..);
        keyed
            .filter(|(slot, _)| slot.value.as_ref().is_some_and(&mut wanted))
            .map(|(slot, index)| u64::from(slot.generation) << 32 | index)
            .collect()
    }
}
