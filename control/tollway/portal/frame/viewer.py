"""Who looks at a page, and how: person, account, language, theme, address, and what ties forms to the browser.

Composed once per request from what the guard found. An error page must be possible while the database is away, so what
needs the database is optional, and then the page is one for nobody in particular.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Request
from litestar.datastructures import Cookie
from litestar.di import NamedDependency

from tollway.http.callers import ACCOUNT_COOKIE, Caller, session_cookie
from tollway.http.context import context_of
from tollway.http.request import is_https, public_base
from tollway.portal.frame import translate
from tollway.users import service as users
from tollway.users.schemas import Me, MeAccount, MeUser

LANGUAGE_COOKIE: Final = "tollway-language"
THEME_COOKIE: Final = "tollway-theme"
FORM_COOKIE: Final = "tollway-form"
THEMES: Final = ("system", "light", "dark")
PREFERENCE_AGE_S: Final = 365 * 86_400
_CSRF_LABEL: Final = "form-token"
_NONCE_BYTES: Final = 12
_SEEN_ROLES: Final = ("operator", "auditor")


class Viewer(msgspec.Struct, kw_only=True):
    """What templates know as `viewer`."""

    caller: Caller
    user: MeUser | None = None
    accounts: list[MeAccount] = []
    words: translate.Words
    theme: str = "system"
    path: str = "/"
    query: list[tuple[str, str]] = []
    # Not for the answer to a form, which has something of its own to say.
    loaded: bool = True
    origin: str = ""
    csrf_key: bytes = b""
    form_secret: str = ""
    cookies: list[Cookie] = []
    home_account_id: str | None = None

    @property
    def language(self) -> str:
        """Code of the page's one language."""
        return self.words.language

    @property
    def base_url(self) -> str:
        """What goes into an SDK: `https://host/v1`."""
        return f"{self.origin}/v1"

    @property
    def account_id(self) -> str | None:
        """The account of this page, None for nobody."""
        return self.caller.account_id

    @property
    def account(self) -> MeAccount | None:
        """The account as the switcher shows it; None when it is not one of the viewer's own."""
        return next((found for found in self.accounts if found.id == self.caller.account_id), None)

    @property
    def may_write(self) -> bool:
        """Whether the buttons that change the account's things are offered."""
        return self.caller.account_role in ("member", "admin", "owner")

    @property
    def sees_operation(self) -> bool:
        """Operators and auditors have the Operate part."""
        return self.caller.role in _SEEN_ROLES

    @property
    def operates(self) -> bool:
        """Whether the operator's buttons are offered; an auditor only looks."""
        return self.caller.role == "operator"

    @property
    def csrf_token(self) -> str:
        """Bound to this browser's session; another text at each call, so that compression tells nobody anything."""
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        return f"{nonce}.{_seal(self.csrf_key, nonce, self.form_secret)}"

    def knows(self, csrf_token: str) -> bool:
        """Whether a form's token was made for this browser."""
        nonce, _, seal = csrf_token.partition(".")
        right = _seal(self.csrf_key, nonce, self.form_secret)
        return bool(self.form_secret) and hmac.compare_digest(seal.encode(), right.encode())

    def link(self, path: str | None = None, **changes: str | None) -> str:
        """This page's address (or `path` with its query) with some query parameters changed; None drops one."""
        kept = [(name, value) for name, value in self.query if name not in changes]
        added = [(name, value) for name, value in changes.items() if value is not None]
        query = urlencode(kept + added)
        return f"{path or self.path}?{query}" if query else path or self.path

    def form_path(self, path: str) -> str:
        """Where a form about the account's things is sent. It names the account, so that what is sent is done there,
        whichever account another tab of this browser has chosen meanwhile.
        """
        return _with_account(path, self.account_id)

    def here(self, path: str) -> str:
        """`path` for this page's account, named only where the browser would show another one."""
        elsewhere = self.account_id != self.home_account_id
        return _with_account(path, self.account_id) if elsewhere else path


def _with_account(path: str, account_id: str | None) -> str:
    return f"{path}?{urlencode({'account_id': account_id})}" if account_id is not None else path


def _seal(key: bytes, nonce: str, form_secret: str) -> str:
    return hmac.new(key, f"{nonce}.{form_secret}".encode(), hashlib.sha256).hexdigest()[:32]


def anonymous_viewer(request: Request[Any, Any, Any]) -> Viewer:
    """What can be known without the database."""
    ctx = context_of(request)
    cookies, https = request.cookies, is_https(request)
    wish = request.query_params.get("lang")
    language = translate.choose(wish, cookies.get(LANGUAGE_COOKIE), header=request.headers.get("accept-language", ""))
    theme = cookies.get(THEME_COOKIE, "")
    viewer = Viewer(
        caller=request.scope.get("state", {}).get("caller") or Caller(),
        words=translate.words(language),
        theme=theme if theme in THEMES else "system",
        path=request.url.path,
        query=[(name, value) for name, value in request.query_params.items() if name != "lang"],
        loaded=request.method in ("GET", "HEAD"),
        origin=public_base(request, ctx.settings),
        csrf_key=ctx.vault.derive(_CSRF_LABEL),
        form_secret=session_cookie(request) or cookies.get(FORM_COOKIE, ""),
        cookies=[],
    )
    if wish == language and cookies.get(LANGUAGE_COOKIE) != language:
        viewer.cookies.append(preference_cookie(LANGUAGE_COOKIE, language, https=https))
    if not viewer.form_secret:
        viewer.form_secret = secrets.token_urlsafe(24)
        viewer.cookies.append(
            Cookie(FORM_COOKIE, value=viewer.form_secret, path="/", secure=https, httponly=True, samesite="lax")
        )
    return viewer


async def provide_viewer(request: Request[Any, Any, Any]) -> Viewer:
    """Dependency `viewer` of every page."""
    viewer = anonymous_viewer(request)
    if viewer.caller.user_id is None:
        return viewer
    async with context_of(request).db.read_tx() as tx:
        me: Me = await users.me(tx, viewer.caller)
    viewer.user, viewer.accounts = me.user, me.accounts
    chosen = request.cookies.get(ACCOUNT_COOKIE)
    own = any(account.id == chosen for account in me.accounts)
    viewer.home_account_id = chosen if own else me.account_id
    if LANGUAGE_COOKIE not in request.cookies and not viewer.cookies:
        viewer.words = translate.words(translate.choose(me.user.language))
    if THEME_COOKIE not in request.cookies:
        viewer.theme = getattr(me.user, "theme", "system")
    return viewer


def preference_cookie(name: str, value: str, *, https: bool) -> Cookie:
    """A choice that outlives the session; holds nothing secret."""
    return Cookie(name, value=value, path="/", max_age=PREFERENCE_AGE_S, secure=https, samesite="lax", httponly=True)


def account_cookie(account_id: str, *, https: bool) -> Cookie:
    """Which of several accounts pages are about."""
    return preference_cookie(ACCOUNT_COOKIE, account_id, https=https)


Looking = NamedDependency[Viewer]
"""`viewer`: who looks, and how."""
