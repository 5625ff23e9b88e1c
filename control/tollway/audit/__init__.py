"""The audit log: who changed what, append-only, each row chained to the one before. A floor below the features."""
