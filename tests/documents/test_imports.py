"""No two modules of the product need each other: each can be read, and imported, after those that it names."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

ROOMS = ("chatjuicer", "sessions_app", "files_app", "chat_app")


def imports_at_run_time() -> dict[str, set[str]]:
    graph = grimp.build_graph(*ROOMS, exclude_type_checking_imports=True, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_no_modules_import_each_other_in_a_circle() -> None:
    try:
        TopologicalSorter(imports_at_run_time()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_nor_do_those_of_chat_app_for_their_types() -> None:
    graph = grimp.build_graph("chat_app", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()
