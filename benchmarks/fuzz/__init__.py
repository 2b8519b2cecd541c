"""Feeds broken files to every reader: any file is read or refused in one sentence, in little time and memory."""
