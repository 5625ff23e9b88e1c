"""Upstreams: providers, their credentials, the gateway's patience with them."""
