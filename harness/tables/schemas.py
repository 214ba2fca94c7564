"""Columns of tables that do not quite agree: another cell has another option, another probe another column."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa

PANDAS = b"pandas"
"""Where pandas notes in a schema which of its own types the columns have."""


def union(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """A schema that holds the columns of all: each with the narrowest type that fits, text where none does.

    Columns stand in the order in which they appear first; the metadata are the first schema's, with pandas' notes on
    all columns.
    """
    schemas = list(schemas)
    types: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            types[field.name] = common(types[field.name], field.type) if field.name in types else field.type
    fields = pa.schema(list(types.items()))
    return fields.with_metadata({**(schemas[0].metadata or {}), **_pandas_notes(schemas, fields)})


@cache
def common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The narrowest type for the values of both; text where there is none."""
    if one == other:
        return one
    try:
        both = [pa.schema([("", one)]), pa.schema([("", other)])]
        return pa.unify_schemas(both, promote_options="permissive").field(0).type
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.string()


def _pandas_notes(schemas: Sequence[pa.Schema], fields: pa.Schema) -> dict[bytes, bytes]:
    """Pandas' notes on the columns of all schemas, where their type is the one that they were made for."""
    noted = [schema for schema in schemas if PANDAS in (schema.metadata or {})]
    if not noted:
        return {}
    columns: dict[str, Any] = {}
    for schema in noted:
        for column in json.loads(schema.metadata[PANDAS])["columns"]:
            name = column["field_name"]
            if schema.field(name).type == fields.field(name).type:
                columns.setdefault(name, column)
    notes = {
        **json.loads(noted[0].metadata[PANDAS]),
        "columns": [columns[name] for name in fields.names if name in columns],
    }
    return {PANDAS: json.dumps(notes).encode()}


def of_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the columns, types and metadata of a schema that `union` has made of its own and others."""
    if table.schema.equals(schema, check_metadata=True):
        return table
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
        else:
            columns.append(_as(table[field.name], field.type))
    return pa.table(columns, schema=schema)


def _as(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if column.type == wanted:
        return column
    if wanted == pa.string() and not pa.types.is_null(column.type):
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, wanted)])
    return column.cast(wanted)


def as_frame(table: pa.Table) -> pd.DataFrame:
    """The table for pandas: whole numbers and booleans of which some are missing stay what they are."""
    frame = table.to_pandas()
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if column.null_count and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
            nullable = "boolean" if pa.types.is_boolean(kind) else "Int64"
            frame[name] = column.to_pandas(types_mapper={kind: pd.api.types.pandas_dtype(nullable)}.get)
    return frame


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables one below the other, in the columns of all, as one piece of memory."""
    if len(tables) == 1:
        return tables[0].combine_chunks()
    schema = union({table.schema.serialize().to_pybytes(): table.schema for table in tables}.values())
    return pa.concat_tables([of_schema(table, schema) for table in tables]).combine_chunks()
