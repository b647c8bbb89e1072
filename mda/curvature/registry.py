"""The curvatures by name."""

from __future__ import annotations

from mda.curvature.base import Curvature
from mda.curvature.exact import Exact
from mda.curvature.kronecker import EKFAC, KFAC
from mda.curvature.simple import Diagonal, Identity
from mda.errors import UserError

CURVATURES: dict[str, type[Curvature]] = {
    curvature.name: curvature for curvature in (EKFAC, KFAC, Diagonal, Identity, Exact)
}


def find_curvature(name: str) -> type[Curvature]:
    """The curvature of that name. Raises UserError naming those there are."""
    if name not in CURVATURES:
        raise UserError(f"There is no curvature '{name}'; choose one of {', '.join(CURVATURES)}.")
    return CURVATURES[name]
