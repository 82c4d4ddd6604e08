"""Work in processes of its own, which may be killed there."""

import torch


def started(work, *arguments):
    process = torch.multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    return process


def status(work, *arguments):
    """The exit status of `work` in a process of its own, which is -9 where it was killed."""
    process = started(work, *arguments)
    process.join()
    return process.exitcode
