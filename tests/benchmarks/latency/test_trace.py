"""Records and events of batches made by hand."""

from zeroreal.benchmarks.latency.breakdown import BatchRecord
from zeroreal.benchmarks.latency.trace import batch_records, trace_events
from zeroreal.generate.sampling.timeline import Interval


def record(began):
    return BatchRecord(
        began,
        8.0,
        (
            Interval("text", 0.0, 1.0, (0.0, 0.5)),
            Interval("denoise", 1.0, 5.0, (0.5, 0.75)),
            Interval("vae", 5.0, 6.0),
            Interval("finish", 6.0, 7.0),
            Interval("step", 1.0, 3.0),
            Interval("step", 3.0, 5.0, (0.5, 0.75)),
        ),
    )


def test_each_batch_has_a_record_and_each_of_its_steps():
    batch, first, second = batch_records([record(3.0)], batch_size=4)
    assert batch == {
        "batch": 0,
        "batch_size": 4,
        "seconds": 8.0,
        "text_seconds": 1.0,
        "denoise_seconds": 4.0,
        "vae_seconds": 1.0,
        "finish_seconds": 1.0,
        "hand-off_seconds": 1.0,
        "text_enqueue": 0.5,
        "denoise_enqueue": 0.25,
        "step_enqueue": 0.25,
    }
    assert first == {"batch": 0, "step": 1, "seconds": 2.0}
    assert second == {"batch": 0, "step": 2, "seconds": 2.0, "enqueue_seconds": 0.25}


def test_events_are_in_microseconds_after_the_first_batch_began():
    events = trace_events([record(100.0), record(110.0)])
    names = {event["args"]["name"]: event["tid"] for event in events if event["ph"] == "M"}
    found = {
        (event["name"], event["tid"], event["ts"]): event["dur"]
        for event in events
        if event["ph"] == "X"
    }
    device, host = names["device"], names["host: enqueue"]
    assert found["batch 0", host, 0] == 8e6
    assert found["batch 1", host, 10e6] == 8e6
    assert found["denoise/step 2", device, 3e6] == 2e6
    assert found["denoise/step 2", host, 0.5e6] == 0.25e6
    assert found["decode/vae", device, 15e6] == 1e6
    assert found["hand-off", host, 7e6] == 1e6


def test_a_trace_holds_a_few_batches():
    events = trace_events([record(float(n)) for n in range(50)])
    assert sum(event["name"].startswith("batch") for event in events) == 5
