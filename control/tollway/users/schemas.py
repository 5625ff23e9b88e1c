"""Bodies of users, sessions and set-up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tollway.db.tables import InviteRow, UserRow
from tollway.http.fields import END, Moment, ShortText
from tollway.users.passwords import Password, PasswordTry

Email = Annotated[str, Meta(pattern=rf"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+{END}", max_length=254)]
Language = Annotated[str, Meta(pattern=rf"^[a-z]{{2,3}}(?:-[A-Za-z0-9]{{2,8}})*{END}", max_length=35)]
UserRole = Literal["user", "operator", "auditor"]
Theme = Literal["system", "light", "dark"]


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


class UserPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What operators may change about a user."""

    name: ShortText | UnsetType = UNSET
    role: UserRole | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    language: Language | UnsetType = UNSET


class SignUp(msgspec.Struct, forbid_unknown_fields=True):
    """A person who makes a user for himself. `invite`: the code, where sign-up is by invite."""

    email: Email
    name: ShortText
    password: Password
    invite: Annotated[str, Meta(max_length=128)] | None = None
    language: Language = "en"


class InviteCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A new invite. `note` is for whoever makes it; without `expires_at` it stays good until used or withdrawn."""

    note: Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)", max_length=200)] = ""
    expires_at: Moment | None = None


class InviteView(msgspec.Struct, kw_only=True):
    """An invite as shown, without its code."""

    id: str
    hint: str
    note: str
    status: Literal["open", "used", "expired"]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    used_by: str | None

    @classmethod
    def of(cls, row: InviteRow, now: datetime) -> InviteView:
        """From its row; whether it has expired depends on when one looks."""
        expired = row.expires_at is not None and row.expires_at <= now
        return cls(
            id=row.id,
            hint=row.hint,
            note=row.note,
            status="used" if row.used_at is not None else "expired" if expired else "open",
            created_by=row.created_by,
            created_at=row.created_at,
            expires_at=row.expires_at,
            used_at=row.used_at,
            used_by=row.used_by,
        )


class InviteWithCode(InviteView, kw_only=True):
    """The answer to create: the only time the code is shown. `link` is what one sends to the invited person."""

    code: str
    link: str


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    """One's own password: the one there is, and the one that shall be."""

    current: PasswordTry
    new: Password


class SessionView(msgspec.Struct):
    """A signed-in browser. `id` is a handle; `current`: the one that asks."""

    id: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    agent: str
    current: bool


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
    theme: str = "system"


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
    theme: Theme | UnsetType = UNSET
