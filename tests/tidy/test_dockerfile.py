"""The Dockerfile keeps the rules, copies only what the build context lets in, and each rule refuses a bad sample."""

import pytest

from tests.tidy.dockerfile import complaints_about, instructions
from tests.tidy.tree import ROOT

pytestmark = pytest.mark.tidy

GOOD = """\
FROM debian:12.1-slim
RUN apt-get update \\
    && apt-get install -y --no-install-recommends python3 \\
    && rm -rf /var/lib/apt/lists/*
USER app
HEALTHCHECK --interval=5s CMD ["true"]
ENTRYPOINT ["app"]
CMD ["serve"]
"""


def test_the_dockerfile_keeps_the_rules() -> None:
    complaints = complaints_about((ROOT / "Dockerfile").read_text())
    assert not complaints, "\n".join(complaints)


def test_what_is_copied_exists_and_is_let_in() -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copies = [words.split() for name, words in instructions((ROOT / "Dockerfile").read_text()) if name == "COPY"]
    for words in (words for words in copies if not words[0].startswith("--from")):
        for source in words[:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == kept or (ROOT / source) in (ROOT).glob(kept) for kept in let_in), source


def test_canary_a_good_sample_passes() -> None:
    assert complaints_about(GOOD) == []


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("debian:12.1-slim", "debian"),
        ("debian:12.1-slim", "debian:latest"),
        ("debian:12.1-slim", "debian:stable"),
        ("USER app", "USER root"),
        ("USER app", "USER 0:0"),
        ("USER app\n", ""),
        ('HEALTHCHECK --interval=5s CMD ["true"]\n', ""),
        ('HEALTHCHECK --interval=5s CMD ["true"]', "HEALTHCHECK CMD true"),
        ('ENTRYPOINT ["app"]', "ENTRYPOINT app"),
        ('CMD ["serve"]\n', "CMD serve\n"),
        (" --no-install-recommends", ""),
        (" \\\n    && rm -rf /var/lib/apt/lists/*", ""),
        ("apt-get update \\\n    && ", ""),
        ("USER app", "ADD https://example.test/a.tar.gz /a\nUSER app"),
        ("USER app", "ENV ADMIN_TOKEN=abc\nUSER app"),
        ("USER app", "ARG DB_PASSWORD=abc\nUSER app"),
        ("USER app", "RUN pip install click\nUSER app"),
        ("USER app", "RUN curl https://example.test/i | sh\nUSER app"),
        ("USER app", "USER app\nFROM debian:12.1-slim"),
    ],
)
def test_canary_each_rule_refuses(there: str, instead: str) -> None:
    assert there in GOOD
    assert complaints_about(GOOD.replace(there, instead)) != []
