"""Bodies of users, sessions and set-up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tollway.db.tables import UserRow
from tollway.http.fields import END, ShortText
from tollway.users.passwords import Password, PasswordTry

Email = Annotated[str, Meta(pattern=rf"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+{END}", max_length=254)]
Language = Annotated[str, Meta(pattern=rf"^[a-z]{{2,3}}(?:-[A-Za-z0-9]{{2,8}})*{END}", max_length=35)]
UserRole = Literal["user", "operator", "auditor"]


class UserView(msgspec.Struct, kw_only=True):
    """A user as operators see it. `account_id` is the personal account."""

    id: str
    email: str
    name: str
    role: str
    language: str
    enabled: bool
    account_id: str | None
    created_at: datetime
    updated_at: datetime
    version: int

    @classmethod
    def of(cls, row: UserRow, account_id: str | None) -> UserView:
        """From its rows."""
        return cls(
            id=row.id,
            email=row.email,
            name=row.name,
            role=row.role,
            language=row.language,
            enabled=row.enabled,
            account_id=account_id,
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
        )


class MemberView(msgspec.Struct):
    """A user's place in an account."""

    id: str
    email: str
    name: str
    role: str
    enabled: bool


class UserCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A new user with a personal account. Without a password nobody can sign in as this user yet."""

    email: Email
    name: ShortText
    password: Password | None = None
    role: UserRole = "user"
    language: Language = "en"


class SetupWish(msgspec.Struct, forbid_unknown_fields=True):
    """The first operator, by the one-time link's token."""

    token: Annotated[str, Meta(max_length=128)]
    email: Email
    name: ShortText
    password: Password
    language: Language = "en"


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    """E-mail and password."""

    email: Annotated[str, Meta(max_length=254)]
    password: PasswordTry


class MeUser(msgspec.Struct):
    """Who is signed in."""

    id: str
    email: str
    name: str
    role: str
    language: str


class MeAccount(msgspec.Struct):
    """An account the user belongs to, with the role there."""

    id: str
    name: str
    kind: str
    role: str


class Me(msgspec.Struct):
    """The user, the accounts, and which of them is meant when a request names none."""

    user: MeUser
    accounts: list[MeAccount]
    account_id: str | None


class MePatch(msgspec.Struct, forbid_unknown_fields=True):
    """What people may change about themselves."""

    name: ShortText | UnsetType = UNSET
    language: Language | UnsetType = UNSET
