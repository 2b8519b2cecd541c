from pathlib import Path


def write_page(out, labelled, uses, quality):
    pass
