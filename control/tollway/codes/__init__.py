"""Redemption codes: money that an operator gives out as text, paid into the wallet of whoever types it first."""
