"""Read rows from the Hugging Face hub, or from its cache when offline."""

from __future__ import annotations

from collections.abc import Iterator

from nesy.benchmarks.definition import Hub
from nesy.benchmarks.local import Row
from nesy.errors import BenchmarkError


def rows(hub: Hub, split: str, task: str) -> Iterator[Row]:
    """Yield the rows of one of our splits.

    Raises:
        BenchmarkError: the hub has no such copy, or can't be reached and nothing is cached.
    """
    import datasets

    path = hub.path.replace("{task}", task)
    config = hub.config.replace("{task}", task) if hub.config is not None else None
    theirs = hub.splits[split]
    where = f"{path}{'/' + config if config else ''}@{hub.revision}[{theirs}]"
    try:
        found = datasets.load_dataset(path, config, split=theirs, revision=hub.revision)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = str(error).strip().split("\n")[0]
        raise BenchmarkError(f"{where}: {reason}") from error
    for index, row in enumerate(found):
        yield f"{where} row {index}", row
