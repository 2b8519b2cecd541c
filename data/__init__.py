"""The makers of data sets, each in a folder beside what it makes."""

import modules  # noqa: F401  (before any package: it says in a sentence which of them are missing)
