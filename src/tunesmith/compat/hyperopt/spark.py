"""`SparkTrials` can be imported, as many programs do that run without it too; to make one is an error."""

from __future__ import annotations

from tunesmith.compat.hyperopt.names import HYPEROPT_MODULES, refuser


class SparkTrials:
    """Trials on Spark, which cannot be had here.

    Raises:
        NotImplementedError: always; the message says what to use instead.
    """

    def __init__(
        self,
        parallelism: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        spark_session: object = None,
    ) -> None:
        raise NotImplementedError(
            f"SparkTrials cannot be had here: {HYPEROPT_MODULES['spark']}; Trials() runs one trial after the other"
        )


__getattr__ = refuser(__name__)
