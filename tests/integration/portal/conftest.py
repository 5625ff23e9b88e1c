"""The portal's pages on the same app and database as the API's tests."""

from tests.integration.api.conftest import _cheap_passwords, api, app, settings

__all__ = ["_cheap_passwords", "api", "app", "settings"]
