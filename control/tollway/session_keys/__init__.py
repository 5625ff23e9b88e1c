"""Session keys: the short-lived relay keys with which a signed-in person's pages call the gateway."""
