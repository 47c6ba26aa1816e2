"""Results of a search: ``cv_results_``, the choice of the winner, its honest score and the report.

The statistics are in `tunesmith.selection`; this room turns what a search recorded into arrays for them.
"""
