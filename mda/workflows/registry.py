"""The commands that can run as jobs, by name: each takes its request as a dictionary, and its progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mda.errors import UserError
from mda.progress import Progress
from mda.workflows.add_study import AddStudyRequest, add_from_hub
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest
from mda.workflows.demo import DemoRequest, build_demo
from mda.workflows.download import DownloadRequest, download
from mda.workflows.head_scores import HeadsRequest, score_heads
from mda.workflows.local_text import LocalTextRequest, build_local_text
from mda.workflows.order_check import OrderCheckRequest, check_order
from mda.workflows.retrain import RetrainRequest, RetrainsRequest, retrain, retrain_all

Handler = Callable[[dict[str, Any], Progress], dict[str, Any]]
Request = TypeVar("Request", bound=BaseModel)


def checked(model: type[Request], arguments: dict[str, Any]) -> Request:
    """The request, validated. Raises UserError naming the first argument that does not fit, and why."""
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        raise UserError(f"{where}: {first['msg']} (given: {str(first['input'])[:80]}).") from None


def _handler(model: type[Request], work: Callable[[Request, Progress], dict[str, Any]]) -> Handler:
    return lambda arguments, progress: work(checked(model, arguments), progress)


HANDLERS: dict[str, Handler] = {
    "add-study": _handler(AddStudyRequest, add_from_hub),
    "check-order": _handler(OrderCheckRequest, check_order),
    "demo": _handler(DemoRequest, build_demo),
    "download": _handler(DownloadRequest, download),
    "heads": _handler(HeadsRequest, score_heads),
    "local-text": _handler(LocalTextRequest, build_local_text),
    "attribute": _handler(AttributeRequest, attribute),
    "retrain": _handler(RetrainRequest, retrain),
    "retrains": _handler(RetrainsRequest, retrain_all),
}
