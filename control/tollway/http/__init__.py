"""What every feature's HTTP side shares: strict bodies, problem+json, lists, versions, callers, the access table.

Nothing here knows a resource. Features import from here; nothing here imports a feature.
"""
