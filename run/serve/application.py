"""The addresses of a server, by aiohttp."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from typing import Any

from aiohttp import ClientError, http_exceptions, web

from ...base.errors import InputError
from ...base.limits import LimitError
from .batching import BusyError, ClassifierError
from .metrics import CONTENT_TYPE
from .protocol import HEADER_LENGTH, VERSION
from .service import Service
from .settings import ServeSettings

_log = logging.getLogger(__name__)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_BODIES = 4
"""Requests of the largest size that are read at once."""
_BROKEN = (
    ConnectionError,
    ClientError,
    http_exceptions.HttpProcessingError,
    web.RequestPayloadError,
)


class _Addresses:
    """What each address answers."""

    def __init__(self, service: Service, settings: ServeSettings) -> None:
        self._service, self._settings = service, settings
        self._bytes = 0  # that requests under way may hold
        self.stopping = False

    def routes(self) -> list[web.RouteDef]:
        model = "/v2/models/{name}"
        found = [
            web.get("/v2", self._server),
            web.get("/v2/health/live", self._live),
            web.get("/v2/health/ready", self._ready),
            web.get("/metrics", self._metrics),
            web.post("/predict", self._predict),
        ]
        for one in (model, model + "/versions/{version}"):
            found += [
                web.get(one, self._model),
                web.get(f"{one}/ready", self._model_ready),
                web.post(f"{one}/infer", self._infer),
            ]
        return found

    async def _server(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "name": "zeroreal",
                "version": version("zeroreal"),
                "extensions": ["binary_tensor_data"],
            }
        )

    async def _live(self, request: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _ready(self, request: web.Request) -> web.Response:
        return web.json_response({"ready": not self.stopping}, status=503 if self.stopping else 200)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(
            body=self._service.metrics.text(), headers={"Content-Type": CONTENT_TYPE}
        )

    async def _model(self, request: web.Request) -> web.Response:
        self._check_model(request)
        return web.json_response(self._service.description())

    async def _model_ready(self, request: web.Request) -> web.Response:
        self._check_model(request)
        return await self._ready(request)

    async def _infer(self, request: web.Request) -> web.Response:
        self._check_model(request)
        taken = self._taken(request)
        self._bytes += taken
        try:
            body = await self._body(request)
            answer, head = await self._service.infer(body, request.headers.get(HEADER_LENGTH))
        finally:
            self._bytes -= taken
        if head is None:
            return web.Response(body=answer, content_type="application/json")
        headers = {HEADER_LENGTH: str(head)}
        return web.Response(body=answer, headers=headers, content_type="application/octet-stream")

    async def _predict(self, request: web.Request) -> web.Response:
        taken = self._taken(request)
        self._bytes += taken
        try:
            return web.json_response(await self._service.predict(await self._body(request)))
        finally:
            self._bytes -= taken

    def _check_model(self, request: web.Request) -> None:
        name, number = request.match_info["name"], request.match_info.get("version", VERSION)
        if (name, number) != (self._settings.name, VERSION):
            raise web.HTTPNotFound(
                reason="Not Found",
                text=f"there is no model {name[:100]!r} of version {number[:100]!r}: it is "
                f"{self._settings.name!r}, version {VERSION}",
            )

    def _taken(self, request: web.Request) -> int:
        """The bytes that a body may come to; raises where they are too many."""
        most = self._settings.max_request
        # What is in pieces or compressed may come to any size.
        is_open = request.content_length is None or "Content-Encoding" in request.headers
        size = most if is_open else request.content_length or 0
        if size > most:
            raise LimitError(f"the body has {size:,} bytes: at most {most:,} are taken")
        if self._bytes + size > _BODIES * most:
            raise BusyError("other requests fill the memory that bodies may: come again soon")
        return size

    async def _body(self, request: web.Request) -> bytes:
        patience = self._settings.patience
        try:
            async with asyncio.timeout(patience):
                return await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(
                text=f"the body did not come within {patience:g} seconds: send it at once"
            ) from None
        except _BROKEN as error:
            raise InputError(f"the body broke off or is damaged ({error}): send it whole") from None


def application(service: Service, settings: ServeSettings) -> web.Application:
    """What answers requests with `service`; all errors are `{"error": ...}`."""
    addresses = _Addresses(service, settings)

    @web.middleware
    async def answered(request: web.Request, handler: _Handler) -> web.StreamResponse:
        began = time.perf_counter()
        resource = request.match_info.route.resource
        endpoint = "other" if resource is None else resource.canonical
        answer = await _told(request, handler)
        service.metrics.on_request(endpoint, answer.status, time.perf_counter() - began)
        return answer

    async def running(app: web.Application) -> AsyncIterator[None]:
        async with service.running():
            yield

    async def stop(app: web.Application) -> None:
        addresses.stopping = True

    # aiohttp refuses what has as many bytes, too.
    made = web.Application(middlewares=[answered], client_max_size=settings.max_request + 1)
    made.add_routes(addresses.routes())
    made.cleanup_ctx.append(running)
    made.on_shutdown.append(stop)
    return made


async def _told(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """The handler's answer, or what went wrong."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        kept = {k: v for k, v in error.headers.items() if k in ("Allow", "Location")}
        return _error(error.status, error.text or error.reason, kept)
    except BusyError as error:
        return _error(503, str(error), {"Retry-After": "1"})
    except LimitError as error:
        return _error(413, str(error))
    except InputError as error:
        return _error(400, str(error))
    except ClassifierError as error:
        _log.exception("the classifier failed", exc_info=error.__cause__)
        return _error(500, str(error))
    except Exception:
        _log.exception("a request failed")
        return _error(500, "the server failed: see what it printed")


def _error(status: int, text: str, headers: dict[str, Any] | None = None) -> web.Response:
    return web.json_response({"error": text}, status=status, headers=headers)
