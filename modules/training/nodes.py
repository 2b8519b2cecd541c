"""Joins the processes of a training on several machines, which torchrun has started on each.

They agree before anything is written, only the first one writes, and the end of one ends all, with one sentence.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import FrameType
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from modules.config.train import Train
from modules.console import command_again
from modules.utils import EXIT_BAD_INPUT, EXIT_STOPPED, UserError, printable

Result = TypeVar("Result")
DONE = 0  # what a process says to another before it leaves; the other words are exit codes of the whole training
LONGEST_WAIT = timedelta(days=365)  # for such a word
SECONDS_TO_HEAR = 5.0  # why a connection was closed, before an error of it is taken for a bug
AGAIN = "start the same command on every node again"


def started_by_torchrun() -> bool:
    """Returns whether torchrun, which `fabric run` calls too, has started this process."""
    return dist.is_available() and dist.is_torchelastic_launched()


@contextlib.contextmanager
def joined_nodes(train: Train) -> Iterator[Nodes]:
    """Context manager: the processes of this training; without torchrun this one alone.

    Raises UserError if torchrun has started other processes than TRAIN.num_nodes and TRAIN.devices say.
    """
    if not started_by_torchrun():
        if train.num_nodes > 1:
            raise UserError(
                f"TRAIN.num_nodes={train.num_nodes}: torchrun has not started this process; start on every node, with its "
                f"number instead of I: torchrun --nnodes {train.num_nodes} --nproc-per-node {train.devices} --node-rank I "
                f"--master-addr FIRST_NODE --master-port 29500 {script_again()}"
            )
        yield Nodes()
        return
    processes, per_node = (int(os.environ[name]) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    if (processes, per_node) != (train.num_nodes * train.devices, train.devices):
        raise UserError(
            f"TRAIN.num_nodes={train.num_nodes}, TRAIN.devices={train.devices}: torchrun has started {processes} processes, "
            f"{per_node} on this node; set TRAIN.num_nodes to {processes // per_node} and TRAIN.devices to {per_node}"
        )
    for name in [name for name in os.environ if name.startswith("LT_")]:
        del os.environ[name]  # by which `fabric run` would replace what the config says
    if processes == 1:
        yield Nodes()
        return
    dist.init_process_group()
    nodes = ConnectedNodes()
    try:
        yield nodes
    except BaseException as error:
        nodes.leave(error)
        raise
    nodes.finish()


def script_again(*extra: str, without: str = "--resume") -> str:
    """Returns the script and arguments of this process for torchrun, changed as `command_again` does."""
    return command_again(*extra, without=without).removeprefix("python ")


class Nodes:
    """The processes of a training: this one alone."""

    size = 1
    is_first = True  # and so writes; TRAIN.devices starts further processes later, which do not

    def __init__(self) -> None:
        self.how_to_resume: Callable[[], str] = lambda: AGAIN

    def stopped(self) -> str:
        """Returns the message after Ctrl-C."""
        return f"stopped; to resume, {self.how_to_resume()}"

    def in_turn(self, function: Callable[[], Result]) -> Result:
        """Returns a function's result; the first process calls it before the others, which find what it has written.

        Raises the UserError of one process in all.
        """
        return function()

    def chosen(self, function: Callable[[], Result]) -> Result:
        """Returns what a function returns in the first process."""
        return function()

    def require_same(self, value: str, what: str) -> None:
        """Raises UserError if the processes have different values."""


class ConnectedNodes(Nodes):
    """Several processes. The first one watches all others, which watch the first.

    If one is killed, each that watches it says so and ends its own process, wherever that waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.is_first = self.rank == 0
        self._hosts: list[str] = self._gathered(socket.gethostname())
        self._words: Any = dist.new_group(backend="gloo", timeout=LONGEST_WAIT)
        self._peers = range(1, self.size) if self.is_first else range(1)
        self._ending = threading.Lock()  # held for ever by the first thread that ends the training
        self._watchers = [threading.Thread(target=self._watch, args=(peer,), daemon=True) for peer in self._peers]
        for watcher in self._watchers:
            watcher.start()
        signal.signal(signal.SIGTERM, self._stop)

    def in_turn(self, function: Callable[[], Result]) -> Result:
        """Returns a function's result; the first process calls it before the others, which find what it has written.

        Raises the UserError of one process in all.
        """
        result, problem = None, None
        for turn in (self.is_first, not self.is_first):
            try:
                result = function() if turn else result
            except UserError as error:
                problem = str(error)
            problems = self._gathered(problem)
            rank = next((rank for rank, sentence in enumerate(problems) if sentence is not None), None)
            if rank is not None:
                raise UserError(f"{problems[rank]}{f' (on {self._name(rank)})' if rank else ''}")
        return result  # type: ignore[return-value]

    def chosen(self, function: Callable[[], Result]) -> Result:
        """Returns what a function returns in the first process, which alone calls it."""
        results = [self.in_turn(lambda: function() if self.is_first else None)]
        dist.broadcast_object_list(results, src=0)
        return results[0]  # type: ignore[return-value]

    def require_same(self, value: str, what: str) -> None:
        """Raises UserError if the processes have different values."""
        values = self._gathered(value)
        rank = next((rank for rank, other in enumerate(values) if other != values[0]), None)
        if rank is not None:
            raise UserError(
                f"{self._name(rank)} has another {what} than the first process; start every node with the same command, and "
                "set DATA.root and DATA.cache to folders that all of them share"
            )

    def finish(self) -> None:
        """Ends the connections after a training, all at once, since an open one can abort a process at its exit."""
        self._say(DONE)
        for watcher in self._watchers:
            watcher.join()
        dist.barrier()
        dist.destroy_process_group()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def leave(self, error: BaseException) -> None:
        """Ends the training in all processes because of an error in this one; the first process alone reports it."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        word = EXIT_STOPPED if isinstance(error, KeyboardInterrupt) else EXIT_BAD_INPUT
        if word == EXIT_STOPPED and not self.is_first:
            self._say(word)
        if isinstance(error, RuntimeError) or not self.is_first:
            # The first process may be about to say it, or another's end the reason of this error.
            time.sleep(SECONDS_TO_HEAR)
        self._ending.acquire()  # for ever, if a watcher is ending this process
        if self.is_first:
            self._say(word)
        code = word if isinstance(error, (KeyboardInterrupt, UserError, OSError)) else 1
        atexit.register(os._exit, code)  # without taking the open connections apart, which can abort a process

    def _gathered(self, value: Any) -> list[Any]:
        values = [None] * dist.get_world_size()
        dist.all_gather_object(values, value)
        return values

    def _name(self, rank: int) -> str:
        return f"rank {rank} of {self.size} (host {self._hosts[rank]})"

    def _say(self, word: int) -> None:
        for peer in self._peers:
            with contextlib.suppress(RuntimeError):  # it has ended, too
                dist.send(torch.tensor([word]), peer, self._words)

    def _watch(self, peer: int) -> None:
        """Waits for the word of another process, and ends this one if there is none or if it says so."""
        word, sentence = torch.zeros(1, dtype=torch.int64), None
        try:
            dist.recv(word, peer, self._words)
        except RuntimeError:
            word[0] = EXIT_BAD_INPUT
            sentence = (
                f"error: {self._name(peer)} has ended, by a kill or an error of its own, so the training has stopped; "
                f"to resume, {self.how_to_resume()}"
            )
        if word.item() == EXIT_STOPPED and self.is_first:
            sentence = self.stopped()
        if word.item() != DONE:
            self._end(int(word.item()), sentence)

    def _end(self, code: int, sentence: str | None) -> None:
        if not self._ending.acquire(blocking=False):  # another thread is ending this process
            return
        if sentence is not None and (self.is_first or os.environ["LOCAL_RANK"] == "0"):  # one process per node
            print(printable(sentence), file=sys.stderr, flush=True)
        if self.is_first:
            self._say(code)
        sys.stdout.flush()
        os._exit(code)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Handles SIGTERM, which torchrun sends when another process of this node has ended, and a scheduler to all."""
        time.sleep(SECONDS_TO_HEAR)
        raise KeyboardInterrupt
