"""A server from its start to the signal that ends it."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from ...base.errors import InputError
from ..judge import Judge, load_judge
from .settings import ServeSettings

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
_BACKLOG = 128


def serve_run(
    path: str | Path, settings: ServeSettings, on_ready: Callable[[str], object] = print
) -> signal.Signals:
    """Serve the classifier of a run's folder or a deployed file until a signal; gives that.

    What is under way then is answered first; a second signal ends the process at once. `on_ready`
    is told the server's address once it answers.

    Raises `InputError` for a classifier that cannot be used, an address that cannot be had, and
    where libraries are missing.
    """
    _check_installed()
    with listening_at(settings.host, settings.port) as listening:
        judge = load_judge(Path(path), settings.device)
        return asyncio.run(_until_signalled(judge, settings, listening, on_ready))


def _check_installed() -> None:
    for name in ("aiohttp", "prometheus_client"):
        if find_spec(name) is None:
            raise InputError(
                f"serving needs {name}, which is not installed: pip install 'zeroreal[serve]'"
            )


def listening_at(host: str, port: int) -> socket.socket:
    """A socket that is bound to an address; `InputError` where it cannot be."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"host {host!r} has no address ({error}): give one, such as 127.0.0.1"
        ) from None
    try:
        # A server that ended a moment ago does not keep the port.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise InputError(
            f"port {port} of {host!r} cannot be had ({error.strerror}): give another by --port"
        ) from None
    return found


async def _until_signalled(
    judge: Judge,
    settings: ServeSettings,
    listening: socket.socket,
    on_ready: Callable[[str], object],
) -> signal.Signals:
    ended = _signalled()
    async with answering(judge, settings, listening) as address:
        on_ready(address)
        return await ended


@asynccontextmanager
async def answering(
    judge: Judge, settings: ServeSettings, listening: socket.socket
) -> AsyncIterator[str]:
    """Inside, a server answers at this address; at the end it answers what is under way."""
    # Here, because they need libraries that may be missing.
    from aiohttp import web

    from .application import application
    from .service import Service

    app = application(Service(judge, settings), settings)
    # Of what is no HTTP, its clients are told; a log of it would be theirs to fill.
    quiet = logging.getLogger(f"{__name__}.http")
    quiet.setLevel(logging.CRITICAL)
    runner = web.AppRunner(app, access_log=None, logger=quiet, shutdown_timeout=settings.patience)
    await runner.setup()
    try:
        host, port = listening.getsockname()[:2]
        await web.SockSite(runner, listening, backlog=_BACKLOG).start()
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        await runner.cleanup()


def _signalled() -> asyncio.Future[signal.Signals]:
    """Is done by the first signal that ends; those after it do what they did before."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[signal.Signals] = loop.create_future()
    before = {
        number: handler
        for number in (getattr(signal, name) for name in _ENDING if hasattr(signal, name))
        if (handler := signal.getsignal(number)) != signal.SIG_IGN
    }

    def end(number: signal.Signals) -> None:
        for one, handler in before.items():
            loop.remove_signal_handler(one)
            signal.signal(one, handler)
        found.set_result(number)

    for number in before:
        loop.add_signal_handler(number, end, signal.Signals(number))
    return found
