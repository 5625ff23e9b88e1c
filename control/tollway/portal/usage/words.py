"""Names of what a request counts, where it went and how it ended."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from tollway.portal.frame.translate import N_, Words

COUNT_NAMES: Final = {
    "input_tokens": N_("Input tokens"),
    "cache_read_tokens": N_("Input tokens read from cache"),
    "cache_write_5m_tokens": N_("Input tokens written to cache, 5 minutes"),
    "cache_write_1h_tokens": N_("Input tokens written to cache, 1 hour"),
    "output_tokens": N_("Output tokens"),
    "reasoning_tokens": N_("Reasoning tokens"),
    "audio_input_tokens": N_("Audio input tokens"),
    "audio_output_tokens": N_("Audio output tokens"),
    "image_input_tokens": N_("Image input tokens"),
    "image_output_tokens": N_("Image output tokens"),
    "requests": N_("Requests"),
    "images": N_("Images"),
    "milliseconds": N_("Milliseconds of audio"),
    "characters": N_("Characters"),
}
ENDPOINT_NAMES: Final = {
    "chat": N_("Chat completions"),
    "completions": N_("Completions"),
    "embeddings": N_("Embeddings"),
    "images": N_("Image generation"),
    "audio": N_("Audio"),
    "moderations": N_("Moderations"),
    "rerank": N_("Rerank"),
}
OUTCOME_NAMES: Final = {
    "settled": N_("Finished and charged for what was delivered"),
    "voided": N_("Ended without anything delivered; nothing was charged"),
    "recovered": N_("Cut by a restart of the gateway; charged up to what was surely delivered"),
}
_US_PER_MS: Final = 1_000
_FINE_BELOW_MS: Final = 10


def duration(us: int, spoken: Words) -> str:
    """Microseconds as milliseconds, with a decimal only where it tells something."""
    ms = Decimal(us) / _US_PER_MS
    return f"{spoken.number(round(ms, 1) if ms < _FINE_BELOW_MS else round(ms))} ms"
