"""`run` and `sweep`: the command line, called from Python."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any

from harness.api.words import words_of
from harness.base.errors import UserError
from harness.base.pluggable import Pluggable
from harness.command_line.resuming import RESUME, quoted

if TYPE_CHECKING:
    from harness.api.results import Results

INTO = "hydra.sweep.dir"


def run(
    settings: Mapping[str, Any] | None = None,
    /,
    *,
    directory: str | PathLike[str] | None = None,
    plugins: Sequence[type[Pluggable] | str | PathLike[str]] = (),
    **keywords: Any,
) -> Results:
    """One run, as ``python -m harness`` does it: trained, measured, its tables and report written.

    Args:
        settings: settings by their dotted names, where a keyword cannot say them: ``{"train.lr": 0.01}``.
        directory: where results go; None: ``results/`` and the experiment's name and the moment.
        plugins: classes and files to choose from, besides those that are given as values.
        keywords: settings: ``cell="lstm"``, ``seq_len=40``, ``train={"lr": 0.01}``, ``cell=MyCell``.

    Returns:
        Its tables; a run that has failed or diverged stands there with its `status`.

    Raises:
        UserError: a setting is not valid; one line that names it, its value and what is valid. Nothing was written.
        KeyboardInterrupt: after an interruption. The same call with the directory goes on.

    Examples:
        >>> found = harness.run(cell="lstm", seq_len=8, hidden_size=4, train={"steps": 20}, probe={"every": 10})
        >>> found.runs.status.tolist(), sorted(found.curves.step)
        (['ok'], [0, 10, 20])
    """
    return _carried_out([], settings, directory, plugins, keywords)


def sweep(
    settings: Mapping[str, Any] | None = None,
    /,
    *,
    study: str | None = None,
    directory: str | PathLike[str] | None = None,
    launcher: str | None = None,
    resume: str | PathLike[str] | None = None,
    plugins: Sequence[type[Pluggable] | str | PathLike[str]] = (),
    **keywords: Any,
) -> Results:
    """A sweep, as ``python -m harness -m`` does it: all combinations of the values, packed, launched and reported.

    Args:
        settings: settings by their dotted names, where a keyword cannot say them: ``{"train.lr": [0.01, 0.1]}``.
        study: the name of one, as ``+study=dish``; settings that are given replace its own.
        directory: where results go. One with results of the same sweep is gone on with: what is done is not done again.
        launcher: where jobs run, as ``hydra/launcher=joblib``.
        resume: a directory whose sweep is to be gone on with as it was asked for, as ``resume=DIR``.
        plugins: classes and files to choose from, besides those that are given as values.
        keywords: settings, each with a value or a list of values: ``cell=["rnn", MyCell]``, ``seed=range(3)``,
            ``probes=["gates"]``.

    Returns:
        Its tables; runs that have failed or diverged stand there with their `status`.

    Raises:
        UserError: a setting is not valid; one line that names it, its value and what is valid. Nothing was written.
        KeyboardInterrupt: after an interruption. The same call with the directory goes on, and so does ``resume=``.

    Examples:
        >>> small = {"hidden_size": 4, "train.steps": 4, "probe.every": 2}
        >>> found = harness.sweep(small, cell=["rnn", "lstm"], seq_len=[8, 12], directory="results/mine")
        >>> found.runs.groupby(["cell", "seq_len"], sort=False).size().to_dict()
        {('rnn', 8): 1, ('rnn', 12): 1, ('lstm', 8): 1, ('lstm', 12): 1}
        >>> again = harness.sweep(small, cell=["rnn", "lstm"], seq_len=[8, 12], directory="results/mine")
        >>> again.runs.run_id.tolist() == found.runs.run_id.tolist()
        True
    """
    words = ["-m"]
    if resume is not None:
        words.append(RESUME + quoted(str(resume)))
    if study is not None:
        words.append(f"+study={quoted(study)}")
    if launcher is not None:
        words.append(f"hydra/launcher={quoted(launcher)}")
    return _carried_out(words, settings, directory, plugins, keywords)


def _carried_out(
    words: list[str],
    settings: Mapping[str, Any] | None,
    directory: str | PathLike[str] | None,
    plugins: Sequence[type[Pluggable] | str | PathLike[str]],
    keywords: Mapping[str, Any],
) -> Results:
    """Do what these words and settings ask for."""
    from harness.api.results import load
    from harness.command_line.command import Command
    from harness.command_line.main import carry_out
    from harness.command_line.messages import explain
    from harness.command_line.sweeper import INTERRUPTED

    if settings is not None and not isinstance(settings, Mapping):
        raise UserError(f"{settings!r}: valid: a mapping of settings, or keywords, as in cell='lstm'")
    if isinstance(plugins, str | PathLike | type):
        plugins = [plugins]
    asked, classes = words_of({**(settings or {}), **keywords}, several="-m" in words)
    files = [each for each in plugins if not isinstance(each, type)]
    classes += [each for each in plugins if isinstance(each, type)]
    if files:
        asked += words_of({"plugins": files}, several=True)[0]
    if directory is not None:
        asked.append(f"{INTO}={quoted(str(directory))}")
    command = None
    with _own_logging_kept():
        try:
            for each in Command.read([*words, *asked], classes):
                command = each
                carry_out(each)
        except SystemExit as ended:
            if ended.code == INTERRUPTED:
                raise KeyboardInterrupt from None
            # What has failed was said, and stands in the tables.
        except Exception as error:
            raise UserError(explain(error, command)) from error
    if command is None or not command.directories:
        # Hydra's own sweepers know nothing of results; the report's path was printed.
        raise UserError(
            "hydra/sweeper: this one does not hand over its results; valid: harness.load(DIR), or pack, optuna"
        )
    return load(command.directories[-1])


@contextmanager
def _own_logging_kept() -> Iterator[None]:
    """Keep the logging of the program that calls: Hydra sets up its own for every job."""
    root = logging.getLogger()
    level, handlers, raises = root.level, root.handlers[:], logging.raiseExceptions
    try:
        yield
    finally:
        for handler in root.handlers:
            if handler not in handlers:
                handler.close()
        root.handlers[:], logging.raiseExceptions = handlers, raises
        root.setLevel(level)
