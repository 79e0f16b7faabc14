//! Each system call that the device needs, wrapped once. The only `unsafe` of the crate.
//!
//! Addresses and control messages are encoded and decoded by safe byte code, so `unsafe` is left
//! with the calls themselves and the pointers that they take.

pub mod address;
pub mod control;
pub mod interface;
pub mod option;
pub mod poller;
pub mod socket;
