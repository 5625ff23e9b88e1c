"""The control plane as one app: what it is made of, how it starts and stops, and what its own pages say."""

from tollway.control_app.app import create_app
from tollway.control_app.server import serve
from tollway.users.setup import ensure_setup_link

__all__ = ["create_app", "ensure_setup_link", "serve"]
