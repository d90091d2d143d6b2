from __future__ import annotations

from pathlib import Path

from tests.records import PEOPLE, made_up, several
from uebench.analysis.selection import select
from uebench.store.store import Store


def test_a_record_that_counts_other_people_than_the_rest_of_its_data_set_is_damaged(tmp_path: Path) -> None:
    store, runs = Store(tmp_path), several("lsp")
    fewer = made_up("lsp", data=PEOPLE | {"num_classes": 8}, method_seed=9)
    for record in (*runs, fewer):
        store.cells.write(record)
    assert store.cells.read(fewer.key)
    records, damaged = select(store)
    assert {record.key for record in records} == {record.key for record in runs}
    assert damaged == [store.cells.path(fewer.key)]
