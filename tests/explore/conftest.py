from support.browser import chromium, visit  # noqa: F401
