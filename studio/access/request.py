"""Who asks, as the gate found, for routes and for Gradio's handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import HTTPException, Request

from studio.access.roles import Visitor
from studio.tabs import Tabs


def visitor_of(request: Any) -> Visitor:
    """request: Starlette's, or Gradio's. Raises HTTPException where the gate let nobody in."""
    scope = getattr(request, "request", request).scope
    visitor = scope.get("state", {}).get("visitor")
    if not isinstance(visitor, Visitor):
        raise HTTPException(401)
    return visitor


def own_tab(tabs: Tabs) -> Callable[[str, Request], None]:
    """A dependency of routes with a tab's secret: it counts only for whose the tab is."""
    def check(tab_id: str, request: Request) -> None:
        tab = tabs.get(tab_id)
        if tab is not None and not visitor_of(request).may_use(tab.visitor):
            raise HTTPException(404)

    return check
