"""Measurements beside nginx: what one request, one chunk and one idle stream cost. `make bench` runs them all."""
