"""The audit log, as differences."""
