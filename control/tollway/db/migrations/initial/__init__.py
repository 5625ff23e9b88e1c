"""The tables of the first revision, one file per group."""
