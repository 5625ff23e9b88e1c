//! Every decision of the data plane: who may call what, within which limits, at which price, what is held and charged, and over which channel.
//!
//! Nothing here does I/O, waits, reads a clock or draws a random number: time and chance come in as arguments, so that every decision can be
//! tested as a function and replayed from its inputs. What a request needs is decided without an allocation; only a refusal may build a text.

pub mod admission;
pub mod channel;
pub mod health;
pub mod ids;
pub mod lease;
pub mod limits;
pub mod money;
pub mod networks;
pub mod refusal;
pub mod retry;
pub mod settlement;
pub mod snapshot;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
