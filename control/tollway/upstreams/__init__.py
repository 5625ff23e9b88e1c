"""Upstreams: provider endpoints with their credentials."""
