"""The search classes that users import, and the policies by which they propose, race and stop candidates.

It is the top floor: everything below is used here, and nothing below imports it.
"""
