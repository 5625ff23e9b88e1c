"""The brake on guessing: laws over time, with the clock in hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.errors import RateLimited
from tollway.http import brake
from tollway.http.brake import ENTRIES_MAX, WINDOW_S
from tollway.users import passwords
from tollway.users.attempts import TRIES_PER_ADDRESS, TRIES_PER_USER, Attempts

pytestmark = pytest.mark.unit


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.floats(0, 400)), max_size=120))
def test_no_window_has_more_tries_than_allowed(steps: list[tuple[int, int, float]]) -> None:
    clock = Clock()
    table = Attempts(clock)
    taken: list[tuple[float, str, str]] = []
    waits: list[int] = []
    for user_n, address_n, pause in steps:
        clock.now += pause
        user, address = f"u{user_n}", f"a{address_n}"
        try:
            table.take(user, address)
        except RateLimited as exc:
            waits.append(exc.retry_after_s or 0)
        else:
            taken.append((clock.now, user, address))
    assert all(1 <= wait <= WINDOW_S for wait in waits)
    for at, user, address in taken:
        window = [t for t in taken if at - WINDOW_S < t[0] <= at]
        assert sum(t[1] == user for t in window) <= TRIES_PER_USER
        assert sum(t[2] == address for t in window) <= TRIES_PER_ADDRESS


def test_what_retry_after_says_is_enough() -> None:
    clock = Clock()
    table = Attempts(clock)
    for _ in range(TRIES_PER_USER):
        table.take("u", "a")
        clock.now += 1
    with pytest.raises(RateLimited) as refused:
        table.take("u", "a")
    assert refused.value.retry_after_s is not None
    clock.now += refused.value.retry_after_s
    table.take("u", "a")


def test_the_right_password_frees_the_user_and_gives_the_address_one_try_back() -> None:
    table = Attempts(Clock())
    for n in range(TRIES_PER_ADDRESS):
        table.take(f"u{n}", "a")
    table.forgive(f"u{TRIES_PER_ADDRESS - 1}", "a")
    table.take("other", "a")
    with pytest.raises(RateLimited):
        table.take("another", "a")


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ENTRIES_MAX >= 1000
    monkeypatch.setattr(brake, "ENTRIES_MAX", 10)
    table = Attempts(Clock())
    for n in range(100):
        table.take(f"u{n}", f"a{n}")
    assert len(table._brake._tries) <= 10


async def test_passwords_are_argon2id_at_the_cost_of_rfc_9106() -> None:
    stored = await passwords.hash_password("correct horse battery")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await passwords.verify_password(stored, "correct horse battery")
    assert not await passwords.verify_password(stored, "correct horse")
    assert not await passwords.verify_password(None, "nobody has this password")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("testclient", "testclient", True),
    ],
)
def test_one_network_of_ipv6_is_one_address(one: str, other: str, *, same: bool) -> None:
    table = Attempts(Clock())
    for n in range(TRIES_PER_ADDRESS):
        table.take(f"u{n}", one)
    if same:
        with pytest.raises(RateLimited):
            table.take("another", other)
    else:
        table.take("another", other)
