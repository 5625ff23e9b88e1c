"""`/operate/audit`: who changed what, newest first, with the differences. Nothing here can be changed by anybody."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.params import QueryParameter

from tollway.audit import listing
from tollway.http.access import Access
from tollway.http.deps import Ctx, Paging
from tollway.portal.frame.render import render
from tollway.portal.frame.translate import N_
from tollway.portal.frame.viewer import Looking
from tollway.portal.operate.audit.differences import lines
from tollway.users import service as users

LIST: Final = "/operate/audit"
# The actors that are no user.
_ACTORS: Final = {
    "operator-token": N_("the operator's token"),
    "anonymous": N_("somebody not signed in"),
    "demo": N_("the demo"),
}
# Object's kind (before the dot of the action) → its page.
_PAGES: Final = {
    "account": "/operate/accounts/",
    "wallet": "/operate/accounts/",
    "group": "/operate/groups/edit/",
    "model": "/operate/models/edit/",
    "upstream": "/operate/upstreams/edit/",
}
_Exact = Annotated[str | None, QueryParameter(max_length=128)]


@get(LIST)
async def list_audit(
    request: Request[Any, Any, Any],
    ctx: Ctx,
    viewer: Looking,
    page: Paging,
    actor: _Exact = None,
    object_id: Annotated[str | None, QueryParameter(name="object", max_length=128)] = None,
) -> Response[bytes]:
    """Filters: `q` in action or object, `actor` and `object` exactly; an actor may be given by e-mail."""
    async with ctx.db.read_tx() as tx:
        wanted = await users.id_of(tx, actor) or actor if actor and "@" in actor else actor
        found = await listing.list_page(tx, page, actor=wanted or None, object_id=object_id or None)
        names = await users.emails(tx, list({row.actor for row in found.data}))
    return render(
        request,
        viewer,
        "operate/audit/list.html",
        page=found,
        names=names,
        actors=_ACTORS,
        differences={row.id: lines(row.before, row.after, known=row.object) for row in found.data},
        pages={row.id: _PAGES.get(row.action.partition(".")[0]) for row in found.data},
        filters={"q": page.q, "actor": actor, "object": object_id},
    )


HANDLERS: Final = (list_audit,)
ACCESS: Final = {("GET", LIST): Access.AUDITOR}
