"""torch.load from a stream; run by `cargo xtask adapters --torch`, which installs torch."""

import time

import torch

import stream_v2 as sv2


def test_a_checkpoint_is_saved_and_loaded_in_place(tmp_path, key):
    state = {"weight": torch.arange(64 << 20, dtype=torch.float32), "step": 7}
    path, plain = tmp_path / "a.pt.sv2", tmp_path / "a.pt"
    begun = time.perf_counter()
    with sv2.open(path, "wb", to=key) as file:
        torch.save(state, file)
    saved = time.perf_counter()
    with sv2.open(path, key=key) as file:
        found = torch.load(file, weights_only=True)
    loaded = time.perf_counter()
    assert found["step"] == 7 and torch.equal(found["weight"], state["weight"])
    torch.save(state, plain)
    plain_saved = time.perf_counter()
    torch.load(plain, weights_only=True)
    print(
        f"\n256 MiB of weights: saved in {saved - begun:.2f} s, loaded in {loaded - saved:.2f} s; "
        f"a plain file: {plain_saved - loaded:.2f} s and {time.perf_counter() - plain_saved:.2f} s"
    )
    assert sv2.verify(path, key=key).undamaged
