"""Stored data of a search: its candidates in a study, what identifies the search, and predictions of its fits.

A search that is started again reads its finished candidates here. The records hold no estimators and run nothing.
"""
