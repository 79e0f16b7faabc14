//! stand-in
#[derive(Debug)]
pub struct Identity(pub crate::ids::Rank);
impl Identity {
    pub fn rank(&self) -> crate::ids::Rank {
        self.0
    }
}
