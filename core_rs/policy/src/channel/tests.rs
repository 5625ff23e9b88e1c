//! Laws and tables for this module.
