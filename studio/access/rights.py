"""What each role may ask the studio for. One table: what a role does not name is refused."""

from __future__ import annotations

from typing import Any

from models.errors import LikenessError
from pipeline.jobs.job import Job
from studio import actions
from studio.access.roles import Visitor

# A viewer looks at results: opens screens, plays what was rendered, closes messages.
_VIEWER = (actions.Screen, actions.Dismiss, actions.PlayResult, actions.Cancel, actions.LookAtModels)
# The machine's, not the tab's: what is taken away, or brought from elsewhere, changes everybody's work.
_OWNER = (actions.RemoveModel, actions.TakeInModels, actions.CommercialSafe)
# Questions that only the page itself asks; harmless, and refused in silence they would only puzzle.
_IDLE = (actions.At, actions.Estimates)


class NotAllowed(LikenessError):
    """The visitor's role does not reach so far."""

    code = "ACCESS.NOT_ALLOWED"


def check(visitor: Visitor, action: Any) -> None:
    """Raises NotAllowed for what this visitor may not ask for, whatever it is about."""
    if visitor.owner:
        return
    if not visitor.may_edit and not isinstance(action, (*_VIEWER, *_IDLE)):
        raise NotAllowed("You may look here, and not change anything.", subject=visitor.name,
                         remedy="Ask whoever sent the link for one with which you may edit.")
    if isinstance(action, _OWNER):
        raise NotAllowed("Only the owner changes which models are on this machine and how they may be used.",
                         subject=visitor.name, remedy="Ask the owner.")
    if getattr(action, "how", None) == "machine":
        raise NotAllowed("Only the owner may open files of the machine.", subject=visitor.name,
                         remedy="Upload the file instead.")
    if isinstance(action, (actions.Render, actions.Estimates)) and (action.output is not None
                                                                    or getattr(action, "overwrite", False)):
        raise NotAllowed("Only the owner chooses where on the machine a render is written.", subject=visitor.name,
                         remedy="Leave the place as it is, and download the result.")


def may_touch(visitor: Visitor, job: Job) -> bool:
    """Whether a job is this visitor's to pause, cancel, take up or remove. A guest's are those of the same link."""
    return visitor.owner or (visitor.may_edit and job.submitter == visitor.link != "")


def may_see(visitor: Visitor, job: Job) -> bool:
    """Whether its picture and its result are shown: results are for everybody who was let in; what is being made, and
    what became of it, for whoever made it and for the owner."""
    return may_touch(visitor, job) or job.state == "done"


def check_job(visitor: Visitor, job: Job, action: Any) -> None:
    """Raises NotAllowed."""
    allowed = may_see(visitor, job) if isinstance(action, actions.PlayResult) else may_touch(visitor, job)
    if not allowed:
        raise NotAllowed(f"{job.title} is somebody else's.", subject=job.title,
                         remedy="Ask whoever started it, or the owner.")
