"""`/api/admin/settings`."""

from __future__ import annotations

from litestar import Response, Router, get, patch
from litestar.params import JSONBody

from tollway.http.changes import changed, current_generation
from tollway.http.deps import Asking, Ctx
from tollway.preferences import service
from tollway.preferences.schemas import Preferences, PreferencesPatch


@get("/", summary="Read the run-time settings")
async def get_settings(ctx: Ctx) -> Preferences:
    """What holds now, defaults filled in."""
    async with ctx.db.read_tx() as tx:
        return await service.read(tx)


@patch("/", summary="Change the run-time settings")
async def change_settings(ctx: Ctx, caller: Asking, data: JSONBody[PreferencesPatch]) -> Response[Preferences]:
    """Changes the fields that are sent; null goes back to the default."""
    async with ctx.db.write_tx() as tx:
        view = await service.change(tx, caller, data)
        generation = await current_generation(tx)
    return changed(view, generation)


router = Router("/api/admin/settings", route_handlers=[get_settings, change_settings], tags=["settings"])
