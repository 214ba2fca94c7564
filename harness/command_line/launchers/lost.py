"""What a launcher returns for a job that was lost."""

from __future__ import annotations

from hydra.core.utils import JobReturn, JobStatus


def lost(error: Exception) -> JobReturn:
    """The return of a job that has ended without one of its own."""
    return JobReturn(_return_value=error, status=JobStatus.FAILED)
