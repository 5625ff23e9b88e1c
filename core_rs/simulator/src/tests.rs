//! Over real sockets on loopback: what a gateway would see of the simulator, and what the simulator then says about it.

mod control;
mod endpoints;
mod faults;
mod harness;
mod scripts;
mod server;
mod truth;
