"""Rules for a Dockerfile, in the manner of hadolint: each is one that bites in production, and says so."""

import json
import re
from collections.abc import Iterator

_SECRET = re.compile(r"(?i)\b\w*(SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|CREDENTIAL)\w*\s*[= ]\s*\S")
_INSTRUCTION = re.compile(r"^([A-Z]+)\s+(.*)$", re.DOTALL)


def instructions(text: str) -> list[tuple[str, str]]:
    """Instruction and arguments, continued lines joined, comments gone."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", kept)
    return [(found[1], found[2].strip()) for line in joined.splitlines() if (found := _INSTRUCTION.match(line))]


def complaints_about(text: str) -> list[str]:
    """All that is wrong with a Dockerfile."""
    steps = instructions(text)
    last_stage = steps[max((i for i, (name, _) in enumerate(steps) if name == "FROM"), default=0) :]
    found = [complaint for name, arguments in steps for complaint in _about_step(name, arguments)]
    names = {name for name, _ in last_stage}
    found += [
        f"the last stage has no {name}" for name in ("USER", "HEALTHCHECK", "ENTRYPOINT", "CMD") if name not in names
    ]
    users = [arguments for name, arguments in last_stage if name == "USER"]
    if users and users[-1].split(":")[0] in ("root", "0"):
        found.append("the container would run as root")
    return found


def _about_step(name: str, arguments: str) -> Iterator[str]:
    match name:
        case "FROM":
            yield from _about_base(arguments.split()[0])
        case "ADD":
            yield f"ADD fetches and unpacks on its own; COPY does what it says: {arguments}"
        case "ENTRYPOINT" | "CMD":
            if not _is_exec_form(arguments):
                yield f"{name} in shell form: a shell would swallow SIGTERM: {arguments}"
        case "HEALTHCHECK":
            if not _is_exec_form(arguments.partition("CMD")[2].strip()):
                yield "HEALTHCHECK without CMD in exec form"
        case "ENV" | "ARG":
            if _SECRET.search(arguments):
                yield f"a secret in {name} stays in the image: {arguments.split('=')[0]}"
        case "RUN":
            yield from _about_run(arguments)


def _about_base(image: str) -> Iterator[str]:
    tag = image.rpartition(":")[2] if ":" in image else ""
    if not tag or tag == "latest":
        yield f"base image without a version: {image}"
    elif not any(letter.isdigit() for letter in tag):
        yield f"base image without a version in its tag: {image}"


def _about_run(command: str) -> Iterator[str]:
    if "apt-get install" in command:
        if "--no-install-recommends" not in command:
            yield "apt-get install without --no-install-recommends"
        if "rm -rf /var/lib/apt/lists" not in command:
            yield "package lists stay in the layer"
        if "apt-get update" not in command:
            yield "apt-get install from stale lists: update in the same layer"
    if re.search(r"\bpip install\b", command) and "--no-cache-dir" not in command:
        yield "pip's cache stays in the layer"
    if re.search(r"\b(curl|wget)\b.*\|\s*(ba)?sh\b", command):
        yield "a script from the network is run unread"
    if re.search(r"\bsudo\b", command):
        yield "sudo has no place in a build"


def _is_exec_form(arguments: str) -> bool:
    try:
        words = json.loads(arguments)
    except ValueError:
        return False
    return isinstance(words, list) and bool(words) and all(isinstance(word, str) for word in words)
