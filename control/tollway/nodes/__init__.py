"""The control plane's inner endpoints for gateway nodes: hello, lease, report."""
