"""The tables of a results directory in Python: read when they are asked for, whole or in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.base.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    Filters: TypeAlias = list[Any] | pc.Expression | None


class Tables(Mapping[str, "pd.DataFrame"]):
    """The tables of one results directory: ``tables.runs`` or ``tables["runs"]``, and so on.

    Standard tables are ``runs``, ``curves``, ``gradients``, ``transport`` and ``samples``, and ``generalization`` where
    `eval.seq_len` names lengths; probes may add others. A table is read when it is first asked for. Of a large one,
    `read` gives some columns and rows as a DataFrame, and `scan` a pyarrow dataset, to be worked through piecewise.

    Args:
        sources: a table's name to a DataFrame, or to a pyarrow dataset that has yet to be read.
        most_rows: larger tables are refused as a whole (an error that says so), and come through `read` or
            `scan` only; None: any size.
        left_out: what could not be merged, one line each, naming the file.

    Examples:
        >>> tables = harness.load("results/dish/2026-01-31_12-00-00")                        # doctest: +SKIP
        >>> tables.read("gradients", ["run_id", "lag", "grad_norm"], [("step", "==", 0)])    # doctest: +SKIP
    """

    def __init__(
        self,
        sources: Mapping[str, pd.DataFrame | ds.Dataset],
        most_rows: int | None = None,
        left_out: Sequence[str] = (),
    ):
        self._sources = dict(sources)
        self._most_rows = most_rows
        self.left_out = list(left_out)

    def __getitem__(self, name: str) -> pd.DataFrame:
        import pandas as pd

        source = self._sources[name]
        if not isinstance(source, pd.DataFrame):
            if self._most_rows is not None and (rows := self.rows(name)) > self._most_rows:
                raise UserError(f"{name} has {rows} rows, too many at once; ask for a part with read() or scan()")
            source = self._sources[name] = self.read(name)
        return source

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_") or name not in self._sources:
            raise AttributeError(f"no table {name!r}; there are {', '.join(self)}")
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def __repr__(self) -> str:
        return f"{type(self).__name__}(" + ", ".join(f"{name}: {self.rows(name)} rows" for name in self) + ")"

    def limited(self, most_rows: int) -> Tables:
        """The same tables, those with more rows only in parts."""
        return Tables(self._sources, most_rows, self.left_out)

    def rows(self, name: str) -> int:
        """How many rows a table has, without reading it."""
        import pandas as pd

        source = self._sources[name]
        return len(source) if isinstance(source, pd.DataFrame) else source.count_rows()

    def scan(self, name: str) -> ds.Dataset:
        """A table as a pyarrow dataset: nothing is read until its batches are asked for."""
        import pandas as pd
        import pyarrow as pa
        import pyarrow.dataset as ds

        source = self._sources[name]
        if isinstance(source, pd.DataFrame):
            return ds.dataset(pa.Table.from_pandas(source, preserve_index=False))
        return source

    def read(self, name: str, columns: Sequence[str] | None = None, filters: Filters = None) -> pd.DataFrame:
        """Some columns and rows of a table; only they are read from the file.

        Args:
            columns: their names, in the order wanted; None: all.
            filters: as in `pandas.read_parquet`: ``[("step", "==", 0), ("part", "in", ["h", "c"])]``, or a
                pyarrow expression.

        Raises:
            UserError: the file is damaged; the message names it.
        """
        import pyarrow.parquet as pq

        from harness.tables.schemas import as_frame
        from harness.tables.storage import damaged

        dataset = self.scan(name)
        wanted = None if columns is None else list(columns)
        chosen = pq.filters_to_expression(filters) if isinstance(filters, list) else filters
        try:
            # Columns of a table without rows have no type that a filter could be held against.
            return as_frame(dataset.to_table(columns=wanted, filter=chosen if dataset.count_rows() else None))
        except OSError as error:
            raise damaged(getattr(dataset, "files", [name])[0], error) from None

    def with_settings(
        self,
        name: str,
        settings: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        filters: Filters = None,
    ) -> pd.DataFrame:
        """A table with settings of its runs (or other columns of ``runs``) beside each row, after ``run_id``.

        Texts are categories in the order of the sweep, so that plots have the cells in the order in which they were
        asked for.

        Args:
            name: ``gradients``, ``curves``, or any other table.
            settings: columns of ``runs``; None: the settings in which the runs differ, and their variant.
            columns, filters: the part of the table that is wanted, as in `read`.

        Raises:
            UserError: there is no such table or column.

        Examples:
            >>> tables.with_settings("gradients", ["cell", "seq_len"])    # doctest: +SKIP
        """
        from pandas.api.types import is_string_dtype

        from harness.tables.varied import as_categories, varied

        runs = self["runs"]
        if name not in self or name == "runs":
            raise unknown("table", name, [each for each in self if each != "runs"])
        if settings is None:
            settings = varied(runs)
        if wrong := [key for key in settings if key not in runs]:
            raise unknown("column of runs", wrong[0], [*map(str, runs)])
        wanted = None if columns is None else list(dict.fromkeys(["run_id", *columns]))
        rows = self.read(name, wanted, filters)
        if both := [key for key in settings if key in rows and key != "run_id"]:
            raise UserError(f"{both[0]!r} is a column of {name}, too; valid: columns={list(rows)} without it")
        own = runs.set_index("run_id")[[key for key in settings if key != "run_id"]]
        own = own.assign(**{str(key): as_categories(own[key]) for key in own if is_string_dtype(own[key])})
        found = rows.merge(own, left_on="run_id", right_index=True, how="left")
        return found[["run_id", *own, *(key for key in rows if key != "run_id")]]
