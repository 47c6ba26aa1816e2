"""The parameters of a space: ``hp.uniform("x", 0, 1)``."""

from tunesmith.compat.hyperopt.pyll_utils import hp_choice as choice
from tunesmith.compat.hyperopt.pyll_utils import hp_lognormal as lognormal
from tunesmith.compat.hyperopt.pyll_utils import hp_loguniform as loguniform
from tunesmith.compat.hyperopt.pyll_utils import hp_normal as normal
from tunesmith.compat.hyperopt.pyll_utils import hp_pchoice as pchoice
from tunesmith.compat.hyperopt.pyll_utils import hp_qlognormal as qlognormal
from tunesmith.compat.hyperopt.pyll_utils import hp_qloguniform as qloguniform
from tunesmith.compat.hyperopt.pyll_utils import hp_qnormal as qnormal
from tunesmith.compat.hyperopt.pyll_utils import hp_quniform as quniform
from tunesmith.compat.hyperopt.pyll_utils import hp_randint as randint
from tunesmith.compat.hyperopt.pyll_utils import hp_uniform as uniform
from tunesmith.compat.hyperopt.pyll_utils import hp_uniformint as uniformint

__all__ = [
    "choice",
    "lognormal",
    "loguniform",
    "normal",
    "pchoice",
    "qlognormal",
    "qloguniform",
    "qnormal",
    "quniform",
    "randint",
    "uniform",
    "uniformint",
]
