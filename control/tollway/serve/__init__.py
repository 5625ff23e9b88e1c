"""`tollway serve`: gateway and control plane on one machine, kept alive by one small supervisor."""
