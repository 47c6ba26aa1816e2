"""`Domain`: a space and an objective, and how a point is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from numbers import Real
from typing import Any

from tunesmith.compat.hyperopt.ctrl import Ctrl
from tunesmith.compat.hyperopt.dimensions import Dimension, dimensions_of
from tunesmith.compat.hyperopt.documents import STATUS_NEW, STATUS_OK, STATUS_STRINGS
from tunesmith.compat.hyperopt.exceptions import DuplicateLabel, InvalidLoss, InvalidResultStatus
from tunesmith.compat.hyperopt.pyll.base import Apply, GarbageCollected, Literal, as_apply, dfs, rec_eval


class Domain:
    """A space and an objective.

    Args:
        fn: gets a point of the space and returns a loss, or a dict with "status" and "loss".
        expr: the space.
        workdir: accepted for porting.
        pass_expr_memo_ctrl: whether fn gets (expr, memo, ctrl) instead; None: its attribute of the name
            `fmin_pass_expr_memo_ctrl` says.
        name: for display.
        loss_target: what is known of the minimum; without effect.

    Attributes:
        expr: the space as an expression.
        params: the distributions of its parameters, by label.

    Raises:
        DuplicateLabel: two parameters have one label.
    """

    cmd = ("domain_attachment", "FMinIter_Domain")

    def __init__(
        self,
        fn: Callable[..., Any],
        expr: Any,
        workdir: str | None = None,
        pass_expr_memo_ctrl: bool | None = None,
        name: str | None = None,
        loss_target: float | None = None,
    ) -> None:
        self.fn = fn
        self.expr = as_apply(expr)
        self.workdir = workdir
        self.name = name
        self.loss_target = loss_target
        self.pass_expr_memo_ctrl = (
            getattr(fn, "fmin_pass_expr_memo_ctrl", False) if pass_expr_memo_ctrl is None else pass_expr_memo_ctrl
        )
        self._nodes: dict[str, Apply] = {}
        self._controls: list[Apply] = []
        for node in dfs(self.expr):
            if node.name == "hyperopt_param":
                label = str(rec_eval(node.arg["label"]))
                if label in self._nodes:
                    raise DuplicateLabel(f"two parameters of the space have the label {label!r}; give each its own")
                self._nodes[label] = node
            elif isinstance(node, Literal) and node.obj is Ctrl:
                self._controls.append(node)
        self.params = {label: node.arg["obj"] for label, node in self._nodes.items()}

    @cached_property
    def dimensions(self) -> dict[str, Dimension]:
        """The parameters as they are searched, by label."""
        return dimensions_of(self.expr)

    def memo_from_config(self, config: Mapping[str, Any]) -> dict[Apply, Any]:
        """Return the nodes of the parameters with their values, for `rec_eval`."""
        return {node: config.get(label, GarbageCollected) for label, node in self._nodes.items()}

    def evaluate(self, config: Mapping[str, Any], ctrl: Any, attach_attachments: bool = True) -> dict[str, Any]:
        """Return the result of a point.

        Args:
            config: the active parameters by label.
            ctrl: of the trial.
            attach_attachments: whether "attachments" of the result go to the trial.

        Returns:
            the result: a dict with "status", and "loss" if that is "ok".

        Raises:
            InvalidResultStatus: the status is none of STATUS_STRINGS.
            InvalidLoss: the loss is no number.
        """
        memo = self.memo_from_config(config)
        memo.update(dict.fromkeys(self._controls, ctrl))
        if self.pass_expr_memo_ctrl:
            value = self.fn(expr=self.expr, memo=memo, ctrl=ctrl)
        else:
            value = self.fn(rec_eval(self.expr, memo=memo))
        result = as_result(value)
        if attach_attachments:
            for name, kept in result.pop("attachments", {}).items():
                ctrl.attachments[name] = kept
        return result

    def short_str(self) -> str:
        """Return the objective in words."""
        return f"Domain{{{self.fn}}}"

    def loss(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the loss of a result; `config` is without effect."""
        return result.get("loss")

    def loss_variance(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the variance of a result's loss, 0 where it says none; `config` is without effect."""
        return result.get("loss_variance", 0.0)

    def true_loss(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the true loss of a result, if it tells one apart from the loss; `config` is without effect."""
        return result.get("true_loss", result.get("loss"))

    def status(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the status of a result; `config` is without effect."""
        return result["status"]

    def new_result(self) -> dict[str, Any]:
        """Return the result of a trial that has not begun."""
        return {"status": STATUS_NEW}


def as_result(value: Any) -> dict[str, Any]:
    """Return what an objective returned as a result; see `Domain.evaluate` for the errors."""
    if isinstance(value, Real):
        return {"loss": float(value), "status": STATUS_OK}
    try:
        result = dict(value)
    except (TypeError, ValueError):
        raise InvalidLoss({"loss": value}) from None
    if result.get("status") not in STATUS_STRINGS:
        raise InvalidResultStatus(result)
    if result["status"] == STATUS_OK:
        try:
            result["loss"] = float(result["loss"])
        except (TypeError, KeyError, ValueError):
            raise InvalidLoss(result) from None
    return result
