"""Typed, validated options: what plugins and settings are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from harness.base.errors import UserError, unknown_setting


class Options(BaseModel):
    """Immutable options with types, bounds and descriptions; an unknown or impossible one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def defaults_of_options(cls) -> dict[str, Any]:
        """All options with their defaults, as a configuration holds them: a path as text, an enumeration's value.

        Raises:
            UserError: a default is of a type that no configuration can hold; names the option.
        """
        found = {}
        for key, field in cls.model_fields.items():
            try:
                found[key] = to_jsonable_python(field.get_default(call_default_factory=True))
            except PydanticSerializationError as error:
                raise UserError(f"{cls.__name__}.{key}: no default for a configuration: {error}") from None
        return found


INIT_ONLY: dict[str, JsonValue] = {"init_only": True}
"""``Field(…, json_schema_extra=INIT_ONLY)`` marks an option that changes nothing but how weights start.

Runs that differ in such an option of a cell train together in one pack.
"""


def init_only(model: type[Options]) -> list[str]:
    """The options of a model that are marked `INIT_ONLY`."""
    return [name for name, field in model.model_fields.items() if field.json_schema_extra == INIT_ONLY]


def one_of(valid: Collection[str]) -> AfterValidator:
    """What a text is annotated with that is one of these names: ``init: Annotated[str, one_of(INITS)]``."""

    def known(value: str) -> str:
        if value not in valid:
            raise ValueError(f"valid: {', '.join(valid)}")
        return value

    return AfterValidator(known)


Model = TypeVar("Model", bound=Options)


def build(model: type[Model], values: dict[str, Any], prefix: str = "") -> Model:
    """Validate ``values`` into ``model``.

    Args:
        prefix: where the values stand in the configuration, e.g. ``cell.``; used in messages.

    Raises:
        UserError: one line that names the first wrong key, its value and what is valid.
    """
    for key, value in values.items():
        if problem := _misread(model, key, value):
            raise UserError(f"{prefix}{key}={said(value)}: {problem}")
    try:
        return model(**values)
    except ValidationError as error:
        raise _one_line(error, model, prefix) from None


def _one_line(error: ValidationError, model: type[Options], prefix: str) -> UserError:
    detail = error.errors(include_url=False)[0]
    key = prefix + ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return unknown_setting(key, [prefix + name for name in model.model_fields])
    if detail["type"] == "missing":
        return UserError(f"{key}: this setting is missing")
    message = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:  # about several of the values: the message says which
        return UserError(prefix + message)
    return UserError(f"{key}={said(detail['input'])}: {message[0].lower()}{message[1:]}")


def said(value: object) -> str:
    """A value as it is typed on the command line: ``null``, ``true``, ``[1,2]``."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{','.join(map(said, value))}]" if isinstance(value, list | tuple) else str(value)


def _misread(model: type[Options], key: str, value: object) -> str | None:
    """Why a value is no good that pydantic would take, or that no table could hold; None where there is no reason."""
    if isinstance(value, list | tuple):
        return next((problem for each in value if (problem := _misread(model, key, each))), None)
    if isinstance(value, bool) and (field := model.model_fields.get(key)):
        types = set(_types(field.annotation))
        return "valid: a number" if types & {int, float} and bool not in types else None
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return "too large; valid: whole numbers of 64 bits"
    return None


def _types(annotation: object) -> Iterator[object]:
    """The types that an annotation is made of: ``list[int] | None`` of int and None."""
    parts = get_args(annotation)
    for part in parts:
        yield from (type(part),) if get_origin(annotation) is Literal else _types(part)
    if not parts:
        yield annotation
