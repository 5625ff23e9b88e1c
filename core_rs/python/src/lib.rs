//! The extension module `tollway._core`.
