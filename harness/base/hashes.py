"""Hashes that stand in names and tables: short, and the same in every process."""

from __future__ import annotations

import hashlib


def short_hash(content: str | bytes, length: int = 12) -> str:
    """So many hexadecimal digits of a SHA-256."""
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:length]
