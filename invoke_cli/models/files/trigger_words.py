"""Read the trigger words of a LoRA from the metadata that its trainer or a model site stored. Pure text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from invoke_cli.documents import parse_json

# Stability's model spec, and what common trainers and tools write.
_KEYS = ("modelspec.trigger_phrase", "trigger_words", "ss_trigger_words", "trained_words", "trigger")
_TAGS = "ss_tag_frequency"  # kohya's: the captions' tags with their numbers, by folder of training images
_SHARE = 0.8  # a tag of nearly every image is one that triggers what was trained
_MAX_WORDS = 8


def trigger_words(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return the trigger words in a file's metadata: those stated as such, or else the tags of nearly all images."""
    stated = [word for key in _KEYS if key in metadata for word in _words(metadata[key])]
    return tuple(dict.fromkeys(stated or _frequent_tags(metadata.get(_TAGS, ""))))[:_MAX_WORDS]


def _words(text: str) -> list[str]:
    """Return the words of a list as JSON, or separated by commas."""
    parsed = _parsed(text)
    words = parsed if isinstance(parsed, list) else text.split(",")
    return [str(word).strip() for word in words if str(word).strip()]


def _frequent_tags(text: str) -> list[str]:
    """Return the tags that most images of the training set have, the most frequent first."""
    parsed = _parsed(text)
    counts: Counter[str] = Counter()
    for tags in parsed.values() if isinstance(parsed, dict) else ():
        numbers = tags.items() if isinstance(tags, dict) else ()
        counts.update({str(tag).strip(): count for tag, count in numbers if isinstance(count, int)})
    highest = max(counts.values(), default=0)
    return [tag for tag, count in counts.most_common() if tag and count >= highest * _SHARE]


def _parsed(text: str) -> object:
    try:
        return parse_json(text)
    except (ValueError, RecursionError):
        return None
