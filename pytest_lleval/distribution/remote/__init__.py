"""What runs on hosts, sent as source by execnet (`link.py`) or over plain ssh (`dialogue.py`).

What comes before our package is known to be there uses the standard library alone.
"""
