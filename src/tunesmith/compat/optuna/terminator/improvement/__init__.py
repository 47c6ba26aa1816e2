"""How much a longer search could gain: what is compared with the error of a result before a search is ended."""
