# a run of pytest in process forgets what it was first to import, and a second aiohttp does not know the
# errors of its own parser
import aiohttp  # noqa: F401
