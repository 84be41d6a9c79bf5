"""The ports that are given to the core have what it asks for."""

from __future__ import annotations

from offhook.testing.media import SilentProvider
from offhook.ua.audio import AudioPort, AudioProvider
from offhook.ua.media import MediaPort, MediaProvider
from tests.ua.test_audio import provider


def of_port(port: MediaPort) -> MediaPort:
    return port


def of_provider(provider: MediaProvider) -> MediaProvider:
    return provider


async def test_silent_and_real_ports_can_be_used_alike() -> None:
    silent, real = SilentProvider(), provider()
    assert of_provider(silent) is silent
    assert of_provider(real) is real
    assert isinstance(real, AudioProvider)
    port = real.port()
    assert isinstance(of_port(port), AudioPort)
    for one in (of_port(silent.port()), of_port(port)):
        capabilities = one.capabilities("127.0.0.1", "127.0.0.1")
        assert [stream.media for stream in capabilities.streams] == ["audio"]
        one.close()
    await port.closed()
