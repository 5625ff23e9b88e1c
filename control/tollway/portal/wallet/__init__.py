"""The wallet: what is there, what moved, and how money comes in."""
