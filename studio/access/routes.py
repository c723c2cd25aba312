"""Routes of coming in and of letting in: the sign-in, and what the Share dialog asks."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from models.errors import LikenessError
from studio.access.door import Door, Refused
from studio.access.keys import STAY
from studio.access.request import visitor_of
from studio.access.roles import Visitor
from studio.sharing import Sharing

STATUS = {"ACCESS.TOO_MANY": 429}
"""Where a refusal is not 403."""


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Enter(_Asked):
    """One of the two."""

    password: str | None = Field(None, max_length=1024)
    token: str | None = Field(None, max_length=200)


class OpenTunnel(_Asked):
    how: str = Field(max_length=400)


class MakeLink(_Asked):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    role: Literal["editor", "viewer"]
    days: Literal[1, 7, 30] = 7


def _owner(request: Request) -> Visitor:
    visitor = visitor_of(request)
    if not visitor.owner:
        raise HTTPException(403)
    return visitor


def make_access_router(door: Door, sharing: Sharing) -> APIRouter:
    router = APIRouter(prefix="/access")

    @router.post("/enter")
    async def enter(asked: Enter, request: Request) -> Response:
        place = _place(request, door)
        try:
            carried = await (door.by_link(asked.token, place) if asked.token is not None
                             else door.by_password(asked.password or "", place))
        except Refused as refused:
            return refusal(refused, STATUS.get(refused.code, 403))
        response = JSONResponse({"entered": True})
        _carry(response, request, door, carried)
        return response

    @router.post("/leave")
    async def leave(request: Request) -> Response:
        visitor = visitor_of(request)
        door.keys.end(visitor.id)
        door.audit.note(visitor.name, "leave")
        response = JSONResponse({"entered": False})
        response.delete_cookie(door.cookie, path=_path(request))
        return response

    @router.get("/me")
    async def me(request: Request) -> dict[str, Any]:
        visitor = visitor_of(request)
        return {"name": visitor.name, "role": visitor.role, "asks": door.asks, "shared": door.tunnelled}

    @router.get("/sharing")
    async def shown(request: Request) -> dict[str, Any]:
        _owner(request)
        return sharing.view()

    @router.post("/tunnel")
    async def open_tunnel(asked: OpenTunnel, request: Request) -> Response:
        _owner(request)
        try:
            made = await sharing.open(asked.how)
        except LikenessError as error:
            return refusal(error, 422)
        response = JSONResponse({**sharing.view(), "password": made})
        # From now on everybody is asked; whoever opened the tunnel is in.
        _carry(response, request, door, door.keys.sign_in())
        return response

    @router.delete("/tunnel")
    async def close_tunnel(request: Request) -> dict[str, Any]:
        _owner(request)
        await sharing.close()
        return sharing.view()

    @router.post("/links")
    async def make_link(asked: MakeLink, request: Request) -> dict[str, Any]:
        _owner(request)
        link, token = door.make_link(asked.name, asked.role, asked.days)
        return {**sharing.view(), "made": {"id": link.id, "token": token}}

    @router.delete("/links/{id}")
    async def revoke(id: str, request: Request) -> dict[str, Any]:
        _owner(request)
        if not door.revoke(id):
            raise HTTPException(404)
        sharing.tabs.close_link(id)
        return sharing.view()

    @router.post("/password")
    async def new_password(request: Request) -> Response:
        _owner(request)
        password = await sharing.new_password()
        response = JSONResponse({**sharing.view(), "password": password})
        _carry(response, request, door, door.keys.sign_in())
        return response

    return router


def _place(request: Request, door: Door) -> str:
    """Where a try to come in comes from. What a proxy says of it is not believed: whoever guesses would say something
    else each time. So everybody behind one proxy or tunnel is at one place, but for browsers that were let in before:
    these wait for their own failures alone, however many others guess."""
    known = door.keys.came_by(request.cookies.get(door.cookie, ""))
    return f"browser {known}" if known else _network(request.client.host if request.client else "?")


def _network(address: str) -> str:
    """With IPv6 one machine has 2^64 addresses: its network counts as one place (RFC 6177)."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if found.version == 6 else address


def refusal(error: LikenessError, status: int) -> JSONResponse:
    """An error as pages and programs read it."""
    return JSONResponse({"code": error.code, "message": error.message, "subject": error.subject,
                         "remedy": error.remedy}, status_code=status)


def _carry(response: Response, request: Request, door: Door, carried: str) -> None:
    """Into the browser's jar: for this path alone, out of scripts' reach, never with another site's requests, and over
    TLS only where the page came by it."""
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto", "").split(",")[0] == "https"
    response.set_cookie(door.cookie, carried, max_age=STAY, path=_path(request), httponly=True, secure=secure,
                        samesite="lax")


def _path(request: Request) -> str:
    return str(request.scope.get("root_path") or "") or "/"
