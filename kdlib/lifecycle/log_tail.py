"""The last lines of a start script's output, as much as status keeps.

Layer: pure.
"""

__all__ = ["log_tail"]


def log_tail(text: str, limit: int) -> str:
    """Return at most `limit` characters from the end, from the start of a line where the window has one (5.8)."""
    if limit <= 0:
        return ""
    if len(text) <= limit:
        return text
    window = text[-limit:]
    if text[-limit - 1] == "\n":
        return window
    # A newline at the very end starts no line: cutting there would keep nothing.
    start = window.find("\n", 0, -1) + 1
    return window[start:]
