"""Typed, validated options: what plugins and settings are made of."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from harness.base.errors import UserError, unknown_setting


class Options(BaseModel):
    """Immutable options with types, bounds and descriptions; an unknown or impossible one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def defaults_of_options(cls) -> dict[str, Any]:
        """All options with their defaults."""
        return {key: field.get_default(call_default_factory=True) for key, field in cls.model_fields.items()}


INIT_ONLY: dict[str, JsonValue] = {"init_only": True}
"""``Field(…, json_schema_extra=INIT_ONLY)`` marks an option that changes nothing but how weights start.

Runs that differ in such an option of a cell train together in one pack.
"""


def init_only(model: type[Options]) -> list[str]:
    """The options of a model that are marked `INIT_ONLY`."""
    return [name for name, field in model.model_fields.items() if field.json_schema_extra == INIT_ONLY]


Model = TypeVar("Model", bound=Options)


def build(model: type[Model], values: dict[str, Any], prefix: str = "") -> Model:
    """Validate ``values`` into ``model``.

    Args:
        prefix: where the values stand in the configuration, e.g. ``cell.``; used in messages.

    Raises:
        UserError: one line that names the first wrong key, its value and what is valid.
    """
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
    return UserError(f"{key}={detail['input']}: {message[0].lower()}{message[1:]}")
