"""What an interpreter runs at its start, worker processes too, so that nothing that a run has written gets away."""

from __future__ import annotations

# when(module, then): call `then` with the module as soon as somebody has imported it
WHEN = """
import importlib, importlib.abc, importlib.util, os, sys


class Finder(importlib.abc.MetaPathFinder):
    def __init__(self, module, then):
        self.module, self.then = module, then

    def find_spec(self, name, path=None, target=None):
        if name != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda loaded: (load(loaded), self.then(loaded))
        return spec


def when(module, then):
    sys.meta_path.insert(0, Finder(module, then))
"""

# what is deleted, and what is replaced by another file, is copied first: into the folder KEPT
KEEPING = """
import itertools, shutil

numbers = itertools.count()


def keep(path, folder=None):
    path = os.fsdecode(path) if folder is None else os.path.join("/proc/self/fd", str(folder), os.fsdecode(path))
    if os.path.isfile(path) and not os.path.abspath(path).startswith(os.environ["KEPT"]):
        name = f"{os.getpid()}-{next(numbers)}-{os.path.basename(path)}"
        shutil.copyfile(path, os.path.join(os.environ["KEPT"], name))


def keeping_deleted(real):
    def delete(path, *, dir_fd=None):
        keep(path, dir_fd)
        return real(path, dir_fd=dir_fd)

    return delete


def keeping_replaced(real):
    def move(source, target, **named):
        keep(target)
        return real(source, target, **named)

    return move


os.unlink, os.remove = keeping_deleted(os.unlink), keeping_deleted(os.remove)
os.rename, os.replace = keeping_replaced(os.rename), keeping_replaced(os.replace)
tempfile = importlib.import_module("tempfile")
importlib.reload(tempfile)  # it holds os.unlink as a default
"""

# the graph as an engine gets it, every DoFn in it, and all metrics of the run
GRAPH = """
def keep_graph(loaded):
    real = loaded.Pipeline.run

    def run(self, *arguments, **named):
        kept = os.environ["KEPT"]
        graph = self.to_runner_api(return_context=False)
        with open(os.path.join(kept, "graph"), "wb") as file:
            file.write(graph.SerializeToString())
        with open(os.path.join(kept, "options"), "w") as file:
            file.write(str(self._options.get_all_options()))
        result = real(self, *arguments, **named)
        with open(os.path.join(kept, "metrics"), "w") as file:
            file.write(str(result.metrics().query()) + str(vars(result)))
        return result

    loaded.Pipeline.run = run


when("apache_beam.pipeline", keep_graph)
"""

# everything that anybody logs
LOUD = """
import logging

logging.basicConfig(level=logging.DEBUG)
"""

# a treatment that fails, and says on which value
RAISING = """
def fail(loaded):
    def treat(self, agent):
        raise ValueError(agent)

    loaded.Treatment.treat = treat


when("transforms.treatments.agent", fail)
"""

WITHOUT_CODES = """
def open_codes(loaded):
    import contextlib

    loaded.only_codes = contextlib.nullcontext


when("transforms.fused", open_codes)
"""
