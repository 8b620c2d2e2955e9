"""Rules about kernels, by themselves and with the image whose tools will use them."""

from auditor.rules.kernel import compression, cpu, features, modprobe, settypes

__all__ = ["compression", "cpu", "features", "modprobe", "settypes"]
