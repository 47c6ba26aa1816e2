"""``tunesmith mcp``: studies for assistants, by the Model Context Protocol.

`tools.py` has what an assistant may do, with JSON in and out; `server.py` is the command, and the protocol around it.
"""
