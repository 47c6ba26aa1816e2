"""Where objectives run.

``base.py`` is the contract; ``inline.py`` runs trials in the driver's own thread, ``processes.py`` in processes of this
machine, with the modules beside it. A new executor is one file and one line in ``registry.py``.
"""
