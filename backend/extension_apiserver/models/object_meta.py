"""`metadata`, for functions: with a store the library has it alone."""

from __future__ import annotations

from pydantic import BaseModel, Field


class ObjectMeta(BaseModel, extra="allow"):
    """The metadata that people give; what servers add stays in it as it is.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
    """

    name: str
    namespace: str | None = None
    labels: dict[str, str] = Field(default_factory=dict, exclude_if=lambda value: not value)
    annotations: dict[str, str] = Field(default_factory=dict, exclude_if=lambda value: not value)
