"""After a form did its work: back to a page that says so.

The address carries a code (`?done=saved`), the page knows which sentences there are; so nobody can put words of his own
on a page by a link, and loading the page again repeats nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from litestar import Response

from tollway.http.changes import GENERATION_HEADER
from tollway.portal.frame.render import see_other
from tollway.portal.frame.viewer import Viewer

PARAMETER: Final = "done"


def went_well(viewer: Viewer, path: str, code: str, generation: int | None = None) -> Response[bytes]:
    """303 to the page. With the generation of a change it is sent once the gateways know (`control_app.told`)."""
    back = viewer.here(path)
    response = see_other(viewer, f"{back}{'&' if '?' in back else '?'}{PARAMETER}={code}")
    if generation is not None:
        response.headers[GENERATION_HEADER] = str(generation)
    return response


def notice(viewer: Viewer, sentences: Mapping[str, str]) -> str:
    """The sentence for the code this page was reached with, or nothing. The page's own links go on without it, and what
    one of its forms is answered does not say it again.
    """
    code = next((value for name, value in viewer.query if name == PARAMETER), "") if viewer.loaded else ""
    viewer.query = [(name, value) for name, value in viewer.query if name != PARAMETER]
    return viewer.words.gettext(sentences[code]) if code in sentences else ""
