"""Layers for a batch that is split over processes; several processes together: tests/training/test_devices.py."""

import torch

from model.distributed import SyncBatchNorm2d, SyncDropout, batch_mean, set_shard, shard_of


def test_dropout_masks_of_the_shards_are_those_of_the_whole_batch() -> None:
    dropout, x = torch.nn.Sequential(SyncDropout(0.3)).train(), torch.ones(7, 50)

    def dropped(*rows: int) -> torch.Tensor:
        torch.manual_seed(3)
        return dropout(x[slice(*rows)])

    whole = dropped(0, 7)
    kept = whole > 0
    assert 0.5 < kept.float().mean() < 0.85
    torch.testing.assert_close(whole[kept], torch.full((int(kept.sum()),), 1 / 0.7))
    parts = []
    for rank in range(3):
        shard = shard_of(7, rank, 3)
        set_shard(dropout, shard)
        parts.append(dropped(shard.start, shard.stop))
    assert torch.equal(torch.cat(parts), whole)
    assert torch.equal(dropout.eval()(x), x)


def test_one_process_normalises_as_torch_does() -> None:
    torch.manual_seed(0)
    ours, torchs = SyncBatchNorm2d(4), torch.nn.BatchNorm2d(4)
    for step in range(3):
        x = torch.randn(5, 4, 3, 3) * (step + 1) + step
        torch.testing.assert_close(ours(x), torchs(x))
    torch.testing.assert_close(ours.running_var, torchs.running_var)
    torch.testing.assert_close(ours.eval()(x), torchs.eval()(x))


def test_the_batch_mean_of_one_process_is_the_mean() -> None:
    x = torch.randn(6, 24, 3)
    torch.testing.assert_close(batch_mean(x), x.mean(0))
