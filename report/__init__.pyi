from .facts import check_result_path, run_facts, write_result

__all__ = [
    "check_result_path",
    "run_facts",
    "write_result",
]
