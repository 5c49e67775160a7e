"""Providers, and a multiplexer before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extension_apiserver.metrics_mux.config import MuxConfig, ProviderConfig
from unit.fake_aggregator import Aggregator
from unit.metrics_mux.fake_provider import FakeProvider, Script
from unit.running import Backend, start_mux

Making = Callable[..., FakeProvider]
Serving = Callable[..., Aggregator]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Making]:
    """Return a function (name, script) → a provider that serves."""
    made: list[FakeProvider] = []

    def make(name: str, script: Script, **how: Any) -> FakeProvider:
        made.append(FakeProvider(name, script, tmp_path, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def serve(own: Backend) -> Serving:
    """Return a function (providers…) that serves a multiplexer, and returns kube-apiserver in front of it."""

    def begin(*providers: ProviderConfig | FakeProvider, **fields: Any) -> Aggregator:
        configs = [one.provider() if isinstance(one, FakeProvider) else one for one in providers]
        start_mux(own, MuxConfig(**{"apis": ("external",), "providers": configs, **fields}))
        return own.aggregator()

    return begin
