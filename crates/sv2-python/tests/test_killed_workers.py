"""Workers that are killed on the way; `cargo xtask adapters --kills N` kills many."""

import killed_workers


def test_what_killed_workers_leave_ends_in_one_sound_stream(s3_environment, tmp_path):
    tally = killed_workers.run(10, seed=7, size=killed_workers.SIZE, folder=tmp_path)
    assert tally.streams >= 1 and tally.kills >= 10 and tally.salts > 0
