"""Rules of users. Each has a personal account from the start; an e-mail is one user's, whatever its case."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from tollway.audit import trail
from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import AccountRow, MembershipRow, UserRow
from tollway.errors import AlreadyExists, NotFound, Unauthorized
from tollway.http.callers import Caller
from tollway.http.fields import merge
from tollway.http.lists import ListQuery, Page, after, like, to_page
from tollway.ids import new_id
from tollway.ledger import open_wallet
from tollway.users.passwords import verify_password
from tollway.users.schemas import Me, MeAccount, MemberView, MePatch, MeUser, SignIn, UserCreate, UserView

ROLE_OF_TOKEN = "operator"  # noqa: S105  (a role, not a secret)
MEMBERS_SHOWN_MAX = 500
_WRONG = "e-mail or password is wrong"
_OWN_FIELDS = ("name", "language", "theme")


def folded(email: str) -> str:
    """The form in which e-mails are stored and compared."""
    return email.strip().casefold()


async def require(tx: ReadTx, user_id: str) -> UserRow:
    """The user, or NotFound."""
    row = await tx.session.get(UserRow, user_id)
    if row is None or row.deleted_at is not None:
        raise NotFound("there is no such user")
    return row


async def personal_accounts(tx: ReadTx, user_ids: Sequence[str]) -> dict[str, str]:
    """The personal account of each user."""
    wanted = select(MembershipRow.user_id, MembershipRow.account_id)
    found = await tx.session.execute(wanted.where(MembershipRow.user_id.in_(user_ids), MembershipRow.personal))
    return {row.user_id: row.account_id for row in found}


async def list_page(tx: ReadTx, page: ListQuery) -> Page[UserView]:
    """One page of all, newest first; `q` in e-mail, name and id."""
    wanted = select(UserRow).where(UserRow.deleted_at.is_(None))
    if page.q:
        wanted = wanted.where(like((UserRow.email, UserRow.name, UserRow.id), page.q))
    rows = (await tx.session.scalars(after(wanted, page, (UserRow.id,), (str,), newest_first=True))).all()
    accounts = await personal_accounts(tx, [row.id for row in rows])
    return to_page(rows, page, lambda row: UserView.of(row, accounts.get(row.id)), lambda row: (row.id,))


async def id_of(tx: ReadTx, email: str) -> str | None:
    """The user with this e-mail, whatever its case."""
    return await tx.session.scalar(select(UserRow.id).where(UserRow.email == folded(email)))


async def emails(tx: ReadTx, user_ids: Sequence[str]) -> dict[str, str]:
    """The e-mail of each of some users, of those who are gone too: the audit log names them."""
    found = await tx.session.execute(select(UserRow.id, UserRow.email).where(UserRow.id.in_(user_ids)))
    return {row.id: row.email for row in found}


async def members_of(tx: ReadTx, account_id: str) -> list[MemberView]:
    """Who belongs to an account, oldest user first."""
    wanted = select(UserRow, MembershipRow).join(MembershipRow, MembershipRow.user_id == UserRow.id)
    wanted = wanted.where(MembershipRow.account_id == account_id, UserRow.deleted_at.is_(None)).order_by(UserRow.id)
    found = (await tx.session.execute(wanted.limit(MEMBERS_SHOWN_MAX))).all()
    return [MemberView(user.id, user.email, user.name, member.role, user.enabled) for user, member in found]


async def create(tx: WriteTx, caller: Caller, wish: UserCreate, password_hash: str | None) -> UserView:
    """Make a user, the personal account and its wallet. The password was hashed before, outside the transaction.

    Raises AlreadyExists for the e-mail.
    """
    email = folded(wish.email)
    if await tx.session.scalar(select(UserRow.id).where(UserRow.email == email)) is not None:
        raise AlreadyExists("a user with this e-mail exists already")
    user = UserRow(
        id=new_id("usr"),
        email=email,
        name=wish.name,
        password_hash=password_hash,
        role=wish.role,
        language=wish.language,
        enabled=True,
    )
    account = AccountRow(id=new_id("acc"), kind="personal", name=wish.name, group_name="default", enabled=True)
    tx.session.add_all([user, account])
    await tx.flush()
    tx.add(MembershipRow(account_id=account.id, user_id=user.id, role="owner", personal=True))
    await open_wallet(tx, account.id)
    tx.touch("account", account.id)
    await tx.flush()
    view = UserView.of(user, account.id)
    await trail.record(tx, caller, "user.create", user.id, after=trail.body_of(view))
    return view


async def find_for_sign_in(tx: ReadTx, wish: SignIn) -> UserRow | None:
    """The user with this e-mail who may sign in at all."""
    return await tx.session.scalar(
        select(UserRow).where(UserRow.email == folded(wish.email), UserRow.enabled, UserRow.deleted_at.is_(None))
    )


async def check_password(row: UserRow | None, wish: SignIn) -> UserRow:
    """Outside a transaction, because it takes long. Raises Unauthorized, the same and as late for every reason."""
    right = await verify_password(row.password_hash if row is not None else None, wish.password)
    if not right or row is None:
        raise Unauthorized(_WRONG)
    return row


async def require_unchanged(tx: WriteTx, checked: UserRow) -> None:
    """In the transaction that begins the session: while the password was checked, it may have been changed or the user
    disabled, and what ends all sessions must not miss this one. Raises Unauthorized.
    """
    same = select(UserRow.id).where(
        UserRow.id == checked.id,
        UserRow.password_hash == checked.password_hash,
        UserRow.enabled,
        UserRow.deleted_at.is_(None),
    )
    if await tx.session.scalar(same.with_for_update()) is None:
        raise Unauthorized(_WRONG)


async def me(tx: ReadTx, caller: Caller) -> Me:
    """Who is asking. The operator's token is shown as what it is: an operator without accounts."""
    if caller.user_id is None:
        return Me(MeUser(caller.id, "", caller.id, ROLE_OF_TOKEN, "en"), [], None)
    user = await require(tx, caller.user_id)
    wanted = select(AccountRow, MembershipRow).join(MembershipRow, MembershipRow.account_id == AccountRow.id)
    wanted = wanted.where(MembershipRow.user_id == user.id, AccountRow.deleted_at.is_(None)).order_by(AccountRow.id)
    found = (await tx.session.execute(wanted)).all()
    personal = next((account.id for account, member in found if member.personal), None)
    accounts = [MeAccount(account.id, account.name, account.kind, member.role) for account, member in found]
    shown = MeUser(user.id, user.email, user.name, user.role, user.language, user.theme)
    return Me(shown, accounts, personal)


async def change_me(tx: WriteTx, caller: Caller, wish: MePatch) -> Me:
    """PATCH of one's own name, language and theme."""
    user = await require(tx, caller.id)
    before = {field: getattr(user, field) for field in _OWN_FIELDS}
    merge(user, wish, _OWN_FIELDS)
    after = {field: getattr(user, field) for field in _OWN_FIELDS}
    if before != after:
        await trail.record(tx, caller, "user.change", user.id, before=before, after=after)
    return await me(tx, caller)
