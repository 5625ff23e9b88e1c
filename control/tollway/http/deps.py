"""What handlers are given by name, as types: Litestar fills these in from the app's dependencies."""

from __future__ import annotations

from litestar.di import NamedDependency

from tollway.http.callers import Caller
from tollway.http.context import Context
from tollway.http.lists import ListQuery
from tollway.http.period import Period

Ctx = NamedDependency[Context]
"""`ctx`: settings, database, vault."""
Asking = NamedDependency[Caller]
"""`caller`: whom the guard let in."""
Paging = NamedDependency[ListQuery]
"""`page`: limit, cursor, q."""
Within = NamedDependency[Period]
"""`period`: from, to."""
Expected = NamedDependency[int | None]
"""`expected`: the version in If-Match."""
IdempotencyKey = NamedDependency[str]
"""`idempotency_key`: the header, present and well-formed."""
